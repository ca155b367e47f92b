"""KNeighborsDensity: what its law, brute force and closed forms say of it."""

import itertools
from math import lgamma, log, pi

import numpy as np
import pytest
from scipy.special import digamma
from scipy.stats import beta, chi2
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from sklatent.datasets import make_flat_torus
from sklatent.density.neighbors._kneighbors_density import (
    KNeighborsDensity,
    log_unit_ball,
)
from sklatent.dimension import TwoNN
from sklatent.utils import _progress

LOG_TORUS = -2 * np.log(2 * np.pi)  # density on the torus of two circles


def distances_to(x, X):
    """Sorted distances, by one difference at a time."""
    return np.array(sorted(np.linalg.norm(x - row) for row in X))


def brute_force(x, X, k, unbiased="log_density"):
    """Log-density at a row that is not in X."""
    n, d = X.shape
    r = distances_to(x, X)
    while r[k - 1] == 0:
        k += 1
    log_share = {
        "log_density": digamma(k) - digamma(n + 1),
        "density": log(k - 1) - log(n) if k > 1 else None,
        None: log(k) - log(n),
    }[unbiased]
    return log_share - d / 2 * log(pi) + lgamma(d / 2 + 1) - d * log(r[k - 1])


def brute_kstar(i, X, max_neighbors, alpha=1e-6, d=None):
    """k* of row i by the formula of the paper, the other rows without it."""
    d = d or X.shape[1]
    others = np.delete(np.arange(len(X)), i)
    order = others[np.argsort(np.linalg.norm(X[others] - X[i], axis=1))]
    r_i = distances_to(X[i], X[others])
    k_star = 3
    for k in range(4, min(max_neighbors, len(X) - 2) + 1):
        j = order[k]
        r_j = distances_to(X[j], np.delete(X, [i, j], axis=0))
        if k > len(r_j):
            break
        V, V_j = r_i[k - 1] ** d, r_j[k - 1] ** d
        log_ratio = -2 * k * (log(V) + log(V_j) - 2 * log(V + V_j) + log(4))
        if log_ratio >= chi2.isf(alpha, 1):
            break
        k_star = k
    return k_star


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(60, 3))


class TestFormula:
    @pytest.mark.parametrize("unbiased", ["log_density", "density", None])
    @pytest.mark.parametrize("k", [2, 5, 59])
    def test_brute_force(self, unbiased, k, X):
        density = KNeighborsDensity(k, unbiased=unbiased).fit(X)
        new = np.random.RandomState(1).normal(size=(5, 3))
        expected = [brute_force(x, X, k, unbiased) for x in new]
        np.testing.assert_allclose(density.score_samples(new), expected, rtol=1e-12)
        expected = [
            brute_force(X[i], np.delete(X, i, axis=0), k, unbiased) for i in range(60)
        ]
        np.testing.assert_allclose(density.log_density_, expected, rtol=1e-12)

    @pytest.mark.parametrize(("k", "n"), [(1, 4), (5, 60), (30, 31), (50, 10000)])
    def test_standard_error_is_that_of_the_law(self, k, n):
        """Of log v with v ~ Beta(k, n - k + 1), integrated by SciPy."""
        X = np.random.RandomState(0).normal(size=(n, 1))
        log_density, std = (
            KNeighborsDensity(k).fit(X).score_samples([[0.1]], return_std=True)
        )
        law = beta(k, n - k + 1)
        mean = law.expect(np.log)
        variance = law.expect(lambda v: (np.log(v) - mean) ** 2)
        np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-6)  # quadrature
        r = distances_to(np.array([0.1]), X)[k - 1]
        np.testing.assert_allclose(log_density, mean - np.log(2 * r), rtol=1e-6)

    def test_unit_ball(self):
        """V_d = 2 pi / d V_(d-2), from V_1 = 2 and V_2 = pi; finite at 500."""
        for start, log_volume in [(1, log(2)), (2, log(pi))]:
            for d in range(start, 502, 2):
                np.testing.assert_allclose(log_unit_ball(d), log_volume, atol=1e-10)
                log_volume += log(2 * pi / (d + 2))

    def test_minus_the_entropy(self):
        """Kozachenko and Leonenko on a Gaussian; its standard error is about 0.02.

        The tolerance is 4 of these: a false alarm in 16,000.
        """
        X = np.random.RandomState(0).normal(size=(4000, 2))
        density = KNeighborsDensity(4).fit(X)
        entropy = np.log(2 * np.pi * np.e)
        assert -density.log_density_.mean() == pytest.approx(entropy, abs=0.08)
        assert density.score(X) == pytest.approx(density.log_density_.mean(), rel=1e-12)


