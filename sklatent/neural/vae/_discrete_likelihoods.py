"""Likelihoods of discrete columns: zeros and ones, counts, and categories."""

import math

import numpy as np
import torch
from torch.nn.functional import one_hot, softplus

from sklatent.neural.vae._likelihoods import (
    Likelihood,
    like,
    observed_mean,
    soft_exp_log,
)


class BernoulliLikelihood(Likelihood):
    """x is 1 with log-odds parameter + those of the training rows, else 0."""

    name = "bernoulli"
    standardized = False
    support = "0 and 1"

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("marginal", torch.zeros(n_features))

    def inside(self, X):
        """Which entries are 0 or 1."""
        return (X == 0) | (X == 1)

    def initialize(self, blocks):
        """Log-odds of the columns, half a row added to both sides."""
        mean, count = observed_mean(blocks)
        self.marginal.copy_(torch.logit((mean * count + 0.5) / (count + 1)))

    def logits(self, parameters):
        """Log-odds of 1."""
        return parameters[..., 0, :] + self.marginal

    def log_prob(self, x, parameters):
        """Log-probability x l - log(1 + e^l), l the log-odds."""
        logits = self.logits(parameters)
        return x * logits - softplus(logits)

    def mean(self, parameters):
        """Probability of 1."""
        return self.logits(parameters).sigmoid()

    def variance(self, parameters):
        """Probability of 1 times that of 0."""
        mean = self.mean(parameters)
        return mean * (1 - mean)

    def sample(self, parameters, rng):
        """Draw x."""
        mean = self.mean(parameters)
        return (like(parameters, rng.uniform(size=mean.shape)) < mean).to(parameters)


class PoissonLikelihood(Likelihood):
    """x ~ Poisson(λ), log λ = log of the mean count + parameter, slower above."""

    name = "poisson"
    standardized = False
    support = "counts 0, 1, 2, ..."

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("log_mean", torch.zeros(n_features))

    def inside(self, X):
        """Which entries are counts."""
        return (X >= 0) & (np.floor(X) == X)

    def initialize(self, blocks):
        """Take the mean counts, half a count added in all."""
        mean, count = observed_mean(blocks)
        self.log_mean.copy_(torch.log((mean * count + 0.5) / count))

    def log_rate(self, parameters):
        """Logarithm of λ."""
        return self.log_mean + soft_exp_log(parameters[..., 0, :])

    def log_prob(self, x, parameters):
        """Log-probability x log λ - λ - log x!, as what it lacks of that at λ = x.

        With r = log(λ / x) that is x (e^r - 1 - r), which keeps its digits where the
        counts are large.
        """
        log_rate = self.log_rate(parameters)
        counts = x.clamp(min=1)
        r = log_rate - counts.log()
        lacking = torch.where(x > 0, counts * (torch.expm1(r) - r), log_rate.exp())
        return log_poisson_at_its_mean(x) - lacking

    def mean(self, parameters):
        """Rate λ."""
        return self.log_rate(parameters).exp()

    variance = mean

    def sample(self, parameters, rng):
        """Draw x."""
        return like(parameters, rng.poisson(self.mean(parameters).numpy()))


def log_poisson_at_its_mean(x):
    """Log-probability x log x - x - log x! of a count x at the rate λ = x.

    By Stirling's series where x is large, since the terms cancel.
    """
    small = x.clamp(max=20)
    direct = torch.xlogy(small, small) - small - torch.lgamma(small + 1)
    large = x.clamp(min=20)
    series = 1 / (12 * large) - 1 / (360 * large**3)
    return torch.where(x < 20, direct, -0.5 * torch.log(2 * math.pi * large) - series)


def choose(logits, rng, dim):
    """Draw an index along a dimension, by the largest of Gumbel-perturbed logits."""
    return (logits + like(logits, rng.gumbel(size=logits.shape))).argmax(dim)


def near(x, levels):
    """Tell which numbers are levels, up to the precision of the numbers.

    Levels that single precision holds may have been learned from it.
    """
    single = np.float32
    exact = x.dtype != single and (single(levels) != levels).any()
    eps = np.finfo(x.dtype if exact else single).eps
    gap = np.abs(x.astype(np.float64)[:, None] - levels)
    return (gap <= eps * np.abs(levels)).any(axis=1)


