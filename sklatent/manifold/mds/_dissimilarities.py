"""Matrices of dissimilarities of which some are missing, and of weights of pairs."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from sklatent.manifold._distances import check_distances, check_square
from sklatent.utils._blocks import row_slices

BLOCK_ROWS = 128
# Rows through which missing dissimilarities are estimated.
N_PIVOTS = 32


def known_distances(D):
    """Check dissimilarities, and take those known in one direction for both.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        Dissimilarities, NaN where missing.

    Returns
    -------
    D : ndarray of shape (n_samples, n_samples)
        The same matrix, if nothing is missing in one direction only.
    known : ndarray of shape (n_samples, n_samples) or None
        Where they are known; None is everywhere.

    Raises
    ------
    ValueError
        If D cannot hold dissimilarities, or these do not link all rows.
    """
    check_square(D)
    known = ~np.isnan(D)
    if not known.all():
        D = np.where(known, D, D.T)
        known |= known.T
        np.fill_diagonal(D, np.nan_to_num(np.diagonal(D), nan=0.0))
        np.fill_diagonal(known, True)
    if known.all():
        check_distances(D)
        return D, None
    check_distances(np.where(known, D, 0.0))
    check_linked(known, "distances known in X")
    return D, known


def check_linked(known, what):
    """Raise if the known pairs do not link all rows to each other."""
    n_parts, part = connected_components(csr_array(known), directed=False)
    if n_parts > 1:
        row = int(np.flatnonzero(part != part[0])[0])
        raise ValueError(
            f"X must link all rows, directly or through other rows, by {what}; got "
            f"{n_parts} parts without a link. Row 0 is in one and row {row} in another."
        )


def completed(D, known):
    """Estimate the missing dissimilarities from those to some other rows.

    The triangle inequality bounds each from both sides, through any third row. The mean
    of the bounds through some rows is taken, or else the mean of all that are known.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Dissimilarities.
    known : ndarray of shape (n_rows, n_rows)
        Where they are known.

    Returns
    -------
    D : ndarray of shape (n_rows, n_rows)
        All dissimilarities.
    """
    n = len(D)
    full = np.where(known, D, 0.0)
    pairs = max(np.count_nonzero(known) - n, 1)
    mean = full.sum() / pairs
    most = np.argsort(-np.count_nonzero(known, axis=0), kind="stable")
    pivots = most[: min(n, N_PIVOTS)]
    for rows in row_slices(n, BLOCK_ROWS):
        i, j = np.nonzero(~known[rows])
        i += rows.start
        upper, lower = np.full(len(i), np.inf), np.zeros(len(i))
        for k in pivots:
            both = known[i, k] & known[j, k]
            a, b = full[i, k], full[j, k]
            upper = np.where(both, np.minimum(upper, a + b), upper)
            lower = np.where(both, np.maximum(lower, np.abs(a - b)), lower)
        estimate = (np.minimum(lower, upper) + upper) / 2
        full[i, j] = np.where(np.isfinite(upper), estimate, mean)
    return full


def check_pair_weight(pair_weight, n):
    """Return weights of pairs, zero on the diagonal, or raise."""
    W = np.array(pair_weight, dtype=np.float64)
    if W.shape != (n, n):
        raise ValueError(
            f"pair_weight must have the shape ({n}, {n}), a weight for each pair of "
            f"rows; got {W.shape}."
        )
    np.fill_diagonal(W, 0.0)
    if not np.isfinite(W).all() or (W < 0).any():
        raise ValueError(
            "pair_weight must hold finite numbers, none negative, off the diagonal; "
            f"got {W[~(W >= 0) | np.isinf(W)][0]}."
        )
    if not np.allclose(W, W.T, rtol=1e-7, atol=0.0):
        raise ValueError(
            "pair_weight must be symmetric; got weights that differ by "
            f"{np.abs(W - W.T).max():g} from those in the other direction."
        )
    return W


def merged_weights(W, weight, inverse):
    """Weights of pairs of distinct rows, summed over the rows that are equal.

    Parameters
    ----------
    W : ndarray of shape (n_samples, n_samples)
        Weights of pairs of rows.
    weight : ndarray of shape (n_samples,)
        Weights of rows.
    inverse : ndarray of shape (n_samples,)
        Which distinct row each row is.

    Returns
    -------
    W : ndarray of shape (n_distinct, n_distinct)
        Weights of pairs, those of the rows included.
    """
    n = len(W)
    member = csr_array((weight, (inverse, np.arange(n))))
    merged = member @ (member @ W).T
    np.fill_diagonal(merged, 0.0)
    return merged


def at_zero(X, training=None, *, only_equal=False):
    """Find rows at distance 0 from a training row.

    Parameters
    ----------
    X : ndarray of shape (n_queries, n_rows)
        Dissimilarities from the training rows, NaN where missing.
    training : ndarray of shape (n_rows, n_rows), default=None
        Those of the training rows. Where several are at distance 0, the one whose
        dissimilarities are those of the row; the first one if None.
    only_equal : bool, default=False
        Whether to leave out rows whose dissimilarities are those of no training row.

    Returns
    -------
    rows : ndarray of shape (n_found,)
        Which rows are at distance 0 from some.
    which : ndarray of shape (n_found,)
        The training row.
    """
    rows, zeros = np.nonzero(X == 0)
    first = np.unique(rows, return_index=True)[1]
    which = zeros[first]
    ends = np.append(first[1:], len(rows))
    found = np.ones(len(first), dtype=bool)
    only_equal &= training is not None
    several = (ends - first > 1) | only_equal
    for k in np.flatnonzero(several) if training is not None else ():
        row, found[k] = X[rows[first[k]]], not only_equal
        for j in zeros[first[k] : ends[k]]:
            if ((row == training[j]) | np.isnan(row)).all():
                which[k], found[k] = j, True
                break
    return rows[first][found], which[found]
