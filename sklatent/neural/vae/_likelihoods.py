"""Likelihoods p(x | decoder's output) of single columns and of whole tables.

A likelihood takes the decoder's output as `n_blocks` blocks of one number per
feature. An output of zero stands for the marginal of the training rows. Its methods:

- `first_outside(X)`: row and column of an entry outside its support, or None;
- `initialize(blocks)`: take the marginals from blocks of rows;
- `log_prob(x, output, observed)`: log-density with its constants, summed over the
  features that are observed (None: all of them);
- `mean(output)`, `variance(output)` of x, and `sample(output, rng)`.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from sklatent.neural.vae._noise import make_noise, soft_exp_log


def observed_sum(terms, observed):
    """Sum over the features, of what is observed."""
    return terms.sum(-1) if observed is None else (terms * observed).sum(-1)


def observed_mean(blocks, function=lambda x: x):
    """Mean of function(x) over the observed entries of each column, and their count."""
    total = count = 0.0
    for x in blocks:
        x = x.double()
        value, seen = function(x), ~x.isnan()
        shape = seen.shape + (1,) * (value.ndim - seen.ndim)
        total = total + torch.where(seen.view(shape), value, 0.0).sum(0)
        count = count + seen.sum(0)
    return total / count.view(count.shape + (1,) * (total.ndim - 1)), count


def to_tensor(draws, output):
    """Draws of NumPy's generator, as the decoder's output is."""
    return torch.as_tensor(draws, dtype=output.dtype)


class Likelihood(nn.Module):
    """What the likelihoods of single columns share.

    Parameters
    ----------
    n_features : int
        Number of columns.
    """

    continuous = False
    n_blocks = 1

    def __init__(self, n_features):
        super().__init__()
        self.n_features = n_features

    def first_outside(self, X):
        """Row and column of an observed entry outside the support, or None."""
        outside = ~(self.inside(X) | np.isnan(X))
        return divmod(int(outside.argmax()), X.shape[1]) if outside.any() else None

    def split(self, output):
        """Blocks of the decoder's output, one number per feature each."""
        return output.unflatten(-1, (self.n_blocks, self.n_features)).unbind(-2)


class GaussianLikelihood(Likelihood):
    """x ~ N(output, σ²).

    Parameters
    ----------
    n_features : int
        Number of columns.
    noise : str or array-like of shape (n_features,)
        Key of `NOISES`, or σ² of each column.
    """

    continuous = True

    def __init__(self, n_features, noise="shared"):
        super().__init__(n_features)
        self.noise = make_noise(noise, n_features)
        self.n_blocks = 1 + self.noise.n_blocks

    def initialize(self, blocks):
        """Start with noise of the variance of the features, which are centered."""
        self.noise.initialize(observed_mean(blocks, torch.square)[0])

    def log_prob(self, x, output, observed=None):
        """-½ ((x - output)² / σ² + log 2πσ²)."""
        location, *extra = self.split(output) if self.noise.n_blocks else (output,)
        square = (x - location).square()
        variance = self.noise.variance(*extra or (None,), square, observed)
        if variance.ndim == 0 and observed is None:
            log_normalizer = x.shape[-1] * torch.log(2 * math.pi * variance)
            return -0.5 * (square.sum(-1) / variance + log_normalizer)
        terms = square / variance + torch.log(2 * math.pi * variance)
        return -0.5 * observed_sum(terms, observed)

    def mean(self, output):
        """First block of the output."""
        return output[..., : self.n_features]

    def variance(self, output):
        """σ²."""
        _, *extra = self.split(output)
        return self.noise.variance(*extra).expand_as(self.mean(output))

    def sample(self, output, rng):
        """Draw x."""
        mean = self.mean(output)
        noise = to_tensor(rng.standard_normal(mean.shape), output)
        return mean + self.variance(output).sqrt() * noise


class StudentTLikelihood(GaussianLikelihood):
    """x ~ output + s · t_ν, with ν > 2 learned for each feature.

    Its tails bear outlying entries that a Gaussian would bend the decoder for.
    """

    def __init__(self, n_features, noise="feature"):
        super().__init__(n_features, noise)
        self.log_excess = nn.Parameter(torch.full((n_features,), math.log(8.0)))

    @property
    def df(self):
        """Degrees of freedom ν, above 2 so that the variance exists."""
        return 2 + self.log_excess.exp()

    def log_prob(self, x, output, observed=None):
        """Log-density of Student's t; see :func:`scipy.stats.t.logpdf`."""
        location, *extra = self.split(output)
        squared_scale, df = self.noise.variance(*extra), self.df
        log_normalizer = (
            torch.lgamma((df + 1) / 2)
            - torch.lgamma(df / 2)
            - 0.5 * torch.log(math.pi * df * squared_scale)
        )
        ratio = (x - location).square() / (df * squared_scale)
        terms = log_normalizer - (df + 1) / 2 * torch.log1p(ratio)
        return observed_sum(terms, observed)

    def variance(self, output):
        """s² ν / (ν - 2)."""
        return super().variance(output) * (self.df / (self.df - 2))

    def sample(self, output, rng):
        """Draw x."""
        mean = self.mean(output)
        df = np.broadcast_to(self.df.detach().numpy(), mean.shape)
        scale = super().variance(output).sqrt()
        return mean + scale * to_tensor(rng.standard_t(df), output)


class BernoulliLikelihood(Likelihood):
    """x is 1 with log-odds output + those of the training rows, else 0."""

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

    def logits(self, output):
        """Log-odds of 1."""
        return output + self.marginal

    def log_prob(self, x, output, observed=None):
        """Log-probability x l - log(1 + e^l), l the log-odds."""
        logits = self.logits(output)
        return observed_sum(x * logits - softplus(logits), observed)

    def mean(self, output):
        """Probability of 1."""
        return self.logits(output).sigmoid()

    def variance(self, output):
        """Probability of 1 times that of 0."""
        mean = self.mean(output)
        return mean * (1 - mean)

    def sample(self, output, rng):
        """Draw x."""
        mean = self.mean(output)
        return (to_tensor(rng.uniform(size=mean.shape), output) < mean).to(output)


class PoissonLikelihood(Likelihood):
    """x ~ Poisson(λ), log λ = log of the mean count + output, slower above."""

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

    def log_rate(self, output):
        """Logarithm of λ."""
        return self.log_mean + soft_exp_log(output)

    def log_prob(self, x, output, observed=None):
        """Log-probability x log λ - λ - log x!, as what it lacks of that at λ = x.

        With r = log(λ / x) that is x (e^r - 1 - r), which keeps its digits where the
        counts are large.
        """
        log_rate = self.log_rate(output)
        counts = x.clamp(min=1)
        r = log_rate - counts.log()
        lacking = torch.where(x > 0, counts * (torch.expm1(r) - r), log_rate.exp())
        return observed_sum(log_poisson_at_its_mean(x) - lacking, observed)

    def mean(self, output):
        """Rate λ."""
        return self.log_rate(output).exp()

    variance = mean

    def sample(self, output, rng):
        """Draw x."""
        return to_tensor(rng.poisson(self.mean(output).numpy()), output)


def log_poisson_at_its_mean(x):
    """Log-probability x log x - x - log x! of a count x at the rate λ = x.

    By Stirling's series where x is large, since the terms cancel.
    """
    small = x.clamp(max=20)
    direct = torch.xlogy(small, small) - small - torch.lgamma(small + 1)
    large = x.clamp(min=20)
    series = 1 / (12 * large) - 1 / (360 * large**3)
    return torch.where(x < 20, direct, -0.5 * torch.log(2 * math.pi * large) - series)
