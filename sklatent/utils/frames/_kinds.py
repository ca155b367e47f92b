"""Kinds of columns: by their types, or by the Python objects that they hold."""

import datetime
import decimal
import numbers

import narwhals.stable.v2 as nw
import numpy as np

from sklatent.utils.frames._schema import (
    BOOLEAN,
    CATEGORY,
    DATE,
    DURATION,
    INTEGER,
    NUMBER,
)


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
