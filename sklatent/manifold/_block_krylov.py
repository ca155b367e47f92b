"""The largest eigenvalues of a symmetric matrix that is only multiplied with.

Where a multiplication reads the whole matrix, that with many columns costs little more
than that with one. A block of columns is multiplied again and again, and what comes out
spans the eigenvectors (block Krylov space; Golub and Underwood 1977).
"""

import numpy as np

# Columns beyond those wanted, which also find equal eigenvalues.
GUARDS = 10
# Multiplications before the basis is cut down to the best columns.
DEPTH = 20
MAX_RESTARTS = 50
# Residual of the wanted pairs, relative to the largest eigenvalue.
TOL = 1e-11


def largest_by_blocks(multiply, n, n_pairs):
    """Find the largest eigenvalues and their eigenvectors.

    Parameters
    ----------
    multiply : callable
        Takes an array of shape (n, n_columns); returns the matrix times it.
    n : int
        Number of rows of the matrix.
    n_pairs : int
        How many, at most n.

    Returns
    -------
    values : ndarray of shape (n_pairs,)
        Descending.
    vectors : ndarray of shape (n, n_pairs)
        Orthonormal; the largest entry of each in absolute value is positive.
    """
    size = min(n_pairs + GUARDS, n)
    block = np.random.RandomState(0).standard_normal((n, size))
    Q, _ = np.linalg.qr(block)
    AQ = np.empty((n, 0))
    for _ in range(MAX_RESTARTS * DEPTH):
        AQ = np.column_stack([AQ, multiply(Q[:, AQ.shape[1] :])])
        values, turn = np.linalg.eigh(Q.T @ AQ)
        values, turn = values[::-1], turn[:, ::-1][:, :size]
        vectors, images = Q @ turn, AQ @ turn
        residuals = images - vectors * values[:size]
        gap = np.linalg.norm(residuals[:, :n_pairs], axis=0).max()
        if gap <= TOL * np.abs(values).max() or Q.shape[1] == n:
            break
        if Q.shape[1] + size > DEPTH * size:
            Q, AQ = vectors, images
        new = _orthogonal_to(Q, residuals)
        if new.shape[1] == 0:
            break
        Q = np.column_stack([Q, new])
    values, vectors = values[:n_pairs], vectors[:, :n_pairs]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(n_pairs)] < 0, -1.0, 1.0)
    return values, vectors * signs


def _orthogonal_to(Q, block):
    """Orthonormal columns that span what a block adds to the columns of Q."""
    size = np.linalg.norm(block, axis=0)
    block = block[:, size > 0] / size[size > 0]
    for _ in range(2):  # once leaves rounding errors
        block = block - Q @ (Q.T @ block)
    left, size, _ = np.linalg.svd(block, full_matrices=False)
    new = left[:, size > 1e-10][:, : Q.shape[0] - Q.shape[1]]
    new = new - Q @ (Q.T @ new)
    return new / np.linalg.norm(new, axis=0)
