"""Fitted estimators on Dask collections: lazy, as in memory, and known beforehand."""

import functools
import inspect
import pickle
import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from sklearn.base import TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags

from sklatent.base import SklatentEstimator
from sklatent.datasets import geodesic_distances
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import (
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
    kl_bandwidth_path,
)
from sklatent.dimension import (
    DANCo,
    Gride,
    LevinaBickel,
    PCASpectrum,
    TwoNN,
    compare_dimensions,
)
from sklatent.impute import LatentImputer
from sklatent.inspection import LatentSpaceDisplay
from sklatent.manifold import ClassicalMDS, metrics
from sklatent.neural import AETransformer, VAETransformer
from sklatent.outlier import OutlierDetector
from sklatent.pipeline import make_pipeline
from sklatent.utils._lazy import BY_ROW
from tests.blocks import CountedBlocks
from tests.instances import COMPOSED, INSTANCES, TINY, cheap
from tests.test_common import muted

# 2026-11: the rows are clusters, which graphs of neighbors separate.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklatent.exceptions.DisconnectedGraphWarning"
)

# Default networks are as those of the others, and take long to fit.
ESTIMATORS = [
    *COMPOSED,
    *(
        e
        for cls in INSTANCES
        for e in INSTANCES[cls][INSTANCES[cls].index(cheap(cls)) :]
    ),
]
each_class = pytest.mark.parametrize("cls", INSTANCES, ids=lambda cls: cls.__name__)

# What fits to Dask collections block by block.
FIT_BY_BLOCKS = {
    PCA,
    PPCA,
    FactorAnalysis,
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
    PCASpectrum,
    TwoNN,
    Gride,
    LevinaBickel,
    AETransformer,
    VAETransformer,
}
NAMES = list("abcd")
CHUNKS = (7, 0, 13, 5)


@pytest.fixture(autouse=True)
def _in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def clusters(seed, n):
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n, 4)) + 8 * rng.randint(3, size=(n, 1)) + 50


TRAIN, NEW = clusters(0, 60), clusters(1, sum(CHUNKS))


@functools.cache
def _fitted(i, as_frame):
    X = pd.DataFrame(TRAIN, columns=NAMES) if as_frame else TRAIN
    estimator = clone(ESTIMATORS[i])
    with muted(type(estimator)):
        return estimator.fit(X)


def fitted(estimator, as_frame=False):
    """The estimator, fitted once for all tests."""
    return _fitted([e is estimator for e in ESTIMATORS].index(True), as_frame)


def collection(kind, blocks):
    """The blocks as a collection."""
    X = blocks.array()
    if kind == "unknown lengths":
        X._chunks = ((np.nan,) * len(CHUNKS), X.chunks[1])
    if kind == "frame":
        X = X.to_dask_dataframe(columns=NAMES)
    return X


def row_methods(estimator):
    return sorted(name for name in BY_ROW if hasattr(estimator, name))


def assert_as_stated(lazy, expected):
    """The blocks have the shape and type that was stated, and the values in memory."""
    if not isinstance(lazy, da.Array):
        assert_array_equal(lazy, expected)  # the same for all rows
        return
    blocks = dask.compute(*lazy.to_delayed().ravel())
    assert [1] * (lazy.ndim - 1) == list(lazy.numblocks[1:])
    for block, length in zip(blocks, lazy.chunks[0], strict=True):
        assert type(block) is type(lazy._meta) is np.ndarray
        assert block.dtype == lazy.dtype
        assert block.shape[1:] == lazy.shape[1:]
        assert np.isnan(length) or len(block) == length
    assert tuple(map(len, blocks)) == CHUNKS
    assert lazy.dtype == expected.dtype
    assert_allclose(np.concatenate(blocks), expected, rtol=1e-7, atol=1e-9)


