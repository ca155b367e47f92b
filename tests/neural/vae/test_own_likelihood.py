"""Likelihoods that a user writes."""

import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone
from torch import nn

from sklatent.neural import Likelihood, VAETransformer
from tests.neural.settings import TINY


class OwnBernoulli(Likelihood):
    """What "bernoulli" is, written by the public class only."""

    standardized = False
    support = "0 and 1"

    def __init__(self, n_features):
        super().__init__(n_features)
        self.register_buffer("marginal", torch.zeros(n_features))

    def initialize(self, blocks):
        X = torch.cat(list(blocks)).double()
        count = (~X.isnan()).sum(0)
        self.marginal.copy_(torch.logit((X.nansum(0) + 0.5) / (count + 1)))

    def inside(self, X):
        return (X == 0) | (X == 1)

    def log_prob(self, x, parameters):
        logits = parameters[..., 0, :] + self.marginal
        return x * logits - nn.functional.softplus(logits)

    def mean(self, parameters):
        return (parameters[..., 0, :] + self.marginal).sigmoid()

    def variance(self, parameters):
        return self.mean(parameters) * (1 - self.mean(parameters))

    def sample(self, parameters, rng):
        mean = self.mean(parameters)
        uniform = torch.as_tensor(rng.uniform(size=mean.shape), dtype=mean.dtype)
        return (uniform < mean).to(mean)


class NegativeBinomial(Likelihood):
    """Counts of mean e^(parameter + constant), with a dispersion that is learned."""

    standardized = False

    def __init__(self, n_features):
        super().__init__(n_features)
        self.log_mean = nn.Parameter(torch.zeros(n_features))
        self.log_size = nn.Parameter(torch.zeros(n_features))

    def log_prob(self, x, parameters):
        mean, size = self.mean(parameters), self.log_size.exp()
        return (
            torch.lgamma(x + size)
            - torch.lgamma(size)
            - torch.lgamma(x + 1)
            + size * torch.log(size / (size + mean))
            + x * torch.log(mean / (size + mean))
        )

    def mean(self, parameters):
        return (parameters[..., 0, :].clamp(max=5) + self.log_mean).exp()

    def sample(self, parameters, rng):
        mean, size = self.mean(parameters).numpy(), self.log_size.exp().numpy()
        draws = rng.negative_binomial(size, size / (size + mean))
        return torch.as_tensor(draws, dtype=parameters.dtype)


@pytest.fixture
def binary():
    rng = np.random.RandomState(0)
    X = 1.0 * (rng.uniform(size=(100, 4)) < rng.uniform(size=(100, 1)))
    X[rng.uniform(size=X.shape) < 0.1] = np.nan
    return X


@pytest.fixture
def counts():
    return 1.0 * np.random.RandomState(0).negative_binomial(2, 0.2, size=(2000, 2))


def test_the_same_bits_as_the_one_that_is_built_in(binary):
    built_in = VAETransformer(likelihood="bernoulli", **TINY).fit(binary)
    own = VAETransformer(likelihood=OwnBernoulli, **TINY).fit(binary)
    assert own.history_ == built_in.history_
    np.testing.assert_array_equal(own.scale_, 1)
    np.testing.assert_array_equal(own.impute(binary), built_in.impute(binary))
    np.testing.assert_array_equal(
        own.score_samples(binary), built_in.score_samples(binary)
    )
    np.testing.assert_array_equal(
        own.sample(9, random_state=0), built_in.sample(9, random_state=0)
    )


@pytest.mark.slow
def test_rows_without_structure_are_scored_as_by_scipy(counts):
    vae = VAETransformer(
        1,
        likelihood=NegativeBinomial,
        hidden_layer_sizes=(),
        lr=0.02,
        max_epochs=60,
        random_state=0,
    ).fit(counts)
    exact = stats.nbinom(2, 0.2).logpmf(counts).sum(axis=1).mean()
    # 4 numbers are learned from 2,000 rows: 4 / 4,000 nats a row are gained by that.
    assert abs(vae.score(counts) - exact) < 0.02
    drawn = vae.sample(20_000, random_state=0)
    # Standard deviations are 6.3 and that of a variance is about 60 of 40.
    np.testing.assert_allclose(drawn.mean(axis=0), counts.mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), counts.var(axis=0), rtol=0.15)


def test_without_a_variance_it_is_nan(counts):
    vae = VAETransformer(likelihood=NegativeBinomial, **TINY).fit(counts)
    assert np.isnan(vae.noise_variance_).all()
    imputed, std = vae.impute([[3.0, np.nan]], return_std=True)
    assert np.isfinite(imputed).all()
    assert np.isnan(std[0, 1])


def test_beside_others(binary, counts):
    X = np.column_stack([binary, counts[:100], counts[:100, 0] / 7])
    likelihood = [
        (OwnBernoulli, slice(0, 4)),
        (NegativeBinomial, [4, 5]),
        ("gaussian", [6]),
    ]
    vae = VAETransformer(likelihood=likelihood, warm_start=True, **TINY).fit(X)
    assert np.isfinite(vae.score_samples(X)).all()
    copied = pickle.loads(pickle.dumps(vae))
    np.testing.assert_array_equal(copied.score_samples(X), vae.score_samples(X))
    copied.fit(X)
    assert clone(vae).fit(X).score(X) == vae.score(X)


def test_values_outside_the_support(binary):
    vae = VAETransformer(likelihood=OwnBernoulli, **TINY)
    message = r"Column 0 of X must hold 0 and 1, .*'OwnBernoulli'; got 7 in row 3"
    binary[3, 0] = 7
    with pytest.raises(ValueError, match=message):
        vae.fit(binary)


def test_a_file_holds_no_code(binary, tmp_path):
    vae = VAETransformer(likelihood=OwnBernoulli, **TINY).fit(binary)
    with pytest.raises(ValueError, match="plain data"):
        vae.save(tmp_path / "model")


def test_what_is_no_likelihood(binary):
    with pytest.raises(TypeError, match=r"likelihood` must be a subclass .*Likelihood"):
        VAETransformer(likelihood=[(float, [0, 1, 2, 3])], **TINY).fit(binary)
