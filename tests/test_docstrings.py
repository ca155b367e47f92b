"""Every public docstring is whole: numpydoc's checks, and defaults that are true.

What the examples print is checked by running them, as doctests. The parameters and
attributes of estimators are held to their signature in `test_common.py`.
"""

import importlib
import inspect
import re
import types

import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import ERROR_MSGS, validate

import sklatent

# What numpydoc asks for beside what is wanted here.
NOT_ASKED = {
    "ES01",  # many a summary says all there is
    "RT02",  # what is returned has a name, even alone: the text refers to it
}
# Of a method it is the other methods of its class, which are listed beside it.
NOT_ASKED_OF_METHODS = {"SA01"}


def name_of(member):
    return f"{member.__module__}.{member.__qualname__}"


def public_members(module):
    """Functions and classes of `__all__`, those of modules in it among them."""
    for name in module.__all__:
        member = getattr(module, name)
        if isinstance(member, types.ModuleType):
            yield from public_members(member)
        elif inspect.isclass(member) or inspect.isroutine(member):
            yield member


def public_methods(cls):
    """Names of what sklatent defines of a class, where it is defined."""
    for owner in cls.__mro__:
        if not owner.__module__.startswith("sklatent"):
            continue
        for name, member in vars(owner).items():
            # A descriptor, such as one of `available_if`, gives the method itself.
            found = member if isinstance(member, property) else getattr(owner, name)
            defined_in = getattr(found, "fget", found)
            if (
                not name.startswith("_")
                and (isinstance(member, property) or inspect.isroutine(found))
                and getattr(defined_in, "__module__", "").startswith("sklatent")
            ):
                yield f"{name_of(owner)}.{name}"


MODULES = [
    importlib.import_module(f"sklatent.{name}")
    for name in sklatent.__all__
    if isinstance(getattr(sklatent, name), types.ModuleType)
]
MEMBERS = {name_of(m): m for module in MODULES for m in public_members(module)}
METHODS = sorted(
    {n for m in MEMBERS.values() if inspect.isclass(m) for n in public_methods(m)}
)


def errors(name, not_asked):
    return [
        f"{code} {message}"
        for code, message in validate(name)["errors"]
        if code not in not_asked
    ]


def test_what_is_checked():
    """Names that the walk reaches in different ways, and one that is not ours."""
    assert "sklatent.dimension._two_nn.TwoNN" in MEMBERS
    assert "sklatent.utils.discovery.all_estimators" in MEMBERS
    assert "sklatent.dimension._two_nn.TwoNN.fit" in METHODS
    assert "sklatent.dimension._base.OptionalTransformMixin.transform" in METHODS
    assert "sklatent.base.ScoreMixin.score" in METHODS
    assert not [name for name in METHODS if name.endswith(".set_params")]
    assert NOT_ASKED | NOT_ASKED_OF_METHODS <= set(ERROR_MSGS)


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_functions_and_classes(name):
    assert errors(name, NOT_ASKED) == []


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    assert errors(name, NOT_ASKED | NOT_ASKED_OF_METHODS) == []
