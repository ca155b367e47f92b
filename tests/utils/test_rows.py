"""A row source gives what the whole table gives, whatever its blocks are."""

import operator
import subprocess
import sys

import dask
import dask.array as da
import numpy as np
import pytest

from sklatent.decomposition import PPCA
from sklatent.density import GaussianMixture
from sklatent.utils._columns import ColumnMoments, constant_values
from sklatent.utils._moments import Moments
from sklatent.utils._overview import Overview
from sklatent.utils._rows import ArrayRows, DaskRows, row_source


@pytest.fixture(autouse=True)
def _synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n=500, p=4, seed=0):
    return np.random.RandomState(seed).standard_normal((n, p))


def in_blocks(X, weight=None, chunks=(7, 0, 200, 293), **options):
    """Rows in chunks of these lengths, one of them empty."""
    lazy = da.from_array(X, chunks=(chunks, -1))
    return row_source(PPCA(), lazy, weight, **options)


def test_reduce_is_over_all_rows_in_their_order():
    X = table()
    rows = in_blocks(X)
    listed = rows.reduce(lambda block, weight: [block], operator.add)
    np.testing.assert_array_equal(np.concatenate(listed), X)
    assert ArrayRows(X).reduce(lambda block, weight: block is X, None)


def test_the_tree_merges_neighbors_in_order():
    X = np.arange(100.0)[:, None]
    rows = in_blocks(X, chunks=(1,) * 100)
    text = rows.reduce(lambda block, _: f"{block[0, 0]:.0f} ", operator.add)
    assert text.split() == list(map(str, range(100)))


@pytest.mark.parametrize("weighted", [False, True])
def test_overview_of_blocks_is_that_of_the_table(weighted):
    X = table()
    X[:, 2] = 7.0
    weight = np.random.RandomState(1).randint(0, 3, len(X)) if weighted else None
    rows, array = in_blocks(X, weight), row_source(PPCA(), X, weight)
    assert rows.n_rows == array.n_rows == len(X)
    assert rows.n_positive == array.n_positive
    assert rows.total == array.total
    assert not rows.has_missing
    np.testing.assert_array_equal(rows.constants, [np.nan, np.nan, 7.0, np.nan])
    repeated = X if weight is None else np.repeat(X, weight, axis=0)
    np.testing.assert_allclose(
        rows.moments().covariance(), np.cov(repeated.T, bias=True), atol=1e-13
    )


def test_moments_of_observed_entries_merge():
    X = table(300) + 1e8
    X[np.random.RandomState(0).uniform(size=X.shape) < 0.3] = np.nan
    X[:50, 1] = np.nan  # nothing is observed in the first block
    weight = np.random.RandomState(2).uniform(size=len(X))
    blocks = [slice(0, 50), slice(50, 51), slice(51, 300)]
    one, two, three = (ColumnMoments.of(X[b], weight[b]) for b in blocks)
    merged = one.merge(two).merge(three)
    count, mean, squares = merged.count, merged.mean, merged.squares
    for j, x in enumerate(X.T):
        seen = ~np.isnan(x)
        # Against NumPy on the numbers less the offset, which are exact.
        expected = np.average(x[seen] - 1e8, weights=weight[seen])
        assert count[j] == pytest.approx(weight[seen].sum(), rel=1e-13)
        assert mean[j] - 1e8 == pytest.approx(expected, abs=1e-7)
        around = (x[seen] - 1e8 - expected) ** 2
        assert squares[j] == pytest.approx(weight[seen] @ around, rel=1e-12)


def test_rows_without_weight_tell_nothing_but_their_number():
    X = table(20)
    nothing = Overview.of(X, np.zeros(20), True)
    assert (nothing.n_rows, nothing.n_positive, nothing.weight) == (20, 0, 0.0)
    seen = Overview.of(X, None, True)
    for merged in (nothing.merge(seen), seen.merge(nothing)):
        assert merged.n_rows == 40 and merged.n_positive == 20
        np.testing.assert_array_equal(merged.columns.mean, seen.columns.mean)
        np.testing.assert_array_equal(merged.moments.scatter, seen.moments.scatter)
        np.testing.assert_array_equal(merged.constants, constant_values(X))


def test_sample_is_that_of_an_array():
    """Without weights the cumulated numbers of rows are exact."""
    X = table(1000)
    rows = in_blocks(X, chunks=(300, 0, 1, 699), with_scatter=False)
    sampled, weight = rows.sample(100, np.random.RandomState(0))
    u = np.random.RandomState(0).uniform(size=100)
    expected = X[np.floor((np.arange(100) + u) * 10).astype(int)]
    np.testing.assert_array_equal(sampled, expected)
    assert (weight == 1).all()


