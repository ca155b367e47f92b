"""Densities that are their training rows, fitted to Dask collections."""

import pickle

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from sklatent.density import KernelDensity, KNeighborsDensity
from sklatent.density.neighbors._balls import Nearest, Sample
from sklatent.dimension import TwoNN
from sklatent.exceptions import RankDeficientWarning, RepeatedReadingWarning
from tests.blocks import CountedBlocks

CHUNKS = (70, 0, 330, 200)
# Queries in memory, and in blocks of which one has no rows.
N_QUERIES, QUERY_CHUNKS = 50, (20, 0, 30)


@pytest.fixture(autouse=True)
def _synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(p=3, offset=0.0):
    """Training rows, some of which repeat others, and queries that some of them equal.

    Repeated rows are in one block and in two.
    """
    rng = np.random.RandomState(0)
    X, Q = rng.standard_normal((600, p)), rng.standard_normal((N_QUERIES, p))
    X[[400, 401, 20]], X[500] = X[3], X[499]
    Q[:2], Q[2] = X[[3, 7]], X[499]
    Q[3] = 40.0
    return X + offset, Q + offset


def chunked(X):
    return da.from_array(X, chunks=(CHUNKS, -1))


def queries_of_all_kinds(Q):
    yield Q, np.asarray
    for chunks in (QUERY_CHUNKS, (N_QUERIES,)):
        lazy = da.from_array(Q, chunks=(chunks, -1))
        yield lazy, np.asarray
        unknown = lazy.copy()
        unknown._chunks = ((np.nan,) * len(chunks), lazy.chunks[1])
        yield unknown, np.asarray