class TestLeaveOneOut:
    """A row of the sample gets what a model without it gives."""

    @pytest.mark.parametrize("n_neighbors", [1, 4, "kstar"])
    @pytest.mark.parametrize("n_repeated", [0, 1, 7])
    @pytest.mark.slow
    def test_refit(self, n_neighbors, n_repeated, X):
        X = np.vstack([X[:40], np.repeat(X[:3], n_repeated, axis=0)])
        density = KNeighborsDensity(n_neighbors, alpha=0.3).fit(X)
        np.testing.assert_array_equal(density.score_samples(X), density.log_density_)
        std = density.score_samples(X, return_std=True)[1]
        # A copy of a repeated row would be left out once more.
        for i in range(3 if n_repeated else 0, 40):
            without = KNeighborsDensity(n_neighbors, alpha=0.3)
            without.fit(np.delete(X, i, axis=0))
            expected, expected_std = without.score_samples(X[[i]], return_std=True)
            np.testing.assert_allclose(density.log_density_[i], expected, rtol=1e-12)
            np.testing.assert_allclose(std[i], expected_std, rtol=1e-12)

    @pytest.mark.parametrize("k", [2, 4, 6])
    def test_repeated_rows(self, k, X):
        """One of them is left out; where all k others equal it, k grows."""
        X = np.vstack([X[:40], np.repeat(X[:3], [1, 3, 5], axis=0)])
        density = KNeighborsDensity(k).fit(X)
        expected = [brute_force(X[i], np.delete(X, i, 0), k) for i in range(len(X))]
        np.testing.assert_allclose(density.log_density_, expected, rtol=1e-12)
        assert np.isfinite(KNeighborsDensity("auto").fit(X).log_density_).all()

    def test_all_but_one_equal(self):
        X = np.zeros((20, 2))
        X[7] = [3.0, 4.0]
        for n_neighbors in (3, "auto", "kstar"):
            density = KNeighborsDensity(n_neighbors).fit(X)
            assert np.isfinite(density.log_density_).all()
            log_density, std = density.score_samples([[0, 0], [1, 1]], True)
            assert np.isfinite([log_density, std]).all()
        # The ball up to the 19th other row, in a sample of 19.
        expected = digamma(19) - digamma(20) - log(25 * pi)
        assert log_density[0] == pytest.approx(expected, rel=1e-12)

    def test_all_equal(self):
        with pytest.raises(ValueError, match="n_samples=9, all equal"):
            KNeighborsDensity().fit(np.ones((9, 2)))


