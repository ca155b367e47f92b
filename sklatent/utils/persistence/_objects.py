"""Of which classes files hold objects, and what an object's state is."""

import dataclasses
import functools
import importlib
import inspect
import re

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklatent._version import __version__
from sklatent.utils.persistence._foreign import FOREIGN, check_foreign
from sklatent.utils.persistence._words import brief, check_names, cut

# What a file may not decide: where somebody else's `fit` writes or reads.
MUST_BE_EMPTY = ("callbacks", "checkpoint_path", "memory")


# Attributes that are of no use to the next process, or that `load` sets.
UNSAVED = {
    "_training_state_",
    "_skl_callbacks",
    "_sklatent_version",
    "_sklearn_version",
}


def state_of(value):
    """Return the attributes of an object, as it hands them out to be pickled."""
    cls = type(value)
    if isinstance(value, tuple):
        return value._asdict()
    if of_sklatent(cls) and issubclass(cls, BaseEstimator):
        state = value.__getstate__()
        if "checkpoint_path" in state:  # no file decides where a later fit writes
            state["checkpoint_path"] = None
        return state
    if has_own_state(cls):
        return value.__getstate__()
    names = (
        [field.name for field in dataclasses.fields(cls)]
        if (dataclasses.is_dataclass(cls))
        else ()
    )
    kept = {
        name: part
        for name, part in getattr(value, "__dict__", {}).items()
        # What is computed from the rest when it is asked for is not kept.
        if not isinstance(getattr(cls, name, None), functools.cached_property)
    }
    return {name: getattr(value, name) for name in names} | kept


def of_sklatent(cls):
    """Tell whether a class is of sklatent or inherits from one that is."""
    return any(base.__module__.startswith("sklatent.") for base in cls.__mro__)


def has_own_state(cls):
    """Tell whether a class says by itself what it is pickled as."""
    names = {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"}
    plain = (object, BaseEstimator)
    return not dataclasses.is_dataclass(cls) and any(
        names & set(vars(base)) for base in cls.__mro__ if base not in plain
    )


@functools.cache
def may_be_saved(cls):
    """Tell whether objects of a class are their attributes and nothing else.

    These are the estimators and the plain classes of sklatent, what inherits from its
    estimators, and the estimators of scikit-learn on the list `FOREIGN`.
    """
    package = cls.__module__.split(".")[0]
    if issubclass(cls, BaseEstimator):
        if of_sklatent(cls):
            return True
        return package == "sklearn" and public_name(cls) in FOREIGN
    if issubclass(cls, tuple):
        return package == "sklatent" and hasattr(cls, "_fields")
    # What inherits from something of another package may be more than its attributes.
    plain = ("sklatent", "builtins", "abc", "typing")
    return (
        package == "sklatent"
        and all(base.__module__.split(".")[0] in plain for base in cls.__mro__)
        and cls.__flags__ & HEAP_TYPE
        and not issubclass(cls, BUILT_IN)
    )


HEAP_TYPE = 1 << 9  # made by Python code
BUILT_IN = (BaseException, dict, list, set, frozenset, str, bytes, int, float, type)


def public_name(cls):
    """Return the name that imports a class, without private modules if there is one."""
    *parts, last = cls.__module__.split(".")
    public = [*parts, last]
    while any(part.startswith("_") for part in public):
        public.pop()
    # density.mixture is a folder; the name is imported from density.
    for length in range(2, len(public) + 1):
        module = ".".join(public[:length])
        if cls.__module__.startswith(("sklatent.", "sklearn.")) and (
            getattr(importlib.import_module(module), cls.__name__, None) is cls
        ):
            return f"{module}.{cls.__name__}"
    return f"{cls.__module__}.{cls.__qualname__}"


def find_class(name, known=()):
    """Return the class of a name, if its objects may be in a file.

    Parameters
    ----------
    name : str
        As `public_name` gives it.
    known : dict, default=()
        Classes by name that whoever loads has at hand, such as own subclasses.
    """
    if isinstance(name, str) and name in known:
        return known[name]
    if name == "sklearn.utils.Bunch":
        return Bunch
    if isinstance(name, str) and may_be_imported(name):
        module, _, last = name.rpartition(".")
        try:
            cls = getattr(importlib.import_module(module), last, None)
        except ImportError as error:
            raise ValueError(f"its class {name} is not there: {error}.") from error
        if hasattr(cls, "missing_packages"):
            raise ValueError(f"its class {name} is not there: {cls.missing_packages}")
        if inspect.isclass(cls) and may_be_saved(cls) and public_name(cls) == name:
            return cls
    raise ValueError(f"it holds an object of class {brief(name)}, which no file may.")


def may_be_imported(name):
    """Tell whether a name is in sklatent, or on the list of scikit-learn's."""
    package, *parts = name.split(".")
    names = all(re.fullmatch(r"(?!__)[A-Za-z_]\w*", part, re.ASCII) for part in parts)
    if len(parts) < 2 or not names:
        return False
    return package == "sklatent" or name in FOREIGN


def check_empty(state):
    """Raise if parameters say what runs or writes in a later fit."""
    for name in MUST_BE_EMPTY:
        if state.get(name):
            raise ValueError(
                f"its parameter {name} cannot be {brief(state[name])}, as no file "
                "decides what runs or writes later."
            )


def check_state(cls, state, where):
    """Raise unless attributes are such as objects of a class have."""
    for name in state:
        own = inspect.getattr_static(cls, name, None)
        allowed = (
            own is None
            or isinstance(own, functools.cached_property)
            or inspect.ismemberdescriptor(own)
            or not (callable(own) or hasattr(own, "__get__"))
        )
        if not name.isidentifier() or name.startswith("__") or not allowed:
            raise ValueError(f"its {where} cannot have an attribute {brief(name)}.")
    if dataclasses.is_dataclass(cls):
        fields = [field.name for field in dataclasses.fields(cls)]
        cached = [
            name
            for name in state
            if isinstance(getattr(cls, name, None), functools.cached_property)
        ]
        check_names(f"fields of {where}", state, fields + cached, cached)


def set_estimator(estimator, state, where):
    """Give an estimator its parameters and attributes, which are checked."""
    parameters = estimator._get_param_names()
    missing = set(parameters) - set(state)
    if missing:
        raise ValueError(
            f"the parameters {sorted(missing)} of its {where} are missing."
        )
    check_empty(state)
    if hasattr(estimator, "_check_saved_state"):
        estimator._check_saved_state(state)
        estimator.__setstate__({**state, "_sklatent_version": __version__})
    else:
        check_foreign(public_name(type(estimator)), state)
        vars(estimator).update(state)
    if hasattr(estimator, "_parameter_constraints"):
        validate(estimator)


def validate(estimator):
    """Check parameters; the message has no more of a value than its beginning."""
    try:
        estimator._validate_params()
    except (TypeError, ValueError) as error:
        said, got, value = str(error).partition(" Got ")
        raise ValueError(f"its parameters: {cut(said, 500)}{got}{cut(value)}") from None
