"""Columns of numbers, which stand for themselves."""

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._entries import entries_of
from sklatent.utils.frames._schema import INTEGER, NUMBER

# So many different values are few, if this share of the rows has theirs in common.
MOST_VALUES, SHARED = 50, 0.9


def numbers_of(series, missing, name=None):
    """Return the entries as numbers in double precision."""
    if isinstance(series, nw.Series) and series.dtype.is_numeric():
        x = series.to_numpy()
        if x.dtype.kind in "biuf":
            x = x.astype(np.float64)
            x[missing] = np.nan
            return x
    x = np.full(len(missing), np.nan)
    values = entries_of(series)
    for i in np.flatnonzero(~missing):
        try:
            x[i] = float(values[i])
        except (TypeError, ValueError):
            raise TypeError(
                f"Column {name!r} of X must hold numbers, as in fit; got {values[i]!r}."
            ) from None
    return x


def bounds_and_kind(x):
    """Return the bounds of numbers, and whether they are all integers."""
    seen = x[np.isfinite(x)]
    if not len(seen):
        return {"bounds": None}
    kind = INTEGER if np.array_equal(np.round(seen), seen) else NUMBER
    bounds = (float(seen.min()), float(seen.max()))
    return {"kind": kind, "bounds": bounds, "seen": few_values(seen)}


def few_values(x):
    """Return the different values of a column, None if they are many."""
    values, counts = np.unique(x, return_counts=True)
    shared = counts[counts > 1].sum() >= SHARED * len(x)
    return tuple(values.tolist()) if len(values) <= MOST_VALUES and shared else None