class TestErrorBars:
    """On a flat torus, at points so far apart that their balls are disjoint."""

    @staticmethod
    def torus_estimates(seed, **params):
        X, _ = make_flat_torus(20_000, random_state=seed)
        angle = np.arange(20) * 2 * np.pi / 20
        a, b = (A.ravel() for A in np.meshgrid(angle, angle))
        queries = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], axis=1)
        density = KNeighborsDensity(dimension=2, **params).fit(X)
        return density.score_samples(queries, return_std=True)

    @pytest.mark.parametrize("k", [5, 20])
    def test_coverage(self, k):
        """2000 intervals: 93 to 97 % is 4 standard errors around 95 %.

        A false alarm in 16,000, were it not seeded.
        """
        fits = [self.torus_estimates(seed, n_neighbors=k) for seed in range(5)]
        log_p, std = np.concatenate(fits, axis=1)
        covered = np.abs(log_p - LOG_TORUS) < 1.96 * std
        assert 0.93 < covered.mean() < 0.97
        # Its mean and standard deviation are within 4 standard errors too.
        z = (log_p - LOG_TORUS) / std
        assert abs(z.mean()) < 4 / np.sqrt(2000)
        assert abs(z.std() - 1) < 4 * np.sqrt((z**4).mean() - 1) / 2 / np.sqrt(2000)

    def test_density_is_unbiased(self):
        log_p, _ = self.torus_estimates(0, n_neighbors=10, unbiased="density")
        ratio = np.exp(log_p - LOG_TORUS)
        assert abs(ratio.mean() - 1) < 4 * ratio.std() / 20
        biased, _ = self.torus_estimates(0, n_neighbors=10, unbiased=None)
        np.testing.assert_allclose(biased - log_p, np.log(10 / 9), rtol=1e-9)


class TestChoice:
    def test_kstar_brute_force(self):
        rng = np.random.RandomState(0)
        X = np.vstack([rng.normal(size=(50, 2)), 0.02 * rng.normal(size=(40, 2)) + 1])
        density = KNeighborsDensity("kstar", max_neighbors=30, alpha=1e-2).fit(X)
        expected = [brute_kstar(i, X, 30, 1e-2) for i in range(90)]
        np.testing.assert_array_equal(density.n_neighbors_, expected)
        assert density.n_neighbors_.min() < 10
        assert density.n_neighbors_.max() == 30
        fixed = {k: KNeighborsDensity(k).fit(X).log_density_ for k in set(expected)}
        chosen = [fixed[k][i] for i, k in enumerate(expected)]
        np.testing.assert_allclose(density.log_density_, chosen, rtol=1e-12)

    def test_kstar_uses_the_dimension(self):
        X, _ = make_flat_torus(60, random_state=0)
        density = KNeighborsDensity("kstar", dimension=1.5, alpha=0.1).fit(X)
        expected = [brute_kstar(i, X, 100, 0.1, d=1.5) for i in range(60)]
        np.testing.assert_array_equal(density.n_neighbors_, expected)

    def test_kstar_of_an_even_density_is_the_largest(self):
        X, _ = make_flat_torus(2000, random_state=0)
        density = KNeighborsDensity("kstar", dimension=2, max_neighbors=40).fit(X)
        assert (density.n_neighbors_ == 40).mean() > 0.99

    def test_kstar_does_better_than_one_k(self):
        """On two scales at once, by a clear margin for the seed."""
        rng = np.random.RandomState(0)
        X = np.vstack([rng.normal(size=(1000, 2)), 0.01 * rng.normal(size=(1000, 2))])
        r2 = (X**2).sum(axis=1)
        truth = np.log((np.exp(-r2 / 2) + 1e4 * np.exp(-1e4 * r2 / 2)) / (4 * np.pi))
        error = {
            k: np.mean((KNeighborsDensity(k).fit(X).log_density_ - truth) ** 2)
            for k in (5, "kstar", 100)
        }
        assert error["kstar"] < 0.7 * min(error[5], error[100])

    def test_auto_is_the_best_in_leave_one_out(self, X):
        density = KNeighborsDensity("auto", max_neighbors=25).fit(X)
        scores = {
            k: KNeighborsDensity(k, unbiased="density").fit(X).log_density_.mean()
            for k in range(2, 26)
        }
        assert density.n_neighbors_ == max(scores, key=scores.get)
        k = density.n_neighbors_
        np.testing.assert_array_equal(
            density.log_density_, KNeighborsDensity(k).fit(X).log_density_
        )
        assert KNeighborsDensity("auto").fit(X[:4]).n_neighbors_ in {2, 3}