def outputs(model, name, rows, X):
    """What a method says of rows in memory and of a collection, as tuples."""
    expected, lazy = getattr(model, name)(rows), getattr(model, name)(X)
    if not isinstance(expected, tuple):
        return (expected,), (lazy,)
    if name == "posterior" and lazy[1].ndim == 3 > expected[1].ndim:
        each = np.broadcast_to(expected[1], (len(rows), *expected[1].shape))
        expected = expected[0], each
    return expected, lazy


KINDS = [
    *((estimator, "array") for estimator in ESTIMATORS),
    *((cheap(cls), kind) for cls in INSTANCES for kind in ("unknown lengths", "frame")),
    *((pipeline, "frame") for pipeline in COMPOSED),
]


# 2026-11: scalers in pipelines leave their output without names.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(("estimator", "kind"), KINDS, ids=repr)
def test_lazy_results_are_stated_and_those_in_memory(estimator, kind):
    """All methods of rows; nothing is read before, and each block once after."""
    is_frame = kind == "frame"
    model = fitted(estimator, is_frame)
    data = pd.DataFrame(NEW, columns=NAMES) if is_frame else NEW
    with muted(type(estimator)):
        for name in row_methods(model):
            rows = data
            if name == "inverse_transform":
                if is_frame:
                    continue
                rows = model.transform(NEW)
            if name == "contributions" and not get_tags(model).input_tags.allow_nan:
                continue
            blocks = CountedBlocks(np.asarray(rows), CHUNKS)
            expected, lazy = outputs(model, name, rows, collection(kind, blocks))
            assert blocks.n_read == 0, name
            for part, right in zip(lazy, expected, strict=True):
                blocks.n_read = 0
                assert_as_stated(part, right)
                assert blocks.n_read == len(CHUNKS) * isinstance(part, da.Array), name
        if hasattr(model, "score"):
            blocks = CountedBlocks(NEW, CHUNKS)
            score = model.score(collection(kind, blocks))
            assert type(score) is float
            assert_allclose(score, model.score(data), rtol=1e-7)
            assert blocks.n_read == len(CHUNKS)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_the_precision_is_that_in_memory(dtype):
    X = (NEW * 10).astype(dtype)
    for estimator in (PCA(2), GaussianMixture(2, random_state=0), PPCA(1)):
        model = clone(estimator).fit(TRAIN * 10)
        for name in row_methods(model):
            if name == "inverse_transform":
                continue
            lazy = getattr(model, name)(da.from_array(X, chunks=(CHUNKS, 4)))
            expected = getattr(model, name)(X)
            lazy = lazy[0] if isinstance(lazy, tuple) else lazy
            expected = expected[0] if isinstance(expected, tuple) else expected
            assert lazy.dtype == expected.dtype
            assert lazy.compute().dtype == expected.dtype


def with_missing(X):
    X = X.copy()
    X[::4, 1] = np.nan
    X[3] = np.nan
    return X


@pytest.mark.parametrize(
    "estimator",
    [PPCA(2), FactorAnalysis(1), GaussianMixture(2, random_state=0)],
    ids=repr,
)
def test_missing_entries(estimator):
    rows = with_missing(NEW)
    X = da.from_array(rows, chunks=(CHUNKS, 4))
    with muted(type(estimator)):
        model = clone(estimator).fit(TRAIN)
    filled = model.impute(rows, return_std=True)
    for lazy, right in zip(model.impute(X, return_std=True), filled, strict=True):
        assert_as_stated(lazy, right)
    if hasattr(model, "posterior"):
        for lazy, right in zip(model.posterior(X), model.posterior(rows), strict=True):
            assert_as_stated(lazy, right)


def test_the_covariance_of_complete_rows_is_one_for_each_row_too():
    """What is not known before the rows are read does not decide on the shape."""
    model = PPCA(2).fit(TRAIN)
    _, lazy = model.posterior(da.from_array(NEW, chunks=(CHUNKS, 4)))
    assert lazy.shape == (25, 2, 2)
    assert_allclose(lazy[4].compute(), model.posterior(NEW)[1])
    # All rows share that of PCA, which is known without them.
    _, shared = PCA(2).fit(TRAIN).posterior(da.from_array(NEW, chunks=(CHUNKS, 4)))
    assert isinstance(shared, np.ndarray)
    assert shared.shape == (2, 2)


