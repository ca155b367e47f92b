"""Factor analysis against SciPy, scikit-learn and its first-order conditions."""

import warnings

import numpy as np
import pytest
import sklearn.decomposition
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.exceptions import HeywoodWarning
from tests.decomposition.data import linear_gaussian, observed_log_density, with_missing

PSI = np.array([0.1, 0.4, 0.8, 0.2, 0.6, 1.0, 0.3, 0.5])


@pytest.fixture(scope="module")
def X():
    return linear_gaussian(400, 8, 2, psi=PSI)[0]


@pytest.fixture(scope="module")
def fa(X):
    return FactorAnalysis(2, tol=1e-12, max_iter=5000).fit(X)


def test_first_order_conditions(X, fa):
    """diag(C^-1 (C - S) C^-1) = 0 and (S - C) C^-1 W = 0: Joereskog (1967)."""
    C, S = fa.get_covariance(), np.cov(X.T, bias=True)
    P = np.linalg.inv(C)
    np.testing.assert_allclose(np.diag(P @ (C - S) @ P), 0, atol=1e-5)
    np.testing.assert_allclose((S - C) @ P @ fa.components_.T, 0, atol=1e-5)


def test_density_against_scipy(X, fa):
    model = multivariate_normal(fa.mean_, fa.get_covariance())
    np.testing.assert_allclose(fa.score_samples(X), model.logpdf(X), rtol=1e-10)
    np.testing.assert_allclose(fa.log_likelihood_, fa.score(X), rtol=1e-9)
    np.testing.assert_allclose(fa.loglike_[-1], 400 * fa.score(X), rtol=1e-9)


