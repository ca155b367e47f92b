"""The way back from places, against closed forms and rows that were not seen."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import lsq_linear
from sklearn.datasets import load_digits, make_s_curve
from sklearn.manifold import Isomap

from sklatent.utils._decoder import DECAY, NEIGHBORS, RIDGES, Decoder


def standard(n, q, seed=0):
    """Places from a normal distribution."""
    return np.random.RandomState(seed).normal(size=(n, q))


def fitted(Z, X, **settings):
    """A decoder of rows that count once."""
    return Decoder(**settings).fit(Z, X, np.ones(len(Z)))


def by_least_squares(Z, X, weight, z, k, ridge):
    """The fit at one place, as a ridge regression that SciPy solves."""
    d = np.sqrt(np.square(Z - z).sum(axis=1))
    near = np.argsort(d)[:k]
    w = weight[near] * np.exp(-DECAY * (d[near] / d[near].max()) ** 2)
    w /= w.sum()
    center, mean = w @ Z[near], w @ X[near]
    A = np.sqrt(w)[:, None] * (Z[near] - center)
    r = ridge * (A**2).sum() / Z.shape[1]
    stacked = np.vstack([A, np.sqrt(r) * np.eye(Z.shape[1])])
    fit = []
    for x, m in zip(X[near].T, mean, strict=True):
        target = np.append(np.sqrt(w) * (x - m), np.zeros(Z.shape[1]))
        slope = lsq_linear(stacked, target, tol=1e-15).x
        fit.append(m + (z - center) @ slope)
    return np.array(fit)


@pytest.mark.parametrize("q", [1, 2, 5, 20, 64])
@pytest.mark.parametrize("n", [1, 2, 3, 200])
def test_a_linear_map_is_found(n, q):
    """Rows that are a linear function of the places come back, at training places."""
    Z = standard(n, q)
    X = Z @ standard(q, 3, 1) + 1e3
    error = np.abs(fitted(Z, X).decode(Z) - X).max()
    assert error < 1e-6 * np.abs(X - X.mean(axis=0)).max() + 1e-9


def test_a_linear_map_is_found_between_the_places():
    """New places inside of the others get the rows of the linear map."""
    Z, new = standard(300, 2), 0.5 * standard(50, 2, 1)
    W = standard(2, 4, 2)
    assert_allclose(fitted(Z, Z @ W).decode(new), new @ W, atol=1e-7)


@pytest.mark.parametrize("q", [2, 30])
@pytest.mark.parametrize("ridge", [0.1, 1.0])
def test_the_fit_is_the_ridge_regression(q, ridge):
    """Both forms of the solution, of q and of k equations, are SciPy's."""
    Z, X = standard(100, q), standard(100, 3, 1)
    weight = np.random.RandomState(2).randint(1, 4, 100).astype(float)
    decoder = Decoder(16, ridge).fit(Z, X, weight)
    for z in 0.3 * standard(5, q, 3):
        exact = by_least_squares(Z, X, weight, z, 16, ridge)
        assert_allclose(decoder.decode(z[None])[0], exact, atol=1e-9)


def test_leaving_out_equals_fitting_without():
    """The errors that settings are chosen by are those of decoders without the row."""
    Z, X = standard(40, 2), standard(40, 3, 1)
    weight = np.random.RandomState(2).randint(1, 4, 40).astype(float)
    errors = Decoder(8, 0.1).fit(Z, X, weight).left_out(8, RIDGES)
    for ridge, error in zip(RIDGES, errors, strict=True):
        squares = []
        for i in range(40):
            others = np.arange(40) != i
            without = Decoder(8, ridge).fit(Z[others], X[others], weight[others])
            squares.append(np.square(without.decode(Z[[i]]) - X[i]).sum())
        assert_allclose(error, np.average(squares, weights=weight), rtol=1e-6)


def test_an_infinite_ridge_is_the_mean_of_the_neighbors():
    """At equal distances from two places their rows count alike."""
    decoder = fitted(np.array([[0.0], [2.0], [9.0]]), np.array([[1.0], [5.0], [70.0]]))
    decoder.n_neighbors, decoder.ridge = 2, np.inf
    assert_allclose(decoder.decode(np.array([[1.0]])), [[3.0]])


def test_settings_follow_the_noise():
    """Noise takes many neighbors; a curve without noise few, and slopes."""
    Z = standard(1000, 1)
    noisy = fitted(Z, standard(1000, 2, 1))
    curve = fitted(Z, np.sin(8 * Z))
    assert noisy.n_neighbors == max(NEIGHBORS)
    assert curve.n_neighbors < noisy.n_neighbors
    assert curve.ridge < 0.1