def test_parts_of_a_result_are_computed_together():
    blocks = CountedBlocks(NEW, CHUNKS)
    parts = PPCA(2).fit(TRAIN).posterior(collection("array", blocks))
    dask.compute(*parts)
    assert blocks.n_read == len(CHUNKS)


@pytest.mark.parametrize("known", [True, False])
def test_frames_where_they_are_asked_for(known):
    train, new = (pd.DataFrame(X, columns=NAMES) for X in (TRAIN, NEW))
    new.index = np.arange(len(new)) * 2
    X = dd.from_pandas(new, npartitions=4)
    X = X if known else X.clear_divisions()
    pca = PCA(2).set_output(transform="pandas").fit(train)
    Z = pca.transform(X)
    assert isinstance(Z, dd.DataFrame)
    assert Z.known_divisions == known
    expected = pca.transform(new)
    assert list(Z.columns) == list(expected.columns) == ["pca0", "pca1"]
    assert (Z.dtypes == expected.dtypes).all()
    pd.testing.assert_frame_equal(Z.compute(), expected)
    back = pca.inverse_transform(Z)
    pd.testing.assert_frame_equal(back.compute(), pca.inverse_transform(expected))
    assert isinstance(pca.score_samples(X), da.Array)


def test_a_frame_for_an_array_counts_its_rows_as_in_memory():
    pca = PCA(2).set_output(transform="pandas").fit(TRAIN)
    Z = pca.transform(da.from_array(NEW, chunks=(CHUNKS, 4)))
    pd.testing.assert_frame_equal(Z.compute(), pca.transform(NEW))


def test_there_are_no_lazy_frames_of_polars():
    pca = PCA(2).set_output(transform="polars").fit(TRAIN)
    with pytest.raises(TypeError, match=r"frames of polars.*'default' or 'pandas'"):
        pca.transform(da.from_array(NEW))


def test_imputed_frames_keep_their_types():
    frame = pd.DataFrame(with_missing(NEW), columns=NAMES)
    frame["count"] = pd.array([1, 2, None, 4, 5] * 5, dtype="Int64")
    for model in (
        LatentImputer().set_output(transform="pandas").fit(frame),
        make_pipeline(StandardScaler(), PPCA(1)).set_output(transform="pandas"),
    ):
        method = "impute" if hasattr(model, "steps") else "transform"
        expected = getattr(model.fit(frame), method)(frame)
        lazy = getattr(model, method)(dd.from_pandas(frame, npartitions=3))
        assert (lazy.dtypes == expected.dtypes).all()
        pd.testing.assert_frame_equal(lazy.compute(), expected)


def test_columns_of_any_kind():
    """Made-up rows hold levels that no column has, so that missing entries stand in."""
    table = pd.DataFrame({"x": NEW[:, 0], "level": list("abcde") * 5})
    vae = VAETransformer(1, **{**TINY, "likelihood": "auto"}).fit(table)
    X = dd.from_pandas(table, npartitions=3)
    assert_allclose(vae.score_samples(X).compute(), vae.score_samples(table), rtol=1e-6)
    table.loc[2, "level"] = None
    lazy = vae.impute(dd.from_pandas(table, npartitions=3))
    assert lazy.compute()["level"].tolist() == vae.impute(table)["level"].tolist()


def test_column_chunks_are_brought_together_with_a_warning():
    pca = PCA(2).fit(TRAIN)
    with pytest.warns(UserWarning, match=r"2 chunks along its columns.*rechunk"):
        Z = pca.transform(da.from_array(NEW, chunks=(10, 2)))
    assert Z.chunks == ((10, 10, 5), (2,))
    assert_array_equal(Z.compute(), pca.transform(NEW))


