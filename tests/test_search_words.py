"""The documentation has the words that people search for, and ranks its pages.

`make doc` checks the index of the built pages itself, by the same table.
"""

import importlib
import re
import sys
from pathlib import Path

import pytest

DOC = Path(__file__).parents[1] / "doc"


def extension(name):
    """Import an extension of the documentation, as conf.py makes it possible."""
    sys.path.insert(0, str(DOC / "_ext"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOC / "_ext"))


search_words = extension("search_words")
search_ranking = extension("search_ranking")

# Queries that have to be in the table, whatever else is.
EXPECTED = {
    "outlier detection",
    "anomaly",
    "anomaly detection",
    "contamination",
    "threshold",
    "missing values",
    "imputation",
    "synthetic data",
    "tabular",
    "dimensionality reduction",
    "embedding",
    "visualization",
    "density estimation",
    "generative",
    "elbow",
    "number of components",
    "PCA",
    "autoencoder",
    "manifold learning",
    "ONNX",
    "deployment",
    "save",
    "pickle",
    "skops",
    "progress",
    "time series",
}
# Pages that Sphinx writes itself.
WRITTEN = {
    query: page
    for query, page in search_words.QUERIES.items()
    if not page.startswith("generated/")
}


def test_words_of_the_field_are_searched_for():
    assert search_words.QUERIES.keys() >= EXPECTED


@pytest.mark.parametrize(("query", "page"), WRITTEN.items())
def test_page_has_the_words_of_its_query(query, page):
    text = (DOC / f"{page}.rst").read_text(encoding="utf-8")
    phrase = r"\s+".join(map(re.escape, query.split()))
    assert re.search(rf"\b{phrase}", text, re.IGNORECASE)


@pytest.mark.parametrize("query", WRITTEN)
def test_no_two_pages_have_the_same_main_entry_of_the_index(query):
    # They would tie, and the alphabet decide.
    entry = re.compile(rf"^\.\. index::.*! {re.escape(query)}(,|$)", re.MULTILINE)
    pages = [*DOC.glob("*.rst"), *DOC.glob("user_guide/**/*.rst")]
    assert len([p for p in pages if entry.search(p.read_text(encoding="utf-8"))]) <= 1


def test_build_checks_the_search():
    conf = (DOC / "conf.py").read_text(encoding="utf-8")
    assert '"search_words"' in conf
    assert "search_scorer.js" in conf


class Language:
    """Stems by cutting off an s."""

    stopwords = frozenset({"of", "the"})

    def stem(self, word):
        return word.removesuffix("s")


# An index as Sphinx writes it: of five pages, numbered in this order.
INDEX = {
    "docnames": ["guide/a", "guide/b", "api/Box", "gallery/x", "gallery/y"],
    "titles": ["Outliers", "Mixture models", "Box", "A use", "Use"],
    "alltitles": {
        "Outliers": [[0, None]],
        "Mixture models": [[1, None]],
        "Box": [[2, None]],
        "A use": [[3, None]],
        "Use": [[4, None]],
        "Thresholds": [[1, "thresholds"]],
    },
    "terms": {
        "outlier": [0, 1, 3],
        "threshold": [0, 3],
        "mixture": 1,
        "box": [0, 2],
        "density": [1, 3],
    },
    "titleterms": {"outlier": 0, "mixture": [1], "model": 1, "box": [2], "use": [3, 4]},
    "indexentries": {
        "contamination": [[0, "index-0", True]],
        "density": [[3, "index-1", False]],
    },
    "objects": {"pkg": [[2, 0, 1, "", "Box"]], "pkg.Box": [[2, 1, 1, "", "density"]]},
    "objnames": {"0": ["py", "class", "Python class"], "1": ["py", "m", "method"]},
}
SCORER = """
var Scorer = {
  folders: {"guide/": 12, "guide/b": 1, "gallery/": -5},
  score: ([docname, title, anchor, descr, score]) => score,
  objNameMatch: 25,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
"""


# An object that has "box" in a part of its name before the last.
PART = "pkg.Box.density"


@pytest.fixture
def search():
    return search_ranking.Search(INDEX, Language(), SCORER)


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        # In the title of a, in the texts of b and of x, which is in the gallery. The
        # title is found twice, as a title and by its word.
        ("outliers", ["guide/a", "guide/a", "guide/b", "gallery/x"]),
        # A section of b has the word in its title: 15 * 9 / 10 + 13 > 5 + 12 of a.
        ("Threshold", ["guide/b", "guide/a", "gallery/x"]),
        # All words are needed, whether in the text or in the title; no stop words.
        ("density of the mixture", ["guide/b"]),
        ("threshold mixture", []),
        # A main entry of the index counts 100 points for the whole of it.
        ("contamination", ["guide/a"]),
        # The object by its name, the text of a, and Box by the title and its word.
        ("box", ["api/Box", "guide/a", "api/Box", "api/Box"]),
        ("absent", []),
        # Of equal points the alphabet decides, "A use" before "Use".
        ("uses", ["gallery/x", "gallery/y"]),
    ],
)
def test_order_of_the_results(search, query, pages):
    found = [result for result in search.find(query) if result.title != PART]
    assert [result.page for result in found] == pages


def test_points_of_the_results(search):
    points = {(r.page, r.score) for r in search.find("box")}
    # Class by name 25 + 5, title 15 + 1 of the page's own, word in the title 15.
    assert {("api/Box", 30), ("api/Box", 16), ("api/Box", 15)} <= points
    assert ("guide/a", 5 + 12) in points


def test_entries_that_are_not_main_come_last(search):
    assert search.find("density")[-1].page == "gallery/x"
    assert search.find("density")[-1].score == 100 - 5


def test_misses_say_what_is_found_instead(search):
    misses = search_words.misses(
        search, {"outliers": "guide/b", "absent": "guide/a", "mixture": "guide/b"}
    )
    assert list(misses) == [
        "'outliers' finds guide/a before guide/b",
        "'absent' finds nothing before guide/a",
    ]


def test_scorer_of_the_built_pages_is_read():
    text = search_ranking.SCORER.read_text(encoding="utf-8")
    points, objects, folders = search_ranking.read_scorer(text)
    assert points.keys() >= {
        "objNameMatch",
        "objPartialMatch",
        "objPrioDefault",
        "title",
        "partialTitle",
        "term",
        "partialTerm",
    }
    assert objects == {0: 15, 1: 5, 2: -5}
    assert folders["user_guide/"] > folders["auto_examples/"]
