"""Every public docstring is whole: numpydoc's checks, and defaults that are true.

What the examples print is checked by running them, as doctests. The parameters and
attributes of estimators are held to their signature in `test_common.py`.
"""

import importlib
import inspect
import re
import types

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import ERROR_MSGS, validate

import sklatent
from sklatent.neural import AETransformer, VAETransformer

# What numpydoc asks for and is not wanted here.
NOT_ASKED = {
    "ES01",  # extended summary: many a summary says all there is
    "RT02",  # return value without a name: even a single one has one, which says more
}
# See Also: for a method those are the others of its class, which are listed beside it.
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
            yield name_of(member), member


def public_methods(cls):
    """What sklatent defines of a class, by where it is defined."""
    for owner in cls.__mro__:
        if not owner.__module__.startswith("sklatent"):
            continue
        for name, defined in vars(owner).items():
            is_property = isinstance(defined, property)
            # A descriptor, such as one of `available_if`, gives the method itself.
            member = defined if is_property else getattr(owner, name)
            if name.startswith("_") or not (is_property or inspect.isroutine(member)):
                continue
            function = member.fget if is_property else member
            # What scikit-learn puts there, such as `set_fit_request`, is its own.
            if function.__module__.startswith("sklatent"):
                yield f"{name_of(owner)}.{name}", member


MODULES = [
    importlib.import_module(f"sklatent.{name}")
    for name in sklatent.__all__
    if isinstance(getattr(sklatent, name), types.ModuleType)
]
MEMBERS = dict(named for module in MODULES for named in public_members(module))
CLASSES = [member for member in MEMBERS.values() if inspect.isclass(member)]
METHODS = dict(named for cls in CLASSES for named in public_methods(cls))
FUNCTIONS = {
    name: member
    for name, member in (MEMBERS | METHODS).items()
    if inspect.isroutine(member)
}


def complaints(name, not_asked):
    errors = validate(name)["errors"]
    return "\n".join(f"{c} {message}" for c, message in errors if c not in not_asked)


def test_what_is_checked():
    """Names that the walk reaches in different ways, and one that is not ours."""
    assert len(MODULES) >= 14
    assert "sklatent.dimension._two_nn.TwoNN" in MEMBERS
    assert "sklatent.utils.discovery.all_estimators" in MEMBERS
    assert "sklatent.dimension._two_nn.TwoNN.fit" in METHODS
    assert "sklatent.dimension._base.OptionalTransformMixin.transform" in METHODS
    assert "sklatent.base.ScoreMixin.score" in METHODS
    assert not [name for name in METHODS if re.search(r"set_\w+_request", name)]
    assert set(ERROR_MSGS) >= NOT_ASKED | NOT_ASKED_OF_METHODS


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_functions_and_classes(name):
    assert complaints(name, NOT_ASKED) == ""


@pytest.mark.parametrize("name", sorted(METHODS))
def test_methods(name):
    assert complaints(name, NOT_ASKED | NOT_ASKED_OF_METHODS) == ""


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_defaults_are_the_documented_ones(name):
    documented = {
        parameter.name: re.search(r"default=(.*)$", parameter.type)
        for parameter in FunctionDoc(FUNCTIONS[name])["Parameters"]
        if parameter.type != "Ignored"
    }
    signature = inspect.signature(FUNCTIONS[name]).parameters
    assert {n: found.group(1) for n, found in documented.items() if found} == {
        n: f'"{p.default}"' if isinstance(p.default, str) else str(p.default)
        for n, p in signature.items()
        if p.default is not p.empty and n in documented
    }


# Tooltips show each entry by itself, so that none may lean on the one before it.
LEANS = re.compile(r"(?:Its|Their|Those|The same|See|and|or)\b|.*\blikewise\b")


@pytest.mark.parametrize("name", sorted(MEMBERS | METHODS))
def test_entries_stand_by_themselves(name):
    member = (MEMBERS | METHODS)[name]
    member = member.fget if isinstance(member, property) else member
    doc = ClassDoc(member) if inspect.isclass(member) else FunctionDoc(member)
    assert [
        entry.name
        for section in ("Parameters", "Attributes", "Returns")
        for entry in doc[section]
        if LEANS.match(" ".join(entry.desc))
    ] == []


def described_parameters(cls):
    """Type and text of each parameter; references have numbers of their own."""
    return {
        entry.name: (entry.type, re.sub(r"\[\d+\]_", "[]_", " ".join(entry.desc)))
        for entry in ClassDoc(cls)["Parameters"]
    }


def sentences(text):
    """The sentences of a text, in no order."""
    return set(text.rstrip(".").split(". "))


# What a VAETransformer says more: its encoder returns more, and a density takes longer.
SAY_MORE = {"encoder", "max_epochs"}
# The size of the code may be left to a VAETransformer.
DIFFER = {"n_components"}


def test_autoencoders_describe_what_they_share_with_the_same_words():
    ae, vae = map(described_parameters, (AETransformer, VAETransformer))
    shared = (ae.keys() & vae.keys()) - DIFFER
    assert len(shared) > 20
    assert {n: ae[n] for n in shared - SAY_MORE} == {
        n: vae[n] for n in shared - SAY_MORE
    }
    for name in SAY_MORE:
        assert ae[name][0] == vae[name][0]
        assert sentences(ae[name][1]) < sentences(vae[name][1])
