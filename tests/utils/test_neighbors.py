"""The nearest rows, against differences of all pairs."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from sklatent.utils import _neighbors, _tree_search
from sklatent.utils._mutual import mutual_nearest
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._proposals import Proposals

# Rounding of a sum of squares, in another order.
RTOL = 1e-14


def all_pairs(X, k, Q=None):
    """Distances of all pairs by differences, sorted."""
    Q = X if Q is None else Q
    D = np.sqrt(((Q[:, None] - X) ** 2).sum(axis=2))
    order = np.argsort(D, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(D, order, axis=1), order


def manhattan(x, y):
    return np.abs(x - y).sum()


def normal(n, p, seed=0):
    return np.random.RandomState(seed).normal(size=(n, p))


def askew(n, d, p, seed=0):
    """Rows of d dimensions that lie askew in p features."""
    axes = np.linalg.qr(normal(p, p, seed + 1))[0]
    return normal(n, d, seed) @ axes[:d]


HARD = {
    "askew": askew(600, 3, 12),
    "askew and far apart": np.vstack([askew(300, 3, 12), 1e9 + askew(300, 3, 12, 2)]),
    "even": normal(600, 12),
    "one feature": normal(600, 1),
    "far from the origin": 1e8 + normal(600, 12),
    "clusters far apart": np.vstack([normal(300, 12), 1e6 + normal(300, 12, 1)]),
    "an outlier": np.vstack([normal(599, 12), np.full((1, 12), 1e12)]),
    "one direction": np.linspace(0, 1, 600)[:, None] ** 2 * np.ones(40) + 7,
    "features of zeros": np.pad(normal(600, 3), ((0, 0), (0, 60))),
    "grid": np.stack(np.meshgrid(*[np.arange(5.0)] * 4), axis=-1).reshape(-1, 4),
    "rows repeated": np.repeat(normal(200, 12), 3, axis=0),
    "sorted": np.sort(normal(5000, 12), axis=0),
    "single precision": normal(600, 12).astype(np.float32),
}


@pytest.fixture(params=["tree", "products"])
def method(request, monkeypatch):
    few = request.param == "tree"
    monkeypatch.setattr(_neighbors, "has_few_dimensions", lambda X: few)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("X", HARD.values(), ids=HARD)
@pytest.mark.parametrize("k", [1, 4, 40])
@pytest.mark.slow
def test_distances_are_those_of_differences(X, k):
    distances, indices = k_nearest(X, k)
    D = np.linalg.norm(X[:, None, :].astype(np.float64) - X[indices], axis=2)
    np.testing.assert_allclose(distances, D, rtol=RTOL)
    expected, _ = all_pairs(X.astype(np.float64), k, X.astype(np.float64)[::7])
    np.testing.assert_allclose(distances[::7], expected, rtol=RTOL)
    assert (np.sort(indices, axis=1)[:, 1:] != np.sort(indices, axis=1)[:, :-1]).all()


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("exponent", [-1000, -500, 0, 500, 1000])
def test_any_scale(exponent):
    """A power of two changes nothing, to the last bit."""
    X = normal(300, 5)
    distances, indices = k_nearest(X, 3)
    scaled, same = k_nearest(np.ldexp(X, exponent), 3)
    np.testing.assert_array_equal(scaled, np.ldexp(distances, exponent))
    np.testing.assert_array_equal(same, indices)


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("n_jobs", [None, 1, 3])
@pytest.mark.slow
def test_queries_and_threads(n_jobs):
    X, Q = normal(3000, 9), 1.5 * normal(700, 9, seed=1)
    distances, indices = k_nearest(X, 5, queries=Q, n_jobs=n_jobs)
    expected, order = all_pairs(X, 5, Q)
    np.testing.assert_allclose(distances, expected, rtol=RTOL)
    np.testing.assert_array_equal(indices, order)
    # A row does not depend on the others.
    alone, _ = k_nearest(X, 5, queries=Q[3:4], n_jobs=n_jobs)
    np.testing.assert_array_equal(alone[0], distances[3])


@pytest.mark.usefixtures("method")
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "precomputed"])
def test_some_ranks_are_columns_of_all(metric):
    X, ranks = normal(300, 4), np.array([0, 2, 7])
    Q = normal(40, 4, seed=1)
    if metric == "precomputed":
        X, Q = pairwise_distances(X), pairwise_distances(Q, X)
    for queries in (None, Q):
        every = k_nearest(X, 9, queries=queries, metric=metric)
        some = k_nearest(X, 9, queries=queries, metric=metric, ranks=ranks)
        for found, expected in zip(some, every, strict=True):
            np.testing.assert_array_equal(found, expected[:, ranks])


def test_memory_grows_with_the_ranks_that_are_kept():
    X = normal(50_000, 2)
    tracemalloc.start()
    k_nearest(X, 65, ranks=np.array([1, 64]), n_jobs=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(X) * 65 * 8  # the distances to all of them


def test_single_precision_gives_up_where_it_cannot_tell():
    """Many rows within its rounding error of each other, far from the center."""
    far = 1e5 + normal(1000, 20)
    X = np.vstack([normal(1200, 20), far])
    found, squares, _ = Proposals(X, 3, np.float32).nearest(far[:50])
    assert not found.any()
    assert squares.shape == (0, 3)
    found, squares, indices = Proposals(X, 3, np.float64).nearest(far[:50])
    assert found.all()
    expected, order = all_pairs(X, 3, far[:50])
    np.testing.assert_allclose(np.sqrt(squares), expected, rtol=RTOL)
    np.testing.assert_array_equal(indices, order)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.slow
def test_rounding_of_products_is_within_the_bound(dtype):
    """The bound at the head of the file, at pairs of all distances."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 50)) * np.geomspace(1e-6, 1e3, 2000)[:, None]
    proposals = Proposals(X, 2, dtype)
    exact = np.longdouble(X[proposals.order]) - proposals.center
    exact = np.ldexp(exact, proposals.shift)
    left, _ = proposals.queries(X[:300])
    s = left @ proposals.columns.T
    q = np.ldexp(np.longdouble(X[:300]) - proposals.center, proposals.shift)
    d2 = ((q[:, None] - exact) ** 2).sum(axis=2)
    x2, y2 = (q**2).sum(axis=1)[:, None], (exact**2).sum(axis=1)
    error = np.abs(s - d2)
    assert (error <= 2 * proposals.c * (x2 + y2) + proposals.underflow).all()


