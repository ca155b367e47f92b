"""How many of the nearest rows are the nearest in an embedding too."""

import numpy as np

from sklatent.utils._neighbors import k_nearest

# Neighbors that `score_samples` compares, the same number for every embedding, so that
# their scores can be compared.
SCORED_NEIGHBORS = 10


def neighbors_kept(nearest, places, Z):
    """Share of the nearest training rows of each row that its place keeps.

    Parameters
    ----------
    nearest : callable
        nearest(k) returns distances to the k nearest distinct training rows of each
        row, ascending, and which they are.
    places : ndarray of shape (n_samples, n_components)
        Places of the distinct training rows.
    Z : ndarray of shape (n_queries, n_components)
        Places of the rows.

    Returns
    -------
    kept : ndarray of shape (n_queries,)
        R_NX of each row, 1 where there are fewer than three training rows.
    """
    n = len(places)
    k = min(SCORED_NEIGHBORS, (n - 1) // 2)
    if k < 1:
        return np.ones(len(Z))
    _, found = k_nearest(places, k + 1, queries=Z)
    return chance_corrected(recall(*nearest(k + 1), found), k, n)


def recall(distances, rows, places):
    """Share of the k nearest rows of each query that are among its k nearest places.

    Parameters
    ----------
    distances, rows : ndarray of shape (n_queries, k + 1)
        Distances to the nearest rows, ascending, and which they are.
    places : ndarray of shape (n_queries, k + 1)
        Rows whose places are the nearest to that of the query.

    Returns
    -------
    recall : ndarray of shape (n_queries,)
        Between 0 and 1. A row at distance 0 is the query, and not counted.
    """
    k = rows.shape[1] - 1
    # A query that is no row loses its farthest neighbor in the place of itself.
    query = np.where(distances[:, 0] == 0, rows[:, 0], -1)[:, None]
    rows, places = (_without(query, nearest) for nearest in (rows, places))
    return (rows[:, :, None] == places[:, None, :]).any(axis=2).sum(axis=1) / k


def _without(query, nearest):
    """Drop a row from each list of rows, or the last where it is not in the list."""
    keep = nearest != query
    keep[keep.all(axis=1), -1] = False
    return nearest[keep].reshape(len(nearest), -1)


def chance_corrected(recall, k, n):
    """R_NX: recall, scaled so that random places among n rows have 0 on average.

    R_NX(k) = ((n - 1) Q_NX(k) - k) / (n - 1 - k), with the recall Q_NX (Lee et al.
    2015).
    """
    return ((n - 1) * recall - k) / (n - 1 - k)
