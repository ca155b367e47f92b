"""PCA against exact singular values, brute-force densities, and scikit-learn."""

import itertools
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.decomposition
from scipy.sparse import csc_matrix, csr_array, random_array
from scipy.stats import multivariate_normal
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    make_classification,
)
from sklearn.preprocessing import StandardScaler

from sklatent.decomposition import PCA
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._pca_solvers import complete
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._evidence import minka_evidence

SOLVERS = ["auto", "full", "covariance_eigh", "arpack", "randomized"]
each_solver = pytest.mark.parametrize("svd_solver", SOLVERS)
ARRAYS = [
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "singular_values_",
    "mean_",
]


def pca(n_components=None, svd_solver="auto", **settings):
    """Fit the same at every call."""
    return PCA(n_components, svd_solver=svd_solver, random_state=0, **settings)


def normal(n, p, seed=0):
    return np.random.RandomState(seed).normal(size=(n, p))


def spread_out(n, p, seed=0):
    """Rows whose variances differ by feature, so that the axes are well defined."""
    return normal(n, p, seed) * (3 * 0.6 ** np.arange(p) + 0.05) + 10.0


def with_singular_values(n, s, seed=0):
    """Centered rows with given singular values, to rounding."""
    rng = np.random.RandomState(seed)
    p = len(s)
    U = rng.normal(size=(n, p))
    U = np.linalg.qr(U - U.mean(axis=0))[0]
    return (U * s) @ np.linalg.qr(rng.normal(size=(p, p)))[0].T


def covariance_eigenvalues(X):
    """Eigenvalues of the 1/n covariance, decreasing, by NumPy."""
    return np.linalg.eigvalsh(np.cov(X.T, bias=True).reshape(X.shape[1], -1))[::-1]


def maximum_likelihood_model(X, q):
    """Mean and covariance of probabilistic PCA, from Tipping and Bishop's formulae."""
    p = X.shape[1]
    lam, V = np.linalg.eigh(np.cov(X.T, bias=True))
    lam, V = lam[::-1], V[:, ::-1]
    sigma2 = lam[q:].sum() / (p - q)
    C = (V[:, :q] * (lam[:q] - sigma2)) @ V[:, :q].T + sigma2 * np.eye(p)
    return X.mean(axis=0), C, sigma2


def assert_same(ours, other, rtol=1e-9, atol=1e-9):
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(other, name), rtol, atol, err_msg=name
        )


# --------------------------------------------------------------------------------
# Axes


@each_solver
@pytest.mark.parametrize("shape", [(200, 12), (30, 40), (600, 30)])
@pytest.mark.parametrize("whiten", [False, True])
def test_same_as_scikit_learn_on_easy_data(svd_solver, shape, whiten):
    X = spread_out(*shape)
    ours = pca(4, svd_solver, whiten=whiten).fit(X)
    peer = sklearn.decomposition.PCA(4, svd_solver="full", whiten=whiten).fit(X)
    # Random projections have an error of their own.
    rtol = 1e-3 if svd_solver == "randomized" else 1e-9
    assert_same(ours, peer, rtol, rtol)
    Z = peer.transform(X)
    np.testing.assert_allclose(ours.transform(X), Z, rtol, atol=10 * rtol)
    np.testing.assert_allclose(
        ours.inverse_transform(Z), peer.inverse_transform(Z), rtol, 10 * rtol
    )
    assert ours.n_samples_ == peer.n_samples_
    assert ours.n_components_ == peer.n_components_


@pytest.mark.parametrize("load", [load_iris, load_digits, load_breast_cancer])
@pytest.mark.parametrize("n_components", [0, 1, 3, 0.5, 0.95, "mle", None])
def test_same_as_scikit_learn_on_its_data(load, n_components):
    X = load().data
    ours = PCA(n_components).fit(X)
    peer = sklearn.decomposition.PCA(n_components, svd_solver="full")
    if n_components == "mle" and load is load_digits:
        return  # has constant columns; scikit-learn takes those for noise of 1e-15
    peer.fit(X)
    assert ours.n_components_ == peer.n_components_
    n_alive = np.sum(ours.explained_variance_ > 0)
    for name in ARRAYS[:-1]:
        ours_, peer_ = getattr(ours, name)[:n_alive], getattr(peer, name)[:n_alive]
        np.testing.assert_allclose(ours_, peer_, rtol=1e-7, atol=1e-8, err_msg=name)