def test_turned_rows_are_as_far_apart_as_the_bound_says():
    """The bound at the head of the file, at pairs of all distances."""
    rng = np.random.RandomState(0)
    X = askew(500, 4, 30) * np.geomspace(1e-6, 1e3, 500)[:, None]
    center, axes, _ = _tree_search._principal_axes(X)
    turned = np.longdouble((X - center) @ axes)
    exact = np.longdouble(X)
    i, j = rng.randint(500, size=(2, 20_000))
    t = np.sqrt(((turned[i] - turned[j]) ** 2).sum(axis=1))
    d = np.sqrt(((exact[i] - exact[j]) ** 2).sum(axis=1))
    x = np.sqrt(((exact[i] - center) ** 2).sum(axis=1))
    assert (np.abs(t - d) <= _tree_search._rounding(30) * (2 * x + d)).all()


def test_rows_that_turning_cannot_tell_apart_are_searched_for_as_they_are():
    """Two groups of rows that are 1e12 from each other, and less than 0.1 across."""
    group = 1e-4 * normal(300, 5)
    X = np.vstack([group, 1e12 + np.rint(1e6 * group) * 2.0**-13])
    found, _ = _tree_search.nearest_by_tree(X, X, 4, np.arange(4), 1)
    expected, _ = all_pairs(X, 4)
    np.testing.assert_allclose(np.sqrt(found), expected, rtol=RTOL)


def test_rows_that_tie_are_in_their_order():
    """Two rows at each corner of a cube that lies askew."""
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), axis=-1).reshape(-1, 3)
    X = np.pad(np.repeat(corners, 2, axis=0), ((0, 0), (0, 2)))
    X[:, 3] = X[:, 4] = X[:, :3].sum(axis=1)
    squares, indices = _tree_search.nearest_by_tree(X, X, 16, np.arange(16), 1)
    D = ((X[:, None] - X) ** 2).sum(axis=2)
    order = np.argsort(D, axis=1, kind="stable")
    np.testing.assert_array_equal(squares, np.take_along_axis(D, order, axis=1))
    np.testing.assert_array_equal(indices, order)


def test_products_serve_both_rows_of_a_pair():
    """The same as searching for one row after the other, whatever the threads."""
    far = 1e5 + normal(600, 20)  # too close to each other for single precision
    X = np.vstack([normal(3000, 20), far])
    proposals = Proposals(X, 3, np.float32)
    found, squares, indices = mutual_nearest(proposals, 2)
    np.testing.assert_array_equal(found, proposals.order < 3000)
    distances, order = k_nearest(X, 3, queries=X[proposals.order[found]])
    np.testing.assert_array_equal(np.sqrt(squares), distances)
    np.testing.assert_array_equal(indices, order)
    for n_jobs in (1, 2):
        distances, order = k_nearest(X, 3, n_jobs=n_jobs)
        expected, expected_order = k_nearest(X, 3, queries=X.copy())
        np.testing.assert_array_equal(distances, expected)
        np.testing.assert_array_equal(order, expected_order)


