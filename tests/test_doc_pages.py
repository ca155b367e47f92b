"""What the documentation shows under the methods of an estimator."""

import importlib.util
import inspect
from pathlib import Path

import pytest

import sklatent
from sklatent.base import ScoreMixin

FOLDER = Path(sklatent.__file__).parents[1] / "doc" / "_ext"


@pytest.fixture(scope="module")
def extension():
    path = FOLDER / "inherited_examples.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("sklatent.decomposition.PPCA.score", True),  # the example takes PPCA
        ("sklatent.density.KernelDensity.score", False),
        ("sklatent.density.KernelDensity.score_samples", True),  # its own
        ("sklatent.decomposition.PCA.inverse_transform", True),
        ("sklatent.decomposition.PPCA.inverse_transform", False),
        ("sklatent.base.ScoreMixin.score", True),
    ],
)
def test_examples_under_inherited_methods_show_the_class(extension, name, kept):
    module, cls, method = name.rsplit(".", 2)
    method = getattr(getattr(importlib.import_module(module), cls), method)
    before = inspect.getdoc(method).splitlines()
    lines = list(before)
    extension.leave_out(None, "method", name, method, None, lines)
    assert ("Examples" in lines) == kept
    assert lines == (before if kept else before[: before.index("Examples")])


def test_other_docstrings_stay(extension):
    before = inspect.getdoc(ScoreMixin).splitlines()
    lines = list(before)
    extension.leave_out(None, "class", "sklatent.base.ScoreMixin", None, None, lines)
    assert lines == before
