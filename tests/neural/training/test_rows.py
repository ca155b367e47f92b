"""Sources of rows: the same numbers, whether they are resident or streamed."""

import tracemalloc

import numpy as np
import pytest
import torch

from sklatent.neural import _base as base_module
from sklatent.neural.training import _rows as rows_module
from sklatent.neural.training._rows import (
    BLOCK_ROWS,
    StreamedRows,
    is_memory_mapped,
    mean_and_scale,
    row_source,
    standardize,
    subset,
)
from tests.neural.settings import ALL, BOTH


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(3, 5, size=(300, 4))


def standardizer(X):
    mean, scale, _, _ = mean_and_scale(X)
    return lambda rows: standardize(rows, mean, scale)


def memory_map(X, path):
    np.save(path / "X.npy", X)
    return np.load(path / "X.npy", mmap_mode="r")


def test_views_of_a_file(X, tmp_path):
    mapped = memory_map(X, tmp_path)
    for view in (mapped, np.asarray(mapped), np.asarray(mapped)[10:][:, ::2]):
        assert is_memory_mapped(view)
    assert not is_memory_mapped(X[3:])
    assert not is_memory_mapped(np.array(mapped))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_streamed_rows_are_the_resident_ones(dtype, X, tmp_path):
    units = standardizer(X)
    resident = row_source(X, units, dtype, "cpu")
    streamed = row_source(memory_map(X, tmp_path), units, dtype, "cpu")
    assert torch.is_tensor(resident)
    assert isinstance(streamed, StreamedRows)
    order = np.random.RandomState(1).permutation(300)[:200]
    for a, b in [
        (resident, streamed),
        (subset(resident, order), subset(streamed, order)),
    ]:
        assert len(a) == len(b)
        assert (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device)
        for rows in (slice(20, 50), slice(None), torch.tensor([5, 3, 199, 3])):
            assert torch.equal(a[rows], b[rows])


@ALL
@pytest.mark.parametrize("early_stopping", [False, True])
def test_training_from_a_file_is_the_same(cls, early_stopping, X, tmp_path):
    settings = {"max_epochs": 3, "early_stopping": early_stopping, "random_state": 0}
    resident = cls(**settings).fit(X)
    streamed = cls(**settings).fit(memory_map(X, tmp_path))
    assert streamed.history_ == resident.history_
    np.testing.assert_array_equal(streamed.transform(X), resident.transform(X))


@BOTH
def test_a_file_is_never_read_whole(cls, tmp_path, monkeypatch):
    n_rows = 40_000
    X = np.random.RandomState(0).normal(size=(n_rows, 20))  # 6.4 MB
    mapped = memory_map(X, tmp_path)
    sizes = []

    def standardize(block, *units):
        sizes.append(len(block))
        return original(block, *units)

    original = base_module.standardize
    monkeypatch.setattr(base_module, "standardize", standardize)
    estimator = cls(max_epochs=1, hidden_layer_sizes=(), batch_size=1000)
    tracemalloc.start()
    try:
        estimator.set_params(early_stopping=True).fit(mapped)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy's arrays: blocks, and the orders of the rows at 8 bytes each.
    assert peak < X.nbytes / 2
    # PyTorch's tensors are made of these.
    assert max(sizes) <= BLOCK_ROWS


def test_rows_that_do_not_fit_into_memory_are_streamed(X, monkeypatch):
    units = standardizer(X)
    n_bytes = X.size * 4
    for free, kind in [(2 * n_bytes, torch.Tensor), (2 * n_bytes - 1, StreamedRows)]:
        monkeypatch.setattr(rows_module, "free_memory", lambda device, free=free: free)
        assert isinstance(row_source(X, units, torch.float32, "cpu"), kind)
