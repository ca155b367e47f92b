"""Ranks of rows by distance, in the data and in an embedding, and averages of them.

Ranks are those among all rows, for one block of queries at a time, so that memory does
not grow with the square of the number of rows.
"""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances

from sklatent.utils._blocks import row_slices
from sklatent.utils._progress import reported_blocks
from sklatent.utils._random import random_generator
from sklatent.utils._recall import chance_corrected
from sklatent.utils._threads import count_threads, map_threads

# Up to so many rows all are queries, and beyond as many as the second number says.
ALL_ROWS, SAMPLED_ROWS = 10_000, 1000
# Ranks that a block of queries has.
BLOCK_ENTRIES = 2**21


def queries(n, n_queries, random_state):
    """Return the rows to average over, ascending."""
    if n_queries >= n:
        return np.arange(n)
    rng = random_generator(random_state)
    return np.sort(rng.choice(n, n_queries, replace=False))


def average(name, per_row, X, Z, sampling, return_std):
    """Average of a function of the ranks over rows, and its standard error.

    Parameters
    ----------
    name : str
        What is averaged, for lines about the progress.
    per_row : callable
        Function of the ranks in the data and in the embedding, both of shape
        (n_queries, n_samples) with 0 for the row itself, that returns a number or an
        array for each query.
    X, Z : ndarray of shape (n_samples, n_features), (n_samples, n_components)
        The data, or distances, and the places.
    sampling : tuple
        The arguments `metric`, `n_queries`, `random_state`, `n_jobs` and `verbose`.
    return_std : bool
        Whether to return the standard error.

    Returns
    -------
    mean : float or ndarray
        The average.
    std : float or ndarray
        The standard error of a sample without replacement, if asked for.
    """
    metric, n_queries, random_state, n_jobs, verbose = sampling
    n = len(X)
    default = n if n <= ALL_ROWS else SAMPLED_ROWS
    rows = queries(n, n_queries or default, random_state)

    def moments(block):
        at = rows[block]
        values = per_row(_ranks(X, at, metric), _ranks(Z, at, "euclidean"))
        mean = values.mean(axis=0)
        return len(at), mean, np.square(values - mean).sum(axis=0)

    blocks = list(row_slices(len(rows), max(1, BLOCK_ENTRIES // n)))
    m, mean, squares = 0, 0.0, 0.0
    with reported_blocks(name, len(blocks), verbose) as report:
        found = map_threads(moments, blocks, count_threads(n_jobs), report)
    for count, part, spread in found:
        change = part - mean
        m += count
        mean = mean + change * count / m
        squares = squares + spread + change**2 * count * (m - count) / m
    std = np.sqrt(squares / max(m - 1, 1) / m * (1 - m / n))
    if np.ndim(mean) == 0:
        mean, std = float(mean), float(std)
    return (mean, std) if return_std else mean


def _ranks(X, rows, metric):
    """Ranks of all rows by distance from some, which have rank 0 themselves."""
    if metric == "precomputed":
        distances = X[rows]
    elif metric in {"euclidean", "l2"}:
        # By differences, which an offset does not spoil.
        distances = cdist(X[rows], X)
    else:
        distances = pairwise_distances(X[rows], X, metric=metric)
    distances[np.arange(len(rows)), rows] = -np.inf
    order = np.argsort(distances, axis=1, kind="stable")
    ranks = np.empty(order.shape, dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(len(X), dtype=np.int32)[None], axis=1)
    return ranks


def rank_loss(near, other, k):
    """One less the normalized ranks beyond k of those that are k nearest elsewhere."""
    n = near.shape[1]
    beyond = np.where(near <= k, np.maximum(other - k, 0), 0).sum(axis=1)
    return 1 - beyond * (2 / (k * (2 * n - 3 * k - 1)))


def recall_curves(rho, r):
    """R_NX of each query at each number of neighbors, from ranks (Lee et al. 2015)."""
    m, n = rho.shape
    # A neighbor is found by all k from the larger of its ranks on.
    found_at = np.maximum(rho, r) + n * np.arange(m)[:, None]
    found = np.bincount(found_at.ravel(), minlength=m * n).reshape(m, n)
    k = np.arange(1, n - 1)
    recall = np.cumsum(found[:, 1:-1], axis=1) / k
    return chance_corrected(recall, k, n)
