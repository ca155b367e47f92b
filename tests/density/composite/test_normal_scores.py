"""Normal scores: against the quantiles of known laws, finite differences, atoms."""

import numpy as np
import pytest
from scipy import stats

from sklatent.density import NormalScoreTransformer
from sklatent.utils._normal_scores import fit_normal_scores

COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(2, size=n),
    "skewed": lambda rng, n: rng.lognormal(size=n),
    "bounded": lambda rng, n: rng.beta(0.5, 0.5, size=n),
    "zeros": lambda rng, n: np.maximum(rng.normal(size=n), 0),
    "whole": lambda rng, n: rng.poisson(3, size=n).astype(float),
    "rounded": lambda rng, n: rng.normal(size=n).round(1),
    "huge": lambda rng, n: 1e150 * rng.normal(size=n),
    "small": lambda rng, n: 1e-150 * rng.normal(size=n),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_the_inverse_gives_training_values_back(name, n):
    x = COLUMNS[name](np.random.RandomState(n), n)
    scores = fit_normal_scores(x)
    back = scores.inverse_transform(scores.transform(x))
    np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-12 * np.abs(x).max())


@pytest.mark.parametrize("name", COLUMNS)
def test_the_slope_is_that_of_finite_differences(name):
    x = COLUMNS[name](np.random.RandomState(0), 500)
    scores = fit_normal_scores(x)
    # Beyond the extremes too. At a knot the second derivative jumps, which costs a
    # difference one order.
    unit = np.ptp(x)
    new = np.linspace(x.min() - unit, x.max() + unit, 997)
    step = 1e-7 * unit
    difference = scores.transform(new + step) - scores.transform(new - step)
    assert (difference > 0).all()
    np.testing.assert_allclose(
        scores.log_slope(new), np.log(difference / (2 * step)), atol=5e-3
    )


@pytest.mark.parametrize(
    "law",
    [stats.norm(3, 2), stats.gamma(2), stats.lognorm(0.5), stats.beta(2, 5)],
    ids=lambda law: law.dist.name,
)
def test_scores_and_density_are_those_of_the_law(law):
    x = law.rvs(100_000, random_state=0)
    scores = fit_normal_scores(x)
    shares = np.linspace(0.02, 0.98, 49)
    quantiles = law.ppf(shares)
    # The error of an empirical quantile in scores, sqrt(F (1 - F) / n) / phi(z), is
    # below 0.007 here; five of them.
    np.testing.assert_allclose(
        scores.transform(quantiles), stats.norm.ppf(shares), atol=0.035
    )
    log_density = stats.norm.logpdf(scores.transform(quantiles))
    log_density += scores.log_slope(quantiles)
    assert np.mean(np.abs(log_density - law.logpdf(quantiles))) < 0.03


@pytest.mark.parametrize("offset", [1e3, 1e4])
def test_values_as_close_as_rounding_stay_apart(offset):
    """In single precision 5000 rows far from 0 have neighbors within its rounding."""
    x = (np.random.RandomState(0).normal(size=5000) + offset).astype(np.float32)
    scores = fit_normal_scores(x)
    assert len(scores.atoms) == 0
    shares = np.linspace(0.02, 0.98, 49)
    quantiles = stats.norm.ppf(shares)
    # As above, for 5000 rows.
    found = scores.transform(offset + quantiles)
    np.testing.assert_allclose(found, quantiles, atol=0.2)


def test_the_mass_is_one():
    x = np.random.RandomState(0).gamma(2, size=200)
    scores = fit_normal_scores(x)
    # Gaussian tails beyond the extremes, whose slopes are at least half of those there.
    grid = np.linspace(x.min() - 60 * np.ptp(x), x.max() + 60 * np.ptp(x), 2_000_001)
    density = np.exp(stats.norm.logpdf(scores.transform(grid)) + scores.log_slope(grid))
    assert abs(np.trapezoid(density, grid) - 1) < 1e-4


