"""Sums of a kernel over all rows, tile by tile.

For queries x and rows y_j, in units of the bandwidth, this is

    S(x) = sum_j exp(a_j) K(s_j),   s_j = lam_j |x - y_j|^2,

in blocks of queries by blocks of rows that fit the cache. With x and y_j relative to a
center, the squared distances of a tile are one matrix product,

    s = [x, 1, |x|^2] [-2 lam y, lam |y|^2, lam]',

and for the Gaussian kernel the exponent is one, a_j and the scaling of each row
included. What is computed of s differs from the exact by at most

    e = c lam (5 |x|^2 + 4 |x - y|^2),   c = (p + 12) u,

with p features and the unit u of the precision (derived in
`sklatent.utils._proposals`). The part with |x - y|^2 is a small share of s itself. The
other one depends on the query alone, so the query can tell whether S is good enough; if
it is not, it is taken again, in double precision, and then by differences. In single
precision the worst case is too far from what happens, and sqrt(p + 12) stands for
p + 12, as it does for roundings that are independent (Higham and Mary 2019, A new
approach to probabilistic rounding error analysis).

Both queries and rows are in an order in which neighbors stand together, and rows that
do not matter to any query of a block, since their kernels end before or are too small,
are left out of it (`sklatent.density.kernel._leaves`).
"""

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sklatent.density.kernel._leaves import LEAF_ROWS, Leaves, spatial_order
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import has_few_dimensions, unique_rows
from sklatent.utils._threads import count_threads, map_threads

# Bytes of a tile.
TILE_BYTES = 2**20
# Queries of a block.
BLOCK_ROWS = 128
# Rows whose median is the center.
CENTER_ROWS = 512
# Rows from which a first guess of the largest term of a sum is taken.
FIRST_ROWS = 512
# Error of log S that is tolerated: relative, but absolute where |log S| is below 1.
TOLERANCES = {np.dtype(np.float32): 5e-5, np.dtype(np.float64): 2e-10}
# Largest error of squared distances, from which on a product says nothing.
LARGEST_ERROR = 0.05
# Share of the pairs of a tile up to which they are picked out and measured.
SPARSE = 0.02
# Pairs that are measured at a time, times features.
DIFFERENCES = 2**17
# Entries whose squares are sure not to overflow.
FARTHEST = 1e75


