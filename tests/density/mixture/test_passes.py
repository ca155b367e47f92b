"""Statistics of an E-step, by all methods, against plain loops."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from sklatent.density.mixture._em import e_step
from sklatent.density.mixture._model import STRUCTURES, Frame, Mixture, TrainingRows
from sklatent.density.mixture._passes import normalize, row_parts
from sklatent.density.mixture._screening import is_apart
from tests.density.mixture.mixtures import (
    each_type,
    log_joint,
    random_mixture,
    three_groups,
)


def as_they_are(X, weight=None):
    """Rows in the units of the data, their weights not made relative."""
    frame = Frame(np.zeros(X.shape[1], X.dtype), np.ones(X.shape[1]))
    return TrainingRows(X, weight, np.nan, False, frame)


def matrices(mixture):
    """Covariance matrix of each component."""
    L = mixture.expanded_root
    if mixture.structure.diagonal:
        return np.array([np.diag(sd**2) for sd in L])
    return L @ np.swapaxes(L, 1, 2)


@each_type
@pytest.mark.parametrize("method", ["expanded", "whitened", "screened", "missing"])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-11), (np.float32, 2e-5)])
def test_statistics_against_a_plain_loop(covariance_type, method, dtype, rtol):
    X = three_groups(200).astype(dtype)
    w = np.random.default_rng(2).gamma(1.0, size=200)
    mixture = random_mixture(covariance_type)
    ours = e_step(mixture, as_they_are(X, w), 1, method)
    L = log_joint(X, mixture.weights, mixture.means, matrices(mixture))
    R = np.exp(L - logsumexp(L, axis=1)[:, None]) * w[:, None]
    np.testing.assert_allclose(ours.weight, R.sum(axis=0), rtol=rtol)
    np.testing.assert_allclose(ours.log_likelihood, w @ logsumexp(L, axis=1), rtol=rtol)
    np.testing.assert_allclose(ours.total, w.sum())
    for i in range(3):
        m = np.average(X, axis=0, weights=R[:, i])
        C = np.cov(X.T, aweights=R[:, i], bias=True)
        np.testing.assert_allclose(ours.means[i], m, rtol=20 * rtol, atol=rtol)
        C = np.diag(C) if mixture.structure.diagonal else C
        np.testing.assert_allclose(ours.covariances[i], C, atol=20 * rtol)


@each_type
def test_statistics_of_parts_merge(covariance_type):
    X = three_groups(200)
    mixture = random_mixture(covariance_type)
    whole = e_step(mixture, as_they_are(X), 1)
    parts = [e_step(mixture, as_they_are(part), 1) for part in (X[:30], X[30:])]
    merged = parts[0].merge(parts[1])
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(merged, name), value, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("spread", [0.0, 0.7, 6.0])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 2e-4)])
def test_screening_leaves_out_only_what_is_negligible(spread, dtype, rtol):
    """Components that coincide, that overlap, and that are apart."""
    rng = np.random.default_rng(0)
    k, p = 5, 30
    means = spread * rng.standard_normal((k, p))
    root = np.tril(rng.standard_normal((k, p, p))) / np.sqrt(p) + np.eye(p)
    mixture = Mixture(np.full(k, 1 / k), means, root, STRUCTURES["full"])
    label = rng.integers(k, size=4096)
    noise = np.einsum("nij,nj->ni", root[label], rng.standard_normal((4096, p)))
    X = (means[label] + noise).astype(dtype)
    rows = as_they_are(X, rng.gamma(1.0, size=4096))
    assert is_apart(mixture, rows) == (spread > 1)
    screened, plain = (e_step(mixture, rows, 1, m) for m in ("screened", "whitened"))
    for name, value in vars(plain).items():
        np.testing.assert_allclose(getattr(screened, name), value, rtol, rtol)


def test_components_far_from_each_other_keep_their_digits():
    """Where about the origin, 1e7 standard deviations away, none would be left."""
    rng = np.random.default_rng(0)
    near = rng.standard_normal((100, 3))
    X = np.vstack([near, near + 2.0**24])
    means = np.array([[0.0] * 3, [2.0**24] * 3])
    root = np.array([np.eye(3)] * 2)
    mixture = Mixture(np.array([0.5, 0.5]), means, root, STRUCTURES["full"])
    assert mixture.condition > 1e14
    ours = e_step(mixture, as_they_are(X), 1)
    expected = np.cov(near.T, bias=True)
    # The rows themselves are rounded to 2**-28 there.
    np.testing.assert_allclose(ours.covariances[0], expected, atol=1e-12)
    np.testing.assert_allclose(ours.covariances[1], expected, atol=1e-8)


@pytest.mark.parametrize("n", [1, 2047, 4095, 4096, 10_000, 16_384, 99_999])
def test_parts_are_shared_evenly(n):
    parts = row_parts(n)
    sizes = [part.stop - part.start for part in parts]
    assert [part.start for part in parts] == [0, *np.cumsum(sizes)[:-1]]
    assert sum(sizes) == n
    assert len(parts) in {1, 2, 4, 8}
    assert max(sizes) - min(sizes) < len(parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shares_are_no_subnormal_numbers(dtype):
    """They are 0, or large enough to be multiplied; those of no weight are 0."""
    logs = np.linspace(-2000, 0, 5001)
    L = np.array([logs, np.zeros(5001), np.full(5001, -np.inf)], dtype)
    log_density = normalize(L)
    limits = np.finfo(dtype)
    assert ((L[0] == 0) | (L[0] > limits.tiny)).all()
    assert (L[2] == 0).all()
    np.testing.assert_allclose(L[0], expit(logs), rtol=2e3 * limits.eps, atol=1e-25)
    np.testing.assert_allclose(log_density, np.log1p(np.exp(logs)), atol=limits.eps)
