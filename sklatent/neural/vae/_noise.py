"""Variance of the noise around what a decoder says, five ways.

A noise has `initialize(variance)` with the variances of the features, `n_blocks`,
how many outputs per feature it takes from the decoder, and
`variance(output, square, observed)`, which broadcasts against the rows.

Whatever learns has a positive floor, so that noise-free data have a finite density.
"""

import torch
from torch import nn

# Smallest variance, in units of the feature's own.
FLOOR = 1e-6


def soft_exp_log(s, lowest=None):
    """Logarithm, at least `lowest`, of a number that is e^s up to 1 and 1 + s beyond.

    Where an output is large by accident, an exponential would outweigh all rows.
    """
    return s.clamp(lowest, 0) + s.relu().log1p()


class LearnedNoise(nn.Module):
    """σ² = initial · (FLOOR + exp(SPEED · θ)), θ a parameter.

    SPEED lets σ² fall by orders of magnitude while the weights move by a few units.

    Parameters
    ----------
    shape : tuple
        () for one variance for all features, (p,) for one each.
    """

    SPEED = 10.0
    n_blocks = 0

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("initial", torch.ones(shape))
        self.theta = nn.Parameter(torch.zeros(shape))

    def initialize(self, variance):
        """Start at the variances of the features, or at their mean."""
        mean = variance.mean()
        variance = torch.where(variance > 0, variance, mean if mean > 0 else 1.0)
        self.initial.copy_(variance if self.initial.ndim else variance.mean())

    def variance(self, output=None, square=None, observed=None):
        """σ², of shape () or (p,)."""
        return self.initial * (FLOOR + torch.exp(self.SPEED * self.theta))


class DecoderNoise(nn.Module):
    """σ² = initial · (FLOOR + e^s), with s from the decoder, linear above 1."""

    n_blocks = 1

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("initial", torch.ones(n_features))

    initialize = LearnedNoise.initialize

    def variance(self, output, square=None, observed=None):
        """σ² of each entry."""
        return self.initial * (FLOOR + soft_exp_log(output).exp())


class BatchNoise(nn.Module):
    """σ² = the mean squared residual of each batch, its closed-form optimum.

    Rybkin, Daniilidis and Levine (2021), section 3.2. After training it is the mean
    over the last batches, with weights that fall by MEMORY per batch.
    """

    MEMORY = 0.95
    n_blocks = 0

    def __init__(self):
        super().__init__()
        self.register_buffer("initial", torch.ones(()))
        self.register_buffer("recent", torch.ones(()))

    def initialize(self, variance):
        """Start at the mean variance."""
        self.initial.copy_(variance.mean() or 1.0)
        self.recent.copy_(self.initial)

    @torch.no_grad()
    def variance(self, output=None, square=None, observed=None):
        """σ², a scalar without gradient, which at an optimum is 0."""
        if not self.training or square is None:
            return self.recent.clone()
        if observed is None:
            mean = square.mean()
        else:
            n_draws = square.numel() // observed.numel()
            mean = (square * observed).sum() / (n_draws * observed.sum()).clamp(min=1)
        mean = mean.clamp(min=FLOOR * self.initial)
        self.recent.lerp_(mean, 1 - self.MEMORY)
        return mean


class FixedNoise(nn.Module):
    """σ² given.

    Parameters
    ----------
    value : array-like of shape (p,)
        σ² of each feature.
    """

    n_blocks = 0

    def __init__(self, value):
        super().__init__()
        self.register_buffer("value", torch.as_tensor(value, dtype=torch.float32))

    def initialize(self, variance):
        """Keep what was given."""

    def variance(self, output=None, square=None, observed=None):
        """σ² of each feature."""
        return self.value


NOISES = {
    "shared": lambda p: LearnedNoise(()),
    "feature": lambda p: LearnedNoise((p,)),
    "decoder": DecoderNoise,
    "batch": lambda p: BatchNoise(),
}


def make_noise(noise, n_features):
    """A noise by name, or one of given variances."""
    return NOISES[noise](n_features) if isinstance(noise, str) else FixedNoise(noise)
