"""Columns of dates and durations, also dates that are written as strings.

Their numbers are whole multiples of a step, counted from the first of them. The step is
the largest that they all are multiples of, so that dates without a time stay such, and
dates that are all Mondays stay Mondays.
"""

import datetime
import math
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._entries import entries_of
from sklatent.utils.frames._numbers import few_values
from sklatent.utils.frames._schema import DATE

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


def write_text(column, number):
    """Return a date as the strings of its column are written."""
    day, time, unit, offset = column.text
    text = np.datetime_as_string(column.as_time(number), unit=unit)
    return str(text).replace("-", day).replace("T", time) + offset


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
