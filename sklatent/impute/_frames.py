"""What an imputer has to know of tables that models take as they are.

These are data frames of any kind, by narwhals, and arrays of objects.
"""

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._entries import as_frame, series_of
from sklatent.utils.frames._entries import missing_entries as missing_in


def is_mixed(X):
    """Whether X is a data frame, or an array of objects or strings."""
    if as_frame(X) is not None:
        return True
    try:
        array = np.asarray(X)
    except ValueError:  # rows of different lengths, of which scikit-learn tells
        return False
    return array.ndim == 2 and array.dtype.kind in "OUS"


def names_of(X):
    """Names of the columns of a data frame, None for an array."""
    frame = as_frame(X)
    return None if frame is None else list(frame.columns)


def objects(X):
    """The table as an array of objects."""
    frame = as_frame(X)
    if frame is None:
        return np.asarray(X, dtype=object)
    array = np.empty(frame.shape, dtype=object)
    for j, series in enumerate(frame.iter_columns()):
        array[:, j] = series.to_list()
    return array


def missing_entries(X):
    """Where entries are missing, (n_samples, n_features)."""
    return np.column_stack([missing_in(series) for _, _, series in series_of(X)])


def columns_of(X, kept):
    """The table with some of its columns, given as a mask."""
    frame = as_frame(X)
    if frame is None:
        return X[:, kept]
    return frame[:, np.flatnonzero(kept).tolist()].to_native()


def replaced(X, columns, kept, names):
    """The table X with the columns of the other one in place of the kept ones."""
    frame, filled = as_frame(X), as_frame(columns)
    if filled is None:
        table = objects(X).copy()
        table[:, kept] = columns
        return table
    if frame is not None:
        return frame.with_columns(*filled.iter_columns()).to_native()
    # An array, though `fit` saw a data frame, which is what the model returns.
    backend = filled.implementation
    others = [
        nw.new_series(names[j], X[:, j].tolist(), backend=backend)
        for j in np.flatnonzero(~kept)
    ]
    return filled.with_columns(*others).select(names).to_native()


def with_columns(X, names, values):
    """The table with appended columns, of the names and values (n, k)."""
    frame = as_frame(X)
    if frame is None:
        return np.hstack([X, values])
    backend = frame.implementation
    made = [
        nw.new_series(name, column, backend=backend)
        for name, column in zip(names, values.T, strict=True)
    ]
    return frame.with_columns(*made).to_native()


def copied(X):
    """A copy of the table, of which changes are none of X."""
    frame = as_frame(X)
    return np.array(X) if frame is None else frame.clone().to_native()


def text(X):
    """The entries of a table as one text."""
    frame = as_frame(X)
    return str(X.tolist()) if frame is None else frame.write_csv()
