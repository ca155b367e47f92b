"""The ratios that the README boasts of are those of the last benchmarks."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "benchmarks" / "RESULTS.md").read_text()

# How a row of the README begins; of RESULTS.md the paragraph, and its peers.
ROWS = [
    (
        "`PCA(10).fit`",
        [
            ("PCA(10).fit, 1,000,000 x 20, float64", "scikit-learn, auto"),
            ("PCA(10).fit, 10,000 x 1,000, float64", "scikit-learn, auto"),
        ],
    ),
    (
        "the same of Dask chunks",
        [
            ("PCA(10), 500,000 x 50, ten chunks", "dask_ml"),
            ("PCA(10), 500,000 x 50, ten chunks", "da.linalg.svd_compressed"),
        ],
    ),
    ("`FactorAnalysis(10).fit`", [("factor analysis, 20,000 x 100", "scikit-learn")]),
    ("`PPCA(5).fit`", [("fit with 30 % missing, 5,000 x 20", "ppca-py")]),
    (
        "`TwoNN().fit`",
        [("TwoNN, 20,000 x 40", "scikit-dimension"), ("TwoNN, 20,000 x 40", "DADApy")],
    ),
    (
        "`KernelDensity.score_samples`",
        [
            ("Gaussian kernels, 20,000 and 20,000 x 10, float64", "scikit-learn"),
            ("Gaussian kernels, 20,000 and 20,000 x 10, float64", "SciPy"),
        ],
    ),
    ("the same, Epanechnikov", [("epanechnikov, h = 0.1,", "scikit-learn")]),
    ("bandwidth among 30", [("30 bandwidths, n = 10,000, d = 5", "GridSearchCV")]),
    (
        "`GaussianMixture(10).fit`",
        [("GaussianMixture(10), 100,000 x 10, to convergence", "scikit-learn")],
    ),
    ("`TSNE().fit`", [("t-SNE, fit of 4,000 x 64", "scikit-learn")]),
    (
        "`TSNE` from given neighbors",
        [
            ("12,000 x 64, 250 + 500 iterations", "openTSNE, Barnes-Hut"),
            ("50,000 x 64, 250 + 250 iterations", "openTSNE, FFT"),
        ],
    ),
    (
        "`MDS().fit`",
        [
            ("metric MDS, 2,000 rows", "scikit-learn"),
            ("non-metric MDS, 2,000 rows", "scikit-learn"),
        ],
    ),
    (
        "`VAETransformer.fit`",
        [
            ("fit, 20,000 x 64, 10 epochs, batch 128\n  VAE", "hand-written"),
            ("fit, 20,000 x 64, 10 epochs, batch 128\n  VAE", "skorch"),
            ("fit, 20,000 x 64, 10 epochs, batch 128\n  VAE", "pythae"),
        ],
    ),
    (
        "`from sklatent import PCA`",
        [
            (
                "from sklatent import PCA, a process each",
                "from sklearn.decomposition import PCA",
            )
        ],
    ),
]


def measured(paragraph, peer):
    """Ratio of a peer in the first paragraph that begins so and has the peer."""
    for found in re.finditer(rf"^{re.escape(paragraph)}", RESULTS, re.MULTILINE):
        text = RESULTS[found.start() :].split("\n\n")[0]
        row = re.search(rf"^  {re.escape(peer)}\b.*? ([\d.]+) x", text, re.MULTILINE)
        if row:
            return float(row[1])
    raise AssertionError(f"{paragraph!r} has no {peer!r}.")


@pytest.mark.parametrize(("start", "cells"), ROWS, ids=[row[0] for row in ROWS])
def test_ratio_is_what_was_measured(start, cells):
    (row,) = re.findall(
        rf"^\| {re.escape(start)}.*\| ([^|]*) \|$", README, re.MULTILINE
    )
    written = re.findall(r"[\d.]+", row)
    assert written == [f"{measured(*cell):#.2g}".rstrip(".") for cell in cells]


def test_no_row_is_left_out():
    section = README.split("## How fast")[1].split("\n## ")[0]
    assert section.count("\n|") - 2 == len(ROWS)


def test_versions_stand_at_the_top():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = project["requires-python"].removeprefix(">=")
    (scikit_learn,) = [d for d in project["dependencies"] if "scikit-learn" in d]
    scikit_learn = scikit_learn.removeprefix("scikit-learn>=")
    for text in (README.split("\n## ")[0], (ROOT / "Makefile").read_text()[:200]):
        assert f"Python {python} or later" in text
        assert f"scikit-learn {scikit_learn} or later" in text
