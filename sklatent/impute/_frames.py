"""What an imputer has to know of data frames of any kind, by narwhals."""

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._read import missing_entries as missing_in


def is_frame(X):
    """Whether X is a data frame of pandas, polars or their like."""
    return nw.dependencies.is_into_dataframe(X)


def missing_entries(X):
    """Where entries are missing, (n_samples, n_features)."""
    frame = nw.from_native(X, eager_only=True)
    return np.column_stack([missing_in(series) for series in frame.iter_columns()])


def columns_of(X, kept):
    """The data frame with some of its columns, given as a mask."""
    frame = nw.from_native(X, eager_only=True)
    return frame[:, np.flatnonzero(kept).tolist()].to_native()


def replaced(X, columns):
    """The data frame X with those columns that the other one has."""
    frame, columns = (nw.from_native(f, eager_only=True) for f in (X, columns))
    return frame.with_columns(*columns.iter_columns()).to_native()


def with_columns(X, names, values):
    """The data frame with appended columns, of the names and values (n, k)."""
    frame = nw.from_native(X, eager_only=True)
    backend = frame.implementation
    made = [
        nw.new_series(name, column, backend=backend)
        for name, column in zip(names, values.T, strict=True)
    ]
    return frame.with_columns(*made).to_native()


def text(X):
    """The entries of a data frame as one text."""
    return nw.from_native(X, eager_only=True).write_csv()
