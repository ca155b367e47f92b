"""Read a table: the kind of each column, and the numbers that stand for its entries.

Numbers stand for themselves. The levels of a nominal column are 0, 1, ... Dates and
durations are whole multiples of a step, counted from the first of them. The step is
the largest that they all are multiples of, so that dates without a time stay such, and
dates that are all Mondays stay Mondays. Missing entries, however a library spells
them, are NaN.
"""

import datetime
import decimal
import math
import numbers
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils._tables import column_names
from sklatent.utils._warnings import warn
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

# Dates that are strings: year, month and day, perhaps with a time, a fraction of a
# second, and what the clock is ahead of UTC by.
TEXT_DATE = re.compile(
    r"\d{4}([-/])\d\d\1\d\d"
    r"(?:([T ])\d\d:\d\d(?:(:\d\d)(?:\.(\d{3}|\d{6}|\d{9}))?)?(Z|[+-]\d\d:\d\d)?)?"
)
# Integers that a float holds exactly: at most so many steps from first to last.
MOST_STEPS = 2**52
# From the finest.
UNITS = ("ns", "us", "ms", "s", "m", "D")
# So many different values are few, if this share of the rows has theirs in common.
MOST_VALUES, SHARED = 50, 0.9
# From so many strings on, of which more than this share are different, and so many
# integers that count up, they may be names of the rows.
MANY_NAMES, MOSTLY = 20, 0.5


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


def kind_of(name, series, observed):
    """Return the kind of a column by its type, and of objects by what they are.

    Raises
    ------
    TypeError
        If there is no kind for the type, or the objects are of several.
    """
    dtype = series.dtype if isinstance(series, nw.Series) else None
    if dtype is not None and dtype != nw.Object:
        for kind, types in {
            BOOLEAN: (nw.Boolean,),
            CATEGORY: (nw.String, nw.Categorical, nw.Enum),
            DATE: (nw.Date, nw.Datetime),
            DURATION: (nw.Duration,),
        }.items():
            if dtype in types or isinstance(dtype, types):
                return kind
        if dtype.is_integer():
            return INTEGER
        if dtype.is_numeric():
            return NUMBER
        refuse(name, f"entries of type {getattr(nw.to_native(series), 'dtype', dtype)}")
    found = {type_of(value) for value in observed}
    if not found:
        return NUMBER
    if len(found) == 1:
        (kind,) = found
        if kind is not None:
            return kind
    odd = next((v for v in observed if type_of(v) is None), None)
    if odd is not None:
        try:
            float(odd)
        except (TypeError, ValueError) as error:  # which names its type
            refuse(name, f"{odd!r}: {error}")
        refuse(name, f"{odd!r}")
    refuse(name, f"entries of several kinds ({', '.join(sorted(found))})")


def type_of(value):
    """Return the kind of a Python object, None if there is none."""
    for kind, types in {
        CATEGORY: (str,),
        BOOLEAN: (bool, np.bool_),
        DURATION: (datetime.timedelta, np.timedelta64),
        NUMBER: (numbers.Real, decimal.Decimal),
        DATE: (datetime.date, np.datetime64),  # datetimes are dates
    }.items():
        if isinstance(value, types):
            return kind
    return None


def refuse(name, found):
    """Raise an error that names a column and what it holds."""
    raise TypeError(
        f"Column {name!r} of X must hold numbers, booleans, strings, categories, dates "
        f"or durations; got {found}. Turn it into one of these, or leave it out."
    ) from None


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


def write_text(column, number):
    """Return a date as the strings of its column are written."""
    day, time, unit, offset = column.text
    text = np.datetime_as_string(column.as_time(number), unit=unit)
    return str(text).replace("-", day).replace("T", time) + offset


# --------------------------------------------------------------------------------
# Numbers


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


# --------------------------------------------------------------------------------
# Levels


def entries_of(series):
    """Return the entries as a list of Python objects."""
    return series.to_list() if isinstance(series, nw.Series) else list(series)


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


# --------------------------------------------------------------------------------
# Dates and durations


def times_of(column, series, missing):
    """Return dates as datetime64 in local time, or durations; and the time zone."""
    zone = column.time_zone
    fitted = column.origin is not None
    if not isinstance(series, nw.Series) or series.dtype == nw.Object:
        values = np.array(entries_of(series), dtype=object)
        if column.kind == DATE:
            values = [
                v if m else local(v, column)
                for v, m in zip(values, missing, strict=True)
            ]
            values = np.array([*values, None], dtype=object)[:-1]
        kind = "M8[us]" if column.kind == DATE else "m8[us]"
        if all(type(value) is datetime.date for value in values[~missing]):
            kind = "M8[D]"
        times = np.full(len(missing), "NaT", dtype=kind)
        times[~missing] = values[~missing].astype(kind)
        return times, zone
    expected = (nw.Date, nw.Datetime) if column.kind == DATE else (nw.Duration,)
    if not isinstance(series.dtype, expected) and series.dtype not in expected:
        raise TypeError(
            f"Column {column.name!r} of X must hold {column.kind}s, as in fit; got "
            f"{series.dtype}."
        )
    own = getattr(series.dtype, "time_zone", None)
    if fitted and (own is None) != (zone is None):
        raise TypeError(
            f"Column {column.name!r} of X must hold dates "
            f"{'without a time zone' if zone is None else f'in a time zone ({zone})'}, "
            f"as in fit; got {series.dtype}."
        )
    if own is not None:
        zone = zone or own
        # In the zone of fit, and then as its clocks show the time.
        series = series.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return series.to_numpy(), zone