def test_slopes_beat_means_on_new_rows():
    """On an S-curve, new rows are rebuilt five times as well as by a mean of ten."""
    X, _ = make_s_curve(1200, random_state=0)
    isomap = Isomap(n_neighbors=10).fit(X[:1000])
    Z, new = isomap.embedding_, isomap.transform(X[1000:])
    error = np.square(fitted(Z, X[:1000]).decode(new) - X[1000:]).mean()
    nearest = np.square(new[:, None] - Z).sum(axis=2).argsort(axis=1)[:, :10]
    plain = np.square(X[nearest].mean(axis=1) - X[1000:]).mean()
    assert error < 0.2 * plain


def test_digits_from_two_components():
    """New digits are rebuilt better than by the mean of the ten nearest."""
    X = load_digits().data
    X = X[np.random.RandomState(0).permutation(len(X))]
    isomap = Isomap(n_neighbors=10).fit(X[:1000])
    Z, new = isomap.embedding_, isomap.transform(X[1000:])
    error = np.square(fitted(Z, X[:1000]).decode(new) - X[1000:]).mean()
    nearest = np.square(new[:, None] - Z).sum(axis=2).argsort(axis=1)[:, :10]
    assert error < np.square(X[nearest].mean(axis=1) - X[1000:]).mean()


def test_weights_are_counts():
    """A row of weight 3 is three equal rows; one of weight 0 is not there."""
    Z, X = standard(30, 2), standard(30, 3, 1)
    weight = np.ones(30)
    weight[:10], weight[25:] = 3, 0
    new = standard(20, 2, 2)
    got = Decoder(8, 0.1).fit(Z, X, weight).decode(new)
    expected = Decoder(8, 0.1).fit(Z[:25], X[:25], weight[:25]).decode(new)
    assert_array_equal(got, expected)
    for z, row in zip(new, got, strict=True):
        exact = by_least_squares(Z[:25], X[:25], weight[:25], z, 8, 0.1)
        assert_allclose(row, exact, atol=1e-8)


def test_each_place_by_itself():
    """A row does not depend on the places beside it."""
    decoder = fitted(standard(500, 3), standard(500, 5, 1))
    new = standard(300, 3, 2)
    together = decoder.decode(new)
    alone = np.concatenate([decoder.decode(z[None]) for z in new])
    assert_allclose(together, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("far", [1e3, 1e12, 1e300])
def test_far_places_stay_near_the_rows(far):
    """No slope is followed to where there is no place."""
    Z, X = standard(200, 2), standard(200, 3, 1)
    got = fitted(Z, X).decode(np.array([[far, -far], [0.0, far]]))
    assert np.isfinite(got).all()
    assert np.abs(got).max() < 10 * np.abs(X).max()


def test_coinciding_places_get_the_mean_of_their_rows():
    """Places that are all one have one row."""
    X = standard(5, 3)
    got = fitted(np.ones((5, 2)), X).decode(np.ones((1, 2)))
    assert np.isfinite(got).all()
    assert (got >= X.min(axis=0)).all() and (got <= X.max(axis=0)).all()
    Z = np.repeat(standard(50, 2), 2, axis=0)
    rows = standard(100, 1, 1)
    pairs = rows.reshape(50, 2).mean(axis=1)
    got = fitted(Z, rows, n_neighbors=2, ridge=np.inf).decode(Z[::2])
    assert_allclose(got[:, 0], pairs)


def test_a_component_without_variance_changes_nothing():
    """A constant component leaves the reconstruction as it is."""
    Z, X = standard(100, 2), standard(100, 3, 1)
    with_constant = np.column_stack([Z, np.full(100, 7.0)])
    got = fitted(with_constant, X, n_neighbors=8, ridge=1e-10).decode(with_constant)
    expected = fitted(Z, X, n_neighbors=8, ridge=1e-10).decode(Z)
    assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_the_unit_of_the_places_changes_nothing(scale):
    """Places may be in any unit."""
    Z, X = standard(100, 2), standard(100, 3, 1)
    got = fitted(scale * Z, X).decode(scale * Z)
    assert_allclose(got, fitted(Z, X).decode(Z), atol=1e-9)


def test_offsets_cost_only_their_digits():
    """Places at 1e8 are as good as those around 0."""
    Z, X = standard(100, 2), standard(100, 3, 1)
    got = fitted(Z + 1e8, X).decode(Z + 1e8)
    assert_allclose(got, fitted(Z, X).decode(Z), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_that_of_the_places(dtype):
    """Single precision in, single precision out."""
    Z, X = standard(100, 2).astype(dtype), standard(100, 3, 1).astype(dtype)
    got = fitted(Z, X).decode(Z)
    assert got.dtype == dtype
    exact = fitted(Z.astype(float), X.astype(float)).decode(Z.astype(float))
    assert_allclose(got, exact, atol=1e-4 if dtype == np.float32 else 0)
