"""Sums of a kernel over all rows, tile by tile.

For queries x and rows y_j, in units of the bandwidth, this is

    S(x) = sum_j exp(a_j) K(s_j),   s_j = lam_j |x - y_j|^2,

in blocks of queries by blocks of rows that fit the cache. With x and y_j relative to a
centre, the squared distances of a tile are one matrix product,

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
"""

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._threads import count_threads, map_threads

# Bytes of a tile.
TILE_BYTES = 2**20
# Queries of a block.
BLOCK_ROWS = 128
# Rows from which a first guess of the largest term of a sum is taken.
FIRST_ROWS = 512
# Error of log S that is tolerated: relative, but absolute where |log S| is below 1.
TOLERANCES = {np.dtype(np.float32): 5e-5, np.dtype(np.float64): 2e-10}
# Largest error of squared distances, from which on a product says nothing.
LARGEST_ERROR = 0.05
# Share of the pairs of a tile up to which they are picked out and measured.
SPARSE = 0.05
# Pairs that are measured at a time, times features.
DIFFERENCES = 2**17


class KernelSums:
    """Log-sums of a kernel over weighted rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows y.
    kernel : Kernel
        See `sklatent.density._kernels`.
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
        # In random order the first rows are a sample.
        order = np.random.RandomState(0).permutation(n)
        self.rows = self.scaled(rows[order])
        self.inverse = 1 / fraction
        self.kernel = kernel
        self.a = log_weight[order] - log_weight.max()
        self.largest = log_weight.max()
        self.lam = np.ones(n) if factor is None else factor[order] ** -2.0

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
        logs = np.empty(len(X))
        rows = np.arange(len(X))
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
        return logs.astype(queries.dtype)

    def _forms(self, dtype):
        """Ways to compute the sums, the fastest first, the last always sure."""
        tolerance = TOLERANCES[dtype]
        Product = CompactProduct if self.kernel.degree is None else PositiveProduct
        for precision in (np.float32, np.float64):
            range_of_exp = 0.5 * np.log(np.finfo(precision).max)
            if np.dtype(precision) >= dtype and -self.a.min() < range_of_exp:
                yield Product(self, precision, tolerance)
        yield Differences(self)

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
    """

    def __init__(self, sums):
        self.sums = sums
        self.squares = sums.inverse**2

    def log_sums(self, X):
        """Return log S for a block of queries, and that all of them are sure."""
        sums = self.sums
        top = np.full(len(X), -np.inf)
        total = np.zeros(len(X))
        for rows in row_slices(len(sums.rows), _columns(len(X), np.float64)):
            s = cdist(X, sums.rows[rows], "sqeuclidean", w=self.squares)
            s *= sums.lam[rows]
            terms = sums.kernel.logs(s)
            terms += sums.a[rows]
            higher = np.maximum(top, terms.max(axis=1))
            finite = np.where(np.isfinite(higher), higher, 0)
            terms -= finite[:, None]
            total *= np.exp(top - finite)
            total += np.exp(terms, out=terms).sum(axis=1)
            top = higher
        logs = np.log(total) + np.where(np.isfinite(top), top, 0)
        return logs, np.ones(len(X), bool)


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
        self.centre = np.median(sums.rows[:FIRST_ROWS], axis=0)
        terms = p + 12 if dtype == np.float64 else np.sqrt(p + 12)
        self.c = terms * float(np.finfo(dtype).eps) / 2
        self.steepest = sums.lam.max()
        self.columns = np.empty((n, p + 3), dtype)
        for rows in row_slices(n, 2048):
            self.columns[rows] = self._columns(rows)

    def _columns(self, rows):
        """The right side of the product, for rows."""
        y = (self.sums.rows[rows] - self.centre) * self.sums.inverse
        square, lam = np.einsum("ij,ij->i", y, y), self.sums.lam[rows]
        s = np.column_stack([-2 * y, square, np.ones(len(y)), np.zeros(len(y))])
        return s * lam[:, None]

    def _left(self, X):
        """The left side of the product, for queries, and their squares."""
        x = (X - self.centre) * self.sums.inverse
        left = np.empty((len(x), x.shape[1] + 3), self.dtype)
        square = np.einsum("ij,ij->i", x, x)
        left[:, :-3], left[:, -3], left[:, -2], left[:, -1] = x, 1, square, 0
        return left, square

    def _tiles(self, left):
        """Rows of a tile, and the products of the queries with them."""
        q = len(left)
        width = _columns(q, self.dtype)
        tiles = np.empty(q * min(width, len(self.columns)), self.dtype)
        for rows in row_slices(len(self.columns), width):
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
        first = slice(0, min(FIRST_ROWS, len(self.columns)))
        terms = left @ self.columns[first].T
        shift = self._exponents(terms, X, first).max(axis=1)
        if self.kernel.degree == 2:
            left[:, -1] = -shift
        total = np.zeros(len(X))
        for rows, tile in self._tiles(left):
            terms = self._exponents(tile, X, rows)
            if self.kernel.degree != 2:
                terms -= shift[:, None]
            total += np.add.reduce(_exp(terms), axis=1)
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
        for rows, tile in self._tiles(left):
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


