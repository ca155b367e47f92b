"""Likelihoods p(x | decoder's output).

Three methods each: `log_prob` sums over the features and carries its constants,
`mean`, and `sample`.
"""

import math

import torch
from torch import nn

from sklatent.neural._modules import normal_like


class GaussianLikelihood(nn.Module):
    """x ~ N(output, σ² I) with one learned variance for all features.

    σ² = initial_variance · (FLOOR + exp(SPEED · θ)): a positive floor, so that
    noise-free data have a finite density, and a parameter θ that can take σ²
    down by orders of magnitude while the weights move by a few units.

    Parameters
    ----------
    initial_variance : float
        σ² before training: the mean variance of the features, which is what a
        decoder that knows nothing leaves unexplained.
    """

    FLOOR = 1e-6
    SPEED = 10.0

    def __init__(self, initial_variance):
        super().__init__()
        self.register_buffer("initial_variance", torch.tensor(initial_variance))
        self.theta = nn.Parameter(torch.zeros(()))

    def variance(self):
        """σ², a scalar tensor."""
        return self.initial_variance * (self.FLOOR + torch.exp(self.SPEED * self.theta))

    def log_prob(self, x, output):
        """Log-density -½ (|x - output|² / σ² + p log 2πσ²), last dimension summed."""
        variance = self.variance()
        distance2 = (x - output).square().sum(-1)
        n_features = x.shape[-1]
        return -0.5 * (
            distance2 / variance + n_features * torch.log(2 * math.pi * variance)
        )

    def mean(self, output):
        """E[x], the decoder's output itself."""
        return output

    def sample(self, output, generator):
        """Draw x."""
        return output + self.variance().sqrt() * normal_like(output, generator)
