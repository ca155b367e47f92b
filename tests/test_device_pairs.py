"""What compares rows with all rows on a device: neighbors, kernels, dimensions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import clone

from sklatent.density import KernelDensity, KNeighborsDensity
from sklatent.density.kernel import _device_sums
from sklatent.density.kernel._radial import KERNELS
from sklatent.dimension import LevinaBickel, TwoNN
from sklatent.utils import _arrays, _device_neighbors, _device_tiles
from sklatent.utils._device_neighbors import nearest_on_device, unique_rows_on_device
from sklatent.utils._neighbors import k_nearest, unique_rows
from tests.test_array_api import KINDS, as_numpy, each_kind
from tests.test_common import muted

rng = np.random.RandomState(0)
# Multiples of 1 / 256, so that an offset takes none of their digits.
X = np.rint(256 * rng.standard_normal((700, 5))) / 256
NEW = np.rint(256 * rng.standard_normal((300, 5))) / 256
OFFSETS = {"float32": 1e4, "float64": 1e8}
each_precision = pytest.mark.parametrize("dtype", OFFSETS)


@pytest.fixture(autouse=True)
def dispatch():
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several blocks of queries, and several tiles of each."""
    for module in (_device_tiles, _device_neighbors):
        monkeypatch.setattr(module, "ENTRIES", 2**15)
    for module in (_device_neighbors, _device_sums):
        monkeypatch.setattr(module, "BLOCK_ROWS", 128)


@pytest.fixture
def everywhere(monkeypatch):
    """Let the processor be a device like any other."""
    monkeypatch.setattr(_arrays, "is_processor", lambda _: False)


@pytest.fixture
def converted(monkeypatch):
    """Shapes of all arrays that are converted to NumPy."""
    shapes, convert = [], _arrays._convert_to_numpy

    def counting(array, xp):
        shapes.append(array.shape)
        return convert(array, xp)

    monkeypatch.setattr(_arrays, "_convert_to_numpy", counting)
    return shapes


def nearest(kind, rows, queries, k):
    found = nearest_on_device(KINDS[kind](rows), k, KINDS[kind](queries))
    return [as_numpy(A) for A in found]


@each_kind
@each_precision
@pytest.mark.parametrize("far", [False, True])
def test_nearest_are_those_of_brute_force(kind, dtype, far):
    offset = OFFSETS[dtype] if far else 0.0
    rows, queries = ((A + offset).astype(dtype) for A in (X, NEW))
    squares = cdist(NEW, X, "sqeuclidean")  # exact, as are these multiples of 2^-16
    expected = np.argsort(squares, axis=1, kind="stable")[:, :4]
    distances, indices = nearest(kind, rows, queries, 4)
    assert_array_equal(indices, expected)
    assert_allclose(distances**2, np.take_along_axis(squares, expected, 1), rtol=1e-14)


@each_kind
@pytest.mark.parametrize(
    "rows",
    [
        np.eye(200),
        np.indices((6, 6, 6)).reshape(3, -1).T.astype(float),
        np.repeat(X[:20], 30, axis=0),
        np.concatenate([X[:300], 1e9 + X[300:600]]),
        X[:5],
        X[:, :1],
    ],
    ids=["simplex", "lattice", "repeated", "clusters", "few", "one feature"],
)
def test_ties_go_to_the_first_rows(kind, rows):
    """Also where more rows tie up to rounding than are proposed at first."""
    squares = cdist(rows, rows, "sqeuclidean")
    expected = np.argsort(squares, axis=1, kind="stable")[:, :5]
    distances, indices = nearest(kind, rows, rows, 5)
    assert_array_equal(indices, expected)
    assert_allclose(distances**2, np.take_along_axis(squares, expected, 1), rtol=1e-14)


@each_kind
@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_squares_that_leave_the_range(kind, scale):
    rows = KINDS[kind](scale * X)
    distances, indices = k_nearest(rows, 3, ranks=np.array([0, 2]))
    expected, which = k_nearest(X, 3, ranks=np.array([0, 2]))
    assert_array_equal(as_numpy(indices), which)
    assert_allclose(as_numpy(distances), scale * expected)


@each_kind
@each_precision
def test_unique_rows(kind, dtype):
    rows = rng.randint(-1, 2, size=(200, 4)).astype(dtype)
    rows[::7] *= -0.0
    for found, right in zip(
        unique_rows_on_device(KINDS[kind](rows)), unique_rows(rows), strict=True
    ):
        assert_array_equal(found, right)


def assert_scores(model, kind, queries, rtol=1e-10):
    """Log-densities of queries as in memory."""
    expected = model.score_samples(queries)
    found = model.score_samples(KINDS[kind](queries))
    assert type(found) is type(KINDS[kind](queries))
    assert as_numpy(found).dtype == queries.dtype
    assert_allclose(as_numpy(found), expected, rtol=rtol, atol=rtol)


@each_kind
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("bandwidth", [0.1, 1.5, [0.3, 1.0, 2.0, 4.0, 8.0]], ids=str)
def test_kernels(kernel, bandwidth, kind, everywhere):
    weight = rng.randint(4, size=len(X)).astype(float)
    model = KernelDensity(bandwidth, kernel=kernel).fit(X, sample_weight=weight)
    queries = np.concatenate([NEW, X[:50], [[1e3] * 5]])
    assert_scores(model, kind, queries)
    assert_scores(model, kind, queries.astype(np.float32), 1e-4)


