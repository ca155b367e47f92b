"""Mixtures of rows with missing entries against SciPy, plain loops and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

from sklatent.decomposition import PPCA
from sklatent.density import GaussianMixture
from tests.density.mixture.mixtures import (
    completions,
    constrain,
    each_type,
    em_loop_with_missing,
    full_covariances,
    marginal_log_joint,
    same_start,
    three_groups,
    with_missing,
)


def fitted(covariance_type, p=4):
    X = three_groups(p=p)
    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    return mixture.fit(X), X


@each_type
@pytest.mark.parametrize("p", [4, 12])
@pytest.mark.slow
def test_marginal_density_against_scipy(covariance_type, p):
    mixture, X = fitted(covariance_type, p)
    X = with_missing(X, 0.4)
    X[3] = np.nan
    parameters = mixture.weights_, mixture.means_, full_covariances(mixture)
    L = marginal_log_joint(X, *parameters)
    log_density = logsumexp(L, axis=1)
    np.testing.assert_allclose(
        mixture.score_samples(X), log_density, rtol=1e-9, atol=1e-12
    )
    R = np.exp(L - log_density[:, None])
    np.testing.assert_allclose(mixture.predict_proba(X), R, atol=1e-10)
    np.testing.assert_array_equal(mixture.predict(X), R.argmax(axis=1))
    # The density of a row without observed entries is 1.
    assert abs(mixture.score_samples(X[3:4])[0]) < 1e-12
    np.testing.assert_allclose(mixture.predict_proba(X[3:4])[0], mixture.weights_)


@each_type
def test_rows_beside_others(covariance_type):
    """The same by itself, among complete rows, and in any order."""
    mixture, X = fitted(covariance_type)
    X = with_missing(X, 0.3)
    together = mixture.score_samples(X)
    alone = [mixture.score_samples(x[None])[0] for x in X[:30]]
    np.testing.assert_allclose(together[:30], alone, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mixture.score_samples(X[::-1]), together[::-1])
    complete = ~np.isnan(X).any(axis=1)
    np.testing.assert_allclose(
        mixture.score_samples(X[complete]), together[complete], rtol=1e-12
    )


@each_type
def test_marginals_agree_with_those_of_the_mixture(covariance_type):
    mixture, X = fitted(covariance_type)
    pair = mixture.marginal([3, 1]).score_samples(X[:, [3, 1]])
    X[:, [0, 2]] = np.nan
    np.testing.assert_allclose(mixture.score_samples(X), pair, rtol=1e-10)


# Three steps do not converge, and say so.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@each_type
def test_steps_against_a_plain_loop(covariance_type):
    X = with_missing(three_groups(120), 0.3)
    X[7] = np.nan
    w = np.random.default_rng(1).gamma(1.0, size=120)
    options = same_start(three_groups(120), covariance_type) | {"max_iter": 3}
    weights, means = options["weights_init"], options["means_init"]
    covariances = np.array([np.eye(3) * three_groups(120).var()] * 3)
    history = []
    for _ in range(3):
        weights, means, covariances, log_likelihood = em_loop_with_missing(
            X, w, weights, means, covariances, constrain(covariance_type)
        )
        history.append(log_likelihood)
    ours = GaussianMixture(**options, reg_covar=0.0, accelerate=False).fit(X, None, w)
    np.testing.assert_allclose(ours.weights_, weights, rtol=1e-9)
    np.testing.assert_allclose(ours.means_, means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(full_covariances(ours), covariances, atol=1e-9)
    np.testing.assert_allclose(ours.lower_bounds_, history, rtol=1e-9)


@each_type
@pytest.mark.parametrize("accelerate", [False, True])
def test_likelihood_climbs_steadily(covariance_type, accelerate):
    X = with_missing(three_groups(separation=1.0), 0.3)
    ours = GaussianMixture(
        3,
        covariance_type=covariance_type,
        reg_covar=0.0,
        tol=1e-6,
        max_iter=3000,
        accelerate=accelerate,
        random_state=0,
    ).fit(X)
    assert ours.converged_
    assert np.diff(ours.lower_bounds_).min() > -1e-12  # rounding
    np.testing.assert_allclose(ours.score(X), ours.lower_bound_, atol=1e-5)


def test_one_component_is_the_likeliest_normal_distribution():
    """As factor analysis without factors, whose likelihood has one maximum."""
    X = with_missing(three_groups(), 0.3)
    ours = GaussianMixture(
        covariance_type="spherical", reg_covar=0.0, tol=1e-12, max_iter=1000
    ).fit(X)
    peer = PPCA(0, method="em").fit(X)
    np.testing.assert_allclose(ours.means_[0], peer.mean_, atol=1e-6)
    np.testing.assert_allclose(ours.covariances_[0], peer.noise_variance_, rtol=1e-6)
    np.testing.assert_allclose(ours.score(X), peer.score(X), rtol=1e-9)


@each_type
def test_complete_rows_beside_an_empty_one_are_fitted_as_without(covariance_type):
    """A row without observed entries says nothing, but the table is not complete."""
    X = three_groups()
    # Other algorithms find the two, and they meet where there is nothing to gain.
    options = same_start(X, covariance_type) | {"tol": 1e-12, "max_iter": 1000}
    complete = GaussianMixture(**options).fit(X)
    padded = np.vstack([X, np.full((1, 3), np.nan)])
    ours = GaussianMixture(**options).fit(padded, None, np.r_[np.ones(300), 1e-9])
    np.testing.assert_allclose(ours.means_, complete.means_, atol=1e-6)
    np.testing.assert_allclose(ours.covariances_, complete.covariances_, atol=1e-6)
    np.testing.assert_allclose(ours.lower_bound_, complete.lower_bound_, rtol=1e-7)


def test_parameters_are_recovered():
    """From half the rows with a third of the entries missing completely at random."""
    n, rng = 20_000, np.random.default_rng(0)
    means = np.array([[0.0, 0.0, 0.0], [4.0, 4.0, 0.0]])
    C = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.0], [0.3, 0.0, 1.0]])
    labels = rng.uniform(size=n) < 0.4
    X = means[labels.astype(int)] + rng.multivariate_normal(np.zeros(3), C, n)
    X = with_missing(X, 0.3)
    ours = GaussianMixture(2, tol=1e-6, max_iter=1000, random_state=0).fit(X)
    order = ours.means_[:, 0].argsort()
    # 5 standard errors of 0.7 * 0.4 * n entries, with some slack for mixing: about 0.1.
    np.testing.assert_allclose(ours.weights_[order], [0.6, 0.4], atol=0.03)
    np.testing.assert_allclose(ours.means_[order], means, atol=0.1)
    np.testing.assert_allclose(ours.covariances_[order], [C, C], atol=0.12)


@each_type
def test_imputation_is_the_conditional_expectation(covariance_type):
    mixture, X = fitted(covariance_type)
    X = with_missing(X, 0.4)[:60]
    means, covariances = mixture.means_, full_covariances(mixture)
    imputed, std = mixture.impute(X, return_std=True)
    for x, ours, sd, r in zip(X, imputed, std, mixture.predict_proba(X), strict=True):
        each = list(completions(x, means, covariances))
        mean = sum(share * m for share, (m, _) in zip(r, each, strict=True))
        variance = sum(
            share * (np.diag(C) + (m - mean) ** 2)
            for share, (m, C) in zip(r, each, strict=True)
        )
        np.testing.assert_allclose(ours, mean, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(sd, np.sqrt(variance), rtol=1e-7, atol=1e-7)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(imputed[seen], X[seen])
    assert (std[seen] == 0).all()
    np.testing.assert_array_equal(mixture.impute(imputed), imputed)
    assert mixture.impute(X.astype(np.float32)).dtype == np.float32


def test_imputation_agrees_with_the_conditional_mixture():
    mixture, _ = fitted("full")
    rest = mixture.conditional({0: 0.3, 2: -0.5})
    imputed, std = mixture.impute([[0.3, np.nan, -0.5, np.nan]], return_std=True)
    mean = rest.weights_ @ rest.means_
    np.testing.assert_allclose(imputed[0, [1, 3]], mean)
    draws = rest.sample(100_000, random_state=0)
    # 5 standard errors of a standard deviation
    np.testing.assert_allclose(std[0, [1, 3]], draws.std(axis=0), rtol=0.02)


@each_type
@pytest.mark.parametrize(
    ("offset", "scale", "tolerance"),
    [(1e8, 1.0, 1e-6), (0.0, 1e150, 1e-9), (0.0, 1e-150, 1e-9)],
)
@pytest.mark.slow
def test_any_place_and_unit(covariance_type, offset, scale, tolerance):
    X = with_missing(three_groups(), 0.2)
    mixture = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, tol=1e-6, max_iter=1000
    )
    n_seen = (~np.isnan(X)).sum(axis=1)
    expected = mixture.fit(X).score_samples(X) - n_seen * np.log(scale)
    bound = mixture.lower_bound_ - n_seen.mean() * np.log(scale)
    Y = X * scale + offset
    mixture.fit(Y)
    np.testing.assert_allclose(mixture.score_samples(Y), expected, atol=tolerance)
    np.testing.assert_allclose(mixture.lower_bound_, bound, atol=tolerance)
    # At a maximum, parameters have half the digits of the likelihood. Steps that no
    # last digit decides about have all.
    mixture.set_params(accelerate=False)
    imputed = mixture.fit(X).impute(X) * scale + offset
    np.testing.assert_allclose(
        mixture.fit(Y).impute(Y), imputed, rtol=1e-7, atol=1e-6 * scale
    )


@each_type
def test_integer_weights_are_repeated_rows(covariance_type):
    X = with_missing(three_groups(), 0.2)
    w = np.random.default_rng(0).integers(0, 4, size=len(X))
    mixture = GaussianMixture(
        3, covariance_type=covariance_type, random_state=0, tol=1e-6, max_iter=1000
    )
    weighted = mixture.fit(X, sample_weight=w).score_samples(X)
    repeated = mixture.fit(np.repeat(X, w, axis=0)).score_samples(X)
    # A row without observed entries has 0, to rounding.
    np.testing.assert_allclose(weighted, repeated, rtol=1e-7, atol=1e-12)


def test_single_precision():
    X = with_missing(three_groups() + 1e3, 0.2)
    options = {"random_state": 0, "tol": 1e-5, "max_iter": 1000}
    double = GaussianMixture(3, **options).fit(X)
    single = GaussianMixture(3, **options).fit(X.astype(np.float32))
    scores = single.score_samples(X.astype(np.float32))
    assert scores.dtype == np.float32
    # Rounding of the data at 1000 is 3e-5.
    np.testing.assert_allclose(scores, double.score_samples(X), atol=1e-2)


def test_features_without_any_value():
    X = pd.DataFrame(three_groups(), columns=["a", "b", "c"])
    X["b"] = np.nan
    mixture = GaussianMixture(2)
    with pytest.raises(ValueError, match=r"\['b'\] have no observed value"):
        mixture.fit(X)
    assert not hasattr(mixture, "means_")
    # Rows without weight do not count.
    X.loc[0, "b"] = 1.0
    with pytest.raises(ValueError, match=r"\['b'\] have no observed value"):
        mixture.fit(X, sample_weight=np.r_[0.0, np.ones(299)])


def test_a_feature_that_one_component_never_shows():
    """It keeps what the start gave it there, and everything stays finite."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3)) + np.repeat([0.0, 20.0], 100)[:, None]
    X[:100, 2] = np.nan
    ours = GaussianMixture(2, random_state=0).fit(X)
    assert np.isfinite(ours.score_samples(X)).all()
    assert np.isfinite(ours.impute(X)).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_not_missing(value):
    X = three_groups()
    X[0, 0] = value
    with pytest.raises(ValueError, match="infinity"):
        GaussianMixture().fit(X)


