"""Adam for a few vectors, where PyTorch's takes longer around a step than in it."""

import torch


class Adam(torch.optim.Adam):
    """PyTorch's Adam, with its state and its defaults, for vectors on a CPU.

    With m and v the running means of the gradient g and of its square, after t steps a
    vector moves by -lr m̂ / (sqrt(v̂) + eps), where m̂ = m / (1 - β₁ᵗ) and
    v̂ = v / (1 - β₂ᵗ): Kingma and Ba (2015), algorithm 1.
    """

    def step(self, closure):
        """Move all vectors that have a gradient; return the loss before."""
        loss = closure()
        for group in self.param_groups:
            for vector in group["params"]:
                if vector.grad is not None:
                    self._move(vector, group)
        return loss

    # It would be wrapped for PyTorch's profiler otherwise, which takes as long as it.
    step.hooked = True

    @torch.no_grad()
    def _move(self, vector, group):
        state = self.state[vector]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(vector)
            state["exp_avg_sq"] = torch.zeros_like(vector)
        beta1, beta2 = group["betas"]
        torch._fused_adam_(
            [vector],
            [vector.grad],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"].add_(1)],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )
