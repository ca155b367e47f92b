"""Training objectives, and bounds of a model whose density is known."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits, load_iris

from sklatent.neural import VAETransformer
from sklatent.neural.vae._model import NegativeELBO, NegativeIWAE


@pytest.fixture(scope="module")
def linear():
    """A linear model of linear-Gaussian data, and its exact log-densities."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 2)) @ rng.normal(size=(2, 6)) + rng.normal(
        size=(2000, 6)
    )
    settings = {"hidden_layer_sizes": (), "prior": "standard_normal"}
    settings |= {"noise_variance": "shared", "warmup_epochs": 0}
    vae = VAETransformer(2, **settings, max_epochs=40, lr=0.01, random_state=0).fit(X)
    layer = vae.net_.module_.decoder[0]
    W = layer.weight.detach().double().numpy() * vae.scale_[:, None]
    mu = layer.bias.detach().double().numpy() * vae.scale_ + vae.mean_
    model = multivariate_normal(mu, W @ W.T + np.diag(vae.noise_variance_))
    return vae, X[:500], model.logpdf(X[:500])


@pytest.mark.slow
def test_bounds_in_order(linear):
    vae, X, exact = linear
    means = {}
    for n_draws in (8, 64, 512):
        vae.n_importance_samples = n_draws
        means[n_draws] = vae.score(X)
    assert vae.elbo(X)[0].mean() < means[8] < means[64] < exact.mean() + 0.01
    assert abs(means[512] - exact.mean()) < 0.05


@pytest.mark.slow
def test_standard_errors_of_the_bound(linear):
    """Errors against the exact density are what `return_std` says they are."""
    vae, X, exact = linear
    vae.n_importance_samples = 256
    errors = []
    for seed in range(40):
        vae._noise_seed = seed
        bound, std = vae.score_samples(X, return_std=True)
        errors.append((bound - exact) / std)
    # Over 20,000 (dependent) errors; weights are skewed, so not quite normal.
    assert 0.9 < np.std(errors) < 1.15


def test_mutual_information_of_a_linear_model(linear):
    vae, X, _ = linear
    # For many rows I(x; z) nears that of the posterior with its own Gaussian mean.
    mean, variance = vae.posterior(X)
    total = np.cov(mean.T) + np.diag(variance.mean(axis=0))
    expected = 0.5 * (np.linalg.slogdet(total)[1] - np.log(variance).sum(axis=1).mean())
    # 500 rows: the average over the posteriors is itself an estimate.
    assert vae.mutual_information(X, n_draws=20) == pytest.approx(expected, abs=0.1)


def test_effective_sample_size(linear):
    vae, X, _ = linear
    vae.n_importance_samples = 64
    size = vae.effective_sample_size(X)
    assert ((size >= 1) & (size <= 64)).all()
    vae.n_importance_samples = 1
    np.testing.assert_allclose(vae.effective_sample_size(X), 1)


class Toy:
    """A model whose terms are given."""

    class latent:
        codes = None

        @staticmethod
        def noise(shape, generator, like):
            return torch.zeros(shape)

        @staticmethod
        def draw(parameters, noise, temperature):
            return noise

        @staticmethod
        def kl(parameters):
            return parameters[0]

        @staticmethod
        def log_ratio(parameters, z, encode):
            return -parameters[0].sum(1, keepdim=True).expand(z.shape)

    encode_inputs = None

    def posterior(self, x, observed):
        return (x,)

    def log_likelihood(self, x, observed, z):
        return -torch.arange(1.0, z.shape[1] + 1).expand(z.shape)


def test_elbo_with_warmup():
    kl = torch.tensor([[0.1, 2.0], [0.3, 4.0]])
    loss = NegativeELBO(beta=2.0, warmup_epochs=3)
    losses = []
    for epoch in range(1, 6):
        loss.begin_epoch(epoch)
        losses.append(loss(Toy(), kl, None).tolist())
        assert loss.settled == (epoch > 3)
    weights = np.array([[0.5], [1.0], [1.5], [2.0], [2.0]])
    # log p = -1.
    np.testing.assert_allclose(losses, 1 + weights * [2.1, 4.3], rtol=1e-6)


def test_importance_weighted_loss():
    kl = torch.tensor([[0.1, 2.0]])
    loss = NegativeIWAE(n_draws=3)
    expected = -np.log(np.mean(np.exp(-np.array([1.0, 2, 3]) - 2.1)))
    np.testing.assert_allclose(loss(Toy(), kl, None), [expected], rtol=1e-6)


def test_warmup_longer_than_the_training():
    X = load_iris().data
    vae = VAETransformer(max_epochs=3, warmup_epochs=9, random_state=0)
    with pytest.warns(
        UserWarning, match="cut short, so that the last epoch has beta=1"
    ):
        vae.fit(X)


def test_beta_zero_is_an_autoencoder_with_noise():
    X = load_iris().data
    vae = VAETransformer(beta=0.0, random_state=0).fit(X)
    assert vae.kl_per_component_.sum() > 4
    assert np.isfinite(vae.score_samples(X)).all()


@pytest.mark.parametrize("prior", ["mixture", "vampprior"])
@pytest.mark.slow
def test_a_learned_prior_is_drawn_from(prior):
    X = 1.0 * (load_digits().data > 7)
    vae = VAETransformer(
        4, likelihood="bernoulli", prior=prior, max_epochs=30, random_state=0
    ).fit(X)
    mean, variance = vae.posterior(vae.sample(2000, random_state=0))
    network = vae._network(np.dtype(np.float64))
    with torch.no_grad():
        z = network.latent.sample(
            20_000, np.random.RandomState(1), network.encode_inputs
        )
    spread = z.numpy().var(axis=0)
    # Codes of rows drawn from the model spread as the prior does, roughly: the
    # posterior is an approximation. N(0, I) would spread by 1.
    np.testing.assert_allclose(
        mean.var(axis=0) + variance.mean(axis=0), spread, rtol=0.35
    )
