"""Passes over rows with missing entries, whose observed entries have a density.

A missing entry is a direction in which the row may be anywhere. With the precision
P P', the whitened row y = P'(x - m) moves along row j of P when entry j changes: the
observed entries say nothing along these directions, and everything across. Let Q R be
the QR factorization of P_m', whose columns are the rows of P for the missing entries,
and let d be x - m with 0 for the missing entries. Then

    y = (I - Q Q') P'd                  is E[P'(x - m) | x_o],
    Q Q'                                is its covariance given x_o, and
    log |Sigma_oo| = log |Sigma| + 2 log |R|.

So a row with missing entries costs a projection more than a complete one, and the
factors have as many columns as entries are missing. Q and R depend on the pattern of
the missing entries only, so that rows with one pattern share them.

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
    """Order of rows by the number of missing entries, and then by which these are.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN marks a missing entry.

    Returns
    -------
    order : ndarray of shape (n_samples,)
        Positions of the rows, those with the fewest missing entries first.
    """
    missing = np.isnan(X)
    _, group = group_patterns(missing)
    return np.lexsort((group, missing.sum(axis=1)))


@dataclass(frozen=True)
class _Directions:
    """Directions in which those rows of a block that miss as many entries may move.

    Rows with as many missing entries have bases of one shape, so that one array holds
    those of all patterns.

    Parameters
    ----------
    rows : slice
        These rows.
    starts : ndarray of shape (n_patterns,)
        First row of each pattern, counted from the first of `rows`.
    pattern : ndarray of shape (n_rows,)
        Number of the pattern of each row.
    Q : ndarray of shape (k, n_patterns, p, n_missing)
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
        """Remove the part along the directions from whitened rows, (k, p, n)."""
        y, Q = Y[:, :, self.rows], self.Q[:, self.pattern]
        y -= np.einsum("knph,knh->kpn", Q, np.einsum("knph,kpn->knh", Q, y))


