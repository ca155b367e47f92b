"""Columns of tables of any library, their entries, and which of these are missing."""

import numbers

import narwhals.stable.v2 as nw
import numpy as np


def as_frame(X):
    """Return a data frame of any library as one of narwhals; None if X is none."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    return frame if isinstance(frame, nw.DataFrame) else None


def in_order(X, names):
    """Return a data frame with its columns in this order, if it has these columns."""
    frame = as_frame(X)
    own = [] if frame is None else list(frame.columns)
    if own == list(names) or set(own) != set(names):
        return X
    return frame.select(names).to_native()


def library_of(frame):
    """Return the name of the library of a frame of narwhals."""
    return frame.implementation.value


def series_of(X):
    """Yield name, type and narwhals' series, or object array, of each column."""
    frame = as_frame(X)
    if frame is None:
        for j, column in enumerate(np.asarray(X, dtype=object).T):
            yield j, "object", column
        return
    types = getattr(X, "dtypes", None)
    # Of pandas its own type, which says more: nullable, or stored by pyarrow.
    types = frame.schema.values() if library_of(frame) != "pandas" else types
    for series, dtype in zip(frame.iter_columns(), types, strict=True):
        storage = getattr(dtype, "storage", None)  # "string" would forget it
        named = f"string[{storage}]" if str(dtype) == "string" and storage else dtype
        yield series.name, str(named), series


def entries_of(series):
    """Return the entries as a list of Python objects."""
    return series.to_list() if isinstance(series, nw.Series) else list(series)


def missing_entries(series):
    """Tell which entries of a series or object array are missing."""
    if isinstance(series, nw.Series):
        missing = series.is_null()
        if series.dtype.is_float():  # polars tells NaN from null
            missing = missing | series.is_nan().fill_null(False)
        return missing.to_numpy().astype(bool)
    return np.array([is_missing(value) for value in series], dtype=bool)


def is_missing(value):
    """Tell whether a Python object stands for a missing entry."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return isinstance(value, numbers.Real) and bool(value != value)
