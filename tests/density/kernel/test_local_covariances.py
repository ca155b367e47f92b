"""Kernels with local covariances, against the definition with p x p matrices."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal

from sklatent.density import KernelDensity
from sklatent.density.kernel import _local_covariances
from sklatent.density.kernel._local_covariances import SCALES, SHRINKAGES
from sklatent.density.kernel._local_gaussians import Neighborhoods, log_sums_of_others


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def direct(X, weight, new, k, a, h):
    """Log-density of each row of `new`, as the docstring has it."""
    mean = np.average(X, axis=0, weights=weight)
    cov = np.cov(X.T, aweights=weight, ddof=0).reshape(X.shape[1], -1)
    target = (np.diag(np.diag(cov)) + cov) / 2
    Z = (X - mean) / np.sqrt(np.diag(cov))
    terms = []
    for j, x in enumerate(X):
        distance = np.linalg.norm(Z - Z[j], axis=1)
        distance[j] = np.inf
        D = X[np.argsort(distance)[:k]] - x
        S = D.T @ D / k
        t = np.trace(np.linalg.solve(target, S)) / len(S)
        C = h**2 * ((1 - a) * S + a * t * target)
        log_p = np.atleast_1d(multivariate_normal(x, C).logpdf(new))
        terms.append(np.log(weight[j]) + log_p)
    return logsumexp(terms, axis=0) - np.log(weight.sum())


@pytest.mark.parametrize(("n", "p"), [(60, 1), (60, 3), (40, 50)])
def test_as_defined(n, p, rng):
    X = rng.standard_normal((n, p)) @ rng.standard_normal((p, p)) + 3
    X *= np.geomspace(1, 3, p)
    weight = rng.uniform(0.5, 2, n)
    model = KernelDensity(0.9, adaptive="covariance").fit(X, sample_weight=weight)
    new = np.vstack([X[:5], X[:20] + 0.1 * X.std(axis=0), 10 * X[:2]])
    want = direct(
        X, weight, new, model.n_neighbors_, model.shrinkage_, model.bandwidth_
    )
    np.testing.assert_allclose(model.score_samples(new), want, rtol=1e-8)


@pytest.mark.parametrize("p", [2, 12])
def test_left_out_rows_are_not_in_the_covariances_of_others(p, rng):
    """As for kernels on the other rows; with p smaller and larger than k."""
    k, shrinkages, scales = 6, [0.05, 0.4], [0.5, 1.1]
    Y = rng.standard_normal((25, p))
    Y[0] = 30.0
    weight = rng.uniform(0.5, 2, 25)

    def hoods(Y, weight):
        squares = ((Y[:, None] - Y) ** 2).sum(axis=2)
        np.fill_diagonal(squares, np.inf)
        return Neighborhoods(Y, weight, np.argsort(squares, axis=1)[:, : k + 1], k)

    got = log_sums_of_others(
        hoods(Y, weight), np.arange(25), weight, shrinkages, scales
    )
    for i in range(25):
        others = np.delete(np.arange(25), i)
        near = hoods(Y[others], weight[others])
        for a, h, log_p in [(0, 0, got[i, 0, 0]), (1, 1, got[i, 1, 1])]:
            a, h, terms = shrinkages[a], scales[h], []
            for j, y in enumerate(near.rows):
                D = near.rows[near.order[j, :k]] - y
                S = D.T @ D / k
                C = h**2 * ((1 - a) * S + a * np.trace(S) / p * np.eye(p))
                log_j = multivariate_normal(y, C).logpdf(Y[i])
                terms.append(np.log(near.weight[j]) + log_j)
            assert abs(log_p - logsumexp(terms)) < 1e-5 * max(1, abs(log_p))


def test_the_likelihood_left_out_is_that_of_new_rows(rng):
    """Without leaving rows out of covariances it would be 100 nats too high."""
    X = rng.standard_normal((400, 4)) @ rng.standard_normal((4, 20))
    X += 0.3 * rng.standard_normal(X.shape)
    model = KernelDensity(adaptive="covariance").fit(X[:200])
    assert abs(model.candidate_scores_.max() - model.score(X[200:])) < 0.5
    left_out = model.score_samples(X[:200], leave_one_out=True).mean()
    assert abs(left_out - model.candidate_scores_.max()) < 1e-5
    best = model.candidate_scores_.argmax()
    assert model.bandwidth_ == model.candidate_bandwidths_[best] == SCALES[best]
    assert model.shrinkage_ in SHRINKAGES


def test_better_than_round_kernels_on_a_curve(rng):
    angle = rng.uniform(0, 6, 800)
    X = np.column_stack([angle * np.cos(angle), angle * np.sin(angle), angle])
    X += 0.05 * rng.standard_normal(X.shape)
    local = KernelDensity(adaptive="covariance").fit(X[::2]).score(X[1::2])
    assert local > KernelDensity("loo", adaptive=True).fit(X[::2]).score(X[1::2]) + 0.2


def test_mass_in_one_and_two_dimensions(rng):
    for d, step in ((1, 0.002), (2, 0.02)):
        X = rng.standard_normal((30, d)) ** 2
        model = KernelDensity(adaptive="covariance").fit(X)
        grid = np.arange(-20, 30, step) if d == 1 else np.arange(-7, 14, step)
        points = np.stack(np.meshgrid(*[grid] * d), axis=-1).reshape(-1, d)
        mass = np.exp(model.score_samples(points)).sum() * step**d
        assert abs(mass - 1) < 1e-3


@pytest.mark.parametrize("whiten", [False, True])
def test_samples_follow_the_density(whiten, rng):
    """Log-densities of samples have the law of an independent sampler's; 1e-3 each."""
    X = np.exp(rng.standard_normal((40, 3)) @ rng.standard_normal((3, 3)))
    model = KernelDensity(adaptive="covariance", whiten=whiten).fit(X)
    draws = model.sample(4000, random_state=0)
    # E[q(x) / p(x)] under p is 1 for any density q, here a broad Gaussian.
    law = multivariate_normal(draws.mean(axis=0), np.cov(draws.T))
    new = law.rvs(4000, random_state=1)
    ratio = np.exp(model.score_samples(new) - law.logpdf(new))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(4000)
    # Along an axis, by the marginal of the mixture that `ratio` weights.
    x = np.sort(new[:, 0])
    cumulative = np.cumsum(ratio[np.argsort(new[:, 0])]) / ratio.sum()
    assert kstest(draws[:, 0], lambda t: np.interp(t, x, cumulative)).statistic < 0.08