@pytest.mark.parametrize("metric", ["manhattan", "cosine", "chebyshev"])
def test_other_metrics(metric):
    X = normal(300, 6)
    distances, indices = k_nearest(X, 4, metric=metric)
    D = pairwise_distances(X, metric=metric)
    np.testing.assert_allclose(distances, np.sort(D, axis=1)[:, :4], atol=1e-12)
    given, same = k_nearest(D, 4, metric="precomputed")
    np.testing.assert_allclose(given, distances, atol=1e-12)
    np.testing.assert_array_equal(same[:, 1:], indices[:, 1:])


@pytest.mark.parametrize("has_queries", [False, True])
@pytest.mark.parametrize(
    "metric", ["euclidean", "manhattan", manhattan, "precomputed"], ids=str
)
@pytest.mark.usefixtures("method")
def test_reports_add_up_to_the_queries(metric, has_queries):
    X = normal(600, 12)[: 50 if callable(metric) else None]
    queries = normal(700, 12, 1)[: 60 if callable(metric) else None]
    queries[5] *= 1e18  # far from all rows
    if metric == "precomputed":
        X, queries = cdist(X, X), cdist(queries, X)
    options = {"metric": metric, "queries": queries if has_queries else None}
    counts = []
    found = k_nearest(X, 4, report=counts.append, **options)
    assert sum(counts) == len(queries if has_queries else X)
    np.testing.assert_array_equal(found, k_nearest(X, 4, **options))


def test_reports_of_products_are_in_proportion_to_the_work():
    """Each block of rows is multiplied by itself and those after it."""
    counts = []
    k_nearest(normal(256 * 8, 40), 3, report=counts.append)
    share = np.cumsum(counts) / (256 * 8)
    left = np.arange(7, -1, -1) / 8
    np.testing.assert_allclose(share, 1 - left**2)


def test_unique_rows():
    rng = np.random.RandomState(0)
    rows = rng.permutation(np.repeat(np.arange(100), 3))
    X = normal(100, 4)[rows]
    X[X < -1.5] = 0.0
    X[::2][X[::2] == 0] = -0.0  # which equals 0.0
    first, inverse, counts = unique_rows(X)
    expected, at, back, times = np.unique(
        X, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    np.testing.assert_array_equal(first, np.sort(at))
    np.testing.assert_array_equal(X[first][inverse], X)
    assert len(expected) == len(first)
    assert counts.sum() == 300
    assert sorted(counts) == sorted(times)
    assert back.max() == inverse.max()
    assert (np.diff(first) > 0).all()


@pytest.mark.slow
def test_method_for_data_of_any_shape():
    """More features than a power can count, rows that are all equally far."""
    wide = normal(100, 3000)
    np.testing.assert_allclose(k_nearest(wide, 3)[0], all_pairs(wide, 3)[0], rtol=RTOL)
    corners = np.eye(600)
    expected = np.full((600, 2), np.sqrt(2.0))
    np.testing.assert_allclose(k_nearest(corners, 3)[0][:, 1:], expected, rtol=RTOL)
    flat = np.pad(normal(10_000, 2), ((0, 0), (0, 20)))
    assert _neighbors.has_few_dimensions(flat)
    assert not _neighbors.has_few_dimensions(normal(10_000, 22))


@pytest.mark.parametrize("far", [1e17, 1e30, 1e160, 1e308])
def test_queries_far_from_everything(far):
    """They are as far as they are from the origin, and spoil no other query."""
    X = normal(60, 3)
    Q = np.vstack([X[0] + 1e-3, np.full(3, far), X[1]])
    distances, indices = k_nearest(X, 3, queries=Q)
    expected, order = all_pairs(X, 3, Q[::2])
    np.testing.assert_allclose(distances[::2], expected, rtol=RTOL)
    np.testing.assert_array_equal(indices[::2], order)
    largest = np.finfo(np.float64).max
    np.testing.assert_allclose(distances[1], min(far, largest / 1.7321) * 3**0.5, 1e-4)
    small, _ = k_nearest(1e-200 * X, 3, queries=1e-200 * Q[:1])
    beside, _ = k_nearest(1e-200 * X, 3, queries=np.vstack([1e-200 * Q[:1], Q[1:2]]))
    np.testing.assert_array_equal(beside[0], small[0])


@pytest.mark.parametrize("value", [0.0, 1e-150, 0.5, 1e8])
def test_rows_without_a_range(value):
    """As the only row of a block may be."""
    X, Q = np.full((3, 4), value), normal(20, 4)
    distances, _ = k_nearest(X, 3, queries=Q)
    expected, _ = all_pairs(X, 3, Q)
    np.testing.assert_allclose(distances, expected, rtol=RTOL)
