"""Rows with missing entries: which are observed alike, and moments of what is."""

import numpy as np


def group_patterns(observed):
    """Which rows have the same pattern.

    Parameters
    ----------
    observed : ndarray of bool, of shape (n_samples, n_features)
        The patterns.

    Returns
    -------
    first : ndarray of shape (n_patterns,)
        A row of each pattern.
    group : ndarray of shape (n_samples,)
        Number of the pattern of each row.
    """
    # The result has the memory order of its argument; keys are bytes in a row.
    packed = np.ascontiguousarray(np.packbits(observed, axis=1))
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return first, group


def observed_moments(X, weight, names):
    """Mean and variance of what is observed of each feature.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN where nothing was observed.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    names : sequence of length n_features
        Of the features, for the error.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,)
        In double precision.

    Raises
    ------
    ValueError
        If nothing is observed of a feature.
    """
    observed = ~np.isnan(X)
    count = weight @ observed
    if not count.all():
        unseen = np.asarray(names)[count == 0].tolist()
        raise ValueError(
            f"Features {unseen} have no observed value; drop them before fitting."
        )
    # The first pass removes the offset, the second what it cost in digits.
    mean = weight @ np.where(observed, X, 0.0) / count
    mean = mean + weight @ np.where(observed, X - mean, 0.0) / count
    return mean, weight @ np.where(observed, X - mean, 0.0) ** 2 / count
