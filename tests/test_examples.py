"""What every example of the gallery is and has.

Sphinx runs them, and holds the numbers of their texts to what they print.
"""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import sklatent

FOLDER = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted(FOLDER.rglob("*.py"))

each_example = pytest.mark.parametrize(
    "path", EXAMPLES, ids=lambda path: path.relative_to(FOLDER).as_posix()
)


def public_classes():
    """Name and class of everything public that is a class."""
    modules = [
        importlib.import_module(f"sklatent.{module.name}")
        for module in pkgutil.iter_modules(sklatent.__path__)
        if not module.name.startswith("_")
    ]
    members = {
        name: getattr(module, name)
        for module in modules
        for name in getattr(module, "__all__", [])
    }
    return {name: value for name, value in members.items() if inspect.isclass(value)}


CLASSES = public_classes()


def tree_of(path):
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def names_in_code(path):
    """Names that are imported from sklatent, or are attributes of its modules."""
    names, modules = set(), set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "sklatent"
        ):
            names |= {alias.name for alias in node.names}
            modules |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {
                (alias.asname or alias.name).split(".")[0]
                for alias in node.names
                if alias.name.split(".")[0] == "sklatent"
            }
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and root(node) in modules:
            names.add(node.attr)
    return names


def root(node):
    """The name that a dotted expression starts with, or None."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def calls(path):
    """Each call of a file, with the last part of what is called."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node


def test_there_are_enough():
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in EXAMPLES}), ids=lambda folder: folder.name
)
def test_sections_have_a_title(folder):
    title, underline, *_ = (
        (folder / "README.rst").read_text(encoding="utf-8").splitlines()
    )
    assert re.fullmatch(r"([-=])\1*", underline)
    assert len(underline) == len(title)


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_class_is_in_an_example(name):
    assert any(name in names_in_code(path) for path in EXAMPLES)


@each_example
def test_uses_a_public_class(path):
    assert names_in_code(path) & set(CLASSES)


@each_example
def test_is_named_as_the_gallery_wants(path):
    # What does not match is shown and never run.
    assert re.fullmatch(r"plot_[a-z0-9_]+\.py", path.name)
    assert path.parent.parent == FOLDER


@each_example
def test_starts_with_a_title_and_says_what_it_is_about(path):
    docstring = ast.get_docstring(tree_of(path), clean=False)
    assert docstring is not None
    _, overline, title, underline, empty, *text = docstring.split("\n")
    assert overline == underline == "=" * len(title)
    assert empty == ""
    assert any(line.strip() for line in text)


@each_example
def test_ends_with_what_the_figure_shows(path):
    *_, last = path.read_text(encoding="utf-8").split("\n# %%\n")
    assert all(line.startswith("#") for line in last.strip().splitlines())
    assert len(last.split()) > 20


@each_example
def test_draws_a_figure(path):
    assert any(name == "show" for name, _ in calls(path))


@each_example
def test_downloads_nothing(path):
    assert not [name for name, _ in calls(path) if name.startswith("fetch_")]


# Their results are different each time unless random_state says otherwise.
RANDOM = {
    "AETransformer",
    "FastICA",
    "GaussianMixture",
    "IterativeImputer",
    "VAETransformer",
    "extract_patches_2d",
    "sample",
    "sample_missing",
    "train_test_split",
}
# Generators of random numbers, whose first argument is the seed.
GENERATORS = {"RandomState", "default_rng", "manual_seed", "seed"}


@each_example
def test_is_seeded(path):
    seeded_settings = "'random_state'" in ast.dump(tree_of(path))
    for name, node in calls(path):
        keywords = {keyword.arg for keyword in node.keywords}
        where = f"{name} in line {node.lineno}"
        if name in GENERATORS:
            assert node.args or "seed" in keywords, where
        draws = name in RANDOM or (
            name.startswith("make_") and name in generators_of_data()
        )
        if draws:
            spread = None in keywords and seeded_settings
            assert "random_state" in keywords or spread, where
    # np.random.normal and the like draw from a generator that anything may have used.
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random":
            assert node.attr in GENERATORS, ast.unparse(node)


def generators_of_data():
    """Names of the generators of sklatent.datasets."""
    return sklatent.datasets.__all__