def test_units_and_offsets_do_not_matter(rng):
    X = rng.standard_normal((80, 2)) ** 3
    want = KernelDensity(adaptive="covariance").fit(X)
    unit = np.array([1e-150, 1e6])
    got = KernelDensity(adaptive="covariance").fit(X * unit)
    np.testing.assert_allclose(
        got.score_samples(X * unit), want.score_samples(X) - np.log(unit).sum()
    )
    moved = np.round(X * 2**20) / 2**20
    want = KernelDensity(adaptive="covariance").fit(moved).score_samples(moved)
    got = KernelDensity(adaptive="covariance").fit(moved + 1e8)
    np.testing.assert_allclose(got.score_samples(moved + 1e8), want, rtol=1e-5)


def test_repeated_rows_are_weights(rng):
    X, weight = rng.standard_normal((50, 3)), rng.randint(1, 4, 50)
    once = KernelDensity(adaptive="covariance").fit(X, sample_weight=weight)
    often = KernelDensity(adaptive="covariance").fit(np.repeat(X, weight, axis=0))
    for leave_one_out in (False, True):
        np.testing.assert_allclose(
            once.score_samples(X, leave_one_out),
            often.score_samples(X, leave_one_out),
            rtol=1e-9,
        )


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("p", [1, 4])
def test_fewer_rows_than_neighbors(n, p, rng):
    X = rng.standard_normal((n, p))
    with pytest.warns(UserWarning, match=f"so all {n - 1} others are used"):
        model = KernelDensity(adaptive="covariance").fit(X)
    assert model.n_neighbors_ == n - 1
    assert np.isfinite(model.score_samples(np.vstack([X, X + 1e9]))).all()
    assert np.isfinite(model.score_samples(X, leave_one_out=True)).all()
    assert np.isfinite(model.sample(5, random_state=0)).all()
    # Copies are one neighbor.
    with pytest.warns(UserWarning, match=f"X has {n} distinct rows"):
        model.fit(np.repeat(X, 20, axis=0))


def test_an_outlier_at_any_distance(rng):
    X = rng.standard_normal((60, 2))
    for far in (1e3, 1e9, 1e15):
        X[0] = far
        model = KernelDensity(adaptive="covariance").fit(X)
        scores = model.score_samples(X, leave_one_out=True)
        assert np.isfinite(scores).all()
        assert scores.argmin() == 0


def test_many_rows_are_left_out_in_part(rng, monkeypatch):
    X = rng.standard_normal((300, 2)) ** 3
    all_of_them = KernelDensity(adaptive="covariance").fit(X)
    monkeypatch.setattr(_local_covariances, "LEFT_OUT", 100)
    some = KernelDensity(adaptive="covariance").fit(X)
    # The mean of 100 rows instead of 300, whose scores have a deviation of about 2.
    assert np.abs(some.candidate_scores_ - all_of_them.candidate_scores_).max() < 1
    np.testing.assert_allclose(some.score(X), all_of_them.score(X), atol=0.5)


def test_parameters_that_do_not_go_together(rng):
    X = rng.standard_normal((30, 2))
    with pytest.raises(ValueError, match="kernel='gaussian'"):
        KernelDensity(adaptive="covariance", kernel="tophat").fit(X)
    for bandwidth in ("scott", [1.0, 1.0]):
        with pytest.raises(ValueError, match="bandwidth must be a number"):
            KernelDensity(bandwidth, adaptive="covariance").fit(X)
    with pytest.raises(ValueError, match="adaptive='covariance' is for Euclidean"):
        KernelDensity(adaptive="covariance", metric="manhattan").fit(X)
    with pytest.raises(ValueError, match="feature 0 is constant in 30 samples"):
        KernelDensity(adaptive="covariance").fit(0 * X)
    model = KernelDensity(adaptive="covariance").fit(X)
    wide = KernelDensity(2.0, adaptive="covariance").fit(X)
    assert wide.bandwidth_ == 2 * model.bandwidth_
    loo = KernelDensity("loo", adaptive="covariance").fit(X)
    np.testing.assert_array_equal(loo.score_samples(X), model.score_samples(X))
    assert not hasattr(model.set_params(adaptive=False).fit(X), "n_neighbors_")
