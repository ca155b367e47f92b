"""What sample weights count for."""

import numpy as np

from sklatent.utils._warnings import warn

# Largest sum of weights that are taken for shares: published shares are rounded, and
# so are their sums.
LARGEST_SHARE = 1.01


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
    if total > LARGEST_SHARE:
        return total
    share = weight / weight.max()
    n = float(share.sum() ** 2 / (share @ share))
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
