"""Sums of a kernel over all rows but one, for many bandwidths at a time."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import BallTree

from sklatent.density.kernel._grid_sums import MOST_FEATURES, grid_sums
from sklatent.density.kernel._sums import BLOCK_ROWS, tile_columns
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._threads import count_threads, map_threads

# Relative error of sums on a grid, and the share of a sum that others must be for six
# digits to be left without the row itself.
GRID_RTOL, SMALLEST_OTHERS = 1e-8, 0.01
# Exponentials of less would be subnormal numbers, for which a processor takes ten times
# as long, in single precision. They are 0.
LOWEST = np.float32(-87)
SMALLEST = np.exp(np.full(64, LOWEST))[0]  # as it is computed in arrays
ROOT = np.sqrt(SMALLEST)


def n_reports(n_rows, n_widths):
    """Largest number of reports about the sums of `n_rows` for `n_widths`."""
    return n_widths + -(-n_rows // BLOCK_ROWS)


class LeaveOneOut:
    """Sums over all rows but the query, which is one of them, for many bandwidths.

    The squared distances of a tile are computed once, in double precision. Only what is
    repeated for each bandwidth, above all the exponentials, is in single precision: the
    scores need six digits. The term of the nearest row is divided out first, so that it
    is 1 and neither overflows nor underflows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Rows, no two of them equal, and scaled to about 1.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, positive.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    metric : DistanceMetric, default=None
        The distance |x_i - x_j|; None is Euclidean.
    report : callable, default=None
        Called after each width on a grid, and after each block of rows by tiles.
    """

    def __init__(self, rows, weight, n_jobs=None, metric=None, report=None):
        self.report = report
        # Only Euclidean distances are sure not to depend on the origin.
        self.rows = rows - rows.mean(axis=0) if metric is None else rows
        self.metric = metric
        self.weight = (weight / weight.max()).astype(np.float32)
        self.largest = weight.max()
        self.n_jobs = n_jobs
        square = np.einsum("ij,ij->i", self.rows, self.rows)
        one = np.ones(len(rows))
        self.left = np.column_stack([self.rows, one, square])
        self.right = np.column_stack([-2 * self.rows, square, one])

    def nearest(self):
        """Distance from each row to the nearest other one."""
        if self.metric is None:
            distances, _ = k_nearest(self.rows, 2, n_jobs=self.n_jobs)
        else:
            distances, _ = BallTree(self.rows, metric=self.metric).query(self.rows, 2)
        return distances[:, 1]

    def log_sums(self, kernel, widths):
        """Return the logarithms of sum_(j != i) w_j K(|x_i - x_j|^2 / width^2).

        Parameters
        ----------
        kernel : Kernel
            Radial function, one of `sklatent.density.kernel._radial`.
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        logs : ndarray of shape (n_samples, n_widths)
            -inf where every kernel is 0.
        """
        logs = np.empty((len(self.rows), len(widths)))
        todo = np.ones(logs.shape, bool)
        if (
            kernel.degree == 2
            and self.metric is None
            and self.rows.shape[1] <= MOST_FEATURES
        ):
            for b, width in enumerate(widths):
                logs[:, b], sure = self._log_sums_on_grid(width)
                todo[:, b] = ~sure
                if self.report is not None:
                    self.report()
        self._add_by_tiles(kernel, widths, logs, todo)
        return logs + np.log(self.largest)

    def _log_sums_on_grid(self, width):
        """Logarithms of Gaussian sums without the row, and whether they are sure."""
        with np.errstate(over="ignore"):  # then rows are too far apart for a grid
            x = self.rows / width
        n_threads = count_threads(self.n_jobs)
        sums, sure = grid_sums(x, self.weight, x, GRID_RTOL, n_threads)
        others = sums - self.weight
        sure &= others > SMALLEST_OTHERS * sums
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(others), sure

    def _add_by_tiles(self, kernel, widths, logs, todo):
        """Overwrite logarithms that are still to be found."""
        nearest = np.zeros(len(self.rows))
        if not kernel.compact:
            nearest = kernel.logs(self.nearest() ** 2)
        factors = _above_zero(widths ** -float(kernel.degree or 2))

        def add(rows):
            which = np.flatnonzero(todo[rows].any(axis=0))
            total = np.zeros((len(rows), len(which)))
            for columns, s in self._tiles(rows, widths[which].min()):
                if kernel.compact:
                    s = s.astype(np.float32)
                else:
                    s = kernel.logs(s) - nearest[rows, None]
                    s = np.minimum(s, 0, dtype=np.float32)
                values = np.empty_like(s)
                for b, f in enumerate(factors[which]):
                    np.multiply(s, np.float32(f), out=values)
                    if kernel.compact:
                        kernel.values(values)
                    else:  # log K is proportional to a power of the bandwidth
                        _exp(values)
                    total[:, b] += values @ self.weight[columns]
            with np.errstate(divide="ignore"):
                found = np.log(total) + np.multiply.outer(nearest[rows], factors[which])
            at = np.ix_(rows, which)
            logs[at] = np.where(todo[at], found, logs[at])

        # Rows for which as many widths are left come together.
        n_left = todo.sum(axis=1)
        rows = np.argsort(n_left, kind="stable")[np.count_nonzero(n_left == 0) :]
        self._map(add, rows)

    def log_gaussian_sums(self, widths):
        """Logarithms of two sums of Gaussians, the second of twice the variance.

        These are sum_(j != i) w_j exp(-s_ij / 2) and sum_j w_j exp(-s_ij / 4), with
        s_ij = |x_i - x_j|^2 / width^2. One exponential serves both: the first kernel is
        the square of the second.

        Parameters
        ----------
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        logs, wider_logs : ndarray of shape (n_samples, n_widths)
            Logarithms of the first sums, and of the second, which include j = i.
        """
        nearest = self.nearest() ** 2
        factors = -_above_zero(0.25 / widths**2)

        def add(rows):
            total = np.zeros((2, len(rows), len(widths)))
            for columns, s in self._tiles(rows, widths.min()):
                s -= nearest[rows, None]
                s = np.maximum(s, 0, dtype=np.float32)
                values = np.empty_like(s)
                for b, f in enumerate(factors):
                    np.multiply(s, np.float32(f), out=values)
                    _exp(values)
                    total[1, :, b] += values @ self.weight[columns]
                    np.maximum(values, ROOT, out=values)
                    np.multiply(values, values, out=values)
                    values -= ROOT * ROOT
                    total[0, :, b] += values @ self.weight[columns]
            return total

        logs = np.log(
            np.concatenate(self._map(add, np.arange(len(nearest))), axis=1)
        ) + np.log(self.largest)
        exponents = np.multiply.outer(nearest, factors)
        own = np.log(self.largest * self.weight.astype(np.float64))[:, None]
        return logs[0] + 2 * exponents, np.logaddexp(logs[1] + exponents, own)

    def _map(self, function, rows):
        """Return the results of a function for blocks of rows."""
        blocks = [rows[block] for block in row_slices(len(rows), BLOCK_ROWS)]
        return map_threads(function, blocks, count_threads(self.n_jobs), self.report)

    def _tiles(self, rows, width):
        """Rows of a tile, and squared distances from them, inf from a row to itself."""
        # By differences where rounding of the product matters beside the width.
        product = width**2 > 1e-8 * self.left.shape[1] * self.left[:, -1].max()
        for columns in row_slices(len(self.rows), tile_columns(BLOCK_ROWS, np.float64)):
            if self.metric is not None:
                s = self.metric.pairwise(self.rows[rows], self.rows[columns]) ** 2
            elif product:
                s = self.left[rows] @ self.right[columns].T
            else:
                s = cdist(self.rows[rows], self.rows[columns], "sqeuclidean")
            np.maximum(s, 0, out=s)  # the product may be negative by rounding
            own = np.flatnonzero((rows >= columns.start) & (rows < columns.stop))
            s[own, rows[own] - columns.start] = np.inf
            yield columns, s


def _exp(values):
    """Exponentials of numbers in single precision, in place; 0 below `SMALLEST`."""
    np.maximum(values, LOWEST, out=values)
    np.exp(values, out=values)
    values -= SMALLEST


def _above_zero(factors):
    """Keep factors above 0 in single precision, where infinity times 0 is NaN."""
    return np.maximum(factors, np.finfo(np.float32).tiny)
