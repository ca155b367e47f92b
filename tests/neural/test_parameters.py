"""The parameters of the neural estimators: grouped, few, and each of them shown."""

import inspect
import re
from pathlib import Path

import pytest

from tests.neural.settings import ALL

ROOT = Path(__file__).parents[2]
SHOWN = [*ROOT.glob("examples/*/*.py"), *ROOT.glob("doc/user_guide/*.rst")]


def parameters(cls):
    return list(inspect.signature(cls).parameters)


@ALL
def test_four_groups_hold_all_in_their_order(cls):
    names = []
    for group in ("model", "networks", "training", "running"):
        (listed,) = re.findall(rf"- {group}: (.*?)[;.]\n", cls.__doc__, flags=re.DOTALL)
        names += re.findall(r"`(\w+)`", listed)
    assert names == parameters(cls)


@ALL
def test_there_are_few(cls):
    assert len(parameters(cls)) <= 38


@ALL
def test_each_is_used_in_an_example_or_in_the_guide(cls):
    if not SHOWN:
        pytest.skip("the examples are not here")
    text = "\n".join(path.read_text() for path in SHOWN)
    unused = [
        name
        for name in parameters(cls)
        if not re.search(rf"\b{name}=|\"(?:\w+__)?{name}\":", text)
    ]
    # The first parameter is given by its place.
    assert set(unused) <= {"n_components"}
