"""Graphs of neighbors against brute force and SciPy."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances

from sklatent.manifold._graph import (
    all_geodesics,
    component_labels,
    distinct_rows,
    farthest_by,
    geodesic_landmarks,
    join_components,
    symmetric_graph,
)
from sklatent.manifold._links import GraphSearch, Links, MatrixSearch, RowSearch
from sklatent.utils._neighbors import k_nearest

OPTIONS = {"p": 2, "metric_params": None, "algorithm": "auto", "n_jobs": None}


@pytest.fixture
def X():
    return np.random.RandomState(0).uniform(size=(80, 3))


def graph_of(X, k):
    return symmetric_graph(*k_nearest(X, k + 1), len(X))


def floyd_warshall(D):
    """Shortest paths by the textbook's three loops."""
    D = D.copy()
    for k in range(len(D)):
        D = np.minimum(D, D[:, k : k + 1] + D[k])
    return D


def edges_by_brute_force(X, k):
    D = cdist(X, X)
    near = np.zeros(D.shape, dtype=bool)
    np.put_along_axis(near, np.argsort(D, axis=1)[:, 1 : k + 1], True, axis=1)
    return np.where(near | near.T, D, 0.0)


def test_edges_are_those_of_brute_force(X):
    graph = graph_of(X, 4)
    np.testing.assert_allclose(graph.toarray(), edges_by_brute_force(X, 4), rtol=1e-12)


def test_geodesics_are_those_of_floyd_and_warshall(X):
    edges = edges_by_brute_force(X, 6)
    D = np.where(edges > 0, edges, np.inf)
    np.fill_diagonal(D, 0)
    expected = floyd_warshall(D)
    graph = graph_of(X, 6)
    geodesics = all_geodesics(graph)
    np.testing.assert_allclose(geodesics, expected, rtol=1e-12)
    np.testing.assert_array_equal(geodesics, geodesics.T)
    landmarks, from_landmarks = geodesic_landmarks(graph, 9)
    np.testing.assert_allclose(from_landmarks, expected[:, landmarks], rtol=1e-12)


def test_landmarks_are_the_farthest_in_turn(X):
    graph = graph_of(X, 6)
    D = all_geodesics(graph)
    landmarks, _ = geodesic_landmarks(graph, len(X))
    assert sorted(landmarks) == list(range(len(X)))
    for i in range(1, len(X)):
        gaps = D[landmarks[:i]].min(axis=0)
        assert gaps[landmarks[i]] == pytest.approx(gaps.max(), rel=1e-12)


def farthest_points(X, n_points):
    """Landmarks by Euclidean distances, from the row farthest from the mean."""

    def distances(i):
        from_there = X.mean(axis=0) if i is None else X[i]
        return np.square(X - from_there).sum(axis=1)

    return farthest_by(distances, n_points)


def test_farthest_points_cover(X):
    landmarks = farthest_points(X, 7)
    D = cdist(X, X)
    for i in range(1, 7):
        gaps = D[landmarks[:i]].min(axis=0)
        assert gaps[landmarks[i]] == pytest.approx(gaps.max(), rel=1e-12)
    assert len(farthest_points(np.repeat(X[:3], 4, axis=0), 7)) == 3
    assert len(farthest_points(np.ones((5, 2)), 3)) == 1


def test_distinct_rows(X):
    of = np.array([0, 1, 0, 2, 1, 0])
    distinct, inverse, weight = distinct_rows(X[of], np.arange(6.0))
    np.testing.assert_array_equal(distinct, X[:3])
    np.testing.assert_array_equal(inverse, of)
    np.testing.assert_array_equal(weight, [0 + 2 + 5, 1 + 4, 3])


def joined_by(kind, X, labels):
    """The graph of neighbors within each group, joined."""
    D = cdist(X, X)
    inside = csr_array(np.where(labels[:, None] == labels, D, 0.0))
    search = MatrixSearch(D) if kind == "matrix" else RowSearch(X, kind, **OPTIONS)
    return inside, join_components(inside, search)


