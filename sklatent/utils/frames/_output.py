"""Rows that an estimator returns, as the user had them: a frame where one came."""

import numpy as np

from sklatent.utils._sklearn import _get_output_config
from sklatent.utils.frames._schema import NUMBER, Column, TableSchema


def as_given(estimator, numbers, like=None, *, whole=True):
    """Return rows as a frame if the estimator has been asked for one, or has to.

    It is asked by `set_output`, and knows the names and types of the columns if it was
    fitted to a frame. An estimator that knows the kinds of the columns, as it reads
    tables of any kind, always returns what it was fitted to.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator.
    numbers : ndarray of shape (n_rows, n_columns)
        The rows.
    like : data frame or array or None, default=None
        Table whose index the rows have.
    whole : bool, default=True
        Whether columns of integers are rounded; of a reconstruction they are not.

    Returns
    -------
    rows : ndarray or data frame
        The rows.
    """
    schema, library = asked_for(estimator)
    if schema is None:
        return numbers
    # Imported where it is needed, as most tables are arrays.
    from sklatent.utils.frames import _write

    known = schema.has_only_numbers and not whole
    settled = numbers if known else _write.settle(schema, numbers)
    if library is None:
        return settled.astype(numbers.dtype)
    if library == "numpy":
        return _write.array_of(schema, settled)
    schema = as_floats(schema, numbers.dtype) if known else schema
    return _write.frame_of(schema, settled, library, getattr(like, "index", None))


def filled_as_given(estimator, X, numbers, rows):
    """Return a table with its missing entries filled.

    Parameters
    ----------
    estimator : estimator
        The fitted estimator.
    X : data frame or array-like of shape (n_rows, n_columns)
        The table as it was given.
    numbers : ndarray of shape (n_rows, n_columns)
        The same in numbers, with its missing entries filled.
    rows : ndarray of shape (n_rows, n_columns)
        The same with NaN for missing entries.

    Returns
    -------
    table : ndarray or data frame
        Observed entries are unchanged.
    """
    schema, library = asked_for(estimator)
    if schema is None:
        return numbers
    from sklatent.utils.frames import _entries, _write

    settled = _write.settle(schema, numbers)
    if library is None:
        return np.where(np.isnan(rows), settled, numbers).astype(numbers.dtype)
    if library != "numpy" and _entries.as_frame(X) is None:  # fitted to a frame
        return _write.frame_of(schema, settled, library)
    unknown = np.isnan(rows)
    return _write.fill(schema, X, settled, unknown, library)


def tables_as_given(estimator, X, tables, rows):
    """Return several tables filled: an array of them, or a list of frames.

    Parameters are those of `filled_as_given`, with `tables` of shape (n_tables, n_rows,
    n_columns) in place of `numbers`.
    """
    if asked_for(estimator)[0] is None:
        return tables
    filled = [filled_as_given(estimator, X, table, rows) for table in tables]
    return np.stack(filled) if isinstance(filled[0], np.ndarray) else filled


def asked_for(estimator):
    """Return the schema of the rows to return, and the library of their frame.

    The schema is None for plain arrays. The library is None for an array of numbers,
    and "numpy" for one of objects.
    """
    # table_ is there where the kinds of columns are known, and not only their types.
    own = getattr(estimator, "table_", None)
    schema = own or getattr(estimator, "_schema", None)
    if schema is None:
        return None, None
    library = _get_output_config("transform", estimator)["dense"]
    if library != "default" and schema.library is not None:
        return schema, library
    if own is None:
        return None, None
    if own.library is None and own.has_only_numbers:
        return own, None
    return own, own.library or "numpy"


def as_floats(schema, dtype):
    """Return a schema of the same names whose columns hold floats."""
    name = str(np.dtype(dtype))
    name = name if schema.library == "pandas" else name.capitalize()
    columns = [Column(column.name, NUMBER, name) for column in schema.columns]
    return TableSchema(tuple(columns), schema.library)
