"""A few singular values and axes of a matrix, by random block Krylov subspaces.

With A of shape (n, p), and a random Omega of shape (p, l), the axes are the best ones
of the space that

    Omega, (A'A) Omega, ..., (A'A)^t Omega

span. It holds all polynomials of degree t in A'A, among them the power that subspace
iteration takes and Chebyshev's, so that fewer products with A reach the same error.
Vectors are rows here, since BLAS takes nearly twice as long for products with few
columns.

Musco and Musco (2015), Randomized block Krylov methods for stronger and faster
approximate singular value decomposition, NIPS 28, algorithm 2.
"""

import numpy as np
from scipy.linalg import qr, svd

from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import blas_threads, map_threads, single_blas_thread

# A is divided into at most so many parts, each multiplied by one thread. Their number
# does not depend on that of the threads, so neither do the results.
PARTS = 8


def leading_axes(A, length, n_components, n_vectors, n_steps, rng):
    """Return the largest singular values of a matrix and their right vectors.

    Parameters
    ----------
    A : ndarray of shape (n, p)
        The matrix.
    length : float
        Its Frobenius norm, by which products are divided to stay in range.
    n_components : int
        How many, at most min(n, p).
    n_vectors : int
        Columns of Omega, at least as many.
    n_steps : int
        Degree t of the polynomials.
    rng : RandomState
        Where Omega comes from.

    Returns
    -------
    s : ndarray of shape (n_components,)
        Lengths of A v for the axes v: at most the singular values.
    V : ndarray of shape (n_components, p)
        The axes, orthonormal.
    """
    n, p = A.shape
    parts, n_threads = list(row_slices(n, -(-n // PARTS))), blas_threads()
    n_blocks = min(n_steps + 1, -(-p // n_vectors))
    block = rng.standard_normal((min(n_vectors, p), p)).astype(A.dtype, copy=False)
    K, images = np.empty((0, p), A.dtype), []

    def times_transposed(rows):
        return np.dot(block, A[rows].T)

    def back(rows):
        return np.dot(images[-1][:, rows] / (length or 1.0), A[rows])

    # The threads of BLAS would wait for each other in the small factorizations.
    with single_blas_thread:
        for i in range(n_blocks):
            block = _orthonormal(block[: p - len(K)], K)
            K = np.vstack([K, block])
            images.append(np.hstack(map_threads(times_transposed, parts, n_threads)))
            if i < n_blocks - 1:
                block = sum(map_threads(back, parts, n_threads))
        # The singular vectors of A K', which is tall, are those of its triangle.
        R = qr(np.vstack(images).T, mode="r", overwrite_a=True, check_finite=False)[0]
        _, s, rotation = svd(R[: len(K)], full_matrices=False, check_finite=False)
    return s[:n_components], rotation[:n_components] @ K


def _orthonormal(block, K):
    """Orthonormal rows that are orthogonal to those of K, with the same span beside it.

    Of rows in the span of K rounding is what is left, and factorizing it brings some of
    K back, twice.
    """
    for _ in range(3):
        block = block - (block @ K.T) @ K
        block = qr(block.T, mode="economic", overwrite_a=True, check_finite=False)[0].T
    return block
