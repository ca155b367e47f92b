"""The sign of eigenvectors, which nothing determines."""

import numpy as np


def signs_of(V):
    """Signs by which the largest entry of each column becomes positive."""
    signs = np.sign(V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])])
    return np.where(signs == 0, 1.0, signs)