@each_solver
def test_exact_far_from_zero_in_double_precision(svd_solver):
    X = normal(3000, 30) + 1e8
    centered = X - 1e8  # exact
    centered -= centered.mean(axis=0)
    expected = np.linalg.svd(centered, compute_uv=False) ** 2 / 2999
    n_components = 29 if svd_solver == "arpack" else 30
    fitted = pca(n_components, svd_solver).fit(X)
    np.testing.assert_allclose(
        fitted.explained_variance_, expected[:n_components], rtol=1e-12
    )
    Z = (X - 1e8 - (X - 1e8).mean(axis=0)) @ fitted.components_.T
    np.testing.assert_allclose(fitted.transform(X), Z, atol=1e-12)


@each_solver
def test_exact_far_from_zero_in_single_precision(svd_solver):
    X = (normal(3000, 30) + 1e4).astype(np.float32)
    centered = X.astype(float) - X.astype(float).mean(axis=0)
    expected = np.linalg.svd(centered, compute_uv=False) ** 2 / 2999
    n_components = 29 if svd_solver == "arpack" else 30
    fitted = pca(n_components, svd_solver).fit(X)
    np.testing.assert_allclose(
        fitted.explained_variance_, expected[:n_components], rtol=1e-5
    )
    Z = centered @ fitted.components_.T
    np.testing.assert_allclose(fitted.transform(X), Z, atol=1e-5)
    for name in ARRAYS:
        assert getattr(fitted, name).dtype == np.float32, name


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("shape", [(2000, 12), (12, 12), (13, 12)])
def test_singular_values_down_to_1e_minus_10(svd_solver, shape):
    n, p = shape
    s = np.logspace(0, -10, p)
    if n == p:
        s[-1] = 0  # centered rows have rank n - 1
    X = with_singular_values(n, s)
    ours = pca(None, svd_solver).fit(X).singular_values_
    # Rounding of X itself is 1e-16 of the largest.
    np.testing.assert_allclose(ours, s, rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("n_components", [2, None])
def test_small_variances_in_single_precision(n_components):
    """Products in single precision would lose these; the covariance retries."""
    X = with_singular_values(500, [1e2, 1.0, 1e-2]).astype(np.float32)
    expected = covariance_eigenvalues(X.astype(float))
    fitted = PCA(n_components).fit(X)
    np.testing.assert_allclose(
        fitted.explained_variance_ * 499 / 500,
        expected[: fitted.n_components_],
        rtol=1e-3,
    )
    if n_components:
        np.testing.assert_allclose(fitted.noise_variance_, expected[2], rtol=1e-3)


def test_few_axes_beside_much_smaller_noise():
    """The noise variance is a sum of small eigenvalues that are not computed."""
    X = with_singular_values(900, np.r_[1e6, 1e5, np.linspace(1, 2, 18)])
    fitted = PCA(2).fit(X)
    _, _, sigma2 = maximum_likelihood_model(X / 1e6, 2)
    expected = (np.linspace(1, 2, 18) ** 2).sum() / 900 / 18
    np.testing.assert_allclose(fitted.noise_variance_, expected, rtol=1e-9)
    assert abs(sigma2 * 1e12 / expected - 1) > 1e-9, "an easier case than it seems"


CONSISTENT = {
    "tall": normal(300, 40),
    "wide": normal(30, 200),
    "far from zero": normal(300, 40) + 1e8,
    "far from zero, wide": normal(30, 200) + 1e8,
    "deficient rank": normal(100, 5) @ normal(5, 40, seed=1),
    "deficient rank, far from zero": normal(100, 5) @ normal(5, 40, seed=1) + 1e6,
    "steep": normal(200, 30) * 0.3 ** np.arange(30),
    "correlated": normal(100, 2) @ normal(2, 80, seed=1) + 0.1 * normal(100, 80),
    "single precision": normal(300, 40).astype(np.float32),
    "single precision, wide": (normal(30, 200) + 1e3).astype(np.float32),
}


@each_solver
@pytest.mark.parametrize("name", CONSISTENT)
@pytest.mark.parametrize("weighted", [False, True])
def test_attributes_are_those_of_the_components(svd_solver, name, weighted):
    """Whatever the axes, exact or approximate."""
    X = CONSISTENT[name]
    weight = np.random.RandomState(0).randint(1, 4, len(X)) if weighted else None
    fitted = pca(8, svd_solver).fit(X, sample_weight=weight)
    Z = fitted.transform(X).astype(float)
    squares = (np.ones(len(X)) if weight is None else weight) @ Z**2
    # Rounding, and that of 300 single-precision products.
    tol = 1e-13 if X.dtype == np.float64 else 5e-6
    expected = fitted.singular_values_[0] ** 2
    np.testing.assert_allclose(
        squares, fitted.singular_values_**2, rtol=tol, atol=tol * expected
    )
    np.testing.assert_allclose(
        squares / (fitted.n_samples_ - 1),
        fitted.explained_variance_,
        atol=tol * fitted.explained_variance_[0],
    )
    total = np.cov(X.astype(float).T, fweights=weight).trace()
    np.testing.assert_allclose(
        fitted.explained_variance_ / total,
        fitted.explained_variance_ratio_,
        rtol=10 * tol,
        atol=10 * tol,
    )
    if "rank" in name:
        assert fitted.noise_variance_ == 0
        assert (fitted.explained_variance_ > 0).sum() == 5


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)])
@pytest.mark.parametrize("iterated_power", [0, 2, "auto"])
@pytest.mark.parametrize("normalizer", ["auto", "QR", "LU", "none"])
def test_random_projections_miss_no_more_than_scikit_learn_s(
    shape, iterated_power, normalizer
):
    """Variance kept by the axes, on average over seeds."""
    X = normal(*shape)
    settings = {
        "svd_solver": "randomized",
        "iterated_power": iterated_power,
        "power_iteration_normalizer": normalizer,
    }

    def kept(cls):
        fits = [cls(5, random_state=i, **settings).fit(X) for i in range(10)]
        return np.mean([fit.transform(X).var(axis=0).sum() for fit in fits])

    best = covariance_eigenvalues(X)[:5].sum()
    missed = 1 - kept(PCA) / best
    assert 0 <= missed < 1.1 * (1 - kept(sklearn.decomposition.PCA) / best) + 1e-12


