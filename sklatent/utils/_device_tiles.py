"""Squared distances of rows on a device, in any library of the array API standard.

With x a query and y_j a row, relative to a center and in units of a scale, a tile of

    s = |x|^2 + |y_j|^2 - 2 x'y_j

is one product of matrices. In double precision, whatever that of the rows, it differs
from the exact squared distance by at most c (6 |x|^2 + 4 s), as
`sklatent.utils._proposals` derives; pairs for which that is too much are measured by
differences of the rows as they are. So an offset of the data costs no digits.
"""

import numpy as np

from sklatent.utils._arrays import to_numpy
from sklatent.utils._blocks import row_slices
from sklatent.utils._sklearn import get_namespace_and_device

# Entries of a tile, and of differences that are formed at a time: 64 MB.
ENTRIES = 2**23
# Queries of a block: many more than features, so that products cost the most.
BLOCK_ROWS = 1024
# Rows whose median is the center.
CENTER_ROWS = 512


class Tiles:
    """Squared distances from queries to rows.

    Parameters
    ----------
    rows : array of shape (n_samples, n_features)
        The rows.
    scale : array of shape (n_features,) or float, default=1.0
        By which differences are multiplied.
    """

    def __init__(self, rows, scale=1.0):
        self.xp, _, device = get_namespace_and_device(rows)
        self.rows, self.scale = rows, scale
        n, p = rows.shape
        some = to_numpy(rows[:: -(-n // CENTER_ROWS), :])
        center = np.median(some, axis=0).astype(np.float64)
        self.center = self.xp.asarray(center, device=device)
        m = (p + 12) * 2.0**-53
        self.c = m / (1 - m)
        self.underflow = (p + 12) * float(np.finfo(np.float64).tiny)

    def error(self, squares):
        """Part of the bound on the error of s that depends on the query, by |x|^2."""
        return 6 * self.c * squares + self.underflow

    def relative(self, rows):
        """Rows relative to the center, in units of the scale."""
        return (self.xp.astype(rows, self.xp.float64) - self.center) * self.scale

    def products(self, x):
        """Tiles of s, and the rows of each.

        Parameters
        ----------
        x : array of shape (n_queries, n_features)
            Queries, relative to the center.

        Yields
        ------
        rows : slice
            Some rows.
        s : array of shape (n_queries, n_some)
            Squared distances to them; slightly negative where rounding makes them so.
        """
        xp = self.xp
        square = xp.sum(x * x, axis=1, keepdims=True)
        left = xp.concat([-2 * x, xp.ones_like(square), square], axis=1)
        width = max(ENTRIES // max(left.shape), 1)
        for rows in row_slices(self.rows.shape[0], width):
            y = self.relative(self.rows[rows, :])
            square = xp.sum(y * y, axis=1, keepdims=True)
            right = xp.concat([y, square, xp.ones_like(square)], axis=1)
            yield rows, left @ right.T

    def measured(self, Q, queries, columns):
        """Squared distances of pairs, by differences.

        Parameters
        ----------
        Q : array of shape (n_queries, n_features)
            Queries as they are, in double precision.
        queries, columns : array of int of shape (n_pairs,)
            Positions in `Q`, and among the rows.

        Returns
        -------
        squares : array of shape (n_pairs,)
            Exact up to their last digits.
        """
        xp, parts = self.xp, []
        for pairs in row_slices(queries.shape[0], max(ENTRIES // Q.shape[1], 1)):
            y = xp.take(self.rows, columns[pairs], axis=0)
            difference = xp.take(Q, queries[pairs], axis=0) - xp.astype(y, xp.float64)
            difference = difference * self.scale
            parts.append(xp.sum(difference * difference, axis=1))
        return xp.concat(parts)