class FixedDimension(BaseEstimator):
    def __init__(self, value=1.5):
        self.value = value

    def fit(self, X, y=None):
        self.dimension_ = self.value
        return self


class TestDimension:
    def test_two_nn(self):
        X, _ = make_flat_torus(2000, n_features=7, random_state=0)
        two_nn = TwoNN()
        density = KNeighborsDensity(20, dimension=two_nn).fit(X)
        assert not hasattr(two_nn, "dimension_"), "the parameter itself was fitted"
        assert density.dimension_ == TwoNN().fit(X).dimension_
        # 0.1 off in dimension is 0.25 in the log-density, for radii around 0.35.
        assert density.log_density_.mean() == pytest.approx(LOG_TORUS, abs=0.3)

    @pytest.mark.parametrize("dimension", [1.5, FixedDimension()])
    def test_any_number(self, dimension, X):
        density = KNeighborsDensity(dimension=dimension).fit(X)
        assert density.dimension_ == 1.5
        assert type(density.dimension_) is float
        ambient = KNeighborsDensity().fit(X)
        log_r = (digamma(5) - digamma(60) - log_unit_ball(3) - ambient.log_density_) / 3
        expected = digamma(5) - digamma(60) - log_unit_ball(1.5) - 1.5 * log_r
        np.testing.assert_allclose(density.log_density_, expected, rtol=1e-9)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, None])
    def test_no_positive_number(self, value, X):
        with pytest.raises(ValueError, match="dimension_ is one; got Fixed"):
            KNeighborsDensity(dimension=FixedDimension(value)).fit(X)