@each_solver
def test_sign_convention(svd_solver):
    components = pca(3, svd_solver).fit(spread_out(300, 8)).components_
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(3), largest] > 0).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("svd_solver", ["full", "covariance_eigh"])
def test_no_copy_of_tall_data(order, svd_solver):
    X = np.asarray(spread_out(400_000, 10), order=order)
    for dtype in (np.float64, np.float32):
        X = X.astype(dtype)
        tracemalloc.start()
        PCA(3, svd_solver=svd_solver).fit(X)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 0.05 * X.nbytes + 2**20  # a block, whatever the number of rows


def peak_memory(function):
    tracemalloc.start()
    function()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("n_components", [None, 1, 0.9])
@pytest.mark.slow
def test_no_square_matrix_of_many_features(n_components):
    """50 x 20,000: X is 8 MB, the square 3,200 MB."""
    X = normal(50, 20_000)
    estimator = PCA(n_components)
    assert peak_memory(lambda: estimator.fit(X)) < 10 * X.nbytes
    Z = estimator.transform(X)
    for function in (
        lambda: estimator.transform(X),
        lambda: estimator.inverse_transform(Z),
        lambda: estimator.score_samples(X),
        lambda: estimator.posterior(X),
        lambda: estimator.reconstruction_error(X),
        lambda: estimator.sample(50),
    ):
        assert peak_memory(function) < 10 * X.nbytes
    sparse = random_array((50, 20_000), density=1e-3, format="csr", random_state=0)
    assert peak_memory(lambda: PCA(n_components).fit(sparse)) < 10 * X.nbytes


def test_transform_needs_no_second_array_of_the_size_of_the_data():
    X = spread_out(200_000, 10)
    fitted = PCA(2).fit(X)
    tracemalloc.start()
    fitted.transform(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * X.nbytes


def test_rows_in_a_file(tmp_path):
    X = spread_out(3000, 5)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_same(PCA(2).fit(mapped), PCA(2).fit(X), rtol=0, atol=0)


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided rows": lambda X: np.repeat(X, 2, axis=0)[::2],
    "strided columns": lambda X: np.repeat(X, 3, axis=1)[:, ::3],
    "negative strides": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "big-endian": lambda X: X.astype(">f8"),
    "data frame": pd.DataFrame,
    "columns": lambda X: pd.DataFrame(dict(enumerate(X.T))),
    "read-only": None,
    "memory map": None,
}


def laid_out(X, layout, folder):
    if layout == "read-only":
        X = X.copy()
        X.flags.writeable = False
        return X
    if layout == "memory map":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r")
    return LAYOUTS[layout](X)


