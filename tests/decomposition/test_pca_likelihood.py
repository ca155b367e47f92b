"""The density that belongs to PCA, against brute force, and its limits."""

import numpy as np
import pytest
import sklearn.decomposition
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal

from sklatent.decomposition import PCA
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._pca_solvers import complete
from sklatent.exceptions import RankDeficientWarning
from tests.decomposition.data import (
    ARRAYS,
    each_solver,
    maximum_likelihood_model,
    normal,
    pca,
    spread_out,
    with_singular_values,
)

# --------------------------------------------------------------------------------
# The density

MODELS = [(100, 6, 2), (100, 6, 5), (20, 50, 5), (10, 11, 3), (6, 30, 3), (9, 3, 0)]


@pytest.mark.parametrize(("n", "p", "q"), MODELS)
def test_density_is_the_maximum_likelihood_one(n, p, q):
    X = spread_out(n, p)
    fitted = PCA(q).fit(X)
    mean, C, sigma2 = maximum_likelihood_model(X, q)
    np.testing.assert_allclose(fitted.noise_variance_, sigma2, rtol=1e-10)
    np.testing.assert_allclose(fitted.get_covariance(), C, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        fitted.get_precision() @ C, np.eye(p), rtol=1e-9, atol=1e-9
    )
    expected = multivariate_normal(mean, C).logpdf(X)
    np.testing.assert_allclose(fitted.score_samples(X), expected, rtol=1e-9)


@pytest.mark.parametrize(("n", "p", "q"), MODELS)
def test_likelihood_is_at_least_that_of_scikit_learn(n, p, q):
    X = spread_out(n, p)
    peer = sklearn.decomposition.PCA(q, svd_solver="full").fit(X)
    assert PCA(q).fit(X).score(X) >= peer.score(X) - 1e-9


def test_likelihood_is_stationary():
    """No nearby loadings, mean or noise do better."""
    X = spread_out(30, 5)
    fitted = PCA(2).fit(X)
    best = fitted.score(X)
    rng = np.random.RandomState(0)
    model = fitted._model()
    for _ in range(50):
        W = model.W + 1e-3 * rng.normal(size=model.W.shape)
        mu = model.mu + 1e-3 * rng.normal(size=5)
        psi = fitted.noise_variance_ * np.exp(1e-3 * rng.normal())
        nearby = multivariate_normal(mu, W @ W.T + psi * np.eye(5))
        assert nearby.logpdf(X).mean() < best


def test_all_components_give_the_full_covariance():
    X = spread_out(100, 4)
    fitted = PCA().fit(X)
    assert fitted.noise_variance_ == 0
    C = np.cov(X.T, bias=True)
    np.testing.assert_allclose(fitted.get_covariance(), C, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fitted.get_precision(), np.linalg.inv(C), atol=1e-12)
    expected = multivariate_normal(X.mean(axis=0), C).logpdf(X)
    np.testing.assert_allclose(fitted.score_samples(X), expected, rtol=1e-9)


def test_whitening_changes_neither_density_nor_reconstruction():
    X = spread_out(60, 5)
    plain, white = PCA(2).fit(X), PCA(2, whiten=True).fit(X)
    np.testing.assert_array_equal(plain.score_samples(X), white.score_samples(X))
    np.testing.assert_allclose(
        plain.reconstruction_error(X), white.reconstruction_error(X), rtol=1e-9
    )
    np.testing.assert_allclose(np.cov(white.transform(X).T), np.eye(2), atol=1e-12)


def test_sample_has_the_model_s_moments():
    fitted = PCA(2).fit(spread_out(100, 4))
    draws = fitted.sample(200_000, random_state=0)
    C = fitted.get_covariance()
    # Standard errors of a mean and of a covariance; 5 of them fail 1e-5 of the time.
    scale = np.sqrt(np.diag(C))
    error = np.abs(draws.mean(axis=0) - fitted.mean_) / scale
    assert error.max() < 5 / np.sqrt(200_000)
    error = np.abs(np.cov(draws.T) - C) / np.outer(scale, scale)
    assert error.max() < 5 * np.sqrt(2 / 200_000)


