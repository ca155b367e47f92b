"""What every example of the gallery is and has; Sphinx runs them."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


# Numbers of the text that claim what came out: decimals, shares and nats; not the
# nominal share of an interval.
CLAIM = re.compile(
    r"(?<![\w.,])(\d[\d,]*\.\d+|\d[\d,]*(?=\s(?:%|nats|times)))"
    r"(?!\s%\s+(?:interval|band))"
)
NUMBER = re.compile(r"(?<![\w.])\d[\d_,]*(?:\.\d+)?(?:e-?\d+)?")


def numbers(text):
    """Numbers that occur in a text."""
    return {
        float(t.rstrip(",").replace("_", "").replace(",", ""))
        for t in NUMBER.findall(text)
    }


def claims(path):
    """Numbers in the text of an example that are not those of its code."""
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(tree_of(path), clean=False)
    lines = source.replace(docstring, "").splitlines()
    text = [
        *docstring.splitlines(),
        *(x.removeprefix("#") for x in lines if x[:1] == "#"),
    ]
    given = numbers("\n".join(line for line in lines if line[:1] != "#"))
    for claim in CLAIM.finditer(" ".join(text)):
        said = claim[1].replace(",", "")
        if not {float(said), float(said) / 100} & given:
            yield said


CLAIMING = [path for path in EXAMPLES if list(claims(path))]
# Pages whose tables are what an example prints.
TABLES = {"plot_which_map": "user_guide/manifold/which_map.rst"}
PRINTING = [path for path in EXAMPLES if path in CLAIMING or path.stem in TABLES]


@pytest.fixture(scope="module")
def outputs():
    """What the examples print that claim numbers, by path; two at a time."""

    def run(path):
        environment = {**os.environ, "MPLBACKEND": "agg"}
        command = [sys.executable, path]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, check=True
        ).stdout

    with ThreadPoolExecutor(2) as threads:
        return dict(zip(PRINTING, threads.map(run, PRINTING), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", CLAIMING, ids=lambda path: path.relative_to(FOLDER).as_posix()
)
def test_numbers_in_the_text_are_those_of_the_output(path, outputs):
    printed = numbers(outputs[path])
    for said in claims(path):
        decimals = len(said.partition(".")[2])
        assert float(said) in {round(number, decimals) for number in printed}, said


def rows(text, row):
    """Names and numbers of rows of a table."""
    for match in re.finditer(row, text, re.MULTILINE):
        yield (
            match[1],
            [float(number) for number in re.split("[, ]+", match[2]) if number],
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_tables_of_the_page_are_the_output(name, outputs):
    (path,) = [path for path in PRINTING if path.stem == name]
    page = (FOLDER.parent / "doc" / TABLES[name]).read_text(encoding="utf-8")
    printed = list(rows(outputs[path], r"^(\S.*?)((?: +-?[\d.]+)+)$"))
    said = list(rows(page, r"^   (\S[^,\n]*)((?:, -?[\d.]+)+)$"))
    assert [name for name, _ in said] == [name for name, _ in printed]
    assert len(said) > 10
    for (name, ours), (_, theirs) in zip(said, printed, strict=True):
        # Maps of neighbors settle a little differently on every processor.
        assert ours == pytest.approx(theirs, rel=0.1, abs=0.05), name
