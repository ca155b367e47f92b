import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from sklatent.density.kernel import _sums as _pairwise
from sklatent.density.kernel._leave_one_out import LeaveOneOut
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._sums import KernelSums

# What log-sums promise, relative to the larger of 1 and their size.
RTOL = {np.float64: 1e-9, np.float32: 1e-4}


def direct(X, Y, kernel, width, log_weight, factor=1.0):
    """Term by term, from differences in double precision."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    s = (((X[:, None] - Y) / width) ** 2).sum(axis=2) / np.square(factor)
    with np.errstate(all="ignore"):
        return logsumexp(kernel.logs(s) + log_weight, axis=1)


def assert_log_sums(got, want, rtol):
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    finite = np.isfinite(want)
    error = np.abs(got[finite] - want[finite])
    assert (error <= rtol * np.maximum(1, np.abs(want[finite]))).all()


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("p", [1, 2, 7, 30])
@pytest.mark.slow
def test_log_sums_are_those_of_differences(name, dtype, p):
    rng = np.random.RandomState(p)
    Y = rng.standard_normal((700, p)).astype(dtype)
    X = np.vstack([Y[:60], 1.2 * rng.standard_normal((100, p))]).astype(dtype)
    log_weight = np.log(rng.random_sample(700))
    factor = np.exp(0.3 * rng.standard_normal(700))
    kernel = KERNELS[name]
    for width in (0.003, 0.3, 1.5, 20.0, np.geomspace(0.5, 2, p)):
        for f in (None, factor):
            got = KernelSums(Y, kernel, width, log_weight, f).log_sums(X)
            assert got.dtype == dtype
            want = direct(X, Y, kernel, width, log_weight, 1.0 if f is None else f)
            assert_log_sums(got, want, RTOL[dtype])


@pytest.mark.parametrize("name", ["gaussian", "exponential", "tricube"])
@pytest.mark.parametrize("offset", [1e8, -1e4])
@pytest.mark.parametrize("width", [1e-6, 0.1, 1.0])
def test_an_offset_costs_nothing(name, offset, width):
    rng = np.random.RandomState(0)
    Y = rng.standard_normal((300, 3)) + offset
    X = np.vstack([Y[:20], Y[:20] + 0.3 * width])
    kernel = KERNELS[name]
    got = KernelSums(Y, kernel, width, np.zeros(300)).log_sums(X)
    assert_log_sums(got, direct(X, Y, kernel, width, np.zeros(300)), 1e-9)


def test_far_queries_and_an_outlier():
    rng = np.random.RandomState(0)
    Y = rng.standard_normal((500, 4))
    Y[7] = 1e5
    far = 10.0 ** np.arange(1, 12)[:, None] * np.array([1.0, -1.0, 0.5, 2.0])
    for dtype in (np.float64, np.float32):
        X, Z = far.astype(dtype), Y.astype(dtype)
        got = KernelSums(Z, KERNELS["gaussian"], 0.5, np.zeros(500)).log_sums(X)
        want = direct(X, Z, KERNELS["gaussian"], 0.5, np.zeros(500))
        assert np.isfinite(got).all()
        np.testing.assert_allclose(got, want, rtol=RTOL[dtype])
        none = KernelSums(Z, KERNELS["biweight"], 0.5, np.zeros(500)).log_sums(X)
        np.testing.assert_array_equal(none, -np.inf)


def test_distances_that_equal_the_bandwidth():
    """On a lattice a step function is as exact as differences are."""
    axis = np.arange(12.0)
    Y = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2) / 8 + 1000
    got = KernelSums(Y, KERNELS["tophat"], 0.25, np.zeros(len(Y))).log_sums(Y)
    want = np.log((cdist(Y, Y) < 0.25).sum(axis=1))
    np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize("name", ["gaussian", "exponential", "epanechnikov", "tophat"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_many_tiles_and_threads(name, dtype, monkeypatch):
    monkeypatch.setattr(_pairwise, "TILE_BYTES", 2**14)
    monkeypatch.setattr(_pairwise, "BLOCK_ROWS", 40)
    rng = np.random.RandomState(0)
    Y, X = (rng.standard_normal((n, 3)).astype(dtype) for n in (613, 211))
    sums = KernelSums(Y, KERNELS[name], 1.0, np.zeros(613))
    together = sums.log_sums(X, n_jobs=1)
    np.testing.assert_array_equal(sums.log_sums(X, n_jobs=3), together)
    want = direct(X, Y, KERNELS[name], 1.0, np.zeros(613))
    assert_log_sums(together, want, RTOL[dtype])
    # A row in a block of its own.
    rtol = 1e-7 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(sums.log_sums(X[5:6]), together[5:6], rtol=rtol)


def test_weights_beyond_the_range_of_exponentials():
    Y = np.array([[0.0], [1.0], [50.0]])
    log_weight = np.array([0.0, 3000.0, -3000.0])
    for name in ("gaussian", "epanechnikov"):
        got = KernelSums(Y, KERNELS[name], 0.5, log_weight).log_sums(Y)
        want = direct(Y, Y, KERNELS[name], 0.5, log_weight)
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_units():
    rng = np.random.RandomState(0)
    Y, X = rng.standard_normal((100, 2)), rng.standard_normal((30, 2))
    want = KernelSums(Y, KERNELS["gaussian"], 0.3, np.zeros(100)).log_sums(X)
    for scale in (1e-150, 1e150):
        sums = KernelSums(Y * scale, KERNELS["gaussian"], 0.3 * scale, np.zeros(100))
        np.testing.assert_allclose(sums.log_sums(X * scale), want, rtol=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_leave_one_out(name, monkeypatch):
    monkeypatch.setattr(_pairwise, "TILE_BYTES", 2**16)
    rng = np.random.RandomState(0)
    rows, weight = rng.standard_normal((300, 2)), rng.random_sample(300) + 0.1
    widths = np.array([0.02, 0.3, 1.0, 5.0])
    logs = LeaveOneOut(rows, weight).log_sums(KERNELS[name], widths)
    for b, width in enumerate(widths):
        s = cdist(rows, rows, "sqeuclidean") / width**2
        terms = KERNELS[name].logs(s) + np.log(weight)
        np.fill_diagonal(terms, -np.inf)
        with np.errstate(divide="ignore"):
            want = logsumexp(terms, axis=1)
        np.testing.assert_array_equal(np.isfinite(logs[:, b]), np.isfinite(want))
        finite = np.isfinite(want)
        # Kernels are in single precision; at their edge they are small differences.
        np.testing.assert_allclose(
            logs[finite, b], want[finite], rtol=1e-5, atol=1e-5 if width > 0.1 else 1e-3
        )
