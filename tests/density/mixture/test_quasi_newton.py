"""The likelihood of rows with missing entries against L-BFGS on it, by SciPy."""

import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.exceptions import ConvergenceWarning

from sklatent.density import GaussianMixture
from sklatent.density.mixture._em import e_step
from sklatent.density.mixture._model import STRUCTURES, Frame, Mixture, TrainingRows
from sklatent.density.mixture._quasi_newton import Coordinates
from tests.density.mixture.mixtures import (
    ObservedLikelihood,
    each_type,
    incomplete_case,
    three_groups,
    with_missing,
)


def fit(X, k, **parameters):
    """Fitted mixture, and whether it warned that EM still gains."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture = GaussianMixture(k, random_state=0, **parameters).fit(X)
    return mixture, any(w.category is ConvergenceWarning for w in caught)


def likelihood(mixture, X):
    """The likelihood with the regularization of a fit to rows."""
    variance = np.nanmean((X - np.nanmean(X, axis=0)) ** 2, axis=0)
    return ObservedLikelihood(X, mixture.reg_covar * variance, mixture.weights_)


def gain_of_lbfgs(mixture, X):
    """What L-BFGS finds beyond a fitted mixture; for one component from afar, too."""
    f = likelihood(mixture, X)
    found = mixture.weights_, mixture.means_, mixture.covariances_
    best = f.maximum(*found)
    if len(mixture.weights_) == 1:
        variance = np.nanvar(X, axis=0)
        plain = np.ones(1), np.nanmean(X, axis=0)[None], np.diag(variance)[None]
        best = max(best, f.maximum(*plain))
    return best + f(f.pack(*found))[0]


def test_reference_is_the_density_and_its_derivative():
    X, k = incomplete_case(3)
    mixture, _ = fit(X, k, max_iter=3, reg_covar=0.01)
    f = likelihood(mixture, X)
    theta = f.pack(mixture.weights_, mixture.means_, mixture.covariances_)
    theta += 0.1 * np.random.default_rng(0).standard_normal(len(theta))
    assert check_grad(lambda t: f(t)[0], lambda t: f(t)[1], theta) < 1e-5
    f.reg = np.zeros(X.shape[1])
    theta = f.pack(mixture.weights_, mixture.means_, mixture.covariances_)
    np.testing.assert_allclose(-f(theta)[0], mixture.score(X), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 4, 7, 10])
def test_the_maximum_is_reached(seed):
    X, k = incomplete_case(seed)
    mixture, _ = fit(X, k, tol=1e-5, max_iter=3000)
    assert gain_of_lbfgs(mixture, X) < 0.02


@pytest.mark.parametrize("seed", [0, 3, 6, 8, 11, 13, 16])
def test_the_default_is_near_or_warns(seed):
    X, k = incomplete_case(seed)
    mixture, warned = fit(X, k)
    assert warned or gain_of_lbfgs(mixture, X) < 0.02


@each_type
@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("max_iter", [1, 3, 20, 200])
def test_lower_bound_is_the_score(covariance_type, accelerate, max_iter):
    X, _ = incomplete_case(4)
    mixture, _ = fit(
        X, 2, covariance_type=covariance_type, accelerate=accelerate, max_iter=max_iter
    )
    np.testing.assert_allclose(mixture.lower_bound_, mixture.score(X), atol=1e-8)


@pytest.mark.parametrize("seed", [0, 1, 2, 9, 10, 11])
@pytest.mark.slow
def test_a_longer_run_is_no_worse(seed):
    """By the likelihood with its regularization, which one component has fixed."""
    X, k = incomplete_case(seed)
    assert k == 1
    values = []
    for max_iter in (1, 2, 5, 10, 20, 50, 100, 200):
        mixture, _ = fit(X, k, max_iter=max_iter)
        f = likelihood(mixture, X)
        found = mixture.weights_, mixture.means_, mixture.covariances_
        values.append(-f(f.pack(*found))[0])
    assert np.diff(values).min() > -1e-10


@each_type
def test_gradient_by_finite_differences(covariance_type):
    X = with_missing(three_groups(60, p=4), 0.3)
    structure = STRUCTURES[covariance_type]
    rng = np.random.default_rng(0)
    fitted, _ = fit(X, 2, covariance_type=covariance_type, max_iter=2)
    root = structure.root(fitted.covariances_)
    mixture = Mixture(fitted.weights_, fitted.means_, root, structure)
    rows = TrainingRows.of(X, None, Frame(np.zeros(4), np.ones(4)))
    coordinates = Coordinates(mixture, np.array([0.3, 0.7]), np.full(4, 0.01))

    def at(x):
        point = coordinates.mixture(x)
        return point, e_step(point, rows, 1, "missing")

    x = coordinates.origin + 0.1 * rng.standard_normal(len(coordinates.origin))
    error = check_grad(
        lambda x: coordinates.objective(*at(x)),
        lambda x: coordinates.gradient(x, *at(x)),
        x,
    )
    assert error < 1e-5


def test_what_no_point_is_has_no_likelihood():
    mixture = Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None], STRUCTURES["full"])
    coordinates = Coordinates(mixture, np.ones(1), np.zeros(2))
    for value in (1e4, -1e4, np.nan):
        assert coordinates.mixture(np.full(len(coordinates.origin), value)) is None
