"""Importing is cheap, changes nothing, and says what is missing."""

import subprocess
import sys

import pytest

import sklatent


def run(code):
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_loads_nothing_heavy():
    heavy = ["torch", "matplotlib", "skorch", "sklearn", "pandas"]
    code = f"import sys, sklatent; print([m for m in {heavy} if m in sys.modules])"
    assert run(code) == "[]"
    code = f"import sys, sklatent.base; print([m for m in {heavy} if m in sys.modules])"
    assert "torch" not in run(code)


def test_changes_no_global_state():
    state = (
        "import locale, random, warnings, numpy; "
        "get = lambda: (locale.getlocale(), random.getstate(), warnings.filters[:], "
        "numpy.get_printoptions(), numpy.random.get_state()[1].tolist()); "
        "import sklearn.base, torch, skorch; before = get(); "
        "import sklatent, sklatent.neural, sklatent.callback; print(before == get())"
    )
    assert run(state) == "True"


@pytest.mark.parametrize("missing", ["torch", "skorch"])
def test_without_torch_names_the_extra(missing):
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
import sklatent
try:
    sklatent.VAETransformer
except ImportError as error:
    print(error)
"""
    message = run(code)
    assert 'pip install "sklatent[neural]"' in message
    assert f"{missing!r} is not installed" in message


def test_lazy_names():
    assert sklatent.neural.VAETransformer is sklatent.VAETransformer
    assert set(sklatent.__all__) == set(dir(sklatent))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sklatent.nonsense
