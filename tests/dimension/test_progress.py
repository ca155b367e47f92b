"""Lines about the progress of estimates, with a clock that each look moves by 10 s."""

import io
import itertools
import re

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent.callback import ProgressLog
from sklatent.dimension import (
    ESS,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
    compare_dimensions,
)
from sklatent.utils import _progress

BLOCK = 10  # rows of a block in the tests
N = 95
# How often the estimators look at each row.
ESTIMATORS = [
    (TwoNN(), 1),
    (Gride(max_neighbors=8), 1),
    (LevinaBickel(3, 6), 1),
    (NeighborScaling(5), 1),
    (ESS(5), 2),
    (PCASpectrum(n_neighbors=5), 2),
]
names = pytest.mark.parametrize(
    ("estimator", "n_passes"), ESTIMATORS, ids=lambda e: type(e).__name__
)


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(N, 3))


@pytest.fixture(autouse=True)
def _ticking(monkeypatch):
    monkeypatch.setattr(_progress, "monotonic", itertools.count(step=10).__next__)
    monkeypatch.setattr(_progress, "FEWEST_ROWS", BLOCK)


def check_lines(printed, name, n_passes, what="fit"):
    """There is a line for each block of rows, and one at the end."""
    *lines, end = printed.splitlines()
    n_blocks = -(-n_passes * N // BLOCK)
    assert len(lines) == n_blocks
    for i, line in enumerate(lines, 1):
        assert line.startswith(f"{name} block of rows {i}/{n_blocks}, ")
    assert re.fullmatch(rf"{re.escape(name)}: 1 {what} in [\w. ]+\.", end)


@names
def test_a_line_for_each_block_of_rows(estimator, n_passes, X, capsys):
    silent = clone(estimator).fit(X)
    assert capsys.readouterr().out == ""
    fitted = clone(estimator).set_params(verbose=1).fit(X)
    name = type(estimator).__name__
    check_lines(capsys.readouterr().out, name, n_passes)
    assert fitted.dimension_ == silent.dimension_
    assert (fitted.confidence_interval_ == silent.confidence_interval_).all()


@names
def test_transform_prints_too(estimator, n_passes, X, capsys):
    if isinstance(estimator, Gride):
        assert not hasattr(estimator, "transform")
        return
    if isinstance(estimator, TwoNN):
        estimator = TwoNN(n_neighbors=5)
    fitted = clone(estimator).fit(X[::-1])
    silent = fitted.transform(X)
    assert capsys.readouterr().out == ""
    found = fitted.set_params(verbose=1).transform(X)
    name = f"{type(estimator).__name__}.transform"
    check_lines(capsys.readouterr().out, name, n_passes, "call")
    assert (found == silent).all()


def chebyshev(x, y):
    return np.abs(x - y).max()


@pytest.mark.parametrize("metric", ["manhattan", chebyshev, "precomputed"])
def test_other_metrics(metric, X, capsys):
    if metric == "precomputed":
        X = cdist(X, X)
    silent = TwoNN(metric=metric).fit(X)
    fitted = TwoNN(metric=metric, verbose=1).fit(X)
    check_lines(capsys.readouterr().out, "TwoNN", 1)
    assert fitted.dimension_ == silent.dimension_


@pytest.mark.scikit_learn_1_9
def test_callbacks_of_a_pipeline_are_told(X):
    stream = io.StringIO()
    pipeline = make_pipeline(StandardScaler(), LevinaBickel(3, 6))
    pipeline.set_callbacks(ProgressLog(interval=0, stream=stream)).fit(X)
    found = re.findall(
        r"^LevinaBickel block of rows (\d+)/10, ", stream.getvalue(), re.M
    )
    assert list(map(int, found)) == list(range(1, 11))


def test_a_line_for_each_permutation(X, capsys):
    PCASpectrum("parallel_analysis", n_permutations=7, verbose=1).fit(X)
    *lines, end = capsys.readouterr().out.splitlines()
    found = [re.match(r"PCASpectrum permutation (\d)/7, ", line)[1] for line in lines]
    assert found == list("1234567")
    assert end.startswith("PCASpectrum: 1 fit in ")


def test_a_fit_without_iterations_prints_its_end(X, capsys):
    PCASpectrum(verbose=1).fit(X)
    assert capsys.readouterr().out.startswith("PCASpectrum: 1 fit in ")


def test_scaling_prints_parts(X, capsys):
    TwoNN(verbose=1).scaling(X, n_levels=3)
    *lines, end = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"TwoNN.scaling level {i}/3" for i in (1, 2, 3)
    ]
    assert end.startswith("TwoNN.scaling: 1 call in ")


def test_a_comparison_prints_the_progress_of_its_estimators(X, capsys):
    comparison = compare_dimensions(X, n_jobs=1, verbose=1)
    ends = re.findall(r"^(\w+): 1 fit in ", capsys.readouterr().out, re.M)
    assert ends == [type(each).__name__ for each in comparison.estimators]
