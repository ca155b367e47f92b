"""Arrays and data frames are treated alike."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.outlier._rows import (
    Seen,
    keep_columns,
    observed_entries,
    row_hashes,
    take,
)

COLUMNS = {"a": [1.0, None, 1.0, 2.0], "b": ["x", "y", "x", None]}
each_frame = pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])


@each_frame
def test_frames(make):
    frame = make(COLUMNS)
    expected = [[True, True], [False, True], [True, True], [True, False]]
    np.testing.assert_array_equal(observed_entries(frame), expected)
    hidden = keep_columns(frame, np.array([True, False]))
    assert isinstance(hidden, make)
    assert list(hidden.columns) == ["a", "b"]
    np.testing.assert_array_equal(observed_entries(hidden)[:, 1], [False] * 4)
    np.testing.assert_array_equal(
        observed_entries(hidden)[:, 0], [True, False, True, True]
    )
    assert observed_entries(frame).sum() == 6, "the frame itself is unchanged"
    assert list(take(frame, [3, 0])["a"]) == [2.0, 1.0]


@each_frame
def test_equal_rows_of_frames(make):
    seen = Seen(make(COLUMNS))
    np.testing.assert_array_equal(seen.group[[0, 2]], seen.group[[2, 0]])
    assert len(np.unique(seen.group)) == 3
    new = make({"a": [2, 1, 1], "b": [None, "z", "x"]})
    np.testing.assert_array_equal(seen.find(new), [3, -1, 0])


def test_the_kind_of_frame_does_not_matter():
    np.testing.assert_array_equal(
        row_hashes(pd.DataFrame(COLUMNS)), row_hashes(pl.DataFrame(COLUMNS))
    )


def test_equal_rows_of_arrays():
    X = np.array([[0.0, 1.0], [np.nan, 1.0], [-0.0, 1.0], [1.0, 0.0]])
    seen = Seen(X)
    np.testing.assert_array_equal(seen.find(X), [0, 1, 0, 3])
    np.testing.assert_array_equal(seen.find(X.astype(np.float32)), [0, 1, 0, 3])


def test_no_two_rows_of_a_grid_share_a_hash():
    """Small integers, whose bits differ in few places."""
    grid = np.stack(np.meshgrid(*[np.arange(48.0)] * 3), axis=-1).reshape(-1, 3)
    assert len(np.unique(row_hashes(grid))) == len(grid)
