"""Rotations of the loadings W, (p, q): they change z, and not the model."""

import numpy as np

ORTHOMAX_GAMMA = {"varimax": 1.0, "quartimax": 0.0}


def principal_axes(W):
    """Rotate W to orthogonal columns, longest first, largest entry positive.

    Columns that are no longer than rounding of the longest are 0: over a noise that is
    nearly nothing they would be seen.
    """
    if W.shape[1] == 0:
        return W
    U, lengths, _ = np.linalg.svd(W, full_matrices=False)
    lengths[lengths <= max(W.shape) * np.finfo(W.dtype).eps * lengths[0]] = 0
    largest = np.abs(U).argmax(axis=0)
    signs = np.where(U[largest, np.arange(U.shape[1])] < 0, -1.0, 1.0)
    return U * (lengths * signs)


def rotate(W, rotation, tol=1e-10, max_iter=500):
    """Rotate W to simple structure, by the orthomax criterion.

    Maximizes the sum over columns of the variance of their squared loadings
    ("varimax", Kaiser 1958) or of their fourth powers ("quartimax"), by repeated
    singular value decompositions of the criterion's gradient.
    """
    if rotation is None or W.shape[1] < 2:
        return W
    gamma = ORTHOMAX_GAMMA[rotation]
    R, before = np.eye(W.shape[1]), 0.0
    for _ in range(max_iter):
        L = W @ R
        gradient = W.T @ (L**3 - gamma * L * (L**2).mean(axis=0))
        U, s, Vt = np.linalg.svd(gradient)
        R = U @ Vt
        if s.sum() <= before * (1 + tol):
            break
        before = s.sum()
    return W @ R
