"""Training rows scored by the other training rows, and constant columns."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from sklatent.density import KernelDensity
from sklatent.density.kernel._radial import KERNELS
from sklatent.exceptions import RankDeficientWarning


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_as_fitted_without_the_row(kernel, rng):
    X, weight = rng.standard_normal((30, 2)) + 5, rng.randint(1, 3, 30)
    width = [0.7, 1.1]
    model = KernelDensity(width, kernel=kernel).fit(X, sample_weight=weight)
    got = model.score_samples(X, leave_one_out=True)
    for i in range(len(X)):
        less = weight - (np.arange(30) == i)
        without = KernelDensity(width, kernel=kernel).fit(X, sample_weight=less)
        np.testing.assert_allclose(got[i], without.score_samples(X[[i]])[0], rtol=1e-9)
    new = X + 0.1
    np.testing.assert_array_equal(
        model.score_samples(new, leave_one_out=True), model.score_samples(new)
    )


@pytest.mark.parametrize("metric", ["manhattan", "haversine"])
def test_other_metrics(metric, rng):
    X = rng.uniform(-1, 1, (20, 2))
    got = KernelDensity(0.4, metric=metric).fit(X).score_samples(X, leave_one_out=True)
    for i in range(20):
        others = SklearnKernelDensity(bandwidth=0.4, metric=metric)
        others.fit(np.delete(X, i, axis=0))
        np.testing.assert_allclose(got[i], others.score_samples(X[[i]])[0], rtol=1e-6)


@pytest.mark.parametrize("whiten", [False, True])
def test_adaptive_with_the_bandwidths_of_the_fit(whiten, rng):
    X = rng.standard_normal((40, 2)) @ [[2.0, 1.0], [0.0, 1.0]]
    X = np.vstack([X, X[:3]])
    model = KernelDensity(0.5, adaptive=True, whiten=whiten).fit(X)
    got = model.score_samples(X, leave_one_out=True)
    # The row's own kernel has the height 1 / (n (2 pi)^(d/2) h^2 f^2 |root|).
    root = np.linalg.cholesky(model.covariance_) if whiten else np.eye(2)
    height = np.exp(-np.log(0.5**2 * 2 * np.pi * model.bandwidth_factors_**2))
    height /= np.linalg.det(root)
    want = np.log((43 * np.exp(model.score_samples(X)) - height) / 42)
    np.testing.assert_allclose(got, want, rtol=1e-7)


@pytest.mark.parametrize("adaptive", [False, True, "covariance"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_outliers_are_ranked(adaptive, dtype, rng):
    """Counted themselves, rows far from all others score the same."""
    X = rng.standard_normal((205, 2))
    X[-5:] = np.linspace(50, 450, 5)[:, None]
    X = X.astype(dtype)
    model = KernelDensity("silverman" if not adaptive else "loo", adaptive=adaptive)
    scores = model.fit(X).score_samples(X, leave_one_out=True)
    assert scores.dtype == dtype
    assert np.isfinite(scores).all()
    assert scores[-5:].max() < scores[:-5].min()
    if adaptive is False:
        own = model.score_samples(X)[-4:]
        assert np.ptp(own) < 1e-6 < np.ptp(scores[-5:])


def test_one_row_and_copies():
    for weight in (None, [0.5]):
        model = KernelDensity().fit([[1.0]], sample_weight=weight)
        with pytest.raises(ValueError, match="two training rows"):
            model.score_samples([[1.0]], leave_one_out=True)
    model.fit([[1.0], [1.0]])
    got = model.score_samples([[1.0], [2.0]], leave_one_out=True)
    np.testing.assert_allclose(got, model.score_samples([[1.0], [2.0]]))


@pytest.mark.parametrize(
    "parameters",
    [
        {"bandwidth": "loo"},
        {"bandwidth": "scott"},
        {"bandwidth": "lscv", "adaptive": True},
        {"bandwidth": "silverman", "kernel": "biweight"},
        {"whiten": True},
        {"adaptive": "covariance"},
    ],
)
def test_constant_columns_are_left_aside(parameters, rng):
    others = rng.standard_normal((60, 2))
    X = np.insert(others, [0, 1], [7.0, 0.0], axis=1)
    want = KernelDensity(**parameters).fit(others)
    with pytest.warns(RankDeficientWarning, match="feature 0 and 1 others are const"):
        model = KernelDensity(**parameters).fit(X)
    for leave_one_out in (False, True):
        np.testing.assert_array_equal(
            model.score_samples(X, leave_one_out),
            want.score_samples(others, leave_one_out),
        )
    # The rule of succession.
    new = X + [[1e-3, 0.0, 1e9, 0.0]] * 60
    np.testing.assert_allclose(
        model.score_samples(new), want.score_samples(others) - 2 * np.log(61)
    )
    draws = model.sample(20, random_state=0)
    np.testing.assert_array_equal(draws[:, [0, 2]], [[7.0, 0.0]] * 20)
    np.testing.assert_array_equal(draws[:, [1, 3]], want.sample(20, random_state=0))
    if "bandwidth" in parameters:
        np.testing.assert_array_equal(model.bandwidth_[[0, 2]], 0)
        np.testing.assert_array_equal(model.bandwidth_[[1, 3]], want.bandwidth_)


def test_isj_beside_a_constant_column(rng):
    x = rng.standard_normal((100, 1))
    with pytest.warns(RankDeficientWarning, match="feature 1 is constant"):
        model = KernelDensity("isj").fit(np.append(x, np.ones((100, 1)), axis=1))
    assert model.bandwidth_[0] == KernelDensity("isj").fit(x).bandwidth_[0]


@pytest.mark.parametrize("adaptive", [False, "covariance"])
def test_digits(adaptive):
    """Some pixels are never black in a part of the rows."""
    X = load_digits().data
    with pytest.warns(RankDeficientWarning, match="others are constant in 180"):
        model = KernelDensity("loo", adaptive=adaptive).fit(X[::10])
    assert np.isfinite(model.score_samples(X)).all()
