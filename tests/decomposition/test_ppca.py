"""Probabilistic PCA against closed forms, SciPy and brute force."""

import numpy as np
import pytest
import sklearn.decomposition
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

from sklatent.callback import LossMonitor
from sklatent.decomposition import PPCA
from sklatent.exceptions import RankDeficientWarning
from tests.decomposition.data import linear_gaussian, observed_log_density, with_missing


def optimum(X, q):
    """sigma2 and mean log-likelihood: Tipping and Bishop (1999), section 3.2."""
    n, p = X.shape
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    eigenvalues = np.zeros(p)
    eigenvalues[: len(s)] = s**2 / n
    sigma2 = eigenvalues[q:].mean()
    log_det = np.log(eigenvalues[:q]).sum() + (p - q) * np.log(sigma2)
    return sigma2, -0.5 * (p * np.log(2 * np.pi) + log_det + p)


COMPLETE = {
    "iris": load_iris().data,
    "digits": load_digits().data,
    "n < p": linear_gaussian(30, 80, 4)[0],
    "n = p": linear_gaussian(20, 20, 4)[0],
}


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("q", [0, 1, 3])
def test_closed_form_is_the_optimum(name, q):
    X = COMPLETE[name]
    ppca = PPCA(q).fit(X)
    sigma2, log_likelihood = optimum(X, q)
    np.testing.assert_allclose(ppca.noise_variance_, sigma2, rtol=1e-10)
    np.testing.assert_allclose(ppca.log_likelihood_, log_likelihood, rtol=1e-10)
    np.testing.assert_allclose(ppca.score(X), log_likelihood, rtol=1e-10)
    if q:
        peer = sklearn.decomposition.PCA(q, svd_solver="full").fit(X)
        assert ppca.score(X) >= peer.score(X)


@pytest.mark.parametrize("name", COMPLETE)
def test_em_reaches_the_closed_form(name):
    X = COMPLETE[name]
    em = PPCA(3, method="em", random_state=0).fit(X)
    closed = PPCA(3).fit(X)
    assert em.log_likelihood_ <= closed.log_likelihood_ + 1e-9
    np.testing.assert_allclose(em.log_likelihood_, closed.log_likelihood_, rtol=1e-8)
    # Rounding of sums of log-likelihoods of order 100.
    assert np.diff(em.log_likelihood_history_).min() > -1e-11
    # An error of 1e-8 in the likelihood is one of 1e-4 in the parameters.
    np.testing.assert_allclose(np.abs(em.W_), np.abs(closed.W_), atol=1e-2)
    np.testing.assert_allclose(em.mean_, closed.mean_, rtol=1e-9)


