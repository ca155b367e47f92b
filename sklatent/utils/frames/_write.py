"""Frames made of numbers: the reverse of reading a table.

A frame that is filled keeps its observed entries to the bit, since only missing ones
are written. Every other frame has the types that `fit` has seen, wherever its library
is the same.
"""

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._entries import as_frame, library_of
from sklatent.utils.frames._schema import (
    BOOLEAN,
    DATE,
    DURATION,
    INTEGER,
    NOMINAL,
)
from sklatent.utils.frames._times import write_text


def settle(schema, numbers):
    """Return numbers as the columns can have them: whole, of the few, within bounds.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    numbers : ndarray of shape (..., n_columns)
        What a model has drawn or expects.

    Returns
    -------
    numbers : ndarray of shape (..., n_columns)
        A copy.
    """
    numbers = numbers.copy()
    for j, column in enumerate(schema.columns):
        x = numbers[..., j]
        if column.kind in (INTEGER, DATE, DURATION, *NOMINAL):
            np.round(x, out=x)
        if column.levels is not None:
            np.clip(x, 0, len(column.levels) - 1, out=x)
        elif column.seen is not None:
            seen = np.array(column.seen)
            x[...] = seen[np.searchsorted((seen[1:] + seen[:-1]) / 2, x)]
        elif column.bounds is not None:
            np.clip(x, *column.bounds, out=x)
    return numbers


def frame_of(schema, numbers, library=None, index=None):
    """Return a frame of numbers that are settled.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    numbers : ndarray of shape (n_rows, n_columns)
        The numbers; none is NaN, but in columns of numbers.
    library : str or None
        "pandas", "polars" or "pyarrow"; None is that of the schema.
    index : pandas.Index or None
        Index of a frame of pandas; None counts the rows.

    Returns
    -------
    frame : DataFrame
        Of the library.
    """
    own = schema.library
    series = [
        series_like(column, x, own)
        for column, x in zip(schema.columns, numbers.T, strict=True)
    ]
    if own == "pandas":
        import pandas as pd

        frame = pd.DataFrame(dict(enumerate(map(nw.to_native, series))))
        frame.columns = [column.name for column in schema.columns]
        if index is not None and len(index) == len(frame):
            frame.index = index
    else:
        # With a backend narwhals would forget the levels of an Enum.
        frame = nw.to_native(nw.from_dict({s.name: s for s in series}))
    return frame if library in (None, own) else converted(as_frame(frame), library)


def array_of(schema, numbers):
    """Return an array of objects of numbers that are settled."""
    array = np.empty(numbers.shape, dtype=object)
    for j, column in enumerate(schema.columns):
        array[:, j] = entries(column, numbers[:, j])
    return array


def fill(schema, X, numbers, missing, library=None):
    """Return a table with numbers in place of its missing entries.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    X : data frame or array-like of object of shape (n_rows, n_columns)
        The table, with the columns of the schema in any order.
    numbers : ndarray of shape (n_rows, n_columns)
        Numbers that are settled, in the order of the schema.
    missing : ndarray of bool of shape (n_rows, n_columns)
        The entries to fill, in this order too.
    library : str or None
        Library of the result; None is that of `X`.

    Returns
    -------
    table : data frame or ndarray of object
        With the columns in the order of `X`.
    """
    # Without a library in fit there are no types for a frame.
    frame = None if schema.library is None else as_frame(X)
    if frame is None:
        return np.where(missing, array_of(schema, numbers), np.array(X, dtype=object))
    own = library_of(frame)
    position = {column.name: j for j, column in enumerate(schema.columns)}
    filled = []
    for series in frame.iter_columns():
        j = position[series.name]
        if missing[:, j].any():
            drawn = series_like(schema.columns[j], numbers[:, j], schema.library)
            drawn = in_library(drawn.alias(str(series.name)), own)
            series = fill_series(series, missing[:, j], drawn, schema.columns[j])
        filled.append(series)
    result = frame.with_columns(*filled)
    return converted(result, library or own)


def in_library(series, library):
    """Return a series of narwhals as one of a library."""
    if library_of(series) == library:
        return series
    return as_frame(converted(series.to_frame(), library))[series.name]


def converted(frame, library):
    """Return a frame of narwhals as one of a library."""
    if library == library_of(frame):
        return frame.to_native()
    convert = {"pandas": frame.to_pandas, "polars": frame.to_polars}
    return convert.get(library, frame.to_arrow)()