def local(value, column):
    """Return a date of Python as the clocks in the zone of a column show it."""
    if getattr(value, "tzinfo", None) is None:
        return value
    if column.time_zone is None:
        raise TypeError(
            f"Column {column.name!r} of X must hold dates without a time zone; got "
            f"{value!r}."
        )
    return value.astimezone(ZoneInfo(column.time_zone)).replace(tzinfo=None)


def text_of_dates(values, missing):
    """Return how strings write dates, None if some are no dates.

    Returns
    -------
    text : tuple of str or None
        What stands between day and month, and between day and time; the unit of
        datetime64 of the last digits; and what clocks are ahead of UTC by. If that
        differs, as where they change to summer time, it is that of UTC.
    """
    seen = {v for v, m in zip(values, missing, strict=True) if not m and v != ""}
    if not seen or not all(isinstance(v, str) for v in seen):
        return None
    found = [TEXT_DATE.fullmatch(v) for v in seen]
    if not all(found) or not are_dates(seen):
        return None
    parts = set()
    for day, time, seconds, fraction, _ in (match.groups() for match in found):
        unit = {3: "ms", 6: "us", 9: "ns"}[len(fraction)] if fraction else "s"
        unit = unit if seconds else "m"
        parts.add((day, time or "", unit if time else "D"))
    if len({part[:2] for part in parts}) > 1:
        return None
    finest = min(parts, key=lambda part: UNITS.index(part[2]))
    offsets = {match[5] or "" for match in found}
    if len(offsets) > 1 and "" in offsets:
        return None
    return (*finest, offsets.pop() if len(offsets) == 1 else "+00:00")


def are_dates(strings):
    """Tell whether strings that look like dates are some: there is no 31 June."""
    try:
        np.array([plain_date(s) for s in strings], dtype="datetime64")
    except ValueError:
        return False
    return True


def plain_date(string):
    """Return a date as NumPy reads it, without what clocks are ahead of UTC by."""
    offset = TEXT_DATE.fullmatch(string)[5] or ""
    return string.removesuffix(offset).replace("/", "-")


def times_of_text(values, missing, text):
    """Return dates that are written as strings; empty ones are missing."""
    unit, offset = text[2], minutes(text[3])
    times = []
    for value, is_out in zip(values, missing, strict=True):
        if is_out or value == "":
            times.append(np.datetime64("NaT", unit))
            continue
        time = np.datetime64(plain_date(value))
        ahead = minutes(TEXT_DATE.fullmatch(value)[5] or "")
        times.append(time + (offset - ahead if ahead != offset else np.timedelta64(0)))
    return np.array(times, dtype=f"M8[{unit}]")


def minutes(offset):
    """Return what clocks are ahead of UTC by, of a text such as +02:00."""
    if offset in ("", "Z"):
        return np.timedelta64(0, "m")
    sign = -1 if offset[0] == "-" else 1
    return np.timedelta64(sign * (60 * int(offset[1:3]) + int(offset[4:])), "m")


def with_lattice(column, times, missing):
    """Return a column with the step of its dates, and their numbers."""
    seen = times[~missing].astype(np.int64)
    if len(seen) and seen.max() // 2 - seen.min() // 2 > 2**61:
        # Centuries of nanoseconds, whose differences no integer holds.
        times = times.astype(f"{times.dtype.kind}8[us]")
        seen = times[~missing].astype(np.int64)
    unit = np.datetime_data(times.dtype)[0]
    if not len(seen):
        return replace(column, origin=0, step=1, unit=unit), np.full(len(times), np.nan)
    origin = int(seen.min())
    offsets = seen - origin
    step = int(np.gcd.reduce(offsets)) or 1
    # A step that is exact may be too short for the digits of a float.
    step *= max(1, math.ceil(int(offsets.max()) / step / MOST_STEPS))
    column = replace(column, origin=origin, step=step, unit=unit)
    x = count_steps(column, times, missing)
    bounds = (float(np.nanmin(x)), float(np.nanmax(x)))
    return replace(column, bounds=bounds, seen=few_values(x[~missing])), x


def count_steps(column, times, missing):
    """Return the numbers of steps from the first date, NaN where missing."""
    kind = "M8" if column.kind == DATE else "m8"
    x = np.full(len(times), np.nan)
    seen = times[~missing].astype(f"{kind}[{column.unit}]").astype(np.int64)
    x[~missing] = (seen - column.origin) / column.step
    return x


# --------------------------------------------------------------------------------
# Tables


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
