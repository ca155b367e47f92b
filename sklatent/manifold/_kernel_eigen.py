"""Eigenvalues of a centered kernel matrix, by the solver that is asked for."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

from sklatent.manifold._block_krylov import extreme_eigenpairs

# Up to so many rows LAPACK finds all eigenvalues; so it does if more than one in so
# many is wanted.
FEW_ROWS, ONE_IN = 500, 60
# Negative eigenvalues that are no rounding, and positive ones that are, relative to the
# largest.
NEGATIVE, ROUNDING = 1e-5, 1e-12
# Directions beyond the wanted ones for random projections.
EXTRA = 10


def kernel_eigenpairs(B, n_pairs, solver, rng, *, floor, tol, max_iter, iterated_power):
    """Find the largest eigenvalues of a symmetric matrix that has none below zero.

    Parameters
    ----------
    B : ndarray of shape (n, n)
        The matrix.
    n_pairs : int
        How many, at most n.
    solver : {"auto", "dense", "arpack", "randomized"}
        How.
    rng : RandomState
        For the start of "arpack" and "randomized".
    floor : float
        Eigenvalues up to this are rounding errors of the kernel before it was centered.
    tol, max_iter : float, int or None
        Of "arpack".
    iterated_power : int or "auto"
        Of "randomized".

    Returns
    -------
    values : ndarray of shape (n_pairs,)
        Descending; rounding errors are 0.
    vectors : ndarray of shape (n, n_pairs)
        Of length 1.

    Raises
    ------
    ValueError
        If a negative eigenvalue found is no rounding error.
    """
    n = len(B)
    if solver == "auto" and n > FEW_ROWS and n_pairs <= n // ONE_IN:
        values, vectors, _ = extreme_eigenpairs(lambda V: B @ V, n, n_pairs)
    elif solver == "arpack" and n_pairs < n:
        start = rng.uniform(-1, 1, n)
        values, vectors = eigsh(
            B, n_pairs, which="LA", tol=tol, maxiter=max_iter, v0=start
        )
    elif solver == "randomized":
        values, vectors = _by_projections(B, n_pairs, iterated_power, rng)
    else:
        values, vectors = eigh(B, subset_by_index=[n - n_pairs, n - 1])
        if len(values) < n_pairs:  # where many are equal, the fast method loses some
            values, vectors = (A[..., -n_pairs:] for A in eigh(B, driver="evd"))
    order = np.argsort(-values, kind="stable")
    return _checked(values[order], floor), vectors[:, order]


def _by_projections(B, n_pairs, iterated_power, rng):
    """Find the eigenvalues of the largest absolute value, by random projections."""
    n = len(B)
    if iterated_power == "auto":
        iterated_power = 7 if n_pairs < 0.1 * n else 4
    Q = rng.normal(size=(n, min(n, n_pairs + EXTRA)))
    for _ in range(iterated_power + 1):
        Q = np.linalg.qr(B @ Q)[0]
    values, vectors = np.linalg.eigh(Q.T @ (B @ Q))
    largest = np.argsort(-np.abs(values), kind="stable")[:n_pairs]
    return values[largest], Q @ vectors[:, largest]


def _checked(values, floor):
    """Eigenvalues without rounding errors."""
    largest = max(values.max(initial=0.0), 0.0)
    smallest = values.min(initial=0.0)
    if -smallest > NEGATIVE * largest and -smallest > 1e-10:
        raise ValueError(
            "There are significant negative eigenvalues of the centered kernel, "
            f"down to {smallest:.3g}, with the largest {largest:.3g}. "
            "n_components must be at most the number of positive ones, or kernel "
            "positive semi-definite."
        )
    return np.where(values > max(ROUNDING * largest, floor), values, 0.0)