def test_density_against_scipy():
    X, *_ = linear_gaussian(100, 6, 2)
    ppca = PPCA(2).fit(X)
    model = multivariate_normal(ppca.mean_, ppca.get_covariance())
    np.testing.assert_allclose(ppca.score_samples(X), model.logpdf(X), rtol=1e-10)
    np.testing.assert_allclose(
        ppca.get_precision() @ ppca.get_covariance(), np.eye(6), atol=1e-10
    )
    mean, covariance = ppca.posterior(X)
    gain = np.linalg.solve(ppca.get_covariance(), ppca.W_).T
    np.testing.assert_allclose(mean, (X - ppca.mean_) @ gain.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(covariance, np.eye(2) - gain @ ppca.W_, atol=1e-12)


def test_samples_have_the_moments_of_the_model():
    ppca = PPCA(2).fit(linear_gaussian(500, 5, 2)[0])
    n, C = 40_000, ppca.get_covariance()
    X = ppca.sample(n, random_state=0)
    # 5 means and 15 covariances within 4.5 standard errors: a false alarm in 7,000.
    sd = np.sqrt(np.diag(C))
    assert np.abs((X.mean(axis=0) - ppca.mean_) / (sd / np.sqrt(n))).max() < 4.5
    error = np.sqrt((np.outer(sd, sd) ** 2 + C**2) / n)
    assert np.abs((np.cov(X.T) - C) / error).max() < 4.5


@pytest.fixture(scope="module")
def X():
    X = with_missing(linear_gaussian(300, 6, 2)[0], 0.3)
    X[7] = np.nan
    return X


@pytest.fixture(scope="module")
def ppca(X):
    return PPCA(2, tol=1e-12, max_iter=5000, random_state=0).fit(X)


class TestMissing:
    def test_density_is_that_of_what_is_observed(self, X, ppca):
        expected = observed_log_density(X, ppca.mean_, ppca.get_covariance())
        np.testing.assert_allclose(ppca.score_samples(X), expected, rtol=1e-9)
        np.testing.assert_allclose(ppca.log_likelihood_, expected.mean(), rtol=1e-9)
        assert ppca.score_samples(X)[7] == 0

    def test_likelihood_never_decreases(self, ppca):
        assert np.diff(ppca.log_likelihood_history_).min() > -1e-12

    @pytest.mark.slow
    def test_gradient_vanishes(self, X, ppca):
        """In W, mu and log sigma2, of a likelihood written down row by row."""

        def mean_log_likelihood(theta):
            W, mu, log_sigma2 = theta[:12].reshape(6, 2), theta[12:18], theta[18]
            C = W @ W.T + np.exp(log_sigma2) * np.eye(6)
            return observed_log_density(X, mu, C).mean()

        theta = np.concatenate(
            [ppca.W_.ravel(), ppca.mean_, [np.log(ppca.noise_variance_)]]
        )
        gradient = approx_fprime(theta, mean_log_likelihood, 1e-5)
        # Forward differences are off by 1e-5 times a second derivative of order 1.
        assert np.abs(gradient).max() < 1e-4
        perturbed = approx_fprime(theta * 1.05, mean_log_likelihood, 1e-5)
        assert np.abs(perturbed).max() > 1e-2

    def test_imputation_is_the_conditional_gaussian(self, X, ppca):
        imputed, std = ppca.impute(X, return_std=True)
        observed = ~np.isnan(X)
        assert (imputed[observed] == X[observed]).all()
        assert (std[observed] == 0).all()
        C = ppca.get_covariance()
        for i in range(len(X)):
            o, m = observed[i], ~observed[i]
            if not o.any():
                mean, covariance = ppca.mean_, C
            else:
                gain = np.linalg.solve(C[np.ix_(o, o)], C[np.ix_(o, m)]).T
                mean = ppca.mean_[m] + gain @ (X[i, o] - ppca.mean_[o])
                covariance = C[np.ix_(m, m)] - gain @ C[np.ix_(o, m)]
            np.testing.assert_allclose(imputed[i, m], mean, rtol=1e-8)
            np.testing.assert_allclose(std[i, m] ** 2, np.diag(covariance), rtol=1e-8)

    def test_draws_have_the_conditional_moments(self, X, ppca):
        n = 4000
        tables = ppca.sample_missing(X[:20], n_samples=n, random_state=0)
        assert tables.shape == (n, 20, 6)
        observed = ~np.isnan(X[:20])
        assert (tables[:, observed] == X[:20][observed]).all()
        mean, std = ppca.impute(X[:20], return_std=True)
        incomplete = ~observed
        z = (tables.mean(axis=0) - mean)[incomplete] / (std[incomplete] / np.sqrt(n))
        # About 40 entries: 4.5 standard errors are exceeded once in 3,500 seeds.
        assert np.abs(z).max() < 4.5
        np.testing.assert_allclose(
            tables.std(axis=0)[incomplete], std[incomplete], rtol=0.06
        )

    def test_a_row_with_nothing_observed_has_the_prior(self, X, ppca):
        mean, covariance = ppca.posterior(X)
        assert (mean[7] == 0).all()
        np.testing.assert_allclose(covariance[7], np.eye(2), atol=1e-14)
        np.testing.assert_allclose(ppca.impute(X)[7], ppca.mean_)

    def test_complete_rows_among_incomplete_ones(self, X, ppca):
        complete = np.nan_to_num(X)
        mixed = np.vstack([complete, X[7]])
        for method in (ppca.transform, ppca.score_samples, ppca.reconstruction_error):
            np.testing.assert_allclose(method(mixed)[:-1], method(complete), rtol=1e-9)

    def test_reconstruction_error_of_what_is_observed(self, X, ppca):
        residual = X - ppca.inverse_transform(ppca.transform(X))
        expected = np.nansum(residual**2, axis=1)
        np.testing.assert_allclose(ppca.reconstruction_error(X), expected)


def test_mean_when_holes_depend_on_what_is_observed():
    """x2 is missing where x1 is large; its mean is found, not that of the rest."""
    rng = np.random.RandomState(0)
    n = 20_000
    z = rng.normal(size=(n, 1))
    X = z @ [[1.0, 1.0, 1.0]] + 0.5 * rng.normal(size=(n, 3))
    X[X[:, 0] > 0, 1] = np.nan
    ppca = PPCA(1, random_state=0).fit(X)
    assert np.nanmean(X[:, 1]) < -0.6
    # E[x2] = 0; the standard error of the regression estimate is about 0.01.
    assert abs(ppca.mean_[1]) < 0.04


@pytest.mark.parametrize(
    ("method", "share"), [("em", 0.0), ("em", 0.2), ("closed_form", 0.0)]
)
def test_weights_are_repetitions(method, share):
    X = with_missing(linear_gaussian(60, 5, 2)[0], share)
    weight = np.random.RandomState(0).randint(0, 4, size=60)
    settings = {"method": method, "tol": 1e-13, "max_iter": 3000, "random_state": 0}
    weighted = PPCA(2, **settings).fit(X, sample_weight=weight)
    repeated = PPCA(2, **settings).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-6)
    np.testing.assert_allclose(
        weighted.get_covariance(), repeated.get_covariance(), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        weighted.log_likelihood_, repeated.log_likelihood_, rtol=1e-10
    )


