from itertools import product

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_classification

from sklatent.datasets import make_swiss_roll
from sklatent.decomposition import PCA
from sklatent.dimension import _spectrum_criteria as criteria
from sklatent.dimension._pca_spectrum import METHODS, PCASpectrum
from sklatent.exceptions import DuplicateRowsWarning

COUNTING = sorted(METHODS - {"participation_ratio"})
LOCAL = sorted(METHODS - {"parallel_analysis"})


@pytest.fixture
def X():
    """Three directions in ten features, and noise."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((200, 3)) @ np.linalg.qr(rng.standard_normal((10, 3)))[0].T
    return 3 * Z + 0.1 * rng.standard_normal((200, 10)) + 5


def variances_of(X):
    return np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2 / (len(X) - 1)


@pytest.mark.parametrize("method", COUNTING)
def test_three_directions(method, X):
    spectrum = PCASpectrum(method, random_state=0).fit(X)
    assert spectrum.dimension_ == 3.0
    assert spectrum.dimension_std_ == 0.0
    np.testing.assert_array_equal(spectrum.confidence_interval_, [3, 3])


@pytest.mark.parametrize("n", [200, 7])
def test_eigenvalues(n, X):
    spectrum = PCASpectrum().fit(X[:n])
    expected = variances_of(X[:n])[: n - 1]
    np.testing.assert_allclose(spectrum.eigenvalues_, expected, rtol=1e-10)
    np.testing.assert_allclose(
        spectrum.explained_variance_ratio_, expected / expected.sum(), rtol=1e-10
    )
    ratio = expected.sum() ** 2 / (expected**2).sum()
    np.testing.assert_allclose(spectrum.dimension_, ratio, rtol=1e-10)
    assert spectrum.reference_eigenvalues_ is None
    standardized = PCASpectrum(standardize=True).fit(X)
    np.testing.assert_allclose(
        standardized.eigenvalues_,
        np.linalg.eigvalsh(np.corrcoef(X.T))[::-1],
        rtol=1e-10,
    )


def test_kaiser_counts_eigenvalues_of_correlations_above_1(X):
    X = X * np.geomspace(1, 1e6, 10)
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(X.T))
    spectrum = PCASpectrum("kaiser", standardize=True).fit(X)
    assert spectrum.dimension_ == (eigenvalues > 1).sum()
    np.testing.assert_allclose(spectrum.reference_eigenvalues_, 1, rtol=1e-12)
    assert PCASpectrum("kaiser").fit(X).dimension_ < spectrum.dimension_


def test_broken_stick_lengths():
    """A stick broken at 3 uniform points; four standard errors of 100,000 sticks."""
    breaks = np.random.default_rng(0).uniform(size=(100_000, 3))
    ends = np.hstack([np.zeros((100_000, 1)), np.sort(breaks), np.ones((100_000, 1))])
    pieces = np.sort(np.diff(ends))[:, ::-1]
    error = 4 * pieces.std(axis=0) / np.sqrt(100_000)
    assert (abs(pieces.mean(axis=0) - criteria.broken_stick_lengths(4)) < error).all()
    np.testing.assert_allclose(criteria.broken_stick_lengths(2), [0.75, 0.25])


def test_variance_share(X):
    shares = np.cumsum(variances_of(X)) / variances_of(X).sum()
    for share in (0.1, 0.5, 0.9, 0.999, shares[4]):
        fewest = next(k for k in range(1, 11) if shares[k - 1] >= share * (1 - 1e-12))
        found = PCASpectrum("variance_share", variance_share=share).fit(X)
        assert found.dimension_ == fewest
    assert PCASpectrum("variance_share", variance_share=1).fit(X).dimension_ == 10


def test_largest_gap_ends_at_the_rank():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 4)) @ rng.standard_normal((4, 9))
    assert PCASpectrum("largest_gap").fit(X).dimension_ == 4
    assert PCASpectrum("variance_share", variance_share=1).fit(X).dimension_ == 4
    few = criteria.largest_gap(np.array([[9.0, 8, 2, 1], [8, 1, 0, 0], [1, 0, 0, 0]]))
    np.testing.assert_array_equal(few, [2, 2, 1])


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_parallel_analysis_is_a_loop_over_permutations(quantile, X):
    spectrum = PCASpectrum(
        "parallel_analysis", quantile=quantile, n_permutations=400, random_state=0
    ).fit(X)
    rng = np.random.default_rng(1)
    null = [variances_of(rng.permuted(X, axis=0)) for _ in range(400)]
    # Quantiles of 400 draws differ by a tenth of their spread.
    spread = np.std(null, axis=0)
    difference = spectrum.reference_eigenvalues_ - np.quantile(null, quantile, axis=0)
    assert (abs(difference) < 0.6 * spread).all()


def test_parallel_analysis_of_independent_columns():
    """The first eigenvalue exceeds its 95 % quantile in 5 of 100 samples."""
    n_axes = []
    for seed in range(60):
        X = np.random.default_rng(seed).standard_normal((100, 5))
        spectrum = PCASpectrum("parallel_analysis", random_state=seed).fit(X)
        above = spectrum.eigenvalues_ > spectrum.reference_eigenvalues_
        n_axes.append(above[0])
        assert spectrum.dimension_ >= 1
    assert sum(n_axes) <= 11  # of 60, for a wrong alarm in 10,000 runs


def test_minka_is_that_of_pca(X):
    expected = PCA(n_components="mle").fit(X).n_components_
    assert PCASpectrum("minka").fit(X).dimension_ == expected


@pytest.mark.slow
def test_participation_ratio_is_covered():
    """For normal rows with variances 4, 2, 1, 1; 400 samples, four standard errors."""
    variances = np.array([4.0, 2, 1, 1])
    truth = variances.sum() ** 2 / (variances**2).sum()
    covered, errors, estimates = [], [], []
    for seed in range(400):
        X = np.random.default_rng(seed).standard_normal((1000, 4)) * np.sqrt(variances)
        spectrum = PCASpectrum().fit(X)
        low, high = spectrum.confidence_interval_
        covered.append(low < truth < high)
        errors.append(spectrum.dimension_std_)
        estimates.append(spectrum.dimension_)
    # A standard error from 25 groups is known to 15 %, which costs one percent.
    assert abs(np.mean(covered) - 0.94) < 4 * np.sqrt(0.05 * 0.95 / 400)
    assert abs(np.mean(errors) / np.std(estimates) - 1) < 4 * np.sqrt(1 / 800)


def test_error_bar_is_the_grouped_jackknife(X):
    X = X[:60]
    parts = []
    for g in range(25):
        lam = variances_of(np.delete(X, np.arange(g, 60, 25), axis=0))
        parts.append(lam.sum() ** 2 / (lam**2).sum())
    expected = np.sqrt(24 / 25 * np.sum((parts - np.mean(parts)) ** 2))
    np.testing.assert_allclose(PCASpectrum().fit(X).dimension_std_, expected, rtol=1e-8)


@pytest.mark.parametrize("n_neighbors", [5, 30])  # less and more than features
@pytest.mark.parametrize("method", LOCAL)
@pytest.mark.slow
def test_neighborhoods_by_a_loop(method, n_neighbors, X):
    spectrum = PCASpectrum(method, n_neighbors=n_neighbors).fit(X)
    nearest = np.argsort(cdist(X, X))[:, : n_neighbors + 1]
    local = [PCASpectrum(method).fit(X[rows]) for rows in nearest[:20]]
    expected = [part.dimension_ for part in local]
    np.testing.assert_allclose(spectrum.local_dimension_[:20], expected, rtol=1e-9)
    np.testing.assert_allclose(
        spectrum.transform(X)[:, 0], spectrum.local_dimension_, rtol=1e-9
    )
    np.testing.assert_allclose(spectrum.dimension_, spectrum.local_dimension_.mean())


def test_neighborhood_of_a_new_row(X):
    spectrum = PCASpectrum(n_neighbors=6).fit(X[:150])
    nearest = np.argsort(cdist(X[150:], X[:150]))[:, :6]
    for row, rows, found in zip(
        X[150:], nearest, spectrum.transform(X[150:])[:, 0], strict=True
    ):
        whole = PCASpectrum().fit(np.vstack([X[rows], row]))
        np.testing.assert_allclose(found, whole.dimension_, rtol=1e-9)


def test_swiss_roll_is_flat_locally():
    X, _ = make_swiss_roll(1000, random_state=0)
    spectrum = PCASpectrum("variance_share", n_neighbors=10).fit(X)
    assert abs(spectrum.dimension_ - 2) < 0.1
    assert PCASpectrum("variance_share").fit(X).dimension_ == 3


def test_neighborhoods_of_repeated_rows(X):
    X = X[:100]
    with pytest.warns(DuplicateRowsWarning, match="100 of 200 rows"):
        spectrum = PCASpectrum(n_neighbors=6).fit(np.vstack([X, X]))
    expected = PCASpectrum(n_neighbors=6).fit(X).local_dimension_
    np.testing.assert_allclose(spectrum.local_dimension_, np.tile(expected, 2))


def test_only_neighborhoods_transform(X):
    spectrum = PCASpectrum().fit(X)
    assert not hasattr(spectrum, "transform")
    assert not hasattr(spectrum, "fit_transform")
    assert not hasattr(spectrum, "get_feature_names_out")
    assert not hasattr(spectrum, "local_dimension_")
    spectrum = PCASpectrum(n_neighbors=5).fit(X)
    np.testing.assert_array_equal(spectrum.get_feature_names_out(), ["pcaspectrum0"])


@pytest.mark.parametrize("n_neighbors", [None, 12])
@pytest.mark.parametrize("method", LOCAL)
@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_units_do_not_matter(method, factor, n_neighbors, X):
    expected = PCASpectrum(method, n_neighbors=n_neighbors).fit(X)
    spectrum = PCASpectrum(method, n_neighbors=n_neighbors).fit(factor * X)
    np.testing.assert_allclose(spectrum.dimension_, expected.dimension_, rtol=1e-9)
    np.testing.assert_allclose(
        spectrum.eigenvalues_ / factor / factor, expected.eigenvalues_, rtol=1e-8
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_offset_does_not_matter(dtype, X):
    X = np.round(X, 3)
    offset = 1e8 if dtype == np.float64 else 1e4
    expected = PCASpectrum().fit(X)
    spectrum = PCASpectrum().fit((X + offset).astype(dtype))
    # The rows are rounded to 1e-8 and 1e-3 beside a noise of 0.1.
    tolerance = 1e-6 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(
        spectrum.eigenvalues_, expected.eigenvalues_, rtol=tolerance
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_constant_columns_do_not_count(method, X):
    padded = np.hstack([X, np.full((200, 3), 7.0)])
    expected = PCASpectrum(method, standardize=True, random_state=0).fit(X)
    spectrum = PCASpectrum(method, standardize=True, random_state=0).fit(padded)
    assert spectrum.dimension_ == expected.dimension_


@pytest.mark.parametrize("method", sorted(METHODS))
def test_one_feature_and_few_rows(method):
    rng = np.random.default_rng(0)
    assert PCASpectrum(method).fit(rng.standard_normal((9, 1))).dimension_ == 1
    for n in (4, 5):
        spectrum = PCASpectrum(method).fit(rng.standard_normal((n, 4)))
        assert 1 <= spectrum.dimension_ <= n - 1
        assert np.isfinite(spectrum.dimension_std_)
    with pytest.raises(ValueError, match=r"3 sample\(s\).*minimum of 4"):
        PCASpectrum(method).fit(rng.standard_normal((3, 4)))


def test_one_row_differs():
    X = np.zeros((6, 2))
    X[3] = 1
    with pytest.warns(DuplicateRowsWarning, match="4 of 6 rows"):
        spectrum = PCASpectrum().fit(X)
    np.testing.assert_allclose(spectrum.dimension_, 1)
    assert np.isfinite(spectrum.dimension_std_)


def test_errors(X):
    spectrum = PCASpectrum()
    with pytest.raises(ValueError, match="X must have distinct rows"):
        spectrum.fit(np.ones((30, 2)))
    assert not hasattr(spectrum, "n_features_in_")
    two = np.repeat(X[:2], 3, axis=0)
    with (
        pytest.warns(DuplicateRowsWarning),
        pytest.raises(ValueError, match="at least 3 distinct rows; got n_samples=6"),
    ):
        PCASpectrum(n_neighbors=5).fit(two)
    with pytest.raises(ValueError, match="no local form; got n_neighbors=5"):
        PCASpectrum("parallel_analysis", n_neighbors=5).fit(X)


class TestRounding:
    """What rounding makes of a zero, or of a tie, decides nothing."""

    def test_one_feature_copied(self):
        X, _ = make_classification(
            n_features=20,
            n_informative=1,
            n_repeated=18,
            n_redundant=1,
            n_clusters_per_class=1,
            random_state=42,
        )
        assert np.linalg.matrix_rank(X - X.mean(axis=0)) == 1
        for method in METHODS:
            spectrum = PCASpectrum(method, random_state=0).fit(X)
            assert spectrum.dimension_ == pytest.approx(1, abs=1e-9)
        assert PCASpectrum("minka", n_neighbors=30).fit(X).dimension_ == 1

    @pytest.mark.parametrize("rank", [1, 2, 5])
    @pytest.mark.parametrize("offset", [0.0, 30.0, 1e6, 1e10])
    def test_minka_finds_the_rank(self, rank, offset):
        """Also where the data itself is rounded, to more than its eigenvalues are."""
        rng = np.random.default_rng(rank)
        Z, W = rng.standard_normal((100, rank)), rng.standard_normal((rank, 10))
        assert PCASpectrum("minka").fit(Z @ W + offset).dimension_ == rank
        if offset < 1e6:
            single = (Z @ W + offset).astype(np.float32)
            assert PCASpectrum("minka").fit(single).dimension_ == rank

    @pytest.mark.parametrize("seed", range(5))
    def test_equal_eigenvalues(self, seed):
        """Of a factorial design all are the mean, which none exceeds."""
        X = np.array(list(product([-1.0, 1.0], repeat=5)))
        rng = np.random.default_rng(seed)
        rotated = X @ np.linalg.qr(rng.standard_normal((5, 5)))[0]
        for standardize, rows in [(False, rotated), (True, X + rng.uniform(size=5))]:
            spectrum = PCASpectrum("kaiser", standardize=standardize).fit(rows)
            assert spectrum.dimension_ == 1

    def test_equal_gaps(self):
        variances = 3.0 ** -np.arange(6)
        for factor in np.random.default_rng(0).uniform(size=(50, 1)):
            assert criteria.largest_gap(factor * variances) == 1

    def test_share_that_is_one_of_the_sums(self):
        variances = np.ones(1000) / 7
        for k in (1, 10, 333, 900):
            assert criteria.variance_share(variances, k / 1000) == k

    @pytest.mark.parametrize("standardize", [False, True])
    def test_columns_that_are_constant_up_to_rounding(self, standardize, X):
        column = np.full((len(X), 1), 0.3)
        column[::2] = 0.1 + 0.2
        assert np.ptp(column) > 0
        spectrum = PCASpectrum("kaiser", standardize=standardize).fit(X)
        padded = PCASpectrum("kaiser", standardize=standardize).fit(
            np.hstack([X, column])
        )
        assert len(padded.eigenvalues_) == 10
        assert padded.dimension_ == spectrum.dimension_

    def test_error_bar_where_one_row_has_all_of_the_variance(self):
        X = np.random.default_rng(0).standard_normal((200, 5))
        X[0] = 1e9
        parts = []
        for g in range(25):
            lam = variances_of(np.delete(X, np.s_[g::25], axis=0))
            parts.append(lam.sum() ** 2 / (lam**2).sum())
        expected = np.sqrt(24 * np.var(parts))
        std = PCASpectrum().fit(X).dimension_std_
        np.testing.assert_allclose(std, expected, rtol=1e-8)
