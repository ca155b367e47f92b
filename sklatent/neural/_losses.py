"""What training minimises: loss(model, x, generator), one value per row.

Features are summed, so that a loss is a squared distance or a number of nats;
the training loop averages over the rows and adds `constant`, which no gradient
needs, in double precision.
"""

import torch
from torch import nn

from sklatent.neural._modules import normal_like


class SquaredError(nn.Module):
    """|x - x̂|²."""

    constant = 0.0

    def forward(self, model, x, generator):
        """Squared error of each row, (n,)."""
        return (x - model(x)).square().sum(1)


class NegativeELBO(nn.Module):
    """β KL(q(z | x) ‖ p(z)) - E_q[log p(x | z)], with one draw of z per row.

    Kingma and Welling (2014), eq. 7; β is that of Higgins et al. (2017).

    Parameters
    ----------
    beta : float
        Weight of the divergence.
    log_jacobian : float
        What log p(x) of standardised features lacks for the data's own units.
    """

    def __init__(self, beta, log_jacobian):
        super().__init__()
        self.beta = beta
        self.constant = -log_jacobian

    def forward(self, model, x, generator):
        """Negative bound of each row, (n,)."""
        mean, log_variance = model.posterior(x)
        z = mean + torch.exp(0.5 * log_variance) * normal_like(mean, generator)
        log_likelihood = model.likelihood.log_prob(x, model.decoder(z))
        kl = model.prior.kl(mean, log_variance).sum(1)
        return self.beta * kl - log_likelihood