def fill_series(series, missing, drawn, column):
    """Return a series of narwhals with drawn entries where they are missing.

    Its type is kept where it can hold the entries, and else is that of `fit`: a batch
    may have fewer categories, and an empty column of a file says nothing of its type.
    """
    keep = not missing.all() and column.kind not in NOMINAL
    native, drawn_native = nw.to_native(series), nw.to_native(drawn)
    if hasattr(native, "iloc"):  # pandas, whose index need not count the rows
        drawn_native = drawn_native.set_axis(native.index)
        if missing.all():
            filled = drawn_native.rename(native.name)
        else:
            dtype = native.dtype if keep else drawn_native.dtype
            filled = native.astype(dtype).where(~missing, drawn_native.astype(dtype))
        return nw.from_native(filled, series_only=True)
    if missing.all():
        return drawn
    mask = nw.new_series("mask", missing.tolist(), backend=series.implementation)
    dtype = series.dtype if keep else drawn.dtype
    return drawn.cast(dtype).zip_with(mask, series.cast(dtype))


def series_like(column, x, library):
    """Return numbers as a series of narwhals, of the type that `fit` has seen.

    Parameters
    ----------
    column : Column
        What the numbers stand for.
    x : ndarray of shape (n_rows,)
        Numbers that are settled.
    library : str
        Name of the library whose type `column.dtype` is.
    """
    values = entries(column, x)
    if library == "pandas":
        return nw.from_native(pandas_series(column, values), series_only=True)
    if column.kind in (DATE, DURATION) and column.text is None:
        series = nw.new_series(column.name, values, backend=library)
        return in_time_zone(series.cast(local_type(column)), column.time_zone)
    if values.dtype == object:
        values = values.tolist()
    dtype = narwhals_type(column)
    return nw.new_series(column.name, values, dtype, backend=library)


def entries(column, x):
    """Return the entries that numbers stand for: an array of their NumPy type."""
    if column.text is not None:
        return np.array([write_text(column, number) for number in x], dtype=object)
    if column.kind in (DATE, DURATION):
        kind = "M8" if column.kind == DATE else "m8"
        steps = np.round(x).astype(np.int64)
        return (column.origin + column.step * steps).astype(f"{kind}[{column.unit}]")
    if column.levels is not None:
        dtype = bool if column.kind == BOOLEAN else object
        levels = np.array([*column.levels, None], dtype=object)[:-1]
        return levels[x.astype(int)].astype(dtype)
    return x


# --------------------------------------------------------------------------------
# Types


def pandas_series(column, values):
    """Return entries as a series of pandas."""
    import pandas as pd

    if column.categories is not None:
        dtype = pd.CategoricalDtype(list(column.categories), column.ordered)
        return pd.Series(pd.Categorical(values, dtype=dtype))
    if column.dtype == "object":  # dates stay those of Python
        return pd.Series(values.astype(object), dtype=object)
    series = pd.Series(values)
    if column.time_zone is not None:
        # Local times that a clock skips are those after it; of those it shows twice,
        # the second.
        series = series.dt.tz_localize(
            column.time_zone,
            ambiguous=np.zeros(len(series), dtype=bool),
            nonexistent="shift_forward",
        )
    return series.astype(column.dtype)


def narwhals_type(column):
    """Return the type of narwhals for a column of polars or pyarrow."""
    if column.categories is not None:
        is_enum = column.dtype.startswith("Enum")
        return nw.Enum(column.categories) if is_enum else nw.Categorical()
    name = column.dtype.partition("(")[0]
    return getattr(nw, name, nw.Float64)()


def local_type(column):
    """Return the type of dates and durations without a time zone."""
    if column.dtype.startswith("Date") and not column.dtype.startswith("Datetime"):
        return nw.Date()
    unit = column.unit if column.unit in ("ms", "us", "ns") else "us"
    return nw.Datetime(unit) if column.kind == DATE else nw.Duration(unit)


def in_time_zone(series, time_zone):
    """Return local times as times of a zone."""
    if time_zone is None:
        return series
    native = nw.to_native(series)
    if hasattr(native, "dt"):  # polars
        known = {"ambiguous": "latest", "non_existent": "null"}
        zoned = native.dt.replace_time_zone(time_zone, **known)
        hour = native.dt.offset_by("1h").dt.replace_time_zone(time_zone, **known)
        return nw.from_native(zoned.fill_null(hour), series_only=True)
    import pyarrow.compute as pc

    zoned = pc.assume_timezone(
        native, time_zone, ambiguous="latest", nonexistent="latest"
    )
    return nw.from_native(zoned, series_only=True)
