"""Sums of a kernel over all rows but one, for many bandwidths at a time."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.neighbors import BallTree

from sklatent.density.kernel._sums import BLOCK_ROWS, exponential, tile_columns
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._threads import count_threads, map_threads


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
    metric : DistanceMetric, default=None
        What stands for |x_i - x_j|; None is Euclidean.
    """

    def __init__(self, rows, weight, n_jobs=None, metric=None):
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
            See `sklatent.density.kernel._radial`.
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        logs : ndarray of shape (n_samples, n_widths)
            -inf where every kernel is 0.
        """
        nearest = np.zeros(len(self.rows))
        if kernel.degree is not None:
            nearest = kernel.logs(self.nearest() ** 2)
        factors = _above_zero(widths ** -float(kernel.degree or 2))

        def add(block):
            total = np.zeros((block.stop - block.start, len(widths)))
            for columns, s in self._tiles(block, widths.min()):
                if kernel.degree is None:
                    s, apply = s.astype(np.float32), kernel.values
                else:
                    s = kernel.logs(s) - nearest[block, None]
                    s, apply = np.minimum(s, 0, dtype=np.float32), exponential
                scaled = np.empty_like(s)
                for b, f in enumerate(factors):
                    apply(np.multiply(s, np.float32(f), out=scaled))
                    total[:, b] += scaled @ self.weight[columns]
            return total

        total = np.concatenate(self._map(add))
        with np.errstate(divide="ignore"):
            logs = np.log(total) + np.log(self.largest)
        return logs + np.multiply.outer(nearest, factors)

    def log_gaussian_sums(self, widths):
        """Logarithms of sum_(j != i) w_j exp(-s_ij / 2) and sum_j w_j exp(-s_ij / 4).

        Where s_ij = |x_i - x_j|^2 / width^2.

        Parameters
        ----------
        widths : ndarray of shape (n_widths,)
            Bandwidths.

        Returns
        -------
        logs, wider_logs : ndarray of shape (n_samples, n_widths)
            The logarithms; of the second sums, which include j = i.
        """
        nearest = self.nearest() ** 2
        factors = -_above_zero(0.25 / widths**2)

        def add(block):
            total = np.zeros((2, block.stop - block.start, len(widths)))
            for columns, s in self._tiles(block, widths.min()):
                s -= nearest[block, None]
                s = np.maximum(s, 0, dtype=np.float32)
                kernel = np.empty_like(s)
                for b, f in enumerate(factors):
                    exponential(np.multiply(s, np.float32(f), out=kernel))
                    total[1, :, b] += kernel @ self.weight[columns]
                    np.multiply(kernel, kernel, out=kernel)
                    total[0, :, b] += kernel @ self.weight[columns]
            return total

        logs = np.log(np.concatenate(self._map(add), axis=1)) + np.log(self.largest)
        exponents = np.multiply.outer(nearest, factors)
        own = np.log(self.largest * self.weight.astype(np.float64))[:, None]
        return logs[0] + 2 * exponents, np.logaddexp(logs[1] + exponents, own)

    def _map(self, function):
        blocks = list(row_slices(len(self.rows), BLOCK_ROWS))
        return map_threads(function, blocks, count_threads(self.n_jobs))

    def _tiles(self, block, width):
        """Rows of a tile, and squared distances from them, inf from a row to itself.

        By differences where rounding of the product matters beside the width.
        """
        product = width**2 > 1e-8 * self.left.shape[1] * self.left[:, -1].max()
        for columns in row_slices(len(self.rows), tile_columns(BLOCK_ROWS, np.float64)):
            if self.metric is not None:
                rows, others = self.rows[block], self.rows[columns]
                s = self.metric.pairwise(rows, others) ** 2
            elif product:
                s = self.left[block] @ self.right[columns].T
            else:
                s = cdist(self.rows[block], self.rows[columns], "sqeuclidean")
            own = np.arange(
                max(block.start, columns.start), min(block.stop, columns.stop)
            )
            np.maximum(s, 0, out=s)
            s[own - block.start, own - columns.start] = np.inf
            yield columns, s


def _above_zero(factors):
    """Keep factors above 0 in single precision, so that infinity stays what it is."""
    return np.maximum(factors, np.finfo(np.float32).tiny)
