"""Moments against two passes over the rows in extended precision."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from sklatent.utils._moments import (
    CENTER_ROWS,
    Moments,
    mirror_lower,
    narrow_blas,
    product_blocks,
    two_sum,
)
from sklatent.utils._threads import blas_threads

# Rounding of sums over a block, in the precision of the products.
RTOL = {np.float64: 1e-13, np.float32: 3e-6}
OFFSETS = {np.float64: [0.0, 1e8], np.float32: [0.0, 1e4]}
CASES = [(dtype, offset) for dtype in RTOL for offset in OFFSETS[dtype]]


def two_passes(X, weight=None):
    """Sum of weights, mean less the first row, and scatter, in extended precision."""
    X = X.astype(np.longdouble)
    weight = np.ones(len(X)) if weight is None else weight
    weight = weight.astype(np.longdouble)[:, None]
    r = X - X[0]
    shift = (weight * r).sum(axis=0) / weight.sum()
    r -= shift
    return weight.sum(), shift, (weight * r).T @ r


def assert_moments(moments, X, weight=None, rtol=1e-13):
    """Entries are compared on the scale of their features."""
    total, shift, scatter = two_passes(X, weight)
    np.testing.assert_allclose(moments.weight, float(total), rtol=1e-14)
    spread = np.sqrt(np.diag(scatter))
    error = np.abs(moments.scatter - scatter)
    assert (error <= rtol * np.outer(spread, spread) + 1e-300).all()
    np.testing.assert_array_equal(moments.scatter, moments.scatter.T)
    # Both parts of the mean together are better than one double.
    ours = (moments.mean - X[0].astype(float)) + moments.mean_error
    reach = np.maximum(spread / np.sqrt(total), np.abs(shift))
    assert (np.abs(ours - shift) <= rtol * reach + 1e-300).all()
    assert moments.mean.dtype == moments.scatter.dtype == np.float64


def normal(n, p, dtype, offset, order="C", seed=0):
    rng = np.random.RandomState(seed)
    return np.asarray((offset + rng.normal(size=(n, p))).astype(dtype), order=order)


@pytest.mark.parametrize(("dtype", "offset"), CASES)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(20_000, 20), (3000, 150), (40, 100), (1, 3)])
@pytest.mark.slow
def test_far_from_zero(dtype, offset, order, shape):
    X = normal(*shape, dtype, offset, order)
    assert_moments(Moments.of(X), X, rtol=RTOL[dtype])


@pytest.mark.parametrize(("dtype", "offset"), CASES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_weighted(dtype, offset, order):
    X = normal(20_000, 20, dtype, offset, order)
    weight = np.random.RandomState(1).exponential(size=len(X)) * 1e-20
    weight[: len(X) // 2 : 2] = 0
    assert_moments(Moments.of(X, weight), X, weight, rtol=RTOL[dtype])


def test_integer_weights_are_repeated_rows():
    X = normal(500, 4, np.float64, 1e8)
    weight = np.random.RandomState(1).randint(4, size=len(X))
    once, repeated = Moments.of(X, weight), Moments.of(np.repeat(X, weight, axis=0))
    assert once.weight == repeated.weight
    np.testing.assert_allclose(once.mean, repeated.mean, rtol=1e-15)
    np.testing.assert_allclose(once.scatter, repeated.scatter, rtol=1e-13, atol=1e-11)


@pytest.mark.parametrize(("dtype", "offset"), CASES)
def test_sorted_rows(dtype, offset):
    X = np.sort(normal(20_000, 20, dtype, offset), axis=0)
    assert_moments(Moments.of(X), X, rtol=RTOL[dtype])


@pytest.mark.parametrize("dtype", RTOL)
def test_guess_of_the_center_that_is_far_off(dtype):
    """All rows that the guess looks at are elsewhere, and hardly count."""
    X = normal(6000, 20, dtype, 0.0)
    weight = np.ones(len(X))
    rows = next(product_blocks(*X.shape, X.itemsize))
    step = -(-min(len(X), rows.stop) // CENTER_ROWS)
    X[::step] += 1e3
    weight[::step] = 1e-12
    # The outliers themselves carry a variance of 1e-6 or so: nothing beside 1.
    assert_moments(Moments.of(X, weight), X, weight, rtol=RTOL[dtype])


def test_features_on_different_scales():
    X = normal(5000, 5, np.float64, 0.0) * [1e-150, 1e-6, 1.0, 1e6, 1e150]
    assert_moments(Moments.of(X), X)


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_squares_beyond_single_precision(scale):
    X = (scale * normal(500, 3, np.float64, 0.0)).astype(np.float32)
    assert_moments(Moments.of(X), X, rtol=3e-6)


def test_constant_features_have_no_scatter():
    X = normal(5000, 3, np.float64, 0.0)
    X[:, 1] = 0.1
    moments = Moments.of(X)
    assert moments.mean[1] == 0.1
    assert not moments.scatter[1].any()


@pytest.mark.parametrize("sizes", [[1] * 700, [699, 1], [350, 350], [1, 9, 690]])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_merge(sizes, offset):
    X = normal(700, 4, np.float64, offset)
    weight = np.random.RandomState(1).exponential(size=len(X))
    merged = Moments.of(X[:0])
    for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
        rows = slice(stop - size, stop)
        merged = merged.merge(Moments.of(X[rows], weight[rows]))
    assert_moments(merged, X, weight)


def test_merge_with_nothing():
    some, none = Moments.of(normal(5, 2, np.float64, 1.0)), Moments.of(np.empty((0, 2)))
    assert none.weight == 0
    assert some.merge(none) is some
    assert none.merge(some) is some
    assert Moments.of(np.ones((3, 2)), np.zeros(3)).weight == 0


def test_covariance_is_the_maximum_likelihood_one():
    X = normal(50, 3, np.float64, 0.0)
    expected = np.cov(X.T, bias=True)
    np.testing.assert_allclose(Moments.of(X).covariance(), expected, rtol=1e-12)


def test_products_in_double_precision_for_single():
    X = normal(2000, 5, np.float32, 1e4)
    assert_moments(Moments.of(X, dtype=np.float64), X, rtol=1e-13)


def test_sparse_rows():
    X = normal(900, 7, np.float64, 0.0) * (np.random.RandomState(1).rand(900, 7) < 0.2)
    weight = np.random.RandomState(2).randint(3, size=900)
    assert_moments(Moments.of(csr_matrix(X), weight), X, weight)


def test_rows_in_a_file(tmp_path):
    X = normal(3000, 4, np.float64, 1e8)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(Moments.of(mapped).scatter, Moments.of(X).scatter)


@pytest.mark.parametrize("order", ["C", "F"])
def test_views_with_steps(order):
    X = normal(4000, 12, np.float64, 5.0, order)
    assert_moments(Moments.of(X[::2, ::-3]), X[::2, ::-3])


@pytest.mark.parametrize(("dtype", "offset"), CASES)
def test_rows_at_any_address_have_the_same_moments(dtype, offset):
    """To the bit, since where a worker finds rows is up to chance."""
    X = (np.random.RandomState(0).standard_normal((3000, 20)) + offset).astype(dtype)
    memory = np.empty(X.nbytes + 16, np.uint8)
    start = (1 - memory.ctypes.data) % 16
    moved = np.frombuffer(memory, dtype, X.size, start).reshape(X.shape)
    moved[:] = X
    assert not moved.flags.aligned
    ours, expected = Moments.of(moved), Moments.of(X)
    np.testing.assert_array_equal(ours.mean, expected.mean)
    np.testing.assert_array_equal(ours.scatter, expected.scatter)
    np.testing.assert_array_equal(moved, X)


def test_input_is_not_written_to():
    X = normal(300, 4, np.float64, 1e8)
    weight = np.random.RandomState(1).exponential(size=len(X))
    X.flags.writeable = weight.flags.writeable = False
    Moments.of(X, weight)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_does_not_grow_with_the_rows(order):
    X = normal(400_000, 10, np.float64, 0.0, order)
    tracemalloc.start()
    Moments.of(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.05 * X.nbytes


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_threads(n_threads):
    """As many as BLAS may take; the same moments, and the same at every call."""
    X = normal(50_000, 20, np.float64, 1e8)
    weight = np.random.RandomState(1).exponential(size=len(X))
    with threadpool_limits(n_threads, user_api="blas"):
        moments = Moments.of(X, weight)
        again = Moments.of(X, weight)
    assert_moments(moments, X, weight)
    np.testing.assert_array_equal(moments.scatter, again.scatter)


def test_number_of_blas_threads_is_restored():
    """Also if the threads that set it leave in another order than they came."""
    X = normal(50_000, 20, np.float64, 0.0)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(4) as threads:
            scatters = list(threads.map(lambda _: Moments.of(X).scatter, range(12)))
        with pytest.raises(TypeError), narrow_blas(20):
            assert blas_threads() == 1
            raise TypeError
        assert blas_threads() == before == 2
    for scatter in scatters:
        # A fit inside another's limit takes one thread: other sums, same rounding.
        np.testing.assert_allclose(scatter, scatters[0], rtol=1e-12, atol=1e-8)


@pytest.mark.parametrize("n", [1, 5, 128, 129, 300])
def test_mirror_lower(n):
    A = np.random.RandomState(0).normal(size=(n, n))
    expected = np.tril(A) + np.tril(A, -1).T
    np.testing.assert_array_equal(mirror_lower(A.copy(order="F")), expected)


def test_two_sum_is_exact():
    rng = np.random.RandomState(0)
    a, b = rng.normal(size=99) * 10.0 ** rng.randint(-9, 9, size=(2, 99))
    total, error = two_sum(a, b)
    exact = a.astype(np.longdouble) + b
    np.testing.assert_array_equal(total, (a + b))
    # Extended precision has 11 bits more, too few for all of the error.
    np.testing.assert_allclose(
        error, (exact - total).astype(float), atol=1e-19 * np.abs(total).max()
    )
