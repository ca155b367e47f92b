"""Sums of a kernel over all rows, tile by tile.

For queries x and rows y_j, in units of the bandwidth, this is

    S(x) = sum_j exp(a_j) K(s_j),   s_j = lam_j |x - y_j|^2,

in blocks of queries by blocks of rows that fit the cache. With x and y_j relative to a
center, the squared distances of a tile are one matrix product,

    s = [x, 1, |x|^2] [-2 lam y, lam |y|^2, lam]',

and for the Gaussian kernel the exponent is one, a_j and the scaling of each row
included. The computed s differs from the exact one by at most

    e = c lam (5 |x|^2 + 4 |x - y|^2),   c = (p + 12) u,

with p features and the unit roundoff u of the precision (derived in
`sklatent.utils._proposals`). The part with |x - y|^2 is a small share of s itself. The
other part depends on the query only, so each query knows whether its S is exact enough.
A query whose S is not is computed again in double precision, and then by differences.
In single precision the worst case is too far from what happens, and sqrt(p + 12) stands
for p + 12, as it does for independent roundings (Higham and Mary 2019, A new approach
to probabilistic rounding error analysis).

Queries and rows are sorted so that neighbors are stored together, and a block of
queries skips the rows whose kernels do not reach it or are too small to change its sums
(`sklatent.density.kernel._leaves`).
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sklatent.density.kernel import _leaves
from sklatent.density.kernel._grid_sums import LEAST_RTOL, MOST_FEATURES, grid_sums
from sklatent.density.kernel._run_sums import RunSums
from sklatent.density.kernel._strips import SIDES
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import has_few_dimensions, unique_rows
from sklatent.utils._progress import report_of_parts, report_of_rows
from sklatent.utils._threads import count_threads, map_threads

# Bytes of a tile. Several passes over a tile (product, exponential, sum) then read and
# write the second-level cache; with the whole matrix they would wait for memory.
TILE_BYTES = 2**20
# Queries of a block, and the fewest where queries are far apart.
BLOCK_ROWS, FEWEST_BLOCK_ROWS = 128, 4
# Rows whose median is the center.
CENTER_ROWS = 512
# Rows from which a first guess of the largest term of a sum is taken.
FIRST_ROWS = 512
# Tolerated error of log S: relative, but absolute where |log S| is below 1.
TOLERANCES = {np.dtype(np.float32): 5e-5, np.dtype(np.float64): 2e-10}
# Pairs of a tile that cost as much as one that is measured by itself.
TILE_PAIRS = 4
# Error of squared distances above which a product says nothing about a sum.
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
        Radial function, one of `sklatent.density.kernel._radial`.
    width : float or ndarray of shape (n_features,)
        Unit of the distances, along each feature.
    log_weight : ndarray of shape (n_samples,)
        The a_j, finite.
    factor : ndarray of shape (n_samples,), default=None
        Factor of the unit of each row: lam_j = 1 / factor_j^2.
    rtol : float, default=0.0
        Relative error of S that is tolerated, for more speed.
    """

    def __init__(self, rows, kernel, width, log_weight, factor=None, rtol=0.0):
        self.rtol = rtol
        n, p = rows.shape
        # Powers of two divide exactly: rows are stored in units of the next one, and
        # the rest of the bandwidth is divided out of differences only. So an offset
        # of the data costs no digits.
        fraction, self.exponent = np.frexp(np.broadcast_to(width, p).astype(float))
        self.inverse = 1 / fraction
        self.kernel = kernel
        factor = np.ones(n) if factor is None else factor
        rows, factor, log_weight = _merged(self.scaled(rows), factor, log_weight)
        order = _leaves.spatial_order(rows * self.inverse, _leaves.LEAF_ROWS)
        self.rows = rows[order]
        # The largest weight is divided out, so that no exponential overflows by it.
        self.largest = log_weight.max()
        self.a = log_weight[order] - self.largest
        self.smallest = self.a.min()
        self.lam = factor[order] ** -2.0
        self.steepest = self.lam.max()
        with np.errstate(all="ignore"):
            y = self.rows * self.inverse
            self.leaves = _leaves.box_leaves(y, self.a, self.lam)
        y = np.clip(y, -FARTHEST, FARTHEST)
        self.tree = self.in_reach = None
        if kernel.compact and p <= len(SIDES):
            with np.errstate(all="ignore"):
                weight = np.exp(self.a)
                runs = RunSums(self.rows, kernel, self.inverse, self.lam, weight)
            self.in_reach = runs if runs.strips.resolved else None
        elif not kernel.compact and has_few_dimensions(y):
            self.tree = cKDTree(y, balanced_tree=False, compact_nodes=False)

    def scaled(self, rows):
        """Rows in units of the next power of two, in double precision."""
        return np.ldexp(rows.astype(np.float64, order="C"), -self.exponent)

    def log_sums(self, queries, n_jobs=None, report=None):
        """Return log S for each query.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_features)
            The x. The result has their precision.
        n_jobs : int, default=None
            Number of threads; None takes as many as BLAS would.
        report : callable, default=None
            Called `n_blocks` times at most, while queries get their sums.

        Returns
        -------
        logs : ndarray of shape (n_queries,)
            -inf where every kernel is 0. Exact to 1e-9 for double and 1e-4 for single
            precision, relative to max(1, |log S|) with the largest a_j taken for 0.
        """
        X = self.scaled(queries)
        first, inverse, _ = unique_rows(X)
        X = X[first]
        n_threads = count_threads(n_jobs)
        if report is not None:
            report = report_of_rows(report, BLOCK_ROWS)
        logs, sure = self._log_sums_on_grid(X, n_threads, report)
        rest = np.flatnonzero(~sure)
        # What a grid leaves are queries far apart, on the outskirts of the others. A
        # block of few of them is as compact as one of many is elsewhere.
        most = max(BLOCK_ROWS * len(rest) // len(X), FEWEST_BLOCK_ROWS)
        rows = rest[_leaves.spatial_order(X[rest] * self.inverse, most)]
        for method in self._methods(queries.dtype):
            if len(rows) == 0:
                break

            def add(block, method=method):
                with np.errstate(all="ignore"):  # what overflows is not sure
                    logs[block], sure[block] = method(X[block])

            size = min(most, -(-len(rows) // n_threads))
            blocks = [rows[block] for block in row_slices(len(rows), size)]
            report_block = report_of_parts(report, blocks, sure)
            map_threads(add, blocks, n_threads, report_block)
            rows = rows[~sure[rows]]
        logs += self.largest
        with np.errstate(over="ignore"):
            return logs.astype(queries.dtype)[inverse]

    def n_blocks(self, n_queries):
        """Return how many blocks of queries there are."""
        return -(-n_queries // BLOCK_ROWS)

    def _log_sums_on_grid(self, X, n_threads, report):
        """Log S, and whether it is sure to be within the tolerance."""
        n, p = X.shape
        one_width = self.kernel.degree == 2 and (self.lam == 1).all()
        if self.rtol < LEAST_RTOL or p > MOST_FEATURES or not one_width:
            return np.empty(n), np.zeros(n, bool)
        origin = np.median(self.rows, axis=0)
        y, x = ((z - origin) * self.inverse for z in (self.rows, X))
        sums, sure = grid_sums(y, np.exp(self.a), x, self.rtol, n_threads, report)
        with np.errstate(divide="ignore"):
            return np.log(sums), sure

    def _methods(self, dtype):
        """Functions of a block of queries X that return log S and whether it is sure.

        The fastest comes first, and the last one is always sure.
        """
        tolerance = TOLERANCES[dtype]
        if self.in_reach is not None and self._has_range(np.float64):
            yield partial(_log_sums_of_runs, self, tolerance)
        by_product = _compact_log_sums if self.kernel.compact else _positive_log_sums
        for precision in (np.float32, np.float64):
            if np.dtype(precision) >= dtype and self._has_range(precision):
                product = _prepare_product(self, precision)
                yield partial(by_product, self, product, tolerance)
        yield partial(_log_sums_of_differences, self, tolerance)

    def _has_range(self, precision):
        """Whether half of the exponents are enough for the weights.

        The other half is for the kernel.
        """
        return -self.smallest < 0.5 * np.log(np.finfo(precision).max)

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
        kernel, terms = self.kernel, None
        upper, least = _leaves.bound_sums(self.leaves, kernel, X * self.inverse)
        kept = _leaves.that_matter(kernel, upper, least, tolerance)
        # The boxes bound a sum from below by their far ends, which says little. The
        # nearest rows say more, but looking for them pays only if it can leave out
        # half of the leaves: if it could with the largest sum that there can be.
        largest = np.logaddexp.reduce(upper)
        fewest = _leaves.that_matter(kernel, upper, largest, tolerance)
        if self.tree is not None and kept.sum() > 2 * fewest.sum():
            terms = self._nearest_terms(X)
            least = max(least, terms.min())
            kept = _leaves.that_matter(kernel, upper, least, tolerance)
        return _leaves.runs_of_rows(kept, len(self.rows)), terms

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


# By differences, always exact


def _log_sums_of_differences(sums, tolerance, X):
    """Log S from differences in double precision, term by term in logarithms."""
    top = np.full(len(X), -np.inf)
    total = np.zeros(len(X))
    runs, _ = sums.near(X, tolerance)
    for rows in _pieces(runs, tile_columns(len(X), np.float64)):
        s = cdist(X, sums.rows[rows], "sqeuclidean", w=sums.inverse**2)
        s *= sums.lam[rows]
        beyond = np.flatnonzero(np.isinf(s))
        terms = sums.kernel.logs(s)
        if len(beyond) and not sums.kernel.compact:
            queries, columns = np.divmod(beyond, s.shape[1])
            terms.ravel()[beyond] = _far_logs(sums, X, queries, columns + rows.start)
        terms += sums.a[rows]
        # A running log-sum-exp: what was added so far is rescaled where a tile has a
        # larger term. Before the first finite term `top` is -inf, and nothing is lost.
        higher = np.maximum(top, terms.max(axis=1))
        finite = np.where(np.isfinite(higher), higher, 0)
        terms -= finite[:, None]
        total *= np.exp(top - finite)
        total += np.exp(terms, out=terms).sum(axis=1)
        top = higher
    logs = np.log(total) + np.where(np.isfinite(top), top, 0)
    return logs, np.ones(len(X), bool)


def _far_logs(sums, X, queries, rows):
    """Return log K where squared distances overflow.

    log K is proportional to a power of the distance, so that a unit of the size of the
    differences can be taken out.
    """
    kernel, logs = sums.kernel, np.empty(len(rows))
    for pairs in row_slices(len(rows), max(DIFFERENCES // X.shape[1], 1)):
        difference = X[queries[pairs]] - sums.rows[rows[pairs]]
        unit = np.abs(difference).max(axis=1)
        difference /= unit[:, None]
        difference *= sums.inverse
        s = np.einsum("ij,ij->i", difference, difference)
        s *= sums.lam[rows[pairs]]
        logs[pairs] = kernel.logs(s) * unit**kernel.degree
    return np.nan_to_num(logs, nan=-np.inf, neginf=-np.inf)


def _log_sums_of_runs(sums, tolerance, X):
    """Log S of a compact kernel by pairs in reach, if that is faster than by tiles.

    Sure for all of the queries, or for none.
    """
    found = sums.in_reach.runs(X)
    _, start, stop = found
    runs, _ = sums.near(X, tolerance)
    n_in_tiles = len(X) * sum(run.stop - run.start for run in runs)
    if TILE_PAIRS * (stop - start).sum() > n_in_tiles:
        return np.zeros(len(X)), np.zeros(len(X), bool)
    return np.log(sums.in_reach.sums(X, *found)), np.ones(len(X), bool)


# By matrix products, exact enough or not sure


class Product(NamedTuple):
    """Right side of the matrix product, in one precision.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_features + 3)
        Factors of x, of 1, of |x|^2, and of a number to subtract. For the Gaussian
        kernel the product is the exponent, and for others the squared distance.
    weight : ndarray of shape (n_samples,)
        exp(a_j), by which the values of compact kernels are multiplied.
    center : ndarray of shape (n_features,)
        Origin of x and y. The closer to the data, the fewer digits cancel.
    c : float
        The c of the bound on the error.
    """

    columns: np.ndarray
    weight: np.ndarray
    center: np.ndarray
    c: float


def _prepare_product(sums, dtype):
    n, p = sums.rows.shape
    center = np.median(sums.rows[:: -(-n // CENTER_ROWS)], axis=0)
    columns = np.empty((n, p + 3), dtype)
    for rows in row_slices(n, 2048):
        with np.errstate(over="ignore"):  # then no query nearby is sure
            y = (sums.rows[rows] - center) * sums.inverse
            square = np.einsum("ij,ij->i", y, y)
            s = np.column_stack([-2 * y, square, np.ones(len(y)), np.zeros(len(y))])
            s *= sums.lam[rows, None]
            if sums.kernel.degree == 2:
                s *= -0.5
                s[:, -3] += sums.a[rows]
                s[:, -1] = 1
            columns[rows] = s
    terms = p + 12 if dtype == np.float64 else np.sqrt(p + 12)
    c = terms * float(np.finfo(dtype).eps) / 2
    return Product(columns, np.exp(sums.a).astype(dtype), center, c)


def _left_side(sums, product, X):
    """The left side of the product, for queries, and their squares."""
    x = (X - product.center) * sums.inverse
    left = np.empty((len(x), x.shape[1] + 3), product.columns.dtype)
    square = np.einsum("ij,ij->i", x, x)
    left[:, :-3], left[:, -3], left[:, -2], left[:, -1] = x, 1, square, 0
    return left, square


def _tiles(product, left, runs):
    """Rows of a tile, and the products of the queries with them."""
    q, dtype = left.shape[0], left.dtype
    width = tile_columns(q, dtype)
    # One buffer for all tiles: it stays in the cache, and no pages are requested.
    buffer = np.empty(q * min(width, len(product.columns)), dtype)
    for rows in _pieces(runs, width):
        n = rows.stop - rows.start
        tile = buffer[: q * n].reshape(q, n)
        yield rows, np.matmul(left, product.columns[rows].T, out=tile)


def _measure(sums, s, X, rows, near):
    """Overwrite entries of a tile, those near a kink of K, by exact ones."""
    pairs = np.flatnonzero(near)
    if len(pairs):
        queries, columns = np.divmod(pairs, s.shape[1])
        s.ravel()[pairs] = sums.measured(X, queries, columns + rows.start)


def _exponents(sums, tile, X, rows):
    """Overwrite a tile by a_j + log K, which is what the Gaussian's product gives."""
    kernel = sums.kernel
    if kernel.degree != 2:
        _measure(sums, tile, X, rows, tile < kernel.margin)
        kernel.logs(tile)
        tile += sums.a[rows].astype(tile.dtype)
    return tile


def _positive_log_sums(sums, product, tolerance, X):
    """Log S, and whether it is sure, for a kernel that is positive everywhere.

    A large term, of the nearest row or of some, is divided out of each sum, so that it
    does not underflow. A sum that overflows because that term was too small is not
    sure.
    """
    kernel = sums.kernel
    left, square = _left_side(sums, product, X)
    runs, shift = sums.near(X, tolerance)
    if shift is None:
        first = slice(0, min(FIRST_ROWS, len(sums.rows)))
        terms = left @ product.columns[first].T
        shift = _exponents(sums, terms, X, first).max(axis=1)
    if kernel.degree == 2:
        left[:, -1] = -shift  # the product subtracts it, without another pass
    total = np.zeros(len(X))
    for rows, tile in _tiles(product, left, runs):
        terms = _exponents(sums, tile, X, rows)
        if kernel.degree != 2:
            terms -= shift[:, None]
        # Exponentials of single precision are several times as fast as of double.
        # Sums of a tile are pairwise, and those of all tiles are in double precision.
        total += np.add.reduce(np.exp(terms, out=terms), axis=1)
    logs = np.log(total) + shift
    error = product.c * (5 * sums.steepest * square * kernel.slope)
    error -= product.c * sums.smallest
    allowed = tolerance * np.maximum(1, np.abs(logs))
    return logs, np.isfinite(logs) & (error <= allowed)


def _compact_log_sums(sums, product, tolerance, X):
    """Log S, and whether it is sure, for a kernel that is 0 beyond its bandwidth.

    Where few pairs of a tile are within it, these are measured by differences, and so
    are exact. Elsewhere the error is that of squared distances times the slope of K.
    """
    kernel = sums.kernel
    left, square = _left_side(sums, product, X)
    error = product.c * (5 * sums.steepest * square + 8)
    hopeless = ~(error <= LARGEST_ERROR)  # NaN too
    left[hopeless], error[hopeless] = 0, 0
    e = error.astype(left.dtype)[:, None]
    total, dense = np.zeros(len(X)), 0.0
    runs, _ = sums.near(X, tolerance)
    for rows, tile in _tiles(product, left, runs):
        inside = tile < 1 + e
        inside[hopeless] = False
        n_inside = np.count_nonzero(inside)
        if n_inside == 0:
            continue
        weight = product.weight[rows]
        if n_inside < SPARSE * tile.size:
            queries, columns = np.divmod(np.flatnonzero(inside), tile.shape[1])
            s = sums.measured(X, queries, columns + rows.start)
            terms = kernel.values(s) * weight[columns]
            total += np.bincount(queries, terms, minlength=len(X))
            continue
        if kernel.kink == 0:
            _measure(sums, tile, X, rows, tile < kernel.margin)
        elif kernel.kink == 1:  # a step: only what is clearly on one side of it is sure
            _measure(sums, tile, X, rows, inside & (tile > 1 - e))
        total += kernel.values(tile) @ weight
        dense += weight.sum(dtype=np.float64)
    sure = error * kernel.slope * dense <= tolerance * total
    return np.log(total), sure & ~hopeless