class KernelSums:
    """Log-sums of a kernel over weighted rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows y.
    kernel : Kernel
        See `sklatent.density.kernel._radial`.
    width : float or ndarray of shape (n_features,)
        Unit of the distances, along each feature.
    log_weight : ndarray of shape (n_samples,)
        The a_j, finite.
    factor : ndarray of shape (n_samples,), default=None
        What multiplies the unit of each row: lam_j = 1 / factor_j^2.
    """

    def __init__(self, rows, kernel, width, log_weight, factor=None):
        n, p = rows.shape
        # Powers of two divide exactly, so that differences lose nothing to an offset.
        fraction, self.exponent = np.frexp(np.broadcast_to(width, p).astype(float))
        self.inverse = 1 / fraction
        self.kernel = kernel
        factor = np.ones(n) if factor is None else factor
        rows, factor, log_weight = _merged(self.scaled(rows), factor, log_weight)
        order = spatial_order(rows * self.inverse, LEAF_ROWS)
        self.rows = rows[order]
        self.largest = log_weight.max()
        self.a = log_weight[order] - self.largest
        self.lam = factor[order] ** -2.0
        with np.errstate(all="ignore"):
            y = self.rows * self.inverse
            self.leaves = Leaves(y, kernel, self.a, self.lam)
        y = np.clip(y, -FARTHEST, FARTHEST)
        self.tree = None
        if kernel.degree is not None and has_few_dimensions(y):
            self.tree = cKDTree(y, balanced_tree=False, compact_nodes=False)

    def scaled(self, rows):
        """Rows in units of the next power of two, in double precision."""
        return np.ldexp(rows.astype(np.float64, order="C"), -self.exponent)

    def log_sums(self, queries, n_jobs=None):
        """Return log S for each query.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_features)
            The x. The precision of the result is theirs.
        n_jobs : int, default=None
            Number of threads; None takes as many as BLAS would.

        Returns
        -------
        logs : ndarray of shape (n_queries,)
            -inf where every kernel is 0. Exact to 1e-9 for double and 1e-4 for single
            precision, relative to max(1, |log S|) with the largest a_j taken for 0.
        """
        n_threads = count_threads(n_jobs)
        X = self.scaled(queries)
        first, inverse, _ = unique_rows(X)
        X = X[first]
        logs = np.empty(len(X))
        rows = spatial_order(X * self.inverse, BLOCK_ROWS)
        for form in self._forms(queries.dtype):

            def add(block, rows=rows, form=form):
                block = rows[block]
                with np.errstate(all="ignore"):  # what overflows is not sure
                    logs[block], sure = form.log_sums(X[block])
                return block[~sure]

            size = min(BLOCK_ROWS, -(-len(rows) // n_threads))
            blocks = list(row_slices(len(rows), size))
            rows = np.concatenate(map_threads(add, blocks, n_threads))
            if len(rows) == 0:
                break
        logs += self.largest
        with np.errstate(over="ignore"):
            return logs.astype(queries.dtype)[inverse]

    def _forms(self, dtype):
        """Ways to compute the sums, the fastest first, the last always sure."""
        tolerance = TOLERANCES[dtype]
        Product = CompactProduct if self.kernel.degree is None else PositiveProduct
        for precision in (np.float32, np.float64):
            range_of_exp = 0.5 * np.log(np.finfo(precision).max)
            if np.dtype(precision) >= dtype and -self.a.min() < range_of_exp:
                yield Product(self, precision, tolerance)
        yield Differences(self, tolerance)

    def near(self, X, tolerance):
        """Find the rows that matter to a block of queries.

        Parameters
        ----------
        X : ndarray of shape (n_queries, n_features)
            The queries.
        tolerance : float
            Relative error of the sums that is tolerated.

        Returns
        -------
        runs : list of slice
            The rows.
        terms : ndarray of shape (n_queries,) or None
            Logarithm of the term of the nearest row, if that was looked for.
        """
        terms = None
        upper, least = self.leaves.bounds(X * self.inverse)
        kept = self.leaves.that_matter(upper, least, tolerance)
        # Nearest rows say more, unless with a sum as large as it can be most matter.
        largest = np.logaddexp.reduce(upper)
        fewest = self.leaves.that_matter(upper, largest, tolerance)
        if self.tree is not None and kept.sum() > 2 * fewest.sum():
            terms = self._nearest_terms(X)
            least = max(least, terms.min())
            kept = self.leaves.that_matter(upper, least, tolerance)
        return self.leaves.runs(kept), terms

    def _nearest_terms(self, X):
        """Return a_j + log K of the nearest row to each query."""
        _, rows = self.tree.query(np.clip(X * self.inverse, -FARTHEST, FARTHEST))
        s = self.measured(X, np.arange(len(X)), rows)
        return self.kernel.logs(s) + self.a[rows]

    def measured(self, X, queries, rows):
        """Return s for pairs of a query and a row, from their differences."""
        s = np.empty(len(rows))
        for pairs in row_slices(len(rows), max(DIFFERENCES // X.shape[1], 1)):
            difference = X[queries[pairs]]
            difference -= self.rows[rows[pairs]]
            difference *= self.inverse
            np.einsum("ij,ij->i", difference, difference, out=s[pairs])
        s *= self.lam[rows]
        return s


class Differences:
    """Sums from differences in double precision, term by term in logarithms.

    Parameters
    ----------
    sums : KernelSums
        The rows.
    tolerance : float
        Error of log S that is tolerated.
    """

    def __init__(self, sums, tolerance):
        self.sums, self.tolerance = sums, tolerance
        self.squares = sums.inverse**2

    def log_sums(self, X):
        """Return log S for a block of queries, and that all of them are sure."""
        sums = self.sums
        top = np.full(len(X), -np.inf)
        total = np.zeros(len(X))
        runs, _ = sums.near(X, self.tolerance)
        for rows in _pieces(runs, tile_columns(len(X), np.float64)):
            s = cdist(X, sums.rows[rows], "sqeuclidean", w=self.squares)
            s *= sums.lam[rows]
            beyond = np.flatnonzero(np.isinf(s))
            terms = sums.kernel.logs(s)
            if len(beyond) and sums.kernel.degree is not None:
                queries, columns = np.divmod(beyond, s.shape[1])
                far = self._far_logs(X, queries, columns + rows.start)
                terms.ravel()[beyond] = far
            terms += sums.a[rows]
            higher = np.maximum(top, terms.max(axis=1))
            finite = np.where(np.isfinite(higher), higher, 0)
            terms -= finite[:, None]
            total *= np.exp(top - finite)
            total += np.exp(terms, out=terms).sum(axis=1)
            top = higher
        logs = np.log(total) + np.where(np.isfinite(top), top, 0)
        return logs, np.ones(len(X), bool)

    def _far_logs(self, X, queries, rows):
        """Logarithms of the kernel where squared distances leave the range of numbers.

        log K is proportional to a power of the distance, so that a unit of the size of
        the differences can be taken out.
        """
        kernel, logs = self.sums.kernel, np.empty(len(rows))
        for pairs in row_slices(len(rows), max(DIFFERENCES // X.shape[1], 1)):
            difference = X[queries[pairs]] - self.sums.rows[rows[pairs]]
            unit = np.abs(difference).max(axis=1)
            difference /= unit[:, None]
            difference *= self.sums.inverse
            s = np.einsum("ij,ij->i", difference, difference)
            s *= self.sums.lam[rows[pairs]]
            logs[pairs] = kernel.logs(s) * unit**kernel.degree
        return np.nan_to_num(logs, nan=-np.inf, neginf=-np.inf)


class _Product:
    """Squared distances as matrix products, in one precision.

    Parameters
    ----------
    sums : KernelSums
        The rows.
    dtype : {float32, float64}
        Precision.
    tolerance : float
        Error of log S that is tolerated.
    """

    def __init__(self, sums, dtype, tolerance):
        n, p = sums.rows.shape
        self.sums, self.kernel, self.dtype = sums, sums.kernel, dtype
        self.tolerance = tolerance
        self.center = np.median(sums.rows[:: -(-n // CENTER_ROWS)], axis=0)
        terms = p + 12 if dtype == np.float64 else np.sqrt(p + 12)
        self.c = terms * float(np.finfo(dtype).eps) / 2
        self.steepest = sums.lam.max()
        self.columns = np.empty((n, p + 3), dtype)
        for rows in row_slices(n, 2048):
            with np.errstate(over="ignore"):  # then no query nearby is sure
                self.columns[rows] = self._columns(rows)

    def _columns(self, rows):
        """The right side of the product, for rows."""
        y = (self.sums.rows[rows] - self.center) * self.sums.inverse
        square, lam = np.einsum("ij,ij->i", y, y), self.sums.lam[rows]
        s = np.column_stack([-2 * y, square, np.ones(len(y)), np.zeros(len(y))])
        return s * lam[:, None]

    def _left(self, X):
        """The left side of the product, for queries, and their squares."""
        x = (X - self.center) * self.sums.inverse
        left = np.empty((len(x), x.shape[1] + 3), self.dtype)
        square = np.einsum("ij,ij->i", x, x)
        left[:, :-3], left[:, -3], left[:, -2], left[:, -1] = x, 1, square, 0
        return left, square

    def _tiles(self, left, runs):
        """Rows of a tile, and the products of the queries with them."""
        q = len(left)
        width = tile_columns(q, self.dtype)
        tiles = np.empty(q * min(width, len(self.columns)), self.dtype)
        for rows in _pieces(runs, width):
            n = rows.stop - rows.start
            tile = tiles[: q * n].reshape(q, n)
            yield rows, np.matmul(left, self.columns[rows].T, out=tile)

    def _mend(self, s, X, rows, near):
        """Measure the pairs that are near the kink."""
        pairs = np.flatnonzero(near)
        if len(pairs):
            queries, columns = np.divmod(pairs, s.shape[1])
            s.ravel()[pairs] = self.sums.measured(X, queries, columns + rows.start)


class PositiveProduct(_Product):
    """Sums of a kernel that is positive everywhere, as exponentials.

    The largest term of the first rows is divided out, so that no sum underflows; one
    that overflows is not sure.
    """

    def _columns(self, rows):
        columns = super()._columns(rows)
        if self.kernel.degree == 2:
            columns *= -0.5
            columns[:, -3] += self.sums.a[rows]
            columns[:, -1] = 1
        return columns

    def log_sums(self, X):
        """Return log S for a block of queries, and whether it is sure."""
        left, square = self._left(X)
        runs, shift = self.sums.near(X, self.tolerance)
        if shift is None:
            first = slice(0, min(FIRST_ROWS, len(self.columns)))
            terms = left @ self.columns[first].T
            shift = self._exponents(terms, X, first).max(axis=1)
        if self.kernel.degree == 2:
            left[:, -1] = -shift
        total = np.zeros(len(X))
        for rows, tile in self._tiles(left, runs):
            terms = self._exponents(tile, X, rows)
            if self.kernel.degree != 2:
                terms -= shift[:, None]
            total += np.add.reduce(exponential(terms), axis=1)
        logs = np.log(total) + shift
        error = self.c * (5 * self.steepest * square * self.kernel.slope)
        error -= self.c * self.sums.a.min()
        allowed = self.tolerance * np.maximum(1, np.abs(logs))
        return logs, np.isfinite(logs) & (error <= allowed)

    def _exponents(self, tile, X, rows):
        if self.kernel.degree != 2:
            self._mend(tile, X, rows, tile < self.kernel.margin)
            self.kernel.logs(tile)
            tile += self.sums.a[rows].astype(self.dtype)
        return tile


class CompactProduct(_Product):
    """Sums of a kernel that is 0 beyond its bandwidth.

    Where few pairs of a tile are within it, these are measured by differences.
    """

    def __init__(self, sums, dtype, tolerance):
        super().__init__(sums, dtype, tolerance)
        self.weight = np.exp(sums.a).astype(dtype)

    def log_sums(self, X):
        """Return log S for a block of queries, and whether it is sure."""
        left, square = self._left(X)
        error = self.c * (5 * self.steepest * square + 8)
        hopeless = ~(error <= LARGEST_ERROR)
        left[hopeless], error[hopeless] = 0, 0
        e = error.astype(self.dtype)[:, None]
        total, dense = np.zeros(len(X)), 0.0
        runs, _ = self.sums.near(X, self.tolerance)
        for rows, tile in self._tiles(left, runs):
            inside = tile < 1 + e
            inside[hopeless] = False
            n_inside = np.count_nonzero(inside)
            if n_inside == 0:
                continue
            if n_inside < SPARSE * tile.size:
                queries, columns = np.divmod(np.flatnonzero(inside), tile.shape[1])
                s = self.sums.measured(X, queries, columns + rows.start)
                terms = self.kernel.values(s) * self.weight[rows][columns]
                total += np.bincount(queries, terms, minlength=len(X))
                continue
            if self.kernel.kink == 0:
                self._mend(tile, X, rows, tile < self.kernel.margin)
            elif self.kernel.kink == 1:
                self._mend(tile, X, rows, inside & (tile > 1 - e))
            total += self.kernel.values(tile) @ self.weight[rows]
            dense += self.weight[rows].sum(dtype=np.float64)
        sure = error * self.kernel.slope * dense <= self.tolerance * total
        return np.log(total), sure & ~hopeless


def _merged(rows, factor, log_weight):
    """Add the weights of rows that are equal, factors included."""
    first, inverse, _ = unique_rows(np.column_stack([rows, factor]))
    if len(first) == len(rows):
        return rows, factor, log_weight
    total = np.full(len(first), -np.inf)
    np.logaddexp.at(total, inverse, log_weight)
    return rows[first], factor[first], total


def _pieces(runs, width):
    """Slices of runs of rows, of up to a width."""
    for run in runs:
        for start in range(run.start, run.stop, width):
            yield slice(start, min(start + width, run.stop))


def tile_columns(q, dtype):
    """How many rows a tile has for q queries."""
    return max(TILE_BYTES // (q * np.dtype(dtype).itemsize), 1)


def exponential(exponents):
    """Overwrite exponents by exponentials."""
    return np.exp(exponents, out=exponents)
