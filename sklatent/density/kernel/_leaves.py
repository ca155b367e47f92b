"""Rows in an order in which neighbors stand together, and boxes around them.

Rows are halved at the median of the feature along which they are widest, the halves
likewise, and so on, as in a k-d tree (Friedman, Bentley and Finkel 1977), until few
are left, a leaf. The tree itself is not needed: leaves have the same number of rows,
one after the other, and what can be said of all pairs of a block of queries and a leaf
follows from the boxes around both.
"""

from itertools import pairwise

import numpy as np

# Rows that tell along which feature a part is widest.
SAMPLE_ROWS = 64
# Rows of a leaf.
LEAF_ROWS = 128


def spatial_order(X, size):
    """Order in which each run of `size` rows, but for the last, is a leaf.

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
        half = n_leaves // 2 * size
        part[:] = part[np.argpartition(X[part, widest], half)]
        parts += [(start, start + half), (start + half, stop)]
    return order


class Leaves:
    """Boxes around leaves, and bounds on their share of a sum of kernels.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        In the order of `spatial_order`, in units of the bandwidth.
    kernel : Kernel
        See `sklatent.density.kernel._radial`.
    a : ndarray of shape (n_samples,)
        Logarithms of the weights.
    lam : ndarray of shape (n_samples,)
        What multiplies the squared distances from each row.
    """

    def __init__(self, rows, kernel, a, lam):
        self.kernel, self.n_rows = kernel, len(rows)
        starts = np.arange(0, len(rows), LEAF_ROWS)
        self.low = np.minimum.reduceat(rows, starts)
        self.high = np.maximum.reduceat(rows, starts)
        self.lam_low = np.minimum.reduceat(lam, starts)
        self.lam_high = np.maximum.reduceat(lam, starts)
        self.log_weight = np.logaddexp.reduceat(a, starts)

    def bounds(self, x):
        """Bounds on sums for a block of queries.

        Parameters
        ----------
        x : ndarray of shape (n_queries, n_features)
            Queries in units of the bandwidth.

        Returns
        -------
        upper : ndarray of shape (n_leaves,)
            Logarithms of numbers that the sum over a leaf is not above for any query.
        least : float
            Logarithm of a number that no query's sum over all rows is below.
        """
        low, high = x.min(axis=0), x.max(axis=0)
        gap = np.maximum(self.low - high, low - self.high)
        np.maximum(gap, 0, out=gap)
        smallest = np.einsum("ij,ij->i", gap, gap) * self.lam_low
        # Rounding must not take a pair out of reach.
        upper = self.log_weight + self.kernel.logs(smallest * (1 - 1e-9))
        reach = np.maximum(self.high - low, high - self.low)
        largest = np.einsum("ij,ij->i", reach, reach) * self.lam_high
        lower = self.log_weight + self.kernel.logs(largest)
        return upper, np.logaddexp.reduce(lower)

    def that_matter(self, upper, least, tolerance):
        """Which leaves matter to queries of which one has a sum as small as `least`.

        A leaf is left out if its sum is at most a share of tolerance / n_leaves.
        """
        left_out = upper < least + np.log(tolerance / len(upper))
        if self.kernel.degree is None:
            left_out |= upper == -np.inf
        return ~left_out

    def runs(self, kept):
        """Slices of the rows of leaves that are kept, consecutive ones together."""
        if kept.all():
            return [slice(0, self.n_rows)]
        ends = np.flatnonzero(np.diff(kept, prepend=False, append=False)) * LEAF_ROWS
        ends = np.minimum(ends, self.n_rows).tolist()
        return [slice(i, j) for i, j in pairwise(ends)][::2]
