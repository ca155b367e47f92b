"""Training on Dask collections: every row in every epoch, a few blocks at a time."""

import dask
import dask.array as da
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklatent.decomposition import PCA
from sklatent.dimension import TwoNN
from sklatent.exceptions import RepeatedReadingWarning
from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from sklatent.neural.training._lazy_rows import TOGETHER, LazyRows
from sklatent.neural.training._rows import row_source

CHUNKS = (30, 0, 50, 20, 40, 10, 30, 20, 60, 40)


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def X():
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(sum(CHUNKS), 2)) @ rng.normal(size=(2, 5)) + 10
    return rows + 0.1 * rng.normal(size=rows.shape)


class Counted:
    """A Dask array of rows, whose blocks are counted as they are read."""

    def __init__(self, X):
        self.n_read = 0
        self.array = da.from_array(X, chunks=(CHUNKS, X.shape[1])).map_blocks(
            self.read, dtype=X.dtype, meta=np.empty((0, 0), X.dtype)
        )

    def read(self, block):
        self.n_read += 1
        return block


def lazy(X):
    return LazyRows(AETransformer(), X, reset=True)


def test_some_rows_are_those_in_memory(X):
    rows = lazy(da.from_array(X, chunks=(CHUNKS, 5)))
    assert (len(rows), rows.shape, rows.dtype) == (300, (300, 5), np.float64)
    some = np.random.RandomState(0).permutation(300)[:70]
    assert_array_equal(rows[some], X[some])
    assert_array_equal(rows[25:95], X[25:95])


def test_unknown_lengths_and_single_precision(X):
    frame = da.from_array(X.astype(np.float32), chunks=(CHUNKS, 5)).to_dask_dataframe()
    rows = lazy(frame)
    assert rows.dtype == np.float32
    assert_array_equal(rows[[299, 0]], X.astype(np.float32)[[299, 0]])


def test_an_epoch_reads_each_block_once_and_sees_each_row_once(X):
    counted = Counted(X)
    source = row_source(lazy(counted.array), lambda X: X, torch.float64, "cpu")
    generator = torch.Generator().manual_seed(0)
    order = source.by_block(torch.randperm(300, generator=generator), generator)
    assert_array_equal(order.sort()[0], np.arange(300))
    counted.n_read = 0
    seen = torch.cat([source[batch] for batch in order.split(32)])
    assert_array_equal(seen, X[order])
    assert counted.n_read == np.count_nonzero(CHUNKS)
    assert len(source.X.held) <= 2 * TOGETHER


def test_rows_of_several_blocks_come_together_in_another_order_each_time(X):
    rows = lazy(da.from_array(X, chunks=(CHUNKS, 5)))
    generator = torch.Generator().manual_seed(0)
    groups = [rows.together(np.arange(300), generator) for _ in range(2)]
    assert not np.array_equal(*groups)
    for group in groups:
        members = [set(rows.block_of(np.flatnonzero(group == g))) for g in set(group)]
        assert max(map(len, members)) <= TOGETHER
        assert sum(map(len, members)) == np.count_nonzero(CHUNKS)


def test_a_linear_autoencoder_finds_the_principal_axes(X):
    settings = {"hidden_layer_sizes": (), "max_epochs": 200, "lr": 0.02}
    ae = AETransformer(2, **settings, standardize=False, random_state=0)
    ae.fit(da.from_array(X, chunks=(CHUNKS, 5)))
    best = PCA(2).fit(X).reconstruction_error(X).mean()
    assert ae.reconstruction_error(X).mean() < 1.02 * best
    assert_allclose(ae.mean_, X.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [
        AETransformer(2, max_epochs=2, random_state=0),
        VAETransformer(2, max_epochs=2, random_state=0, early_stopping=True),
        VAETransformer(2, max_epochs=2, random_state=0, prior="vampprior"),
    ],
)
def test_a_seed_decides(estimator, X):
    first, second = (
        estimator.fit(da.from_array(X, chunks=(CHUNKS, 5))).transform(X)
        for _ in range(2)
    )
    assert_array_equal(first, second)


@pytest.mark.parametrize(("early_stopping", "n_passes"), [(False, 10), (True, 20)])
def test_a_fit_reads_the_rows_once_an_epoch_and_a_few_times_more(
    early_stopping, n_passes, X
):
    """Twice where some are held out, whose loss is found after each epoch."""
    counted = Counted(X)
    ae = AETransformer(2, max_epochs=10, early_stopping=early_stopping, random_state=0)
    with pytest.warns(RepeatedReadingWarning, match="10 epochs of AETransformer"):
        ae.fit(counted.array)
    assert counted.n_read <= (n_passes + 4) * np.count_nonzero(CHUNKS)


def test_missing_entries(X):
    rows = X.copy()
    rows[::7, 2] = np.nan
    vae = VAETransformer(2, max_epochs=1, random_state=0)
    vae.fit(da.from_array(rows, chunks=(CHUNKS, 5)))
    assert_allclose(vae.mean_, np.nanmean(rows, axis=0), rtol=1e-12)
    assert np.isfinite(vae.impute(rows)).all()


@pytest.mark.parametrize(
    "estimator",
    [
        AETransformer(2, neighbor_weight=1.0, max_epochs=1),
        AETransformer(TwoNN(), max_epochs=1),
        ParametricEmbedding(max_epochs=1),
        VAETransformer(marginals="normal_scores", max_epochs=1),
        VAETransformer(likelihood="auto", max_epochs=1),
    ],
)
def test_what_needs_all_rows_says_so(estimator, X):
    with pytest.raises(TypeError, match=r"X\.compute\(\)"):
        estimator.fit(da.from_array(X, chunks=(CHUNKS, 5)))
    assert not hasattr(estimator, "net_")


def test_bad_blocks_leave_the_estimator_as_it_was(X):
    ae = AETransformer(2, max_epochs=1, random_state=0).fit(X)
    before = ae.transform(X)
    with pytest.raises(ValueError, match="contains infinity"):
        ae.fit(da.from_array(np.where(X[200, 0] == X, np.inf, X), chunks=(CHUNKS, 5)))
    assert_array_equal(ae.transform(X), before)
    with pytest.raises(ValueError, match="minimum of 2"):
        ae.fit(da.from_array(X[:1]))


def test_blocks_that_change_between_two_readings_are_an_error(X):
    n_left_out = iter(range(100))
    rows = lazy(
        da.from_array(X, chunks=(CHUNKS, 5)).map_blocks(
            lambda block: block[next(n_left_out) :],
            dtype=X.dtype,
            meta=np.empty((0, 0), X.dtype),
        )
    )
    with pytest.raises(ValueError, match="same rows whenever it is read"):
        rows[:]


@pytest.mark.parametrize("likelihood", ["bernoulli", "poisson"])
def test_values_are_those_of_the_likelihood(likelihood, X):
    vae = VAETransformer(2, likelihood=likelihood, max_epochs=1, random_state=0)
    rows = (X.mean(axis=0) < X).astype(float)
    chunks = CHUNKS, 5
    assert np.isfinite(vae.fit(da.from_array(rows, chunks=chunks)).score(rows))
    with pytest.raises(ValueError, match=r"got -1 in row"):
        vae.fit(da.from_array(-rows, chunks=chunks))