class CategoricalLikelihood(Likelihood):
    """Each column takes one of its levels, with a softmax of its own.

    Parameters
    ----------
    levels : list of list of float
        The levels of each column, increasing.
    """

    def __init__(self, levels):
        super().__init__(len(levels))
        self.levels_by_column = [np.asarray(column) for column in levels]
        self.n_parameters = max(map(len, levels))
        # A column with fewer levels repeats its last, which has no chance.
        padded = [[*c, *c[-1:] * (self.n_parameters - len(c))] for c in levels]
        # No buffer: single precision would round the levels.
        self.levels = np.array(padded).T
        exists = torch.tensor([len(column) for column in levels])
        exists = torch.arange(self.n_parameters)[:, None] < exists
        self.register_buffer("marginal", torch.where(exists, 0.0, -torch.inf))

    name = "categorical"
    standardized = False
    support = "the levels seen in training"

    def inside(self, X):
        """Which entries are levels seen in training, to rounding."""
        columns = zip(X.T, self.levels_by_column, strict=True)
        return np.column_stack([near(x, levels) for x, levels in columns])

    def initialize(self, blocks):
        """Frequencies of the levels, half a row added to each."""
        levels = torch.arange(self.n_parameters)

        def indicators(x):
            return (self.index(x)[..., None] == levels.to(x.device)).double()

        mean, count = observed_mean(blocks, indicators)
        frequency = (mean.T * count + 0.5) / count
        self.marginal += frequency.log().to(self.marginal)

    def index(self, x):
        """Position of each entry among the levels of its column."""
        between = torch.as_tensor((self.levels[1:] + self.levels[:-1]) / 2).to(x)
        return (x.unsqueeze(-2) > between).sum(-2)

    def levels_like(self, parameters):
        """Levels (n_parameters, n_features), in the precision of `parameters`."""
        return torch.as_tensor(self.levels).to(parameters)

    def log_softmax(self, parameters):
        """Log-probability of the levels, (..., n_parameters, n_features)."""
        return (parameters + self.marginal).log_softmax(-2)

    def log_prob(self, x, parameters):
        """Log-probability of the levels that occur."""
        log_p = self.log_softmax(parameters)
        shape = torch.broadcast_shapes(log_p.shape[:-2], x.shape[:-1])
        index = self.index(x).unsqueeze(-2).expand(*shape, 1, self.n_features)
        chosen = log_p.expand(*shape, *log_p.shape[-2:]).gather(-2, index)
        return chosen.squeeze(-2)

    def mean(self, parameters):
        """Mean of the levels, as numbers."""
        return (self.log_softmax(parameters).exp() * self.levels_like(parameters)).sum(
            -2
        )

    def variance(self, parameters):
        """Variance of the levels, as numbers."""
        p, levels = self.log_softmax(parameters).exp(), self.levels_like(parameters)
        mean = (p * levels).sum(-2, keepdim=True)
        return (p * (levels - mean).square()).sum(-2)

    def sample(self, parameters, rng):
        """Draw levels."""
        index = choose(self.log_softmax(parameters), rng, dim=-2)
        levels = self.levels_like(parameters).expand(
            *index.shape[:-1], *self.levels.shape
        )
        return levels.gather(-2, index.unsqueeze(-2)).squeeze(-2)


class NominalLikelihood(CategoricalLikelihood):
    """Levels without an order: in place of their mean there is the likeliest of them.

    Variances are those of the indicator of that level.
    """

    name = "nominal"

    def mean(self, parameters):
        """Likeliest level."""
        return self.likeliest(self.log_softmax(parameters).exp())[0]

    def variance(self, parameters):
        """Probability of the likeliest level times that of the others."""
        return self.likeliest(self.log_softmax(parameters).exp())[1]

    def _expectation(self, parameters, w):
        """Likeliest level under weighted parameters, and its variance."""
        p = self.log_softmax(parameters).exp()
        return self.likeliest((w[..., None] * p).sum(1))

    def likeliest(self, p):
        """Likeliest of levels with probabilities (..., n_levels, n_features)."""
        highest, index = p.max(-2)
        levels = self.levels_like(p).expand(*p.shape)
        level = levels.gather(-2, index.unsqueeze(-2)).squeeze(-2)
        return level, highest * (1 - highest).clamp(min=0)  # rounding may exceed 1


class OneHotLikelihood(Likelihood):
    """Columns of zeros with a single one: one softmax over them."""

    name = "one_hot"
    standardized = False
    support = "a block of zeros with a single one, or missing as a whole"

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("marginal", torch.zeros(n_features))

    def _first_outside(self, X):
        """Row and column of an entry that keeps a row from being one-hot, or None."""
        is_one_hot = ((X == 0) | (X == 1)).all(axis=1) & (X.sum(axis=1) == 1)
        outside = ~(is_one_hot | np.isnan(X).all(axis=1))
        if not outside.any():
            return None
        row = int(outside.argmax())
        # Where part of a block is missing, that is what is wrong with it.
        culprit = np.isnan(X[row]) if np.isnan(X[row]).any() else X[row] != 0
        return row, int(culprit.argmax())

    def initialize(self, blocks):
        """Frequencies of the columns, half a row added to each."""
        mean, count = observed_mean(blocks)
        self.marginal.copy_(((mean * count + 0.5) / count).log())

    def log_softmax(self, parameters):
        """Log-probability of the columns."""
        return (parameters[..., 0, :] + self.marginal).log_softmax(-1)

    def log_prob(self, x, parameters):
        """Log-probability of the column with the one."""
        return x * self.log_softmax(parameters)

    def mean(self, parameters):
        """Probability of each column."""
        return self.log_softmax(parameters).exp()

    def variance(self, parameters):
        """Probability of each column times that of the others."""
        mean = self.mean(parameters)
        return mean * (1 - mean)

    def sample(self, parameters, rng):
        """Draw one-hot rows."""
        index = choose(self.log_softmax(parameters), rng, dim=-1)
        return one_hot(index, self.n_features).to(parameters)
