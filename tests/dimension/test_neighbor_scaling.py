import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import digamma

from sklatent.datasets import make_affine, make_flat_torus, make_hypersphere
from sklatent.dimension._neighbor_scaling import (
    NeighborScaling,
    _mean_inverse_slope,
    _slope_weights,
    _spacing_means,
)
from sklatent.exceptions import DuplicateRowsWarning


def periodic_distances(n, d, seed):
    """Distances of uniform points on a flat torus."""
    X = np.random.default_rng(seed).random((n, d))
    apart = np.abs(X[:, None] - X)
    return np.linalg.norm(np.minimum(apart, 1 - apart), axis=2)


def slopes_by_loop(X, k):
    """A least-squares line for each row."""
    x = digamma(np.arange(1, k + 1))
    return [np.polyfit(x, np.log(np.sort(row)[1 : k + 1]), 1)[0] for row in cdist(X, X)]


def test_fits_a_line_for_each_row():
    X, _ = make_hypersphere(80, dimension=3, random_state=0)
    scaling = NeighborScaling(7).fit(X)
    slopes = np.array(slopes_by_loop(X, 7))
    np.testing.assert_allclose(scaling.dimension_, 1 / slopes.mean(), rtol=1e-10)
    ratio = scaling.local_dimension_ * slopes
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-10)
    mean_log = np.log(np.sort(cdist(X, X))[:, 1:8]).mean(axis=0)
    np.testing.assert_allclose(scaling.mean_log_distances_, mean_log, atol=1e-10)
    by_mean = np.polyfit(digamma(np.arange(1, 8)), mean_log, 1)[0]
    np.testing.assert_allclose(scaling.dimension_, 1 / by_mean, rtol=1e-10)


def test_mean_inverse_slope_of_three_neighbors_is_in_closed_form():
    a, b = _spacing_means(3)
    expected = np.log(a / b) / (a - b)  # of the sum of two exponential variables
    np.testing.assert_allclose(_mean_inverse_slope(3), expected, rtol=1e-7)


@pytest.mark.parametrize("k", [3, 20])
def test_slope_of_a_poisson_process(k):
    """Four standard errors of 100,000 draws: one wrong alarm in 16,000."""
    n = 100_000
    volumes = np.random.default_rng(k).exponential(size=(n, k)).cumsum(axis=1)
    b = np.log(volumes) @ _slope_weights(k)  # with d = 1
    a = _spacing_means(k)
    np.testing.assert_allclose(a.sum(), 1, rtol=1e-12)
    assert abs(b.mean() - 1) < 4 * b.std() / np.sqrt(n)
    squares = (b - 1) ** 2
    assert abs(squares.mean() - (a**2).sum()) < 4 * squares.std() / np.sqrt(n)
    if k == 20:  # with 3 neighbors the inverse has no variance
        inverse = 1 / b
        error = inverse.std() / np.sqrt(n)
        assert abs(inverse.mean() - _mean_inverse_slope(k)) < 4 * error


@pytest.mark.parametrize(("d", "k"), [(1, 5), (1, 20), (2, 5), (2, 20), (5, 20)])
@pytest.mark.slow
def test_unbiased_and_covered_on_a_torus(d, k):
    """Of 150 samples 95 % are covered, give or take 4 * 1.8 %; 5e-4 in all."""
    n_repeats = 150
    estimates = np.empty(n_repeats)
    covered = np.empty(n_repeats, bool)
    errors = np.empty(n_repeats)
    for seed in range(n_repeats):
        D = periodic_distances(300, d, seed)
        scaling = NeighborScaling(k, metric="precomputed").fit(D)
        low, high = scaling.confidence_interval_
        estimates[seed], errors[seed] = scaling.dimension_, scaling.dimension_std_
        covered[seed] = low < d < high
    assert abs(estimates.mean() - d) < 4 * estimates.std() / np.sqrt(n_repeats) + 2e-3
    assert abs(covered.mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_repeats)
    # A standard deviation of 150 is known to 6 %, and the factor to 4 %.
    assert abs(np.log(errors.mean() / estimates.std())) < 4 * 0.058 + 0.04


