"""HistogramDensity: what NumPy's histograms, counting and closed forms say of it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chisquare, kstest

from sklatent.density.histogram import _cells
from sklatent.density.histogram._bin_rules import BIN_RULES, Column, _scott
from sklatent.density.histogram._cells import (
    bin_numbers,
    find_cells,
    occupied_cells,
)
from sklatent.density.histogram._histogram_density import HistogramDensity


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(200, 3))


class TestAgainstNumpy:
    @pytest.mark.parametrize("d", [1, 2, 3])
    @pytest.mark.parametrize("bins", [1, 7, "list", "edges"])
    def test_histogramdd(self, d, bins, X):
        X = X[:, :d]
        if bins == "list":
            bins = [4, 5, 6][:d]
        elif bins == "edges":  # some rows are outside
            bins = [np.array([-1, -0.2, 0.3, 2.0])] * d
        histogram = HistogramDensity(bins).fit(X)
        expected, edges = np.histogramdd(X, bins, density=True)
        for ours, numpys in zip(histogram.bin_edges_, edges, strict=True):
            np.testing.assert_array_equal(ours, numpys)
        centers = [(e[1:] + e[:-1]) / 2 for e in edges]
        grid = np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1).reshape(-1, d)
        density = np.exp(histogram.score_samples(grid))
        np.testing.assert_allclose(density, expected.ravel(), rtol=1e-12)

    @pytest.mark.parametrize("rule", sorted(BIN_RULES))
    @pytest.mark.parametrize("law", ["normal", "exponential", "uniform"])
    def test_rules(self, rule, law):
        x = getattr(np.random.RandomState(0), law)(size=211)
        histogram = HistogramDensity(rule).fit(x[:, None])
        expected = np.histogram_bin_edges(x, rule)
        np.testing.assert_array_equal(histogram.bin_edges_[0], expected)

    @pytest.mark.filterwarnings("ignore:The number of bins estimated")  # NumPy's
    @pytest.mark.parametrize("rule", sorted(BIN_RULES))
    @pytest.mark.parametrize("n_values", [4, 12, 300])
    @pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64])
    def test_whole_numbers_have_no_narrower_bins(self, rule, n_values, dtype):
        x = np.random.RandomState(0).randint(n_values, size=500).astype(dtype)
        # The number of NumPy's bins for floats, of which NumPy 2.0 has more.
        n_bins = len(np.histogram_bin_edges(x.astype(np.float64), rule)) - 1
        expected = np.linspace(x.min(), x.max(), min(n_bins, int(np.ptp(x))) + 1)
        histogram = HistogramDensity(rule).fit(x[:, None])
        np.testing.assert_array_equal(histogram.bin_edges_[0], expected)

    @pytest.mark.parametrize("rule", sorted({*BIN_RULES} - {"auto", "fd", "scott"}))
    def test_other_rules_do_not_depend_on_the_dimension(self, rule, X):
        histogram = HistogramDensity(rule).fit(X)
        for edges, x in zip(histogram.bin_edges_, X.T, strict=True):
            np.testing.assert_array_equal(edges, np.histogram_bin_edges(x, rule))


class TestRules:
    @pytest.mark.parametrize("d", [1, 2, 3, 5])
    def test_scott_is_best_for_a_gaussian(self, d):
        """Minimum of the mean integrated squared error, found numerically."""
        z = np.sort(np.random.RandomState(0).uniform(size=400))
        sigma, n = z.std(), len(z)
        R = 1 / (2 ** (d + 1) * np.pi ** (d / 2) * sigma ** (d + 2))

        def log_error(log_h):
            h = np.exp(log_h)
            return np.log(1 / (n * h**d) + d * h**2 * R / 12)

        best = np.exp(minimize_scalar(log_error, (-1, 0)).x)
        column = Column(z, np.ones(n), d)
        # As far as a minimum can be found from values: a root of the precision.
        assert 1 / _scott(column) == pytest.approx(best, rel=1e-6)

    def test_freedman_diaconis_in_many_dimensions(self, X):
        histogram = HistogramDensity().fit(X)
        for edges, x in zip(histogram.bin_edges_, X.T, strict=True):
            h = 2 * np.subtract(*np.quantile(x, [0.75, 0.25])) / 200 ** (1 / 5)
            assert len(edges) - 1 == np.ceil(np.ptp(x) / h)

    def test_equal_quartiles(self):
        x = np.zeros((50, 1))
        x[:10, 0] = np.random.RandomState(0).normal(size=10)
        fd, scott = (HistogramDensity(rule).fit(x) for rule in ("fd", "scott"))
        np.testing.assert_array_equal(fd.bin_edges_, scott.bin_edges_)
        assert len(fd.bin_edges_[0]) > 2

    @pytest.mark.parametrize("close", [0.0, 1e-15, 1e-13, 1e-9])
    def test_quartiles_that_nearly_agree(self, close):
        """25 numbers; thirteen agree but for rounding, or for a little more."""
        rng = np.random.RandomState(0)
        low, high = rng.uniform(4, 7, 6), rng.uniform(8, 11, 6)
        x = np.concatenate([low, np.full(13, 7.4), high])
        x[6:13] -= close
        x = rng.permutation(x)[:, None]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            histogram = HistogramDensity().fit(np.hstack([x, x]))
        np.testing.assert_array_equal(
            HistogramDensity(["scott", "scott"]).fit(np.hstack([x, x])).bin_edges_,
            histogram.bin_edges_,
        )
        assert len(histogram.bin_edges_[0]) > 3
        # Once, for both columns, and only where it is more than rounding.
        assert len(caught) == (close > 1e-14)
        for warning in caught:
            assert "feature 0" in str(warning.message)
            assert "feature 1" in str(warning.message)

    def test_too_many_bins(self):
        x = np.append(np.random.RandomState(0).normal(size=99), 1e9)[:, None]
        with pytest.warns(
            UserWarning, match=r"bins='fd' asks for \d{10} bins.* 'scott'"
        ):
            histogram = HistogramDensity().fit(x)
        expected = HistogramDensity("scott").fit(x).bin_edges_
        np.testing.assert_array_equal(histogram.bin_edges_, expected)
        x = 1e16 + 2.0 * np.arange(4)[:, None]
        with pytest.raises(ValueError, match="than floating point tells apart"):
            HistogramDensity(20).fit(x)


class TestWeights:
    @pytest.mark.parametrize("bins", [*sorted(BIN_RULES), 6])
    def test_integer_weights_are_repeated_rows(self, bins, X):
        weight = np.random.RandomState(0).randint(4, size=200)
        weighted = HistogramDensity(bins).fit(X, sample_weight=weight)
        repeated = HistogramDensity(bins).fit(np.repeat(X, weight, axis=0))
        for ours, theirs in zip(weighted.bin_edges_, repeated.bin_edges_, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        for ours, theirs in zip(
            weighted.score_samples(X, return_std=True),
            repeated.score_samples(X, return_std=True),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)

    def test_no_weight_is_no_row(self, X):
        weight = np.ones(200)
        weight[X[:, 0] > 1] = 0
        weighted = HistogramDensity().fit(X, sample_weight=weight)
        dropped = HistogramDensity().fit(X[weight > 0])
        np.testing.assert_array_equal(
            weighted.score_samples(X), dropped.score_samples(X)
        )
        with pytest.raises(ValueError, match="weight"):
            HistogramDensity().fit(X, sample_weight=-weight)

    @pytest.mark.parametrize("bins", [*sorted(BIN_RULES), 6])
    @pytest.mark.parametrize("n", [90, 149, 200])
    def test_equal_shares_are_no_weights(self, bins, n, X):
        X = X[:n]
        plain = HistogramDensity(bins).fit(X)
        with pytest.warns(UserWarning, match=f"effective sample size.* {n}") as caught:
            shares = HistogramDensity(bins).fit(X, sample_weight=np.full(n, 1 / n))
        assert len(caught) == 1
        for ours, theirs in zip(shares.bin_edges_, plain.bin_edges_, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        for ours, theirs in zip(
            shares.score_samples(X, return_std=True),
            plain.score_samples(X, return_std=True),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)
        np.testing.assert_allclose(shares.cell_weight_, plain.cell_weight_ / n)

    def test_shares_count_as_the_effective_sample_size(self, X):
        weight = np.random.RandomState(1).exponential(size=200)
        n = weight.sum() ** 2 / (weight**2).sum()
        counts = HistogramDensity().fit(X, sample_weight=weight * n / weight.sum())
        with pytest.warns(UserWarning, match="taken for shares"):
            shares = HistogramDensity().fit(X, sample_weight=weight / weight.sum())
        for ours, theirs in zip(
            shares.score_samples(X, return_std=True),
            counts.score_samples(X, return_std=True),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)

    @pytest.mark.parametrize("unit", [0.1, 0.3, 1.7])
    def test_ranks_do_not_move_by_rounding(self, unit, X):
        """Sums of tenths are not whole, and edges are those of equal weights still."""
        weight = np.full(200, unit)
        n = round(200 * unit)
        column = Column(np.sort(X[:, 0]), weight, 1)
        # Where rows count for `unit`, rank k is in row k / unit.
        for q in np.linspace(0, 1, 9):
            at = q * (n - 1)
            low, high = (int((np.floor(at) + i) / unit + 1e-6) for i in (0, 1))
            low, high = column.z[min(low, 199)], column.z[min(high, 199)]
            expected = low + (at - np.floor(at)) * (high - low)
            assert column.quantile(q) == pytest.approx(expected, rel=1e-9)


class TestDensity:
    def test_integrates_to_one(self, X):
        histogram = HistogramDensity([5, "fd", [-9, 0, 0.1, 9]]).fit(X)
        volume = np.prod(
            [
                np.diff(e)[b]
                for e, b in zip(histogram.bin_edges_, histogram.cells_.T, strict=True)
            ],
            axis=0,
        )
        mass = np.exp(histogram.cell_log_density_) @ volume
        assert mass == pytest.approx(1, rel=1e-12)
        assert histogram.cell_weight_.sum() == 200

    def test_edges_and_empty_cells(self):
        histogram = HistogramDensity([[0.0, 1.0, 2.0, 4.0]]).fit([[0.5], [4.0], [3.0]])
        x = np.array([[0.0], [1.0], [2.0], [4.0], [-1e-9], [4.001], [1e300]])
        log_p, std = histogram.score_samples(x, return_std=True)
        inf = np.inf
        third = -np.log(3)
        expected = [third, -inf, third, third, -inf, -inf, -inf]
        np.testing.assert_allclose(log_p, expected, rtol=1e-12)
        one, two = np.sqrt(2 / 3), np.sqrt(1 / 6)
        np.testing.assert_allclose(std, [one, inf, two, two, inf, inf, inf])
        assert histogram.score(x) == -inf

    def test_error_bars(self):
        """2000 intervals on a periodic box: 93 to 97 % is 4 standard errors.

        A false alarm in 16,000, were it not seeded. The 100 cells of a fit have
        100 rows each on average, and correlations of -0.01.
        """
        edges = [np.linspace(0, 2 * np.pi, 11)] * 2
        center = (edges[0][1:] + edges[0][:-1]) / 2
        queries = np.stack(np.meshgrid(center, center), axis=-1).reshape(-1, 2)
        covered = []
        for seed in range(20):
            angles = np.random.RandomState(seed).uniform(0, 2 * np.pi, (10_000, 2))
            histogram = HistogramDensity(edges).fit(angles)
            log_p, std = histogram.score_samples(queries, return_std=True)
            covered.append(np.abs(log_p + 2 * np.log(2 * np.pi)) < 1.96 * std)
        assert 0.93 < np.mean(covered) < 0.97

    def test_sample(self, X):
        """Cells by their share, and even within; p-values above 1e-4, seeded."""
        histogram = HistogramDensity([3, 4, [-9.0, 0.5, 9.0]]).fit(X)
        draws = histogram.sample(20_000, random_state=0)
        assert np.isfinite(histogram.score_samples(draws)).all()
        found = HistogramDensity(histogram.bin_edges_).fit(draws)
        np.testing.assert_array_equal(found.cells_, histogram.cells_)
        expected = histogram.cell_weight_ / 200 * 20_000
        assert chisquare(found.cell_weight_, expected).pvalue > 1e-4
        low = np.floor((draws[:, 1] - X[:, 1].min()) / np.ptp(X[:, 1]) * 4)
        within = (draws[:, 1] - X[:, 1].min()) / np.ptp(X[:, 1]) * 4 - low
        assert kstest(within, "uniform").pvalue > 1e-4

    def test_sample_stays_in_cells_of_a_few_floats(self):
        x = 1e16 + 2.0 * np.arange(9)[:, None]
        histogram = HistogramDensity(4).fit(x[[0, 1, 8]])
        draws = histogram.sample(1000, random_state=0)
        assert np.isfinite(histogram.score_samples(draws)).all()


class TestAnyData:
    def test_units_and_place(self, X):
        X = np.round(X * 2**20) / 2**20  # so that a shift loses nothing
        log_p = HistogramDensity().fit(X).score_samples(X)
        for scale in (1e-150, 1e150, 2.0**-400):
            scaled = HistogramDensity().fit(X * scale).score_samples(X * scale)
            np.testing.assert_allclose(scaled + 3 * np.log(scale), log_p, atol=1e-9)
        columns = np.array([1e6, 1e-6, 1.0])
        scaled = HistogramDensity().fit(X * columns).score_samples(X * columns)
        np.testing.assert_allclose(scaled, log_p, atol=1e-9)
        # Edges at 1e8 are rounded to 1e-8, of widths around 1.
        moved = HistogramDensity().fit(X + 1e8).score_samples(X + 1e8)
        np.testing.assert_allclose(moved, log_p, atol=1e-6)

    def test_a_range_that_is_no_number(self):
        with pytest.raises(ValueError, match=r"range of feature 1, from -1.7e.308"):
            HistogramDensity().fit([[0, -1.7e308], [1, 1.7e308], [0.5, 0.0]])

    def test_500_features(self):
        X = np.random.RandomState(0).normal(size=(40, 500))
        X[3] = X[7]
        histogram = HistogramDensity().fit(X)
        assert len(histogram.cells_) == 39
        log_volume = sum(np.log(np.diff(e)[0]) for e in histogram.bin_edges_)
        log_p, std = histogram.score_samples(X, return_std=True)
        expected = np.log(np.where(np.isin(np.arange(40), [3, 7]), 2, 1) / 40)
        np.testing.assert_allclose(log_p, expected - log_volume, rtol=1e-9)
        assert np.isfinite(std).all()
        assert (histogram.score_samples(X[::-1] + 0.5) == -np.inf).all()

    @pytest.mark.parametrize("bins", ["fd", 4])
    def test_constant_column(self, bins, X):
        padded = np.insert(X, 1, 7.5, axis=1)
        histogram = HistogramDensity(bins).fit(padded)
        if bins == 4:  # rates of rules count the column
            expected = HistogramDensity(bins).fit(X).score_samples(X)
            np.testing.assert_array_equal(histogram.score_samples(padded), expected)
        assert np.isfinite(histogram.score_samples(padded)).all()
        assert (histogram.sample(9, random_state=0)[:, 1] == 7.5).all()
        padded[0, 1] += 1e-9
        assert histogram.score_samples(padded)[0] == -np.inf

    def test_all_equal(self):
        message = "n_samples=4, all equal"
        with pytest.raises(ValueError, match=message):
            HistogramDensity().fit(np.ones((4, 2)))
        histogram = HistogramDensity([[0.0, 2.0]] * 2).fit(np.ones((1, 2)))
        assert histogram.score([[1.5, 0.0]]) == -np.log(4)

    @pytest.mark.parametrize("n", [2, 3, 4, 5])
    @pytest.mark.parametrize("rule", sorted(BIN_RULES))
    def test_few_rows(self, n, rule, X):
        log_p = HistogramDensity(rule).fit(X[:n]).score_samples(X[:n])
        assert np.isfinite(log_p).all()

    def test_integers(self):
        X = np.random.RandomState(0).randint(5, size=(60, 2))
        histogram = HistogramDensity([np.arange(-0.5, 5)] * 2).fit(X)
        _, index, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
        # NumPy 2.0 gives the index as a column.
        np.testing.assert_allclose(
            histogram.score_samples(X), np.log(counts / 60)[index.ravel()], rtol=1e-12
        )
        assert np.isfinite(HistogramDensity().fit(X).score_samples(X)).all()

    def test_whole_numbers_whatever_their_type(self):
        """A density of counts that is no density of points: bins are one wide."""
        x = np.random.RandomState(0).poisson(3, size=500)
        want = HistogramDensity().fit(x[:, None]).score(x[:, None])
        share = np.bincount(x)[x] / 500
        assert np.diff(HistogramDensity().fit(x[:, None]).bin_edges_[0]).min() >= 1
        assert want < np.log(share).mean() + 0.3
        other = np.random.RandomState(1).normal(size=500)
        alone = HistogramDensity("scott").fit(x[:, None]).bin_edges_[0]
        for column in (
            x.astype(float),
            x.astype(np.float32),
            pd.array(x, dtype="Int64"),
            pd.array(x, dtype="Float64"),
        ):
            frame = pd.DataFrame({"count": column})
            assert HistogramDensity().fit(frame).score(frame) == pytest.approx(want)
            frame["other"] = other
            edges = HistogramDensity(["scott", 5]).fit(frame).bin_edges_[0]
            assert np.diff(edges).min() >= 1
            assert len(edges) <= len(alone)
        truth = (x > 3)[:, None]
        want = HistogramDensity().fit(truth.astype(int)).score(truth.astype(int))
        assert HistogramDensity().fit(truth).score(truth) == pytest.approx(want)

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_a_column_that_is_constant_but_for_rounding(self, dtype, X):
        noise = np.random.RandomState(0).choice([0, 1, 2], size=200)
        constant = 0.3 * (1 + noise * np.finfo(dtype).eps)
        rows = np.insert(X, 1, constant, axis=1).astype(dtype)
        assert len(np.unique(rows[:, 1])) > 1
        histogram = HistogramDensity().fit(rows)
        expected = HistogramDensity().fit(np.insert(X, 1, 0.3, axis=1).astype(dtype))
        np.testing.assert_allclose(
            histogram.score_samples(rows), expected.score_samples(rows), rtol=1e-6
        )
        assert np.ptp(histogram.sample(9, random_state=0)[:, 1]) == 0

    def test_precision(self, X):
        X = X.astype(np.float32)
        histogram = HistogramDensity().fit(X)
        log_p, std = histogram.score_samples(X, return_std=True)
        assert log_p.dtype == std.dtype == np.float32
        double = HistogramDensity().fit(X.astype(np.float64))
        np.testing.assert_array_equal(
            log_p, double.score_samples(X.astype(np.float64)).astype(np.float32)
        )

    @pytest.mark.parametrize(
        ("bins", "message"),
        [
            ([3, 3], "an entry for each of 3 features; got 2"),
            ([3, 0, 3], "bins of feature 1 must be one of .* got 0"),
            ([3, 3, "knuth"], "bins of feature 2 must be one of .* got 'knuth'"),
            ([3, 3, 2.5], "two or more finite numbers in ascending order; got 2.5"),
            ([3, [1.0, 1.0], 3], "bins of feature 1"),
            ([3, [0.0, np.inf], 3], "bins of feature 1"),
            ([[7, 8], 3, 3], "n_samples=200, all outside"),
            ("knuth", "The 'bins' parameter of HistogramDensity must be"),
        ],
    )
    def test_bad_bins(self, bins, message, X):
        histogram = HistogramDensity(bins)
        with pytest.raises(ValueError, match=message):
            histogram.fit(X)
        assert not hasattr(histogram, "bin_edges_")


class TestOccupiedCells:
    @pytest.mark.parametrize("largest", [2**62, 5000])
    def test_against_a_dictionary(self, largest, monkeypatch):
        monkeypatch.setattr(_cells, "LARGEST_CODE", largest)
        rng = np.random.RandomState(0)
        n_bins = rng.randint(1, 9, size=120).tolist()
        bins = rng.randint(n_bins, size=(50, 120))
        bins = bins[rng.randint(50, size=300)]  # every cell about 6 times
        bins[:, :100] = bins[0, :100]  # so that cells differ late
        cells, cell, levels = occupied_cells(bins, n_bins)
        assert len(levels) > 1
        known = sorted(set(map(tuple, bins)))
        np.testing.assert_array_equal(cells, known)
        expected = [known.index(tuple(row)) for row in bins]
        np.testing.assert_array_equal(cell, expected)
        queries = bins.copy()
        changed = rng.uniform(size=300) < 0.5
        column = rng.randint(120, size=300)
        queries[changed, column[changed]] = rng.randint(-1, 1, changed.sum())
        where = {row: i for i, row in enumerate(known)}
        expected = [where.get(tuple(row), -1) for row in queries]
        np.testing.assert_array_equal(find_cells(levels, queries), expected)

    def test_bin_numbers(self):
        edges = [np.array([0.0, 1.0, 3.0]), np.array([2.0, 2.0])]
        X = np.array([[0, 2], [1, 2], [3, 1], [3.1, 2], [-1, 2], [2.9, 2.1]])
        expected = [[0, 0], [1, 0], [1, -1], [-1, 0], [-1, 0], [1, -1]]
        np.testing.assert_array_equal(bin_numbers(X, edges), expected)
