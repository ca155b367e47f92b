"""Gaussian kernels with local covariances: manifold Parzen windows.

Vincent and Bengio (2003). The kernel on row j has the shape of its k nearest rows,

    S_j = sum_n (y_n - y_j)(y_n - y_j)' / k,   t_j = tr S_j / p,
    C_j = (1 - a) S_j + a t_j I,
    p(y) = sum_j w_j N(y; y_j, h^2 C_j) / sum_j w_j,

with p features, the shrinkage a and the scale h. The coordinates y are those in which
the target of the shrinkage is the unit matrix (`find_whitening` with share 1/2).

No C_j is stored. With the axes and variances of S_j, of which there are r = min(k, p),

    S_j = U diag(s) U',   |y - y_j|^2 = |U'(y - y_j)|^2 + rest,
    (y - y_j)' C_j^(-1) (y - y_j) = sum_l [U'(y - y_j)]_l^2 / ((1 - a) s_l + a t_j)
                                    + rest / (a t_j),

so that a kernel costs p r operations for a query, and one decomposition serves all a
and h.

A row that is left out is also left out of the covariances of its neighbors; otherwise
small k and a would seem best by far. The next neighbor takes its place. So with S_j of
k + 1 neighbors, and d = y_i - y_j for one of them, row j has

    C_j' = A - g d d',   A = (1 - a) (1 + 1/k) S_j + a t_j' I,   g = (1 - a) / k,

without row i. A has the axes of S_j; by Sherman and Morrison

    d' C_j'^(-1) d = q / (1 - g q),   det C_j' = det A (1 - g q),   q = d' A^(-1) d.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.density.kernel._left_out import sums_of_others
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import count_threads, map_threads, single_blas_thread

# Numbers in the largest array of a tile; it stays in the second-level cache.
TILE = 2**17
# Queries of a tile.
QUERY_ROWS = 256
# Least mean variance, for coordinates of variance 1: the square of their rounding.
LEAST_VARIANCE = 1e-30
# Variances below this share of the largest are rounding.
ROUNDING = 1e-13


def rows_of_block(n, p, K):
    """How many of n rows, with p features and K neighbors, are handled together."""
    numbers = max(min(n, QUERY_ROWS), p, K) * min(p, K)
    return max(TILE // numbers, 1)


class Neighborhoods(NamedTuple):
    """Rows and the rows around them.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        The y_j, no two of them equal.
    weight : ndarray of shape (n,)
        The w_j.
    order : ndarray of int of shape (n, K)
        The nearest other rows of each, K of them: k + 1, or all.
    k : int
        How many of them make a covariance.
    """

    rows: np.ndarray
    weight: np.ndarray
    order: np.ndarray
    k: int

    def blocks(self):
        """Slices of rows whose kernels are handled together."""
        n, p = self.rows.shape
        return row_slices(n, rows_of_block(n, p, self.order.shape[1]))

    def differences(self, block, k):
        """The y_n - y_j for k neighbors of each row of a block, (b, k, p)."""
        return self.rows[self.order[block, :k]] - self.rows[block][:, None]


class Axes(NamedTuple):
    """Axes of the local covariances of a block of b rows.

    Parameters
    ----------
    center : ndarray of shape (b, p)
        The y_j.
    axes : ndarray of shape (b, p, r)
        The U.
    variances : ndarray of shape (b, r)
        The s.
    mean_variance : ndarray of shape (b,)
        The t_j.
    """

    center: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    mean_variance: np.ndarray

    def project(self, Y):
        """Squares along the axes (b, m, r) and the rest (b, m), for m queries."""
        along = Y @ self.axes
        along -= np.einsum("bp,bpr->br", self.center, self.axes)[:, None]
        along *= along
        if self.axes.shape[2] == Y.shape[1]:
            return along, 0.0
        rest = cdist(self.center, Y, "sqeuclidean") - along.sum(axis=2)
        return along, np.maximum(rest, 0)

    def shrunk(self, a):
        """Variances of C_j: along the axes, (b, r), across, (b, 1), and log det C_j."""
        across = a * self.mean_variance[:, None]
        along = (1 - a) * self.variances + across
        p, r = self.axes.shape[1:]
        log_det = np.log(along).sum(axis=1) + (p - r) * np.log(across[:, 0])
        return along, across, log_det


def local_axes(hoods, block, k):
    """Return the axes of the local covariances of a block of rows, of k neighbors."""
    D = hoods.differences(block, k)
    D /= np.sqrt(k)
    p = D.shape[2]
    mean_variance = np.einsum("bkp,bkp->b", D, D) / p
    with single_blas_thread:  # for small matrices
        if p <= k:
            s, U = np.linalg.eigh(D.transpose(0, 2, 1) @ D)
        else:  # the axes are combinations of k rows, so that k x k matrices suffice
            s, V = np.linalg.eigh(D @ D.transpose(0, 2, 1))
            rounded = s <= ROUNDING * s[:, -1:]
            length = np.sqrt(np.where(rounded, 1, s))
            U = D.transpose(0, 2, 1) @ V / length[:, None]
            U *= ~rounded[:, None]
    mean_variance = np.maximum(mean_variance, LEAST_VARIANCE)
    return Axes(hoods.rows[block], U, np.maximum(s, 0), mean_variance)


def log_sums(hoods, shrinkage, scale, Y, n_jobs=None, report=None):
    """Return log sum_j w_j N(y; y_j, h^2 C_j) for each query y.

    Parameters
    ----------
    hoods : Neighborhoods
        The rows.
    shrinkage, scale : float
        The a and h.
    Y : ndarray of shape (n_queries, n_features)
        The queries.
    n_jobs : int, default=None
        Number of threads.
    report : callable, default=None
        Called after each block of rows by queries.

    Returns
    -------
    logs : ndarray of shape (n_queries,)
        Finite, unless squared distances overflow.
    """
    total = np.full(len(Y), -np.inf)
    n_threads = count_threads(n_jobs)
    log_weight = np.log(hoods.weight)
    for block in hoods.blocks():
        local = local_axes(hoods, block, hoods.k)
        along, across, log_det = local.shrunk(shrinkage)
        peak = (log_weight[block] - 0.5 * log_det)[:, None]

        def add(queries, local=local, along=along, across=across, peak=peak):
            squares, rest = local.project(Y[queries])
            q = (squares @ (1 / along)[:, :, None])[:, :, 0] + rest / across
            terms = np.logaddexp.reduce(peak - 0.5 / scale**2 * q, axis=0)
            total[queries] = np.logaddexp(total[queries], terms)

        map_threads(add, list(row_slices(len(Y), QUERY_ROWS)), n_threads, report)
    return total - log_norm(hoods, scale)


def log_norm(hoods, scale):
    """Logarithm of (2 pi h^2)^(p/2)."""
    return hoods.rows.shape[1] * (0.5 * np.log(2 * np.pi) + np.log(scale))


def log_sums_of_others(hoods, rows, lost, shrinkages, scales, n_jobs=None, report=None):
    """Return log sum_j w_j N(y_i; y_j, h^2 C_j) without row i, for several a and h.

    Parameters
    ----------
    hoods : Neighborhoods
        The rows.
    rows : ndarray of int of shape (n_queries,)
        The rows i, no two of them equal.
    lost : ndarray of shape (n_queries,)
        The weight that row i loses, up to all of it. With w_i - lost it stays, as a
        row and as a neighbor.
    shrinkages : ndarray of shape (n_shrinkages,)
        The a.
    scales : ndarray of shape (n_scales,)
        The h.
    n_jobs : int, default=None
        Number of threads.
    report : callable, default=None
        Called after each block of kernels.

    Returns
    -------
    logs : ndarray of shape (n_queries, n_shrinkages, n_scales)
        Natural logarithms.
    """
    total = np.full((len(shrinkages), len(scales), len(rows)), -np.inf)
    n_threads = count_threads(n_jobs)
    place = np.full(len(hoods.rows), -1)  # of each row among the queries
    place[rows] = np.arange(len(rows))
    for block in hoods.blocks():
        local = local_axes(hoods, block, hoods.k)
        row, query, forms, peaks = _pairs(hoods, block, place, lost, shrinkages)

        def add(queries, block=block, local=local, pairs=(row, query, forms, peaks)):
            squares, rest = local.project(hoods.rows[rows[queries]])
            log_left = _log_left(hoods.weight[block], place[block], lost, queries)
            row, query, forms, peaks = pairs
            some = np.flatnonzero((query >= queries.start) & (query < queries.stop))
            at = row[some], query[some] - queries.start
            for a in range(len(shrinkages)):
                along, across, log_det = local.shrunk(shrinkages[a])
                q = (squares @ (1 / along)[:, :, None])[:, :, 0] + rest / across
                peak = np.repeat(-0.5 * log_det[:, None], q.shape[1], axis=1)
                q[at], peak[at] = forms[a, some], peaks[a, some]
                peak += log_left
                for h, logs in zip(scales, total[a], strict=True):
                    terms = _log_sum_exp(peak - 0.5 / h**2 * q)
                    logs[queries] = np.logaddexp(logs[queries], terms)

        map_threads(add, list(row_slices(len(rows), QUERY_ROWS)), n_threads)
        if report is not None:
            report()
    norm = np.array([log_norm(hoods, h) for h in scales])
    return total.transpose(2, 0, 1) - norm


def _log_left(weight, place, lost, queries):
    """Logarithm of the weight of each row of a block for each query, (b, m)."""
    left = np.repeat(weight[:, None], queries.stop - queries.start, axis=1)
    row = np.flatnonzero((place >= queries.start) & (place < queries.stop))
    left[row, place[row] - queries.start] -= lost[place[row]]
    with np.errstate(divide="ignore"):
        return np.log(left, out=left)


def _pairs(hoods, block, place, lost, shrinkages):
    """Find the kernels that depend on the row that is left out.

    Parameters
    ----------
    hoods : Neighborhoods
        The rows.
    block : slice
        Rows j.
    place : ndarray of int of shape (n,)
        Position of each row among the queries; negative if it is none.
    lost : ndarray of shape (n_queries,)
        The weight that a query loses; if that is all of it, it is left out.
    shrinkages : ndarray of shape (n_shrinkages,)
        The a.

    Returns
    -------
    row, query : ndarray of int of shape (n_pairs,)
        Positions of j in the block, and of its neighbor i among the queries.
    forms : ndarray of shape (n_shrinkages, n_pairs)
        d' C_j'^(-1) d.
    peaks : ndarray of shape (n_shrinkages, n_pairs)
        -log det(C_j') / 2.
    """
    p, K = hoods.rows.shape[1], hoods.order.shape[1]
    local = local_axes(hoods, block, K)
    D = hoods.differences(block, K)
    position = place[hoods.order[block]]
    all_lost = lost[position] == hoods.weight[hoods.order[block]]
    # The only neighbor has to stay.
    row, near = np.nonzero((position >= 0) & all_lost & (K > 1))
    squares = np.einsum("bkp,bkp->bk", D, D)
    # Without a difference, which would have no digits beside a neighbor far away.
    t = sums_of_others(squares)[row, near, None] / (max(K - 1, 1) * p)
    t = np.maximum(t, LEAST_VARIANCE)
    along = (D @ local.axes)[row, near] ** 2
    rest = np.maximum(squares[row, near] - along.sum(axis=1), 0)
    across = p - along.shape[1]
    forms, peaks = np.empty((2, len(shrinkages), len(row)))
    for a, form, peak in zip(shrinkages, forms, peaks, strict=True):
        variances = (1 - a) * K / max(K - 1, 1) * local.variances[row] + a * t
        q = (along / variances).sum(axis=1)
        if across:
            q += rest / (a * t[:, 0])
        kept = 1 - (1 - a) / max(K - 1, 1) * q
        kept = np.maximum(kept, np.finfo(np.float64).eps)  # positive but for rounding
        form[:] = q / kept
        peak[:] = -0.5 * (
            np.log(variances).sum(axis=1) + across * np.log(a * t[:, 0]) + np.log(kept)
        )
    return row, position[row, near], forms, peaks


def _log_sum_exp(terms):
    """Logarithms of the sums of a column, to six digits; the terms are overwritten."""
    top = terms.max(axis=0)
    finite = np.where(np.isfinite(top), top, 0)
    terms -= finite
    # Exponentials of single precision are several times as fast as of double.
    values = terms.astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(values, out=values).sum(axis=0, dtype=np.float64)) + finite
