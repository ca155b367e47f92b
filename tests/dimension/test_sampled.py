"""Dimensions of Dask collections, by a sample of queries among all rows."""

import pickle

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from sklearn.base import clone

from sklatent.datasets import make_flat_torus
from sklatent.decomposition import PCA
from sklatent.dimension import Gride, LevinaBickel, TwoNN, _estimates, _sampled
from sklatent.dimension._calibration import dependence
from sklatent.dimension._metrics import rounding_of_distances
from sklatent.exceptions import DuplicateRowsWarning
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._rows import DaskRows

CHUNKS = (70, 0, 330, 200)
MODELS = [
    TwoNN(),
    TwoNN("bayes", correction="shapes"),
    TwoNN("linear", metric="manhattan"),
    Gride(max_neighbors=16),
    Gride(2, max_neighbors=8, correction="ball"),
    LevinaBickel(),
    LevinaBickel(4, 9, correction="shapes"),
]


@pytest.fixture(autouse=True)
def _synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n=600):
    return make_flat_torus(n, dimension=2, random_state=0)[0]


def chunked(X, chunks=CHUNKS):
    return da.from_array(X, chunks=(chunks, -1))


def fitted(model, X):
    """What a fit tells, but for what it says of each row."""
    model = clone(model).fit(X)
    left_out = {"local_dimension_", "feature_names_in_"}
    return model, {
        name: value
        for name, value in vars(model).items()
        if name.endswith("_") and name not in left_out and value is not None
    }


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_all_rows_as_queries_give_the_fit_in_memory(model, repeated):
    X = table()
    if repeated:
        X[[400, 401, 20]], X[500] = X[3], X[499]
        with pytest.warns(DuplicateRowsWarning, match="4 of 600 rows repeat others"):
            _, expected = fitted(model, X)
        with pytest.warns(DuplicateRowsWarning, match="4 of 600 rows repeat others"):
            ours, found = fitted(model, chunked(X))
    else:
        _, expected = fitted(model, X)
        ours, found = fitted(model, chunked(X))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
    assert not any(map(dask.is_dask_collection, vars(ours).values()))
    assert len(pickle.dumps(ours)) < 50_000


def few_queries(monkeypatch, n=100):
    monkeypatch.setattr(_sampled, "N_QUERIES", n)
    monkeypatch.setattr(_sampled, "FEWEST_QUERIES", 20)


def log_distances(X, numbers, k):
    """To the distinct rows that are nearest to some, by brute force."""
    distances = np.sort(cdist(X[numbers], np.unique(X, axis=0)))
    return np.log(distances[:, 1 : k + 1])


def sampled_numbers(n, n_queries):
    """One row of each of as many stretches of rows."""
    edges = np.arange(n_queries + 1) * n // n_queries
    return np.random.RandomState(0).randint(edges[:-1], edges[1:])


def test_queries_among_all_rows(monkeypatch):
    """The formulas of the papers, for distances by brute force."""
    few_queries(monkeypatch)
    X = table()
    numbers = sampled_numbers(600, 100)
    logs = log_distances(X, numbers, 20)
    two_nn = TwoNN(discard_fraction=0).fit(chunked(X))
    total = (logs[:, 1] - logs[:, 0]).sum()
    assert_allclose(two_nn.dimension_, 99 / total, rtol=1e-12)
    assert two_nn.log_ratios_.shape == (99,)
    gride = Gride(n1=4).fit(chunked(X))
    expected, _ = _estimates.gride(logs[:, 7] - logs[:, 3], 4, 8)
    assert_allclose(gride.dimension_, expected, rtol=1e-12)
    levina = LevinaBickel(20, 20).fit(chunked(X))
    sums = (logs[:, 19:] - logs[:, :19]).sum()
    assert_allclose(levina.dimension_, (100 * 19 - 1) / sums, rtol=1e-12)
    assert not hasattr(levina, "local_dimension_")


def test_repeated_rows_in_a_sample(monkeypatch):
    """A query is kept if no row before it is equal, and counts the rows that differ."""
    few_queries(monkeypatch)
    X = np.repeat(table(), 2, axis=0)[np.random.RandomState(0).permutation(1200)]
    numbers = sampled_numbers(1200, 100)
    first = np.unique(X, axis=0, return_index=True)[1]
    numbers = np.intersect1d(numbers, first)
    with pytest.warns(DuplicateRowsWarning, match="of 1200 rows repeat others"):
        ours = TwoNN(discard_fraction=0).fit(chunked(X, (500, 700)))
    logs = log_distances(X, numbers, 2)
    total = (logs[:, 1] - logs[:, 0]).sum()
    assert_allclose(ours.dimension_, (len(numbers) - 1) / total, rtol=1e-12)
    assert ours.n_duplicates_ == 1200 - 12 * len(numbers)
    assert abs(ours.n_duplicates_ - 600) < 4 * 60  # four standard deviations


def test_too_many_repeated_rows(monkeypatch):
    few_queries(monkeypatch)
    X = np.repeat(table(30), 100, axis=0)
    with pytest.raises(ValueError, match="first of their kind, of 100"):
        TwoNN().fit(chunked(X, (1000, 2000)))


