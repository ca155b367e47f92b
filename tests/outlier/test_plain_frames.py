"""Data frames that become plain data and come back."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sklatent.outlier._plain_frames import from_plain, to_plain

DAYS = np.array(["2020-01-01", "NaT", "2021-06-30T12:00"], dtype="M8[s]")


def pandas_frame():
    return pd.DataFrame(
        {
            "number": [0.1, np.nan, -np.inf],
            "single": np.array([1, 2, 3], np.float32),
            "integer": [1, 2, 3],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "boolean": [True, False, True],
            "text": pd.array(["a", None, "c"], dtype="str"),
            "object": np.array(["a", None, 2.5], dtype=object),
            "category": pd.Categorical(["y", None, "x"], ["y", "x", "z"], ordered=True),
            "day": DAYS,
            "zone": pd.Series(DAYS).dt.tz_localize("Europe/Berlin"),
            "duration": DAYS - np.datetime64("2020-01-01"),
        }
    )


def polars_frame():
    days = pl.Series(DAYS.astype("M8[us]"))
    return pl.DataFrame(
        {
            "number": [0.1, None, float("nan")],
            "integer": pl.Series([1, 2, None], dtype=pl.Int16),
            "boolean": [True, None, False],
            "text": ["a", None, "c"],
            "enum": pl.Series(["y", None, "x"], dtype=pl.Enum(["y", "x", "z"])),
            "category": pl.Series(["y", None, "x"], dtype=pl.Categorical),
            "day": days.dt.date(),
            "time": days,
            "zone": days.dt.replace_time_zone("Europe/Berlin"),
            "duration": days - days.min(),
        }
    )


def is_plain(value):
    if isinstance(value, (list, dict)):
        values = value.values() if isinstance(value, dict) else value
        return all(map(is_plain, values))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufmM"
    return value is None or type(value) in (bool, int, float, str)


def test_pandas():
    frame = pandas_frame()
    kept = to_plain(frame)
    assert is_plain(kept)
    pd.testing.assert_frame_equal(from_plain(kept), frame)


def test_polars():
    frame = polars_frame()
    kept = to_plain(frame)
    assert is_plain(kept)
    json.dumps(kept)
    assert_frame_equal(from_plain(kept), frame, categorical_as_str=True)


@pytest.mark.parametrize("table", [np.eye(2), [[1.0]]])
def test_other_tables_stay(table):
    assert to_plain(table) is table
    assert from_plain(table) is table
