"""Likelihoods of categories: levels of a column, and one-hot blocks of columns."""

import numpy as np
import torch

from sklatent.neural.vae._likelihoods import (
    Likelihood,
    observed_mean,
    observed_sum,
    to_tensor,
)


def choose(logits, rng, dim):
    """Draw an index along a dimension, by the largest of Gumbel-perturbed logits."""
    return (logits + to_tensor(rng.gumbel(size=logits.shape), logits)).argmax(dim)


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
        self.n_blocks = max(map(len, levels))
        # A column with fewer levels repeats its last, which has no chance.
        padded = [[*c, *c[-1:] * (self.n_blocks - len(c))] for c in levels]
        # No buffer: single precision would round the levels.
        self.levels = np.array(padded).T
        exists = torch.tensor([len(column) for column in levels])
        exists = torch.arange(self.n_blocks)[:, None] < exists
        self.register_buffer("marginal", torch.where(exists, 0.0, -torch.inf))

    support = "the levels seen in training"

    def inside(self, X):
        """Which entries are levels seen in training, to rounding."""
        columns = zip(X.T, self.levels_by_column, strict=True)
        return np.column_stack([near(x, levels) for x, levels in columns])

    def initialize(self, blocks):
        """Frequencies of the levels, half a row added to each."""
        levels = torch.arange(self.n_blocks)

        def indicators(x):
            return (self.index(x)[..., None] == levels.to(x.device)).double()

        mean, count = observed_mean(blocks, indicators)
        frequency = (mean.T * count + 0.5) / count
        self.marginal += frequency.log().to(self.marginal)

    def index(self, x):
        """Position of each entry among the levels of its column."""
        between = torch.as_tensor((self.levels[1:] + self.levels[:-1]) / 2).to(x)
        return (x.unsqueeze(-2) > between).sum(-2)

    def levels_like(self, output):
        """Levels (n_blocks, n_features), as the output is."""
        return torch.as_tensor(self.levels).to(output)

    def log_softmax(self, output):
        """Log-probability of the levels, (..., n_blocks, n_features)."""
        logits = output.unflatten(-1, (self.n_blocks, self.n_features))
        return (logits + self.marginal).log_softmax(-2)

    def log_prob(self, x, output, observed=None):
        """Log-probability of the levels that occur."""
        log_p = self.log_softmax(output)
        shape = torch.broadcast_shapes(log_p.shape[:-2], x.shape[:-1])
        index = self.index(x).unsqueeze(-2).expand(*shape, 1, self.n_features)
        chosen = log_p.expand(*shape, *log_p.shape[-2:]).gather(-2, index)
        return observed_sum(chosen.squeeze(-2), observed)

    def mean(self, output):
        """Mean of the levels, as numbers."""
        return (self.log_softmax(output).exp() * self.levels_like(output)).sum(-2)

    def variance(self, output):
        """Variance of the levels, as numbers."""
        p, levels = self.log_softmax(output).exp(), self.levels_like(output)
        mean = (p * levels).sum(-2, keepdim=True)
        return (p * (levels - mean).square()).sum(-2)

    def sample(self, output, rng):
        """Draw levels."""
        index = choose(self.log_softmax(output), rng, dim=-2)
        levels = self.levels_like(output).expand(*index.shape[:-1], *self.levels.shape)
        return levels.gather(-2, index.unsqueeze(-2)).squeeze(-2)


class OneHotLikelihood(Likelihood):
    """Columns of zeros with a single one: one softmax over them."""

    support = "a block of zeros with a single one, or missing as a whole"

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("marginal", torch.zeros(n_features))

    def first_outside(self, X):
        """Row and column of an entry that keeps a row from being one-hot, or None."""
        one_hot = ((X == 0) | (X == 1)).all(axis=1) & (X.sum(axis=1) == 1)
        outside = ~(one_hot | np.isnan(X).all(axis=1))
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

    def log_softmax(self, output):
        """Log-probability of the columns."""
        return (output + self.marginal).log_softmax(-1)

    def log_prob(self, x, output, observed=None):
        """Log-probability of the column with the one."""
        return observed_sum(x * self.log_softmax(output), observed)

    def mean(self, output):
        """Probability of each column."""
        return self.log_softmax(output).exp()

    def variance(self, output):
        """Probability of each column times that of the others."""
        mean = self.mean(output)
        return mean * (1 - mean)

    def sample(self, output, rng):
        """Draw one-hot rows."""
        index = choose(self.log_softmax(output), rng, dim=-1)
        return torch.nn.functional.one_hot(index, self.n_features).to(output)
