"""The covariance of rows as EM reads it: whole, or by the rows themselves.

Where rows are fewer than features, R with S = R' R is smaller than S, and the
eigenvalues of S other than zero are those of R R', which is smaller still.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh


class Factors(NamedTuple):
    """Leading eigenpairs of psi^-1/2 S psi^-1/2, and what they leave of it.

    Parameters
    ----------
    excess : ndarray of shape (q,)
        By how much the eigenvalues, ascending, exceed the noise, which is 1; not less
        than 0.
    U : ndarray of shape (p, q)
        Eigenvectors; 0 where there are fewer than q.
    rest : ndarray of shape (p,)
        Diagonal of psi^-1/2 S psi^-1/2 - U diag(excess) U'.
    """

    excess: np.ndarray
    U: np.ndarray
    rest: np.ndarray


class FullCovariance:
    """A covariance S, (p, p)."""

    def __init__(self, S):
        self.S = S
        self.variance = np.diag(S)

    def __matmul__(self, A):
        return self.S @ A

    def factors(self, psi, q):
        """Leading eigenpairs after division by the noise; see `Factors`."""
        p, root = len(psi), np.sqrt(psi)
        S = self.S / root[:, None] / root
        eigenvalues, U = np.zeros(0), np.zeros((p, 0))
        if q:
            eigenvalues, U = eigh(S, subset_by_index=[p - q, p - 1])
        excess = np.maximum(eigenvalues - 1, 0)
        return Factors(excess, U, np.diag(S) - U**2 @ excess)


class RowCovariance:
    """The covariance S = R' R of fewer rows than features; R is (n, p)."""

    def __init__(self, R):
        self.R = R

    @cached_property
    def variance(self):
        """Diagonal of S."""
        return np.einsum("ij,ij->j", self.R, self.R)

    def __matmul__(self, A):
        return self.R.T @ (self.R @ A)

    def factors(self, psi, q):
        """Leading eigenpairs after division by the noise; see `Factors`.

        With V of the n x n matrix, U = R' V / sqrt(eigenvalues); what is left is a sum
        of squares of rows.
        """
        n, p = self.R.shape
        R = self.R / np.sqrt(psi)
        excess, U = np.zeros(q), np.zeros((p, q))
        k = min(n, q)
        if k:
            _, V = eigh(R @ R.T, subset_by_index=[n - k, n - 1])
            projected = V.T @ R
            # More digits than the eigenvalues of the product have.
            eigenvalues = np.einsum("ij,ij->i", projected, projected)
            excess[q - k :] = np.maximum(eigenvalues - 1, 0)
            directions = projected / np.sqrt(np.maximum(eigenvalues, 1e-300))[:, None]
            U[:, q - k :] = directions.T
            used = eigenvalues > 1
            R -= V[:, used] @ projected[used]
        rest = np.einsum("ij,ij->j", R, R) + (U[:, excess > 0] ** 2).sum(axis=1)
        return Factors(excess, U, rest)
