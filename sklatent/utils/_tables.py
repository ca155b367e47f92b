"""Read tables of any common kind as rows of numbers.

`read_rows` is scikit-learn's `validate_data`, and before it

- every spelling of a missing entry becomes NaN: masked entries, whose mask NumPy drops
  in silence, and `pandas.NA`, which it cannot convert;
- dates and durations are refused, which would be read in whatever unit they are stored;

and its errors name the column and say what to do.

Sample weights are read by `check_weight`.
"""

import contextlib

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from sklatent.utils._arrays import (
    are_dispatched,
    float_dtypes,
    is_of_other_library,
    moved,
    namespace_of,
)
from sklatent.utils._dask import is_dask
from sklatent.utils._sklearn import check_sample_weight

# Computing keeps single precision single; everything else becomes double.
FLOAT_DTYPES = (np.float64, np.float32)

# How the names of such types begin, in NumPy, pandas, polars and pyarrow.
TIME_TYPES = ("date", "duration", "period", "time")
TEXT_TYPES = ("str", "large_string", "category")

# Methods that return rows like those of `fit`.
RETURN_ROWS = {"sample", "impute", "inverse_transform"}

TAKES_MISSING = (
    "LatentImputer of sklatent imputes them, in a pipeline before this step; PPCA, "
    "FactorAnalysis, GaussianMixture and VAETransformer of sklatent take missing "
    "entries, and their impute fills them."
)
TAKES_ALL = (
    'VAETransformer(likelihood="auto") of sklatent takes strings, categories and dates.'
)
ENCODE = (
    "Encode string columns first, for example by sklearn.preprocessing.OrdinalEncoder "
    f"or OneHotEncoder. {TAKES_ALL}"
)


def read_rows(estimator, X, *, reset=False, dtype=FLOAT_DTYPES, **options):
    """Check rows and return them as numbers.

    Parameters
    ----------
    estimator : estimator
        Whose names and number of features are set or, at `reset=False`, compared. Its
        tags say whether entries may be missing.
    X : array-like of shape (n_samples, n_features)
        A table of any kind that scikit-learn takes, a pyarrow table, a masked array,
        or rows that stay on a device; see `_arrays`.
    reset : bool, default=False
        True in `fit`.
    dtype : type, list of types or "numeric", default=FLOAT_DTYPES
        As in :func:`sklearn.utils.check_array`.
    **options : dict
        Further options of :func:`sklearn.utils.check_array`.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows, NaN where an entry is missing. Those on a device stay there.

    Raises
    ------
    TypeError
        If a column holds dates, durations, or something else that is no number.
    ValueError
        If a column holds strings, an entry is missing and the estimator takes no
        missing entries, or as scikit-learn says.
    """
    check_in_memory(X, type(estimator).__name__)
    if dtype is FLOAT_DTYPES:
        dtype = float_dtypes(X)
    check_names(X)
    if hasattr(X, "columns") and np.shape(X)[1] == 0:
        X = np.empty(np.shape(X))  # of which scikit-learn says what is wrong
    _refuse_times(X)
    options |= {"dtype": dtype, "reset": reset}
    if get_tags(estimator).input_tags.allow_nan:
        options["ensure_all_finite"] = "allow-nan"
    if isinstance(X, np.ma.MaskedArray):
        X = (X if X.dtype.kind == "f" else X.astype(np.float64)).filled(np.nan)
    try:
        with explained_errors(estimator, X):
            rows = validate_data(estimator, X, **options)
        if reset:
            remember_columns(estimator, X)
        return rows
    except TypeError as error:
        if "NAType" not in str(error):
            raise
    return read_rows(estimator, _na_as_nan(X), **options)


def remember_columns(estimator, X):
    """Keep names and types of the columns of a frame, for rows that are returned."""
    vars(estimator).pop("_schema", None)
    if hasattr(X, "__array_interface__") or not RETURN_ROWS & set(dir(estimator)):
        return
    from sklatent.utils.frames._read import numeric_schema

    schema = numeric_schema(X)
    if schema is not None:
        estimator._schema = schema


