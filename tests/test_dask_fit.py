"""A fit of a Dask collection is the fit of the same rows in memory."""

import pickle

import cloudpickle
import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, HistogramDensity
from sklatent.dimension import PCASpectrum
from sklatent.exceptions import RepeatedReadingWarning
from sklatent.neural import AETransformer

# What a fit tells; scalars and arrays, in the same order.
ATTRIBUTES = {
    PCA: ["components_", "explained_variance_", "mean_", "noise_variance_"],
    PPCA: ["W_", "mean_", "noise_variance_", "log_likelihood_"],
    FactorAnalysis: ["components_", "mean_", "noise_variance_", "log_likelihood_"],
    GaussianMixture: ["weights_", "means_", "covariances_", "lower_bound_"],
    HistogramDensity: ["cells_", "cell_weight_", "cell_log_density_"],
    PCASpectrum: ["dimension_", "dimension_std_", "eigenvalues_"],
}


@pytest.fixture(autouse=True)
def _synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def table(n=600, p=6, offset=0.0):
    """Three clusters in a plane, with noise in each column."""
    rng = np.random.RandomState(0)
    centers = 5 * rng.standard_normal((3, 2))[np.arange(n) % 3]
    codes = centers + rng.standard_normal((n, 2))
    X = codes @ rng.standard_normal((2, p))
    return X + 2 * rng.standard_normal((n, p)) + offset


def chunked(X, chunks=(70, 0, 330, 200)):
    return da.from_array(X, chunks=(chunks, -1))


def assert_same(model, other, rtol=1e-10):
    for name in ATTRIBUTES[type(model)]:
        ours, expected = getattr(model, name), getattr(other, name)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, rtol, rtol * largest, err_msg=name)
        assert not dask.is_dask_collection(ours)
        assert np.asarray(ours).dtype == np.asarray(expected).dtype


COMPLETE = [
    PCA(2),
    PCA(),
    PCA(0.9),
    PCA("mle"),
    PCA(3, whiten=True, svd_solver="full"),
    PCA(2, svd_solver="covariance_eigh"),
    PPCA(2),
    PPCA(2, method="em", random_state=0),
    FactorAnalysis(2),
    *(
        GaussianMixture(3, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "tied_diag", "spherical")
    ),
    GaussianMixture([1, 3, 4], random_state=0),
    GaussianMixture(2, init_params="random_from_data", random_state=0),
    *(HistogramDensity(bins) for bins in ("fd", "scott", "auto", "doane", "rice", 4)),
    PCASpectrum(),
    PCASpectrum("variance_share", standardize=True),
]


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("model", COMPLETE, ids=repr)
def test_complete_rows(model, offset):
    X = table(offset=offset)
    if isinstance(model, HistogramDensity):
        X = X[:, :2]
    ours = clone(model).fit(chunked(X))
    assert_same(ours, clone(model).fit(X))


@pytest.mark.parametrize(
    "model", [m for m in COMPLETE if not isinstance(m, PCASpectrum)], ids=repr
)
def test_weights(model):
    X = table()
    if isinstance(model, HistogramDensity):
        X = X[:, :2]
    weight = np.random.RandomState(3).randint(0, 4, len(X)).astype(float)
    expected = clone(model).fit(X, sample_weight=weight)
    for given in (weight, da.from_array(weight, chunks=250)):
        assert_same(clone(model).fit(chunked(X), sample_weight=given), expected)


