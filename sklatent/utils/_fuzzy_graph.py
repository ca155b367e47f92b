"""The weighted graph of nearest rows that UMAP embeds, and its kernel in the embedding.

McInnes, Healy and Melville (2018), "UMAP: Uniform manifold approximation and projection
for dimension reduction", arXiv:1802.03426, algorithms 2 and 3 and section 3.2.
"""

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse import csr_array

# Smallest unit of length of a row, relative to the mean distance of its neighbors.
SMALLEST_UNIT = 1e-3
# Bisections of the unit of length: all digits of a float64 whose exponent is near.
BISECTIONS = 100


def membership(distances):
    """Weights exp(-(d - rho) / sigma) of the nearest rows of each row.

    rho is the distance of the nearest row that differs, and sigma is such that the
    weights of k neighbors sum to log2(k + 1), as if the row itself, which is not among
    them, counted as one.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, k)
        Distances to the nearest other rows, ascending.

    Returns
    -------
    weights : ndarray of shape (n_samples, k)
        Between 0 and 1.
    """
    k = distances.shape[1]
    differs = distances > 0
    first = np.take_along_axis(distances, differs.argmax(axis=1)[:, None], axis=1)
    beyond = np.maximum(distances - first, 0.0)
    target = np.log2(k + 1)
    # Relative to its own mean, a row has no scale. Where all neighbors are at one
    # distance, all weigh 1.
    mean = beyond.mean(axis=1, keepdims=True)
    relative = beyond / np.where(mean > 0, mean, 1.0)
    low, high = np.full((2, len(distances), 1), [[[-40.0]], [[40.0]]])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        heavy = np.exp(-relative / np.exp2(middle)).sum(axis=1, keepdims=True) > target
        low, high = np.where(heavy, low, middle), np.where(heavy, middle, high)
    sigma = np.exp2((low + high) / 2) * mean
    sigma = np.maximum(sigma, SMALLEST_UNIT * distances.mean(axis=1, keepdims=True))
    return np.exp(-beyond / np.where(sigma > 0, sigma, 1.0))


def fuzzy_union(weights, indices):
    """Symmetric graph w + w' - w w' of the weights w of nearest rows.

    Parameters
    ----------
    weights : ndarray of shape (n_samples, k)
        Weights of the nearest other rows of each row.
    indices : ndarray of shape (n_samples, k)
        Which rows these are.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        Its entries, between 0 and 1, are sorted by row and column.
    """
    n, k = weights.shape
    parts = (weights.ravel(), indices.ravel(), np.arange(0, n * k + 1, k))
    graph = csr_array(parts, shape=(n, n))
    graph = csr_array(graph + graph.T - graph * graph.T)
    graph.setdiag(0.0)
    graph.eliminate_zeros()
    graph.sort_indices()
    return graph


def fitted_kernel(min_dist, spread=1.0):
    """Return a and b of the kernel 1 / (1 + a d^2b) nearest to UMAP's curve.

    The curve is 1 up to the distance `min_dist`, and exp(-(d - min_dist) / spread)
    beyond.
    """
    d = np.linspace(0, 3 * spread, 300)
    curve = np.where(d < min_dist, 1.0, np.exp(-(d - min_dist) / spread))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, curve)
    return float(a), float(b)
