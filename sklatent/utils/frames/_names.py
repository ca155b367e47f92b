"""Columns that may name the rows, of which nothing can be learned."""

import numpy as np

from sklatent.utils._warnings import warn
from sklatent.utils.frames._schema import CATEGORY, INTEGER

# From so many strings on, of which more than this share are different, and so many
# integers that count up, they may be names of the rows.
MANY_NAMES, MOSTLY = 20, 0.5


def check_no_names(column, missing):
    """Raise if no two of the strings of a column are equal; warn if few are."""
    n_levels, n_observed = len(column.levels), int((~missing).sum())
    if column.kind != CATEGORY:
        return
    if n_levels == n_observed > 2:
        raise ValueError(
            f"Column {column.name!r} of X must have values that several rows share; "
            f"got {n_levels} different ones in {n_observed} rows, such as "
            f"{column.levels[0]!r}. If they name the rows, leave the column out; if "
            "they are dates or numbers, turn them into these."
        )
    if n_levels > max(MANY_NAMES, MOSTLY * n_observed):
        warn(
            f"Column {column.name!r} of X has {n_levels} different strings in "
            f"{n_observed} rows, which sampled rows repeat. If they name the rows, "
            "leave the column out.",
            UserWarning,
        )


def check_no_numbers_of_rows(column, x):
    """Raise if integers are too large for a float; warn if they count the rows."""
    if column.kind != INTEGER or column.bounds is None:
        return
    low, high = column.bounds
    if max(-low, high) > 2**53:
        raise ValueError(
            f"Column {column.name!r} of X must hold integers up to 2**53 in size; got "
            f"{max(-low, high):g}. If they name the rows, leave the column out."
        )
    n_observed = int((~np.isnan(x)).sum())
    counts = high - low + 1 == n_observed == len(np.unique(x[~np.isnan(x)]))
    if counts and n_observed > MANY_NAMES:
        warn(
            f"Column {column.name!r} of X has each integer from {low:g} to {high:g} "
            "once. If they number the rows, leave the column out.",
            UserWarning,
        )
