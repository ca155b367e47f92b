import re
import sys

import numpy as np
import pytest
from sklearn.base import clone

from sklatent.datasets import (
    make_hypersphere,
    make_line_disk_ball,
    make_manifold,
    make_swiss_roll,
)
from sklatent.dimension import PCASpectrum, _base, compare_dimensions
from sklatent.dimension._advice import advice
from sklatent.exceptions import DuplicateRowsWarning, FewRowsWarning
from sklatent.inspection import DimensionDisplay


@pytest.fixture(scope="module")
def roll():
    return make_swiss_roll(400, random_state=0)[0]


@pytest.fixture(scope="module")
def comparison(roll):
    return compare_dimensions(roll, confidence_level=0.9, n_jobs=1)


def test_estimates_are_those_of_the_estimators_alone(roll, comparison):
    for i, fitted in enumerate(comparison.estimators):
        alone = clone(fitted).fit(roll)
        assert alone.confidence_level == 0.9
        np.testing.assert_allclose(comparison.dimension[i], alone.dimension_)
        np.testing.assert_allclose(
            comparison.confidence_interval[i], alone.confidence_interval_
        )
        pvalue = getattr(alone, "pvalue_", np.nan)
        np.testing.assert_equal(comparison.pvalue[i], pvalue)


def test_scales_are_distances_of_neighbors(roll, comparison):
    D = np.sort(np.linalg.norm(roll[:, None] - roll, axis=2), axis=1)
    mean = np.exp(np.log(D[:, 1:]).mean(axis=0))
    ranks = [2, 2, 8, 32, 20, 20, 11, 10]
    assert comparison.n_neighbors == max(ranks)
    np.testing.assert_allclose(comparison.scale[:-1], mean[np.array(ranks) - 1])
    assert isinstance(comparison.estimators[-1], PCASpectrum)
    assert np.isnan(comparison.scale[-1])


def test_one_search_for_all(roll, monkeypatch):
    searches = []

    def k_nearest(*args, **options):
        searches.append(args[1])
        return found(*args, **options)

    found = _base.k_nearest
    monkeypatch.setattr(_base, "k_nearest", k_nearest)
    compare_dimensions(roll)
    assert searches == [33]


def test_estimators_can_be_used_further(roll, comparison):
    local = {
        name: estimator
        for name, estimator in zip(comparison.names, comparison.estimators, strict=True)
        if name in ("LevinaBickel", "ESS")
    }
    for estimator in local.values():
        np.testing.assert_allclose(
            estimator.transform(roll)[:, 0], estimator.local_dimension_
        )
    two_nn = comparison.estimators[0]
    other = make_hypersphere(100, dimension=5, random_state=0)[0]
    np.testing.assert_equal(
        two_nn.fit(other).dimension_, clone(two_nn).fit(other).dimension_
    )


def test_printed_table(comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    head, *rows, search, said = repr(comparison).splitlines()
    assert "90 % interval" in head
    assert [row[:20].strip() for row in rows] == comparison.names
    assert f"{comparison.dimension[0]:.2f}" in rows[0]
    assert "32 neighbors" in search
    assert said == comparison.advice
    with pytest.raises(ImportError, match="pandas"):
        comparison.to_frame()


def test_frame(comparison):
    frame = comparison.to_frame()
    assert list(frame.index) == comparison.names
    np.testing.assert_array_equal(frame["dimension"], comparison.dimension)
    np.testing.assert_array_equal(
        frame[["low", "high"]], comparison.confidence_interval
    )


def test_display(comparison):
    display = DimensionDisplay.from_comparison(comparison)
    points, _, (bars,) = display.errorbar_
    np.testing.assert_array_equal(points.get_xdata(), comparison.dimension)
    for segment, interval in zip(
        bars.get_segments(), comparison.confidence_interval, strict=True
    ):
        np.testing.assert_allclose(segment[:, 0], interval)


def test_few_and_repeated_rows():
    X = np.random.RandomState(0).normal(size=(9, 3))
    with pytest.warns(FewRowsWarning), pytest.warns(DuplicateRowsWarning) as caught:
        comparison = compare_dimensions(np.repeat(X, 2, axis=0))
    assert sum(w.category is DuplicateRowsWarning for w in caught) == 1
    assert comparison.n_neighbors == 8
    assert np.isfinite(comparison.dimension).all()


def test_bad_input_is_refused_as_by_the_estimators():
    with pytest.raises(ValueError, match="NaN"):
        compare_dimensions([[1.0, np.nan]] * 9)
    grid = np.stack(np.meshgrid(range(9), range(9)), axis=-1).reshape(-1, 2)
    with pytest.raises(ValueError, match="as on a grid"):
        compare_dimensions(grid)
    with pytest.raises(ValueError, match="confidence_level"):
        compare_dimensions(grid, confidence_level=2)


def about(d):
    return d, np.array([0.9, 1.1]) * d


@pytest.mark.parametrize(
    ("near", "far", "others", "pvalue", "said"),
    [
        (2, 3, [2, 2], 0.5, r"rises .* from 2.0 at a distance of 1 to 3.0 at 9"),
        (3, 2, [3, 3], 0.0, r"falls .* from 3.0 .* to 2.0"),
        (2, 2.3, [2, 2], 0.001, "No single dimension"),
        (2, 2.3, [2.1, 2.2], 0.5, r"About 2.1 dimensions"),
        (2, 2, [2, 2.5], 0.5, r"Between 2.0 and 2.5 dimensions"),
    ],
)
def test_rule_of_the_advice(near, far, others, pvalue, said):
    sentence = advice(about(near), about(far), others, pvalue, (1.0, 9.0))
    assert re.search(said, sentence)


def test_wide_intervals_that_overlap_are_no_change_of_scale():
    near, far = (2.0, np.array([1.5, 2.7])), (2.8, np.array([2.6, 3.0]))
    assert advice(near, far, [2, 2], 0.5, (1.0, 9.0)).startswith("About 2.0")


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (make_hypersphere(600, dimension=10, random_state=0)[0], "About 10."),
        (make_swiss_roll(1500, noise=0.3, random_state=0)[0], "The dimension falls"),
        (make_manifold("M13b_Spiral", 600, random_state=0)[0], "The dimension rises"),
        (make_line_disk_ball(6000, random_state=0)[0], "No single dimension"),
    ],
    ids=["sphere", "noise", "spiral", "parts"],
)
@pytest.mark.slow
def test_advice_on_data(X, said):
    assert compare_dimensions(X).advice.startswith(said)
