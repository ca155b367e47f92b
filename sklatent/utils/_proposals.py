"""Nearest rows by matrix products, with bounds on what rounding does to them.

With x a query and y a row, both relative to a center, a product of matrices gives the
squared distances |x|^2 + |y|^2 - 2 x'y of all pairs. In a precision with unit u and p
features, the s that is computed differs from the exact

    d^2   by at most   2 c (|x|^2 + |y|^2),   c = m / (1 - m),   m = (p + 10) u,

for the sum of p + 2 products, the rounding of x and y, and that of |x|^2 and |y|^2.
Since |y| <= |x| + d, this is at most c (6 |x|^2 + 4 d^2), which depends only on x and
d: one far outlier does not spoil the bound for the others. So, if k rows have s up to
t, then the k nearest have

    d^2 <= r^2 = (t + 6 c |x|^2) / (1 - 4 c)
    s   <= (1 + 4 c) r^2 + 6 c |x|^2

Rows within that are measured by differences in double precision; others need not be.
"""

import numpy as np

from sklatent.utils._blocks import row_slices

# Columns of a tile; a tile of them by a block of queries fits the cache.
TILE_COLUMNS = 2048
# Rows that the center is taken from.
CENTER_ROWS = 1000
# Entries of differences that are formed at a time.
DIFFERENCES = 2**17


