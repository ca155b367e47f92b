"""What the pages of the documentation show that is made at build time."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import sklatent
from sklatent.base import ScoreMixin

ROOT = Path(sklatent.__file__).parents[1]
FOLDER = ROOT / "doc" / "_ext"


def load(name):
    path = FOLDER / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def extension():
    return load("inherited_examples")


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


DOCSTRING = """\
The parameters are in two groups:

- model: `size`, `noise`;
- training: `lr`.

:Parameters:

    **size** : int
        Of the code.

    **noise** : float
        Its variance.

    **lr** : float
        Of the steps.

:Attributes:

    **size_** : int
        Of the code.
"""


def test_parameters_stand_under_their_groups():
    lines = DOCSTRING.splitlines()
    load("class_pages").group_parameters(lines)
    fields = [line for line in lines if line.startswith(":")]
    assert fields == [
        ":Parameters (model):",
        ":Parameters (training):",
        ":Attributes:",
    ]
    assert lines.index(":Parameters (training):") < lines.index("    **lr** : float")
    assert lines.index(":Parameters (training):") > lines.index("    **noise** : float")
    kept = [line for line in lines if line and not line.startswith(":")]
    assert kept == [
        line for line in DOCSTRING.splitlines() if line and not line.startswith(":")
    ]


def test_docstrings_without_groups_stay():
    for text in (DOCSTRING.replace("- ", "* "), "Without parameters."):
        lines = text.splitlines()
        load("class_pages").group_parameters(lines)
        assert lines == text.splitlines()


def test_groups_of_a_class_hold_all_of_its_parameters_in_their_order():
    neural = pytest.importorskip("sklatent.neural")
    group = load("class_pages").GROUP
    for cls in (neural.AETransformer, neural.VAETransformer):
        text = inspect.getdoc(cls).split("Parameters\n-----")[0]
        items = re.findall(r"^- .*?[;.]$", text, re.MULTILINE | re.DOTALL)
        assert all(group.match(item) for item in items)
        named = re.findall(r"`(\w+)`", "".join(items))
        documented = re.findall(
            r"^(\w+) : ",
            inspect.getdoc(cls).split("Parameters\n-----")[1].split("Attributes\n")[0],
            re.MULTILINE,
        )
        first = [group.match(item)["first"] for item in items]
        assert sorted(named) == sorted(documented)
        assert sorted(first, key=documented.index) == first


def test_table_of_methods_has_the_public_ones():
    extension = load("class_pages")
    methods = list(extension.public_methods(sklatent.PPCA, ["set_output"]))
    assert {"fit", "transform", "impute", "sample", "get_params"} <= set(methods)
    assert not [name for name in methods if name.startswith("_")]
    assert "set_output" not in methods
    table = extension.table_of_methods("sklatent.decomposition.PPCA", ["fit"])
    assert "   ~PPCA.fit" in table


def test_names_break_after_dots_only():
    allow = load("word_breaks").allow_breaks
    assert allow("<h1>sklatent.density<a>#</a></h1>") == (
        "<h1>sklatent.<wbr>density<a>#</a></h1>"
    )
    assert allow('<span class="classifier">a.B or None. 1.5</span>') == (
        '<span class="classifier">a.<wbr>B or None. 1.5</span>'
    )
    assert allow('<a href="a.b.html">sklatent.density</a>') == (
        '<a href="a.b.html">sklatent.<wbr>density</a>'
    )
    # Addresses and the text of paragraphs stay.
    for text in ('<h2>A <a href="a.html">b</a></h2>', "<p>numpy.ndarray</p>"):
        assert allow(text) == text


def test_thumbnails_are_chosen_for_every_example():
    pytest.importorskip("sphinx")
    crops = load("thumbnails").CROPS
    examples = {path.stem for path in (ROOT / "examples").glob("*/plot_*.py")}
    assert crops.keys() == examples
    for box in filter(None, crops.values()):
        left, top, right, bottom = box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


def test_thumbnail_is_the_part_of_the_figure(tmp_path):
    pytest.importorskip("sphinx")
    image = pytest.importorskip("PIL.Image")
    figure = image.new("RGB", (200, 100), "red")
    figure.paste("blue", (100, 0, 200, 100))
    figure.save(tmp_path / "figure.png")
    part = load("thumbnails").cut(tmp_path / "figure.png", (0.5, 0, 1, 1), (40, 20))
    assert part.size == (40, 20)
    assert part.getpixel((20, 10)) == (0, 0, 255, 255)
    assert part.getpixel((0, 0))[3] == 0  # 20 x 20 of blue, and nothing beside it


def test_phones_get_the_links_of_the_map_as_a_list():
    pytest.importorskip("sphinx")
    extension = load("estimator_map")
    picture, listed = extension.draw().split("</svg></div>")
    names = [name for _, _, answers in extension.TREE for _, name in answers]
    for name in names:
        url, shown = extension.target(name)
        assert f'href="{url}"' in picture
        assert f'<a href="{url}"><code>{shown}</code></a>' in listed
