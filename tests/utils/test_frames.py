"""Tables are read as numbers and come back as they were."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent.utils.frames._read import encode_table, read_table
from sklatent.utils.frames._write import fill, frame_of, settle

N = 12


def dates(step, n=N, start="2024-02-26"):
    return np.datetime64(start) + np.arange(n) * np.timedelta64(*step)


def pandas_table():
    """A column of every kind and type that pandas has for it."""
    rng = np.random.RandomState(0)
    letters = np.array(["a", "b", "c"])[np.arange(N) % 3]
    mondays = pd.Series(dates((7, "D")))
    table = pd.DataFrame(
        {
            "float": rng.normal(size=N),
            "float32": rng.normal(size=N).astype(np.float32),
            "int": rng.randint(100, size=N),
            "uint8": rng.randint(100, size=N).astype(np.uint8),
            "nullable": pd.array([None, *range(N - 1)], dtype="Int64"),
            "bool": np.arange(N) % 2 == 0,
            "boolean": pd.array([None] + [True, False, True] * 3 + [True, True]),
            "objects": np.array([True, None] * (N // 2), dtype=object),
            "string": pd.Series(letters, dtype="string"),
            "str": [*letters[:-1], None],
            "category": pd.Categorical(letters, ["c", "b", "a", "d"], ordered=True),
            "numbers": pd.Categorical(np.arange(N) % 2 + 5),
            "monday": mondays,
            "zone": mondays.dt.tz_localize("Europe/Berlin"),
            "arrow": pd.array(rng.normal(size=N), dtype="double[pyarrow]"),
            "second": pd.Series(dates((90, "s"))).where(np.arange(N) > 3),
            "duration": pd.to_timedelta(np.arange(N) * 5, unit="min"),
            "date": [datetime.date(2024, 1, 1 + i) for i in range(N)],
            "text": np.datetime_as_string(dates((1, "D"))),
            "slashes": ["2024/05/06", None] * (N // 2),
            "time": np.datetime_as_string(dates((3601, "s"))),
            "offset": [f"{t} 10:30+02:00" for t in dates((1, "D")).astype("M8[D]")],
            "zulu": [f"{t}T10:30:00.125Z" for t in dates((1, "D")).astype("M8[D]")],
            "blank": [*np.datetime_as_string(dates((1, "D"), N - 1)), ""],
            "string[pyarrow]": pd.Series(letters, dtype="string[pyarrow]"),
        }
    )
    return table.set_axis(np.arange(N)[::-1] * 10)


def polars_table():
    letters = ["a", "b", None] * (N // 3)
    mondays = pl.Series(dates((7, "D")))
    return pl.DataFrame(
        {
            "float": pl.Series(np.r_[np.nan, np.arange(N - 1) / 7]),
            "int": pl.Series([None, *range(N - 1)], dtype=pl.Int16),
            "bool": [True, None] * (N // 2),
            "string": letters,
            "category": pl.Series(letters, dtype=pl.Categorical),
            "enum": pl.Series(letters, dtype=pl.Enum(["b", "c", "a"])),
            "date": mondays.cast(pl.Date),
            "datetime": mondays.cast(pl.Datetime("ms")),
            "zone": mondays.cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Tokyo"),
            "duration": pl.Series(np.arange(N) * np.timedelta64(90_000, "ms")),
            "text": ["2024-01-01T00:00:00", "2024-01-01T00:30:00"] * (N // 2),
        }
    )


TABLES = {"pandas": pandas_table, "polars": polars_table}
each_table = pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)


def types(frame):
    return list(map(str, frame.dtypes))


@each_table
def test_numbers_come_back_as_entries(make):
    table = make()
    schema, numbers = read_table(table)
    assert [column.name for column in schema.columns] == list(table.columns)
    complete = np.where(np.isnan(numbers), np.nanmin(numbers, axis=0), numbers)
    frame = frame_of(schema, settle(schema, complete))
    assert type(frame) is type(table)
    assert list(frame.columns) == list(table.columns)
    assert types(frame) == types(table)
    np.testing.assert_array_equal(encode_table(schema, frame, "error"), complete)
    np.testing.assert_array_equal(encode_table(schema, table, "error"), numbers)


@each_table
def test_filled_tables_keep_what_is_observed(make):
    table = make()
    schema, numbers = read_table(table)
    missing = np.isnan(numbers)
    complete = settle(schema, np.where(missing, np.nanmin(numbers, axis=0), numbers))
    filled = fill(schema, table, complete, missing)
    assert types(filled) == types(table)
    if isinstance(table, pd.DataFrame):
        assert filled.index.equals(table.index)
        assert not filled.isna().any(axis=None)
    for j, name in enumerate(table.columns):
        kept = [k for k in range(N) if not missing[k, j]]
        before, after = list(table[name]), list(filled[name])
        assert [before[k] for k in kept] == [after[k] for k in kept]


@each_table
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables_go_to_other_libraries(make, library):
    table = make()
    schema, numbers = read_table(table)
    complete = np.where(np.isnan(numbers), np.nanmin(numbers, axis=0), numbers)
    frame = frame_of(schema, settle(schema, complete), library)
    assert type(frame).__module__.split(".")[0] == library
    np.testing.assert_array_equal(encode_table(schema, frame, "error"), complete)


def test_pyarrow():
    table = pa.table({"number": [1.5, None, 2.0], "letter": ["a", "b", "a"]})
    schema, numbers = read_table(table)
    np.testing.assert_array_equal(numbers, [[1.5, 0], [np.nan, 1], [2.0, 0]])
    frame = frame_of(schema, np.nan_to_num(numbers))
    assert frame.schema.names == ["number", "letter"]
    assert frame["letter"].to_pylist() == ["a", "b", "a"]


def test_dates_are_multiples_of_their_step():
    table = pandas_table()
    schema, numbers = read_table(table)
    column = dict(zip(table.columns, schema.columns, strict=True))
    week, day = np.timedelta64(7, "D"), np.timedelta64(1, "D")
    assert np.timedelta64(column["monday"].step, column["monday"].unit) == week
    assert np.timedelta64(column["zone"].step, column["zone"].unit) == week
    assert np.timedelta64(column["text"].step, column["text"].unit) == day
    # Numbers between the multiples become these: sampled dates are Mondays too.
    drawn = settle(schema, numbers + 0.3)
    drawn = np.where(np.isnan(drawn), 0, drawn)
    frame = frame_of(schema, drawn)
    assert (frame["monday"].dt.day_of_week == 0).all()
    assert (frame["zone"].dt.hour == 0).all()
    assert frame["time"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").all()


def test_dates_too_fine_for_floats_are_rounded_to_a_microsecond_or_so():
    times = np.array(["1700-01-01", "2200-01-01"], "M8[ns]") + np.array(
        [0, 1], "m8[ns]"
    )
    schema, numbers = read_table(pd.DataFrame({"t": times}))
    back = frame_of(schema, numbers)["t"].to_numpy()
    assert (np.abs(back - times) < np.timedelta64(10, "us")).all()


def test_local_times_that_a_clock_skips():
    zone = "Europe/Berlin"  # summer time began on 2024-03-31 at 02:00
    hours = pd.Series(dates((1, "h"), start="2024-03-31T00:30")).dt.tz_localize("UTC")
    for table in [
        pd.DataFrame({"t": hours.dt.tz_convert(zone)}),
        pl.DataFrame({"t": pl.Series(hours.dt.tz_convert(zone))}),
    ]:
        schema, numbers = read_table(table)
        # From 01:30 to 02:30, which is not a time of that day.
        drawn = frame_of(schema, settle(schema, numbers * 0 + 1 - numbers.min()))
        assert all(time.utcoffset() is not None for time in drawn["t"])
        assert all(time.hour in (1, 3) for time in drawn["t"])


def test_few_values_stay_these():
    grades = np.repeat([1.0, 1.3, 4.0], 20)
    schema, _ = read_table(pd.DataFrame({"grade": grades, "x": np.arange(60) / 7}))
    drawn = settle(schema, np.array([[1.1, 1.0], [2.0, 99.0], [9.0, -1.0]]))
    np.testing.assert_array_equal(drawn[:, 0], [1.0, 1.3, 4.0])
    np.testing.assert_array_equal(drawn[:, 1], [1.0, 59 / 7, 0.0])


def test_levels_are_those_seen():
    table = pd.DataFrame({"c": pd.Categorical(["b", "a", "b"], ["a", "b", "z"])})
    schema, numbers = read_table(table)
    np.testing.assert_array_equal(numbers.ravel(), [1, 0, 1])
    new = pd.DataFrame({"c": pd.Categorical(["z", "a"], ["a", "b", "z"])})
    with pytest.raises(ValueError, match=r"Column 'c' of X .* got 'z'.*'missing'"):
        encode_table(schema, new, "error")
    np.testing.assert_array_equal(
        encode_table(schema, new, "missing").ravel(), [np.nan, 0]
    )


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["u", "v", "w"], r"'x' of X must have values that several rows share"),
        (
            pd.period_range("2024", periods=3, freq="M"),
            r"'x' .* got entries of type period",
        ),
        (["a", 1, 1], r"'x' .* entries of several kinds"),
        ([datetime.time(1)] * 3, r"float\(\) argument must be a string or a real"),
    ],
)
def test_refused_columns_are_named(column, message):
    table = pd.DataFrame({"x": column})
    with pytest.raises((TypeError, ValueError), match=message):
        read_table(table)


@pytest.mark.parametrize(
    ("seen", "new", "message"),
    [
        ([1.0, 2.5, 3.0], ["a", "b", "c"], "'x' of X must hold numbers"),
        (dates((1, "D"), 3), [1.0, 2.0, 3.0], "'x' of X must hold dates"),
        (["2024-01-01", "2024-01-02"], ["a", "b"], "dates such as '2024-01-01'"),
        (["2024-01-01", "2024-01-02"], ["2024-13-01"] * 2, "dates such as"),
        (["a", "a"], [1, 2], "'x' of X must hold levels"),
    ],
)
def test_columns_of_another_kind_than_in_fit(seen, new, message):
    schema, _ = read_table(pd.DataFrame({"x": seen}))
    with pytest.raises((TypeError, ValueError), match=message):
        encode_table(schema, pd.DataFrame({"x": new}), "error")


def test_schema_is_shown_as_a_table():
    table = pandas_table()[["int", "monday", "str"]]
    schema, _ = read_table(table)
    lines = repr(schema).splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["column", "kind", "type", "missing", "values"]
    assert "2024-02-26 to 2024-05-13" in lines[2]
    dtype = str(table["str"].dtype)  # "object" before pandas 3
    assert lines[3].split() == ["str", "category", dtype, "8%", "a,", "b,", "c"]
    assert schema._repr_html_().count("<tr>") == 4


def test_offsets_that_differ_become_those_of_utc():
    text = ["2024-03-30 12:00:00+01:00", "2024-03-31 12:00:00+02:00"] * 3
    table = pd.DataFrame({"t": text})
    schema, numbers = read_table(table)
    times = pd.to_datetime(pd.Series(text), utc=True)
    step = (times[1] - times[0]) / (numbers[1, 0] - numbers[0, 0])
    assert step == pd.Timedelta("23h")
    back = frame_of(schema, numbers)["t"]
    assert (pd.to_datetime(back, utc=True) == times).all()
    np.testing.assert_array_equal(encode_table(schema, table, "error"), numbers)


def test_centuries_of_nanoseconds():
    times = np.array(["1690-01-01", "1970-01-01", "2250-01-01"], "M8[ns]")
    schema, numbers = read_table(pd.DataFrame({"t": times}))
    np.testing.assert_array_equal(frame_of(schema, numbers)["t"].to_numpy(), times)
