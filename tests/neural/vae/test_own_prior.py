"""Priors that a user writes."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sklatent.neural import Prior, VAETransformer
from tests.neural.settings import TINY


class OwnNormal(Prior):
    """What "standard_normal" is, written by the public class only."""

    def log_prob(self, z, encode=None):
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)

    def sample(self, noise, rng, encode=None):
        return noise


class Shifted(OwnNormal):
    """N(5, 1) in each component."""

    def log_prob(self, z, encode=None):
        return super().log_prob(z - 5)

    def sample(self, noise, rng, encode=None):
        return noise + 5


@pytest.fixture(scope="module")
def X():
    return load_iris().data


def test_the_same_scores_as_the_one_that_is_built_in(X):
    built_in = VAETransformer(prior="standard_normal", **TINY).fit(X)
    own = VAETransformer(prior=OwnNormal, **TINY).fit(X)
    own.net_.module_.load_state_dict(built_in.net_.module_.state_dict())
    own._noise_seed = built_in._noise_seed
    np.testing.assert_allclose(own.score_samples(X), built_in.score_samples(X))
    # Without a closed form, the divergence is a mean over draws.
    own.n_importance_samples = 4000
    expected = built_in.elbo(X)[2].mean()
    np.testing.assert_allclose(own.elbo(X)[2].mean(), expected, rtol=0.02)
    np.testing.assert_array_equal(
        own.sample(9, random_state=0), built_in.sample(9, random_state=0)
    )
    assert np.isnan(own.kl_per_component_).all()


def test_codes_go_where_the_prior_is(X):
    vae = VAETransformer(2, prior=Shifted, max_epochs=60, lr=1e-2, random_state=0)
    Z = vae.fit(X).transform(X)
    np.testing.assert_allclose(Z.mean(axis=0), 5, atol=0.5)
    rows = vae.sample(2000, random_state=0)
    # Rows of the model are those of the data, wherever the codes are.
    np.testing.assert_allclose(rows.mean(axis=0), X.mean(axis=0), rtol=0.1)


def test_a_row_without_anything_has_the_moments_of_the_prior(X):
    vae = VAETransformer(2, prior=Shifted, **TINY).fit(X)
    mean, variance = vae.posterior(np.full((1, 4), np.nan))
    # Of 1,000 draws: 5 standard errors.
    np.testing.assert_allclose(mean, 5, atol=5 / np.sqrt(1000))
    np.testing.assert_allclose(variance, 1, atol=5 * np.sqrt(2 / 1000))


def test_a_file_holds_no_code(X, tmp_path):
    vae = VAETransformer(prior=OwnNormal, **TINY).fit(X)
    with pytest.raises(ValueError, match="plain data"):
        vae.save(tmp_path / "model")


def test_what_is_no_prior(X):
    with pytest.raises(TypeError, match=r"prior` must be a subclass .*Prior"):
        VAETransformer(prior=float, **TINY).fit(X)
