"""Draws of missing entries against SciPy, closed forms and conditional mixtures."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from sklatent.decomposition import PPCA
from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import each_type, three_groups, with_missing

# Two-sided, of each of at most 40 numbers of a test: a false alarm in 6,000 tests.
Z = 4.9


def fitted(covariance_type="full"):
    X = three_groups(p=4)
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    return mixture.fit(X), X


@each_type
def test_draws_follow_the_conditional_mixture(covariance_type):
    """Means, covariances and shares of components, within their standard errors."""
    mixture, X = fitted(covariance_type)
    n = 20_000
    row = np.array([np.nan, X[0, 1], np.nan, X[0, 3]])
    rows = np.array([row, X[1], np.full(4, np.nan)])
    tables = mixture.sample_missing(rows, n, random_state=0)
    assert tables.shape == (n, 3, 4)
    for i, given in ((0, {1: row[1], 3: row[3]}), (2, {})):
        truth = mixture.conditional(given)
        drawn = tables[:, i][:, np.isnan(rows[i])]
        mean, std = mixture.impute(rows, return_std=True)
        mean, std = mean[i][np.isnan(rows[i])], std[i][np.isnan(rows[i])]
        error = std / np.sqrt(n)
        assert (np.abs(drawn.mean(axis=0) - mean) < Z * error).all()
        shares = truth.predict_proba(drawn).mean(axis=0)
        spread = np.sqrt(truth.weights_ * (1 - truth.weights_) / n) + 1e-9
        assert (np.abs(shares - truth.weights_) < Z * spread).all()
        # Whether a row has at most its mean log-density is a coin of that share.
        reference = truth.sample(n, random_state=1)
        level = truth.score_samples(reference).mean()
        shares = [np.mean(truth.score_samples(x) < level) for x in (drawn, reference)]
        assert abs(shares[0] - shares[1]) < Z * np.sqrt(0.5 / n)


def test_covariance_of_draws_of_one_gaussian():
    """Against the Schur complement of the covariance, by a likelihood ratio."""
    X = three_groups(p=4)
    mixture = GaussianMixture().fit(X)
    row, m = np.array([X[0, 0], np.nan, X[0, 2], np.nan]), np.array([1, 3])
    o, S = np.array([0, 2]), mixture.covariances_[0]
    B = S[np.ix_(m, o)] @ np.linalg.inv(S[np.ix_(o, o)])
    mean = mixture.means_[0, m] + B @ (row[o] - mixture.means_[0, o])
    covariance = S[np.ix_(m, m)] - B @ S[np.ix_(o, m)]
    drawn = mixture.sample_missing(row[None], 10_000, random_state=0)[:, 0, m]
    fitted = multivariate_normal(drawn.mean(axis=0), np.cov(drawn.T, bias=True))
    gain = fitted.logpdf(drawn) - multivariate_normal(mean, covariance).logpdf(drawn)
    # Twice the gain is chi-squared with 5 degrees of freedom: above 27 once in 18,000.
    assert 2 * gain.sum() < 27


@each_type
def test_observed_entries_and_seeds(covariance_type):
    mixture, X = fitted(covariance_type)
    rows = with_missing(X, 0.3).astype(np.float32)
    missing = np.isnan(rows)
    tables = mixture.sample_missing(rows, 3, random_state=0)
    assert tables.dtype == np.float32
    assert np.isfinite(tables).all()
    for table in tables:
        np.testing.assert_array_equal(table[~missing], rows[~missing])
    assert (tables[0] != tables[1])[missing].all()
    again = mixture.set_params(n_jobs=3).sample_missing(rows, 3, random_state=0)
    np.testing.assert_array_equal(again, tables)
    other = mixture.sample_missing(rows, 3, random_state=1)
    assert (other != tables)[:, missing].all()
    complete = mixture.sample_missing(X, 2)
    np.testing.assert_array_equal(complete, [X, X])


def test_one_component_as_ppca():
    """PPCA of all components is one Gaussian; both draw its conditional law."""
    X = three_groups(p=4)
    rows, n = with_missing(X[:5], 0.5), 20_000
    missing = np.isnan(rows)
    stds = [
        model.fit(X).sample_missing(rows, n, random_state=0).std(axis=0)[missing]
        for model in (GaussianMixture(reg_covar=0), PPCA(4))
    ]
    # The standard error of a standard deviation is its value / sqrt(2 n).
    np.testing.assert_allclose(stds[0], stds[1], rtol=Z / np.sqrt(n))


def test_constants_and_offsets():
    X = three_groups(p=4)
    X[:, 2] = 0.7
    mixture = GaussianMixture(2, random_state=0).fit(X + np.array([0, 1e8, 0, 0]))
    rows = np.full((2000, 4), np.nan)
    drawn = mixture.sample_missing(rows, random_state=0)[0]
    assert (drawn[:, 2] == 0.7).all()
    expected = (X[:, 1] + 1e8).mean()
    assert abs(drawn[:, 1].mean() - expected) < Z * X[:, 1].std() / np.sqrt(2000)


def test_number_of_draws():
    mixture, X = fitted()
    with pytest.raises(ValueError, match="n_samples == 0, must be >= 1"):
        mixture.sample_missing(X, 0)
