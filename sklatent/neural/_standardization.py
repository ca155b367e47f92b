"""Standardise features without losing digits to a large mean or an extreme scale."""

import numpy as np

from sklatent.utils._blocks import row_slices

# A block of rows and its activations fit the cache.
BLOCK_ROWS = 2048


def mean_and_scale(X):
    """Mean and standard deviation of each feature, in double precision.

    A feature that is constant, or that varies by no more than rounding, has no
    scale of its own and is given the median of the other features' scales: then
    multiplying a table by a number changes nothing in standardised units.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The data, read block by block.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        In units of the data; every scale is positive.
    """
    n_rows, n_features = X.shape
    # Differences to the first row are small where the mean is large, and exactly
    # zero where a feature is constant.
    origin = X[0].astype(np.float64)
    total, peak = np.zeros(n_features), np.zeros(n_features)
    for rows in row_slices(n_rows, BLOCK_ROWS):
        difference = X[rows] - origin
        total += difference.sum(axis=0)
        np.maximum(peak, np.abs(difference).max(axis=0), out=peak)
    shift = total / n_rows
    # Squares relative to the largest difference: 1e±200 neither overflows nor
    # vanishes.
    unit = np.where(peak > 0, peak, 1.0)
    squares = np.zeros(n_features)
    for rows in row_slices(n_rows, BLOCK_ROWS):
        squares += np.square((X[rows] - origin - shift) / unit).sum(axis=0)
    mean = origin + shift
    scale = unit * np.sqrt(squares / n_rows)
    varies = scale > np.finfo(X.dtype).eps * np.abs(mean)
    scale[~varies] = np.median(scale[varies]) if varies.any() else 1.0
    return mean, scale


def standardize(X, mean, scale):
    """(X - mean) / scale, in the precision of X but with all digits of the mean.

    In single precision the mean is subtracted in two parts, so that data at 1e4
    keep what digits they have. Where single precision cannot hold the scale at all,
    everything is done in double.
    """
    dtype = X.dtype
    limits = np.finfo(dtype)
    if scale.min() < limits.tiny or scale.max() > limits.max:
        X = X.astype(np.float64)
    mean_high = mean.astype(X.dtype)
    mean_low = (mean - mean_high).astype(X.dtype)
    standardized = X - mean_high
    standardized -= mean_low
    standardized /= scale.astype(X.dtype)
    return standardized.astype(dtype, copy=False)


def undo_standardize(X, mean, scale):
    """X scale + mean, in the precision of X."""
    return (X * scale + mean).astype(X.dtype, copy=False)
