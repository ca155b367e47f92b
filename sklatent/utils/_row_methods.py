"""Methods that take rows of any kind: Dask collections, arrays of other libraries.

The public methods of an estimator whose first argument is `X` are wrapped, so that no
class has to know of either. In the usual case, an array of NumPy and no more, the
wrapper does nothing.

Methods are wrapped when their class makes its first instance, and not when it is made
itself. There, scikit-learn wraps `transform` once more, for `set_output`, and would
make a frame of what is lazy.
"""

import functools
import inspect
import weakref

import numpy as np
from sklearn.utils.metaestimators import available_if

from sklatent.utils._arrays import are_dispatched, through_numpy
from sklatent.utils._dask import is_dask
from sklatent.utils._lazy import BY_ROW, by_blocks

_READY = weakref.WeakSet()


def take_rows_of_any_kind(cls, root):
    """Wrap the methods of a class, and those that it inherits.

    What scikit-learn and others define is wrapped in the first of our classes that
    inherits it.

    Parameters
    ----------
    cls : type
        The class.
    root : type
        Base of the classes that are ours, wherever they are defined.
    """
    if cls in _READY:
        return

    def is_own(owner):
        return issubclass(owner, root) or owner.__module__.startswith("sklatent.")

    for owner in filter(is_own, reversed(cls.__mro__)):
        if owner in _READY:
            continue
        _READY.add(owner)
        for name in dir(owner):
            definer = next(c for c in owner.__mro__ if name in vars(c))
            if definer is owner or not is_own(definer):
                _wrap(owner, name, vars(definer)[name])


def _wrap(owner, name, member):
    """Wrap a member of a class if it is a public method of rows."""
    function = getattr(member, "fn", member)  # of scikit-learn's `available_if`
    if name.startswith("_") or not inspect.isfunction(function):
        return
    if inspect.unwrap(function).__code__.co_varnames[1:2] != ("X",):
        return
    method = of_rows_of_any_kind(function)
    if member is not function:
        method = available_if(member.check)(method)
    setattr(owner, name, method)


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
        handed on. Arrays of other libraries become arrays of NumPy, and those that are
        returned become like them.
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
            elif are_dispatched(*args, *kwargs.values()):
                return through_numpy(functools.partial(function, self), *args, **kwargs)
        return function(self, *args, **kwargs)

    return method