class TestAnyData:
    def test_auto_at_its_bound(self):
        """Of an even density the widest balls are the best."""
        X = np.random.RandomState(0).uniform(size=(300, 1))
        with pytest.warns(ConvergenceWarning, match="max_neighbors=5; give a larger"):
            density = KNeighborsDensity("auto", max_neighbors=5).fit(X)
        assert density.n_neighbors_ == 5
        assert KNeighborsDensity("auto").fit(X[:6]).n_neighbors_ <= 5

    @pytest.mark.parametrize("n_neighbors", [5, "auto", "kstar"])
    def test_units(self, n_neighbors, X):
        """Exactly the log-Jacobian: a sum of two numbers around 1000, and 1e-13."""
        density = KNeighborsDensity(n_neighbors).fit(X)
        for scale in (1e-150, 1e150, 2.0**-400):
            scaled = KNeighborsDensity(n_neighbors).fit(X * scale)
            np.testing.assert_array_equal(scaled.n_neighbors_, density.n_neighbors_)
            np.testing.assert_allclose(
                scaled.log_density_ + 3 * np.log(scale), density.log_density_, atol=1e-9
            )

    @pytest.mark.parametrize("n_neighbors", [5, "auto", "kstar"])
    def test_offset(self, n_neighbors, X):
        X = np.round(X * 2**20) / 2**20  # so that the shift loses nothing
        density = KNeighborsDensity(n_neighbors).fit(X)
        moved = KNeighborsDensity(n_neighbors).fit(X + 1e8)
        np.testing.assert_allclose(moved.log_density_, density.log_density_, rtol=1e-9)

    def test_500_features(self):
        X = np.random.RandomState(0).normal(size=(30, 500))
        density = KNeighborsDensity().fit(X)
        expected = brute_force(X[0], X[1:], 5)
        np.testing.assert_allclose(density.log_density_[0], expected, rtol=1e-12)
        assert np.isfinite(density.score_samples(X + 1, return_std=True)).all()

    def test_precision(self, X):
        X = X.astype(np.float32)
        density = KNeighborsDensity().fit(X)
        assert density.log_density_.dtype == np.float32
        log_density, std = density.score_samples(X, return_std=True)
        assert log_density.dtype == std.dtype == np.float32
        double = KNeighborsDensity().fit(X.astype(np.float64))
        np.testing.assert_allclose(log_density, double.log_density_, rtol=1e-6)
        # Single precision of the same rows is the same rows.
        np.testing.assert_array_equal(double.score_samples(X), log_density)

    def test_integers(self):
        X = np.random.RandomState(0).randint(3, size=(50, 2))
        for n_neighbors in (1, 5, "auto", "kstar"):
            density = KNeighborsDensity(n_neighbors).fit(X)
            assert np.isfinite(density.log_density_).all()
            assert np.isfinite(density.score_samples([[1, 1], [9, 9]], True)).all()

    def test_threads(self, X):
        one, two = (KNeighborsDensity("kstar", n_jobs=n).fit(X) for n in (1, 2))
        np.testing.assert_array_equal(one.log_density_, two.log_density_)

    @pytest.mark.parametrize("n_neighbors", ["auto", "kstar", 1])
    def test_few_rows(self, n_neighbors):
        X = np.random.RandomState(0).normal(size=(5, 2))
        n_needed = {"auto": 3, "kstar": 5, 1: 2}[n_neighbors]
        density = KNeighborsDensity(n_neighbors).fit(X[:n_needed])
        assert np.isfinite(density.log_density_).all()
        assert np.isfinite(density.score_samples(X, return_std=True)).all()
        message = (
            f"n_neighbors={n_neighbors!r} needs n_samples >= {n_needed}.*"
            f"got n_samples={n_needed - 1}"
        )
        with pytest.raises(ValueError, match=message):
            KNeighborsDensity(n_neighbors).fit(X[: n_needed - 1])

    @pytest.mark.parametrize("n", [2, 3, 5])
    def test_as_many_neighbors_as_there_are(self, n, X):
        message = f"n_neighbors=5 is more .* .n_samples={n}., so all {n - 1}"
        with pytest.warns(UserWarning, match=message) as caught:
            density = KNeighborsDensity().fit(X[:n])
        assert len(caught) == 1
        assert density.n_neighbors_ == n - 1
        want = KNeighborsDensity(n - 1).fit(X[:n])
        np.testing.assert_array_equal(density.log_density_, want.log_density_)
        np.testing.assert_array_equal(density.score_samples(X), want.score_samples(X))

    def test_density_needs_two(self, X):
        with pytest.raises(
            ValueError, match=r"must be 2 or more with unbiased.*; got 1"
        ):
            KNeighborsDensity(1, unbiased="density").fit(X)
        with pytest.raises(ValueError, match="needs n_samples >= 3"):
            KNeighborsDensity(unbiased="density").fit(X[:2])

    def test_a_failed_fit_changes_nothing(self, X):
        density = KNeighborsDensity("kstar")
        with pytest.raises(ValueError, match="n_samples=3"):
            density.fit(X[:3])
        assert not [name for name in vars(density) if name.endswith("_")]
        before = dict(vars(density.fit(X)))
        with pytest.raises(ValueError, match="n_samples=3"):
            density.fit(X[:3])
        assert vars(density).items() == before.items()

    def test_no_sampler(self):
        assert not hasattr(KNeighborsDensity(), "sample")


@pytest.mark.parametrize("n_neighbors", [5, "auto", "kstar"])
def test_verbose_prints_blocks_of_rows(n_neighbors, capsys, monkeypatch):
    """With a clock that each look moves by ten seconds there is a line for each."""
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    X = np.random.RandomState(0).normal(size=(600, 2))
    model = KNeighborsDensity(n_neighbors).fit(X)
    silent = model.score_samples(X[:300])
    assert capsys.readouterr().out == ""
    model.set_params(verbose=1).fit(X)
    found = model.score_samples(X[:300])
    np.testing.assert_array_equal(found, silent)
    starts = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == [
        *(f"KNeighborsDensity block of rows {i}/3" for i in (1, 2, 3)),
        "KNeighborsDensity: 1 fit in 40 s.",
        *(f"KNeighborsDensity.score_samples block of rows {i}/2" for i in (1, 2)),
        "KNeighborsDensity.score_samples: 1 call in 30 s.",
    ]