def test_errors_come_before_anything_is_computed():
    pca = PCA(2).fit(pd.DataFrame(TRAIN, columns=NAMES))
    blocks = CountedBlocks(NEW, CHUNKS)
    wrong = collection("frame", blocks).rename(columns={"a": "A"})
    with pytest.raises(ValueError, match="feature names should match"):
        pca.transform(wrong)
    with pytest.raises(ValueError, match="3 features, but PCA is expecting 4"):
        pca.score_samples(da.from_array(NEW[:, :3]))
    with pytest.raises(ValueError, match="two dimensions"):
        pca.transform(da.from_array(NEW[0]))
    with pytest.raises(NotFittedError):
        PCA().transform(da.from_array(NEW))
    with pytest.raises(TypeError, match=r"array or .*frame"):
        pca.transform(dask.delayed(NEW))
    assert blocks.n_read == 0


def test_each_task_is_small():
    """The model is in the graph once."""
    model = KernelDensity().fit(np.random.RandomState(0).normal(size=(5000, 4)))
    assert len(pickle.dumps(model)) > 100_000
    lazy = model.score_samples(da.from_array(NEW, chunks=(2, 4)))
    graph = dask.optimize(lazy)[0].__dask_graph__()
    large = [key for key in graph if len(pickle.dumps(graph[key])) > 50_000]
    assert len(large) == 1


def test_another_fit_does_not_change_what_was_built():
    X = da.from_array(NEW, chunks=(CHUNKS, 4))
    for model in (PCA(2).fit(TRAIN), make_pipeline(None, PCA(2)).fit(TRAIN)):
        expected, lazy = model.transform(NEW), model.transform(X)
        model.fit(TRAIN[:30] * [1, 2, 3, 4])
        assert_array_equal(lazy.compute(), expected)


def test_by_threads_and_processes_the_same():
    model = GaussianMixture(2, random_state=0).fit(TRAIN)
    lazy = model.score_samples(da.from_array(NEW, chunks=(CHUNKS, 4)))
    expected = model.score_samples(NEW)
    assert_allclose(lazy.compute(scheduler="threads"), expected, rtol=1e-12)


def test_methods_look_as_they_did():
    """Descriptions, signatures and what is there."""
    assert "Project rows onto the axes" in PCA().transform.__doc__
    assert list(inspect.signature(PCA().fit).parameters) == ["X", "y", "sample_weight"]
    assert not hasattr(PCASpectrum(), "transform")
    assert PCASpectrum(n_neighbors=5).fit(TRAIN).transform.__name__ == "transform"
    assert pickle.loads(pickle.dumps(PCA(2).fit(TRAIN).transform))(NEW).shape == (25, 2)


class Doubled(TransformerMixin, SklatentEstimator):
    """As scikit-learn advises: mixins first."""

    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return 2 * np.asarray(X)

    def get_feature_names_out(self, input_features=None):
        return [f"twice{j}" for j in range(self.n_features_in_)]


def test_classes_of_users():
    X = da.from_array(NEW, chunks=(CHUNKS, 4))
    doubled = Doubled().fit(NEW)
    assert_array_equal(doubled.transform(X).compute(), 2 * NEW)
    Z = doubled.set_output(transform="pandas").transform(X)
    assert list(Z.columns) == ["twice0", "twice1", "twice2", "twice3"]
    pd.testing.assert_frame_equal(Z.compute(), doubled.transform(NEW))


def test_pipelines_of_other_last_steps():
    y = np.arange(60) % 2
    X = da.from_array(NEW, chunks=(CHUNKS, 4))
    model = make_pipeline(PCA(2), LogisticRegression()).fit(TRAIN, y)
    assert_array_equal(model.predict(X).compute(), model.predict(NEW))
    for name in ("predict_proba", "predict_log_proba", "decision_function"):
        assert_as_stated(getattr(model, name)(X), getattr(model, name)(NEW))
    with pytest.raises(TypeError, match=r"LogisticRegression.*X\.compute\(\)"):
        model.score(X, np.zeros(25))


