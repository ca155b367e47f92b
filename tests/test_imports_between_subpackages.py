"""A subpackage stands on `base`, `exceptions` and `utils`, and on nothing private."""

import ast
from pathlib import Path

import pytest

import sklatent

ROOT = Path(sklatent.__file__).parent
FREE = {"base", "exceptions", "utils", "_version"}


def imported(path):
    """Names that a file imports from sklatent, as tuples of parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (
            (name, node.lineno)
            for name in (tuple(name.split(".")) for name in names)
            if name[0] == "sklatent"
        )


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_private_of_another_subpackage(path):
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name, line in imported(path):
        other = name[1:2]
        if not other or other[0] in FREE | {own}:
            continue
        private = [part for part in name[1:] if part.startswith("_")]
        assert not private, f"{path}:{line} imports {'.'.join(name)}"


def test_base_and_utils_stand_on_no_subpackage():
    subpackages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - FREE
    assert {"decomposition", "density", "dimension"} <= subpackages
    below = [ROOT / "base.py", ROOT / "exceptions.py", *(ROOT / "utils").glob("*.py")]
    for path in below:
        for name, line in imported(path):
            assert not subpackages & set(name), f"{path}:{line} imports {name}"
