"""Kernel ridge regression of rows on their places, with closed-form leave-one-out.

With the kernel matrix K of the places, weights W and a ridge alpha,

    f(z) = k(z)' C,   C = (K + alpha W^-1)^-1 X.

A row that is left out has the residual r_i / (1 - h_i), with h_i the diagonal of
K (K + alpha W^-1)^-1.
"""

import numpy as np
from scipy.linalg import eigh, solve
from sklearn.metrics.pairwise import rbf_kernel

from sklatent.manifold._kernels import median_gamma

# Candidates: widths relative to the median rule, and ridges.
FACTORS = (0.03, 0.1, 0.3, 1.0, 3.0)
ALPHAS = 10.0 ** np.arange(-6, 2.1, 0.5)
# Rows among which candidates are compared.
TRIAL_ROWS = 1000


def ridge_coefficients(K, X, weight, alpha):
    """Return C, of shape (n_samples, n_features)."""
    K = K.copy()
    K.flat[:: len(K) + 1] += alpha / weight
    return solve(K, X, assume_a="pos", overwrite_a=True)


def choose_ridge(Z, X, weight):
    """Choose the width of a Gaussian kernel, and the ridge, by leaving rows out.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
        Places, of which up to 1,000 are compared, evenly spaced.
    X : ndarray of shape (n_samples, n_features)
        The rows, centered.
    weight : ndarray of shape (n_samples,)
        Their positive weights. A row that counts as several is left out as such.

    Returns
    -------
    error : float
        The smallest weighted squared error of rows that are left out.
    gamma, alpha : float
        The width and the ridge that have it.
    """
    some = slice(None, None, -(-len(Z) // TRIAL_ROWS))
    Z, X, weight = Z[some], X[some], weight[some]
    middle = median_gamma(Z, weight)
    root = np.sqrt(weight)[:, None]
    best = (np.inf, middle, 1.0)
    for factor in FACTORS:
        K = root * rbf_kernel(Z, gamma=factor * middle) * root.T
        values, vectors = eigh(K)
        values = np.maximum(values, 0.0)
        projected = vectors.T @ (root * X)
        for alpha in ALPHAS:
            kept = values / (values + alpha)
            left = 1 - np.square(vectors) @ kept
            residual = root * X - vectors @ (kept[:, None] * projected)
            error = np.square(residual / np.maximum(left, 1e-12)[:, None]).sum()
            best = min(best, (error, factor * middle, alpha))
    return tuple(map(float, best))
