"""Fitted estimators of JSON and arrays, without running what a file says."""

import math

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklatent.utils.persistence._objects import (
    check_state,
    find_class,
    has_own_state,
    of_sklatent,
    set_estimator,
)
from sklatent.utils.persistence._types import SPARSE, TREES, TYPES, plain_dtype
from sklatent.utils.persistence._words import brief, check_names

# How many values what a file describes may have, beyond ten for each that it holds. An
# object that others refer to counts each time: objects that hold the one before twice
# double at each step for whoever walks through them, as `repr` and `clone` do.
MAX_VALUES = 10_000


class Decoder:
    """Put values together again.

    Parameters
    ----------
    arrays : dict
        Arrays by name.
    classes : dict
        Classes of whoever loads, by `public_name`.
    """

    def __init__(self, arrays, classes):
        self.arrays = arrays
        self.classes = classes
        self.unused = set(arrays)
        self._met = {}
        self._sizes = {}  # of what was met, in values
        self._n_read = self._n_values = 0
        self.foreign = False  # whether an estimator of scikit-learn was met

    def decode(self, value, path=()):
        """Return the value that `Encoder.encode` was given, or raise ValueError."""
        self._n_read += 1
        self._n_values += 1
        before = self._n_values
        if isinstance(value, list):
            return [self.decode(v, (*path, str(i))) for i, v in enumerate(value)]
        if not isinstance(value, dict):
            return value
        kind, content = next(iter(value.items())) if len(value) == 1 else (None, None)
        read = getattr(self, f"_read_{kind}", None) if isinstance(kind, str) else None
        try:
            if read is not None:
                result = read(content, path)
                if kind in ("array", "object", "tree", "sparse"):
                    self._remember(".".join(path), result, self._n_values - before)
                return result
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(
                f"its entry {'.'.join(path)} is no {kind}: {brief(content)}; {error}."
            ) from error
        raise ValueError(
            f"its entry {'.'.join(path)} is {brief(value)}, which is no plain data."
        )

    def decode_all(self, values, path=()):
        """Return a dict of values."""
        if not isinstance(values, dict):
            raise ValueError(f"its entry {'.'.join(path)} is no dict: {brief(values)}.")
        return {name: self.decode(v, (*path, name)) for name, v in values.items()}

    def _list(self, content, path, length=None):
        if not isinstance(content, list) or length not in (None, len(content)):
            raise TypeError("it should be a list")
        return self.decode(content, path)

    def _read_float(self, content, path):
        return {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[content]

    def _read_tuple(self, content, path):
        return tuple(self._list(content, path))

    def _read_set(self, content, path):
        return set(self._list(content, path))

    def _read_frozenset(self, content, path):
        return frozenset(self._list(content, path))

    def _read_slice(self, content, path):
        return slice(*self._list(content, path, 3))

    def _read_dict(self, content, path):
        return self.decode_all(content, path)

    def _read_items(self, content, path):
        return dict(tuple(self._list(pair, path, 2)) for pair in content)

    def _read_bytes(self, content, path):
        return self._take(content).tobytes()

    def _read_dtype(self, content, path):
        return plain_dtype(content)

    def _read_type(self, content, path):
        return TYPES[content]

    def _read_scalar(self, content, path):
        array = self._read_array(content, path)
        if array.shape != ():
            raise TypeError("it should be one number")
        return array[()]

    def _remember(self, name, value, size):
        """Keep what may be referred to."""
        # Arrays of objects are written each time.
        if not (isinstance(value, np.ndarray) and value.dtype == object):
            self._met[name], self._sizes[name] = value, size

    def _read_same(self, content, path):
        value = self._met[content]
        self._n_values += self._sizes[content]
        if self._n_values > MAX_VALUES + 10 * self._n_read:
            raise ValueError(
                f"its entry {'.'.join(path)} repeats what the file holds too often."
            )
        return value

    def _take(self, name):
        self.unused.discard(name)
        return self.arrays[name]

    def _read_array(self, content, path):
        if "objects" in content:
            items, shape = self._list(content["objects"], path), content["shape"]
            array = np.empty(len(items), dtype=object)
            for i, item in enumerate(items):
                array[i] = item
            return array.reshape(tuple(shape))
        array, dtype = self._take(content["entry"]), plain_dtype(content["dtype"])
        if "shape" in content:
            array = array.view(dtype).reshape(tuple(content["shape"]))
        if array.dtype != dtype:
            raise TypeError(f"it should be {dtype}, and is {array.dtype}")
        if dtype.kind == "b" and (array.view(np.uint8) > 1).any():
            raise TypeError("it should be of 0 and 1")
        axes = content["axes"]
        if sorted(axes) != list(range(array.ndim)):
            raise TypeError("its axes should be those of its shape")
        if dtype.kind == "U":
            array.tolist()  # fails unless these are characters
        native = array.astype(dtype.newbyteorder("="), copy=False)
        return native.transpose(np.argsort(axes)) if native.ndim else native

    def _read_tree(self, content, path):
        settings = self.decode_all(content, path)
        data, cls = settings["data"], TREES[settings["kind"]]
        metric, params = settings["metric"], settings["params"]
        valid = isinstance(data, np.ndarray) and data.ndim == 2 and data.dtype == float
        if not valid or not np.isfinite(data).all() or metric not in cls.valid_metrics:
            raise TypeError("it should have rows of finite numbers and a metric")
        if type(settings["leaf_size"]) is not int or params.keys() > {"p"}:
            raise TypeError("it should have a leaf size")
        return cls(data, leaf_size=settings["leaf_size"], metric=metric, **params)

    def _read_sparse(self, content, path):
        name, shape, parts = content
        parts = self.decode_all(parts, path)
        values = tuple(parts[n] for n in ("data", "indices", "indptr"))
        matrix = SPARSE[name](values, shape=tuple(shape))
        matrix.check_format(full_check=True)
        return matrix

    def _read_object(self, content, path):
        return self.decode_object(content, path)

    def decode_object(self, content, path=()):
        """Return an estimator, or an object of sklatent, with its attributes."""
        if not isinstance(content, dict) or content.keys() != {"class", "state"}:
            raise ValueError(f"its entry {'.'.join(path)} has no class and state.")
        cls = find_class(content["class"], self.classes)
        state = self.decode_all(content["state"], path)
        if cls is Bunch:
            return Bunch(**state)
        where = ".".join((*path, cls.__name__))
        if issubclass(cls, tuple):
            check_names(f"fields of {where}", state, cls._fields)
            return tuple.__new__(cls, [state[name] for name in cls._fields])
        check_state(cls, state, where)
        made = cls.__new__(cls)
        if issubclass(cls, BaseEstimator):
            set_estimator(made, state, where)
            self.foreign |= not of_sklatent(cls)
        elif has_own_state(cls):
            made.__setstate__(state)
        else:
            for name, value in state.items():
                object.__setattr__(made, name, value)
        return made