def test_partial_fit_is_fit():
    X = 1e6 + linear_gaussian(100, 5, 2)[0]
    whole = PPCA(2).fit(X)
    parts = PPCA(2)
    for rows in ([0], [1, 2], range(3, 98), [98, 99]):
        parts.partial_fit(X[list(rows)])
    np.testing.assert_allclose(parts.mean_, whole.mean_, rtol=1e-14)
    np.testing.assert_allclose(parts.W_, whole.W_, atol=1e-7)
    np.testing.assert_allclose(parts.noise_variance_, whole.noise_variance_, rtol=1e-8)
    np.testing.assert_allclose(parts.log_likelihood_, whole.log_likelihood_, rtol=1e-8)


def test_partial_fit_leaves_nothing_half_done():
    X, *_ = linear_gaussian(100, 5, 2)
    fresh = PPCA(2).partial_fit(X[:50])
    ppca = PPCA(2).partial_fit(X[:20])
    with pytest.raises(ValueError, match="minimum of 2"):
        ppca.fit(X[:1])
    both = PPCA(2).partial_fit(X[:20]).partial_fit(X[20:50])
    np.testing.assert_array_equal(ppca.partial_fit(X[20:50]).W_, both.W_)
    ppca = PPCA(20)
    with pytest.raises(ValueError, match="n_components must be in"):
        ppca.partial_fit(X[:50])
    ppca.set_params(n_components=2).partial_fit(X[:50])
    np.testing.assert_array_equal(ppca.W_, fresh.W_)
    with pytest.warns(UserWarning, match="starts from nothing"):
        ppca.fit(X).partial_fit(X[:50])
    np.testing.assert_array_equal(ppca.W_, fresh.W_)