class MissingFull(WhitenedFull):
    """Full covariances. The rows of a block are in the order of `pattern_order`."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        self.P = mixture.expanded_precision_root

    def floats_per_row(self):
        # If each row has a pattern of its own, with about half of the entries missing.
        return super().floats_per_row() + self.k * self.p**2 // 2

    def workspace(self, *memory):
        """That of complete rows, and a list of the directions of the block."""
        return *super().workspace(*memory), []

    def center(self, Z, m, workspace):
        """Rows less a mean, 0 for missing entries."""
        centered = super().center(Z, m, workspace)
        np.copyto(centered, 0.0, where=np.isnan(centered))
        return centered

    def whiten(self, Z, workspace):
        Y = super().whiten(Z, workspace)
        workspace[3][:] = self.directions(np.isnan(Z))
        for unknown in workspace[3]:
            unknown.project(Y)
        return Y

    def directions(self, missing):
        """The `_Directions` for each number of missing entries above 0."""
        n_missing = missing.sum(axis=0)
        is_first = np.ones(missing.shape[1], dtype=bool)
        is_first[1:] = (missing[:, 1:] != missing[:, :-1]).any(axis=0)
        for m in np.unique(n_missing[n_missing > 0]):
            rows = slice(*np.searchsorted(n_missing, [m, m + 1]))
            starts = np.flatnonzero(is_first[rows])
            features = np.nonzero(missing[:, rows][:, starts].T)[1].reshape(-1, m)
            Q, R = np.linalg.qr(np.swapaxes(self.P[:, features], 2, 3))
            log_R = np.log(np.abs(np.einsum("kgii->kgi", R))).sum(axis=2)
            pattern = np.cumsum(is_first[rows]) - 1
            yield _Directions(rows, starts, pattern, Q, log_R)

    def log_joint(self, Z, workspace, out):
        """Log of weight times marginal density, less `log_offset`."""
        super().log_joint(Z, workspace, out)
        for unknown in workspace[3]:
            gain = unknown.Q.shape[3] * HALF_LOG_2PI - unknown.log_R
            out[:, unknown.rows] += gain[:, unknown.pattern]
        return out

    def add(self, R, Z, workspace, sums):
        """Add what the responsibilities R give to `sums`."""
        super().add(R, Z, workspace, sums)
        for unknown in workspace[3]:
            N = np.add.reduceat(R[:, unknown.rows], unknown.starts, axis=1)
            # Q Q' of all patterns, weighted, is one product of matrices.
            Q = unknown.Q * np.sqrt(N)[:, :, None, None]
            Q = np.swapaxes(Q, 1, 2).reshape(self.k, self.p, -1)
            sums[2] += Q @ np.swapaxes(Q, 1, 2)

    def expectation(self, workspace, n):
        """Mean and variance of missing entries given the observed ones of their row.

        Returns
        -------
        mean, variance : ndarray of shape (k, p, n)
            For each component; of no meaning for observed entries.
        """
        L = self.mixture.expanded_root
        mean = self.means + L @ self.whitened_in(workspace, n)
        variance = np.zeros_like(mean)
        for unknown in workspace[3]:
            of_pattern = ((L[:, None] @ unknown.Q) ** 2).sum(axis=3)
            of_row = of_pattern[:, unknown.pattern]
            variance[:, :, unknown.rows] = np.swapaxes(of_row, 1, 2)
        return mean, variance

    def draws(self, workspace, labels, noise):
        """Rows drawn from one component each, given the observed entries.

        Parameters
        ----------
        workspace : tuple
            As `log_joint` left it.
        labels : ndarray of shape (n,)
            The component of each row.
        noise : ndarray of shape (n, p)
            Standard normal.

        Returns
        -------
        rows : ndarray of shape (n, p)
            Of no meaning for observed entries.
        """
        n = len(labels)
        # P'(x - m) has the mean y and the covariance Q Q'.
        Y = self.whitened_in(workspace, n)[labels, :, np.arange(n)]
        for unknown in workspace[3]:
            Q = unknown.Q[labels[unknown.rows], unknown.pattern]
            free = np.einsum("nph,np->nh", Q, noise[unknown.rows])
            Y[unknown.rows] += np.einsum("nph,nh->np", Q, free)
        for component in np.unique(labels):
            rows, L = labels == component, self.mixture.expanded_root[component]
            Y[rows] = self.mixture.means[component] + Y[rows] @ L.T
        return Y


class MissingDiagonal(WhitenedDiagonal):
    """Diagonal covariances: the directions are the features themselves."""

    def workspace(self, *memory):
        """That of complete rows, and a list of where entries are missing."""
        return *super().workspace(*memory), []

    def whiten(self, Z, workspace):
        Y = super().whiten(Z, workspace)
        missing = np.isnan(Z)
        np.copyto(Y, 0.0, where=missing)
        workspace[3][:] = [missing.astype(self.dtype)]
        return Y

    def log_joint(self, Z, workspace, out):
        """Log of weight times marginal density, less `log_offset`."""
        super().log_joint(Z, workspace, out)
        out += np.dot(HALF_LOG_2PI - np.log(self.roots[:, :, 0]), workspace[3][0])
        return out

    def add(self, R, Z, workspace, sums):
        """Add what the responsibilities R give to `sums`."""
        super().add(R, Z, workspace, sums)
        sums[2] += np.dot(R, workspace[3][0].T)

    def expectation(self, workspace, n):
        """Mean and variance of missing entries given the observed ones of their row.

        Returns
        -------
        mean, variance : ndarray of shape (k, p, n)
            For each component; of no meaning for observed entries.
        """
        shape = (self.k, self.p, n)
        variance = self.mixture.expanded_root[:, :, None] ** 2
        return np.broadcast_to(self.means, shape), np.broadcast_to(variance, shape)

    def draws(self, workspace, labels, noise):
        """Rows drawn from one component each, given the observed entries.

        Parameters
        ----------
        workspace : tuple
            Not used.
        labels : ndarray of shape (n,)
            The component of each row.
        noise : ndarray of shape (n, p)
            Standard normal.

        Returns
        -------
        rows : ndarray of shape (n, p)
            Of no meaning for observed entries.
        """
        mixture = self.mixture
        return mixture.means[labels] + mixture.expanded_root[labels] * noise
