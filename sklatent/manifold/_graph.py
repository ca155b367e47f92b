"""Graphs of nearest neighbors: their components, landmarks and shortest paths."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from sklatent.exceptions import DisconnectedGraphWarning
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._progress import report_of_counts, shares
from sklatent.utils._warnings import warn

# Rows that differ may be at distance 0 in some metrics, which would be no edge.
SHORTEST_EDGE = np.finfo(np.float64).tiny
# Components of up to so many rows are joined together, by one search.
SMALL = 16
# Rows whose paths are looked for together.
PATH_ROWS = 256


def distinct_rows(X, weight=None):
    """Merge equal rows, whose distance 0 would be no edge in a sparse graph.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,), default=None
        Their weights; 1 each if None.

    Returns
    -------
    X : ndarray of shape (n_distinct, n_features)
        Each row once.
    inverse : ndarray of shape (n_samples,)
        Which of them each row is.
    weight : ndarray of shape (n_distinct,)
        The sum of the weights of equal rows.
    """
    first, inverse, _ = unique_rows(X)
    return X[first], inverse, np.bincount(inverse, weights=weight)


def symmetric_graph(distances, indices, n_samples):
    """Sparse symmetric graph with an edge where either row is a neighbor of the other.

    Parameters
    ----------
    distances, indices : ndarray of shape (n_samples, n_neighbors)
        The nearest rows of each row, as `k_nearest` gives them, of distinct rows.
    n_samples : int
        Number of rows.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        Lengths of the edges, without the diagonal.
    """
    rows = np.repeat(np.arange(n_samples), distances.shape[1])
    return edge_graph(rows, indices.ravel(), distances.ravel(), n_samples)


def edge_graph(rows, columns, lengths, n_samples):
    """Sparse symmetric graph of edges, each of which is listed at least once.

    Parameters
    ----------
    rows, columns : ndarray of shape (n_edges,)
        Which rows each edge joins. No pair is listed twice in the same order.
    lengths : ndarray of shape (n_edges,)
        Lengths of the edges.
    n_samples : int
        Number of rows.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        Lengths of the edges, without the diagonal.
    """
    edges = rows != columns
    lengths = np.maximum(lengths[edges], SHORTEST_EDGE)
    # Shortest paths of SciPy 1.14 take no other integers.
    at = (rows[edges].astype(np.int32), columns[edges].astype(np.int32))
    graph = csr_array((lengths, at), shape=(n_samples, n_samples))
    return graph.maximum(graph.T).tocsr()


def component_labels(graph):
    """Connected component of each row: 0 for that of the first row, and so on."""
    return connected_components(graph, directed=False)[1]


def warn_of_components(n_components, cure):
    """Warn that a graph is not connected, and say what was done about it."""
    warn(
        "The number of connected components of the graph of neighbors is "
        f"{n_components} > 1. {cure}",
        DisconnectedGraphWarning,
    )


def join_components(graph, search):
    """Join the components of a graph by edges that are as short as possible.

    The edges are those of the minimum spanning tree of the components, found in rounds
    (Borůvka 1926): each component but the largest is joined to the row nearest to any
    of its own, until there is one component.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Lengths of the edges.
    search : RowSearch, MatrixSearch or GraphSearch
        The search of `sklatent.manifold._links` among the rows.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        The same with the added edges.
    """
    labels = component_labels(graph)
    while labels.any():
        sizes = np.bincount(labels)
        to_join = np.arange(len(sizes)) != sizes.argmax()
        edges = [
            search.nearest_pair(
                np.flatnonzero(labels == c), np.flatnonzero(labels != c)
            )
            for c in np.flatnonzero(to_join & (sizes > SMALL))
        ]
        small = np.flatnonzero((to_join & (sizes <= SMALL))[labels])
        if len(small):
            edges.extend(_nearest_others(search, small, labels))
        # Two components may have found each other.
        edges = np.unique(np.array(edges), axis=0)
        rows, columns = edges[:, 1:].astype(np.intp).T
        added = edge_graph(rows, columns, edges[:, 0], len(labels))
        graph = graph.maximum(added).tocsr()
        labels = component_labels(graph)
    return graph


def _nearest_others(search, rows, labels):
    """Shortest edges that leave each of some small components, of which rows are given.

    One of the nearest rows of a row is in another component, if more are found than its
    own has.
    """
    distances, indices = search.nearest_of(rows, min(SMALL + 1, len(labels)))
    distances = np.where(labels[indices] == labels[rows, None], np.inf, distances)
    at = distances.argmin(axis=1)[:, None]
    lengths = np.take_along_axis(distances, at, axis=1)[:, 0]
    others = np.take_along_axis(indices, at, axis=1)[:, 0]
    order = np.lexsort((lengths, labels[rows]))
    first = order[np.unique(labels[rows][order], return_index=True)[1]]
    return np.column_stack([lengths, rows, others])[first].tolist()


def geodesic_landmarks(graph, n_landmarks, report=None):
    """Choose landmarks, each the row farthest from those before it, along the graph.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        A connected graph.
    n_landmarks : int
        How many, at most the number of rows.
    report : callable, default=None
        To be called with numbers of rows in proportion to the landmarks that have been
        chosen, which add up to `n_samples`.

    Returns
    -------
    landmarks : ndarray of shape (n_landmarks,)
        Which rows, in the order in which they were chosen (Gonzalez 1985). The first is
        the one with the longest edges.
    geodesics : ndarray of shape (n_samples, n_landmarks)
        Lengths of the shortest paths from all rows to the landmarks.
    """
    n = graph.shape[0]
    landmarks = np.empty(n_landmarks, dtype=np.intp)
    geodesics = np.empty((n, n_landmarks))
    nearest = graph.sum(axis=1)
    report_landmark = report_of_counts(report, shares(n, n_landmarks))
    for i in range(n_landmarks):
        landmarks[i] = nearest.argmax()
        lengths = dijkstra(graph, directed=True, indices=landmarks[i])
        geodesics[:, i] = lengths
        nearest = np.minimum(nearest, lengths) if i else lengths
        if report is not None:
            report_landmark()
    return landmarks, geodesics


def all_geodesics(graph, report=None):
    """Lengths of the shortest paths between all pairs of rows of a connected graph.

    `report`, if there is one, is called with numbers of rows that are done.
    """
    n = graph.shape[0]
    geodesics = np.empty((n, n))
    for rows in row_slices(n, n if report is None else PATH_ROWS):
        ends = np.arange(rows.start, rows.stop)
        geodesics[rows] = dijkstra(graph, directed=True, indices=ends)
        if report is not None:
            report(len(ends))
    # The sum along a path and that along its reverse may differ in their last bits.
    return np.minimum(geodesics, geodesics.T)


def farthest_by(distances, n_points, report=None):
    """Choose landmarks, each the row farthest from those before it (Gonzalez 1985).

    Parameters
    ----------
    distances : callable
        Of a row, by its number; returns the distances of all rows from it. Of None,
        returns numbers whose largest is that of the first landmark.
    n_points : int
        How many; fewer are returned if all rows are at distance 0 from some.
    report : callable, default=None
        Called after each but the first.

    Returns
    -------
    landmarks : ndarray of shape (n_points,)
        Which rows, in the order in which they were chosen.
    """
    landmarks = [int(np.argmax(distances(None)))]
    nearest = distances(landmarks[0])
    while len(landmarks) < n_points and nearest.max() > 0:
        landmarks.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, distances(landmarks[-1]))
        if report is not None:
            report()
    return np.array(landmarks)
