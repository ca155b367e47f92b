"""EM with missing entries against L-BFGS on a likelihood of p x p covariances."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._missing import NOISE_FLOOR_MISSING, MissingData
from tests.decomposition.data import (
    ObservedLikelihood,
    em_step,
    linear_gaussian,
    observed_log_density,
    with_missing,
)

# 2026-11: with so much missing, some features keep no noise; that is meant here.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklatent.exceptions.HeywoodWarning",
    "ignore::sklatent.exceptions.RankDeficientWarning",
)


def make(cls, q, **settings):
    return cls(q, random_state=0, **settings)


def optima(X, model, q, seed=0):
    """Of L-BFGS from where the model is, and from a random start."""
    isotropic = isinstance(model, PPCA)
    variance = np.nanvar(X, axis=0)
    scale = np.sqrt(np.full_like(variance, variance.mean()) if isotropic else variance)
    center = np.nanmean(X, axis=0)
    W = model.W_ if isotropic else model.components_.T
    psi = model.noise_variance_ / scale**2 * np.ones(X.shape[1])
    rng, p = np.random.RandomState(seed), X.shape[1]
    likelihood = ObservedLikelihood((X - center) / scale, q, isotropic)
    log_jacobian = (~np.isnan(X)).mean(axis=0) @ np.log(scale)
    starts = [
        (W / scale[:, None], (model.mean_ - center) / scale, psi),
        (0.5 * rng.normal(size=(p, q)), np.zeros(p), np.full(p, 0.5)),
    ]
    reached = [likelihood.maximum(NOISE_FLOOR_MISSING, *start) for start in starts]
    return np.array(reached) - log_jacobian


def iris(seed):
    X = load_iris().data
    incomplete = np.random.RandomState(seed).uniform(size=X.shape) < 0.6
    return np.where(incomplete, np.nan, X)[:40]


@pytest.mark.parametrize(("cls", "seed"), [(FactorAnalysis, 0), (PPCA, 23)])
def test_a_longer_run_ends_at_the_optimum(cls, seed):
    """An extrapolated step was once taken on a likelihood without digits."""
    X, reached = iris(seed), []
    for max_iter in (1, 10, 50):
        with pytest.warns(ConvergenceWarning):
            reached.append(make(cls, 3, max_iter=max_iter).fit(X).score(X))
    model = make(cls, 3).fit(X)
    reached.append(model.score(X))
    assert (np.diff(reached) > 0).all()
    np.testing.assert_allclose(model.log_likelihood_, model.score(X), atol=1e-8)
    np.testing.assert_allclose(optima(X, model, 3), model.score(X), atol=1e-3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
def test_imputed_values_stay_among_the_data():
    """60 % of 100 x 10 missing, 8 components: they once were hundreds of times off."""
    X = with_missing(linear_gaussian(100, 10, 3)[0], 0.6)
    for cls in (PPCA, FactorAnalysis):
        model = make(cls, 8).fit(X)
        np.testing.assert_allclose(model.log_likelihood_, model.score(X), atol=1e-8)
        assert np.abs(model.impute(X)).max() < 5 * np.nanmax(np.abs(X))


def random_cases(n_cases, sizes, seed=0):
    """Tables of several sizes, 10 to 60 % missing, and a number of factors for each."""
    rng = np.random.RandomState(seed)
    while n_cases:
        n, p = sizes[rng.randint(len(sizes))]
        q, rank = rng.randint(1, p, size=2)
        X = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p))
        X += rng.uniform(0.1, 1, size=p) * rng.normal(size=(n, p)) + 3 * rng.normal(
            size=p
        )
        X[rng.uniform(size=X.shape) < rng.uniform(0.1, 0.6)] = np.nan
        if (~np.isnan(X)).any(axis=0).all():
            n_cases -= 1
            yield X, q


@pytest.mark.parametrize("cls", [PPCA, FactorAnalysis])
@pytest.mark.parametrize(
    ("n_cases", "sizes"),
    [
        (10, [(30, 4), (40, 6)]),
        pytest.param(40, [(30, 4), (40, 6)], marks=pytest.mark.slow),
        pytest.param(8, [(100, 10)], marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_random_tables_reach_the_optimum(cls, n_cases, sizes):
    """A local maximum within 0.02 nats in 95 %, mostly the one found from elsewhere.

    Where so much is missing, the likelihood has maxima in the interior and others at
    the bound of the noise, whose height is owed to the bound.
    """
    lacks = []
    for X, q in random_cases(n_cases, sizes):
        model = make(cls, q).fit(X)
        np.testing.assert_allclose(model.log_likelihood_, model.score(X), atol=1e-8)
        assert np.diff(model.log_likelihood_history_).min() >= 0
        lacks.append(optima(X, model, q) - model.score(X))
    nearby, elsewhere = np.transpose(lacks)
    assert (nearby > 0.02).mean() <= 0.05
    assert nearby.max() < 0.5
    assert (elsewhere > 0.02).mean() <= 0.2


@pytest.mark.parametrize("isotropic", [False, True])
def test_gradient_and_step(isotropic):
    """Against differences of a likelihood row by row; an EM step is its multiple."""
    X, W, mu, psi = linear_gaussian(60, 5, 2, psi=np.linspace(0.3, 0.9, 5))
    X = with_missing(X, 0.3)
    model = LinearGaussian(W + 0.3, mu - 0.2, np.full(5, 0.6) if isotropic else psi)
    data = MissingData(X, np.ones(60), isotropic)

    def log_likelihood(theta):
        m = data.unpack(theta)
        return observed_log_density(X, m.mu, m.covariance()).mean()

    here = data.evaluate(data.pack(model))
    theta, gradient = here.theta, here.gradient
    np.testing.assert_allclose(here.value, log_likelihood(theta), rtol=1e-12)
    expected = approx_fprime(theta, log_likelihood, 1e-6)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    after, _ = em_step(data, model)
    change = data.pack(after) - theta
    ascent = data.precondition(here.state, gradient)
    np.testing.assert_allclose(ascent[:15], change[:15], rtol=1e-9, atol=1e-12)
