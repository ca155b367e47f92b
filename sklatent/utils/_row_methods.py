"""Methods that take rows of any kind: Dask collections, arrays of other libraries.

The public methods of estimators whose first argument is `X` are wrapped, so that no
class has to know of either. In the usual case, an array of NumPy and no more, the
wrapper does nothing.
"""

import functools
import inspect
from abc import ABCMeta

import numpy as np
from sklearn.utils.metaestimators import available_if

from sklatent.utils._arrays import are_dispatched, stays_on_device, through_numpy
from sklatent.utils._dask import is_dask
from sklatent.utils._lazy import BY_ROW, by_blocks


class RowMethods(ABCMeta):
    """Class of the classes whose methods take rows of any kind.

    What other classes define, as those of scikit-learn do, is wrapped in the first of
    these that inherits it. This needs classes that are complete, and not just
    `__init_subclass__`: there, scikit-learn wraps `transform` once more, for
    `set_output`, and would make a frame of what is lazy.
    """

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)
        for method in dir(cls):
            if method.startswith("_"):
                continue
            definer = next(c for c in cls.__mro__ if method in vars(c))
            if definer is cls or not isinstance(definer, RowMethods):
                _wrap(cls, method, vars(definer)[method])


def _wrap(cls, name, member):
    """Wrap a member of a class if it is a method of rows."""
    function = getattr(member, "fn", member)  # of scikit-learn's `available_if`
    if not inspect.isfunction(function):
        return
    if inspect.unwrap(function).__code__.co_varnames[1:2] != ("X",):
        return
    method = of_rows_of_any_kind(function)
    if member is not function:
        method = available_if(member.check)(method)
    setattr(cls, name, method)


def of_rows_of_any_kind(function):
    """Let a method take Dask collections and arrays of other libraries.

    Parameters
    ----------
    function : callable
        The method, whose first argument is X.

    Returns
    -------
    method : callable
        For Dask collections, the method of each block if it is in `BY_ROW`; others are
        handed on. So are arrays of other libraries if the class names the method in
        `_on_device`; otherwise they become arrays of NumPy, and those that are returned
        become like them.
    """
    name = function.__name__

    @functools.wraps(function)
    def method(self, *args, **kwargs):
        if kwargs or len(args) != 1 or type(args[0]) is not np.ndarray:
            X = args[0] if args else kwargs.get("X")
            if is_dask(X):
                if name in BY_ROW:
                    return by_blocks(self, name, *args, **kwargs)
                if name == "fit_transform":  # scikit-learn would make a frame of it
                    return self.fit(*args, **kwargs).transform(X)
            elif are_dispatched(*args, *kwargs.values()) and not stays_on_device(
                self, name, X
            ):
                return through_numpy(functools.partial(function, self), *args, **kwargs)
        return function(self, *args, **kwargs)

    return method
