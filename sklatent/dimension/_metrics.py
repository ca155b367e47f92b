"""Metrics whose distances grow like a length.

The number of rows within a distance r grows as the d-th power of a *length*. A distance
that grows like the square of one halves the dimension, as 1 - cos does: it is half the
squared chord between the directions of two rows. So "cosine" and "correlation" stand
for that chord itself,

    |x / |x| - y / |y||,   (1 - cos) = chord² / 2,

with the mean of each row taken off first for "correlation". It is a difference of
vectors of length 1, which keeps the digits that sqrt(2 (1 - cos)) loses for neighbors.
"""

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from sklatent.utils._arrays import moved, namespace_of, numpy_dtype, to_numpy
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import unique_rows

METRICS = {
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "haversine",
    "l1",
    "l2",
    "manhattan",
    "precomputed",
}
# Measured as chords between directions.
DIRECTIONS = {"correlation", "cosine"}
# Not in units of the data: how rounding of the data changes them is not known.
RELATIVE = {"braycurtis", "canberra"}
# Logarithms of distances that are closer than this are a tie, whatever their rounding.
TIE = 1e-9
# Entries whose rounding is looked at together.
BLOCK_ENTRIES = 2**16
# Rounding of a direction, in units of that of its row: of the row itself, of its
# length, and of the quotient.
DIRECTION_ERROR = 8
# Largest rounding of precomputed distances, as a share of the largest of them: what is
# left of 0 in the root of a difference of products.
CHORD_ERROR = 16


def varying_columns(X):
    """Return which columns differ by more than rounding of their entries."""
    return varying(X.min(axis=0), X.max(axis=0), X.dtype)


def varying(low, high, dtype):
    """Return where smallest and largest entries differ by more than rounding."""
    rounding = 4 * np.finfo(dtype).eps * np.maximum(high, -low)
    return np.flatnonzero(high - low > rounding)


def measured(metric):
    """Return the metric between the rows that `points` gives."""
    named = isinstance(metric, str)
    return "euclidean" if named and metric in DIRECTIONS else metric


def points(X, metric):
    """Rows as they are measured, and how far rounding may have moved them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    metric : str or callable
        Not "precomputed".

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
        The rows, or their directions.
    rounding : ndarray of shape (n_samples,)
        Bound on the rounding; 0 for rows that are measured as they are.
    """
    if measured(metric) != metric:
        return directions(X, metric)
    return X, np.zeros(X.shape[0])


def directions(X, metric):
    """Rows brought to length 1, for "correlation" after taking off their means."""
    _, exponent = np.frexp(np.abs(X).max(axis=1))
    rows = np.ldexp(X.astype(np.float64), -exponent[:, None])  # squares are in range
    whole = np.linalg.norm(rows, axis=1)
    if metric == "correlation":
        rows -= rows.mean(axis=1, keepdims=True)
        rows -= rows.mean(axis=1, keepdims=True)  # what rounding left of the mean
    length = np.linalg.norm(rows, axis=1)
    error = DIRECTION_ERROR * np.finfo(X.dtype).eps * whole
    without = np.flatnonzero(length <= error)
    if len(without):
        which = "zero" if metric == "cosine" else "constant"
        raise ValueError(
            f"metric={metric!r} compares directions, which {which} rows of X do not "
            f"have; got {len(without)} of {len(X)} rows, the first of them row "
            f"{without[0]}. Leave them out, or use another metric."
        )
    return rows / length[:, None], error / length


def rounding_of_distances(rows, nearest, distances, metric):
    """Bound the change of the nearest distances by rounding of the data.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows, which may be on a device.
    nearest : ndarray of shape (n_samples,)
        Position of the nearest row of each. Entries that are equal in both do not
        count, however large they are.
    distances : ndarray of shape (n_samples,)
        Distance to the nearest row.
    metric : str or callable
        Between the rows.

    Returns
    -------
    rounding : ndarray of shape (n_samples,)
        A bound; 0 where it is less than a share `TIE` of the distance, or not known.
    """
    rounding = np.zeros(rows.shape[0])
    if callable(metric) or metric in RELATIVE:
        return rounding
    xp = namespace_of(rows)
    eps = 2 * np.finfo(numpy_dtype(rows)).eps
    largest = max(float(xp.max(rows)), -float(xp.min(rows)))
    matters = np.flatnonzero(TIE * distances < eps * largest)
    for block in row_slices(len(matters), max(BLOCK_ENTRIES // rows.shape[1], 1)):
        which = matters[block]
        x = xp.take(rows, moved(which, rows), axis=0)
        y = xp.take(rows, moved(nearest[which], rows), axis=0)
        moves = xp.where(x != y, xp.abs(x), xp.zeros_like(x))
        rounding[which] = eps * to_numpy(xp.max(moves, axis=1))
    return rounding


def merge_equal(rows, metric, rounding):
    """Find the rows that differ.

    Parameters
    ----------
    rows, rounding : ndarray
        From `points`, or distances and a bound on their rounding.
    metric : str or callable
        Metric of the rows.

    Returns
    -------
    first : ndarray of shape (n_distinct,)
        Where each distinct row occurs first.
    inverse : ndarray of shape (n_samples,)
        Position in `first` of the row that each row equals.
    """
    if metric == "precomputed":
        _, inverse = connected_components(csr_matrix(rows <= rounding), directed=False)
    elif measured(metric) != metric:
        inverse = _equal_directions(rows, rounding)
    else:
        return unique_rows(rows)[:2]
    _, first = np.unique(inverse, return_index=True)
    return first, inverse


def _equal_directions(rows, rounding):
    """Label directions, those that are equal up to rounding by the same number.

    Ordered by their projection on any axis, such rows are next to each other.
    """
    axis = np.random.RandomState(0).normal(size=rows.shape[1])
    order = np.argsort(rows @ axis)
    step = np.linalg.norm(np.diff(rows[order], axis=0), axis=1)
    differs = step > rounding[order[1:]] + rounding[order[:-1]]
    label = np.empty(len(rows), dtype=np.intp)
    label[order] = np.cumsum(np.append(False, differs))
    return label


def check_distances(D):
    """Raise if a matrix does not hold the distances between the same rows.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        The matrix.

    Returns
    -------
    rounding : float
        Distances up to this count as 0: twice the largest on the diagonal. A chord
        sqrt(g_ii + g_jj - 2 g_ij) from products of rows has the root of their rounding
        there, and no less between rows that are equal.
    """
    if D.shape[0] != D.shape[1]:
        raise ValueError(
            "X must be a square matrix of distances with metric='precomputed'; got "
            f"shape {D.shape}."
        )
    if D.min() < 0:
        raise ValueError(
            "X must not hold negative distances with metric='precomputed'; got "
            f"{D.min():.6g}."
        )
    largest = float(np.diagonal(D).max())
    bound = CHORD_ERROR * float(np.sqrt(np.finfo(D.dtype).eps) * D.max())
    if largest > bound:
        raise ValueError(
            "X must have 0 on its diagonal, up to rounding, with metric='precomputed'; "
            f"got {largest:.6g}."
        )
    if not np.allclose(D, D.T, rtol=1e-5, atol=bound):
        raise ValueError("X must be symmetric with metric='precomputed'.")
    return 2 * largest
