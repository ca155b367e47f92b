"""More features than rows: the same numbers, and no p x p matrix."""

import tracemalloc

import numpy as np
import pytest
import sklearn.decomposition

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.decomposition._em import (
    DiagonalStep,
    FullCovariance,
    IsotropicStep,
    RowCovariance,
)
from sklatent.decomposition._linear_gaussian import LinearGaussian
from tests.decomposition.data import (
    linear_gaussian,
    observed_log_density,
    with_missing,
)


@pytest.mark.parametrize("q", [0, 1, 3, 12, 20])
@pytest.mark.parametrize("step", [DiagonalStep, IsotropicStep])
def test_steps_by_rows_are_those_by_the_covariance(step, q):
    R = linear_gaussian(12, 25, 3)[0]
    R = (R - R.mean(axis=0)) / np.sqrt(12)
    rng = np.random.RandomState(1)
    psi = rng.uniform(0.5, 2, size=25) if step is DiagonalStep else np.full(25, 0.8)
    model = LinearGaussian(rng.normal(size=(25, q)), np.zeros(25), psi)
    by_rows, likelihood = step(RowCovariance(R))(model)
    by_covariance, same = step(FullCovariance(R.T @ R))(model)
    np.testing.assert_allclose(likelihood, same, rtol=1e-12)
    np.testing.assert_allclose(by_rows.psi, by_covariance.psi, rtol=1e-10)
    np.testing.assert_allclose(
        by_rows.W @ by_rows.W.T, by_covariance.W @ by_covariance.W.T, atol=1e-10
    )


def test_likelihood_is_no_less_than_scikit_learns():
    X = linear_gaussian(50, 400, 5)[0]
    for q in (2, 5, 8):
        ours = FactorAnalysis(q).fit(X)
        assert ours.score(X) >= sklearn.decomposition.FactorAnalysis(q).fit(X).score(X)
        np.testing.assert_allclose(ours.log_likelihood_, ours.score(X), atol=1e-8)


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.slow
def test_log_likelihood_is_the_density_of_the_covariance(share):
    """By p x p covariances of what is observed of each row."""
    X = with_missing(linear_gaussian(50, 300, 5)[0], share)
    model = FactorAnalysis(3).fit(X)
    expected = observed_log_density(X, model.mean_, model.get_covariance())
    np.testing.assert_allclose(model.log_likelihood_, expected.mean(), rtol=1e-10)


@pytest.mark.parametrize(
    ("estimator", "share"),
    [
        (PPCA(2), 0.0),
        (PPCA(2, method="em", max_iter=2, random_state=0), 0.0),
        (PPCA(2, max_iter=2, random_state=0), 0.2),
        (FactorAnalysis(2, max_iter=2), 0.0),
        (FactorAnalysis(2, max_iter=2), 0.2),
    ],
    ids=["closed form", "em", "em, missing", "factors", "factors, missing"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
def test_no_matrix_of_all_features(estimator, share):
    """A p x p matrix would be 400 times the data."""
    X = with_missing(linear_gaussian(50, 20_000, 2)[0], share)
    tracemalloc.start()
    try:
        estimator.fit(X)
        Z = estimator.transform(X)
        estimator.inverse_transform(Z)
        estimator.posterior(X)
        estimator.score_samples(X)
        estimator.reconstruction_error(X)
        estimator.sample(50, random_state=0)
        estimator.impute(X, return_std=True)
        estimator.sample_missing(X, random_state=0)
        estimator.aic(X)
        estimator.bic(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * X.nbytes
