"""Columns that are constant in all rows, beside a density of the other columns.

A constant column has no scale, so that no kernel can be laid along it. It is taken for
a category instead: the density is that of the other columns, and another value in the
column has the odds that the rule of succession gives to what was seen in none of n
rows, 1 / (n + 1) (Laplace 1774).
"""

from typing import NamedTuple

import numpy as np

from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._rounding import Ranges, rounding_up_to
from sklatent.utils._warnings import warn


class ConstantColumns(NamedTuple):
    """Which columns vary, and the values of the others.

    Parameters
    ----------
    varies : ndarray of bool of shape (n_features,)
        Whether a column has different values.
    values : ndarray of shape (n_features,)
        Smallest value.
    tolerance : ndarray of shape (n_features,)
        Difference that may be rounding.
    """

    varies: np.ndarray
    values: np.ndarray
    tolerance: np.ndarray

    def others(self, X):
        """The columns that vary."""
        return X if self.varies.all() else np.ascontiguousarray(X[:, self.varies])

    def count_off(self, X):
        """In how many of the constant columns each row has another value."""
        c = np.flatnonzero(~self.varies)
        return (np.abs(X[:, c] - self.values[c]) > self.tolerance[c]).sum(axis=1)

    def widen(self, values, constant):
        """Give entries of the columns that vary those of the constant ones too.

        Parameters
        ----------
        values : ndarray of shape (..., n_varying)
            Entries of the columns that vary.
        constant : float or ndarray of shape (n_features,)
            Entries of the other columns.
        """
        if self.varies.all():
            return values
        shape = (*values.shape[:-1], len(self.varies))
        wide = np.array(np.broadcast_to(constant, shape), dtype=values.dtype)
        wide[..., self.varies] = values
        return wide


def find_constant_columns(X, names, what, remedy):
    """Find the constant columns, and warn of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    names : sequence of length n_features
        Names of the features.
    what : str
        The parameter that needs columns to vary, for messages.
    remedy : str
        What to do if no column varies.

    Returns
    -------
    columns : ConstantColumns
        Which columns vary.

    Raises
    ------
    ValueError
        If none does.
    """
    return constant_columns(Ranges.of(X), X.dtype, len(X), names, what, remedy)


def constant_columns(ranges, dtype, n_rows, names, what, remedy):
    """Return what `find_constant_columns` does, for rows with these `Ranges`."""
    low, high, whole = ranges
    tolerance = rounding_up_to(np.maximum(high, -low), whole, dtype)
    with np.errstate(over="ignore"):  # an infinite range is not constant
        varies = high - low > tolerance
    constant = np.flatnonzero(~varies)
    rows = "1 sample" if n_rows == 1 else f"{n_rows} samples"
    if not varies.any():
        others = "" if len(varies) == 1 else ", as are all others"
        raise ValueError(
            f"{what} is undefined because feature {names[0]!r} is constant in "
            f"{rows}{others}; {remedy}."
        )
    if len(constant):
        others = f" and {len(constant) - 1} others are" if len(constant) > 1 else " is"
        warn(
            f"With {what} the density is that of the features that vary, since feature "
            f"{names[constant[0]]!r}{others} constant in {rows}. Another value there "
            "divides the density by the number of rows plus one.",
            RankDeficientWarning,
        )
    return ConstantColumns(varies, low.astype(np.float64), tolerance)


def no_constant_columns(p):
    """Take all p columns for varying ones, as a bandwidth that is a number does."""
    return ConstantColumns(np.ones(p, bool), np.zeros(p), np.zeros(p))