# --------------------------------------------------------------------------------
# What needs all rows


@each_class
def test_what_needs_all_rows_says_so(cls):
    X = da.from_array(TRAIN, chunks=(20, 4))
    estimator = INSTANCES[cls][0]
    for name in ("fit", "fit_transform", "fit_predict"):
        if cls in FIT_BY_BLOCKS or not hasattr(estimator, name):
            continue
        for given in (X, X.to_dask_dataframe(columns=NAMES)):
            with pytest.raises(TypeError, match=rf"{cls.__name__} .*X\.compute\(\)"):
                getattr(clone(estimator), name)(given)


@pytest.mark.parametrize(
    "name", ["sample_missing", "mutual_information", "transform_draws", "aic", "bic"]
)
def test_methods_that_need_all_rows_say_so(name):
    X = da.from_array(TRAIN, chunks=(20, 4))
    for estimator in (PPCA(1), VAETransformer(**TINY), LatentImputer(n_draws=2)):
        if hasattr(estimator, name):
            with pytest.raises(TypeError, match=r"X\.compute\(\)"):
                getattr(clone(estimator).fit(TRAIN), name)(X)


@pytest.mark.parametrize(
    "call",
    [
        compare_dimensions,
        lambda X: kl_bandwidth_path(X, [1, 2]),
        lambda X: geodesic_distances("hypersphere", X),
        lambda X: geodesic_distances("hypersphere", TRAIN, X),
        lambda X: TwoNN().scaling(X),
        lambda X: metrics.trustworthiness(X, TRAIN),
        lambda X: metrics.global_score(TRAIN, X),
        lambda X: LatentSpaceDisplay.from_estimator(PCA(2).fit(TRAIN), X),
        lambda X: PCA(DANCo()).fit(X),
        lambda X: make_pipeline(StandardScaler(), PCA()).fit(X),
        lambda X: make_pipeline(ClassicalMDS(), PCA(1)).fit_transform(X),
        lambda X: OutlierDetector(VAETransformer(likelihood="auto")).fit(
            X.to_dask_dataframe()
        ),
    ],
)
def test_functions_that_need_all_rows_say_so(call):
    with (
        warnings.catch_warnings(),
        pytest.raises(TypeError, match=r"X\.compute\(\)"),
    ):
        call(da.from_array(TRAIN, chunks=(20, 4)))


def test_frames_of_nullable_columns():
    """Dask's typical rows of these have a missing entry."""
    frame = pd.DataFrame(NEW, columns=NAMES)
    frame[NAMES[0]] = frame[NAMES[0]].round().astype("Int64")
    pca = PCA(2).fit(frame)
    lazy = pca.transform(dd.from_pandas(frame, npartitions=3))
    assert_allclose(lazy.compute(), pca.transform(frame), rtol=1e-7, atol=1e-12)


def test_the_output_is_that_asked_for_when_it_was_built():
    X = da.from_array(NEW, chunks=(20, -1))
    pca = PCA(2).fit(NEW)
    with sklearn.config_context(transform_output="pandas"):
        lazy = pca.transform(X)
    found = lazy.compute(scheduler="threads")
    assert list(found.columns) == ["pca0", "pca1"]
    assert_allclose(found.to_numpy(), pca.transform(NEW), rtol=1e-7, atol=1e-12)


def test_rows_that_are_made_up_are_told_of():
    shares = 0.1 + 0.8 * np.abs(np.sin(NEW))
    model = make_pipeline(FunctionTransformer(special.logit), PCA(2)).fit(shares)
    with pytest.raises(ValueError, match="infinity") as error:
        model.transform(da.from_array(shares))
    assert "rows of ones" in error.value.__notes__[0]


def test_a_series_is_no_table():
    column = dd.from_pandas(pd.DataFrame(NEW, columns=NAMES), npartitions=2)[NAMES[0]]
    with pytest.raises(ValueError, match="two dimensions"):
        PCA(1).fit(column)
