"""The estimates as functions of distances: laws that are known exactly."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import expon, kstest

from sklatent.dimension import _estimates

REPEATS = 2000


def exponential(seed, d=7.0, n=1000):
    return np.random.RandomState(seed).exponential(1 / d, size=n)


@pytest.mark.parametrize("discard_fraction", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize(
    ("function", "bias"),
    [(_estimates.pareto_mle, 0.003), (_estimates.pareto_line, 0.01)],
)
@pytest.mark.slow
def test_bias_and_error_on_exact_samples(function, bias, discard_fraction):
    """Independent Pareto ratios. The standard error of the mean is below 0.0011."""
    results = [function(exponential(s), discard_fraction) for s in range(REPEATS)]
    estimates = np.array([d for d, _ in results]) / 7.0
    assert abs(estimates.mean() - 1) < bias
    errors = np.array([np.sqrt(i @ i) / len(i) for _, i in results])
    # The standard deviation has a standard error of 1.6 %; 4 of them, and a per cent
    # for the order that the influence leaves out.
    assert errors.mean() == pytest.approx(estimates.std(), rel=0.075)
    np.testing.assert_allclose([i.mean() for _, i in results], 0, atol=1e-10)


@pytest.mark.parametrize(("n1", "n2"), [(1, 2), (1, 3), (4, 8), (7, 20), (3, 4)])
def test_gride_maximises_its_likelihood(n1, n2):
    rng = np.random.RandomState(0)
    n, d = 800, 3.3
    t = -np.log(rng.beta(n1, n2 - n1, size=n)) / d

    def minus_log_likelihood(log_d):
        """With a prior of 1 / d, so that the derivative of the rest is 1."""
        x = np.exp(log_d) * t
        terms = log_d - n1 * x + (n2 - n1 - 1) * np.log(-np.expm1(-x))
        return log_d - terms.sum()

    best = minimize_scalar(
        minus_log_likelihood, bounds=(-3, 5), method="bounded", options={"xatol": 1e-10}
    )
    estimate, influence = _estimates.gride(t, n1, n2)
    assert estimate == pytest.approx(np.exp(best.x), rel=1e-6)
    # The curvature of the likelihood is the information.
    step = 1e-3
    curvature = (
        minus_log_likelihood(best.x + step)
        - 2 * minus_log_likelihood(best.x)
        + minus_log_likelihood(best.x - step)
    ) / step**2
    # Score variance and information agree in expectation: to 4 / sqrt(n).
    assert (influence @ influence) / n**2 == pytest.approx(1 / curvature, rel=0.15)


@pytest.mark.parametrize("d", [1e-3, 0.3, 40.0, 1e4])
def test_gride_finds_any_dimension(d):
    """Newton's steps arrive from the mean, however skewed the ratios."""
    t = -np.log(np.random.RandomState(0).beta(2, 2, size=500)) / d
    assert _estimates.gride(t, 2, 4)[0] == pytest.approx(d, rel=0.15)
    assert _estimates.gride(np.append(t, 1e3 / d), 2, 4)[0] < 2 * d


def test_levina_bickel_is_the_mean_of_inverses():
    rng = np.random.RandomState(0)
    k, n, d = 6, 400, 2.5
    log_distances = np.log(np.cumsum(rng.exponential(size=(n, k)), axis=1)) / d
    local = np.array(
        [
            (k - 1) / sum(row[k - 1] - row[j] for j in range(k - 1))
            for row in log_distances
        ]
    )
    estimate, influence = _estimates.levina_bickel(log_distances, k)
    unbiased = 1 - 1 / (n * (k - 1))
    assert estimate == pytest.approx(unbiased / np.mean(1 / local), rel=1e-12)
    # The sum is gamma with shape n (k - 1).
    assert np.sqrt(influence @ influence) / n == pytest.approx(
        1 / np.sqrt(n * (k - 1)), rel=0.15
    )


@pytest.mark.parametrize("discard_fraction", [0.0, 0.25])
def test_misfit_is_that_of_kolmogorov_and_smirnov(discard_fraction):
    t = exponential(3, n=200)
    misfit = _estimates.pareto_misfit(t, discard_fraction)
    dimension, _ = _estimates.pareto_mle(t, discard_fraction)
    x = np.sort(t)[: 200 - int(200 * discard_fraction)]
    grid = np.r_[x - 1e-12, x]
    below = np.searchsorted(np.sort(t), grid, side="right") / 200
    law = 1 - np.exp(-dimension * grid)
    assert misfit / np.sqrt(200) == pytest.approx(np.abs(below - law).max(), abs=1e-9)
    if discard_fraction == 0:
        statistic = kstest(t, expon(scale=1 / dimension).cdf).statistic
        assert misfit / np.sqrt(200) == pytest.approx(statistic, rel=1e-12)
