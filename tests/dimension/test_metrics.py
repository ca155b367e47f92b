"""Metrics have to grow like a length: what is known of spheres, cubes and circles."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from sklatent.datasets import make_hypersphere
from sklatent.dimension import Gride, LevinaBickel, NeighborScaling, TwoNN
from sklatent.exceptions import DiscreteDataWarning, DuplicateRowsWarning

ESTIMATORS = [TwoNN, Gride, LevinaBickel, NeighborScaling]
each_class = pytest.mark.parametrize("cls", ESTIMATORS, ids=lambda cls: cls.__name__)
LOCAL = [LevinaBickel(3, 6), TwoNN(n_neighbors=5), NeighborScaling(5)]
each_local = pytest.mark.parametrize("estimator", LOCAL, ids=repr)
each_direction = pytest.mark.parametrize("metric", ["cosine", "correlation"])


# Coordinates of rows with mean 0.
CONTRASTS = {p: np.linalg.qr(np.eye(p) - 1 / p)[0][:, :-1].T for p in (3, 4, 5, 6)}


def sphere(n, d, metric, seed=0):
    """Rows of any length whose directions are even on a sphere, and these."""
    Z, _ = make_hypersphere(n, dimension=d, random_state=seed)
    rng = np.random.RandomState(seed)
    length = np.exp(rng.normal(size=(n, 1)))
    if metric == "cosine":
        return length * Z, Z
    return length * Z @ CONTRASTS[d + 2] + rng.normal(size=(n, 1)), Z


def assert_is(fitted, d, rel=0.03):
    """Within 4 standard errors, and the bias in few dimensions."""
    assert abs(fitted.dimension_ - d) < 4 * fitted.dimension_std_ + rel * d


@each_class
@each_direction
@pytest.mark.parametrize("d", [2, 4])
def test_directions_on_a_sphere(cls, metric, d):
    X, Z = sphere(1500, d, metric)
    fitted = cls(metric=metric).fit(X)
    assert_is(fitted, d)
    # It is the Euclidean distance on the sphere, and the lengths of rows do not matter.
    chords = cls().fit(Z)
    assert fitted.dimension_ == pytest.approx(chords.dimension_, rel=1e-9)
    assert fitted.dimension_std_ == pytest.approx(chords.dimension_std_, rel=1e-9)


@each_direction
def test_directions_keep_their_digits(metric):
    """On a circle chords are known; 1 - cos has lost half of the digits of these."""
    rng = np.random.RandomState(0)
    angle = np.cumsum(rng.exponential(1e-7, size=200))
    X = np.column_stack([np.cos(angle), np.sin(angle)]) * rng.uniform(1, 9, (200, 1))
    if metric == "correlation":
        X = X @ CONTRASTS[3] + rng.normal(size=(200, 1))
    chord = np.sort(2 * np.sin(np.abs(angle[:, None] - angle) / 2), axis=1)
    expected = np.sort(np.log(chord[:, 2] / chord[:, 1]))
    found = TwoNN(discard_fraction=0, metric=metric).fit(X).log_ratios_
    # A distance of 1e-7 or so, of vectors of length 1, has eight digits.
    np.testing.assert_allclose(found, expected[: len(found)], atol=1e-5)


@each_local
@each_direction
def test_a_direction_is_not_its_own_neighbor(estimator, metric):
    X, Z = sphere(200, 3, metric)
    fitted = clone(estimator).set_params(metric=metric).fit(X)
    local = fitted.local_dimension_[:, None]
    np.testing.assert_allclose(fitted.transform(X), local, rtol=1e-7)
    np.testing.assert_allclose(fitted.transform(3.7 * X), local, rtol=1e-7)
    new, new_Z = sphere(20, 3, metric, seed=1)
    euclidean = clone(estimator).set_params(metric="euclidean").fit(Z)
    expected = euclidean.transform(new_Z)
    np.testing.assert_allclose(fitted.transform(new), expected, rtol=1e-7)


@each_class
@each_direction
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_in_one_direction_count_once(cls, metric, dtype):
    X = sphere(300, 2, metric)[0].astype(dtype)
    multiples = 3 * X[:20] + (7 if metric == "correlation" else 0)
    with pytest.warns(DuplicateRowsWarning, match="20 of 320 rows"):
        fitted = cls(metric=metric).fit(np.vstack([X, multiples]))
    assert fitted.n_duplicates_ == 20
    expected = cls(metric=metric).fit(X).dimension_
    assert fitted.dimension_ == pytest.approx(expected, rel=1e-4)


@each_direction
def test_rows_without_a_direction(metric):
    X = sphere(50, 3, metric)[0]
    estimator = LevinaBickel(metric=metric)
    fitted = clone(estimator).fit(X)
    X[7] = 0 if metric == "cosine" else 0.1  # whose mean is not quite 0.1
    X[9] = X[7]
    needs = rf"metric='{metric}' compares directions.*2 of 50 rows.*row 7\. Leave"
    for method in (fitted.transform, estimator.fit):
        with pytest.raises(ValueError, match=needs):
            method(X)
    assert not hasattr(estimator, "dimension_")


@each_direction
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_directions_in_any_unit(metric, scale):
    X = sphere(100, 2, metric)[0]
    expected = LevinaBickel(metric=metric).fit(X).dimension_
    X[::2] *= scale
    found = LevinaBickel(metric=metric).fit(X).dimension_
    assert found == pytest.approx(expected, rel=1e-9)


@each_class
@pytest.mark.parametrize(
    "metric",
    ["euclidean", "manhattan", "chebyshev", "braycurtis", "canberra", "haversine"],
)
def test_metrics_of_first_order(cls, metric):
    """Even points of a square, with entries that are not small."""
    X = np.random.RandomState(0).uniform(0.5, 1.5, size=(1500, 2))
    assert_is(cls(metric=metric).fit(X), 2)


def test_squared_distances_halve_the_dimension():
    X = np.random.RandomState(0).normal(size=(300, 3))
    D = cdist(X, X)
    for cls in ESTIMATORS:
        squared = cls(metric="precomputed").fit(D**2).dimension_
        assert squared == pytest.approx(cls().fit(X).dimension_ / 2, rel=1e-9)
    with pytest.raises(InvalidParameterError, match="'metric' parameter of TwoNN"):
        TwoNN(metric="sqeuclidean").fit(X)


class TestChordsOfProducts:
    """sqrt(2 - 2 <x, y>): where it should be 0 it is the root of some rounding."""

    @staticmethod
    def chords(X, seed=0):
        """With the rounding of sums of a few hundred products, whatever BLAS does."""
        noise = np.random.RandomState(seed).randint(-8, 9, size=(len(X), len(X)))
        noise[0, 0] = 8
        squares = cdist(X, X, "sqeuclidean") + np.finfo(float).eps * noise
        return np.sqrt(np.maximum(squares, 0))

    @each_class
    def test_it_is_taken_for_zero(self, cls):
        X, _ = make_hypersphere(300, dimension=3, random_state=0)
        D = self.chords(X)
        assert 1e-8 < np.diagonal(D).max() < 1e-7
        assert (D != D.T).any()
        expected = cls(metric="precomputed").fit(cdist(X, X))
        found = cls(metric="precomputed").fit(D)
        assert found.n_duplicates_ == 0
        assert found.dimension_ == pytest.approx(expected.dimension_, rel=1e-9)
        # Rows that are equal are so up to this rounding.
        with pytest.warns(DuplicateRowsWarning, match="12 of 312 rows"):
            found.fit(self.chords(np.vstack([X, X[:12]])))
        assert found.dimension_ == pytest.approx(expected.dimension_, rel=1e-9)

    @each_local
    def test_transform_leaves_the_row_itself_out(self, estimator):
        X, _ = make_hypersphere(300, dimension=3, random_state=0)
        fitted = clone(estimator).set_params(metric="precomputed").fit(self.chords(X))
        local = fitted.local_dimension_[:, None]
        again = self.chords(X, seed=1)
        np.testing.assert_allclose(fitted.transform(again), local, rtol=1e-7)

    def test_it_is_small(self):
        """Distances that are right are not merged, however small; errors are seen."""
        X = np.exp(-np.random.RandomState(0).uniform(0, 25, size=(200, 1)))
        D = cdist(X, X)
        assert TwoNN(metric="precomputed").fit(D).n_duplicates_ == 0
        for wrong in (1e-6, 0.1):
            np.fill_diagonal(D, wrong)
            with pytest.raises(ValueError, match="0 on its diagonal, up to rounding"):
                TwoNN(metric="precomputed").fit(D)
        np.fill_diagonal(D, 0)
        D[3, 4] *= 1 + 1e-12
        TwoNN(metric="precomputed").fit(D)
        D[3, 4] += 1e-3
        with pytest.raises(ValueError, match="must be symmetric"):
            TwoNN(metric="precomputed").fit(D)


class TestTies:
    """Rounding does not hide that data is on a grid."""

    def test_in_single_precision(self):
        rounded = np.random.RandomState(0).normal(50, 1, size=(500, 3)).round(1)
        rounded = np.unique(rounded, axis=0)
        for X in (rounded, rounded.astype(np.float32)):
            with pytest.warns(DiscreteDataWarning, match="from [1-9][0-9]?% of"):
                TwoNN().fit(X)

    @each_class
    @pytest.mark.parametrize("offset", [0.0, 1e6])
    def test_far_from_the_origin(self, cls, offset):
        """0.01 is not a number in binary; a million beside it leaves eight digits."""
        lattice = np.indices((15, 15)).reshape(2, -1).T * 0.01 + offset
        with pytest.raises(ValueError, match="as on a grid"):
            cls().fit(lattice)

    @each_class
    def test_even_data_far_from_the_origin_has_none(self, cls):
        X = np.random.RandomState(0).normal(size=(500, 3))
        expected = cls().fit(X).dimension_
        assert cls().fit(X + 2.0**20).dimension_ == pytest.approx(expected, rel=1e-4)
        # Nor has it beside entries that are large, but the same for neighbors.
        stamps = np.where(np.arange(500) < 300, 1.7e18, 1.6e18)
        stamped = cls().fit(np.column_stack([stamps, X])).dimension_
        assert stamped == pytest.approx(expected, rel=0.2)
        X[0] = 1e15
        assert cls().fit(X).dimension_ == pytest.approx(expected, rel=0.02)


def lorenz_series(n_steps, dt=0.01):
    """States of Lorenz' system, by the rule of Runge and Kutta, on its attractor."""

    def slope(x, y, z):
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    state, states = (1.0, 1.0, 20.0), []
    for _ in range(n_steps + 1000):
        k1 = slope(*state)
        k2 = slope(*[s + dt / 2 * k for s, k in zip(state, k1, strict=True)])
        k3 = slope(*[s + dt / 2 * k for s, k in zip(state, k2, strict=True)])
        k4 = slope(*[s + dt * k for s, k in zip(state, k3, strict=True)])
        steps = zip(state, k1, k2, k3, k4, strict=True)
        state = tuple(s + dt / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in steps)
        states.append(state)
    return np.array(states[1000:])


def test_rows_that_are_consecutive_in_time():
    """The dimension of Lorenz' attractor is 2.05 (Grassberger and Procaccia 1983).

    Errors in units of the standard error: 1 for rows that are independent, and much
    more for parts of a series, each of which shows a few turns; thinned to 0.5 units of
    time, about a turn, the whole is as if drawn.
    """
    series = lorenz_series(50_000)

    def errors(parts):
        fits = [LevinaBickel().fit(part) for part in parts]
        return [(f.dimension_ - 2.05) / f.dimension_std_ for f in fits]

    assert np.sqrt(np.mean(np.square(errors(np.split(series, 25))))) > 4
    thinned = [series[start::50] for start in (0, 12, 25, 37)]
    assert np.sqrt(np.mean(np.square(errors(thinned)))) < 2.5
