"""Log-densities of rows from all the others: each row left out in turn.

A row that equals x is left out with a weight of 1, which is one of its copies, or with
all of its weight if that is less. The terms are computed from differences in double
precision and added up without the row, since the difference of two sums would have no
digits where the row's own kernel is most of the sum: at outliers.
"""

from typing import NamedTuple

import numpy as np

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


def log_sums_of_others(squares, kernel, log_weight, rows, log_left, n_jobs=None):
    """Return log sum_j v_ij K(s_ij), with v_ij the weight that is left of row j.

    Parameters
    ----------
    squares : callable
        Function of two arrays of positions of rows, i and j, that returns s_ij.
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    log_weight : ndarray of shape (n_samples,)
        Logarithm of the weight of each row.
    rows : ndarray of int of shape (n_queries,)
        The rows i.
    log_left : ndarray of shape (n_queries,)
        Logarithm of the share of the weight of row i that is left when x is row i.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    logs : ndarray of shape (n_queries,)
        -inf where every kernel is 0.
    """

    def add(block):
        i = rows[block]
        total = np.full(len(i), -np.inf)
        for tile in row_slices(len(log_weight), KERNEL_ROWS):
            j = np.arange(tile.start, tile.stop)
            terms = kernel.logs(squares(i, j)) + log_weight[tile]
            own = np.flatnonzero((i >= tile.start) & (i < tile.stop))
            terms[own, i[own] - tile.start] += log_left[block][own]
            total = np.logaddexp(total, np.logaddexp.reduce(terms, axis=1))
        return total

    blocks = list(row_slices(len(rows), QUERY_ROWS))
    if not blocks:
        return np.empty(0)
    return np.concatenate(map_threads(add, blocks, count_threads(n_jobs)))