INCOMPLETE = [
    PPCA(2, random_state=0),
    FactorAnalysis(2),
    *(
        GaussianMixture(3, covariance_type=kind, random_state=0)
        for kind in ("full", "tied", "diag", "tied_diag", "spherical")
    ),
    GaussianMixture([1, 3, 4], random_state=0),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model", INCOMPLETE, ids=repr)
def test_missing_entries(model, weighted):
    rng = np.random.RandomState(5)
    X, weight = table(), None
    X[rng.uniform(size=X.shape) < 0.15] = np.nan
    X[:70, 1] = np.nan  # a feature without any value in the first block
    if weighted:
        weight = rng.randint(0, 4, len(X)).astype(float)
    ours = clone(model).fit(chunked(X), sample_weight=weight)
    assert_same(ours, clone(model).fit(X, sample_weight=weight))


def test_a_feature_without_any_value():
    X = pd.DataFrame(table(), columns=list("abcdef"))
    X["c"] = np.nan
    lazy = dd.from_pandas(X, npartitions=3)
    for model in (PPCA(1), FactorAnalysis(1), GaussianMixture()):
        with pytest.raises(ValueError, match=r"Features \['c'\] have no observed"):
            model.fit(lazy)


@pytest.mark.parametrize("model", [PCA(2), PPCA(1), GaussianMixture(2, random_state=0)])
def test_shares(model):
    X = table()
    weight = np.random.RandomState(3).uniform(size=len(X))
    weight /= weight.sum()
    ours = clone(model).fit(chunked(X), sample_weight=da.from_array(weight, chunks=99))
    assert_same(ours, clone(model).fit(X, sample_weight=weight))


def test_offset_and_variances():
    """Against the exact spectrum of the numbers less the offset."""
    X = table(offset=1e8)
    pca = PCA().fit(chunked(X))
    variances = np.linalg.eigvalsh(np.cov((X - 1e8).T))[::-1]
    np.testing.assert_allclose(pca.explained_variance_, variances, rtol=1e-9)


@pytest.mark.parametrize("model", [PCA(3), PPCA(2), FactorAnalysis(2)], ids=repr)
def test_fewer_rows_than_features(model):
    X = table(25, 30)
    ours = clone(model).fit(da.from_array(X, chunks=(9, -1)))
    assert_same(ours, clone(model).fit(X), rtol=1e-9)


@pytest.mark.parametrize("model", [PCA(2), PPCA(2), FactorAnalysis(2)], ids=repr)
@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_complete_rows_are_read_once(model, frame, dtype):
    X, read = table().astype(dtype), []

    def block(i):
        read.append(i)
        rows = X[i * 200 : (i + 1) * 200]
        return pd.DataFrame(rows, columns=list("abcdef")) if frame else rows

    if frame:
        lazy = dd.from_map(
            block, range(3), meta=pd.DataFrame(X[:0], columns=list("abcdef"))
        )
    else:
        blocks = [
            da.from_delayed(dask.delayed(block)(i), (200, 6), dtype) for i in range(3)
        ]
        lazy = da.concatenate(blocks)
    ours = clone(model).fit(lazy)
    assert sorted(read) == [0, 1, 2]
    assert_same(ours, clone(model).fit(X), rtol=1e-10 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize(
    "model",
    [PCA(2), PPCA(2), GaussianMixture(2, random_state=0), HistogramDensity()],
    ids=repr,
)
def test_frames(model):
    frame = pd.DataFrame(table()[:, :2], columns=["a", "b"])
    edges = [0, 70, 70, 400, 600]
    part = lambda i: frame[edges[i] : edges[i + 1]]  # noqa: E731
    lazy = dd.from_map(part, range(4), meta=frame[:0])
    lazy = lazy.persist()
    ours, expected = clone(model).fit(lazy), clone(model).fit(frame)
    assert_same(ours, expected)
    assert ours.feature_names_in_.tolist() == ["a", "b"]
    restored = pickle.loads(pickle.dumps(ours))
    scores = restored.score_samples(frame)
    np.testing.assert_allclose(scores, expected.score_samples(frame), rtol=1e-8)


def test_weights_that_are_a_column():
    frame = pd.DataFrame(table(), columns=list("abcdef"))
    frame["w"] = np.random.RandomState(3).randint(0, 4, len(frame))
    lazy = dd.from_pandas(frame, npartitions=4)
    columns = list("abcdef")
    expected = PCA(2).fit(frame[columns], sample_weight=frame["w"])
    for weight in (lazy["w"], frame["w"].to_numpy()):
        assert_same(PCA(2).fit(lazy[columns], sample_weight=weight), expected)
    with pytest.raises(ValueError, match="must have the 4 blocks of X"):
        PCA(2).fit(lazy[columns], sample_weight=da.ones(600, chunks=100))


def test_missing_spellings_in_frames():
    frame = pd.DataFrame(table(), columns=list("abcdef"))
    frame["b"] = frame["b"].mask(frame.index % 7 == 0).astype("Float64")
    lazy = dd.from_pandas(frame, npartitions=4)
    assert_same(PPCA(2, random_state=0).fit(lazy), PPCA(2, random_state=0).fit(frame))


def test_dates_name_their_column():
    days = pd.date_range("2026-01-01", periods=6)
    lazy = dd.from_pandas(pd.DataFrame({"a": range(6), "day": days}), npartitions=2)
    with pytest.raises(TypeError, match="Column 'day' of X must hold numbers"):
        PPCA(1).fit(lazy)


def test_frames_with_strings():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "kind": ["x", "y", "z"]})
    lazy = dd.from_pandas(frame, npartitions=2)
    pca = PCA(1)
    with pytest.raises(ValueError, match="Column 'kind' of X must hold numbers"):
        pca.fit(lazy)
    assert not hasattr(pca, "n_features_in_")


def test_float32_stays():
    X = table().astype(np.float32)
    for model in (PCA(2), FactorAnalysis(2), GaussianMixture(3, random_state=0)):
        ours, expected = clone(model).fit(chunked(X)), clone(model).fit(X)
        assert_same(ours, expected, rtol=1e-4)


def test_what_needs_all_rows():
    X = chunked(table())
    for model in (
        PCA(2, svd_solver="randomized"),
        PCA(2, svd_solver="arpack"),
        GaussianMixture([1, 2], criterion="cv"),
        HistogramDensity("stone"),
        PCASpectrum("parallel_analysis"),
        PCASpectrum(n_neighbors=5),
    ):
        with pytest.raises(TypeError, match=r"X\.compute\(\)"):
            model.fit(X)
        assert not hasattr(model, "n_features_in_")