@each_solver
@pytest.mark.parametrize("shape", [(60, 8), (8, 60)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("how", ["dense", "weighted", "batches", "sparse"])
def test_a_constant_column_is_drawn_constant(svd_solver, shape, dtype, how):
    X = spread_out(*shape).astype(dtype)
    X[:, 2], X[:, 5] = 0.1, 0.0
    constants = np.broadcast_to(X[0, [2, 5]], (50, 2))
    estimator = pca(3, svd_solver)
    if how == "batches":
        estimator.partial_fit(X[:3]).partial_fit(X[3:])
    elif how == "weighted":
        estimator.fit(X, sample_weight=np.linspace(0.5, 2, len(X)))
    elif how == "sparse":
        if svd_solver not in ("auto", "arpack", "covariance_eigh"):
            return
        estimator.fit(csr_array(X))
    else:
        estimator.fit(X)
    draws = estimator.sample(50, random_state=0)
    # The mean of sparse rows is a sum over n, which rounds.
    rtol = 1e-15 if how == "sparse" else 0
    np.testing.assert_allclose(draws[:, [2, 5]], constants, rtol=rtol)
    varies = np.delete(np.arange(shape[1]), [2, 5])
    assert (draws[:, varies].std(axis=0) > 0).all()


@pytest.mark.parametrize("noise", [1e-1, 1e-5, 1e-9])
def test_precision_beside_a_feature_with_hardly_any_noise(noise):
    """Woodbury's difference loses as many digits as the noise is small."""
    W, psi = normal(6, 2), np.full(6, 1.0)
    psi[3] = noise
    model = LinearGaussian(W, np.zeros(6), psi)
    P = model.precision()
    np.testing.assert_allclose(model.covariance() @ P, np.eye(6), atol=1e-14)
    np.testing.assert_allclose(P, np.linalg.inv(model.covariance()), rtol=1e-11)


def test_precision_of_a_model_that_is_close_to_singular():
    model = PCA(2).fit(normal(50, 2) @ normal(2, 6, seed=1))._model()
    exact = np.eye(6) / model.psi[0]  # of directions that hold no variance
    outside = np.eye(6)[0] - np.linalg.pinv(model.W.T) @ (model.W.T @ np.eye(6)[0])
    P = model.precision()
    np.testing.assert_allclose(P @ outside, exact @ outside, rtol=1e-9)


def test_posterior_by_brute_force():
    X = spread_out(100, 4)
    fitted = PCA(2).fit(X)
    model = fitted._model()
    mean, covariance = fitted.posterior(X)
    C = fitted.get_covariance()
    gain = model.W.T @ np.linalg.inv(C)
    np.testing.assert_allclose(mean, (X - X.mean(axis=0)) @ gain.T, atol=1e-10)
    np.testing.assert_allclose(covariance, np.eye(2) - gain @ model.W, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
@pytest.mark.parametrize("n_components", [2, None])
def test_unit_of_the_data(scale, n_components):
    X = spread_out(100, 5)
    plain, scaled = PCA(n_components).fit(X), PCA(n_components).fit(scale * X)
    np.testing.assert_allclose(scaled.components_, plain.components_, atol=1e-9)
    np.testing.assert_allclose(
        scaled.score_samples(scale * X),
        plain.score_samples(X) - 5 * np.log(scale),
        rtol=1e-9,
    )


def test_unit_of_one_feature():
    """All components kept, the density only gains the Jacobian."""
    X = spread_out(100, 3)
    for unit in (1e-6, 1e6):
        scaled = X * [unit, 1, 1]
        np.testing.assert_allclose(
            PCA().fit(scaled).score_samples(scaled),
            PCA().fit(X).score_samples(X) - np.log(unit),
            rtol=1e-6,
        )


# --------------------------------------------------------------------------------
# Data without variance in some directions


@each_solver
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_whitening_of_rank_deficient_data(svd_solver, offset):
    X = normal(50, 2) @ normal(2, 6, seed=1) + offset
    estimator = pca(4, svd_solver, whiten=True)
    with pytest.warns(RankDeficientWarning, match="2 of 4 components have no variance"):
        Z = estimator.fit(X).transform(X)
    np.testing.assert_allclose(Z[:, :2].std(axis=0, ddof=1), 1, rtol=1e-6)
    assert not Z[:, 2:].any()
    np.testing.assert_allclose(estimator.inverse_transform(Z), X, atol=1e-8)
    components = estimator.components_
    np.testing.assert_allclose(components @ components.T, np.eye(4), atol=1e-9)
    assert not estimator.explained_variance_[2:].any()


def test_whitening_keeps_small_variances():
    s = np.array([1.0, 1e-5, 1e-10])
    fitted = PCA(whiten=True).fit(with_singular_values(100, s))
    Z = fitted.transform(with_singular_values(100, s))
    np.testing.assert_allclose(Z.std(axis=0, ddof=1), 1, rtol=1e-5)


EDGES = {
    "zeros": np.zeros((5, 3)),
    "constant": np.full((6, 3), 0.1),
    "constant, large": np.full((6, 2), 1e150),
    "one feature": normal(6, 1),
    "one constant feature": np.full((3, 1), 7.0),
    "two rows": normal(2, 4),
    "two equal rows": np.ones((2, 3)),
    "three rows, two features": normal(3, 2),
    "a constant column": normal(20, 3) * [1, 1, 0],
    "copied columns": normal(20, 2)[:, [0, 1, 0, 1]],
    "tied": np.vstack([np.eye(4), -np.eye(4)]),
    "n = p": normal(5, 5),
    "n = p + 1": normal(6, 5),
    "tiny": 1e-150 * normal(20, 3),
    "tiny, rank 1": 1e-150 * normal(20, 1) @ normal(1, 3),
}


@each_solver
@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("n_components", [None, 0, 1, 2, 0.9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_everything_finite_on_the_edges(svd_solver, name, n_components, dtype):
    if dtype == np.float32 and ("large" in name or "tiny" in name):
        return  # beyond its range
    X = EDGES[name].astype(dtype)
    truncated = svd_solver in ("arpack", "randomized")
    limit = min(X.shape) - (svd_solver == "arpack")
    if n_components == 0.9:
        allowed = not truncated
    else:
        q = limit if n_components is None else n_components
        allowed = truncated <= q <= limit
    estimator = pca(n_components, svd_solver)
    if not allowed:
        with pytest.raises(ValueError, match="n_components"):
            estimator.fit(X)
        return
    estimator.fit(X)
    Z = estimator.transform(X)
    outputs = {name: getattr(estimator, name) for name in ARRAYS} | {
        "transform": Z,
        "inverse_transform": estimator.inverse_transform(Z),
        "score_samples": estimator.score_samples(X),
        "posterior": estimator.posterior(X)[0],
        "sample": estimator.sample(3, random_state=0),
        "covariance": estimator.get_covariance(),
        "precision": estimator.get_precision(),
    }
    for what, output in outputs.items():
        assert np.isfinite(output).all(), what
    components = estimator.components_
    np.testing.assert_allclose(
        components @ components.T, np.eye(estimator.n_components_), atol=1e-5
    )
    if n_components is None and svd_solver != "arpack":
        np.testing.assert_allclose(
            outputs["inverse_transform"], X, rtol=1e-5, atol=1e-5 * np.abs(X).max()
        )


def test_rank_deficient_density_is_high_on_the_plane_and_low_off_it():
    X = normal(50, 2) @ normal(2, 6, seed=1)
    fitted = PCA(3).fit(X)
    off = X + 1e-3 * normal(50, 6, seed=2)
    assert fitted.score(X) > fitted.score(off) + 100


def test_completed_axes():
    axes = np.linalg.qr(normal(7, 3))[0].T
    more = complete(axes, 6)
    np.testing.assert_array_equal(more[:3], axes)
    np.testing.assert_allclose(more @ more.T, np.eye(6), atol=1e-14)
    rotation = np.linalg.qr(normal(3, 3))[0]
    np.testing.assert_allclose(complete(rotation @ axes, 6)[3:], more[3:], atol=1e-13)
    np.testing.assert_array_equal(complete(np.zeros((0, 3)), 2), np.eye(2, 3))