@pytest.mark.parametrize("svd_solver", SOLVERS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("p", [1, 8, 9, 16, 17, 64, 65])
@pytest.mark.slow
def test_any_memory_layout(svd_solver, layout, p, tmp_path):
    X = spread_out(80, p)
    other = laid_out(X, layout, tmp_path)
    q = min(3, p - (svd_solver == "arpack"))
    if q == 0:
        return  # no axis for arpack
    weight = np.arange(80) % 3
    ours = pca(q, svd_solver).fit(X, sample_weight=weight)
    theirs = pca(q, svd_solver).fit(other, sample_weight=weight)
    assert_same(theirs, ours, rtol=1e-9, atol=1e-9)
    for name in ("transform", "score_samples", "reconstruction_error"):
        result = getattr(theirs, name)(other)
        np.testing.assert_allclose(result, getattr(ours, name)(X), rtol=1e-7, atol=1e-9)
    batches = pca(q).partial_fit(other[:30]).partial_fit(other[30:])
    assert_same(batches, pca(q).fit(X), rtol=1e-9, atol=1e-9)


def test_integers_are_read_as_double_precision():
    X = np.random.RandomState(0).randint(9, size=(50, 4))
    assert_same(PCA(2).fit(X), PCA(2).fit(X.astype(float)), rtol=0, atol=0)


# --------------------------------------------------------------------------------
# The number of components


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
def test_share_of_the_variance(svd_solver):
    X = with_singular_values(100, np.sqrt([50.0, 30.0, 15.0, 5.0]))
    for share, expected in [(0.4, 1), (0.6, 2), (0.79, 2), (0.81, 3), (0.96, 4)]:
        assert pca(share, svd_solver).fit(X).n_components_ == expected


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("unit", [1.0, 1e-3, 7e4])
def test_share_that_some_components_explain_exactly(svd_solver, dtype, unit):
    """One more is taken, as in scikit-learn, however the sum is rounded."""
    for load in (load_iris, load_breast_cancer):
        X = (unit * load().data[:, :8]).astype(dtype)
        ratio = PCA(svd_solver="full").fit(X).explained_variance_ratio_
        for shares in (np.cumsum(ratio), 1 - np.cumsum(ratio[::-1])[::-1][1:]):
            for k, share in enumerate(shares[: len(ratio) - 1].tolist()):
                if share < 1 - 1e-5:
                    fitted = pca(share, svd_solver).fit(X)
                    assert fitted.n_components_ == k + 2


@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
def test_share_takes_no_component_without_variance(svd_solver):
    X = normal(50, 2) @ normal(2, 6, seed=1)
    for share in (1 - 1e-6, 1 - 1e-12, 1 - 1e-15, np.nextafter(1, 0)):
        assert pca(share, svd_solver).fit(X).n_components_ == 2
        assert PCA(share).partial_fit(X).n_components_ == 2


@pytest.mark.parametrize(
    ("n_components", "svd_solver", "match"),
    [
        (
            6,
            "auto",
            r"n_components=6 must be between 0 and min\(n_samples, n_features\)=5 .*"
            "n_samples=20 and n_features=5",
        ),
        (6, "full", r"n_components=6 must be between 0 and .*=5 .*'full'"),
        (6, "covariance_eigh", "n_components=6 must be .*'covariance_eigh'"),
        (5, "arpack", r"n_components=5 must be strictly less than .*=5 .*'arpack'"),
        (6, "arpack", r"n_components=6 must be between 1 and .*=5 .*'arpack'"),
        (0, "arpack", r"n_components=0 must be between 1 and .*=5 .*'arpack'"),
        (0, "randomized", r"n_components=0 must be between 1 and .*'randomized'"),
        (0.5, "randomized", "n_components=0.5 cannot be a share .* whole spectrum"),
        ("mle", "arpack", "n_components='mle' cannot be a string .* whole spectrum"),
    ],
)
def test_n_components_that_does_not_fit(n_components, svd_solver, match):
    estimator = pca(n_components, svd_solver)
    with pytest.raises(ValueError, match=match):
        estimator.fit(normal(20, 5))
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_mle_needs_as_many_rows_as_features():
    with pytest.raises(ValueError, match="n_samples=4 and n_features=5"):
        PCA("mle").fit(normal(4, 5))


def minka_by_loops(lam, n):
    """Equation 30 of Minka (2000) term by term; tied eigenvalues give infinity."""
    from math import lgamma, log, pi

    p = len(lam)
    evidence = []
    for k in range(1, p):
        v = sum(lam[k:]) / (p - k)
        m = p * k - k * (k + 1) / 2
        hat = [*lam[:k], *[v] * (p - k)]
        log_pu = -k * log(2) + sum(
            lgamma((p - i + 1) / 2) - (p - i + 1) / 2 * log(pi) for i in range(1, k + 1)
        )
        log_az = sum(
            log((1 / hat[j] - 1 / hat[i]) * (lam[i] - lam[j]) * n)
            for i, j in itertools.product(range(k), range(p))
            if j > i
        )
        evidence.append(
            log_pu
            - n / 2 * sum(map(log, lam[:k]))
            - n * (p - k) / 2 * log(v)
            + (m + k) / 2 * log(2 * pi)
            - log_az / 2
            - k / 2 * log(n)
        )
    return np.array(evidence)


def test_evidence_is_minkas_formula():
    lam = 2.0 ** -np.arange(8)
    ours, expected = minka_evidence(lam, 1000), minka_by_loops(lam, 1000)
    # Ours is up to a constant.
    np.testing.assert_allclose(np.diff(ours), np.diff(expected), rtol=1e-9)
    np.testing.assert_allclose(
        np.diff(minka_evidence(1e-300 * lam, 1000)), np.diff(expected), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("lam", "expected"),
    [
        ([5.0, 5.0, 1.0, 1.0, 1.0, 1.0], 2),
        ([9.0, 4.0, 1.0, 1.0, 1.0, 1.0], 2),
        ([9.0, 4.0, 2.0, 0.0, 0.0], 3),
        ([9.0, 4.0, 4.0, 0.0], 3),
        ([1.0, 1.0, 1.0], 1),
    ],
)
def test_evidence_with_tied_eigenvalues(lam, expected):
    evidence = minka_evidence(np.array(lam), 500)
    assert np.isfinite(evidence).all()
    assert 1 + np.argmax(evidence) == expected


def test_mle_finds_the_number_of_signals():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 15)) + rng.normal(
        size=(2000, 15)
    )
    assert PCA("mle").fit(X).n_components_ == 4
    tied = np.vstack([np.eye(6), -np.eye(6)]) * [5, 5, 1, 1, 1, 1]
    assert PCA("mle").fit(np.repeat(tied, 50, axis=0)).n_components_ == 2


