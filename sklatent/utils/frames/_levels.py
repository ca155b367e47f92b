"""Nominal columns, whose levels are 0, 1, ..."""

import narwhals.stable.v2 as nw
import numpy as np


def is_categorical(series):
    """Tell whether a series has a categorical type."""
    types = (nw.Categorical, nw.Enum)
    return isinstance(series, nw.Series) and (
        series.dtype in types or isinstance(series.dtype, types)
    )


def levels_of(series, values, missing):
    """Return levels and, of a categorical type, categories and whether ordered."""
    seen = {v for v, m in zip(values, missing, strict=True) if not m}
    if not is_categorical(series):
        return {"levels": tuple(plain(level) for level in sorted(seen))}
    native = getattr(nw.to_native(series), "cat", None)
    ordered = bool(getattr(native, "ordered", False))
    categories = series.cat.get_categories().to_list()
    return {
        "levels": tuple(plain(c) for c in categories if c in seen),
        "categories": tuple(map(plain, categories)),
        "ordered": ordered,
    }


def plain(value):
    """Return a level as plain data: a bool, a str or a number of Python."""
    return value.item() if isinstance(value, np.generic) else value


def numbers_of_levels(column, values, missing, handle_unknown="error"):
    """Return the positions of the entries among the levels, NaN where missing."""
    position = {level: k for k, level in enumerate(column.levels)}
    x = np.full(len(missing), np.nan)
    for i in np.flatnonzero(~missing):
        k = position.get(values[i]) if is_hashable(values[i]) else None
        if k is not None:
            x[i] = k
        elif handle_unknown == "error":
            raise ValueError(
                f"Column {column.name!r} of X must hold levels that fit has seen; got "
                f"{values[i]!r}. With handle_unknown='missing' such entries are "
                "missing."
            )
    return x


def is_hashable(value):
    """Tell whether a value can be a level."""
    return value.__hash__ is not None
