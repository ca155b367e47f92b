import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.ensemble import IsolationForest

from sklatent.decomposition import PPCA
from sklatent.density import (
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
)
from sklatent.inspection import DensityDisplay
from sklatent.neural import AETransformer

rng = np.random.RandomState(0)
X = rng.normal(size=(300, 2)) @ [[2.0, 0.0], [1.0, 0.5]] + [10, -3]
MASSES = (0.5, 0.9, 0.99)


def test_levels_of_a_gaussian():
    """log p at the contour of mass m is log p(mean) + log(1 - m): chi-squared, 2 dof.

    A quantile of 10,000 draws has mass m up to sqrt(m (1 - m) / 10,000), which is
    0.005 at most; log(1 - m) changes by that over 1 - m. Five of these: a false alarm
    in less than one in a million seeds.
    """
    mixture = GaussianMixture().fit(X)
    display = DensityDisplay.from_estimator(mixture, X, masses=MASSES)
    peak = mixture.score_samples(mixture.means_)[0]
    rest = 1 - np.array(MASSES)
    error = np.sqrt((1 - rest) * rest / 10_000) / rest
    assert (np.abs(display.levels - peak - np.log(rest)) < 5 * error).all()


def test_contour_is_an_ellipse_of_that_radius():
    """The line for mass m is at the Mahalanobis distance sqrt(-2 log(1 - m))."""
    mixture = GaussianMixture().fit(X)
    display = DensityDisplay.from_estimator(
        mixture, X, masses=[0.5, 0.9], margin=0.5, n_grid=300
    )
    # The lowest filled region, between the levels of 0.9 and 0.5, is bounded by both.
    vertices = display.contours_.get_paths()[0].vertices
    centered = vertices - mixture.means_[0]
    radius = np.sqrt(
        np.einsum("ij,jk,ik->i", centered, mixture.precisions_[0], centered)
    )
    near = np.abs(radius[:, None] - np.sqrt(-2 * np.log([0.5, 0.1])))
    # Five standard errors of m, as above, over dm/dr = r exp(-r²/2).
    assert (near < [0.043, 0.07]).any(axis=1).all()


def test_density_on_the_grid():
    mixture = GaussianMixture(2, random_state=0).fit(X)
    display = DensityDisplay.from_estimator(mixture, X, n_grid=20, margin=0.25)
    x, y = display.grid
    low, high = X.min(axis=0), X.max(axis=0)
    beyond = 0.25 * (high - low)
    np.testing.assert_allclose([x[0], y[0]], low - beyond)
    np.testing.assert_allclose([x[-1], y[-1]], high + beyond)
    for i, j in [(0, 3), (7, 12)]:
        expected = mixture.score_samples([[x[j], y[i]]])[0]
        assert display.log_density[i, j] == pytest.approx(expected)
    np.testing.assert_array_equal(display.points_.get_offsets(), X)
    assert len(display.colorbar_.get_ticks()) == len(MASSES)


def test_without_a_sampler_contours_hold_rows():
    density = KNeighborsDensity(20).fit(X)
    display = DensityDisplay.from_estimator(density, X, masses=MASSES, n_grid=20)
    scores = density.score_samples(X)
    shares = [(scores >= level).mean() for level in display.levels]
    np.testing.assert_allclose(shares, MASSES, atol=1 / len(X))


@pytest.mark.parametrize("bins", [2, 8])
def test_empty_cells_and_steps(bins):
    """A log-density of -inf, and masses that are reached in one step."""
    histogram = HistogramDensity(bins).fit(X)
    display = DensityDisplay.from_estimator(histogram, X, n_grid=50)
    assert np.isneginf(display.log_density).any()
    assert np.isfinite(display.levels).all()
    display.figure_.canvas.draw()
    # What is enclosed holds at least the mass: steps only add.
    for mass, level in zip(display.masses, display.levels, strict=True):
        above = histogram.cell_log_density_ >= level
        held = histogram.cell_weight_[above].sum() / histogram.cell_weight_.sum()
        assert held > mass - 0.03  # six standard errors of 10,000 draws


