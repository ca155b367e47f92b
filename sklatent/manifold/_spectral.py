"""The largest eigenvalues of a sparse symmetric matrix, none of a multiple missing.

Eigenvalues that lie close together at the end of the spectrum cost Lanczos' method many
iterations, and the closer they are, the more. Graphs of curves and ribbons are the
worst and have narrow bands: their matrices are factorized instead, which spreads the
end of the spectrum. Lanczos' method with one vector may find an eigenvalue of several
eigenvectors once; a second run with the found ones removed tells.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.sparse.csgraph import reverse_cuthill_mckee
from scipy.sparse.linalg import LinearOperator, eigsh

from sklatent.manifold._signs import signs_of
from sklatent.utils._threads import single_blas_thread

# Rows up to which all eigenvalues of the full matrix are found.
FULL_ROWS = 200
# Most multiplications of a factorization, n b^2 for a band of b, that pay.
BAND_WORK = 3e9
# Distance of the shift from the end of the spectrum, as a share of its width. Smaller
# ones would leave too few digits.
SHIFT = 1e-8
# Error of an eigenvector, of which that of the eigenvalue is about the square.
TOL = 1e-6
LOOSE_TOL = 2e-3
MAX_RUNS = 20


class Eigenpairs(NamedTuple):
    """Eigenvalues, descending, eigenvectors as columns, and norms of the residuals.

    The true matrix has an eigenvalue within `residuals` of each.
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray


def largest_eigenpairs(A, n_pairs, known, report=None):
    """Find the largest eigenvalues beyond those of known eigenvectors.

    Parameters
    ----------
    A : csr_array of shape (n, n)
        Symmetric, without a positive eigenvalue.
    n_pairs : int
        How many; fewer are returned if there are fewer.
    known : ndarray of shape (n, n_known)
        Orthonormal eigenvectors of the eigenvalue 0.
    report : callable, default=None
        Called after each product with a vector.

    Returns
    -------
    pairs : Eigenpairs
        The columns of `vectors` are orthonormal. The sign of each makes its largest
        entry in absolute value positive.
    """
    n = A.shape[0]
    n_pairs = min(n_pairs, n - known.shape[1])
    if n <= max(FULL_ROWS, 4 * (n_pairs + known.shape[1])):
        width = np.abs(A).sum(axis=1).max()
        _, vectors = np.linalg.eigh(A.toarray() - 2 * width * (known @ known.T))
        found = vectors[:, ::-1][:, :n_pairs]
    else:
        with single_blas_thread:  # products of a few columns are too small to share
            found = _by_lanczos(A, n_pairs, known, report)
    return rayleigh_ritz(A, found)


def rayleigh_ritz(A, V):
    """Return the best approximations to eigenpairs in the span of columns."""
    V, _ = np.linalg.qr(V)
    AV = A @ V
    values, turn = np.linalg.eigh(V.T @ AV)
    values, turn = values[::-1], turn[:, ::-1]
    V, AV = V @ turn, AV @ turn
    residuals = np.linalg.norm(AV - V * values, axis=0)
    return Eigenpairs(values, V * signs_of(V), residuals)


def spread(A):
    """Return a function of columns whose eigenvalues are spread, in the same order.

    It is the inverse of the shifted matrix where a factorization pays, and else the
    matrix itself, scaled to [0, 1].
    """
    width = 2 * abs(A.diagonal()).max()
    order = reverse_cuthill_mckee(A, symmetric_mode=True)
    place = np.argsort(order)
    rows = np.repeat(place, np.diff(A.indptr))
    below = rows - place[A.indices]
    band = int(below.max())
    if A.shape[0] * float(band) ** 2 > BAND_WORK:
        return lambda V: V + (A @ V) / width
    bands = np.zeros((band + 1, A.shape[0]))
    lower = below >= 0
    bands[below[lower], place[A.indices[lower]]] = -A.data[lower]
    bands[0] += SHIFT * width
    factor = cholesky_banded(bands, lower=True, overwrite_ab=True, check_finite=False)

    def inverse(V):
        return cho_solve_banded((factor, True), V[order], check_finite=False)[place]

    return inverse


def _by_lanczos(A, n_pairs, known, report):
    """Find eigenvectors, and go on as long as others of their eigenvalues turn up."""
    apply, n = spread(A), A.shape[0]
    rng = np.random.RandomState(0)

    def run(found, k, tol):
        """Return the k largest pairs that are orthogonal to known and found vectors."""
        gone = np.column_stack([known, found])

        def product(v):
            w = apply(v - gone @ (gone.T @ v))
            if report is not None:
                report()
            return w - gone @ (gone.T @ w)

        operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
        start = rng.standard_normal(n)
        values, vectors = eigsh(
            operator, k, which="LA", v0=start, tol=tol, ncv=max(2 * k + 12, 24)
        )
        return values[::-1], vectors[:, ::-1]

    values, found = run(np.empty((n, 0)), n_pairs, TOL)
    for _ in range(MAX_RUNS):
        # A Ritz value is never above the eigenvalue, so that one tells for sure.
        (other,), _ = run(found, 1, LOOSE_TOL)
        if other <= values[-1]:
            break
        more, vectors = run(found, 1, TOL)
        found = np.column_stack([found, vectors])
        values = np.append(values, more)
        largest = np.argsort(-values, kind="stable")[:n_pairs]
        values, found = values[largest], found[:, largest]
    return found