def redundant_rows():
    """Rows of rank 1, to rounding."""
    return make_classification(
        n_features=20,
        n_informative=1,
        n_repeated=18,
        n_redundant=1,
        n_clusters_per_class=1,
        random_state=42,
    )[0]


DEFICIENT = {
    "redundant": (redundant_rows(), 1),
    "far from zero": (redundant_rows() + 1e3, 1),
    "scaled": (StandardScaler().fit_transform(redundant_rows() + 1e6), 1),
    "rank 3": (normal(200, 3) @ normal(3, 12, seed=1), 3),
    "a constant column": (normal(200, 4) * [3, 2, 1, 0] + 0.1, 3),
    "copied columns": (normal(200, 3)[:, [0, 1, 2, 0, 1]], 3),
}


@pytest.mark.parametrize("name", DEFICIENT)
@pytest.mark.parametrize("svd_solver", ["auto", "full", "covariance_eigh"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_mle_of_deficient_rank_is_the_rank(name, svd_solver, dtype):
    X, rank = DEFICIENT[name]
    if dtype == np.float32 and name == "scaled":
        return  # the rounding at 1e6 is more than that of single precision
    X = X.astype(dtype)
    if dtype == np.float32 and name == "rank 3":
        return  # rounding to single precision is noise in a new direction
    assert pca("mle", svd_solver).fit(X).n_components_ == rank
    batches = PCA("mle").partial_fit(X[:60]).partial_fit(X[60:])
    assert batches.n_components_ == rank


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.arange(6.0).reshape(-1, 1)])
def test_mle_of_constant_data_or_one_feature(X):
    assert PCA("mle").fit(X).n_components_ == 1


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


# --------------------------------------------------------------------------------
# Weights and batches


