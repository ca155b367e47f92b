"""Lines about the progress of embeddings and of their measures, without a loss.

The clock is moved by ten seconds at each look, so that there is a line for each block.
"""

import itertools
import re

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone

from sklatent.manifold import ClassicalMDS, DiffusionMap, Isomap, KernelPCA
from sklatent.manifold.metrics import (
    auc_r_nx,
    continuity,
    demap,
    neighbor_recall,
    r_nx,
    trustworthiness,
)
from sklatent.utils import _progress

N, BLOCK = 95, 10
# With how many numbers of rows: the search and the paths, and so on.
PASSES = {
    Isomap(n_neighbors=20): 2,
    Isomap(n_neighbors=20, n_landmarks=7): 2,
    Isomap(n_neighbors=20, metric="manhattan", n_landmarks=7): 2,
    KernelPCA(2, kernel="rbf", n_landmarks=20, random_state=0): 2,
    ClassicalMDS(metric="manhattan", n_landmarks=20): 3,
}


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(N, 3))


@pytest.fixture(autouse=True)
def _ticking(monkeypatch):
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    monkeypatch.setattr(_progress, "FEWEST_ROWS", BLOCK)


def blocks(lines, name):
    """Check the lines of blocks of rows; return how many there are to be."""
    for i, line in enumerate(lines, 1):
        number, bound = re.match(rf"{name} block of rows (\d+)/(\d+), ", line).groups()
        assert int(number) == i
    return int(bound)


@pytest.mark.parametrize(("estimator", "n_passes"), PASSES.items())
def test_a_line_for_each_block_of_rows(estimator, n_passes, X, capsys):
    silent = clone(estimator).fit(X)
    assert capsys.readouterr().out == ""
    fitted = clone(estimator).set_params(verbose=1).fit(X)
    name = type(estimator).__name__
    *lines, end = capsys.readouterr().out.splitlines()
    assert len(lines) == blocks(lines, name) == -(-n_passes * N // BLOCK)
    assert re.fullmatch(rf"{name}: 1 fit in [\w. ]+\.", end)
    np.testing.assert_array_equal(fitted.embedding_, silent.embedding_)


@pytest.mark.parametrize(
    "estimator", [ClassicalMDS(), KernelPCA(2), Isomap(metric="precomputed")]
)
def test_few_or_no_blocks(estimator, X, capsys):
    X = cdist(X, X) if estimator.get_params().get("metric") == "precomputed" else X
    clone(estimator).set_params(verbose=1).fit(X)
    assert f"{type(estimator).__name__}: 1 fit in " in capsys.readouterr().out


def test_products_of_a_diffusion_map(capsys):
    X = np.random.RandomState(0).normal(size=(300, 3))
    silent = DiffusionMap().fit(X)
    assert capsys.readouterr().out == ""
    fitted = DiffusionMap(verbose=1).fit(X)
    *lines, end = capsys.readouterr().out.splitlines()
    kinds = [re.match(r"DiffusionMap (.*) \d+, ", line)[1] for line in lines]
    n_blocks = 300 // BLOCK
    assert kinds[:n_blocks] == ["block of rows"] * n_blocks
    assert "product" in kinds
    # For the errors, half of the rows are searched for twice.
    assert kinds[-n_blocks:] == ["block of rows"] * n_blocks
    assert end.startswith("DiffusionMap: 1 fit in ")
    np.testing.assert_array_equal(fitted.embedding_, silent.embedding_)


@pytest.mark.parametrize(
    "measure", [trustworthiness, continuity, neighbor_recall, r_nx, auc_r_nx, demap]
)
def test_measures(measure, X, capsys, monkeypatch):
    for module in ("_ranks", "_geodesics"):
        path = f"sklatent.manifold.metrics.{module}.BLOCK_ENTRIES"
        monkeypatch.setattr(path, BLOCK * N)
    silent = measure(X, X[:, :2])
    assert capsys.readouterr().out == ""
    found = measure(X, X[:, :2], verbose=1)
    *lines, end = capsys.readouterr().out.splitlines()
    assert len(lines) == blocks(lines, measure.__name__)
    assert len(lines) == -(-(1 + (measure is demap)) * N // BLOCK)
    assert end.startswith(f"{measure.__name__}: 1 call in ")
    np.testing.assert_array_equal(found, silent)