def test_one_feature_in_large_units():
    X, *_ = linear_gaussian(300, 6, 3)
    X[:, 0] *= 1e6
    sigma2, log_likelihood = optimum(X, 2)
    ppca = PPCA(2).fit(X)
    # The eigenvalues differ by 1e12, which costs an SVD 4 digits of 16.
    np.testing.assert_allclose(ppca.noise_variance_, sigma2, rtol=1e-8)
    np.testing.assert_allclose(ppca.log_likelihood_, log_likelihood, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-150, 1e150])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_units(factor, share):
    X = with_missing(linear_gaussian(80, 4, 1)[0], share)
    one = PPCA(1, random_state=0).fit(X)
    other = PPCA(1, random_state=0).fit(factor * X)
    shift = (~np.isnan(X)).sum(axis=1) * np.log(factor)
    np.testing.assert_allclose(
        other.score_samples(factor * X), one.score_samples(X) - shift, rtol=1e-9
    )


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_offset(share):
    X = with_missing(linear_gaussian(200, 4, 1)[0], share)
    X = np.round(X, 6)  # so that the offset, a power of two, adds little rounding
    far = 2.0**27 + X
    near, far_fit = (PPCA(1, random_state=0).fit(x) for x in (X, far))
    np.testing.assert_allclose(
        far_fit.get_covariance(), near.get_covariance(), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(far_fit.mean_ - 2.0**27, near.mean_, atol=1e-6)


def test_single_precision():
    X = with_missing(linear_gaussian(100, 4, 1)[0], 0.2)
    ppca = PPCA(1, random_state=0).fit(X.astype(np.float32))
    assert ppca.transform(X.astype(np.float32)).dtype == np.float32
    assert ppca.impute(X.astype(np.float32)).dtype == np.float32
    assert ppca.sample_missing(X.astype(np.float32)).dtype == np.float32
    double = PPCA(1, random_state=0).fit(X)
    np.testing.assert_allclose(
        ppca.get_covariance(), double.get_covariance(), rtol=1e-4
    )


def test_all_components_are_the_full_covariance():
    X, *_ = linear_gaussian(100, 4, 2)
    full = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True))
    for q in (3, 4):
        ppca = PPCA(q).fit(X)
        np.testing.assert_allclose(ppca.score_samples(X), full.logpdf(X), rtol=1e-8)


def test_information_criteria_choose_the_true_size():
    X, *_ = linear_gaussian(500, 8, 3)
    models = [PPCA(q).fit(X) for q in range(7)]
    assert np.argmin([m.bic(X) for m in models]) == 3
    # p q loadings less a rotation, p means, one noise variance
    n_parameters = 8 * 3 - 3 + 8 + 1
    total = 500 * models[3].log_likelihood_
    np.testing.assert_allclose(models[3].aic(X), 2 * n_parameters - 2 * total)
    np.testing.assert_allclose(models[3].bic(X), np.log(500) * n_parameters - 2 * total)


def test_breast_cancer_imputation():
    """Half of the entries removed: better than the column means by far."""
    X = load_breast_cancer().data
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    incomplete = with_missing(X, 0.5)
    missing = np.isnan(incomplete)
    error = (PPCA(5, random_state=0).fit(incomplete).impute(incomplete) - X)[missing]
    assert (error**2).mean() < 0.5 * (X[missing] ** 2).mean()


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_the_iterations():
    X = 100 * with_missing(linear_gaussian(100, 5, 2)[0], 0.3)
    monitor = LossMonitor()
    ppca = PPCA(2, random_state=0).set_callbacks(monitor).fit(X)
    reached = [-row["loss"] for row in monitor.get_logs().data]
    assert len(reached) == ppca.n_iter_
    # What an iteration has reached lies between its start and the next one's.
    start, following = (
        ppca.log_likelihood_history_[:-1],
        ppca.log_likelihood_history_[1:],
    )
    assert (np.array(reached) >= np.array(start)).all()
    assert (np.array(reached) <= np.array(following) + 1e-12).all()