def test_atoms_come_back_with_their_shares():
    rng = np.random.RandomState(0)
    rain = np.where(rng.uniform(size=2000) < 0.3, 0, rng.gamma(2, size=2000))
    rooms = rng.choice([1.0, 2.0, 5.0], size=2000, p=[0.5, 0.3, 0.2])
    X = np.column_stack([rain, rooms])
    scores = NormalScoreTransformer().fit(X)
    np.testing.assert_array_equal(scores.n_atoms_, [1, 3])
    drawn = scores.inverse_transform(rng.normal(size=(50_000, 2)))
    # Shares of 50,000 rows have errors of at most 0.0023; four of them.
    assert abs(np.mean(drawn[:, 0] == 0) - np.mean(rain == 0)) < 0.009
    for value in (1.0, 2.0, 5.0):
        assert abs(np.mean(drawn[:, 1] == value) - np.mean(rooms == value)) < 0.009
    assert np.isin(drawn[:, 1], rooms).all()


def test_intervals_of_atoms_have_their_shares():
    x = np.repeat([0.0, 1.0, 4.0], [20, 50, 30])
    low, high, log_width = fit_normal_scores(x).intervals(np.array([0.0, 1.0, 4.0, 99]))
    share = stats.norm.cdf(high) - stats.norm.cdf(low)
    np.testing.assert_allclose(share[:3], [0.2, 0.5, 0.3])
    np.testing.assert_allclose(np.exp(log_width[:3]), [1, 2, 3])
    assert np.isnan([low[3], high[3], log_width[3]]).all()


def test_rounded_columns_are_rounded():
    x = np.random.RandomState(0).normal(50, 10_000, size=300).round(2)
    drawn = fit_normal_scores(x).inverse_transform(np.linspace(-5, 5, 1001))
    np.testing.assert_array_equal(drawn, drawn.round(2))


def test_missing_entries_stay_missing():
    X = np.random.RandomState(0).normal(size=(100, 2))
    X[::3, 1] = np.nan
    scores = NormalScoreTransformer().fit(X)
    Z = scores.transform(X)
    np.testing.assert_array_equal(np.isnan(Z), np.isnan(X))
    np.testing.assert_allclose(scores.inverse_transform(Z), X)
    observed = NormalScoreTransformer().fit(X[:, :1]).log_slope(X[::3, :1])
    np.testing.assert_allclose(scores.log_slope(X[::3]), observed)


def test_weights_count_rows():
    rng = np.random.RandomState(0)
    X, weight = rng.normal(size=(50, 1)), rng.randint(0, 4, size=50)
    new = np.linspace(-3, 3, 50)[:, None]
    weighted = NormalScoreTransformer().fit(X, sample_weight=weight)
    repeated = NormalScoreTransformer().fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.transform(new), repeated.transform(new))


def test_a_column_without_entries_is_refused():
    with pytest.raises(ValueError, match="Column 1 of X must have an observed entry"):
        NormalScoreTransformer().fit([[0.0, np.nan], [1.0, np.nan]])


def test_values_that_differ_by_rounding_are_one():
    """0.3 and 0.1 + 0.2 are different numbers, whose cells would have no length."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=(3, 200)).round(1).sum(axis=0)
    assert len(np.unique(x)) > len(np.unique(x.round(6)))
    new = np.linspace(-5, 5, 101)
    scores, expected = fit_normal_scores(x), fit_normal_scores(x.round(6))
    np.testing.assert_allclose(scores.transform(new), expected.transform(new))
    np.testing.assert_allclose(scores.log_slope(new), expected.log_slope(new))
    one = fit_normal_scores(np.array([0.3, 0.1 + 0.2, 0.3]))
    np.testing.assert_array_equal(one.log_slope(new), 0)
    far = fit_normal_scores(1e15 + rng.normal(size=100))
    assert np.isfinite(far.transform(1e15 + new)).all()


def test_single_precision_keeps_the_rounding():
    x = np.random.RandomState(0).normal(size=300).round(2)
    z = np.linspace(-3, 3, 61)
    single = fit_normal_scores(x.astype(np.float32)).inverse_transform(z)
    np.testing.assert_array_equal(single, fit_normal_scores(x).inverse_transform(z))
