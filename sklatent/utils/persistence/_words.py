"""What messages about files have in common."""

import reprlib

from sklearn.base import BaseEstimator


class NotPlainError(TypeError):
    """A value is no plain data; `path` leads to it, maybe in a `column` of X."""

    column = None

    def __init__(self, value, path):
        super().__init__(f"{'.'.join(path)} is not plain data: {brief(value)}")
        self.value, self.path = value, path


def brief(value):
    """Representation of a value, cut where it is long.

    What is cut is not computed: the representation of a value of a hostile file may be
    exponentially longer than the file.
    """
    return cut(BRIEF.repr(value))


def cut(text, length=80):
    """Return a text of limited length."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


class _Brief(reprlib.Repr):
    """Representations that look at a few items only."""

    def __init__(self):
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 8
        self.maxstring = self.maxother = self.maxlong = 100

    def repr_ndarray(self, value, level):
        """Say what the numbers are, and of objects only how many."""
        if value.dtype == object:
            return f"array of {value.shape} objects"
        return cut(repr(value))

    def repr_instance(self, value, level):
        """Say of what class an estimator is; its parameters may be estimators too."""
        if isinstance(value, (BaseEstimator, dict)) or hasattr(type(value), "_fields"):
            return f"{type(value).__name__}(...)"
        return super().repr_instance(value, level)


BRIEF = _Brief()


def check_names(kind, names, expected, optional=()):
    """Raise if names are missing or unknown."""
    missing = set(expected) - set(names) - set(optional)
    unknown = set(names) - set(expected)
    if missing or unknown:
        raise ValueError(
            "it is not what this version of sklatent saves: of the "
            f"{kind}, {sorted(missing)} are missing and {sorted(unknown)} unknown."
        )