@each_kind
@pytest.mark.parametrize("kernel", KERNELS)
@each_precision
def test_kernels_at_an_offset(kernel, dtype, kind, everywhere):
    rows, queries = ((A + OFFSETS[dtype]).astype(dtype) for A in (X, NEW))
    expected = KernelDensity(0.5, kernel=kernel).fit(X).score_samples(NEW)
    model = KernelDensity(0.5, kernel=kernel).fit(rows)
    found = as_numpy(model.score_samples(KINDS[kind](queries)))
    tolerance = 1e-10 if dtype == "float64" else 1e-6  # of the result, rounded
    assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@each_kind
@pytest.mark.parametrize("kernel", KERNELS)
def test_clusters_far_apart(kernel, kind, everywhere):
    """Rounding of products is larger there than the bandwidth."""
    rows = np.concatenate([X, 1e8 + X[:100]])
    model = KernelDensity(0.7, kernel=kernel).fit(rows)
    assert_scores(model, kind, np.concatenate([NEW[:50], 1e8 + NEW[:50]]))


@each_kind
def test_pairs_at_the_edge_of_a_step(kind, everywhere):
    rows = np.arange(40.0)[:, None] + 1e6
    model = KernelDensity(3.0, kernel="tophat").fit(rows)  # 5 rows at less than 3
    found = as_numpy(model.score_samples(KINDS[kind](rows[5:-5])))
    assert_allclose(np.exp(found), 5 / 40 / 6, rtol=1e-12)


@each_kind
@pytest.mark.parametrize(
    "model",
    [
        KernelDensity("scott", whiten=True),
        KernelDensity("scott", adaptive=True),
        KernelDensity(adaptive="covariance"),
        KernelDensity(metric="manhattan"),
        KernelDensity("silverman", kernel="biweight", whiten=True, verbose=1),
    ],
    ids=repr,
)
def test_shapes_of_kernels(model, kind, everywhere, capsys):
    model.fit(X[:99] @ np.diag([1.0, 2.0, 3.0, 4.0, 500.0]))
    assert_scores(model, kind, NEW[:150])
    score = model.score(KINDS[kind](NEW[:150]))
    assert score == pytest.approx(model.score(NEW[:150]), rel=1e-10)


@each_kind
def test_queries_that_go_through_numpy(kind, everywhere):
    model = KernelDensity(kernel="exponential").fit(X)
    found = model.score_samples(KINDS[kind](X), leave_one_out=True)
    assert_allclose(as_numpy(found), model.score_samples(X, leave_one_out=True))
    assert_scores(model, kind, 1e200 * NEW)


# 2026-11: a column of which nothing varies is what is tested.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.RankDeficientWarning")
@each_kind
def test_constant_features(kind, everywhere):
    rows = np.column_stack([X, np.ones(len(X))])
    model = KernelDensity("scott").fit(rows)
    assert_scores(model, kind, np.concatenate([rows[:9], rows[:9] + 1]))


@each_kind
@each_precision
@pytest.mark.parametrize("n_neighbors", [3, "auto", "kstar"])
def test_density_of_neighbors(n_neighbors, dtype, kind, everywhere):
    rows = np.concatenate([X, X[:100]]).astype(dtype)
    model = KNeighborsDensity(n_neighbors, dimension=TwoNN())
    with muted(TwoNN):
        expected, found = (clone(model).fit(A) for A in (rows, KINDS[kind](rows)))
    for name in ("log_density_", "n_neighbors_", "dimension_"):
        value = getattr(found, name)
        assert type(value) is type(getattr(expected, name))
        assert_allclose(value, getattr(expected, name), rtol=1e-10)
    queries = np.concatenate([NEW, X[:100]]).astype(dtype)
    assert_scores(found, kind, queries)
    results = found.score_samples(KINDS[kind](queries), return_std=True)
    right = expected.score_samples(queries, return_std=True)
    assert_allclose(as_numpy(results[1]), right[1], rtol=1e-10)


@each_kind
@each_precision
@pytest.mark.parametrize(
    "estimator",
    [
        TwoNN(),
        TwoNN(correction="shapes"),
        TwoNN(n_neighbors=10),
        TwoNN(metric="cosine"),
        LevinaBickel(),
    ],
    ids=repr,
)
def test_dimensions(estimator, dtype, kind, everywhere):
    rows = np.concatenate([X, X[:10]]) + OFFSETS[dtype]
    rows = rows.astype(dtype)
    with muted(type(estimator)):
        expected, found = (clone(estimator).fit(A) for A in (rows, KINDS[kind](rows)))
    for name, value in vars(expected).items():
        if name.endswith("_") and value is not None:
            assert type(vars(found)[name]) is type(value)
            assert_allclose(vars(found)[name], value, rtol=1e-10, err_msg=name)
    if hasattr(expected, "transform"):
        assert_allclose(found.transform(rows), expected.transform(rows), rtol=1e-6)


@each_kind
def test_no_table_goes_to_numpy(kind, everywhere, converted):
    """But a sample for the center; a kernel density holds its rows in NumPy."""
    rows, queries = KINDS[kind](X), KINDS[kind](np.tile(NEW, (3, 1)))

    def most_rows():
        most = max(n for n, p in (s for s in converted if len(s) == 2) if p == 5)
        converted.clear()
        return most

    two_nn = TwoNN().fit(rows)
    assert two_nn.dimension_ == pytest.approx(TwoNN().fit(X).dimension_)
    assert most_rows() <= _device_tiles.CENTER_ROWS
    for model in (KernelDensity(), KNeighborsDensity(3)):
        model.fit(X)
        model.score_samples(queries)
        assert most_rows() <= _device_tiles.CENTER_ROWS


def test_numpy_reads_what_is_on_a_processor(converted):
    for kind, n_converted in [("torch", 1), ("strict", 1), ("strict on device1", 0)]:
        KernelDensity().fit(X).score_samples(KINDS[kind](NEW))
        assert [shape == NEW.shape for shape in converted].count(True) == n_converted
        converted.clear()
