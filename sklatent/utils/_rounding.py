"""Differences that are no more than rounding."""

import numpy as np

# In units of the precision. Sums, means and differences of equal numbers differ by a
# few.
ROUNDING = 16
# Rows that nearly always tell that a column is not of whole numbers.
FIRST_ROWS = 8


def whole_numbers(X):
    """Whether all entries of each column are whole numbers, whatever the dtype."""
    some = X[:FIRST_ROWS]
    whole = (np.rint(some) == some).all(axis=0)
    return whole & (np.rint(X) == X).all(axis=0) if whole.any() else whole


def rounding(X):
    """Largest difference of numbers that would be equal but for rounding, by column."""
    largest = np.maximum(X.max(axis=0), -X.min(axis=0))
    return rounding_up_to(largest, whole_numbers(X), X.dtype)


def rounding_up_to(largest, whole, dtype):
    """Largest difference by rounding, given the largest number and if all are whole.

    It is relative to the largest number, since that may be where digits were lost. Of
    whole numbers, as far out as the precision has all of them, it is 0: they are
    counts, codes or years, and differ where they do.
    """
    eps = float(np.finfo(dtype).eps)
    exact = whole & (largest <= 2 / eps)
    return np.where(exact, 0, largest * (ROUNDING * eps))