@pytest.mark.parametrize("kind", ["euclidean", "manhattan", "matrix"])
@pytest.mark.parametrize("sizes", [[9] * 7, [40, 1, 3, 25, 2, 30, 20]], ids=str)
def test_components_are_joined_by_the_spanning_tree(kind, sizes):
    X, labels = make_blobs(sizes, n_features=2, random_state=3)
    inside, joined = joined_by(kind, X, labels)
    D = pairwise_distances(
        X, metric="manhattan" if kind == "manhattan" else "euclidean"
    )
    between = np.array(
        [
            [D[np.ix_(labels == a, labels == b)].min() for b in range(7)]
            for a in range(7)
        ]
    )
    np.fill_diagonal(between, 0)
    tree = minimum_spanning_tree(csr_array(between))
    added = (joined - inside).tocoo()
    np.testing.assert_allclose(
        np.sort(added.data[added.row < added.col]), np.sort(tree.data), rtol=1e-12
    )
    assert connected_components(joined)[0] == 1


def test_component_labels_start_with_the_first_row():
    X = np.array([[0.0], [9.0], [0.5], [9.5], [30.0], [30.5]])
    np.testing.assert_array_equal(component_labels(graph_of(X, 1)), [0, 1, 0, 1, 2, 2])


@pytest.mark.parametrize("uniform", [True, False])
def test_paths_are_the_shortest(X, uniform):
    rng = np.random.RandomState(1)
    geodesics = cdist(X, X[:9])
    counts = np.full(20, 3) if uniform else rng.randint(1, 6, size=20)
    starts = np.append(0, np.cumsum(counts))
    links = Links(
        starts, rng.randint(80, size=starts[-1]), rng.uniform(size=starts[-1])
    )
    for queries, paths in links.paths(geodesics):
        for i, path in zip(range(20)[queries], paths, strict=True):
            of = slice(starts[i], starts[i + 1])
            expected = [
                length + geodesics[row]
                for row, length in zip(links.rows[of], links.lengths[of], strict=True)
            ]
            np.testing.assert_allclose(path, np.min(expected, axis=0), rtol=1e-15)


def pairs(links):
    return {
        (query, row, round(length, 12))
        for query, row, length in zip(
            links.queries().tolist(),
            links.rows.tolist(),
            links.lengths.tolist(),
            strict=True,
        )
    }


def test_searches_agree(X):
    """Rows, their distances, and the graph of these, have the same links."""
    D = cdist(X, X)
    searches = [
        (RowSearch(X[:60], "euclidean", **OPTIONS), X[60:]),
        (MatrixSearch(D[:60, :60]), D[60:, :60]),
        (GraphSearch(csr_array(D[:60, :60])), csr_array(D[60:, :60])),
    ]
    near, within, own = (
        [pairs(find(search, Q)) for search, Q in searches]
        for find in (
            lambda search, Q: search.nearest(4, Q),
            lambda search, Q: search.within(0.5, Q),
            lambda search, _: search.nearest(60).without_own().shortest(3),
        )
    )
    for found in (near, within, own):
        assert found[0] == found[1] == found[2]
    assert len(near[0]) == 80
    assert len(within[0]) == np.count_nonzero(D[60:, :60] <= 0.5)


def test_repeated_rows_of_distances_are_merged(X):
    of = np.array([3, 0, 1, 0, 2, 3])
    D = cdist(X[of], X[of])
    stored = csr_array(np.ones(D.shape))
    stored.data[:] = D[stored.tocoo().coords]
    for search in (MatrixSearch(D), GraphSearch(stored)):
        np.testing.assert_array_equal(search.inverse, [0, 1, 2, 1, 3, 0])
        np.testing.assert_array_equal(search.counts, [2, 2, 1, 1])
        links = search.nearest(4).without_own()
        expected = RowSearch(X[of], "euclidean", **OPTIONS).nearest(4).without_own()
        assert pairs(links) == pairs(expected)