@each_solver
@pytest.mark.parametrize("shape", [(200, 6), (12, 20)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_integer_weights_are_repeated_rows(svd_solver, shape, dtype):
    X = spread_out(*shape).astype(dtype)
    weight = np.random.RandomState(1).randint(4, size=len(X))
    weighted = pca(3, svd_solver).fit(X, sample_weight=weight)
    repeated = pca(3, svd_solver).fit(np.repeat(X, weight, axis=0))
    # Random projections differ with the number of rows.
    rtol = 1e-3 if svd_solver == "randomized" else 1e-9
    rtol = max(rtol, 1e-4 * (dtype == np.float32))
    assert_same(weighted, repeated, rtol, rtol)
    assert weighted.n_samples_ == repeated.n_samples_ == weight.sum()
    assert isinstance(weighted.n_samples_, int)
    np.testing.assert_allclose(
        weighted.noise_variance_, repeated.noise_variance_, rtol=1000 * rtol
    )
    np.testing.assert_allclose(
        weighted.score_samples(X), repeated.score_samples(X), rtol=100 * rtol
    )


@each_solver
def test_weights_that_stand_for_more_rows_than_there_are(svd_solver):
    """All components that the repeated rows would have, too."""
    X = spread_out(5, 8)
    weight = np.array([1, 2, 3, 2, 2])
    weighted = pca(None, svd_solver).fit(X, sample_weight=weight)
    repeated = pca(None, svd_solver).fit(np.repeat(X, weight, axis=0))
    assert weighted.n_components_ == repeated.n_components_ > 5
    assert_same(weighted, repeated)


def test_fractional_weights():
    X = spread_out(50, 4)
    weight = np.random.RandomState(1).uniform(size=50)
    fitted = PCA(2).fit(X, sample_weight=weight)
    total = weight.sum()
    np.testing.assert_allclose(fitted.n_samples_, total)
    lam = np.linalg.eigvalsh(np.cov(X.T, aweights=weight, bias=True))[::-1]
    np.testing.assert_allclose(
        fitted.explained_variance_, lam[:2] * total / (total - 1)
    )
    np.testing.assert_allclose(fitted.noise_variance_, lam[2:].mean())


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.zeros(20), "zero"),
        (0.5 * np.eye(20)[3], "positive for at least 2 rows.*one positive weight, 0.5"),
        (np.eye(20)[3], "positive for at least 2 rows.*one positive weight, 1"),
        (-np.ones(20), "[Nn]egative"),
        (np.ones(19), "sample_weight.shape"),
        (np.full(20, np.nan), "NaN"),
    ],
)
def test_weights_that_cannot_be_used(weight, match):
    for fit in (PCA(2).fit, PCA(2).partial_fit):
        if "2 rows" in match and fit.__name__ == "partial_fit":
            continue  # more rows may follow
        with pytest.raises(ValueError, match=match):
            fit(normal(20, 4), sample_weight=weight)


def weighted_covariance_eigenvalues(X, weight):
    return np.linalg.eigvalsh(np.cov(X.T, aweights=weight, bias=True))[::-1]


@each_solver
@pytest.mark.parametrize("n", [2, 90, 100, 119, 120, 149, 150])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shares_that_are_even(svd_solver, n, dtype):
    """Of n rows 1 / n each, whose sum is 1 only to rounding."""
    X = load_iris().data[:n]
    q = min(2, n - (svd_solver == "arpack"))
    weight = np.full(n, 1 / n, dtype=dtype)
    shares = pca(q, svd_solver).fit(X, sample_weight=weight)
    rows = pca(q, svd_solver).fit(X)
    np.testing.assert_allclose(shares.components_, rows.components_, atol=1e-9)
    np.testing.assert_allclose(shares.mean_, rows.mean_)
    np.testing.assert_allclose(
        shares.explained_variance_, rows.explained_variance_ * (n - 1) / n, atol=1e-12
    )
    np.testing.assert_allclose(
        shares.explained_variance_ratio_, rows.explained_variance_ratio_, atol=1e-12
    )
    np.testing.assert_allclose(shares.noise_variance_, rows.noise_variance_, atol=1e-12)
    np.testing.assert_allclose(shares.score_samples(X), rows.score_samples(X))
    np.testing.assert_allclose(shares.n_samples_, 1, rtol=1e-6)