def test_errors_in_blocks():
    X = table()
    X[-1, 0] = np.nan
    for model in (PCA(2), HistogramDensity()):
        with pytest.raises(ValueError, match="contains NaN"):
            model.fit(chunked(X))
    with pytest.raises(ValueError, match="n_components=7"):
        PCA(7).fit(chunked(table()))
    with pytest.raises(ValueError, match="minimum of 2"):
        PPCA(1).fit(chunked(table(1), chunks=(1,)))


def through_cloudpickle(graph, keys, **options):
    """Schedule what a cluster gets where a function of a script is in the graph."""
    return dask.get(cloudpickle.loads(cloudpickle.dumps(graph)), keys)


@pytest.mark.parametrize(
    ("model", "n_features", "n_missing"),
    [
        (PCA(2), 6, 0),
        (FactorAnalysis(2), 6, 0),
        (FactorAnalysis(2), 6, 20),
        (GaussianMixture(2, random_state=0), 6, 0),
        (GaussianMixture(2, random_state=0), 6, 20),
        (HistogramDensity(), 2, 0),
        (PCASpectrum(), 6, 0),
    ],
)
def test_tasks_can_be_sent_as_code(model, n_features, n_missing):
    X = table()[:, :n_features]
    X[:n_missing, 0] = np.nan
    rows = chunked(X)
    expected = clone(model).fit(rows)
    with dask.config.set(scheduler=through_cloudpickle):
        assert_same(clone(model).fit(rows), expected)


# --------------------------------------------------------------------------------
# Information criteria


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("criterion", ["aic", "bic", "icl"])
def test_information_criteria(criterion, missing):
    X, read = table(), []
    if missing:
        X[np.random.RandomState(5).uniform(size=X.shape) < 0.15] = np.nan
    frame = pd.DataFrame(X, columns=list("abcdef"))
    edges = [0, 70, 70, 400, 600]

    def part(i):
        read.append(i)
        return frame[edges[i] : edges[i + 1]]

    mixture = GaussianMixture(2, random_state=0).fit(frame)
    expected = getattr(mixture, criterion)(frame)
    lazy = dd.from_map(part, range(4), meta=frame[:0])
    found = getattr(mixture, criterion)(lazy)
    assert type(found) is float
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert sorted(read) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="feature names should match"):
        getattr(mixture, criterion)(lazy.rename(columns={"a": "A"}))
    with pytest.raises(ValueError, match="minimum of 1"):
        getattr(mixture, criterion)(lazy.partitions[1:2])


# --------------------------------------------------------------------------------
# Batches


@pytest.mark.parametrize(
    "model", [PCA(2), PPCA(2), GaussianMixture(3, random_state=0)], ids=repr
)
@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_takes_the_blocks_in_order(model, weighted):
    X, chunks = table(), (70, 0, 330, 200)
    weight = np.random.RandomState(3).randint(0, 4, len(X)) if weighted else None
    ours = clone(model).partial_fit(chunked(X), sample_weight=weight)
    expected, start = clone(model), 0
    for n in filter(None, chunks):
        rows = slice(start, start + n)
        of_batch = None if weight is None else weight[rows]
        expected.partial_fit(X[rows], sample_weight=of_batch)
        start += n
    assert_same(ours, expected, rtol=0)


def test_partial_fit_is_undone_if_a_block_is_bad():
    X = table()
    model = PCA(2).partial_fit(X[:100])
    before = model.components_
    X[-1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(chunked(X))
    assert model.components_ is before and model.n_samples_ == 100


def test_partial_fit_of_networks_is_an_epoch_of_all_rows():
    X = table(90).astype(np.float32)
    rows = da.from_array(X, chunks=(45, -1))
    model = AETransformer(2, hidden_layer_sizes=(4,), max_epochs=2, random_state=0)
    ours = clone(model).partial_fit(rows).partial_fit(rows)
    expected = clone(model).fit(rows)
    np.testing.assert_array_equal(ours.transform(X), expected.transform(X))


# --------------------------------------------------------------------------------
# Passes


def test_one_warning_that_lazy_rows_are_read_again():
    X = table()
    lazy = chunked(X).map_blocks(np.copy)
    mixture = GaussianMixture(2, random_state=0, max_iter=20)
    with pytest.warns(RepeatedReadingWarning, match="up to 22 steps") as caught:
        mixture.fit(lazy)
    assert len(caught) == 1
    mixture.fit(lazy.persist())  # warnings are errors


@pytest.mark.parametrize("n_workers", [2, 3])
def test_same_bits_for_any_number_of_workers(n_workers):
    X = chunked(table(2000), chunks=(100,) * 20)
    for model in (PCA(2), FactorAnalysis(2), GaussianMixture(3, random_state=0)):
        one = clone(model).fit(X)
        with dask.config.set(scheduler="threads", num_workers=n_workers):
            assert_same(clone(model).fit(X), one, rtol=0)
