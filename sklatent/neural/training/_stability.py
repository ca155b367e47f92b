"""What keeps a training stable: gradient clipping, and going back after divergence.

How long a gradient is depends on the number of features, on the noise variance and
on how far training has got, so that no one length suits all. An outlying row shows
by a gradient many times as long as those before it.
"""

import copy
import math
from itertools import chain

import torch

# Weight of the newest length in the running mean, which spans some twenty steps.
RATE = 0.05


class GradientClipping:
    """Shorten gradients longer than `limit` times the running mean of their length.

    An outlying row then does little harm. A gradient adds its length after clipping to
    the running mean.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Those whose gradients, taken together, are measured.
    limit : float
        In units of the running mean.
    """

    def __init__(self, parameters, limit):
        self.parameters = parameters
        self.limit = limit
        self.usual = None

    def __call__(self):
        """Clip the gradients in place, without waiting for the device."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        length = norm(gradients)
        if self.usual is None:
            if length > 0:  # waits, once
                self.usual = length
            return
        longest = self.limit * self.usual
        # A look waits for a GPU; on the CPU it costs less than multiplying by one.
        if torch.is_tensor(length):
            torch._foreach_mul_(gradients, (longest / length).clamp_(max=1.0))
            length = torch.minimum(length, longest)
        elif length > longest:
            torch._foreach_mul_(gradients, longest / length)
            length = longest
        self.usual = self.usual + RATE * (length - self.usual)


def norm(tensors):
    """Length of all tensors together: a number, or a tensor where that would wait."""
    lengths = [torch.linalg.vector_norm(tensor) for tensor in tensors]
    if not tensors[0].is_cuda:
        return math.hypot(*map(torch.Tensor.item, lengths))
    return torch.linalg.vector_norm(torch.stack(lengths))


class Snapshot:
    """A module and its optimizer as they were at one time, to go back to.

    Taking one again copies into the tensors that are there.
    """

    def __init__(self, module, optimizer):
        self.optimizer = optimizer
        self.tensors = [*module.parameters(), *module.buffers()]
        self.copies = []
        self.take()

    @torch.no_grad()
    def take(self):
        """Keep the present state."""
        tensors, self.state = self._tensors()
        if len(tensors) == len(self.copies):
            torch._foreach_copy_(self.copies, tensors)
        else:
            self.copies = list(map(torch.clone, tensors))

    @torch.no_grad()
    def restore(self):
        """Go back to the state kept."""
        tensors, state = self._tensors()
        if self.state is not None:
            groups = self.optimizer.state_dict()["param_groups"]
            state = copy.deepcopy(self.state)
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        elif state is not None or len(tensors) != len(self.copies):
            self.optimizer.state.clear()  # as it was before the first step
        n_kept = min(len(tensors), len(self.copies))
        torch._foreach_copy_(tensors[:n_kept], self.copies[:n_kept])

    def _tensors(self):
        """Tensors of the module, and of the optimizer's state if these are all it has.

        Returned with None, or else with a copy of the state.
        """
        moments = list(chain(*map(dict.values, self.optimizer.state.values())))
        if all(map(torch.is_tensor, moments)):
            return self.tensors + moments, None
        return self.tensors, copy.deepcopy(self.optimizer.state_dict()["state"])
