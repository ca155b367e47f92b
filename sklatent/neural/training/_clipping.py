"""Gradient clipping by a multiple of the usual length.

How long a gradient is depends on the number of features, on the noise variance and
on how far training has got, so that no one length suits all. An outlying row shows
by a gradient many times as long as those before it.
"""

import torch

# Weight of the newest length in the running mean, which spans some twenty steps.
RATE = 0.05


class GradientClipping:
    """Shorten gradients longer than `limit` times the running mean of their length.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Those whose gradients, taken together, are measured.
    limit : float
        In units of the running mean, to which a gradient adds its length after
        clipping.
    """

    def __init__(self, parameters, limit):
        self.parameters = parameters
        self.limit = limit
        self.usual = None

    def __call__(self):
        """Clip the gradients in place, without waiting for the device."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.usual is None:
            if length > 0:  # waits, once
                self.usual = length
            return
        longest = self.limit * self.usual
        # A look waits for a GPU; on the CPU it costs less than multiplying by one.
        if length.is_cuda or length > longest:
            torch._foreach_mul_(gradients, (longest / length).clamp_(max=1.0))
        self.usual = self.usual.lerp(torch.minimum(length, longest), RATE)
