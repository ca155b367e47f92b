"""The documentation has the words that people search for.

`make doc` checks the index of the built pages itself, by the same table.
"""

import importlib.util
import re
from pathlib import Path

import pytest

DOC = Path(__file__).parents[1] / "doc"
SPEC = importlib.util.spec_from_file_location(
    "search_words", DOC / "_ext" / "search_words.py"
)
search_words = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(search_words)

# Queries that have to be in the table, whatever else is.
EXPECTED = {
    "outlier detection",
    "anomaly",
    "contamination",
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
}


def test_words_of_the_field_are_searched_for():
    assert search_words.QUERIES.keys() >= EXPECTED


@pytest.mark.parametrize(("query", "page"), search_words.QUERIES.items())
def test_page_has_the_words_of_its_query(query, page):
    text = (DOC / f"{page}.rst").read_text(encoding="utf-8")
    phrase = r"\s+".join(map(re.escape, query.split()))
    assert re.search(rf"\b{phrase}", text, re.IGNORECASE)


def test_build_checks_the_search():
    assert '"search_words"' in (DOC / "conf.py").read_text(encoding="utf-8")


def test_pages_found():
    index = {
        "docnames": ["density", "dimension", "neural"],
        "terms": {"outlier": [0, 2], "detect": 0, "elbow": 1},
        "titleterms": {"outlier": 2, "dimens": [1], "detect": [2]},
    }
    assert search_words.pages_found(index, ["elbow"]) == {"dimension"}
    assert search_words.pages_found(index, ["dimens"]) == {"dimension"}
    # Each word may be in the text or in the title.
    assert search_words.pages_found(index, ["outlier", "detect"]) == {
        "density",
        "neural",
    }
    assert search_words.pages_found(index, ["outlier", "elbow"]) == set()
    assert search_words.pages_found(index, ["absent"]) == set()
