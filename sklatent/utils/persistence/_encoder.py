"""Fitted estimators as JSON and arrays.

A value that is not JSON's own becomes a dict with one key, which is its kind:
``{"tuple": [...]}``, ``{"array": {...}}``, ``{"object": {...}}``. Numbers of arrays are
not in the JSON but in the file's entries, which have the path to the array as name.
"""

import math
from collections import UserList

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklatent.utils.frames._schema import Column
from sklatent.utils.persistence._container import NAMES
from sklatent.utils.persistence._objects import (
    UNSAVED,
    check_empty,
    may_be_saved,
    public_name,
    state_of,
)
from sklatent.utils.persistence._types import (
    ARRAY_DTYPE,
    SPARSE,
    TREES,
    TYPES,
    tree_settings,
)
from sklatent.utils.persistence._words import NotPlainError


class Encoder:
    """Take values apart into JSON and arrays.

    An object, or array of numbers or strings, that is met twice is written once.

    Attributes
    ----------
    arrays : dict
        What the file holds beside the JSON, by name.
    """

    def __init__(self):
        self.arrays = {}
        self._met = {}
        self._alive = []  # as the address of what is gone may be that of another

    def encode(self, value, path=()):
        """Return what JSON can hold of a value, or raise NotPlainError."""
        kind = type(value)
        if value is None or kind in (bool, str, int):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is list:
            return self._items(value, path)
        if isinstance(value, UserList):
            # scikit-learn 1.6 has the columns that remain in one that warns when read.
            return self._items(value.data, path)
        if kind is tuple:
            return {"tuple": self._items(value, path)}
        if kind in (set, frozenset):
            return {kind.__name__: self._items(sorted(value, key=repr), path)}
        if kind is slice:
            return {"slice": self._items((value.start, value.stop, value.step), path)}
        if kind is dict:
            return self._dict(value, path)
        if kind is bytes:
            return {"bytes": self._entry(np.frombuffer(value, np.uint8), path)}
        if isinstance(value, np.dtype) and ARRAY_DTYPE.fullmatch(value.str):
            return {"dtype": value.str}
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), path)}
        if isinstance(value, type) and value in TYPES.values():
            return {"type": next(name for name, t in TYPES.items() if t is value)}
        return self._once(value, path)

    def _items(self, values, path):
        return [self.encode(v, (*path, str(i))) for i, v in enumerate(values)]

    def _dict(self, values, path):
        if all(type(name) is str for name in values):
            return {"dict": self.encode_all(values, path)}
        return {"items": [self._items(pair, path) for pair in values.items()]}

    def encode_all(self, values, path=()):
        """Return a dict of what JSON can hold of the values of a dict."""
        return {name: self.encode(v, (*path, name)) for name, v in values.items()}

    def _once(self, value, path):
        """Encode what may be met again."""
        if id(value) in self._met:
            return {"same": self._met[id(value)]}
        if type(value) is np.ndarray:
            encoded = {"array": self._array(value, path)}
        elif type(value).__name__ in TREES and type(value) in TREES.values():
            encoded = {"tree": self.encode_all(tree_settings(value, path), path)}
        elif type(value).__name__ in SPARSE and type(value) in SPARSE.values():
            parts = {n: getattr(value, n) for n in ("data", "indices", "indptr")}
            name, shape = type(value).__name__, [int(n) for n in value.shape]
            encoded = {"sparse": [name, shape, self.encode_all(parts, path)]}
        else:
            encoded = {"object": self.encode_object(value, path)}
        # Each array of objects is written, as `load` looks only at those that are.
        if "array" not in encoded or value.dtype != object:
            self._met[id(value)] = ".".join(path)
            self._alive.append(value)
        return encoded

    def encode_object(self, value, path=()):
        """Return class and attributes of an estimator or of an object of sklatent."""
        cls = type(value)
        if cls is Bunch:
            return {
                "class": "sklearn.utils.Bunch",
                "state": self.encode_all(value, path),
            }
        if not may_be_saved(cls):
            raise NotPlainError(value, path)
        state = state_of(value)
        if isinstance(value, BaseEstimator):
            check_empty(state)
        state = {name: v for name, v in state.items() if name not in UNSAVED}
        try:
            encoded = self.encode_all(state, path)
        except NotPlainError as error:
            if cls is Column:
                error.column = value.name
            raise
        if hasattr(cls, "_check_saved_state"):
            value._check_saved_state(state)  # as `load` will
        return {"class": public_name(cls), "state": encoded}

    def _array(self, array, path):
        """Write an array; return where and how."""
        if array.dtype.kind == "O":
            items = self._items(array.ravel().tolist(), path)
            return {"shape": list(array.shape), "objects": items}
        # Results may depend, in their last bits, on the order in memory.
        axes = sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))
        dtype = array.dtype.newbyteorder("<")
        array = np.array(array.transpose(axes), dtype=dtype, order="C")
        if not ARRAY_DTYPE.fullmatch(array.dtype.str):
            raise NotPlainError(array, path)
        how = {"dtype": array.dtype.str, "axes": axes}
        if array.dtype not in NAMES:  # strings, dates: as bytes
            how["shape"] = list(array.shape)
            array = array.reshape(-1).view(np.uint8)
        return {"entry": self._entry(array, path), **how}

    def _entry(self, array, path):
        name = ".".join(path)
        while name in self.arrays or name == "__metadata__":
            name += "_"
        self.arrays[name] = array
        return name
