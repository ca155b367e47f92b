"""Mixtures of tables as people have them: wide, of shares, with constant columns."""

import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris

from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import COVARIANCE_TYPES, three_groups


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("covariance_type", ["diag", "spherical", "tied_diag"])
@pytest.mark.slow
def test_diagonal_covariances_need_no_square_matrix(covariance_type, incomplete):
    """A matrix of p x p would take 400 times the memory of the rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 20_000))
    if incomplete:
        X[::3, ::7] = np.nan
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    mixture.set_params(max_iter=8)
    tracemalloc.start()
    try:
        mixture.fit(X)
        for method in (mixture.score_samples, mixture.predict, mixture.impute):
            assert np.isfinite(method(X)).all()
        mixture.sample(5, random_state=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * X.nbytes


def test_shares_are_taken_for_rows_where_a_number_is_chosen():
    X = load_iris().data
    mixture = GaussianMixture(range(1, 7), random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture.fit(X, sample_weight=np.full(150, 1 / 150))
    assert [w.category for w in caught] == [UserWarning]
    assert "sample_weight counts rows" in str(caught[0].message)
    plain = GaussianMixture(range(1, 7), random_state=0).fit(X)
    assert mixture.n_components_ == plain.n_components_ == 2
    np.testing.assert_allclose(mixture.criterion_values_, plain.criterion_values_)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_one_number_of_components_hangs_on_ratios_only(covariance_type):
    X = three_groups()
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(X))
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    counts = mixture.fit(X, sample_weight=weight)
    means, covariances = counts.means_, counts.covariances_
    shares = mixture.fit(X, sample_weight=weight / weight.sum())
    np.testing.assert_allclose(shares.means_, means, rtol=1e-8)
    np.testing.assert_allclose(shares.covariances_, covariances, rtol=1e-8, atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("incomplete", [False, True])
@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_constant_columns_are_sampled_and_imputed_constant(covariance_type, incomplete):
    X = np.insert(three_groups(), 1, 1.1, axis=1)
    if incomplete:
        X[::5, 1] = X[1::5, 0] = np.nan
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(X)
    np.testing.assert_array_equal(mixture.sample(50, random_state=0)[:, 1], 1.1)
    query = X.copy()
    query[:20, 1] = np.nan
    np.testing.assert_array_equal(mixture.impute(query)[:, 1], 1.1)
    assert np.isfinite(mixture.score(X))
