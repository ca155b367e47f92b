"""Read a table: the kind of each column, and the numbers that stand for its entries.

Numbers stand for themselves, levels and times for numbers of their own. Missing
entries, however a library spells them, are NaN.
"""

from dataclasses import replace

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils._tables import column_names
from sklatent.utils.frames._entries import (
    as_frame,
    entries_of,
    library_of,
    missing_entries,
    series_of,
)
from sklatent.utils.frames._kinds import kind_of
from sklatent.utils.frames._levels import (
    is_categorical,
    levels_of,
    numbers_of_levels,
)
from sklatent.utils.frames._names import check_no_names, check_no_numbers_of_rows
from sklatent.utils.frames._numbers import bounds_and_kind, numbers_of
from sklatent.utils.frames._schema import (
    BOOLEAN,
    CATEGORY,
    DATE,
    DURATION,
    INTEGER,
    NUMBER,
    Column,
    TableSchema,
)
from sklatent.utils.frames._times import (
    UNITS,
    count_steps,
    text_of_dates,
    times_of,
    times_of_text,
    with_lattice,
    write_text,
)


def read_column(name, dtype, series):
    """Return what a column is and its numbers, as `fit` sees them.

    Parameters
    ----------
    name : str or int
        Its name.
    dtype : str
        Its type.
    series : narwhals.Series or ndarray of object
        Its entries.

    Returns
    -------
    column : Column
        Its kind and what else tells numbers from entries.
    numbers : ndarray of shape (n_rows,)
        The numbers, NaN where missing.

    Raises
    ------
    TypeError
        If the entries are of no kind.
    ValueError
        If the column has strings that are all different.
    """
    missing = missing_entries(series)
    is_series = isinstance(series, nw.Series)
    objects = None
    if not is_series or series.dtype == nw.Object:
        objects = np.asarray(series.to_list() if is_series else series, dtype=object)
    kind = kind_of(name, series, None if objects is None else objects[~missing])
    column = Column(name, kind, dtype, share_missing=float(np.mean(missing)))
    if kind in (DATE, DURATION):
        times, time_zone = times_of(column, series, missing)
        return with_lattice(replace(column, time_zone=time_zone), times, missing)
    if kind in (BOOLEAN, CATEGORY):
        values = entries_of(series)
        text = None
        if kind == CATEGORY and not is_categorical(series):
            text = text_of_dates(values, missing)
        if text is not None:
            column = replace(column, kind=DATE, text=text)
            times = times_of_text(values, missing, text)
            return with_lattice(column, times, np.isnat(times))
        column = replace(column, **levels_of(series, values, missing))
        check_no_names(column, missing)
        return column, numbers_of_levels(column, values, missing)
    x = numbers_of(series, missing)
    column = replace(column, **bounds_and_kind(x))
    check_no_numbers_of_rows(column, x)
    return column, x


def encode_column(column, series, handle_unknown):
    """Return the numbers of the entries of a column that `fit` has seen.

    Parameters
    ----------
    column : Column
        What `fit` has found.
    series : narwhals.Series or ndarray of object
        The entries.
    handle_unknown : {"error", "missing"}
        What is done with levels that `fit` has not seen.

    Returns
    -------
    numbers : ndarray of shape (n_rows,)
        The numbers, NaN where missing.

    Raises
    ------
    TypeError
        If the entries are not of the kind of the column.
    ValueError
        If there is a level that `fit` has not seen.
    """
    missing = missing_entries(series)
    if missing.all():
        return np.full(len(missing), np.nan)
    if column.kind in (BOOLEAN, CATEGORY):
        values = entries_of(series)
        return numbers_of_levels(column, values, missing, handle_unknown)
    if column.text is not None:
        values = entries_of(series)
        text = text_of_dates(values, missing)
        # Without or with an offset to UTC, and no finer than in fit.
        if (
            text is None
            or bool(text[3]) != bool(column.text[3])
            or UNITS.index(text[2]) < UNITS.index(column.text[2])
        ):
            bad = next(v for v, m in zip(values, missing, strict=True) if not m)
            raise ValueError(
                f"Column {column.name!r} of X must hold dates such as "
                f"{write_text(column, column.bounds[0])!r}, as in fit; got {bad!r}."
            )
        times = times_of_text(values, missing, column.text)
        missing = np.isnat(times)
    elif column.kind in (DATE, DURATION):
        times, _ = times_of(column, series, missing)
    else:
        return numbers_of(series, missing, column.name)
    return count_steps(column, times, missing)


def read_table(X):
    """Return the schema of a table and its numbers, as `fit` sees them.

    Parameters
    ----------
    X : data frame or ndarray of shape (n_rows, n_columns)
        The table.

    Returns
    -------
    schema : TableSchema
        What the columns are.
    numbers : ndarray of shape (n_rows, n_columns)
        In double precision, NaN where missing.
    """
    pairs = [read_column(*column) for column in series_of(X)]
    columns, arrays = zip(*pairs, strict=True)
    frame = as_frame(X)
    library = None if frame is None else library_of(frame)
    return TableSchema(columns, library), np.column_stack(arrays)


def encode_table(schema, X, handle_unknown):
    """Return the numbers of a table whose columns `fit` has seen, in this order."""
    return np.column_stack(
        [
            encode_column(column, series, handle_unknown)
            for column, (_, _, series) in zip(schema.columns, series_of(X), strict=True)
        ]
    )


def schema_of_numbers(rows, names):
    """Return the schema of an array of numbers."""
    columns = [
        Column(
            name,
            **{"kind": NUMBER, **bounds_and_kind(x)},
            dtype=str(rows.dtype),
            share_missing=float(np.isnan(x).mean()),
        )
        for name, x in zip(names, rows.T, strict=True)
    ]
    return TableSchema(tuple(columns), None)


def numeric_schema(X):
    """Return the schema of a frame of numbers by the types of its columns.

    None if X is no frame. Columns that hold no numbers are not looked at: reading them
    fails elsewhere.
    """
    names = column_names(X)
    if len(set(names)) < len(names) or as_frame(X) is None:
        return None  # names that are there twice tell nothing
    columns = []
    for name, dtype, series in series_of(X):
        kind = INTEGER if series.dtype.is_integer() else NUMBER
        kind = BOOLEAN if series.dtype == nw.Boolean else kind
        levels = (False, True) if kind == BOOLEAN else None
        columns.append(Column(name, kind, dtype, levels=levels))
    return TableSchema(tuple(columns), library_of(as_frame(X)))
