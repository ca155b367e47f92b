"""Rows with missing entries under the linear-Gaussian model, grouped by their pattern.

What is observed of a row, x_o, is linear-Gaussian again with the rows W_o, mu_o, psi_o:

    M_o = I + W_o' psi_o^-1 W_o,   E[z | x_o] = M_o^-1 W_o' psi_o^-1 (x_o - mu_o)

M_o depends only on which entries are missing. All patterns are handled at once: the sum
over the observed features in M_o is a product of the 0/1 patterns with the p outer
products W_j W_j' / psi_j.
"""

from functools import lru_cache

import numpy as np

from sklatent.utils._columns import group_patterns


def invert_spd(M):
    """Inverses and log determinants of many small positive definite matrices.

    Gauss-Jordan elimination without pivoting, which positive definite matrices do
    not need: q steps of long vector operations instead of one LAPACK call per matrix.

    Parameters
    ----------
    M : ndarray of shape (q, q, n_matrices)
        The matrices, along the last axis; overwritten.

    Returns
    -------
    inverse : ndarray of shape (q, q, n_matrices)
        Their inverses.
    log_det : ndarray of shape (n_matrices,)
        Logarithms of their determinants.
    """
    A, product = M, np.empty_like(M)
    log_det = np.zeros(A.shape[-1])
    for k in range(len(A)):
        pivot = A[k, k].copy()
        log_det += np.log(pivot)
        column = A[:, k].copy()
        row = A[k] / pivot
        A -= np.multiply(column[:, None], row, out=product)
        A[k] = row
        A[:, k] = -column / pivot
        A[k, k] = 1 / pivot
    return A, log_det


@lru_cache
def triangle(q):
    """Rows and columns of the upper triangle of a symmetric matrix, and the way back.

    Returns
    -------
    i, j : ndarray of shape (q (q + 1) / 2,)
        Positions of the entries of the triangle.
    full : ndarray of shape (q, q)
        Number in the triangle of each entry of the matrix.
    """
    i, j = np.triu_indices(q)
    full = np.empty((q, q), dtype=np.intp)
    full[i, j] = full[j, i] = np.arange(len(i))
    return i, j, full


class ObservedRows:
    """The observed entries of rows, sorted by pattern.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN where nothing was observed.
    center : ndarray of shape (n_features,)
        Subtracted from the rows; the models given to the methods are for the
        rows minus this center.

    Attributes
    ----------
    order : ndarray of shape (n_samples,)
        Positions in `X` of the sorted rows.
    rows : ndarray of shape (n_samples, n_features)
        Sorted and centered rows, 0 where nothing was observed.
    patterns : ndarray of shape (n_patterns, n_features)
        1.0 where observed, for each pattern.
    group : ndarray of shape (n_samples,)
        Pattern of each sorted row.
    starts : ndarray of shape (n_patterns,)
        First sorted row of each pattern.
    observed : ndarray of shape (n_samples, n_features)
        1.0 where observed, for each sorted row.
    repeated : bool
        Whether some rows have the same pattern.
    """

    def __init__(self, X, center):
        observed = ~np.isnan(X)
        first, group = group_patterns(observed)
        self.order = np.argsort(group, kind="stable")
        self.rows = np.where(observed, X - center, 0.0)[self.order]
        self.patterns = observed[first].astype(np.float64)
        self.group = group[self.order]
        self.starts = np.searchsorted(self.group, np.arange(len(first)))
        self.repeated = len(first) < len(X)
        self.observed = observed[self.order].astype(np.float64)

    def posterior(self, model):
        """Moments of z given what is observed, and what they leave of the rows.

        Returns
        -------
        mean : ndarray of shape (q, n_samples)
            E[z | x_o] of each sorted row.
        covariance : ndarray of shape (q, q, n_patterns)
            Cov[z | x_o] = M_o^-1 of each pattern.
        log_det : ndarray of shape (n_patterns,)
            log |M_o| of each pattern.
        residual : ndarray of shape (n_samples, n_features)
            x_o - mu_o - W_o E[z | x_o] of each sorted row, 0 where nothing was
            observed.
        """
        W = model.W
        q = W.shape[1]
        B = W / model.psi[:, None]
        i, j, full = triangle(q)
        M = ((W[:, i] * B[:, j]).T @ self.patterns.T)[full]
        M[np.arange(q), np.arange(q)] += 1
        covariance, log_det = invert_spd(M)
        center = self.patterns @ (model.mu[:, None] * B)
        by_row = covariance[:, :, self.group] if self.repeated else covariance
        mean = np.einsum("ijn,jn->in", by_row, (self.rows @ B - center[self.group]).T)
        residual = np.vstack([mean, np.ones(len(self.rows))]).T @ np.vstack(
            [W.T, model.mu]
        )
        np.subtract(self.rows, residual, out=residual)
        residual *= self.observed
        return mean, covariance, log_det, residual

    def log_density(self, model):
        """Log p(x_o) of each row, in the order of `X`; 0 where nothing is observed.

        As in `LinearGaussian.log_density`, the distance is a sum of two squares.
        """
        mean, _, log_det, residual = self.posterior(model)
        distance2 = (residual**2 / model.psi).sum(axis=1) + (mean**2).sum(axis=0)
        constants = self.patterns @ np.log(2 * np.pi * model.psi) + log_det
        return self.restore(-0.5 * (constants[self.group] + distance2))

    def restore(self, sorted_rows):
        """Bring values of the sorted rows back into the order of `X`."""
        values = np.empty_like(sorted_rows)
        values[self.order] = sorted_rows
        return values
