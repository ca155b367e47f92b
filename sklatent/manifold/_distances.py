"""Distances between rows, by any metric, and matrices of them."""

import numpy as np
from sklearn.metrics import pairwise_distances

from sklatent.utils._blocks import row_slices

# Rows of a matrix that are checked or squared together.
BLOCK_ROWS = 128


def fixed_metric_params(metric, metric_params, X):
    """Parameters of a metric, with those that depend on the rows those of `fit`.

    Parameters
    ----------
    metric : str or callable
        As in :func:`sklearn.metrics.pairwise_distances`.
    metric_params : dict or None
        Parameters given.
    X : ndarray of shape (n_samples, n_features)
        The rows of `fit`.

    Returns
    -------
    params : dict
        Parameters for the distances of any rows.
    """
    params = dict(metric_params or {})
    if metric == "seuclidean":
        params.setdefault("V", np.var(X, axis=0, ddof=1, dtype=np.float64))
    if metric == "mahalanobis" and "VI" not in params:
        V = params.pop("V", None)
        covariance = np.cov(X.T, dtype=np.float64) if V is None else V
        params["VI"] = np.linalg.inv(np.atleast_2d(covariance)).T
    return params


def distances_to(X, rows, metric, params):
    """Return distances of rows from others, in double precision."""
    return pairwise_distances(
        X.astype(np.float64), rows.astype(np.float64), metric=metric, **params
    )


def check_distances(D, name="X"):
    """Raise unless a matrix holds distances of rows from each other.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        The matrix.
    name : str, default="X"
        What messages call it.

    Raises
    ------
    ValueError
        If it is not square, not symmetric, or has negative entries, or a diagonal that
        is not zero.
    """
    if D.shape[0] != D.shape[1]:
        raise ValueError(
            f"{name} with metric='precomputed' must hold the distances of all "
            "rows from each other; array must be 2-dimensional and square; got shape "
            f"{D.shape}."
        )
    check_not_negative(D, name)
    _check_symmetric(D, name)
    diagonal = np.abs(np.diagonal(D))
    worst = int(diagonal.argmax())
    if diagonal[worst] > 1e-10 * D.max():
        raise ValueError(
            f"{name} with metric='precomputed' must be zero on the diagonal, where the "
            f"distance of each row from itself is; got {D[worst, worst]:.3g} in row "
            f"{worst}."
        )


def check_not_negative(D, name="X"):
    """Raise if a distance is negative."""
    for rows in row_slices(len(D), BLOCK_ROWS):
        if D[rows].min() < 0:
            i, j = np.unravel_index(D[rows].argmin(), D[rows].shape)
            raise ValueError(
                f"{name} with metric='precomputed' must hold no negative distance; got "
                f"{D[rows][i, j]:.3g} in row {rows.start + i}, column {j}."
            )


def _check_symmetric(D, name):
    """Raise if a matrix is not symmetric up to rounding, block by block."""
    tol = (1e-10 if D.dtype == np.float64 else 1e-5) * max(D.max(), 0)
    for rows in row_slices(len(D), BLOCK_ROWS):
        for columns in row_slices(rows.stop, BLOCK_ROWS):
            off = np.abs(D[rows, columns] - D[columns, rows].T)
            if off.max() > tol:
                i, j = np.unravel_index(off.argmax(), off.shape)
                i, j = rows.start + i, columns.start + j
                raise ValueError(
                    f"{name} with metric='precomputed' must be symmetric. Array must "
                    f"be symmetric; got {D[i, j]:.6g} in row {i}, column {j}, and "
                    f"{D[j, i]:.6g} in row {j}, column {i}."
                )
