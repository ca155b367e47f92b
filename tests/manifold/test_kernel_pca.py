"""Kernel PCA against scikit-learn's, PCA, and matrices formed as they are written."""

import warnings

import numpy as np
import pytest
import sklearn.decomposition
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits
from sklearn.metrics.pairwise import pairwise_kernels, rbf_kernel

from sklatent.exceptions import FarRowsWarning, RankDeficientWarning
from sklatent.manifold import KernelPCA


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((120, 4)) * [3, 2, 1, 0.5]


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "cosine"])
@pytest.mark.parametrize("n_components", [3, None])
def test_the_same_as_scikit_learn(kernel, n_components, X):
    """Up to signs; components of small variance differ by rounding over its root."""
    params = {"kernel": kernel, "gamma": 0.1, "n_components": n_components}
    ours = KernelPCA(**params).fit(X[:80])
    theirs = sklearn.decomposition.KernelPCA(eigen_solver="dense", **params).fit(X[:80])
    np.testing.assert_allclose(ours.eigenvalues_[:3], theirs.eigenvalues_[:3])
    for rows in (X[:80], X[80:]):
        Z, expected = ours.transform(rows)[:, :3], theirs.transform(rows)[:, :3]
        signs = np.sign((Z * expected).sum(axis=0))
        np.testing.assert_allclose(Z * signs, expected, atol=1e-8)


@pytest.mark.parametrize("solver", ["auto", "dense", "arpack", "randomized"])
def test_solvers_agree(solver):
    X = np.random.RandomState(0).standard_normal((600, 3)) * [3, 2, 1]
    K = rbf_kernel(X, gamma=0.02)
    H = np.eye(600) - 1 / 600
    expected = np.linalg.eigvalsh(H @ K @ H)[::-1][:4]
    kernel_pca = KernelPCA(
        4, kernel="rbf", gamma=0.02, eigen_solver=solver, random_state=0
    ).fit(X)
    tolerance = 1e-4 if solver == "randomized" else 1e-9
    np.testing.assert_allclose(kernel_pca.eigenvalues_, expected, rtol=tolerance)
    np.testing.assert_allclose(
        kernel_pca.explained_variance_ratio_,
        expected / np.trace(H @ K @ H),
        rtol=tolerance,
    )


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_far_from_the_origin(kernel, X):
    X = np.round(X * 2**20) / 2**20  # which 2**26 does not round
    params = {"kernel": kernel, "n_components": 2, "gamma": 0.1}
    near = KernelPCA(**params).fit(X)
    far = KernelPCA(**params).fit(X + 2.0**26)
    np.testing.assert_allclose(far.embedding_, near.embedding_, atol=1e-6)
    np.testing.assert_allclose(far.eigenvalues_, near.eigenvalues_, rtol=1e-9)


@pytest.mark.parametrize(
    "params",
    [
        {"kernel": "poly", "gamma": 0.1},
        {"kernel": "rbf"},
        {"kernel": "rbf", "gamma": "loo"},
        {"kernel": "rbf", "fit_inverse_transform": True, "alpha": "loo"},
        {"kernel": "rbf", "fit_inverse_transform": True},
    ],
    ids=repr,
)
def test_a_weight_counts_as_that_many_rows(params, X):
    weight = np.random.RandomState(0).randint(0, 3, 120)
    weighted = KernelPCA(2, **params).fit(X, sample_weight=weight)
    repeated = KernelPCA(2, **params).fit(np.repeat(X, weight, axis=0))
    Z = weighted.transform(X)
    np.testing.assert_allclose(Z, repeated.transform(X), atol=1e-9)
    np.testing.assert_allclose(weighted.eigenvalues_, repeated.eigenvalues_)
    np.testing.assert_allclose(
        weighted.explained_variance_ratio_, repeated.explained_variance_ratio_
    )
    np.testing.assert_allclose(
        weighted.inverse_transform(Z), repeated.inverse_transform(Z), atol=1e-6
    )


