"""The model on what is observed, against brute force."""

import numpy as np
import pytest

from sklatent.decomposition import _missing
from sklatent.decomposition._em import DiagonalStep, FullCovariance, IsotropicStep
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._missing import MissingData, invert_spd
from sklatent.utils._columns import group_patterns
from tests.decomposition.data import (
    em_step,
    em_step_by_rows,
    linear_gaussian,
    with_missing,
)


@pytest.mark.parametrize("q", [0, 1, 3, 20])
def test_invert_spd(q):
    A = np.random.RandomState(0).normal(size=(50, q, q + 2))
    M = A @ A.transpose(0, 2, 1) + np.eye(q)
    inverse, log_det = invert_spd(np.moveaxis(M, 0, -1).copy())
    inverse = np.moveaxis(inverse, -1, 0)
    if q:  # NumPy cannot invert nothing
        np.testing.assert_allclose(inverse, np.linalg.inv(M), rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(log_det, np.linalg.slogdet(M)[1], rtol=1e-10)
    assert inverse.shape == (50, q, q)
    assert log_det.shape == (50,)


@pytest.fixture
def model():
    rng = np.random.RandomState(3)
    return LinearGaussian(
        rng.normal(size=(6, 2)), rng.normal(size=6), rng.uniform(0.5, 2, size=6)
    )


def test_posterior_is_the_conditional_gaussian(model):
    X = with_missing(linear_gaussian(40, 6, 2)[0], 0.4)
    X[0] = np.nan
    mean = _missing.map_observed(_missing.posterior_mean, X, model)
    covariance = _missing.map_observed(_missing.posterior_covariance, X, model)
    residual = _missing.map_observed(
        lambda *args: _missing.posterior(*args)[3], X, model
    )
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        C = model.W[o] @ model.W[o].T + np.diag(model.psi[o])
        gain = np.linalg.solve(C, model.W[o]).T  # Cov(z, x) C^-1
        np.testing.assert_allclose(mean[i], gain @ (x - model.mu)[o], atol=1e-12)
        expected = np.eye(2) - gain @ model.W[o]
        np.testing.assert_allclose(covariance[i], expected, atol=1e-12)
        expected = (x - model.mu - model.W @ mean[i])[o]
        np.testing.assert_allclose(residual[i, o], expected, atol=1e-12)
        assert (residual[i, ~o] == 0).all()


def test_one_step_is_that_of_a_loop_over_rows(model, monkeypatch):
    X = with_missing(linear_gaussian(200, 6, 2)[0], 0.3)
    W, mu, residual, count = em_step_by_rows(X, model.W, model.mu, model.psi)
    for isotropic in (False, True):
        monkeypatch.setattr(_missing, "BLOCK_ROWS", 90)
        data = MissingData(X, np.ones(200), isotropic)
        assert len(data.blocks) == 3
        after, _ = em_step(data, model)
        np.testing.assert_allclose(after.W, W, rtol=1e-10)
        np.testing.assert_allclose(after.mu, mu, rtol=1e-10)
        psi = residual.sum() / count.sum() if isotropic else residual / count
        np.testing.assert_allclose(after.psi, np.broadcast_to(psi, 6), rtol=1e-8)


def test_step_on_moments_is_that_on_rows(model):
    X = linear_gaussian(200, 6, 2)[0]
    X = X - X.mean(axis=0)
    model = LinearGaussian(model.W, np.zeros(6), np.full(6, 0.7))
    rows = MissingData(X, np.ones(200), True)
    moments = IsotropicStep(FullCovariance(X.T @ X / 200))
    for _ in range(3):
        from_rows, likelihood = em_step(rows, model)
        from_moments, same = moments(model)
        np.testing.assert_allclose(from_moments.W, from_rows.W, rtol=1e-9)
        np.testing.assert_allclose(from_moments.psi, from_rows.psi, rtol=1e-9)
        np.testing.assert_allclose(same, likelihood, rtol=1e-12)
        np.testing.assert_allclose(from_rows.mu, 0, atol=1e-12)
        model = from_moments


def test_step_of_the_noise_has_the_best_loadings(model):
    """No other W has a larger likelihood for the given psi."""
    X = linear_gaussian(200, 6, 2)[0]
    S = np.cov(X.T, bias=True)
    after, log_likelihood = DiagonalStep(FullCovariance(S))(model)
    center = LinearGaussian(after.W, X.mean(axis=0), model.psi)
    np.testing.assert_allclose(center.log_density(X).mean(), log_likelihood, rtol=1e-12)
    rng = np.random.RandomState(0)
    for _ in range(50):
        W = after.W + 0.01 * rng.normal(size=(6, 2))
        other = LinearGaussian(W, X.mean(axis=0), model.psi)
        assert other.log_density(X).mean() < log_likelihood


LAYOUTS = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "strided": lambda A: np.repeat(np.repeat(A, 2, axis=0), 3, axis=1)[::2, ::3],
    "negative strides": lambda A: A[::-1, ::-1].copy()[::-1, ::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("p", [1, 8, 9, 16, 17, 64, 65])
def test_patterns_in_any_layout(layout, p):
    rng = np.random.RandomState(p)
    some = rng.uniform(size=(5, p)) < 0.5
    observed = LAYOUTS[layout](some[rng.randint(5, size=40)])
    observed.flags.writeable = False
    first, group = group_patterns(observed)
    np.testing.assert_array_equal(observed[first][group], observed)
    assert len(first) == len({row.tobytes() for row in np.ascontiguousarray(observed)})
