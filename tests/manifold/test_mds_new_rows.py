"""Places of new rows by MDS, against minimizations, and each by itself."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from sklatent.exceptions import FarRowsWarning
from sklatent.manifold import MDS
from sklatent.manifold.mds._fixed_map import FixedMap

each_metric_mds = pytest.mark.parametrize("metric_mds", [True, False])


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.fixture
def X(rng):
    return rng.standard_normal((60, 5))


@pytest.mark.parametrize("q", [1, 2, 3])
def test_a_new_point_of_the_space_has_its_true_place(q, rng):
    P, new = rng.standard_normal((50, q)), 2 * rng.standard_normal((20, q))
    mds = MDS(q, metric="precomputed").fit(cdist(P, P))
    D = cdist(new, P)
    D[rng.uniform(size=D.shape) < 0.3] = np.nan
    Z = mds.transform(D)
    np.testing.assert_allclose(cdist(Z, mds.embedding_), cdist(new, P), atol=1e-9)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_new_rows_have_the_least_stress(q, rng):
    """Among minimizations from 20 starts. Of 25 rows one may end higher, by 2 %."""
    places, w = rng.standard_normal((80, q)), rng.uniform(0.5, 2, 80)
    D = cdist(rng.standard_normal((25, 6)), np.pad(places, ((0, 0), (0, 6 - q))))
    Z = FixedMap(places, w).place(D)

    def stress(z, delta):
        return w @ (delta - np.linalg.norm(z - places, axis=1)) ** 2

    ratios = []
    for z, delta in zip(Z, D, strict=True):
        starts = rng.standard_normal((20, q))
        best = min(minimize(stress, s, args=(delta,)).fun for s in starts)
        ratios.append(stress(z, delta) / best)
    assert max(ratios) < 1.02
    assert np.sum(np.array(ratios) > 1 + 1e-6) <= 1


@pytest.mark.parametrize(
    "params",
    [{}, {"metric_mds": False}, {"n_components": 1}, {"n_landmarks": 20}],
    ids=repr,
)
def test_each_row_is_placed_for_itself(params, X, rng):
    mds = MDS(**params).fit(X)
    new = rng.standard_normal((40, 5))
    Z = mds.transform(new)
    one = np.vstack([mds.transform(row[None]) for row in new])
    np.testing.assert_allclose(one, Z, atol=1e-9)
    np.testing.assert_allclose(mds.transform(X), mds.embedding_, atol=1e-9)


@pytest.mark.parametrize("n_landmarks", [None, 20])
def test_rows_without_weight_are_placed_as_new_ones(n_landmarks, X):
    D, weight = cdist(X, X), np.ones(60)
    weight[::5] = 0
    held = np.flatnonzero(weight)
    mds = MDS(metric="precomputed", n_landmarks=n_landmarks)
    mds.fit(D, sample_weight=weight)
    np.testing.assert_array_equal(mds.transform(D), mds.embedding_)
    expected = MDS(metric="precomputed", n_landmarks=n_landmarks)
    expected.fit(D[np.ix_(held, held)])
    found = expected.transform(D[:, held])
    np.testing.assert_allclose(mds.embedding_, found, atol=1e-7)
    by_rows = MDS(n_landmarks=n_landmarks).fit(X, sample_weight=weight)
    np.testing.assert_allclose(by_rows.transform(X), by_rows.embedding_, atol=1e-9)


def test_far_rows(X):
    mds = MDS().fit(X)
    with pytest.warns(FarRowsWarning, match="1 of 2 rows is far"):
        Z = mds.transform([[1e200] * 5, [0.1] * 5])
    assert np.isfinite(Z).all()


def test_zeros_off_the_diagonal(X):
    """A row at distance 0 from another that differs keeps its own place."""
    D = cdist(X, X)
    D[0, 1] = D[1, 0] = 0
    for metric_mds in (True, False):
        mds = MDS(metric="precomputed", metric_mds=metric_mds).fit(D)
        assert (mds.embedding_[0] != mds.embedding_[1]).any()
        np.testing.assert_array_equal(mds.transform(D), mds.embedding_)
        np.testing.assert_array_equal(mds.transform(D[:3]), mds.embedding_[:3])


def test_far_rows_of_ordinal_scaling(X):
    """Places go on beyond the training rows, with a warning where all distances do."""
    mds = MDS(metric_mds=False).fit(X)
    far = X.mean(axis=0) + np.outer([4, 40, 400], np.eye(5)[0])
    with pytest.warns(FarRowsWarning, match="2 of 3 rows are far"):
        Z = mds.transform(far)
    reach = np.linalg.norm(Z, axis=1)
    assert reach[1] > np.linalg.norm(mds.embedding_, axis=1).max()
    assert reach[2] == pytest.approx(10 * reach[1], rel=0.1)


def test_zeros_are_missing_in_ordinal_scaling(X, rng):
    """In `fit`, for rows without weight, and for new rows."""
    D = cdist(X, X)
    D[0, 1:5] = D[1:5, 0] = 0
    mds = MDS(metric="precomputed", metric_mds=False)
    Z = mds.fit(D).embedding_
    np.testing.assert_array_equal(mds.transform(D), Z)
    new = cdist(rng.standard_normal((3, 5)), X)
    with_zeros, with_nan = new.copy(), new.copy()
    with_zeros[:, 7:12], with_nan[:, 7:12] = 0, np.nan
    np.testing.assert_array_equal(mds.transform(with_zeros), mds.transform(with_nan))
    weight = np.ones(60)
    weight[0] = 0
    light = mds.fit(D, sample_weight=weight).embedding_[0]
    D[0, 1:5] = np.nan
    np.testing.assert_array_equal(mds.transform(D[:1, :] + np.eye(60)[0])[0], light)


def test_new_rows_that_have_no_distances(X):
    mds = MDS(metric="precomputed").fit(cdist(X, X))
    D = cdist(X[:3], X) + 1
    with pytest.raises(ValueError, match="none is negative"):
        mds.transform(-D)
    D[1] = np.nan
    with pytest.raises(ValueError, match="in row 1"):
        mds.transform(D)


@each_metric_mds
@pytest.mark.parametrize("q", [1, 2, 3])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_symmetry_leaves_nothing_to_rounding(metric_mds, q, metric, rng):
    """A grid in four dimensions, from which many places are equally far.

    Cosines are products of matrices, whose last bits depend on the rows beside.
    """
    grid = np.array(list(itertools.product(range(4), repeat=2)), dtype=float)
    grid = np.column_stack([grid, np.zeros((16, 2))]) + (metric == "cosine")
    new = np.array(list(itertools.product([0, 0.5, 1.5], [1, 1.5], [0, 1, 3], [0, 2])))
    mds = MDS(q, metric_mds=metric_mds, metric=metric, random_state=0).fit(grid)
    Z = mds.transform(new)
    one = np.vstack([mds.transform(row[None]) for row in new])
    np.testing.assert_allclose(one, Z, atol=1e-7)
    order = rng.permutation(len(new))
    np.testing.assert_allclose(mds.transform(new[order]), Z[order], atol=1e-7)


@pytest.mark.parametrize("q", [1, 2, 3])
def test_rounding_of_distances_does_not_decide(q, rng):
    """Corners and edges of a cube, seen from its axes of symmetry."""
    cube = np.array(list(itertools.product([-1.0, 0.0, 1.0], repeat=q)))
    fixed = FixedMap(cube, np.ones(len(cube)))
    above = np.array(list(itertools.product([-0.5, 0.0, 0.5], repeat=q)))
    D = np.sqrt(cdist(above, cube) ** 2 + 4)
    Z = fixed.place(D)
    for _ in range(5):
        other = fixed.place(D * (1 + 1e-15 * rng.standard_normal(D.shape)))
        np.testing.assert_allclose(other, Z, atol=1e-7)
