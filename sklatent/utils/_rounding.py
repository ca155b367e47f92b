"""Differences that are no more than rounding."""

import numpy as np

# In units of the precision. Sums, means and differences of equal numbers differ by a
# few.
ROUNDING = 16


def rounding(X):
    """Largest difference of numbers that would be equal but for rounding, by column.

    It is relative to the largest number, since that may be where digits were lost.
    """
    return np.abs(X).max(axis=0) * float(ROUNDING * np.finfo(X.dtype).eps)