# 2026-11: noise of 1e-8 of the variance is a Heywood case, and EM is slow for it.
@pytest.mark.filterwarnings(
    "ignore::sklatent.exceptions.HeywoodWarning",
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
@pytest.mark.parametrize(
    "model", [FactorAnalysis(3), FactorAnalysis(), PPCA(3, method="em")], ids=repr
)
@pytest.mark.parametrize("n", [8, 30, 2000])  # fewer rows than features, few, many
def test_little_noise_in_single_precision(model, n):
    """The likelihood is that of the same numbers in double precision, and the score."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, 10))
    X = (X + 1e-4 * rng.normal(size=(n, 10))).astype(np.float32)
    single = clone(model).set_params(random_state=0).fit(X)
    double = clone(single).fit(X.astype(np.float64))
    assert single.log_likelihood_ == pytest.approx(double.log_likelihood_, abs=1e-6)
    # Distances are rounded to 1e-7, which is 1e-3 of the noise.
    assert single.log_likelihood_ == pytest.approx(single.score(X), abs=1e-3)


def test_the_noise_is_found(fa):
    # 400 rows: standard errors of about 10 %.
    np.testing.assert_allclose(fa.noise_variance_, PSI, rtol=0.4, atol=0.05)


# 2026-11: iris and breast_cancer are Heywood cases, which is no matter here.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")
@pytest.mark.parametrize(
    ("load", "q"),
    [(load_iris, 1), (load_wine, 2), (load_breast_cancer, 2), (load_digits, 7)],
)
@pytest.mark.slow
def test_likelihood_is_no_less_than_scikit_learns(load, q):
    X = load().data
    X = X[:, X.std(axis=0) > 0]
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    ours = FactorAnalysis(q, max_iter=5000).fit(X).score(X)
    assert ours >= sklearn.decomposition.FactorAnalysis(q).fit(X).score(X)


def test_likelihood_never_decreases(X):
    for data in (X, with_missing(X, 0.3)):
        history = FactorAnalysis(2).fit(data).log_likelihood_history_
        assert np.diff(history).min() > -1e-11


def test_transform_is_scikit_learns(X, fa):
    """The posterior mean, for the same loadings."""
    peer = sklearn.decomposition.FactorAnalysis(2).fit(X)
    peer.components_, peer.noise_variance_ = fa.components_, fa.noise_variance_
    np.testing.assert_allclose(fa.transform(X), peer.transform(X), rtol=1e-8)


def test_missing_values(X):
    incomplete = with_missing(X, 0.3)
    fa = FactorAnalysis(2, tol=1e-9).fit(incomplete)
    expected = observed_log_density(incomplete, fa.mean_, fa.get_covariance())
    np.testing.assert_allclose(fa.score_samples(incomplete), expected, rtol=1e-9)
    missing = np.isnan(incomplete)
    imputed = fa.impute(incomplete)
    assert (imputed[~missing] == incomplete[~missing]).all()
    by_mean = ((X - np.nanmean(incomplete, axis=0))[missing] ** 2).mean()
    assert ((imputed - X)[missing] ** 2).mean() < 0.6 * by_mean


def test_units_of_a_feature_do_not_matter(X, fa):
    factor = np.array([1e6, 1, 1e-6, 1, 1, 1e3, 1, 1])
    other = FactorAnalysis(2, tol=1e-12, max_iter=5000).fit(factor * X)
    np.testing.assert_allclose(
        other.noise_variance_, factor**2 * fa.noise_variance_, rtol=1e-6
    )
    np.testing.assert_allclose(
        other.score(factor * X), fa.score(X) - np.log(factor).sum(), rtol=1e-8
    )


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_weights_are_repetitions(X, share):
    X = with_missing(X[:100], share)
    weight = np.random.RandomState(0).randint(0, 4, size=100)
    settings = {"tol": 1e-12, "max_iter": 5000}
    weighted = FactorAnalysis(2, **settings).fit(X, sample_weight=weight)
    repeated = FactorAnalysis(2, **settings).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(
        weighted.get_covariance(), repeated.get_covariance(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(weighted.loglike_[-1], repeated.loglike_[-1], rtol=1e-9)


@pytest.mark.parametrize("rotation", ["varimax", "quartimax"])
def test_rotation(X, fa, rotation):
    rotated = FactorAnalysis(2, tol=1e-12, max_iter=5000, rotation=rotation).fit(X)
    np.testing.assert_allclose(
        rotated.get_covariance(), fa.get_covariance(), rtol=1e-8, atol=1e-8
    )
    gamma = {"varimax": 1.0, "quartimax": 0.0}[rotation]

    def criterion(L):
        return (L**4).sum() - gamma * ((L**2).sum(axis=0) ** 2).sum() / len(L)

    # The best of all rotations of two factors, by trying.
    angles = np.linspace(0, np.pi, 20_001)
    W = fa.components_.T
    best = max(
        criterion(W @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]))
        for a in angles[::10]
    )
    np.testing.assert_allclose(criterion(rotated.components_.T), best, rtol=1e-5)


def test_start(X):
    default = FactorAnalysis(2, tol=1e-10, max_iter=5000).fit(X)
    other = FactorAnalysis(
        2, tol=1e-10, max_iter=5000, noise_variance_init=np.linspace(0.1, 2, 8)
    ).fit(X)
    np.testing.assert_allclose(
        default.noise_variance_, other.noise_variance_, rtol=1e-3
    )
    with pytest.raises(ValueError, match="8 positive numbers"):
        FactorAnalysis(2, noise_variance_init=np.ones(3)).fit(X)
    for wrong in ([], [np.inf] * 8, [0.0] * 8):
        with pytest.raises(ValueError, match="8 positive numbers"):
            FactorAnalysis(2, noise_variance_init=wrong).fit(X)


def test_heywood_case():
    rng = np.random.RandomState(0)
    z = rng.normal(size=(200, 1))
    X = np.hstack([z, 0.1 * z + rng.normal(size=(200, 4))])
    with pytest.warns(HeywoodWarning, match=r"features \[0, 5\]"):
        fa = FactorAnalysis(2, max_iter=5000, tol=1e-7).fit(np.hstack([X, z + 0.01]))
    assert (fa.noise_variance_ > 0).all()
    assert np.isfinite(fa.score_samples(np.hstack([X, z + 0.01]))).all()


def test_little_noise_is_no_heywood_case():
    X, _, _, psi = linear_gaussian(2000, 10, 2, psi=np.full(10, 0.02**2))
    fa = FactorAnalysis(2).fit(X)  # warnings are errors
    # 2000 rows: standard errors of about 4 %.
    np.testing.assert_allclose(fa.noise_variance_, psi, rtol=0.2)


@pytest.mark.parametrize("max_iter", [1, 2, 5])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_likelihood_is_that_of_the_model_however_short_the_training(X, max_iter, share):
    data = with_missing(X, share)
    with pytest.warns(ConvergenceWarning, match=f"max_iter={max_iter} "):
        fa = FactorAnalysis(2, max_iter=max_iter, tol=0).fit(data)
    np.testing.assert_allclose(fa.score(data), fa.log_likelihood_, rtol=1e-10)
    assert len(fa.log_likelihood_history_) == max_iter + 1
    assert np.diff(fa.log_likelihood_history_).min() >= 0


# 2026-11: so few observations leave some features without noise.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")
def test_ninety_percent_missing(X):
    data = with_missing(X, 0.9)
    fa = FactorAnalysis(2, tol=1e-6).fit(data)
    assert np.diff(fa.log_likelihood_history_).min() >= 0
    np.testing.assert_allclose(fa.score(data), fa.log_likelihood_, rtol=1e-6)


@pytest.mark.slow
def test_gradient_vanishes_with_missing():
    data = with_missing(linear_gaussian(150, 5, 1, psi=PSI[:5] + 0.3)[0], 0.3)
    fa = FactorAnalysis(1, tol=1e-12, max_iter=5000).fit(data)

    def mean_log_likelihood(theta):
        W, mu, log_psi = theta[:5], theta[5:10], theta[10:]
        C = np.outer(W, W) + np.diag(np.exp(log_psi))
        return observed_log_density(data, mu, C).mean()

    theta = np.concatenate([fa.components_[0], fa.mean_, np.log(fa.noise_variance_)])
    # Forward differences are off by 1e-5 times a second derivative of order 1.
    assert np.abs(approx_fprime(theta, mean_log_likelihood, 1e-5)).max() < 1e-4
    assert np.abs(approx_fprime(1.05 * theta, mean_log_likelihood, 1e-5)).max() > 1e-3


def test_constant_feature(X):
    constant = np.column_stack([X, np.full(400, 3.0)])
    fa = FactorAnalysis(2).fit(constant)
    rebuilt = fa.inverse_transform(fa.transform(constant))
    np.testing.assert_allclose(rebuilt[:, -1], 3, atol=1e-6)
    assert np.isfinite(fa.score_samples(constant)).all()


def test_more_features_than_rows():
    X, *_ = linear_gaussian(30, 60, 2)
    fa = FactorAnalysis(2, max_iter=3000).fit(X)
    assert np.isfinite(fa.score_samples(X)).all()


def test_all_factors_by_default(X):
    assert FactorAnalysis(tol=1e-3).fit(X).n_components_ == 8


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(60, 6), (12, 30)])
def test_weights_as_shares(shape, share):
    X = with_missing(linear_gaussian(*shape, 1)[0], share)
    settings = {"tol": 1e-9, "max_iter": 5000}
    share = np.full(len(X), 1 / len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HeywoodWarning)
        ones = FactorAnalysis(1, **settings).fit(X)
        shares = FactorAnalysis(1, **settings).fit(X, sample_weight=share)
    np.testing.assert_allclose(shares.mean_, ones.mean_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        shares.get_covariance(), ones.get_covariance(), rtol=1e-3, atol=1e-3
    )
    np.testing.assert_allclose(shares.log_likelihood_, ones.log_likelihood_, rtol=1e-7)
    np.testing.assert_allclose(shares.loglike_[-1], shares.log_likelihood_)


# 2026-11: all the factors there can be, and fewer rows than features, leave no noise.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.HeywoodWarning")
def test_weights_are_repetitions_with_all_factors():
    """Factors without any variance have no codes, however little noise there is."""
    rng = np.random.RandomState(42)
    X, weight = rng.uniform(size=(15, 30)), rng.randint(0, 5, size=15)
    weighted = FactorAnalysis().fit(X, sample_weight=weight)
    repeated = FactorAnalysis().fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(
        weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-9
    )
    rank = (weight > 0).sum() - 1
    assert (weighted.transform(X)[:, rank:] == 0).all()
