"""Places from which a descent starts."""

import numpy as np
from scipy.sparse import csr_array, dia_array

from sklatent.decomposition import PCA
from sklatent.manifold._spectral import largest_eigenpairs

# Standard deviation, relative to that of the first, below which a component is noise:
# where all places lie on a line, no force leads away from it.
FLAT = 1e-2


def principal_start(X, n_components):
    """First principal components of rows, of shape (n_samples, n_components)."""
    found = min(n_components, *X.shape)
    Z = np.zeros((len(X), n_components))
    # In one layout, as differences of rounding would grow in a descent.
    X = np.ascontiguousarray(X, dtype=np.float64)
    Z[:, :found] = PCA(found).fit_transform(X)
    return Z


def spectral_start(P, n_components):
    """Slow modes of a random walk on a graph: Laplacian eigenmaps.

    Parameters
    ----------
    P : csr_array of shape (n_samples, n_samples)
        Weights of the edges, above the diagonal.
    n_components : int
        How many.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_components)
        Eigenvectors of the normalized graph Laplacian (Belkin and Niyogi 2003, Neural
        Computation 15), those of the smallest eigenvalues but the constant.
    """
    n = P.shape[0]
    W = csr_array(P + P.T, dtype=np.float64)
    root = np.sqrt(np.maximum(W.sum(axis=1), np.finfo(np.float64).tiny))
    scale = dia_array((1 / root[None], [0]), shape=W.shape)
    eye = dia_array((np.ones((1, n)), [0]), shape=W.shape)
    A = csr_array(scale @ W @ scale - eye)
    known = root[:, None] / np.linalg.norm(root)
    vectors = largest_eigenpairs(A, min(n_components, n - 1), known).vectors
    Z = np.zeros((n, n_components))
    Z[:, : vectors.shape[1]] = vectors / root[:, None]
    return Z


def scaled_start(Z, size):
    """Scale places so that the first component has a standard deviation.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
        Places.
    size : float
        The standard deviation.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_components)
        Centered, in single precision. Components with hardly any variance are filled
        with noise, the same in each call.
    """
    Z = Z - Z.mean(axis=0)
    deviation = Z.std(axis=0)
    Z *= size / deviation[0] if deviation[0] > 0 else 1.0
    flat = Z.std(axis=0) < FLAT * size
    noise = np.random.RandomState(0).standard_normal((len(Z), np.count_nonzero(flat)))
    Z[:, flat] += FLAT * size * noise
    return Z.astype(np.float32)
