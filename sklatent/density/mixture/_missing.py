"""Rows with holes: marginal log-densities, sums for an M-step, and expectations.

What is missing of a row is a direction in which it may be anywhere. With the precision
P P', the whitened row y = P'(x - m) moves along row j of P when entry j changes: what
is observed says nothing along these directions, and everything across. Let Q R be the
QR factorization of P_m', whose columns are the rows of P that belong to holes, and let
d be x - m with 0 in the holes. Then

    y = (I - Q Q') P'd                  is E[P'(x - m) | x_o],
    Q Q'                                is its covariance given x_o, and
    log |Sigma_oo| = log |Sigma| + 2 log |R|.

So a row with holes costs a projection more than a complete one, and the factors are as
small as the holes are few. Q and R depend on the pattern of the holes alone.

Ghahramani and Jordan (1994), Supervised learning from incomplete data via an EM
approach, NIPS 6, section 3; Little and Rubin (2019), Statistical analysis with missing
data, 3rd edition, section 11.2.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.density.mixture._passes import WhitenedDiagonal, WhitenedFull
from sklatent.utils._columns import group_patterns

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def pattern_order(X):
    """Order of rows in which those with the same holes, and as many, lie together.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN where something is missing.

    Returns
    -------
    order : ndarray of shape (n_samples,)
        Positions of the rows, those with the fewest holes first.
    """
    holes = np.isnan(X)
    _, group = group_patterns(holes)
    return np.lexsort((group, holes.sum(axis=1)))


@dataclass(frozen=True)
class _Directions:
    """Where rows of a block that have as many holes are unknown.

    Parameters
    ----------
    rows : slice
        These rows.
    starts : ndarray of shape (n_patterns,)
        First row of each pattern, counted from the first of `rows`.
    pattern : ndarray of shape (n_rows,)
        Number of the pattern of each row.
    Q : ndarray of shape (k, n_patterns, p, n_holes)
        For each component and pattern, an orthonormal basis of the directions.
    log_R : ndarray of shape (k, n_patterns)
        log |R|.
    """

    rows: slice
    starts: np.ndarray
    pattern: np.ndarray
    Q: np.ndarray
    log_R: np.ndarray

    def project(self, Y):
        """Take what is along the directions out of whitened rows, (k, p, n)."""
        y, Q = Y[:, :, self.rows], self.Q[:, self.pattern]
        y -= np.einsum("knph,knh->kpn", Q, np.einsum("knph,kpn->knh", Q, y))


class HoledFull(WhitenedFull):
    """Full covariances. The rows of a block are in the order of their patterns."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        self.P = mixture.expanded_precision_root

    def floats_per_row(self):
        return super().floats_per_row() + self.k * self.p**2 // 2

    def room(self):
        """Memory for the intermediate results of a block, and its directions."""
        return *super().room(), []

    def center(self, Z, m, room):
        """Rows less a mean, 0 in the holes."""
        centered = super().center(Z, m, room)
        np.copyto(centered, 0.0, where=np.isnan(centered))
        return centered

    def whiten(self, Z, room):
        Y = super().whiten(Z, room)
        room[3][:] = self.directions(np.isnan(Z))
        for unknown in room[3]:
            unknown.project(Y)
        return Y

    def directions(self, holes):
        """Where rows are unknown, for each number of holes above 0."""
        n_holes = holes.sum(axis=0)
        is_first = np.ones(holes.shape[1], dtype=bool)
        is_first[1:] = (holes[:, 1:] != holes[:, :-1]).any(axis=0)
        for h in np.unique(n_holes[n_holes > 0]):
            rows = slice(*np.searchsorted(n_holes, [h, h + 1]))
            starts = np.flatnonzero(is_first[rows])
            features = np.nonzero(holes[:, rows][:, starts].T)[1].reshape(-1, h)
            Q, R = np.linalg.qr(np.swapaxes(self.P[:, features], 2, 3))
            log_R = np.log(np.abs(np.einsum("kgii->kgi", R))).sum(axis=2)
            pattern = np.cumsum(is_first[rows]) - 1
            yield _Directions(rows, starts, pattern, Q, log_R)

    def log_joint(self, Z, room, out):
        """Log of weight times marginal density, less `log_offset`."""
        super().log_joint(Z, room, out)
        for unknown in room[3]:
            gain = unknown.Q.shape[3] * HALF_LOG_2PI - unknown.log_R
            out[:, unknown.rows] += gain[:, unknown.pattern]
        return out

    def add(self, R, Z, room, sums):
        """Add what the responsibilities R give to `sums`."""
        super().add(R, Z, room, sums)
        for unknown in room[3]:
            N = np.add.reduceat(R[:, unknown.rows], unknown.starts, axis=1)
            Q = unknown.Q * np.sqrt(N)[:, :, None, None]
            Q = np.swapaxes(Q, 1, 2).reshape(self.k, self.p, -1)
            sums[2] += Q @ np.swapaxes(Q, 1, 2)

    def expectation(self, room, n):
        """Mean and variance of the entries of rows given what is observed of them.

        Returns
        -------
        mean, variance : ndarray of shape (k, p, n)
            For each component; of no meaning for entries that are observed.
        """
        L = self.mixture.expanded_root
        mean = self.means + L @ self.whitened_in(room, n)
        variance = np.zeros_like(mean)
        for unknown in room[3]:
            of_pattern = ((L[:, None] @ unknown.Q) ** 2).sum(axis=3)
            of_row = of_pattern[:, unknown.pattern]
            variance[:, :, unknown.rows] = np.swapaxes(of_row, 1, 2)
        return mean, variance


class HoledDiagonal(WhitenedDiagonal):
    """Diagonal covariances: the directions are the features themselves."""

    def room(self):
        """Memory for the intermediate results of a block, and its holes."""
        return *super().room(), []

    def whiten(self, Z, room):
        Y = super().whiten(Z, room)
        holes = np.isnan(Z)
        np.copyto(Y, 0.0, where=holes)
        room[3][:] = [holes.astype(self.dtype)]
        return Y

    def log_joint(self, Z, room, out):
        """Log of weight times marginal density, less `log_offset`."""
        super().log_joint(Z, room, out)
        out += np.dot(HALF_LOG_2PI - np.log(self.roots[:, :, 0]), room[3][0])
        return out

    def add(self, R, Z, room, sums):
        """Add what the responsibilities R give to `sums`."""
        super().add(R, Z, room, sums)
        sums[2] += np.dot(R, room[3][0].T)

    def expectation(self, room, n):
        """Mean and variance of the entries of rows given what is observed of them.

        Returns
        -------
        mean, variance : ndarray of shape (k, p, n)
            For each component; of no meaning for entries that are observed.
        """
        shape = (self.k, self.p, n)
        variance = self.mixture.expanded_root[:, :, None] ** 2
        return np.broadcast_to(self.means, shape), np.broadcast_to(variance, shape)
