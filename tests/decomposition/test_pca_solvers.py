"""The axes of PCA by every solver, against exact singular values and scikit-learn."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import sklearn.decomposition
from scipy.sparse import csc_matrix, csr_array, random_array
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
)

from sklatent.decomposition import PCA
from tests.decomposition.data import (
    ARRAYS,
    SOLVERS,
    assert_same,
    covariance_eigenvalues,
    each_solver,
    maximum_likelihood_model,
    normal,
    pca,
    spread_out,
    with_singular_values,
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
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_axes_of_equal_variance(svd_solver, dtype):
    """LAPACK finds no leading eigenvalue of this scatter matrix by its index."""
    X = np.eye(40, dtype=dtype)
    ours = pca(2, svd_solver).fit(X)
    np.testing.assert_allclose(ours.explained_variance_, 1 / 39, rtol=1e-5)
    np.testing.assert_allclose(ours.explained_variance_ratio_, 1 / 39, rtol=1e-5)
    axes = ours.components_
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-5)
    batches = PCA(2).partial_fit(X[:20]).partial_fit(X[20:])
    np.testing.assert_allclose(batches.explained_variance_, 1 / 39, rtol=1e-5)


@each_solver
@pytest.mark.parametrize(
    ("dtype", "held", "too_large"),
    [(np.float64, 1e150, 1e155), (np.float32, 1e15, 1e25)],
)
def test_squares_that_overflow(svd_solver, dtype, held, too_large):
    X = spread_out(50, 12)
    X /= np.abs(X).max()
    expected = held**2 * covariance_eigenvalues(X)[:2] * 50 / 49
    found = pca(2, svd_solver).fit((held * X).astype(dtype)).explained_variance_
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    with pytest.raises(ValueError, match="X must have squared distances"):
        pca(2, svd_solver).fit((too_large * X).astype(dtype))
    with pytest.raises(ValueError, match="X must have squared distances"):
        PCA(2).partial_fit(1e155 * X)


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
    # Up to rounding, of which nothing may be left.
    peer = 1 - kept(sklearn.decomposition.PCA) / best
    assert -1e-12 < missed < 1.1 * peer + 1e-12


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