def test_local_dimension_is_unbiased():
    """Relative error 0.3 a row; rows in the same place are not independent."""
    D = periodic_distances(2000, 2, 0)
    scaling = NeighborScaling(20, metric="precomputed").fit(D)
    assert abs(scaling.local_dimension_.mean() - 2) < 4 * 2 * 0.3 / np.sqrt(2000 / 3)


def test_transform_is_the_local_dimension():
    X, _ = make_flat_torus(200, random_state=0)
    scaling = NeighborScaling(5).fit(X)
    np.testing.assert_allclose(
        scaling.transform(X)[:, 0], scaling.local_dimension_, rtol=1e-7
    )
    new, _ = make_flat_torus(10, random_state=1)
    nearest = np.log(np.sort(cdist(new, X))[:, :5])
    slopes = np.polyfit(digamma(np.arange(1, 6)), nearest.T, 1)[0]
    ratio = scaling.transform(new)[:, 0] * slopes
    np.testing.assert_allclose(ratio, 1 / _mean_inverse_slope(5), rtol=1e-7)


@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_units_do_not_matter(factor):
    X, _ = make_affine(300, dimension=3, n_features=5, random_state=0)
    expected = NeighborScaling(5).fit(X)
    scaling = NeighborScaling(5).fit(factor * X)
    np.testing.assert_allclose(scaling.dimension_, expected.dimension_, rtol=1e-9)
    np.testing.assert_allclose(
        scaling.local_dimension_, expected.local_dimension_, rtol=1e-9
    )


def test_offset_does_not_matter():
    X, _ = make_affine(300, dimension=3, random_state=0)
    X = np.round(X, 7)  # so that adding 1e8 loses 1e-8 only
    expected = NeighborScaling(5).fit(X).dimension_
    np.testing.assert_allclose(
        NeighborScaling(5).fit(X + 1e8).dimension_, expected, rtol=1e-5
    )


def test_repeated_rows_are_merged():
    X, _ = make_affine(100, random_state=0)
    expected = NeighborScaling(5).fit(X)
    with pytest.warns(DuplicateRowsWarning, match="40 of 140"):
        scaling = NeighborScaling(5).fit(np.vstack([X, X[:40]]))
    assert scaling.n_duplicates_ == 40
    assert scaling.dimension_ == expected.dimension_
    assert scaling.dimension_std_ == expected.dimension_std_
    np.testing.assert_array_equal(
        scaling.local_dimension_,
        np.append(expected.local_dimension_, expected.local_dimension_[:40]),
    )


def test_constant_columns_and_one_feature():
    x = np.random.default_rng(0).uniform(size=(500, 1))
    scaling = NeighborScaling().fit(x)
    low, high = scaling.confidence_interval_
    assert low < 1 < high
    padded = NeighborScaling().fit(np.hstack([x, np.full((500, 2), 7.0)]))
    np.testing.assert_allclose(padded.dimension_, scaling.dimension_, rtol=1e-10)


def test_few_rows():
    X = np.random.default_rng(0).standard_normal((4, 2))
    scaling = NeighborScaling(3).fit(X)
    assert 0 < scaling.dimension_ < np.inf
    assert np.isfinite(scaling.local_dimension_).all()
    scaling = NeighborScaling(4)
    with pytest.raises(ValueError, match="at least 4 distinct rows; got n_samples=3"):
        scaling.fit(X[:3])
    assert not hasattr(scaling, "n_features_in_")


def test_all_rows_equal():
    with (
        pytest.warns(DuplicateRowsWarning),
        pytest.raises(ValueError, match="of which 1 is distinct"),
    ):
        NeighborScaling().fit(np.ones((30, 2)))


def test_grid():
    with pytest.raises(ValueError, match="as on a grid"):
        NeighborScaling(3).fit(np.indices((6, 6)).reshape(2, -1).T)


def test_confidence_level():
    X, _ = make_affine(200, random_state=0)
    narrow = NeighborScaling(confidence_level=0.5).fit(X)
    wide = NeighborScaling(confidence_level=0.99).fit(X)
    assert np.ptp(narrow.confidence_interval_) < np.ptp(wide.confidence_interval_)
    assert narrow.dimension_std_ == wide.dimension_std_
