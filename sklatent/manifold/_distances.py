"""Distances between rows, by any metric, and matrices of them."""

import numpy as np
from sklearn.metrics import pairwise_distances

from sklatent.utils._blocks import row_slices

# Rows of a matrix that are checked together.
BLOCK_ROWS = 128
# Asymmetry and diagonal of distances, relative to the largest, that rounding explains.
ROUNDING = 100


def fixed_metric_params(metric, metric_params, X, weight):
    """Parameters of a metric, with those that depend on the rows those of `fit`.

    Parameters
    ----------
    metric : str or callable
        As in :func:`sklearn.metrics.pairwise_distances`.
    metric_params : dict or None
        Parameters given.
    X : ndarray of shape (n_samples, n_features)
        The rows of `fit`.
    weight : ndarray of shape (n_samples,)
        How many rows each stands for.

    Returns
    -------
    params : dict
        Parameters for the distances of any rows.
    """
    centered = X - np.average(X.astype(np.float64), axis=0, weights=weight)
    scatter = (weight[:, None] * centered).T @ centered / max(weight.sum() - 1, 1)
    params = dict(metric_params or {})
    if metric == "seuclidean":
        params.setdefault("V", np.diagonal(scatter).copy())
    if metric == "mahalanobis" and "VI" not in params:
        V = params.pop("V", None)
        # Along directions without variance rows do not differ.
        params["VI"] = np.linalg.pinv(scatter if V is None else V, hermitian=True)
    return params


def distances_to(X, rows, metric, params):
    """Return distances of rows from others, in double precision.

    Raises
    ------
    ValueError
        If one is no number.
    """
    D = pairwise_distances(
        X.astype(np.float64), rows.astype(np.float64), metric=metric, **params
    )
    if np.isnan(D).any():
        i, j = np.argwhere(np.isnan(D))[0]
        raise ValueError(
            f"metric={metric!r} must give numbers for all pairs of rows; got NaN for "
            f"{X[i]} and {rows[j]}."
        )
    return D


def check_square(X):
    """Raise if precomputed distances are not between the same rows."""
    if X.shape[0] != X.shape[1]:
        raise ValueError(
            "X must be a square distance matrix with metric='precomputed'; the "
            f"array must be 2-dimensional and square; got shape {X.shape}."
        )


def check_not_negative(X):
    """Raise if a distance is negative."""
    if X.size and X.min() < 0:
        raise ValueError(
            "Negative values in data: with metric='precomputed' X must hold "
            f"distances, positive ones or 0, and none is negative; got {X.min():g}."
        )


def check_distances(D):
    """Raise if a matrix cannot be one of distances between rows.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        The matrix.

    Raises
    ------
    ValueError
        If it is not square, not symmetric, or has negative entries, or a diagonal that
        is not zero, but for rounding.
    """
    check_square(D)
    check_not_negative(D)
    bound = ROUNDING * np.finfo(D.dtype).eps * D.max()
    for rows in row_slices(len(D), BLOCK_ROWS):
        difference = np.abs(D[rows] - D[:, rows].T).max()
        if difference > bound:
            raise ValueError(
                "X must be symmetric with metric='precomputed'. Array must be "
                f"symmetric; got distances that differ by {difference:g} from those in "
                "the other direction."
            )
    if np.diagonal(D).max() > bound:
        raise ValueError(
            "X must have a diagonal of zeros with metric='precomputed', since the "
            f"distance of a row from itself is 0; got {np.diagonal(D).max():g}."
        )