class TestBadInput:
    def test_feature_never_observed(self):
        X = with_missing(linear_gaussian(20, 4, 1)[0], 0.2)
        X[:, 2] = np.nan
        with pytest.raises(ValueError, match=r"Features \[2\] have no observed value"):
            PPCA(1).fit(X)

    def test_feature_observed_once(self):
        X = linear_gaussian(50, 4, 1)[0]
        X[1:, 2] = np.nan
        ppca = PPCA(1, random_state=0).fit(X)
        assert np.isfinite(ppca.score_samples(X)).all()
        np.testing.assert_allclose(ppca.impute(X)[0, 2], X[0, 2])

    def test_features_never_observed_together(self):
        X = linear_gaussian(200, 6, 1)[0]
        X[:100, :3] = np.nan
        X[100:, 3:] = np.nan
        ppca = PPCA(1, random_state=0).fit(X)
        assert np.isfinite(ppca.impute(X)).all()
        assert np.diff(ppca.log_likelihood_history_).min() > -1e-11

    def test_ninety_percent_missing(self):
        X = with_missing(linear_gaussian(500, 10, 1)[0], 0.9)
        ppca = PPCA(1, tol=1e-6, random_state=0).fit(X)
        assert np.isfinite(ppca.impute(X)).all()

    def test_infinity_is_no_hole(self):
        X = linear_gaussian(20, 4, 1)[0]
        X[0, 0] = np.inf
        with pytest.raises(ValueError, match="infinity"):
            PPCA(1).fit(X)

    def test_closed_form_with_missing(self):
        X = with_missing(linear_gaussian(20, 4, 1)[0], 0.2)
        with pytest.raises(ValueError, match=r"NaN.*method='em'"):
            PPCA(1, method="closed_form").fit(X)

    def test_too_many_components(self):
        message = r"in \[0, 4\], the number of features; got 5"
        with pytest.raises(ValueError, match=message):
            PPCA(5).fit(linear_gaussian(20, 4, 1)[0])

    @pytest.mark.parametrize("q", [2, 3])
    def test_exact_rank(self, q):
        rng = np.random.RandomState(0)
        X = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 6))
        with pytest.warns(RankDeficientWarning, match="explain the data entirely"):
            ppca = PPCA(q).fit(X)
        assert np.isfinite(ppca.score_samples(X)).all()
        np.testing.assert_allclose(
            ppca.get_covariance(), np.cov(X.T, bias=True), atol=1e-6
        )
        for data in (X, with_missing(X, 0.3)):
            with pytest.warns(RankDeficientWarning, match="explain the data entirely"):
                em = PPCA(q, method="em", tol=1e-6, random_state=0).fit(data)
            assert np.diff(em.log_likelihood_history_).min() >= 0
            # Near the bound the sums over rows have few digits.
            np.testing.assert_allclose(em.score(data), em.log_likelihood_, rtol=1e-3)

    def test_constant_rows(self):
        X = np.full((10, 3), 4.0)
        with pytest.warns(RankDeficientWarning):
            ppca = PPCA(1).fit(X)
        np.testing.assert_allclose(ppca.mean_, 4)
        assert np.isfinite(ppca.score_samples(X)).all()

    def test_two_rows(self):
        X = linear_gaussian(2, 5, 1)[0]
        ppca = PPCA(0).fit(X)
        assert np.isfinite(ppca.score_samples(X)).all()
        with pytest.raises(ValueError, match="minimum of 2"):
            PPCA(1).fit(X[:1])

    def test_no_components(self):
        X, *_ = linear_gaussian(50, 4, 1)
        ppca = PPCA(0).fit(X)
        assert ppca.transform(X).shape == (50, 0)
        spherical = multivariate_normal(X.mean(axis=0), X.var(axis=0).mean())
        np.testing.assert_allclose(ppca.score_samples(X), spherical.logpdf(X))
        incomplete = with_missing(X, 0.2)
        assert np.isfinite(PPCA(0).fit(incomplete).impute(incomplete)).all()

    def test_max_iter_too_small(self):
        X = with_missing(linear_gaussian(50, 4, 1)[0], 0.3)
        with pytest.warns(ConvergenceWarning, match="max_iter=1 "):
            PPCA(1, max_iter=1, random_state=0).fit(X)


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("shape", [(60, 5), (12, 30)])
@pytest.mark.parametrize("method", ["auto", "em"])
def test_weights_as_shares(shape, share, method):
    X = with_missing(linear_gaussian(*shape, 2)[0], share)
    share = np.full(len(X), 1 / len(X))
    ones = PPCA(2, method=method, random_state=0).fit(X)
    shares = PPCA(2, method=method, random_state=0).fit(X, sample_weight=share)
    np.testing.assert_allclose(shares.mean_, ones.mean_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        shares.get_covariance(), ones.get_covariance(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(shares.log_likelihood_, ones.log_likelihood_, rtol=1e-8)


def test_batches_count_by_their_weights():
    X, *_ = linear_gaussian(90, 5, 2)
    parts = PPCA(2)
    for batch in (X[:30], X[30:]):
        parts.partial_fit(batch, sample_weight=np.full(len(batch), 1 / len(X)))
    whole = PPCA(2).fit(X)
    np.testing.assert_allclose(parts.get_covariance(), whole.get_covariance())
    np.testing.assert_allclose(parts.log_likelihood_, whole.log_likelihood_)