class LeaveOneOut:
    """Sums over all rows but the query, which is one of them, for many bandwidths.

    The squared distances of a tile are computed once, in double precision. What
    multiplies the pairs by the bandwidths, exponentials above all, is in single
    precision, after the nearest row was divided out.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Rows, no two of them equal, and scaled to about 1.
    weight : ndarray of shape (n_samples,)
        Their weights, positive.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    """

    def __init__(self, rows, weight, n_jobs=None):
        self.rows = rows - rows.mean(axis=0)
        self.weight = (weight / weight.max()).astype(np.float32)
        self.largest = weight.max()
        self.n_jobs = n_jobs
        square = np.einsum("ij,ij->i", self.rows, self.rows)
        one = np.ones(len(rows))
        self.left = np.column_stack([self.rows, one, square])
        self.right = np.column_stack([-2 * self.rows, square, one])

    def log_sums(self, kernel, widths):
        """Return the logarithms of sum_(j != i) w_j K(|x_i - x_j|^2 / width^2).

        Parameters
        ----------
        kernel : Kernel
            See `sklatent.density._kernels`.
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        logs : ndarray of shape (n_samples, n_widths)
            -inf where every kernel is 0.
        """
        nearest = np.zeros(len(self.rows))
        if kernel.degree is not None:
            distances, _ = k_nearest(self.rows, 2, n_jobs=self.n_jobs)
            nearest = kernel.logs(distances[:, 1] ** 2)
        factors = widths ** -float(kernel.degree or 2)

        def add(block):
            total = np.zeros((block.stop - block.start, len(widths)))
            for columns, s in self._tiles(block, widths.min()):
                if kernel.degree is None:
                    s, apply = s.astype(np.float32), kernel.values
                else:
                    s = kernel.logs(s) - nearest[block, None]
                    s, apply = np.minimum(s, 0, dtype=np.float32), _exp
                scaled = np.empty_like(s)
                for b, f in enumerate(factors):
                    apply(np.multiply(s, np.float32(f), out=scaled))
                    total[:, b] += scaled @ self.weight[columns]
            return total

        total = np.concatenate(self._map(add))
        with np.errstate(divide="ignore"):
            logs = np.log(total) + np.log(self.largest)
        return logs + np.multiply.outer(nearest, factors)

    def gaussian_sums(self, widths):
        """Return sum_(j != i) w_j exp(-s_ij / 2) and sum_j w_j exp(-s_ij / 4).

        Where s_ij = |x_i - x_j|^2 / width^2.

        Parameters
        ----------
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        sums, wider_sums : ndarray of shape (n_samples, n_widths)
            The sums; the second ones include j = i.
        """

        def add(block):
            total = np.zeros((2, block.stop - block.start, len(widths)))
            for columns, s in self._tiles(block, widths.min()):
                s = s.astype(np.float32)
                kernel = np.empty_like(s)
                for b, width in enumerate(widths):
                    _exp(np.multiply(s, np.float32(-0.25 / width**2), out=kernel))
                    total[1, :, b] += kernel @ self.weight[columns]
                    np.multiply(kernel, kernel, out=kernel)
                    total[0, :, b] += kernel @ self.weight[columns]
            total[1] += self.weight[block, None]
            return total

        return self.largest * np.concatenate(self._map(add), axis=1)

    def _map(self, function):
        blocks = list(row_slices(len(self.rows), BLOCK_ROWS))
        return map_threads(function, blocks, count_threads(self.n_jobs))

    def _tiles(self, block, width):
        """Rows of a tile, and squared distances from them, inf from a row to itself.

        By differences where rounding of the product matters beside the width.
        """
        product = width**2 > 1e-8 * self.left.shape[1] * self.left[:, -1].max()
        for columns in row_slices(len(self.rows), _columns(BLOCK_ROWS, np.float64)):
            if product:
                s = self.left[block] @ self.right[columns].T
            else:
                s = cdist(self.rows[block], self.rows[columns], "sqeuclidean")
            own = np.arange(
                max(block.start, columns.start), min(block.stop, columns.stop)
            )
            np.maximum(s, 0, out=s)
            s[own - block.start, own - columns.start] = np.inf
            yield columns, s


def _exp(exponents):
    """Overwrite exponents by exponentials."""
    return np.exp(exponents, out=exponents)


def _columns(q, dtype):
    """How many rows a tile has for q queries."""
    return max(TILE_BYTES // (q * np.dtype(dtype).itemsize), 1)
