"""Densities, divergences and bounds against SciPy and quadrature."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import norm

from sklatent.exceptions import PosteriorCollapseWarning
from sklatent.neural import VAETransformer
from sklatent.neural.vae._likelihoods import GaussianLikelihood
from sklatent.neural.vae._normal_codes import StandardNormal


@pytest.fixture(scope="module")
def vae(X):
    settings = {"prior": "standard_normal", "random_state": 0}
    return VAETransformer(1, n_importance_samples=512, **settings).fit(X)


def gaussian(variance):
    """Likelihood of three features that start with some variance."""
    likelihood = GaussianLikelihood(3)
    likelihood.noise.initialize(torch.full((3,), variance))
    return likelihood.double()


def log_density_by_quadrature(vae, X):
    """Log of the integral of p(z) p(x | z) over a fine grid of the one code."""
    z = np.linspace(-9, 9, 20_001)
    outputs = vae.inverse_transform(z[:, None])
    sd = np.sqrt(vae.noise_variance_)
    log_joint = norm.logpdf(z) + np.array(
        [norm.logpdf(x, outputs, sd).sum(axis=1) for x in X]
    )
    return logsumexp(log_joint, axis=1) + np.log(z[1] - z[0])


@pytest.mark.slow
def test_bounds_against_quadrature(vae, X):
    exact = log_density_by_quadrature(vae, X)
    bound, elbo = vae.score_samples(X), vae.elbo(X)[0]
    # With 512 draws in one dimension the bound is tight; what is left is its
    # Monte Carlo error, whose mean over rows with common noise stays below 0.02.
    np.testing.assert_allclose(bound.mean(), exact.mean(), atol=0.02)
    assert (elbo < exact + 0.05).all()
    assert elbo.mean() < bound.mean()


@pytest.mark.slow
def test_more_draws_raise_the_bound(X):
    vae = VAETransformer(2, random_state=0).fit(X)

    def scores(n_importance_samples):
        vae.n_importance_samples = n_importance_samples
        return np.array([score_with_noise(vae, X, seed) for seed in range(200)])

    few, some, many = scores(1), scores(4), scores(64)
    # Burda et al. (2016), theorem 1, in expectation over the noise.
    for lower, higher in [(few, some), (some, many)]:
        difference = higher - lower
        assert difference.mean() > 2 * difference.std() / np.sqrt(200)


def score_with_noise(vae, X, seed):
    vae._noise_seed = seed
    return vae.score(X)


def test_elbo_is_the_difference_of_its_terms(vae, X):
    elbo, log_likelihood, kl = vae.elbo(X)
    np.testing.assert_allclose(elbo, log_likelihood - kl, rtol=1e-12)
    np.testing.assert_allclose(kl.mean(), vae.kl_per_component_.sum(), rtol=1e-5)


@pytest.mark.slow
def test_elbo_terms_against_quadrature(vae, X):
    mean, variance = vae.posterior(X[:3])
    _, log_likelihood, kl = vae.elbo(X[:3])
    np.testing.assert_array_equal(mean, vae.transform(X[:3]))
    sd = np.sqrt(vae.noise_variance_)
    for i, x in enumerate(X[:3]):
        q = norm(mean[i, 0], np.sqrt(variance[i, 0]))

        def divergence(z, q=q):
            return q.pdf(z) * (q.logpdf(z) - norm.logpdf(z))

        def likelihood(z, q=q, x=x):
            output = vae.inverse_transform([[z]])[0]
            return q.pdf(z) * norm.logpdf(x, output, sd).sum()

        limits = q.mean() - 8 * q.std(), q.mean() + 8 * q.std()
        np.testing.assert_allclose(kl[i], quad(divergence, *limits)[0], rtol=1e-6)
        # 512 draws: the standard error of the average is about 0.1.
        expected = quad(likelihood, *limits, limit=200, epsabs=1e-3)[0]
        np.testing.assert_allclose(log_likelihood[i], expected, atol=0.5)


@pytest.mark.parametrize("variance", [1e-4, 1.0, 30.0])
def test_gaussian_likelihood_against_scipy(variance):
    rng = np.random.RandomState(0)
    x, output = rng.normal(size=(2, 5, 3))
    likelihood = gaussian(variance)
    expected = norm.logpdf(x, output, np.sqrt(variance)).sum(axis=1)
    log_prob = likelihood._row_log_prob(torch.tensor(x), torch.tensor(output)[:, None])
    # The floor adds 1e-6 of the variance, and the variance is kept in float32.
    np.testing.assert_allclose(log_prob.detach(), expected, rtol=1e-5)


def test_noise_variance_has_a_floor():
    likelihood = gaussian(2.0)
    with torch.no_grad():
        likelihood.noise.theta.fill_(-10.0)
    assert likelihood.noise.variance().item() == pytest.approx(2e-6, rel=1e-6)


def test_standard_normal_against_torch_distributions():
    mean, log_variance = torch.tensor(np.random.RandomState(0).normal(size=(2, 4, 3)))
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    p = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    prior = StandardNormal(3)
    torch.testing.assert_close(
        prior.kl(mean, log_variance), torch.distributions.kl_divergence(q, p)
    )
    torch.testing.assert_close(prior.log_prob(mean), p.log_prob(mean).sum(-1))


def test_a_strong_beta_collapses_the_posterior(X):
    vae = VAETransformer(2, prior="standard_normal", beta=100.0, random_state=0)
    with pytest.warns(PosteriorCollapseWarning, match="beta.*warmup_epochs.*decoder"):
        vae.fit(X)
    assert vae.n_active_units_ == 0
    assert vae.kl_per_component_.max() < 0.05
    # What is left is a Gaussian that knows only the mean: per standardized
    # feature -½ (log 2π + 1), in the units of the data minus log scale.
    constant_model = -0.5 * 4 * (np.log(2 * np.pi) + 1) - np.log(X.std(axis=0)).sum()
    np.testing.assert_allclose(vae.score(X), constant_model, atol=0.2)


@pytest.mark.slow
def test_loss_is_minus_the_bound(X):
    vae = VAETransformer(2, max_epochs=300, random_state=0).fit(X)
    # The last epoch's loss is an average along the way, with one draw per row.
    np.testing.assert_allclose(vae.loss_, -vae.elbo(X)[0].mean(), atol=0.3)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("factor", [1e150, 1e-150, 3.7])
def test_units_shift_the_density_by_the_jacobian(X, factor, standardize):
    settings = {"max_epochs": 5, "standardize": standardize, "random_state": 0}
    one = VAETransformer(**settings).fit(X)
    other = VAETransformer(**settings).fit(factor * X)
    # Standardized data agree to rounding, 2e-16, which float32 training turns into
    # differences of its own rounding, 1e-7 per step.
    np.testing.assert_allclose(
        other.score_samples(factor * X),
        one.score_samples(X) - 4 * np.log(factor),
        rtol=1e-4,
    )
    np.testing.assert_allclose(other.transform(factor * X), one.transform(X), rtol=1e-3)


def test_one_column_in_other_units(X):
    factor = np.array([1e6, 1.0, 1e-3, 1.0])
    one = VAETransformer(max_epochs=5, random_state=0).fit(X)
    other = VAETransformer(max_epochs=5, random_state=0).fit(factor * X)
    np.testing.assert_allclose(
        other.score_samples(factor * X),
        one.score_samples(X) - np.log(factor).sum(),
        rtol=1e-4,
    )
