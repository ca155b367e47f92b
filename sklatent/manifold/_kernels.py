"""Kernels of rows, their diagonal, and the width of Gaussian ones."""

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import pairwise_kernels

# Kernels that depend on differences of rows, once they are centered: rows far from the
# origin are moved there, where products have digits.
TRANSLATED = ("linear", "rbf")
# Rows whose distances the rule for gamma looks at.
TRIAL_ROWS = 1000


def kernel_values(X, rows, kernel, params):
    """Return the kernel values of two sets of rows, in double precision."""
    if kernel == "rbf":  # of differences, which keep their digits beside an outlier
        return np.exp(-params["gamma"] * cdist(X, rows, "sqeuclidean"))
    return pairwise_kernels(X, rows, metric=kernel, filter_params=True, **params)


def kernel_diagonal(X, kernel, params):
    """Return the kernel value of each row with itself."""
    if kernel == "rbf":
        return np.ones(len(X))
    squares = np.einsum("ij,ij->i", X, X)
    if kernel == "linear":
        return squares
    if kernel == "cosine":
        return (squares > 0).astype(np.float64)
    if kernel in ("poly", "sigmoid"):
        inner = params["gamma"] * squares + params["coef0"]
        return inner ** params["degree"] if kernel == "poly" else np.tanh(inner)
    return np.array([float(kernel(x, x, **params)) for x in X])


def median_gamma(X, weight):
    """One over the median squared distance of rows that differ.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, of which at most 1,000 are compared, evenly spaced.
    weight : ndarray of shape (n_samples,)
        Their weights; a pair counts as their product.

    Returns
    -------
    gamma : float
        In inverse squared units of the data; 1 if all rows are equal.
    """
    some = slice(None, None, -(-len(X) // TRIAL_ROWS))
    X, weight = X[some], weight[some]
    unit = np.abs(X).max() or 1.0
    squares = pdist(X / unit, "sqeuclidean")
    of_pairs = np.outer(weight, weight)[np.triu_indices(len(X), 1)]
    of_pairs, squares = of_pairs[squares > 0], squares[squares > 0]
    if len(squares) == 0:
        return 1.0
    order = np.argsort(squares)
    below = np.cumsum(of_pairs[order])
    # Half of the weight, but for rounding, so that halves are found as such.
    at = np.searchsorted(below, below[-1] * (0.5 - 1e-12))
    return float(1 / squares[order[at]]) / unit / unit


def choose_gamma(X, weight, n_components):
    """Choose gamma by the leave-one-out error of pre-images.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, of which at most 500 are used, evenly spaced.
    weight : ndarray of shape (n_samples,)
        Their weights.
    n_components : int
        Number of components of the places.

    Returns
    -------
    gamma : float
        The factor 0.1, 0.3, 1, 3 or 10 of the median rule with the smallest error of
        the ridge regression of rows on their places, each row left out of the
        regression.
    """
    from sklatent.manifold._nystrom import exact_components
    from sklatent.manifold._ridge import choose_ridge

    some = slice(None, None, -(-len(X) // (TRIAL_ROWS // 2)))
    X, weight = X[some].astype(np.float64), weight[some]
    X = X - weight @ X / weight.sum()
    middle = median_gamma(X, weight)
    solver = {"solver": "dense", "rng": None, "tol": 0, "max_iter": None}
    best = (np.inf, middle)
    for factor in (0.1, 0.3, 1.0, 3.0, 10.0):
        K = kernel_values(X, X, "rbf", {"gamma": factor * middle})
        q = min(n_components, len(K))
        found = exact_components(K, weight, q, iterated_power="auto", **solver)
        Z = found.vectors * np.sqrt(found.values / weight[:, None])
        best = min(best, (choose_ridge(Z, X, weight)[0], factor * middle))
    return best[1]
