"""Differences that are no more than rounding."""

import numpy as np

# In units of the precision. Sums, means and differences of equal numbers differ by a
# few.
ROUNDING = 16


def rounding(X):
    """Largest difference of numbers that would be equal but for rounding, by column.

    It is relative to the largest number, since that may be where digits were lost. Of
    whole numbers, as far out as the precision has all of them, it is 0: they are
    counts, codes or years, and differ where they do.
    """
    eps = float(np.finfo(X.dtype).eps)
    largest = np.abs(X).max(axis=0)
    whole = (np.rint(X) == X).all(axis=0) & (largest <= 2 / eps)
    return np.where(whole, 0, largest * (ROUNDING * eps))