KERNELS = [
    KernelDensity(),
    KernelDensity(0.3, kernel="exponential"),
    KernelDensity([0.3, 0.4, 0.5], kernel="tophat"),
    KernelDensity("scott"),
    KernelDensity("silverman", kernel="epanechnikov"),
    KernelDensity("scott", whiten=True),
    KernelDensity(0.5, whiten=True, kernel="biweight"),
    KernelDensity(0.5, metric="manhattan"),
    KernelDensity(0.5, rtol=1e-6),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model", KERNELS, ids=repr)
def test_kernels_on_all_rows(model, weighted):
    X, Q = table()
    weight = given_weight = None
    if weighted:
        weight = np.random.RandomState(3).randint(0, 4, len(X))
        weight[:70] = 0  # all rows of a block
        given_weight = da.from_array(weight, chunks=250)
    expected = clone(model).fit(X, sample_weight=weight)
    ours = clone(model).fit(chunked(X), sample_weight=given_weight)
    rtol = max(model.rtol, 1e-12)
    assert_allclose(ours.bandwidth_, expected.bandwidth_, rtol=1e-13)
    for given, computed in queries_of_all_kinds(Q):
        logs = ours.score_samples(given)
        assert logs.dtype == np.float64
        assert_allclose(computed(logs), expected.score_samples(Q), rtol, rtol)
    drawn = ours.sample(30, random_state=0)
    assert_allclose(drawn, expected.sample(30, random_state=0), rtol=1e-12, atol=1e-12)


def test_kernels_are_a_mean_of_gaussians():
    X, Q = table()
    ours = KernelDensity(0.7).fit(chunked(X)).score_samples(Q)
    terms = [multivariate_normal(x, 0.49).logpdf(Q) for x in X]
    assert_allclose(ours, np.logaddexp.reduce(terms) - np.log(len(X)), rtol=1e-12)


@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_kernels_far_from_the_origin(offset):
    X, Q = table(offset=offset)
    for model in (KernelDensity("scott"), KernelDensity("scott", whiten=True)):
        ours, expected = clone(model).fit(chunked(X)), clone(model).fit(X)
        assert_allclose(ours.score_samples(Q), expected.score_samples(Q), rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_silverman_in_one_dimension(weighted):
    X, _ = table(1)
    X[100:] **= 3  # quartiles and standard deviation disagree
    weight = np.random.RandomState(3).randint(0, 4, len(X)) if weighted else None
    for whiten in (False, True):
        model = KernelDensity("silverman", whiten=whiten)
        expected = clone(model).fit(X, sample_weight=weight).bandwidth_
        ours = clone(model).fit(chunked(X), sample_weight=weight).bandwidth_
        assert_allclose(ours, expected, rtol=1e-12)


def test_shares_count_no_rows():
    X, Q = table()
    weight = np.random.RandomState(3).uniform(size=len(X))
    weight /= weight.sum()
    fits = []
    for given in (X, chunked(X)):
        with pytest.warns(UserWarning, match="effective sample size"):
            fits.append(KernelDensity("scott").fit(given, sample_weight=weight))
    assert_allclose(*(fit.score_samples(Q) for fit in fits), rtol=1e-12)


def test_a_constant_column():
    X, Q = table()
    X[:, 1], Q[:, 1] = 5.0, 5.0
    Q[4, 1] = 6.0
    with pytest.warns(RankDeficientWarning, match="feature 1 is constant in 600"):
        ours = KernelDensity("scott").fit(chunked(X))
    with pytest.warns(RankDeficientWarning):
        expected = KernelDensity("scott").fit(X)
    assert_array_equal(ours.bandwidth_ == 0, [False, True, False])
    assert_allclose(ours.score_samples(Q), expected.score_samples(Q), rtol=1e-12)
    X[:] = 5.0
    with pytest.raises(ValueError, match="constant in 600 samples, as are all others"):
        KernelDensity("scott").fit(chunked(X))


@pytest.mark.parametrize("n_neighbors", [1, 2, 5, 300])
@pytest.mark.parametrize("unbiased", ["log_density", "density", None])
def test_balls_of_all_rows(n_neighbors, unbiased):
    if n_neighbors == 1 and unbiased == "density":
        return
    X, Q = table()
    model = KNeighborsDensity(n_neighbors, unbiased=unbiased)
    expected = clone(model).fit(X)
    ours = clone(model).fit(chunked(X))
    assert not hasattr(ours, "log_density_")
    assert ours.n_neighbors_ == n_neighbors and ours.dimension_ == 3
    right = expected.score_samples(Q, return_std=True)
    for given, computed in queries_of_all_kinds(Q):
        found = ours.score_samples(given, return_std=True)
        for part, other in zip(found, right, strict=True):
            assert_array_equal(computed(part), other)
    # Training rows are left out when they are scored.
    again = ours.score_samples(chunked(X))
    assert again.chunks == (CHUNKS,)
    assert_array_equal(again, expected.log_density_)
    assert_allclose(ours.score(chunked(X)), expected.log_density_.mean())


def test_merged_neighbors_are_those_of_brute_force():
    rng = np.random.RandomState(1)
    X, Q = rng.standard_normal((200, 3)), rng.standard_normal((40, 3))
    whole = None
    for start, stop in ((0, 90), (90, 95), (95, 200)):
        rows = X[start:stop]
        sample = Sample(rows, np.ones(len(rows), int), len(rows))
        found = Nearest.of(sample, 9, Q, None).wider(10)
        found = found._replace(neighbor=found.neighbor + start)
        whole = found if whole is None else whole.merge(found)
    brute = NearestNeighbors(n_neighbors=10, algorithm="brute").fit(X)
    distances, indices = brute.kneighbors(Q)
    assert_array_equal(whole.neighbor, indices)
    assert_allclose(whole.distances, distances, rtol=1e-12)


def test_more_neighbors_than_rows():
    X, Q = table()
    with pytest.warns(UserWarning, match="more than the number of other rows"):
        ours = KNeighborsDensity(5).fit(da.from_array(X[:4], chunks=(1, 3)))
    with pytest.warns(UserWarning, match="more than the number of other rows"):
        expected = KNeighborsDensity(5).fit(X[:4])
    assert ours.n_neighbors_ == 3
    assert_array_equal(ours.score_samples(Q), expected.score_samples(Q))


def test_a_dimension_that_is_estimated():
    X, Q = table()
    model = KNeighborsDensity(dimension=TwoNN(metric="l2"))
    with pytest.warns(UserWarning, match="4 of 600 rows repeat others"):
        expected = clone(model).fit(X)
    with pytest.warns(UserWarning, match="4 of 600 rows repeat others"):
        ours = clone(model).fit(chunked(X))
    assert ours.dimension_ == expected.dimension_
    assert_array_equal(ours.score_samples(Q), expected.score_samples(Q))


MODELS = [KernelDensity("scott"), KNeighborsDensity(4)]
each_model = pytest.mark.parametrize("model", MODELS, ids=repr)
# Other parameters, for which `fit` reads its rows once.
ONE_READING = {
    KernelDensity: {"bandwidth": 0.7, "kernel": "tophat"},
    KNeighborsDensity: {"n_neighbors": 6, "dimension": 2},
}


@each_model
def test_frames(model):
    X, Q = table()
    names = ["a", "b", "target"]  # as an attribute of Dask's tasks is called
    X, Q = (pd.DataFrame(rows, columns=names) for rows in (X, Q))
    edges = [0, 70, 70, 400, 600]
    lazy = dd.from_map(lambda i: X[edges[i] : edges[i + 1]], range(4), meta=X[:0])
    expected = clone(model).fit(X).score_samples(Q)
    with pytest.warns(RepeatedReadingWarning):
        of_lazy = clone(model).fit(lazy)
    scores = of_lazy.score_samples(dd.from_pandas(Q, npartitions=3))
    assert_allclose(scores, expected, rtol=1e-12)
    ours = clone(model).fit(lazy.persist())
    assert ours.feature_names_in_.tolist() == names
    for given in (Q, dd.from_pandas(Q, npartitions=3)):
        assert_allclose(ours.score_samples(given), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.score_samples(dd.from_pandas(Q.rename(columns={"a": "A"}), npartitions=2))


@each_model
def test_single_precision(model):
    X, Q = (rows.astype(np.float32) for rows in table())
    expected = clone(model).fit(X).score_samples(Q)
    ours = clone(model).fit(chunked(X))
    lazy = ours.score_samples(da.from_array(Q, chunks=(20, 3)))
    assert ours.score_samples(Q).dtype == lazy.dtype == lazy.compute().dtype
    assert lazy.dtype == np.float32
    for logs in (ours.score_samples(Q), lazy):
        assert_allclose(logs, expected, rtol=1e-4)


@each_model
def test_how_often_training_rows_are_read(model):
    """Beside the passes of `fit`: once in each call, or for each block of queries."""
    X, Q = table()
    blocks = CountedBlocks(X, (100,) * 6)
    expected = clone(model).fit(X).score_samples(Q)
    with pytest.warns(RepeatedReadingWarning, match="calls of score_samples") as told:
        ours = clone(model).fit(blocks.array())
    assert len(told) == 1
    n_fit = blocks.n_read
    assert n_fit == (12 if isinstance(model, KernelDensity) else 6)
    assert_allclose(ours.score_samples(Q), expected, rtol=1e-12)
    assert blocks.n_read == n_fit + 6
    lazy = ours.score_samples(da.from_array(Q, chunks=(QUERY_CHUNKS, 3)))
    assert blocks.n_read == n_fit + 6
    assert_allclose(lazy.compute(), expected, rtol=1e-12)
    assert blocks.n_read == n_fit + 6 + 6 * 3
    # In memory they are read once.
    clone(model).fit(blocks.array().persist()).score_samples(Q)
    assert blocks.n_read == n_fit + 6 + 6 * 3 + 6


@each_model
def test_blocks_are_not_kept(model):
    """While queries in blocks are scored, few of the training rows are in memory."""
    X, Q = table()
    held, most = [0], [0]

    class Rows(np.ndarray):
        def __del__(self):
            if self.base is None and len(self):
                held[0] -= 1

    def read(i):
        rows = X[100 * i : 100 * i + 100].copy().view(np.ndarray)
        counted = Rows(rows.shape)
        counted[:] = rows
        held[0] += 1
        most[0] = max(most[0], held[0])
        return counted

    parts = [
        da.from_delayed(dask.delayed(read)(i), (100, 3), np.float64) for i in range(6)
    ]
    with pytest.warns(RepeatedReadingWarning):
        ours = clone(model).fit(da.concatenate(parts))
    most[0] = 0
    ours.score_samples(da.from_array(Q, chunks=(10, 3))).compute()
    assert most[0] <= 3


@each_model
def test_pickles_hold_the_collection_and_files_do_not(model, tmp_path):
    X, Q = table()
    ours = clone(model).fit(chunked(X))
    restored = pickle.loads(pickle.dumps(ours))
    assert_array_equal(restored.score_samples(Q), ours.score_samples(Q))
    with pytest.raises(ValueError, match=r"or fit it to X\.compute\(\)"):
        ours.save(tmp_path / "density.safetensors")


@each_model
def test_training_rows_that_change_are_noticed(model):
    X, Q = table()
    n_more = [0]

    def growing(block):
        n_more[0] += 1
        return block[: 40 + n_more[0]]

    lengths = ((np.nan,) * 2, (3,))
    changing = da.from_array(X, chunks=(300, 3)).map_blocks(
        growing, dtype=float, chunks=lengths, meta=np.empty((0, 3))
    )
    # In one reading by `fit`, since a second one would have noticed.
    with pytest.warns(RepeatedReadingWarning):
        ours = clone(model).set_params(**ONE_READING[type(model)]).fit(changing)
    for given in (Q, da.from_array(Q, chunks=(20, 3))):
        with pytest.raises(ValueError, match="must be the same rows whenever"):
            np.asarray(ours.score_samples(given))


@each_model
def test_parameters_that_are_set_later_are_for_the_next_fit(model):
    X, Q = table()
    ours = clone(model).fit(chunked(X))
    before = ours.score_samples(Q)
    ours.set_params(**ONE_READING[type(model)])
    assert_array_equal(ours.score_samples(Q), before)
    lazy = ours.score_samples(da.from_array(Q, chunks=(20, 3)))
    assert_array_equal(lazy.compute(), before)


@pytest.mark.parametrize("scale", [1e-163, 1e155])
@pytest.mark.parametrize("whiten", [False, True])
def test_squares_out_of_range(scale, whiten):
    X, _ = table()
    with pytest.raises(ValueError, match="Divide the feature by its range"):
        KernelDensity("silverman", whiten=whiten).fit(chunked(X * scale))


@each_model
def test_lazy_calls_print_nothing(model, capsys):
    """Before anything is computed, and for blocks that no user has asked for."""
    X, Q = table()
    ours = clone(model).set_params(verbose=1)
    for rows in (X, chunked(X)):
        ours.fit(rows)
        capsys.readouterr()
        ours.score_samples(da.from_array(Q, chunks=(20, 3))).compute()
        assert capsys.readouterr().out == ""


@each_model
def test_a_fit_to_rows_in_memory_forgets_the_collection(model):
    X, Q = table()
    model = clone(model).fit(chunked(X))
    lazy = model.score_samples(da.from_array(Q, chunks=(20, 3)))
    before = lazy.compute()
    model.fit(X[:100])
    expected = clone(model).fit(X[:100]).score_samples(Q)
    assert_array_equal(model.score_samples(Q), expected)
    assert_array_equal(lazy.compute(), before)


@each_model
def test_bad_rows(model):
    X, Q = table()
    ours = clone(model).fit(chunked(X))
    before = ours.score_samples(Q)
    X = X.copy()
    X[-1, 0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        ours.fit(chunked(X))
    assert_array_equal(ours.score_samples(Q), before)
    with pytest.raises(ValueError, match="contains NaN"):
        ours.score_samples(X)
    with pytest.raises(ValueError, match="2 features, but"):
        ours.score_samples(da.from_array(Q[:, :2]))
    with pytest.raises(ValueError, match="all equal"):
        KNeighborsDensity().fit(da.ones((20, 2), chunks=(5, 2)).persist())


def test_what_needs_all_rows():
    X, Q = table(1)
    for model in (
        KernelDensity("loo"),
        KernelDensity("lscv"),
        KernelDensity("isj"),
        KernelDensity(adaptive=True),
        KernelDensity(adaptive="covariance"),
        KNeighborsDensity("auto"),
        KNeighborsDensity("kstar"),
    ):
        with pytest.raises(TypeError, match=r"X\.compute\(\)"):
            model.fit(chunked(X))
        assert not hasattr(model, "n_features_in_")
    model = KernelDensity().fit(chunked(X))
    for rows in (Q, chunked(X)):
        with pytest.raises(TypeError, match=r"leave_one_out=True .*X\.compute\(\)"):
            model.score_samples(rows, leave_one_out=True)


@each_model
@pytest.mark.parametrize("n_workers", [2, 3])
def test_same_bits_for_any_number_of_workers(model, n_workers):
    X, Q = table()
    ours = clone(model).fit(chunked(X))
    lazy = ours.score_samples(da.from_array(Q, chunks=(QUERY_CHUNKS, 3)))
    one = lazy.compute()
    with dask.config.set(scheduler="threads", num_workers=n_workers):
        assert_array_equal(lazy.compute(), one)
        assert_array_equal(ours.score_samples(Q), one)
