"""What the training loop relies on in a loss."""

import torch
from torch import nn


class Loss(nn.Module):
    """What the training loop relies on besides the value.

    Called as loss(model, x, generator), it returns one value per row. Features are
    summed, so that it is a squared distance or a number of nats; the training loop
    averages over the rows and adds `constant`, which no gradient needs, in double
    precision. `settled` says whether the loss is the one to be minimized in the end,
    which a weight that changes with the epochs delays.
    """

    constant = 0.0
    settled = True

    def rows(self, data, seed):
        """Return the source of what the loss takes of rows: the rows themselves."""
        return data

    def begin_epoch(self, epoch):
        """Prepare for an epoch; they count from 1."""

    def backward(self, model, x, generator):
        """Add the gradient of the mean loss to that of the parameters; return the mean.

        By autograd, which a subclass may do without where it is slow.
        """
        with torch.enable_grad():
            loss = self(model, x, generator).mean()
        loss.backward()
        return loss.detach()

    def turns(self, model):
        """Parameters that a step leaves as they are, one list for each step."""
        return ((),)
