"""Differences that are no more than rounding."""

from typing import NamedTuple

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


class Ranges(NamedTuple):
    """Smallest and largest entries of each column, and whether all are whole numbers.

    Parameters
    ----------
    low, high : ndarray of shape (n_features,)
        In the precision of the rows.
    whole : ndarray of bool of shape (n_features,)
        Whatever the dtype.
    """

    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, X, weight=None):
        """Ranges of the rows of positive weight; None without any."""
        if weight is not None and not weight.all():
            X = X[weight > 0]
        if len(X) == 0:
            return None
        return cls(X.min(axis=0), X.max(axis=0), whole_numbers(X))

    def merge(self, other):
        """Ranges of both sets of rows."""
        return Ranges(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.whole & other.whole,
        )


def rounding(X):
    """Largest difference of numbers that would be equal but for rounding, by column."""
    largest = np.maximum(X.max(axis=0), -X.min(axis=0))
    return rounding_up_to(largest, whole_numbers(X), X.dtype)


def first_of_equal(x):
    """Number of the first of those that are equal but for rounding.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Ascending, in the precision that counts.

    Returns
    -------
    first : ndarray of int of shape (n_distinct,)
        Ascending.
    """
    largest, whole = max(x[-1], -x[0]), whole_numbers(x[:, None])[0]
    tolerance = rounding_up_to(largest, whole, x.dtype)
    in_double = rounding_up_to(largest, whole, np.float64)
    distance = np.diff(x, prepend=-np.inf)
    starts = distance > tolerance
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(x)) - 1
    # A longer chain is of numbers that lie as close as that, such as many that are far
    # from 0 in single precision. They differ, as far as double precision shows it.
    is_long = (x[last] - x[first] > tolerance)[np.cumsum(starts) - 1]
    starts |= is_long & (distance > in_double)
    return np.flatnonzero(starts)


def rounding_up_to(largest, whole, dtype):
    """Largest difference by rounding, given the largest number and if all are whole.

    It is relative to the largest number, since that may be where digits were lost. Of
    whole numbers, as far out as the precision has all of them, it is 0: they are
    counts, codes or years, and differ where they do.
    """
    eps = float(np.finfo(dtype).eps)
    exact = whole & (largest <= 2 / eps)
    return np.where(exact, 0, largest * (ROUNDING * eps))
