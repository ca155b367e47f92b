"""Adam for a few vectors, where PyTorch's takes longer around a step than in it."""

import torch


class Adam(torch.optim.Adam):
    """PyTorch's Adam, with its state and its defaults, for vectors on a CPU.

    With m and v the running means of the gradient g and of its square, after t steps a
    vector moves by -lr m̂ / (sqrt(v̂) + eps), where m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ): Kingma and Ba (2015), algorithm 1.
    """

    @torch.no_grad()
    def step(self, closure):
        """Move all vectors that have a gradient; return the loss before."""
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for vector in group["params"]:
                if vector.grad is not None:
                    self._move(vector, group)
        return loss

    # It would be wrapped for PyTorch's profiler otherwise, which takes as long as it.
    step.hooked = True

    def _move(self, vector, group):
        g, state = vector.grad, self.state[vector]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(vector)
            state["exp_avg_sq"] = torch.zeros_like(vector)
        beta1, beta2 = group["betas"]
        m = state["exp_avg"].lerp_(g, 1 - beta1)
        v = state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        t = state["step"].add_(1).item()
        unbiased = (1 - beta2**t) ** 0.5  # factor of sqrt(v̂)
        scale = v.sqrt().add_(group["eps"] * unbiased)
        vector.addcdiv_(m, scale, value=-group["lr"] * unbiased / (1 - beta1**t))