@pytest.mark.parametrize("batches", [1, 4])
@pytest.mark.parametrize("total", [1e-9, 0.5, 1, 1 + 1e-12, 1 - 1e-12, 1.5, 2, 7.3])
@pytest.mark.parametrize("whiten", [False, True])
def test_only_the_divisor_hangs_on_the_sum_of_the_weights(total, batches, whiten):
    X = spread_out(40, 5)
    weight = np.random.RandomState(1).uniform(size=40)
    weight *= total / weight.sum()
    estimator = PCA(2, whiten=whiten)
    if batches == 1:
        estimator.fit(X, sample_weight=weight)
    else:
        for rows in np.split(np.arange(40), batches):
            estimator.partial_fit(X[rows], sample_weight=weight[rows])
    lam = weighted_covariance_eigenvalues(X, weight)
    divided = lam * total / (total if total < 1.1 else total - 1)
    np.testing.assert_allclose(estimator.explained_variance_, divided[:2])
    np.testing.assert_allclose(estimator.noise_variance_, lam[2:].mean())
    np.testing.assert_allclose(estimator.explained_variance_ratio_, lam[:2] / lam.sum())
    np.testing.assert_allclose(estimator.singular_values_, np.sqrt(total * lam[:2]))
    np.testing.assert_allclose(estimator.n_samples_, total)
    mean = weight @ X / total
    np.testing.assert_allclose(estimator.mean_, mean)
    _, V = np.linalg.eigh(np.cov(X.T, aweights=weight, bias=True))
    V = V[:, ::-1][:, :2]
    noise = lam[2:].mean()
    C = (V * (lam[:2] - noise)) @ V.T + noise * np.eye(5)
    np.testing.assert_allclose(
        estimator.score_samples(X), multivariate_normal(mean, C).logpdf(X), rtol=1e-9
    )
    Z = estimator.transform(X)
    np.testing.assert_allclose(
        weight @ Z**2 / total,
        lam[:2] / (divided[:2] if whiten else 1),
    )


def test_as_many_components_as_rows_that_have_shares():
    X = spread_out(6, 9)
    weight = np.array([0.2, 0, 0.3, 0.1, 0.2, 0.2])
    assert PCA().fit(X, sample_weight=weight).n_components_ == 5
    for batches in (np.split(np.arange(6), 2), np.arange(6)[:, None]):
        estimator = PCA()
        for rows in batches:
            if weight[rows].any():
                estimator.partial_fit(X[rows], sample_weight=weight[rows])
        assert estimator.n_components_ == 5


def test_shares_have_no_evidence():
    X, n = load_iris().data, 150
    for fit in (PCA("mle").fit, PCA("mle").partial_fit):
        with pytest.raises(ValueError, match=r"must count rows.*Multiply them"):
            fit(X, sample_weight=np.full(n, 1 / n))
    counts = PCA("mle").fit(X, sample_weight=n * np.full(n, 1 / n))
    assert counts.n_components_ == PCA("mle").fit(X).n_components_
    assert counts.n_samples_ == n
    assert isinstance(counts.n_samples_, int)


BATCHES = {
    "even": [20, 20, 20],
    "rows": [1] * 60,
    "one row first": [1, 59],
    "one row last": [59, 1],
    "last as long as the components": [57, 3],
    "shorter than the components": [2, 2, 56],
}


