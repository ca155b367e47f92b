"""Sums of a kernel over all rows, on the device where the queries are.

The sums S(x) are those of `sklatent.density.kernel._sums`. Tiles of squared distances
are products of matrices (`sklatent.utils._device_tiles`), in double precision. Where
the bound e on their error may change a term exp(a_j) K(s_j) by more than a tolerance,
the pair is measured by differences. These are pairs that are close together relative
to their distance from the center, pairs at a kink of K, and pairs at the end of its
reach, where it is small.

The rows are copied to the device in each call. That takes as long as a few queries do,
and a fitted model that kept the copy would hold memory of the device.
"""

import numpy as np

from sklatent.density.kernel._radial import log_or_minus_inf
from sklatent.utils._blocks import row_slices
from sklatent.utils._device_tiles import BLOCK_ROWS, Tiles
from sklatent.utils._sklearn import get_namespace_and_device

# Tolerated error of a term: relative, but of log K absolute where |log K| is below 1.
TOLERANCE = 1e-10
# Entries, in units of the bandwidth, whose squares are sure not to overflow.
FARTHEST = 1e75


class DeviceSums:
    """Log-sums of a kernel over weighted rows, for queries on a device.

    Parameters
    ----------
    sums : KernelSums
        The rows, the kernel and the weights.
    queries : array of shape (n_queries, n_features)
        Of the library and on the device in question.
    """

    def __init__(self, sums, queries):
        self.xp, _, device = get_namespace_and_device(queries)

        def copied(values):
            return self.xp.asarray(np.array(values, np.float64), device=device)

        # Units are powers of two, so that rows and queries are as exact as they were.
        self.unit = copied(np.ldexp(1.0, -sums.exponent))
        self.tiles = Tiles(copied(sums.rows), copied(sums.inverse))
        self.a, self.lam = copied(sums.a), copied(sums.lam)
        self.kernel, self.largest = sums.kernel, float(sums.largest)
        self.steepest = float(sums.steepest)

    def n_blocks(self, n_queries):
        """Return how many blocks of queries there are."""
        return -(-n_queries // BLOCK_ROWS)

    def log_sums(self, queries, dtype, report):
        """Return log S for each query.

        Parameters
        ----------
        queries : array of shape (n_queries, n_features)
            The x, in units of the data.
        dtype : dtype of the library
            Precision of the result.
        report : callable or None
            Called once for each of `n_blocks` blocks.

        Returns
        -------
        logs : array of shape (n_queries,)
            -inf where every kernel is 0.
        """
        xp, logs = self.xp, []
        for block in row_slices(queries.shape[0], BLOCK_ROWS):
            x = xp.astype(queries[block, :], xp.float64) * self.unit
            logs.append(self._log_sums(x) + self.largest)
            if report is not None:
                report()
        return xp.astype(xp.concat(logs), dtype)

    def _log_sums(self, x):
        """Log S of a block, as a running log-sum-exp over the tiles."""
        xp, tiles = self.xp, self.tiles
        relative = tiles.relative(x)
        error = tiles.error(xp.sum(relative * relative, axis=1, keepdims=True))
        # 4 c s more, which matters only where K has an end, at s = 1.
        error = self.steepest * error + 8 * tiles.c
        top = xp.full_like(error[:, 0], -xp.inf)
        total = xp.zeros_like(top)
        for rows, s in tiles.products(relative):
            s *= self.lam[rows]
            terms = self._log_kernel(x, rows, s, error)
            terms += self.a[rows]
            higher = xp.maximum(top, xp.max(terms, axis=1))
            shift = _finite(xp, higher)
            terms -= shift[:, None]
            total = total * xp.exp(top - shift) + xp.sum(xp.exp(terms), axis=1)
            top = higher
        return log_or_minus_inf(total, xp) + _finite(xp, top)

    def _log_kernel(self, x, rows, s, error):
        """Log K of a tile, from differences where an error of s matters."""
        xp = self.xp
        logs = self.kernel.logs_of(s, xp)
        matters = self._matters(s, logs, error)
        if xp.any(matters):
            queries, columns = xp.nonzero(matters)
            columns = columns + rows.start
            measured = self.tiles.measured(x, queries, columns)
            measured *= xp.take(self.lam, columns)
            logs[matters] = self.kernel.logs_of(measured, xp)
        return logs

    def _matters(self, s, logs, error):
        """For which pairs of a tile an error of s matters."""
        xp, kernel = self.xp, self.kernel
        limit = kernel.slope * error / TOLERANCE
        if kernel.compact:  # a share of K
            matters = (s < 1 + error) & (logs < log_or_minus_inf(limit, xp))
        else:  # a share of log K, or of 1
            matters = logs > xp.where(limit > 1, -limit, xp.full_like(limit, xp.inf))
        if kernel.kink is not None:
            matters |= xp.abs(s - kernel.kink) <= kernel.margin + error
        return matters


def fit_in_tiles(sums, queries):
    """Whether squared distances from queries to the rows of sums cannot overflow.

    Parameters
    ----------
    sums : KernelSums
        The rows.
    queries : array of shape (n_queries, n_features)
        On a device.
    """
    xp = get_namespace_and_device(queries)[0]
    largest = max(float(xp.max(queries)), -float(xp.min(queries)))
    with np.errstate(over="ignore"):
        farthest = np.ldexp(largest, -np.min(sums.exponent))
    return max(farthest, np.abs(sums.rows).max()) <= FARTHEST


def _finite(xp, values):
    """Values, or 0 where they are infinite."""
    return xp.where(xp.isfinite(values), values, xp.zeros_like(values))
