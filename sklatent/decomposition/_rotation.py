"""Rotations of the loadings W, (p, q): they change z, and not the model."""

import numpy as np

ORTHOMAX_GAMMA = {"varimax": 1.0, "quartimax": 0.0}


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
