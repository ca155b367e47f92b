"""Variances along the principal axes of rows, or of many sets of rows."""

import numpy as np

# Variances below this share of the largest are rounding, for each axis.
RESOLUTION = 4 * np.finfo(np.float64).eps


def smaller_scatter(X):
    """Scatter of rows, shape (..., n, p), or if n <= p their products, (..., n, n)."""
    X = X - X.mean(axis=-2, keepdims=True)
    Xt = X.swapaxes(-1, -2)
    return X @ Xt if X.shape[-2] <= X.shape[-1] else Xt @ X


def axis_variances(scatter, n_samples, rounding):
    """Variances along the axes, decreasing, of those that can have any.

    All but the first are 0 where they may be due to rounding: of the eigenvalues, or
    of the data, whose entries it moves by the root of `rounding`.
    """
    m = min(n_samples - 1, scatter.shape[-1])
    variances = np.linalg.eigvalsh(scatter)[..., ::-1][..., :m] / (n_samples - 1)
    largest, rest = variances[..., :1], variances[..., 1:]
    rest[rest < RESOLUTION * scatter.shape[-1] * largest + rounding] = 0
    return variances


def principal_coordinates(X):
    """The same n rows, rotated, in n - 1 columns."""
    squares, axes = np.linalg.eigh(smaller_scatter(X))
    return axes[:, 1:] * np.sqrt(np.maximum(squares[1:], 0))
