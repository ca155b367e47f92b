"""Arrays of other libraries, such as PyTorch, by way of NumPy.

With scikit-learn's option `array_api_dispatch`, what a method returns for them is an
array of the same library on the same device. Fitted attributes are always arrays of
NumPy, so that a model fitted to one library takes rows of any other.
"""

import numpy as np
from sklearn import get_config

from sklatent.utils._sklearn import _convert_to_numpy, get_namespace_and_device


def is_of_other_library(x):
    """Whether x is an array, and not one of NumPy."""
    if isinstance(x, np.ndarray | np.generic):
        return False
    # PyTorch's tensors do not know the standard's protocol.
    return hasattr(x, "__array_namespace__") or (
        type(x).__module__.partition(".")[0] == "torch" and hasattr(x, "shape")
    )


def are_dispatched(*arguments):
    """Whether there is an array of another library that is not to become NumPy's."""
    return get_config()["array_api_dispatch"] and any(
        map(is_of_other_library, arguments)
    )


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
        _to_numpy(X),
        *map(_to_numpy, args),
        **{name: _to_numpy(argument) for name, argument in kwargs.items()},
    )
    if not is_of_other_library(X):
        return result
    xp, _, device = get_namespace_and_device(X)
    return _to_library(result, xp, device)


def _to_numpy(x):
    if not is_of_other_library(x):
        return x
    return _convert_to_numpy(x, get_namespace_and_device(x)[0])


def _to_library(result, xp, device):
    if isinstance(result, tuple | list):
        return type(result)(_to_library(part, xp, device) for part in result)
    if not isinstance(result, np.ndarray) or result.dtype.kind not in "biufc":
        return result
    # PyTorch takes neither negative strides nor arrays that cannot be written to.
    return xp.asarray(np.require(result, requirements=["C", "W"]), device=device)