def squared_distances(Q, rows, X, columns):
    """Squared distances of pairs, by differences.

    Parameters
    ----------
    Q, X : ndarray of shape (n_queries, n_features), (n_samples, n_features)
        In double precision.
    rows, columns : ndarray of shape (n_pairs,)
        Rows of `Q`, and rows of `X`.

    Returns
    -------
    squares : ndarray of shape (n_pairs,)
        Sums of squared differences.
    """
    squares = np.empty(len(rows))
    for pairs in row_slices(len(rows), max(DIFFERENCES // X.shape[1], 1)):
        difference = Q[rows[pairs]]
        difference -= X[columns[pairs]]
        np.einsum("ij,ij->i", difference, difference, out=squares[pairs])
    return squares


class Proposals:
    """Rows in the form that a product takes, and the search through them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows to find, in double precision.
    k : int
        How many for each query.
    dtype : {float32, float64}
        Precision of the products. In single precision a query is given up where
        many rows are within the rounding error.
    """

    def __init__(self, X, k, dtype):
        n, p = X.shape
        self.X, self.k = X, int(k)
        # In random order any part is a sample of the whole.
        self.order = np.random.RandomState(0).permutation(n)
        self.center = np.median(X[self.order[:CENTER_ROWS]], axis=0)
        self.columns = np.ones((n, p + 2), dtype)
        largest = np.ptp(X, axis=0).max()
        if largest == 0:  # all are equally far, in whatever unit
            largest = max(np.abs(X).max(), 1.0)
        self.shift = -int(np.frexp(largest)[1])
        for rows in row_slices(n, TILE_COLUMNS):
            Y = self._relative(X[self.order[rows]])
            self.columns[rows, :p] = Y
            self.columns[rows, p] = np.einsum("ij,ij->i", Y, Y, dtype=np.float64)
        limits = np.finfo(dtype)
        m = (p + 10) * float(limits.eps) / 2
        self.c = m / (1 - m)
        self.underflow = (p + 10) * float(limits.tiny)
        # The first rows are the sample that gives a first bound.
        self.n_first = min(n, max(TILE_COLUMNS, _power_of_two(4 * self.k)))
        # How many pairs are expected within the first bound, for all rows as queries.
        self.n_below = n * self.k * (n / self.n_first)
        # Rows to measure for a query; and, on average, within the first bound.
        self.most = np.inf if dtype == np.float64 else 4 * k + 64
        self.most_below = self.most + 4 * k * n / self.n_first

    def _relative(self, rows):
        """Rows relative to the center, in the precision of the products."""
        return np.ldexp(rows - self.center, self.shift).astype(self.columns.dtype)

    def queries(self, Q):
        """Queries as a product takes them, and their squared lengths."""
        x = self._relative(Q)
        square = np.einsum("ij,ij->i", x, x, dtype=np.float64)
        ones = np.ones((len(x), 1), x.dtype)
        return np.hstack([-2 * x, ones, square[:, None].astype(x.dtype)]), square

    def nearest(self, Q):
        """Find the nearest rows of a block of queries.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)
            In double precision.

        Returns
        -------
        found : ndarray of bool of shape (n_queries,)
            False where the precision of the products does not tell them apart.
        squares : ndarray of shape (n_found, k)
            Squared distances, ascending.
        indices : ndarray of shape (n_found, k)
            Rows of `X`.
        """
        left, square = self.queries(Q)
        pairs = self._below(left, self.first_bound(left, square))
        return self.measure(Q, square, *pairs)

    def measure(self, Q, square, rows, columns, s):
        """Find the nearest rows of a block of queries among pairs.

        Parameters
        ----------
        Q : ndarray of shape (n_queries, n_features)
            In double precision.
        square : ndarray of shape (n_queries,)
            Their squared lengths, as `queries` returns them.
        rows, columns, s : ndarray of shape (n_pairs,)
            Of a query and a row, in the order of the products: all the pairs in which
            s is up to a bound that k rows are within; or none, to give up a query.

        Returns
        -------
        found, squares, indices : tuple of ndarray
            As `nearest` returns them.
        """
        counts = np.bincount(rows, minlength=len(Q))
        found = counts >= self.k  # others were given up
        if found.any():
            bound = self._bound(_kth(rows, s, counts, self.k), square)
            kept = s <= bound[rows]
            found &= np.bincount(rows[kept], minlength=len(Q)) <= self.most
        if not found.any():
            return found, np.empty((0, self.k)), np.empty((0, self.k))
        kept &= found[rows]
        rows, columns = rows[kept], self.order[columns[kept]]
        counts = np.bincount(rows, minlength=len(Q))[found]
        squares = squared_distances(Q, rows, self.X, columns)
        order = np.lexsort((columns, squares, rows))
        starts = np.cumsum(counts) - counts
        first = order[starts[:, None] + np.arange(self.k)]
        return found, squares[first], columns[first]

    def _bound(self, t, square):
        """Largest s of the k nearest, where k rows have one up to t; see above."""
        c = self.c
        r2 = (t + 6 * c * square + self.underflow) / (1 - 4 * c)
        bound = (1 + 4 * c) * r2 + 6 * c * square + self.underflow
        return np.nextafter(bound.astype(self.columns.dtype), np.inf)

    def first_bound(self, left, square):
        """Bound from a sample of the rows: the k-th smallest of minima over slots."""
        tile = left @ self.columns[: self.n_first].T
        slots = max(_power_of_two(8 * self.k), 256)
        if self.n_first % slots == 0:
            tile = tile.reshape(len(left), -1, slots).min(axis=1)
        return self._bound(np.partition(tile, self.k - 1)[:, self.k - 1], square)

    def _below(self, left, bound):
        """Pairs with s up to the bound of the query: rows, columns, and s.

        None at all when they get too many.
        """
        q = len(left)
        found, n_found = [], 0
        for start, tile in self.tiles(left):
            rows, columns, s = pairs_up_to(bound[:, None], tile)
            n_found += len(s)
            if n_found > q * self.most_below:
                return rows[:0], columns[:0], s[:0]
            found.append((rows, columns + start, s))
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def tiles(self, left, first=0):
        """Products with some columns at a time, from `first` on, and where they start.

        A tile is overwritten by the next.
        """
        memory = np.empty(len(left) * TILE_COLUMNS, left.dtype)
        for columns in row_slices(len(self.columns) - first, TILE_COLUMNS):
            right = self.columns[first + columns.start : first + columns.stop]
            tile = memory[: len(left) * len(right)].reshape(len(left), -1)
            yield first + columns.start, np.matmul(left, right.T, out=tile)


def pairs_up_to(bound, tile):
    """Where a tile is up to a bound: rows, columns, and the entries."""
    hits = np.flatnonzero(tile <= bound)
    return *np.divmod(hits, tile.shape[1]), tile.ravel()[hits]


def _power_of_two(n):
    """Return the smallest power of two that is not below n."""
    return 1 << (n - 1).bit_length()


def _kth(rows, values, counts, k):
    """Return the k-th smallest value of each row, from unordered pairs."""
    order = np.argsort(rows.astype(np.uint16), kind="stable")
    starts = np.cumsum(counts) - counts
    rows = rows[order]
    padded = np.full((len(counts), counts.max()), np.inf, values.dtype)
    padded[rows, np.arange(len(rows)) - starts[rows]] = values[order]
    return np.partition(padded, k - 1)[:, k - 1]