def test_conditioning_of_nearly_dependent_features():
    """A missing entry beside its nearly exact copy is imputed by it, digits kept."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, 1))
    X = np.hstack([z, z + 1e-5 * rng.standard_normal((500, 1))])
    ours = GaussianMixture(reg_covar=0.0).fit(X)
    imputed, std = ours.impute([[0.7, np.nan]], return_std=True)
    residual = X[:, 1] - np.polyval(np.polyfit(X[:, 0], X[:, 1], 1), X[:, 0])
    np.testing.assert_allclose(imputed[0, 1], 0.7, atol=3e-6)
    np.testing.assert_allclose(std[0, 1], residual.std(), rtol=1e-4)


AWKWARD = {
    "constant feature": np.column_stack([three_groups(), np.full(300, 1e8 + 0.1)]),
    "all rows equal": np.full((20, 3), 5.0),
    "copied feature": three_groups()[:, [0, 1, 1]],
    "3 rows": three_groups()[:3],
    "n < p": three_groups(10, p=20),
    "a far outlier": np.vstack([three_groups(), np.full((1, 3), 1e12)]),
    "one feature": three_groups(p=1),
    "single precision": (three_groups() + 1e4).astype(np.float32),
}


# Of few or equal rows some components coincide or die, with a warning.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", AWKWARD)
@each_type
@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.slow
def test_awkward_data_has_a_finite_density(covariance_type, name, share):
    X = with_missing(AWKWARD[name], share, seed=1).astype(AWKWARD[name].dtype)
    X[0] = AWKWARD[name][0]  # something is there of each feature
    mixture = GaussianMixture(2, covariance_type=covariance_type, random_state=0)
    for fitted in (mixture.fit(X), mixture.partial_fit(X)):
        np.testing.assert_allclose(fitted.weights_.sum(), 1.0, rtol=1e-12)
        assert np.isfinite(fitted.score_samples(X)).all()
        imputed, std = fitted.impute(X, return_std=True)
        assert np.isfinite(imputed).all()
        assert np.isfinite(std).all()
        assert np.isfinite(fitted.predict_proba(X)).all()
