"""Parameters in one vector, and their gradients in another.

A step of an optimizer, and the length of a gradient, are then one operation in place of
one for each parameter, which is what training small networks spends its time on.
"""

import torch
from torch import nn


class FlatParameters:
    """Parameters that become views of a vector, which is what an optimizer moves.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Of one precision, on one device. They keep their names and shapes.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        with torch.no_grad():
            self.vector = nn.Parameter(torch.cat([p.flatten() for p in parameters]))
        self.gradient = torch.zeros_like(self.vector)
        self.parts = self.split(self.gradient)
        self.kept = []
        for parameter, part in zip(parameters, self.split(self.vector), strict=True):
            parameter.data = part

    def split(self, vector):
        """Return the view of a vector that belongs to each of the parameters."""
        views = vector.detach().split([p.numel() for p in self.parameters])
        return [v.view_as(p) for v, p in zip(views, self.parameters, strict=True)]

    def zero_grad(self):
        """Let the gradients of those that are trained add up from 0."""
        self.gradient.zero_()
        still = []
        for parameter, part in zip(self.parameters, self.parts, strict=True):
            if not parameter.requires_grad:
                still.append(parameter)
                parameter.grad = None
            elif parameter.grad is not part:
                parameter.grad = part
        some = len(still) < len(self.parameters)
        # An optimizer leaves a vector without a gradient as it is.
        self.vector.grad = self.gradient if some else None
        self.kept = [(p, p.detach().clone()) for p in still] if some else []

    @torch.no_grad()
    def put_back(self):
        """Undo what a step did to those that are not trained, by its momentum."""
        for parameter, value in self.kept:
            parameter.copy_(value)


def flat_parameters(module, turns):
    """Return the parameters of a module as vectors: one for all that move together.

    Parameters
    ----------
    module : torch.nn.Module
        The parameters become views of the vectors.
    turns : sequence of list of torch.nn.Parameter
        Those that each of the steps of a batch leaves as they are.
    """
    together = {}
    for parameter in module.parameters():
        rests = (any(parameter is p for p in resting) for resting in turns)
        kind = parameter.dtype, parameter.requires_grad, *rests
        together.setdefault(kind, []).append(parameter)
    return list(map(FlatParameters, together.values()))