def test_median_rule(X):
    kernel_pca = KernelPCA(2, kernel="rbf").fit(X)
    squares = np.sort(pdist(X, "sqeuclidean"))
    middle = squares[len(squares) // 2 - 1]
    np.testing.assert_allclose(kernel_pca.gamma_, 1 / middle)
    scaled = KernelPCA(2, kernel="rbf").fit(1e6 * X)
    np.testing.assert_allclose(scaled.embedding_, kernel_pca.embedding_, atol=1e-9)
    assert KernelPCA(2, kernel="rbf", gamma=None).fit(X).gamma_ == 0.25


def test_landmarks_are_exact_for_a_kernel_of_their_rank(X):
    exact = KernelPCA(4).fit(X)
    few = KernelPCA(4, n_landmarks=10, random_state=0).fit(X)
    assert few.landmarks_.shape == (10,)
    np.testing.assert_allclose(few.embedding_, exact.embedding_, atol=1e-10)
    np.testing.assert_allclose(few.eigenvalues_, exact.eigenvalues_)
    np.testing.assert_allclose(
        few.explained_variance_ratio_, exact.explained_variance_ratio_
    )
    np.testing.assert_allclose(few.transform(X), few.embedding_, atol=1e-12)


def test_landmarks_against_the_feature_map(X):
    """Nyström: features K_m^(-1/2) k(x), and their principal components."""
    few = KernelPCA(2, kernel="rbf", n_landmarks=30, random_state=0).fit(X)
    rows = X[few.landmarks_]
    S, V = np.linalg.eigh(rbf_kernel(rows, gamma=few.gamma_))
    features = rbf_kernel(X, rows, gamma=few.gamma_) @ V / np.sqrt(S)
    expected = sklearn.decomposition.PCA(2, svd_solver="full").fit_transform(features)
    np.testing.assert_allclose(np.abs(few.embedding_), np.abs(expected), atol=1e-8)


def test_precomputed_kernel(X):
    K = pairwise_kernels(X, metric="rbf", gamma=0.1)
    by_rows = KernelPCA(3, kernel="rbf", gamma=0.1).fit(X[:80])
    by_kernel = KernelPCA(3, kernel="precomputed").fit(K[:80, :80])
    new = K[80:, :80]
    np.testing.assert_allclose(
        by_kernel.transform(new), by_rows.transform(X[80:]), atol=1e-10
    )
    # Kernel values rank neighbors as distances do.
    np.testing.assert_allclose(
        by_kernel.score_samples(new), by_rows.score_samples(X[80:])
    )
    assert not hasattr(by_kernel, "inverse_transform")
    with pytest.raises(ValueError, match="square matrix"):
        KernelPCA(kernel="precomputed").fit(K[:, :80])


def test_negative_eigenvalues_are_an_error():
    K = np.diag([3.0, 2.0, -4.0, 0.0])
    with pytest.raises(ValueError, match="negative eigenvalues"):
        KernelPCA(kernel="precomputed").fit(K)


def test_far_rows_are_placed_without_similarity(X):
    kernel_pca = KernelPCA(2, kernel="rbf").fit(X)
    with pytest.warns(FarRowsWarning, match="1 of 2 rows"):
        Z = kernel_pca.transform([[1e4] * 4, [0.0] * 4])
    expected = -kernel_pca._mean @ kernel_pca._projection
    np.testing.assert_allclose(Z[0], expected)
    assert np.isfinite(Z).all()


def test_components_without_variance(X):
    with pytest.warns(RankDeficientWarning, match="4 eigenvalues"):
        kernel_pca = KernelPCA(6).fit(X)
    assert (kernel_pca.embedding_[:, 4:] == 0).all()
    assert KernelPCA(6, remove_zero_eig=True).fit(X).n_components_ == 4
    assert KernelPCA().fit(X).n_components_ == 4
    none = KernelPCA().fit(np.ones((5, 3)))
    assert none.transform(np.ones((2, 3))).shape == (2, 0)
    np.testing.assert_array_equal(none.inverse_transform(np.zeros((2, 0))), 1.0)


@pytest.mark.parametrize("n", [2, 3])
def test_few_rows(n, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RankDeficientWarning)
        kernel_pca = KernelPCA(2, kernel="rbf").fit(X[:n, :1])
    assert np.isfinite(kernel_pca.transform(X[:n, :1] + 0.01)).all()


def test_pre_images_remove_noise_from_digits():
    """At most half of the error of scikit-learn's defaults.

    In 2,000 images for training and testing, the ratio is 0.46 for the fixed point.
    """
    rng = np.random.RandomState(0)
    clean = rng.permutation(load_digits().data / 16)[:1300]
    noisy = clean + 0.25 * rng.standard_normal(clean.shape)
    train, test, truth = noisy[:1000], noisy[1000:], clean[1000:]

    def error(estimator):
        Z = estimator.fit(train).transform(test)
        return np.square(estimator.inverse_transform(Z) - truth).mean()

    params = {"n_components": 20, "kernel": "rbf"}
    ridge = params | {"fit_inverse_transform": True}
    theirs = error(sklearn.decomposition.KernelPCA(random_state=0, **ridge))
    assert error(KernelPCA(pre_image="fixed_point", **params)) < 0.5 * theirs
    assert error(KernelPCA(alpha="loo", **ridge)) < 0.6 * theirs


def test_a_pre_image_is_the_nearest_in_the_features(X):
    """The gradient of |phi(x) - sum_i g_i phi(x_i)|^2 vanishes there."""
    for params in ({}, {"n_landmarks": 40, "random_state": 0}):
        kernel_pca = KernelPCA(5, kernel="rbf", pre_image="fixed_point", **params)
        Z = kernel_pca.fit(X[:100]).transform(X[100:])
        rows, gamma = kernel_pca.X_fit_, kernel_pca.gamma_
        g = Z @ kernel_pca._projection.T + kernel_pca._feature_mean
        # The coefficients stand for features with this place.
        k = g @ rbf_kernel(rows, gamma=gamma)
        places = (k - kernel_pca._mean) @ kernel_pca._projection
        np.testing.assert_allclose(places, Z, atol=1e-7)

        def product(x, g=g, rows=rows, gamma=gamma):
            return (g * rbf_kernel(x, rows, gamma=gamma)).sum(axis=1)

        x = kernel_pca.inverse_transform(Z)
        for step in 1e-4 * np.eye(4):
            slope = (product(x + step) - product(x - step)) / 2e-4
            np.testing.assert_allclose(slope, 0, atol=1e-4)


def test_fixed_points_are_those_of_gaussian_kernels(X):
    with pytest.raises(ValueError, match="pre_image must be 'local'"):
        KernelPCA(pre_image="fixed_point").fit(X)
