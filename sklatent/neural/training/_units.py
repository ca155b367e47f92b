"""Standardize features without losing digits to a large mean or an extreme scale."""

import numpy as np

from sklatent.utils._blocks import row_slices

# A block of rows and its activations fit the cache.
BLOCK_ROWS = 2048


def mean_and_scale(X):
    """Mean and standard deviation of each feature, in double precision.

    A feature that is constant, or that varies by no more than rounding, has no
    scale of its own and is given the median of the other features' scales: then
    multiplying a table by a number changes nothing in standardized units. What it is
    comes back as `constant`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The data, read block by block; NaN where missing.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        Of what is observed, in units of the data; every scale is positive.
    constant : ndarray of shape (n_features,)
        The value of each feature that is constant, NaN for the others.
    """
    n_features = X.shape[1]
    # Differences to an observed value are small where the mean is large, and exactly
    # zero where a feature is constant.
    origin = first_observed(X)
    total, peak, count = np.zeros((3, n_features))
    for rows in row_slices(len(X), BLOCK_ROWS):
        difference = X[rows] - origin
        missing = np.isnan(difference)
        difference[missing] = 0
        total += difference.sum(axis=0)
        count += len(missing) - missing.sum(axis=0)
        np.maximum(peak, np.abs(difference).max(axis=0), out=peak)
    count = np.maximum(count, 1)
    shift = total / count
    # Squares relative to the largest difference: 1e±200 neither overflows nor
    # vanishes.
    unit = np.where(peak > 0, peak, 1.0)
    squares = np.zeros(n_features)
    for rows in row_slices(len(X), BLOCK_ROWS):
        deviation = (X[rows] - origin - shift) / unit
        squares += np.nansum(np.square(deviation), axis=0)
    mean = origin + shift
    scale = unit * np.sqrt(squares / count)
    varies = scale > np.finfo(X.dtype).eps * np.abs(mean)
    scale[~varies] = np.median(scale[varies]) if varies.any() else 1.0
    return mean, scale, np.where(varies, np.nan, mean)


def still_constant(constant, X):
    """Values of the features that further rows leave constant, NaN for the others."""
    columns = np.flatnonzero(~np.isnan(constant))
    value = constant[columns]
    peak = np.zeros(len(columns))
    for rows in row_slices(len(X), BLOCK_ROWS):
        difference = np.abs(X[rows][:, columns] - value)
        peak = np.fmax(peak, np.fmax.reduce(difference, axis=0))
    kept = constant.copy()
    kept[columns[peak > np.finfo(X.dtype).eps * np.abs(value)]] = np.nan
    return kept


def share_observed(X):
    """Share of the entries of each feature that are not NaN."""
    missing = np.zeros(X.shape[1])
    for rows in row_slices(len(X), BLOCK_ROWS):
        missing += np.isnan(X[rows]).sum(axis=0)
    return 1 - missing / len(X)


def first_observed(X):
    """First value of each feature that is not NaN, or else 0."""
    origin = np.full(X.shape[1], np.nan)
    for rows in row_slices(len(X), BLOCK_ROWS):
        left = np.flatnonzero(np.isnan(origin))
        if not len(left):
            break
        observed = ~np.isnan(X[rows][:, left])
        first = X[rows][observed.argmax(axis=0), left]
        origin[left] = np.where(observed.any(axis=0), first, np.nan)
    return np.nan_to_num(origin)


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


def undo_standardize(X, mean, scale, constant):
    """X scale + mean, or the value of a constant feature, in the precision of X."""
    undone = (X * scale + mean).astype(X.dtype, copy=False)
    columns = np.flatnonzero(~np.isnan(constant))
    undone[..., columns] = constant[columns]
    return undone
