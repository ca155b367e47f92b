"""Rows in an order in which neighbors are stored together, and boxes around them.

Rows are halved at the median of the feature along which they are widest, and the halves
again, as in a k-d tree (Friedman, Bentley and Finkel 1977), until few are left: a leaf.
The tree itself is not needed. All leaves have the same number of rows, one after the
other, and the boxes around a block of queries and around a leaf bound the distances of
all pairs of the two, and so what the leaf adds to a sum of kernels.

Bounds by box pay for themselves: they cost one short pass over the leaves for each
block of queries, and a kernel that is narrow beside the data then looks at a few leaves
in place of all rows.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

# Rows that tell along which feature a part is widest.
SAMPLE_ROWS = 64
# Rows of a leaf.
LEAF_ROWS = 128


def spatial_order(X, size):
    """Order in which each run of `size` rows, except for the last, is a leaf.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    size : int
        Rows of a leaf.

    Returns
    -------
    order : ndarray of int of shape (n_samples,)
        The rows, leaf by leaf.
    """
    order = np.arange(len(X))
    parts = [(0, len(X))]
    while parts:
        start, stop = parts.pop()
        n_leaves = -(-(stop - start) // size)
        if n_leaves < 2:
            continue
        part = order[start:stop]
        some = X[part[:: -(-len(part) // SAMPLE_ROWS)]]
        with np.errstate(invalid="ignore"):
            widest = np.argmax(some.max(axis=0) - some.min(axis=0))
        # A whole number of leaves on the left, so that only the last leaf is smaller.
        half = n_leaves // 2 * size
        part[:] = part[np.argpartition(X[part, widest], half)]
        parts += [(start, start + half), (start + half, stop)]
    return order


class Leaves(NamedTuple):
    """Boxes around leaves of weighted rows.

    Parameters
    ----------
    low, high : ndarray of shape (n_leaves, n_features)
        Corners of the boxes.
    lam_low, lam_high : ndarray of shape (n_leaves,)
        Smallest and largest factor of squared distances.
    log_weight : ndarray of shape (n_leaves,)
        Logarithms of the sums of the weights.
    """

    low: np.ndarray
    high: np.ndarray
    lam_low: np.ndarray
    lam_high: np.ndarray
    log_weight: np.ndarray


def box_leaves(rows, a, lam):
    """Put boxes around the leaves of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Rows in the order of `spatial_order`, in units of the bandwidth.
    a : ndarray of shape (n_samples,)
        Logarithms of the weights.
    lam : ndarray of shape (n_samples,)
        Factors of the squared distances from each row.

    Returns
    -------
    leaves : Leaves
        The boxes.
    """
    starts = np.arange(0, len(rows), LEAF_ROWS)
    return Leaves(
        low=np.minimum.reduceat(rows, starts),
        high=np.maximum.reduceat(rows, starts),
        lam_low=np.minimum.reduceat(lam, starts),
        lam_high=np.maximum.reduceat(lam, starts),
        log_weight=np.logaddexp.reduceat(a, starts),
    )


def bound_sums(leaves, kernel, x):
    """Bounds on the sums of a kernel, for all of a block of queries.

    Parameters
    ----------
    leaves : Leaves
        The boxes.
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    x : ndarray of shape (n_queries, n_features)
        Queries in units of the bandwidth.

    Returns
    -------
    upper : ndarray of shape (n_leaves,)
        Logarithm of an upper bound on the sum over each leaf.
    least : float
        Logarithm of a lower bound on the sum over all rows.
    """
    low, high = x.min(axis=0), x.max(axis=0)
    gap = np.maximum(leaves.low - high, low - leaves.high)
    np.maximum(gap, 0, out=gap)
    smallest = np.einsum("ij,ij->i", gap, gap) * leaves.lam_low
    # Rounding must not take a pair out of reach.
    upper = leaves.log_weight + kernel.logs(smallest * (1 - 1e-9))
    reach = np.maximum(leaves.high - low, high - leaves.low)
    largest = np.einsum("ij,ij->i", reach, reach) * leaves.lam_high
    lower = leaves.log_weight + kernel.logs(largest)
    return upper, np.logaddexp.reduce(lower)


def that_matter(kernel, upper, least, tolerance):
    """Which leaves matter to queries whose smallest sum is not below exp(`least`).

    A leaf is left out if its sum is at most a share of tolerance / n_leaves, so that
    all that is left out is at most a share of the tolerance.
    """
    left_out = upper < least + np.log(tolerance / len(upper))
    # Where both are -inf, a compact kernel is 0 on the leaf. One that is positive
    # everywhere is too small for a number, but not for a logarithm, and must be kept.
    if kernel.compact:
        left_out |= upper == -np.inf
    return ~left_out


def runs_of_rows(kept, n_rows):
    """Slices of the rows of leaves that are kept, consecutive ones joined."""
    if kept.all():
        return [slice(0, n_rows)]
    ends = np.flatnonzero(np.diff(kept, prepend=False, append=False)) * LEAF_ROWS
    ends = np.minimum(ends, n_rows).tolist()
    return [slice(i, j) for i, j in pairwise(ends)][::2]
