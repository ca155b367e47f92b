"""Tables of several kinds of columns, which `likelihood="auto"` reads by themselves.

A table of numbers is read as every estimator reads it. Every other one is turned into
numbers first, column by column, and its columns may come in any order: their names
decide.
"""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklatent.utils._tables import check_in_memory, check_names, read_rows
from sklatent.utils.frames._entries import as_frame, in_order, is_missing
from sklatent.utils.frames._kinds import type_of
from sklatent.utils.frames._read import (
    encode_column,
    encode_table,
    read_table,
    schema_of_numbers,
)
from sklatent.utils.frames._schema import NUMBER, TableSchema
from sklatent.utils.frames._write import settle


def read_mixed(estimator, X, *, reset=False, **options):
    """Return the rows of a table as numbers; at `reset`, set `table_`.

    Parameters
    ----------
    estimator : estimator
        With `handle_unknown`; at `reset=False`, with `table_`.
    X : data frame or array-like of shape (n_samples, n_features)
        The table.
    reset : bool, default=False
        True in `fit`.
    **options : dict
        Further options of :func:`sklearn.utils.check_array`.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
        The numbers, NaN where an entry is missing.
    """
    check_in_memory(X, type(estimator).__name__)
    check_names(X)
    frame = as_frame(X)
    only_numbers = (
        has_only_numbers(X, frame) if reset else estimator.table_.has_only_numbers
    )
    if only_numbers:
        rows = read_rows(estimator, X, reset=reset, **options)
        if reset:
            names = range(rows.shape[1]) if frame is None else frame.columns
            own = None if frame is None else read_table(X)[0]
            estimator.table_ = schema_of_numbers(rows, names) if own is None else own
        return rows
    X = np.asarray(X, dtype=object) if frame is None else X
    if frame is not None and not reset:
        X = in_order(X, [column.name for column in estimator.table_.columns])
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if not len(X):  # scikit-learn's error
        check_array(np.empty(np.shape(X)), estimator=estimator, input_name="X")
    if reset:
        estimator.table_, rows = read_table(X)
    else:
        rows = encode_table(estimator.table_, X, estimator.handle_unknown)
    options |= {"ensure_all_finite": "allow-nan", "dtype": np.float64}
    return check_array(rows, estimator=estimator, input_name="X", **options)


def has_only_numbers(X, frame):
    """Tell whether a table is one of numbers, or something that is no table."""
    if frame is not None:
        return all(dtype.is_numeric() for dtype in frame.schema.values())
    if hasattr(X, "toarray") or hasattr(X, "__array_interface__"):
        array = X
    else:
        array = np.asarray(X, dtype=object)
    if getattr(array, "ndim", 0) != 2 or array.dtype.kind in "biufc":
        return True
    if array.dtype.kind != "O":
        return False
    return all(type_of(v) == NUMBER or is_missing(v) for v in array.ravel())


def encode_entry(column, value):
    """Return the number that stands for a single entry of a column."""
    entry = np.empty(1, dtype=object)
    entry[0] = value
    # Levels that are not known are NaN, and so are missing entries.
    number = encode_column(column, entry, "missing")
    schema = TableSchema((column,), None)
    if not np.array_equal(settle(schema, number[None])[0], number):
        raise ValueError(
            f"conditions must give column {column.name!r} a value that the rows can "
            f"have: {column.values()}; got {value!r}."
        )
    return float(number[0])
