"""Divergence of a training: how it shows, and the way back."""

import copy

import torch


def is_finite(module):
    """Tell whether all parameters of a module are finite, in one reading."""
    lengths = torch._foreach_norm(list(module.parameters()))
    return bool(torch.stack(lengths).isfinite().all())


def explodes(loss, start, constant):
    """Tell whether a training loss is a thousandfold of what it was at the start.

    `constant` is the part of both that does not depend on the networks, so that the
    units of the data do not matter.
    """
    return not loss < start + 1e3 * (1 + abs(start - constant))


class Snapshot:
    """A module and its optimizer as they were at one time, to go back to.

    Taking one again copies into the tensors that are there.
    """

    def __init__(self, module, optimizer):
        self.module = module
        self.optimizer = optimizer
        self.copies = []
        self.take()

    @torch.no_grad()
    def take(self):
        """Keep the present state."""
        moments = self._moments()
        self.n_moments = len(moments or ())
        self.state = None
        if moments is None:
            self.state = copy.deepcopy(self.optimizer.state_dict()["state"])
        tensors = self._weights() + (moments or [])
        if len(tensors) == len(self.copies):
            torch._foreach_copy_(self.copies, tensors)
        else:
            self.copies = [tensor.clone() for tensor in tensors]

    @torch.no_grad()
    def restore(self):
        """Go back to the state kept."""
        weights, moments = self._weights(), self._moments()
        if self.state is not None:
            groups = self.optimizer.state_dict()["param_groups"]
            state = copy.deepcopy(self.state)
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        elif moments is None or len(moments) != self.n_moments:
            self.optimizer.state.clear()  # as it was before the first step
        else:
            weights += moments
        torch._foreach_copy_(weights, self.copies[: len(weights)])

    def _weights(self):
        return [*self.module.parameters(), *self.module.buffers()]

    def _moments(self):
        """Tensors of the optimiser's state; None if it has anything else."""
        states = self.optimizer.state.values()
        moments = [value for state in states for value in state.values()]
        return moments if all(map(torch.is_tensor, moments)) else None
