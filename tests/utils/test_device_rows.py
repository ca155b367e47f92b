"""Moments and samples of rows on a device, beside those of rows in memory."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context

from sklatent.density.mixture._model import STRUCTURES, TrainingRows
from sklatent.utils import _device_moments
from sklatent.utils._columns import constant_values
from sklatent.utils._device_moments import moments_on_device
from sklatent.utils._device_rows import DeviceRows
from sklatent.utils._tables import check_weight
from tests.test_array_api import KINDS, each_kind

OFFSETS = {"float64": [0.0, 1e6, 1e8], "float32": [0.0, 1e4]}
# Rounding of the products, and of sums of some thousand of them.
TOLERANCE = {"float64": 1e-13, "float32": 1e-5}


@pytest.fixture(autouse=True)
def dispatched():
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 128 rows of four features."""
    monkeypatch.setattr(_device_moments, "BLOCK_BYTES", 128 * 4 * 8)


def rows(offset, dtype, n=3000):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n, 4)) @ rng.normal(size=(4, 4)) + offset
    return X.astype(dtype)


@each_kind
@pytest.mark.parametrize(
    ("dtype", "offset"), [(d, o) for d in OFFSETS for o in OFFSETS[d]]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_moments(small_blocks, kind, dtype, offset, weighted):
    """Those of the rows less the offset, which is a difference without rounding."""
    X, rng = rows(offset, dtype), np.random.RandomState(1)
    weight = rng.randint(3, size=len(X)) * (np.arange(len(X)) >= 300)
    centered = X.astype(np.float64) - offset
    found = moments_on_device(
        KINDS[kind](X), KINDS[kind](weight.astype(float)) if weighted else None
    )
    if weighted:
        centered = np.repeat(centered, weight, axis=0)
    assert found.weight == pytest.approx(len(centered), rel=1e-14)
    right, rtol = np.cov(centered.T, bias=True), TOLERANCE[dtype]
    assert_allclose(found.covariance(), right, atol=rtol * right.max(), rtol=0)
    mean = (found.mean - offset) + found.mean_error
    # The sum of a block in single precision loses some of the digits of the mean.
    assert_allclose(mean, centered.mean(axis=0), atol=10 * rtol, rtol=0)


@each_kind
def test_weights_of_any_size(kind):
    X, weight = rows(0, "float32", 200), np.linspace(0.1, 1, 200)
    right = moments_on_device(KINDS[kind](X), KINDS[kind](weight))
    for scale in (1e-200, 1e200):
        found = moments_on_device(KINDS[kind](X), KINDS[kind](weight * scale))
        assert_allclose(found.mean, right.mean, rtol=1e-6)
        assert_allclose(found.covariance(), right.covariance(), rtol=1e-6)


@each_kind
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_squares_out_of_range_of_single_precision(kind, scale):
    X = (rows(0, "float64", 200) * scale).astype(np.float32)
    found = moments_on_device(KINDS[kind](X)).covariance()
    right = np.cov(X.astype(np.float64).T / scale, bias=True)
    assert_allclose(found / scale / scale, right, atol=1e-6 * right.max(), rtol=0)


@each_kind
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_most", [100, 5000])
def test_the_sample_is_that_of_rows_in_memory(kind, weighted, n_most):
    X, weight = rows(0, "float64"), None
    if weighted:
        weight = np.random.RandomState(1).randint(3, size=len(X)).astype(float)
    in_memory = TrainingRows.of(X, weight, structure=STRUCTURES["full"])
    right, w = in_memory.sample(n_most, np.random.RandomState(2))
    source = DeviceRows(KINDS[kind](X), None if weight is None else KINDS[kind](weight))
    found, found_w = source.sample(n_most, np.random.RandomState(2))
    right = in_memory.frame.origin + right * in_memory.frame.scale
    assert_allclose(found, right, rtol=1e-12)
    assert_allclose(found_w / found_w.mean(), w / w.mean())


@each_kind
def test_what_else_a_source_answers(kind):
    X, weight = rows(0, "float32", 50), np.arange(50) % 3 / 100
    X[weight > 0, 1] = 7
    source = DeviceRows(KINDS[kind](X), KINDS[kind](weight))
    assert source.dtype == np.float32
    assert (source.n_rows, source.n_features) == (50, 4)
    assert source.n_positive == np.count_nonzero(weight)
    assert source.total == pytest.approx(weight.sum())
    assert_array_equal(source.constants, constant_values(X, weight))
    assert_array_equal(source.constants[1], 7)
    total, mean, error = source.mean()
    assert total == pytest.approx(weight.sum())
    assert_allclose(mean + error, np.average(X, axis=0, weights=weight), rtol=1e-6)
    with pytest.warns(UserWarning, match="taken for shares"):
        n = source.row_count("This")
    assert n == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


def test_weights_are_checked_and_moved():
    X = torch.zeros((3, 2), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        check_weight(torch.tensor([1.0, -1.0, 1.0]), X)
    with pytest.raises(ValueError, match="zero"):
        check_weight(np.zeros(3), X)
    with pytest.raises(ValueError, match="shape"):
        check_weight([1.0, 1.0], X)
    assert_array_equal(check_weight([1, 2, 3], X).numpy(), [1, 2, 3])
