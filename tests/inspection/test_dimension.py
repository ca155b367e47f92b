import numpy as np
import pytest
from scipy.special import digamma
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from sklatent.datasets import make_swiss_roll
from sklatent.dimension import Gride, LevinaBickel, NeighborScaling, PCASpectrum, TwoNN
from sklatent.exceptions import DuplicateRowsWarning
from sklatent.inspection import DimensionDisplay

X, _ = make_swiss_roll(400, noise=0.2, random_state=0)


def test_scales():
    gride = Gride(confidence_level=0.8).fit(X)
    display = DimensionDisplay.from_estimator(gride, name="roll")
    x, y = display.line_.get_data()
    np.testing.assert_array_equal(x, gride.scales_)
    np.testing.assert_array_equal(y, gride.dimension_scales_)
    corners = display.band_.get_paths()[0].vertices
    low, high = gride.confidence_interval_scales_.T
    for x, below, above in zip(gride.scales_, low, high, strict=True):
        here = corners[corners[:, 0] == x, 1]
        assert {below, above} <= set(here)
    assert display.ax_.get_xscale() == "log"
    assert display.line_.get_label() == "roll"


def test_interval_by_scale_from_standard_errors():
    """Without intervals by scale they are made as `confidence_interval_` is."""
    gride = Gride(confidence_level=0.8).fit(X)
    expected = gride.confidence_interval_scales_
    del gride.confidence_interval_scales_
    display = DimensionDisplay.from_estimator(gride)
    np.testing.assert_allclose(display.confidence_interval, expected)


@pytest.mark.parametrize("discard_fraction", [0.0, 0.1, 0.3])
def test_fit_of_two_nn(discard_fraction):
    """Points and line against a fit by hand."""
    two_nn = TwoNN(method="linear", discard_fraction=discard_fraction).fit(X)
    display = DimensionDisplay.from_estimator(two_nn, X)
    D = np.sort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)
    t = np.sort(np.log(D[:, 2] / D[:, 1]))
    y = -np.log(1 - np.arange(1, len(X)) / len(X))
    shown = np.hstack([display.points_.get_data(), display.left_out_points_.get_data()])
    np.testing.assert_allclose(shown, [t[:-1], y], rtol=1e-9, atol=1e-12)
    n_left_out = len(display.left_out_points_.get_xdata())
    # The very largest, where F = 1, has no place in the picture.
    assert n_left_out == max(round(discard_fraction * len(X)) - 1, 0)
    x, y = display.line_.get_data()
    np.testing.assert_allclose(np.diff(y) / np.diff(x), two_nn.dimension_)
    np.testing.assert_allclose(y[0], two_nn.dimension_ * x[0])
    assert display.ax_.get_legend() is not None


def test_fit_of_two_nn_without_data():
    two_nn = TwoNN().fit(X)
    display = DimensionDisplay.from_estimator(two_nn)
    np.testing.assert_array_equal(display.points_.get_xdata(), two_nn.log_ratios_)
    np.testing.assert_array_equal(display.points_.get_ydata(), two_nn.log_survival_)
    assert display.left_out_points_ is None


def test_fit_of_two_nn_says_that_it_is_corrected():
    display = DimensionDisplay.from_estimator(TwoNN(correction="ball").fit(X))
    assert "corrected" in display.line_.get_label()


def test_fit_of_two_nn_warns_of_duplicates_once():
    repeated = np.vstack([X, X[:5]])
    with pytest.warns(DuplicateRowsWarning):
        two_nn = TwoNN().fit(repeated)
    display = DimensionDisplay.from_estimator(two_nn, repeated)
    assert len(display.left_out_points_.get_xdata()) == 39


def test_fit_of_two_nn_with_other_data():
    with pytest.raises(ValueError, match="X must be the data"):
        DimensionDisplay.from_estimator(TwoNN().fit(X), X + X**2)


def test_fit_of_neighbor_scaling():
    """The slope of least squares through the points is that of the line."""
    scaling = NeighborScaling(10).fit(X)
    display = DimensionDisplay.from_estimator(scaling)
    x, y = display.points_.get_data()
    np.testing.assert_array_equal(x, digamma(np.arange(1, 11)))
    slope, intercept = np.polyfit(x, y, 1)
    np.testing.assert_allclose(slope, 1 / scaling.dimension_)
    ends = display.line_.get_xdata()
    np.testing.assert_allclose(display.line_.get_ydata(), intercept + slope * ends)


def test_values_with_intervals():
    fitted = [LevinaBickel(5, 10).fit(X), PCASpectrum().fit(X)]
    display = DimensionDisplay.from_estimators(fitted)
    points, _, (bars,) = display.errorbar_
    np.testing.assert_array_equal(points.get_xdata(), [e.dimension_ for e in fitted])
    for segment, estimator in zip(bars.get_segments(), fitted, strict=True):
        np.testing.assert_allclose(segment[:, 0], estimator.confidence_interval_)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["LevinaBickel", "PCASpectrum"]
    bottom, top = display.ax_.get_ylim()
    assert bottom > top  # the first is uppermost


def test_from_estimators_fits_clones():
    unfitted, fitted = TwoNN(method="linear"), TwoNN().fit(X[:200])
    display = DimensionDisplay.from_estimators([unfitted, fitted], X)
    assert display.names == ["TwoNN(method='linear')", "TwoNN()"]
    expected = [TwoNN(method="linear").fit(X).dimension_, fitted.dimension_]
    np.testing.assert_array_equal(display.dimension, expected)
    assert not hasattr(unfitted, "dimension_")


def test_from_estimators_keeps_equal_ones_apart():
    halves = [TwoNN().fit(X[::2]), TwoNN().fit(X[1::2])]
    display = DimensionDisplay.from_estimators(halves)
    np.testing.assert_array_equal(display.dimension, [h.dimension_ for h in halves])
    named = DimensionDisplay.from_estimators({"even": halves[0], "odd": halves[1]})
    assert named.names == ["even", "odd"]


def test_errors():
    with pytest.raises(NotFittedError):
        DimensionDisplay.from_estimator(TwoNN(), X)
    with pytest.raises(ValueError, match="X must be given, since TwoNN is not fitted"):
        DimensionDisplay.from_estimators([TwoNN()])
    with pytest.raises(ValueError, match="at least one"):
        DimensionDisplay.from_estimators([], X)
    linear = LinearRegression().fit(X, X[:, 0])
    with pytest.raises(TypeError, match="has no dimension_"):
        DimensionDisplay.from_estimators([TwoNN(), linear], X)