def test_weighted_sample_takes_rows_by_their_weight():
    X = np.arange(40.0)[:, None]
    weight = np.where(X[:, 0] % 10 == 3, 1.0, 0.0)
    rows = in_blocks(X, weight, chunks=(13, 27), with_scatter=False)
    sampled, ones = rows.sample(2, np.random.RandomState(0))
    assert len(ones) == 2 and set(sampled.ravel()) <= {3.0, 13.0, 23.0, 33.0}
    sampled, ones = rows.sample(4, np.random.RandomState(0))
    np.testing.assert_array_equal(sampled.ravel(), [3.0, 13.0, 23.0, 33.0])


def test_blocks_of_a_larger_type_promote_all():
    X = table(60).astype(np.float32)
    first = da.from_array(X[:30], chunks=(30, -1))
    declared = da.map_blocks(
        lambda block: block.astype(np.float64),
        da.from_array(X[30:], chunks=(30, -1)),
        dtype=np.float32,  # which is not true
        meta=np.empty((0, 0), np.float32),
    )
    rows = row_source(PPCA(), da.concatenate([first, declared]), None)
    assert rows.overview.dtype == rows.dtype == np.float64
    exact = Moments.of(X.astype(np.float64))
    np.testing.assert_allclose(rows.moments().scatter, exact.scatter, rtol=1e-13)


def test_chunks_along_columns_are_joined_with_one_warning():
    X = table(30)
    lazy = da.from_array(X, chunks=(10, 2))
    with pytest.warns(UserWarning, match=r"2 chunks along its columns") as caught:
        rows = row_source(PPCA(), lazy, None)
    assert len(caught) == 1
    np.testing.assert_allclose(rows.moments().mean, X.mean(axis=0), atol=1e-14)


def test_weights_are_cut_like_the_rows():
    X, weight = table(30), np.arange(30.0)
    chunked = da.from_array(weight, chunks=8)
    for given in (weight, weight.tolist(), chunked):
        rows = in_blocks(X, given, chunks=(20, 10))
        assert rows.total == weight.sum()
    with pytest.raises(ValueError, match="must have 30 entries"):
        in_blocks(X, chunked[:-1], chunks=(20, 10))
    with pytest.raises(ValueError, match="Negative"):
        in_blocks(X, -chunked, chunks=(20, 10)).overview  # noqa: B018
    with pytest.raises(ValueError, match="must be finite"):
        in_blocks(X, 0 * chunked + 1e307, chunks=(20, 10)).overview  # noqa: B018
    with pytest.raises(ValueError, match="positive for at least one"):
        in_blocks(X, 0 * chunked, chunks=(20, 10)).overview  # noqa: B018


def test_unknown_lengths_are_counted():
    X = table(100)
    lazy = da.from_array(X, chunks=(30, -1))
    lazy = lazy[lazy[:, 0] > 0]
    kept = X[X[:, 0] > 0]
    rows = row_source(PPCA(), lazy, np.ones(len(kept)))
    assert rows.n_rows == len(kept)
    blocks = DaskRows(GaussianMixture(), lazy, None, False, 1)
    numbers = blocks.reduce_numbered(
        lambda X, w, start: [(start, len(X))], operator.add
    )
    assert sum(n for _, n in numbers) == len(kept)
    assert numbers[1][0] == numbers[0][1]


def test_rows_that_change_between_readings():
    read = []

    def block(_):
        read.append(1)
        return np.ones((len(read), 2))

    ones, nothing = da.ones((6, 2), chunks=(3, 2)), np.empty((0, 0))
    chunks = ((np.nan, np.nan), 2)
    lazy = da.map_blocks(block, ones, chunks=chunks, dtype=float, meta=nothing)
    rows = row_source(PPCA(), lazy, None)
    assert rows.n_rows == 3
    with pytest.raises(ValueError, match="same rows whenever it is read; got 7 rows"):
        rows.reduce(lambda X, weight: len(X), operator.add)


def test_what_is_no_table():
    with pytest.raises(ValueError, match="two dimensions"):
        row_source(PPCA(), da.ones(5, chunks=2), None)
    with pytest.raises(TypeError, match="Dask array or data frame"):
        row_source(PPCA(), dask.delayed(1), None)
    with pytest.raises(ValueError, match="0 sample"):
        row_source(PPCA(), da.ones((0, 3), chunks=(2, 3)), None)
    with pytest.raises(ValueError, match="infinity"):
        row_source(PPCA(), da.full((4, 3), np.inf, chunks=(2, 3)), None).overview  # noqa: B018


def test_sklatent_imports_no_dask():
    code = (
        "import sys, numpy as np, sklatent\n"
        "from sklatent import PCA, GaussianMixture\n"
        "X = np.random.RandomState(0).standard_normal((20, 2))\n"
        "PCA(1).fit(X), GaussianMixture().fit(X)\n"
        "assert not any(name.split('.')[0] in ('dask', 'distributed')"
        " for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
