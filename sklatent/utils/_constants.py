"""Features that are constant in the rows of a fit, and so in rows that are drawn.

A model needs some variance for every feature, if only a floor, to have a density. What
it draws and imputes of a constant feature would vary by that floor.
"""

import numpy as np

# Rows, spread evenly, that a feature has to be constant in before all are looked at.
SOME_ROWS = 64


def constant_values(X, sample_weight=None):
    """Return the value of each feature that is constant, NaN for the others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows; NaN where something is missing.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights; rows of weight 0 do not count.

    Returns
    -------
    values : ndarray of shape (n_features,)
        In double precision.
    """
    if sample_weight is not None and not sample_weight.all():
        X = X[sample_weight > 0]
    values = np.full(X.shape[1], np.nan)
    if ((X[0] < X[-1]) | (X[0] > X[-1])).all():  # two rows are mostly enough
        return values
    some = X[:: -(-len(X) // SOME_ROWS)]
    varies = np.fmin.reduce(some) < np.fmax.reduce(some)
    for j in np.flatnonzero(~varies):
        column = X[:, j]
        low = np.fmin.reduce(column)
        if low == np.fmax.reduce(column):
            values[j] = low
    return values


def set_constants(X, values, where=None):
    """Give constant features their values, in place.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows that a model drew or imputed.
    values : ndarray of shape (n_features,)
        From `constant_values`.
    where : ndarray of bool, of shape (n_samples, n_features), default=None
        The entries to set; all if None.
    """
    for j in np.flatnonzero(~np.isnan(values)):
        X[slice(None) if where is None else where[:, j], j] = values[j]
