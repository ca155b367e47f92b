"""Priors p(z) of a variational autoencoder."""

import math

import torch
from torch import nn


class StandardNormal(nn.Module):
    """z ~ N(0, I)."""

    def log_prob(self, z):
        """Log-density -½ (|z|² + q log 2π), last dimension summed."""
        return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))

    def kl(self, mean, log_variance):
        """KL(N(mean, variance) ‖ N(0, 1)) of each component, (n, q), in nats.

        ½ (mean² + variance - log variance - 1): Kingma and Welling (2014),
        appendix B.
        """
        return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)

    def sample(self, shape, generator):
        """Draw codes in double precision."""
        return torch.randn(shape, generator=generator, dtype=torch.float64)
