"""Graphs of nearest neighbors, and their landmarks."""

import numpy as np
from scipy.sparse import csr_array

from sklatent.utils._neighbors import unique_rows


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
    edges = (rows != indices.ravel()) & (distances.ravel() > 0)
    at = (rows[edges], indices.ravel()[edges])
    graph = csr_array((distances.ravel()[edges], at), shape=(n_samples, n_samples))
    return graph.maximum(graph.T).tocsr()


def farthest_points(X, n_points):
    """Choose landmarks, each the row farthest from those before it (Gonzalez 1985).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    n_points : int
        How many; fewer are returned if there are fewer distinct rows.

    Returns
    -------
    landmarks : ndarray of shape (n_points,)
        Which rows, in the order in which they were chosen. The first is the row
        farthest from the mean.
    """
    squares = np.square(X - X.mean(axis=0)).sum(axis=1)
    nearest = np.full(len(X), np.inf)
    landmarks = []
    for _ in range(min(n_points, len(X))):
        chosen = int(np.argmax(squares if not landmarks else nearest))
        if landmarks and nearest[chosen] == 0:
            break
        landmarks.append(chosen)
        squares = np.square(X - X[chosen]).sum(axis=1)
        np.minimum(nearest, squares, out=nearest)
    return np.array(landmarks)
