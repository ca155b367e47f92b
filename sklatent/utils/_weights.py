"""Rows and what they count for."""

import numpy as np

from sklatent.utils._sklearn import _check_sample_weight


def check_weight(sample_weight, X):
    """Return weights in double precision, none negative and not all zero; or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )


def weighted_rows(X, sample_weight):
    """Rows of positive weight, and the weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    sample_weight : array-like of shape (n_samples,) or None
        Their weights; all 1 if None.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        Those of positive weight.
    weight : ndarray of shape (n_rows,)
        In double precision.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or their sum overflows.
    """
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    total_weight(weight)
    return X[weight > 0], weight[weight > 0]


def total_weight(weight):
    """How many rows weights count for; raise if that is too large for a number."""
    with np.errstate(over="ignore"):
        total = float(weight.sum())
    if not np.isfinite(total):
        raise ValueError(
            "The sum of sample_weight must be finite, since it is a number of rows; "
            f"got weights up to {weight.max():.3g}. Divide them by a number."
        )
    return total
