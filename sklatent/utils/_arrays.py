"""Arrays of other libraries, such as PyTorch, with the option `array_api_dispatch`.

What a method returns for them is an array of the same library on the same device. A
class names, in `_on_device`, the methods that compute there: what is as large as the
data stays where it is, and what is as large as the parameters is computed by NumPy. All
other methods go `through_numpy`, and so do rows that a method cannot take as they are,
such as those with missing entries: errors of rows that no method takes are NumPy's.

Fitted attributes are always arrays of NumPy, so that a model fitted to one library
takes rows of any other. So the tag `array_api_support` is not set: it promises
scikit-learn's checks attributes in the library of X.
"""

import math

import numpy as np
from sklearn import get_config

from sklatent.utils._sklearn import (
    _convert_to_numpy,
    _get_output_config,
    _max_precision_float_dtype,
    get_namespace_and_device,
)


def is_of_other_library(x):
    """Whether x is an array, and not one of NumPy."""
    # Often asked of arrays of NumPy, and answered at once.
    if type(x) is np.ndarray or isinstance(x, np.ndarray | np.generic):
        return False
    # PyTorch's tensors do not know the standard's protocol.
    return hasattr(x, "__array_namespace__") or (
        type(x).__module__.partition(".")[0] == "torch" and hasattr(x, "shape")
    )


def are_dispatched(*arguments):
    """Whether there is an array of another library that is not to become NumPy's."""
    others = any(map(is_of_other_library, arguments))
    return others and get_config()["array_api_dispatch"]


def namespace_of(X):
    """Functions for an array, under the names of the array API standard."""
    return get_namespace_and_device(X)[0] if are_dispatched(X) else np


def stays_on_device(estimator, method, X):
    """Whether a method of an estimator computes with rows where they are.

    Parameters
    ----------
    estimator : SklatentEstimator
        Whose `_on_device` names such methods.
    method : str
        Name of the method.
    X : object
        Its first argument.

    Returns
    -------
    stays : bool
        True for complete rows of real numbers, unless they are few, the estimator is to
        return data frames, or the device has no double precision. What is in the memory
        of the processor goes through NumPy, which computes there several times as fast.
    """
    if method not in estimator._on_device or not is_of_other_library(X):
        return False
    if _get_output_config("transform", estimator)["dense"] != "default":
        return False
    xp, _, device = get_namespace_and_device(X)
    if is_processor(device) or math.prod(X.shape) <= estimator._few_entries:
        return False
    if X.ndim != 2 or not xp.isdtype(X.dtype, ("real floating", "integral")):
        return False
    if _max_precision_float_dtype(xp, device) != xp.float64:
        return False
    with np.errstate(all="ignore"):  # a sum that is no number, or overflows
        return bool(xp.isfinite(xp.sum(X)))


def is_processor(device):
    """Whether NumPy reads what is on a device in its place, without a copy."""
    return "cpu" in str(device).lower()


def float_dtypes(X):
    """Precisions in which rows are computed with; all others become the first."""
    xp = namespace_of(X)
    return xp.float64, xp.float32


def numpy_dtype(X):
    """Precision of rows, in double or single precision, as NumPy names it."""
    if not are_dispatched(X):
        return X.dtype
    return np.dtype(np.float32 if X.dtype == namespace_of(X).float32 else np.float64)


def in_precision_of(X, values):
    """Values of the library of X, in its precision."""
    if not are_dispatched(X):
        return values.astype(X.dtype, copy=False)
    return namespace_of(X).astype(values, X.dtype, copy=False)


def mean_of(values):
    """Mean of values, summed in double precision, as a Python float."""
    if not are_dispatched(values):
        return float(np.mean(values, dtype=np.float64))
    xp = namespace_of(values)
    return float(xp.mean(xp.astype(values, xp.float64)))


def through_numpy(function, X, *args, **kwargs):
    """Call a function with arrays of NumPy, and return arrays like X.

    Parameters
    ----------
    function : callable
        Of X and further arguments.
    X : array-like
        Of any library.
    *args, **kwargs : object
        Further arguments, in which arrays may be of other libraries than X.

    Returns
    -------
    result : object
        What the function returns. Arrays, and those in tuples and lists, are on the
        device of X.
    """
    result = function(
        to_numpy(X),
        *map(to_numpy, args),
        **{name: to_numpy(argument) for name, argument in kwargs.items()},
    )
    return moved(result, X)


def to_numpy(x):
    """An array of another library as one of NumPy; everything else as it is."""
    if not is_of_other_library(x):
        return x
    return _convert_to_numpy(x, get_namespace_and_device(x)[0])


def moved(result, X):
    """Arrays, also those in tuples and lists, of the library and on the device of X."""
    if not is_of_other_library(X):
        return result
    if isinstance(result, tuple | list):
        return type(result)(moved(part, X) for part in result)
    xp, _, device = get_namespace_and_device(X)
    if is_of_other_library(result):
        if get_namespace_and_device(result)[::2] == (xp, device):
            return result
        result = to_numpy(result)
    if not isinstance(result, np.ndarray) or result.dtype.kind not in "biufc":
        return result
    # PyTorch takes neither negative strides nor arrays that cannot be written to.
    return xp.asarray(np.require(result, requirements=["C", "W"]), device=device)
