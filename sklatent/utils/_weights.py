"""Sample weights as numbers of rows, or as shares of the rows."""

import numpy as np

from sklatent.utils._sklearn import check_sample_weight
from sklatent.utils._warnings import warn

# Largest sum of weights that are taken for shares: published shares are rounded, and
# so are their sums.
LARGEST_SHARE = 1.01


def weighted_rows(X, sample_weight):
    """Rows of positive weight, and the weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the rows; all 1 if None.

    Returns
    -------
    X : ndarray of shape (n_rows, n_features)
        The rows of positive weight; `X` itself if all are.
    weight : ndarray of shape (n_rows,)
        In double precision.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or their sum overflows.
    """
    weight = check_sample_weight(sample_weight, X)
    total_weight(weight)
    held = weight > 0
    return (X, weight) if held.all() else (X[held], weight[held])


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


def are_shares(weight):
    """Whether weights, or their sum, are shares of the rows and count none.

    They then sum to about 1, or to less where they are those of a part of the rows.
    """
    return bool(np.sum(weight) <= LARGEST_SHARE)


def row_count(weight, what):
    """Return how many rows weights count for.

    Weights count rows, so that this is their sum. Weights that sum to about 1 or less
    are shares: they say nothing about the number of rows, for which the effective
    sample size stands in, (sum w)^2 / sum w^2 (Kish 1965). It is n for n equal shares.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Positive weights, of a finite sum.
    what : str
        What depends on the number of rows, for the warning.

    Returns
    -------
    n : float
        The number of rows.

    Warns
    -----
    UserWarning
        If the weights are shares.
    """
    total = float(weight.sum())
    if not are_shares(total):
        return total
    share = weight / weight.max()
    return effective_count(total, float(share.sum() ** 2 / (share @ share)), what)


def effective_count(total, n, what):
    """Return `row_count` for a sum of shares and the effective sample size n."""
    if abs(n - round(n)) < 1e-9 * n:
        n = float(round(n))  # equal shares count exactly as many rows
    if n == total:  # one row
        return n
    warn(
        f"sample_weight counts rows, so that weights with a sum of {total:.3g} are "
        f"taken for shares. {what} depends on the number of rows, for which the "
        f"effective sample size stands in, {n:.4g}. Multiply the weights by the number "
        "of rows to give it."
    )
    return n


def as_counts(weight, what):
    """Weights in units of rows: themselves, or shares times `row_count`.

    Rounding is undone where a share makes a whole number of rows, so that equal shares
    give what no weights give.
    """
    n = row_count(weight, what)
    total = weight.sum()
    if n == total:
        return weight
    counts = weight * (n / total)
    whole = np.rint(counts)
    return np.where(np.abs(counts - whole) < 1e-9, whole, counts)