@contextlib.contextmanager
def explained_errors(estimator, X):
    """Add to what scikit-learn says of rows the column, and what to do."""
    try:
        yield
    except (TypeError, ValueError) as error:
        said = str(error)
        if said.startswith("Input X contains NaN"):
            raise ValueError(
                f"Input X contains NaN.\n{type(estimator).__name__} takes no missing "
                f"entries. {TAKES_MISSING}"
            ) from None
        if said.startswith(("could not convert string", "float() argument")):
            raise _no_number(X, error) from None
        if said.startswith("Found array with dim"):
            raise ValueError(
                f"{said}\nX must have one row for each image or matrix: "
                f"X.reshape(len(X), -1).{_about_images(estimator, X)}"
            ) from None
        raise


def _refuse_times(X):
    """Raise if a column holds dates or durations."""
    types = getattr(X, "dtypes", None)
    if types is None:  # not a data frame of pandas or polars
        types = X.schema.types if hasattr(X, "schema") else [getattr(X, "dtype", None)]
    for j, dtype in enumerate(types):
        if str(dtype).lower().startswith(TIME_TYPES):
            raise TypeError(
                f"Column {_names(X, len(types))[j]!r} of X must hold numbers; got "
                f"{dtype}. Turn dates and durations into numbers first, such as days "
                f"since the first of them. {TAKES_ALL}"
            )


def check_number_columns(X):
    """Raise if a column of a frame holds strings or categories, by its dtype only."""
    for name, dtype in zip(column_names(X), getattr(X, "dtypes", ()), strict=True):
        if str(dtype).lower().startswith(TEXT_TYPES):
            raise ValueError(
                f"Column {name!r} of X must hold numbers; got {dtype}. {ENCODE}"
            )


def column_names(X):
    """Names of the columns of a data frame; an empty list for other tables."""
    if hasattr(X, "column_names"):  # pyarrow, whose `columns` are the data
        return list(X.column_names)
    return list(getattr(X, "columns", ()))


def _names(X, n_columns):
    """Names of the columns, or else their numbers."""
    return column_names(X) or list(range(n_columns))


def _about_images(estimator, X):
    """Say how networks are told that rows are images."""
    if not hasattr(estimator, "image_shape"):
        return ""
    shape = np.shape(X)[1:]
    order = "" if len(shape) == 2 else ", as (channels, height, width)"
    return f" For convolutions over images, set image_shape={shape} too{order}."


def _na_as_nan(X):
    """Rows with NaN for `pandas.NA`."""
    import pandas as pd  # installed, since X holds its NA

    if isinstance(X, pd.DataFrame):
        return X.astype(object).mask(X.isna(), np.nan)
    X = np.array(X, dtype=object)
    X[pd.isna(X)] = np.nan
    return X


def _no_number(X, error):
    """The error, with the first entry that `float` does not take, and what to do."""
    for j, column in enumerate(np.asarray(X, dtype=object).T):
        for value in np.atleast_1d(column):
            try:
                float(value)
            except (TypeError, ValueError):
                if type(value).__name__ == "NAType":
                    continue
                said = f"Column {_names(X, j + 1)[j]!r} of X must hold numbers; got"
                if not isinstance(value, str):
                    return TypeError(f"{said} {value!r}: {error}")
                return ValueError(f"{said} {value!r}. {ENCODE}")
    return error


def check_weight(sample_weight, X):
    """Return weights in double precision, none negative and not all zero; or None.

    They are where X is.
    """
    if sample_weight is None:
        return None
    if are_dispatched(X):
        if not is_of_other_library(sample_weight) and np.ndim(sample_weight):
            sample_weight = np.asarray(sample_weight, dtype=np.float64)
        sample_weight = moved(sample_weight, X)
    return check_sample_weight(sample_weight, X, namespace_of(X))


def takes_frames(estimator):
    """Tell whether an estimator takes columns that are no numbers, in data frames."""
    tags = get_tags(estimator).input_tags
    return tags.string or tags.categorical


def check_names(X):
    """Raise if two columns of a data frame have the same name."""
    names = list(map(str, column_names(X)))
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(
            f"Columns of X must have different names; got {twice} more than once."
        )


def check_in_memory(X, name):
    """Raise if a table is a lazy one of polars or Dask, naming what cannot take it."""
    if type(X).__name__ == "LazyFrame":
        raise TypeError(
            "X must be a table in memory; got a LazyFrame. Call its method collect."
        )
    if is_dask(X):
        raise TypeError(
            f"{name} needs all rows in memory here; got a Dask collection. Give it "
            "X.compute(), or a sample of the rows."
        )