@pytest.mark.parametrize("model", [TwoNN(), Gride(n1=4), LevinaBickel(10, 10)])
def test_the_standard_error_is_that_of_the_sample(model, monkeypatch):
    """The spread over 60 tori, whose standard error is 9 %; false alarms: 1 in 1,000.

    A fifth of the rows are queries, so that their neighbors are hardly the same.
    """
    few_queries(monkeypatch, 80)
    fits = []
    for seed in range(60):
        X, _ = make_flat_torus(400, dimension=2, random_state=seed)
        fits.append(clone(model).fit(chunked(X, (150, 250))))
    logs = np.log([fit.dimension_ for fit in fits])
    stated = np.mean([fit.dimension_std_ / fit.dimension_ for fit in fits])
    assert abs(np.log(logs.std(ddof=1) / stated)) < 0.3
    covered = np.mean(
        [low < 2 < high for low, high in (f.confidence_interval_ for f in fits)]
    )
    assert covered > 0.84  # of 60, at a probability of .95


def test_the_factor_for_neighbors_in_common_is_that_of_a_share(monkeypatch):
    few_queries(monkeypatch, 120)
    X = table()
    ours = LevinaBickel(10, 10).fit(chunked(X))
    logs = log_distances(X, sampled_numbers(600, 120), 10)
    d, influence = _estimates.levina_bickel(logs, 10)
    variance = np.mean(influence**2) / 120
    factor = dependence("levina_bickel", 10, d)
    variance *= 1 + 0.2 * (factor**2 - 1)  # a fifth of the rows are queries
    assert_allclose(ours.dimension_std_, d * np.sqrt(variance), rtol=1e-12)


@pytest.mark.parametrize("model", [TwoNN(), Gride(), LevinaBickel()], ids=repr)
def test_frames_and_single_precision(model):
    X = table().astype(np.float32)
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    edges = [0, 70, 70, 400, 600]
    lazy = dd.from_map(
        lambda i: frame[edges[i] : edges[i + 1]], range(4), meta=frame[:0]
    )
    ours, expected = clone(model).fit(lazy), clone(model).fit(frame)
    assert ours.feature_names_in_.tolist() == names
    assert_allclose(ours.dimension_, expected.dimension_, rtol=1e-12)
    of_array = clone(model).fit(chunked(X))
    assert_allclose(of_array.dimension_, expected.dimension_, rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_offsets_and_scales(scale):
    X = table()
    for offset in (0.0, 1e8):
        ours = TwoNN().fit(chunked((X + offset) * scale))
        expected = TwoNN().fit((X + offset) * scale)
        assert_allclose(ours.dimension_, expected.dimension_, rtol=1e-12)
        assert_allclose(ours.dimension_, TwoNN().fit(X).dimension_, rtol=1e-5)


def test_components_by_a_dimension():
    X = table() @ np.random.RandomState(0).standard_normal((4, 6))
    assert PCA(TwoNN()).fit(chunked(X)).n_components_ == 2


def test_what_needs_all_rows():
    X = chunked(table())
    for model in (
        TwoNN(n_neighbors=5),
        TwoNN(metric="cosine"),
        Gride(metric="precomputed"),
    ):
        with pytest.raises(TypeError, match=r"X\.compute\(\)"):
            model.fit(X)
        assert not hasattr(model, "n_features_in_")
    model = LevinaBickel().fit(X)
    for rows in (table(), X):
        with pytest.raises(TypeError, match=r"does not keep.*X\.compute\(\)"):
            model.transform(rows)
    # A fit to rows in memory has them.
    assert model.fit(table()).transform(table()).shape == (600, 1)


def test_rows_that_cannot_be_used():
    with pytest.raises(ValueError, match="at least 3 distinct rows; got n_samples=40"):
        TwoNN().fit(da.ones((40, 2), chunks=(20, 2)))
    X = table()
    X[-1, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        TwoNN().fit(chunked(X))
    grid = np.stack(np.meshgrid(*[np.arange(25.0)] * 2), axis=-1).reshape(-1, 2)
    with pytest.raises(ValueError, match="as on a grid"):
        TwoNN().fit(chunked(grid, (300, 325)))


@pytest.mark.parametrize("n_workers", [2, 3])
def test_same_bits_for_any_number_of_workers(n_workers, monkeypatch):
    few_queries(monkeypatch)
    X = chunked(table(), (50,) * 12)
    one = LevinaBickel().fit(X).dimension_
    with dask.config.set(scheduler="threads", num_workers=n_workers):
        assert LevinaBickel().fit(X).dimension_ == one


def test_rounding_of_the_nearest_distances():
    """That of rows in memory, whichever block the nearest row is in."""
    X = (table() + 1e4).astype(np.float32)
    source = DaskRows(TwoNN(), chunked(X), None, False, 2)
    queries = _sampled.Queries.of(source)
    found = source.reduce_numbered(
        _sampled.Found.of, _sampled.Found.merge, queries, 2, "euclidean", None
    )
    distances, indices = k_nearest(queries.rows, 2)
    expected = rounding_of_distances(
        queries.rows, indices[:, 1], distances[:, 1], "euclidean"
    )
    assert (expected > 0).all()
    assert_allclose(found.rounding, expected, rtol=1e-12)