def test_masses_in_any_order():
    mixture = GaussianMixture().fit(X)
    up = DensityDisplay.from_estimator(mixture, X, masses=(0.5, 0.9), n_grid=20)
    down = DensityDisplay.from_estimator(mixture, X, masses=(0.9, 0.5), n_grid=20)
    np.testing.assert_array_equal(up.levels, down.levels[::-1])
    np.testing.assert_array_equal(up.contours_.levels, down.contours_.levels)
    labels = [label.get_text() for label in down.colorbar_.ax.get_yticklabels()]
    assert [label.split()[1] for label in labels] == ["(0.9)", "(0.5)"]


def test_curve_of_one_feature():
    ppca = PPCA(0).fit(X[:, :1])
    display = DensityDisplay.from_estimator(ppca, X[:, :1])
    x, density = display.line_.get_data()
    expected = norm.pdf(x, ppca.mean_[0], np.sqrt(ppca.noise_variance_))
    np.testing.assert_allclose(density, expected)
    np.testing.assert_array_equal(display.points_.get_xdata(), X[:, 0])
    assert display.band_ is display.contours_ is None


@pytest.mark.parametrize("density", [KNeighborsDensity(20), HistogramDensity(10)])
def test_error_band_of_one_feature(density):
    density.fit(X[:, :1])
    display = DensityDisplay.from_estimator(density, X[:, :1], n_grid=30)
    (x,) = display.grid
    log_density, std = density.score_samples(x[:, None], return_std=True)
    corners = display.band_.get_paths()[0].vertices
    assert np.isfinite(corners).all()
    for at, mean, error in zip(x, log_density, std, strict=True):
        here = corners[corners[:, 0] == at, 1]
        if np.isfinite(mean):
            ends = np.exp([mean - 1.96 * error, mean + 1.96 * error])
            np.testing.assert_allclose([here.min(), here.max()], ends)


def test_names_of_features():
    frame = pd.DataFrame(X, columns=["length", "width"])
    density = KernelDensity().fit(frame)
    display = DensityDisplay.from_estimator(density, frame, n_grid=10)
    assert display.ax_.get_xlabel() == "length"
    assert display.ax_.get_ylabel() == "width"


def test_marginal_of_many_features():
    """What the message for more than two features proposes."""
    wide = np.column_stack([X, X[:, 0] ** 2])
    mixture = GaussianMixture(2, random_state=0).fit(wide)
    with pytest.raises(ValueError, match=r"one or two features; got 3.*marginal"):
        DensityDisplay.from_estimator(mixture, wide)
    display = DensityDisplay.from_estimator(
        mixture.marginal([0, 2]), wide[:, [0, 2]], n_grid=20
    )
    assert display.log_density.shape == (20, 20)


@pytest.mark.parametrize("masses", [(0.5, 1.0), (0.0,), (), (0.5, 0.5), 0.5])
def test_masses_must_be_shares(masses):
    with pytest.raises(ValueError, match="masses must"):
        DensityDisplay.from_estimator(GaussianMixture().fit(X), X, masses=masses)


def test_grid_must_have_points():
    with pytest.raises(ValueError, match="n_grid"):
        DensityDisplay.from_estimator(GaussianMixture().fit(X), X, n_grid=1)


@pytest.mark.slow
def test_scores_that_are_no_densities():
    ae = AETransformer(1, hidden_layer_sizes=(), max_epochs=1, random_state=0).fit(X)
    for estimator in (ae, IsolationForest(n_estimators=5, random_state=0).fit(X)):
        with pytest.raises(
            TypeError, match=f"log-density.*; got {type(estimator).__name__}"
        ):
            DensityDisplay.from_estimator(estimator, X)
