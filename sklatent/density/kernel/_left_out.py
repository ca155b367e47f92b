"""Log-densities of rows from all the others: each row left out in turn.

A row that equals x is left out with a weight of 1, which is one of its copies, or with
all of its weight if that is less. The terms are computed from differences in double
precision and added up without the row, since the difference of two sums would have no
digits where the row's own kernel is most of the sum: at outliers.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._threads import count_threads, map_threads

# Rows that are left out, and rows whose kernels are added, of a tile.
QUERY_ROWS, KERNEL_ROWS = 128, 2048


class Matches(NamedTuple):
    """Queries that equal training rows.

    Parameters
    ----------
    queries : ndarray of int of shape (n_matches,)
        Positions among the queries.
    rows : ndarray of int of shape (n_matches,)
        Positions of the distinct training rows that they equal.
    first : ndarray of int of shape (n_distinct,)
        Where each distinct row is first among the training rows.
    weight : ndarray of shape (n_distinct,)
        Sum of the weights of the training rows that equal it.
    """

    queries: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    weight: np.ndarray


def find_matches(training, weight, X):
    """Find the queries `X` that equal one of the training rows."""
    n = len(training)
    first, inverse, _ = unique_rows(np.concatenate([training, X]))
    first = first[first < n]  # training rows come first, so that these are theirs
    queries = np.flatnonzero(inverse[n:] < len(first))
    total = np.bincount(inverse[:n], weight, minlength=len(first))
    return Matches(queries, inverse[n:][queries], first, total)


def sums_of_others(values):
    """Sum of all the other entries along the last axis, for each entry.

    The total minus the entry would lose all digits where the entry is nearly the total.
    """
    others = np.zeros(values.shape)
    others[..., 1:] = np.cumsum(values[..., :-1], axis=-1)
    others[..., :-1] += np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    return others


def weight_left(weight, rows, lost):
    """Sum of the weights where each of some rows has lost a part of its own."""
    return sums_of_others(weight)[rows] + (weight[rows] - lost)


def lost_weight(weight, rows):
    """Weights that rows lose when one copy is left out; raise if no row is left."""
    lost = np.minimum(weight[rows], 1.0)
    if len(weight) == 1 and (lost == weight[rows]).any():
        raise ValueError(
            "leave_one_out=True needs two training rows; `X` was fitted with "
            "n_samples=1, and without it no row is left."
        )
    return lost


def blocks_left_out(n_matches):
    """Return how many blocks of queries `log_sums_left_out` has at most."""
    return -(-n_matches // QUERY_ROWS)


def log_sums_left_out(
    rows, matches, kernel, width, factor, metric, n_jobs=None, report=None
):
    """Return the log-sum of the kernels on the other rows for each match.

    Parameters
    ----------
    rows : ndarray of shape (n_distinct, n_features)
        The distinct training rows, in double precision.
    matches : Matches
        The queries.
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    width : ndarray of shape (n_features,)
        Unit of the distances, along each feature.
    factor : float or ndarray of shape (n_distinct,)
        Factor of the unit of each row.
    metric : DistanceMetric or None
        The metric; None is Euclidean.
    n_jobs : int, default=None
        Number of threads.
    report : callable, default=None
        Called after each block of queries.

    Returns
    -------
    logs : ndarray of shape (n_matches,)
        log sum_j v_ij K(s_ij) / (f_j^d sum_j v_ij), with v_ij the weight of row j
        without query i; -inf where every kernel is 0.
    """
    weight, d = matches.weight, rows.shape[1]
    factor = np.broadcast_to(factor, len(rows))
    which, inverse = np.unique(matches.rows, return_inverse=True)
    lost = lost_weight(weight, which)
    with np.errstate(divide="ignore"):
        log_kept = np.log1p(-lost / weight[which])
    log_weight = np.log(weight) - d * np.log(factor)

    def squares(i, j):
        if metric is not None:
            return (metric.pairwise(rows[i], rows[j]) / width[0]) ** 2
        s = cdist(rows[i], rows[j], "sqeuclidean", w=width**-2.0)
        return s / factor[j] ** 2

    def add(block):
        i = which[block]
        total = np.full(len(i), -np.inf)
        for tile in row_slices(len(rows), KERNEL_ROWS):
            j = np.arange(tile.start, tile.stop)
            terms = kernel.logs(squares(i, j)) + log_weight[tile]
            own = np.flatnonzero((i >= tile.start) & (i < tile.stop))
            terms[own, i[own] - tile.start] += log_kept[block][own]
            total = np.logaddexp(total, np.logaddexp.reduce(terms, axis=1))
        return total

    blocks = list(row_slices(len(which), QUERY_ROWS))
    logs = np.concatenate(map_threads(add, blocks, count_threads(n_jobs), report))
    return (logs - np.log(weight_left(weight, which, lost)))[inverse]
