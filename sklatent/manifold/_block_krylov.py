"""Largest eigenvalues of a symmetric operator, by Krylov spaces of blocks.

With a block Q_1 of orthonormal columns, the space of Q_1, A Q_1, A² Q_1, ... holds the
eigenvectors at both ends of the spectrum after few steps (Rayleigh and Ritz). A block
finds eigenvalues of a multiplicity up to its width, where iterations from one vector
find one of them. The basis is orthogonalized against all its columns, twice. If it
grows too large, iterations start again from the best vectors (Golub and Underwood
1977).
"""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklatent.utils._threads import single_blas_thread
from sklatent.utils._warnings import warn

# Columns of a block beyond the wanted ones, and steps before the basis is cut down.
EXTRA, MAX_STEPS, MAX_RESTARTS = 6, 24, 20
# Largest length of A v - lambda v, relative to the largest eigenvalue in absolute
# value.
TOL, TOL_OF_SMALLEST = 1e-12, 1e-4


class Extremes(NamedTuple):
    """The largest eigenvalues, descending, their vectors, and the smallest of all."""

    values: np.ndarray
    vectors: np.ndarray
    smallest: float


def extreme_eigenpairs(apply, n, n_pairs):
    """Find the largest eigenvalues of a symmetric operator, and the smallest.

    Parameters
    ----------
    apply : callable
        Returns A V for V of shape (n, k).
    n : int
        Order of the operator.
    n_pairs : int
        How many of the largest; the basis has 24 (n_pairs + 6) columns, which should be
        fewer than n.

    Returns
    -------
    extremes : Extremes
        Eigenvalues and orthonormal eigenvectors, of shapes (n_pairs,) and
        (n, n_pairs), whose residuals are below 1e-12 of the largest; the smallest
        eigenvalue to 1e-4 of the largest.

    Warns
    -----
    ConvergenceWarning
        If the residuals are larger after 20 restarts.
    """
    width = n_pairs + EXTRA
    rng = np.random.RandomState(0)
    start = rng.standard_normal((n, width))
    for _ in range(MAX_RESTARTS):
        # Threads of BLAS take longer to start than blocks of few columns need.
        with single_blas_thread:
            values, vectors, residuals, done = _steps(apply, start, n_pairs)
        if done:
            break
        # The vector of the smallest eigenvalue takes part, in place of the last.
        start = np.column_stack([vectors[:, -width + 1 :], vectors[:, :1]])
    else:
        worst = residuals[-n_pairs:].max() / np.abs(values).max()
        warn(
            f"The largest {n_pairs} eigenvalues have not converged: residuals are up "
            f"to {worst:.1g} of the largest. Take another n_components.",
            ConvergenceWarning,
        )
    return Extremes(
        values[: -n_pairs - 1 : -1], vectors[:, : -n_pairs - 1 : -1], values[0]
    )


def _steps(apply, start, n_pairs):
    """Grow a basis until it holds the wanted vectors, or is full."""
    n, width = start.shape
    block = np.linalg.qr(start)[0]
    Q = np.empty((n, (MAX_STEPS + 1) * width), order="F")
    T = np.zeros((MAX_STEPS * width, MAX_STEPS * width))
    Q[:, :width] = block
    for step in range(1, MAX_STEPS + 1):
        m = step * width
        new = apply(block)
        basis = Q[:, :m]
        coefficients = basis.T @ new
        T[:m, m - width : m] = coefficients
        T[m - width : m, :m] = coefficients.T
        new -= basis @ coefficients
        new -= basis @ (basis.T @ new)
        block, coupling = np.linalg.qr(new)
        # Columns that rounding made are not orthogonal to the basis yet.
        block -= basis @ (basis.T @ block)
        block = np.linalg.qr(block)[0]
        Q[:, m : m + width] = block
        values, S = np.linalg.eigh(T[:m, :m])
        residuals = np.linalg.norm(coupling @ S[m - width :], axis=0)
        size = max(np.abs(values).max(), np.finfo(float).tiny)
        done = bool(
            (residuals[-n_pairs:] <= TOL * size).all()
            and residuals[0] <= TOL_OF_SMALLEST * size
        )
        if done or m + 2 * width > n:
            break
    return values, basis @ S, residuals, done
