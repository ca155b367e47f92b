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


@pytest.mark.slow
def test_loads_nothing_heavy():
    heavy = ["torch", "matplotlib", "skorch", "sklearn", "pandas"]
    code = f"import sys, sklatent; print([m for m in {heavy} if m in sys.modules])"
    assert run(code) == "[]"
    code = f"import sys, sklatent.base; print([m for m in {heavy} if m in sys.modules])"
    assert "torch" not in run(code)


@pytest.mark.slow
def test_changes_no_global_state():
    state = (
        "import locale, random, warnings, numpy; "
        "get = lambda: (locale.getlocale(), random.getstate(), warnings.filters[:], "
        "numpy.get_printoptions(), numpy.random.get_state()[1].tolist()); "
        "import sklearn.base, torch, skorch; before = get(); "
        "import sklatent, sklatent.neural, sklatent.callback; print(before == get())"
    )
    assert run(state) == "True"


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
"""
EXTRAS = ["torch", "skorch", "safetensors", "matplotlib", "rich", "pandas", "polars"]


@pytest.mark.parametrize("missing", ["torch", "skorch"])
@pytest.mark.parametrize("use", ["VAETransformer()", "VAETransformer.load('file')"])
@pytest.mark.slow
def test_without_torch_use_says_what_to_install(missing, use):
    code = f"""
from sklatent import VAETransformer
try:
    {use}
except ImportError as error:
    print(error)
"""
    message = run(WITHOUT.format(missing=[missing]) + code)
    assert f"{missing!r} is not installed" in message
    assert 'pip install -c constraints.txt ".[neural]"' in message


@pytest.mark.parametrize(
    "look",
    [
        "help(sklatent)",
        "help(sklatent.neural)",
        "print(hasattr(sklatent, 'VAETransformer'), dir(sklatent))",
        "print(inspect.getmembers(sklatent))",
        "from sklatent import *; print(AETransformer, TwoNN, neural, inspection)",
        "from sklatent.utils.discovery import all_estimators; print(all_estimators())",
    ],
)
@pytest.mark.slow
def test_without_extras_the_package_can_be_looked_at(look):
    code = f"import inspect, sklatent\n{look}"
    said = run(WITHOUT.format(missing=EXTRAS) + code)
    assert "neural" in said or "TwoNN" in said


@pytest.mark.slow
def test_pydoc_without_extras():
    code = "import pydoc; pydoc.cli()"
    code = f"sys.argv = ['pydoc', 'sklatent']\n{code}"
    assert "VAETransformer" in run(WITHOUT.format(missing=EXTRAS) + code)


def test_lazy_names():
    assert sklatent.neural.VAETransformer is sklatent.VAETransformer
    assert set(sklatent.__all__) == set(dir(sklatent))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = sklatent.nonsense