@pytest.mark.parametrize("sizes", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("n_components", [0, 3, 5, None, 0.8])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_batches_are_all_rows_together(sizes, n_components, offset):
    X = spread_out(60, 5) + offset
    weight = np.random.RandomState(1).randint(1, 4, size=len(X))
    estimator = PCA(n_components)
    for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
        rows = slice(stop - size, stop)
        estimator.partial_fit(X[rows], sample_weight=weight[rows])
        assert np.isfinite(estimator.score_samples(X)).all()
    together = PCA(n_components).fit(X, sample_weight=weight)
    assert estimator.n_components_ == together.n_components_
    assert_same(estimator, together)
    assert estimator.n_samples_ == together.n_samples_
    np.testing.assert_allclose(
        estimator.noise_variance_, together.noise_variance_, rtol=1e-9
    )
    np.testing.assert_allclose(
        estimator.score_samples(X), together.score_samples(X), rtol=1e-8
    )


def test_batches_in_single_precision():
    X = (spread_out(90, 5) + 1e4).astype(np.float32)
    estimator = PCA(2)
    for batch in np.split(X, 3):
        estimator.partial_fit(batch)
    assert_same(estimator, PCA(2).fit(X.astype(float)), rtol=1e-5, atol=1e-5)
    assert estimator.components_.dtype == np.float32


def test_a_batch_that_cannot_be_used_changes_nothing():
    X = spread_out(30, 4)
    estimator = PCA(2).partial_fit(X)
    before = dict(vars(estimator))
    for bad in (X[:, :3], np.full((2, 4), np.nan), X[:0]):
        with pytest.raises(ValueError, match=r"features|NaN|0 sample"):
            estimator.partial_fit(bad)
        assert vars(estimator) == before
    fresh = PCA(5)
    with pytest.raises(ValueError, match="n_components=5 must be between 0 and"):
        fresh.partial_fit(X)
    assert not [name for name in vars(fresh) if name.endswith("_")]


def test_partial_fit_after_fit_says_that_it_starts_anew():
    X = spread_out(30, 4)
    estimator = PCA(2).fit(X[:10])
    with pytest.warns(UserWarning, match="starts from nothing"):
        estimator.partial_fit(X[10:])
    assert_same(estimator, PCA(2).fit(X[10:]))
    estimator.fit(X)
    assert estimator.n_samples_ == 30


class Dimension:
    """Says how many rows it saw, over ten."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        self.dimension_ = len(X) / 10
        return self


def test_dimension_of_batches_is_that_of_the_first():
    X = spread_out(60, 5)
    estimator = PCA(Dimension()).partial_fit(X[:30]).partial_fit(X[30:])
    assert estimator.n_components_ == 3
    assert PCA(Dimension()).fit(X).n_components_ == 5, "an estimate of 6 is bounded"


# --------------------------------------------------------------------------------
# Sparse rows


@pytest.fixture
def sparse():
    rng = np.random.RandomState(0)
    return random_array((120, 30), density=0.1, random_state=rng, format="csr")


@pytest.mark.parametrize("svd_solver", ["auto", "arpack", "covariance_eigh"])
@pytest.mark.parametrize("form", [csr_array, csc_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_rows(sparse, svd_solver, form, dtype, weighted):
    weight = np.random.RandomState(1).randint(4, size=120) if weighted else None
    X = form(sparse.astype(dtype))
    ours = pca(4, svd_solver).fit(X, sample_weight=weight)
    dense = pca(4, "full").fit(sparse.toarray(), sample_weight=weight)
    tol = 1e-9 if dtype == np.float64 else 1e-4
    assert_same(ours, dense, tol, tol)
    np.testing.assert_allclose(
        ours.noise_variance_, dense.noise_variance_, rtol=1e-10 + tol
    )
    np.testing.assert_allclose(
        ours.transform(X), dense.transform(sparse.toarray()), atol=tol
    )


@pytest.mark.parametrize("n_components", [0, 0.5, "mle", 30])
def test_sparse_rows_where_arpack_does_not_serve(sparse, n_components):
    ours = PCA(n_components).fit(sparse)
    assert_same(ours, pca(n_components, "full").fit(sparse.toarray()))


def test_sparse_default_is_one_component_fewer(sparse):
    assert pca().fit(sparse).n_components_ == 29


def test_sparse_entries_stored_twice(sparse):
    X = csr_array(
        (
            np.repeat(sparse.data / 2, 2),
            np.repeat(sparse.indices, 2),
            2 * sparse.indptr,
        ),
        shape=sparse.shape,
    )
    stored = X.nnz
    assert_same(pca(3).fit(X), pca(3).fit(sparse))
    assert X.nnz == stored, "the input was changed"


@pytest.mark.slow
def test_sparse_rows_are_not_densified():
    X = random_array((3000, 4000), density=1e-3, format="csr")
    tracemalloc.start()
    pca(2, "arpack").fit(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.1 * 8 * 3000 * 4000


@pytest.mark.parametrize("svd_solver", ["full", "randomized"])
def test_sparse_rows_with_a_dense_solver(sparse, svd_solver):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        pca(2, svd_solver).fit(sparse)


# --------------------------------------------------------------------------------
# Bad input, and what is left behind


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    X = normal(20, 3)
    X[3, 1] = bad
    estimator = PCA(2)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        estimator.fit(X)
    assert not [name for name in vars(estimator) if name.endswith("_")]


def test_one_row():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        PCA().fit(np.ones((1, 3)))


@each_solver
def test_data_and_global_generator_are_left_alone(svd_solver):
    X = spread_out(700, 6)
    kept = X.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    PCA(2, svd_solver=svd_solver, copy=False).fit(X).transform(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_nothing_the_size_of_the_data_is_kept():
    estimator = PCA(2).fit(spread_out(2000, 40))
    assert sum(getattr(v, "nbytes", 0) for v in vars(estimator).values()) < 4000


def test_single_precision_codes_of_a_double_precision_model():
    X = spread_out(50, 4) + 1e4
    fitted = PCA(2).fit(X)
    Z = fitted.transform(X.astype(np.float32))
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z, fitted.transform(X), atol=5e-3)  # rounding of X
    assert fitted.inverse_transform(Z).dtype == np.float32


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PCA(2, whiten=True).fit(spread_out(20, 4)).score(spread_out(20, 4))
