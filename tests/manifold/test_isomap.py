"""Isomap against scikit-learn's, flat sheets, and brute force."""

import warnings

import numpy as np
import pytest
import sklearn.manifold
from scipy.linalg import eigh
from scipy.sparse import csr_array, csr_matrix
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsTransformer, kneighbors_graph

from sklatent.dimension import TwoNN
from sklatent.exceptions import (
    DisconnectedGraphWarning,
    FarRowsWarning,
    FewRowsWarning,
    RankDeficientWarning,
)
from sklatent.manifold import Isomap
from sklatent.manifold._landmark_mds import largest_eigenpairs, scale_landmarks


def roll(n, seed):
    """Rows of a Swiss roll, and their places on the sheet, in the same units."""
    rng = np.random.RandomState(seed)
    t, height = 1.5 * np.pi * (1 + 2 * rng.uniform(size=n)), 21 * rng.uniform(size=n)
    arc = (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2
    return np.column_stack([t * np.cos(t), height, t * np.sin(t)]), np.c_[arc, height]


def rigid_error(Z, truth):
    """Relative error after the best rotation and shift, without a change of scale."""
    Z, truth = Z - Z.mean(axis=0), truth - truth.mean(axis=0)
    U, _, Vt = np.linalg.svd(Z.T @ truth)
    return np.linalg.norm(Z @ U @ Vt - truth) / np.linalg.norm(truth)


@pytest.fixture(scope="module")
def X():
    return roll(300, 0)[0]


def brute_force(D, n_components):
    """Classical scaling of all distances."""
    J = np.eye(len(D)) - 1 / len(D)
    values, vectors = eigh(-0.5 * J @ D**2 @ J)
    top = np.argsort(-values)[:n_components]
    return vectors[:, top] * np.sqrt(values[top])


def assert_equal_up_to_sign(Z, expected, rtol=1e-7):
    signs = np.sign((Z * expected).sum(axis=0))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(Z * signs, expected, atol=rtol * scale)


# Against scikit-learn


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_neighbors": 8, "n_components": 4, "eigen_solver": "arpack"},
        {"n_neighbors": 9, "n_components": 20, "eigen_solver": "dense"},
        {"n_neighbors": None, "radius": 6.0},
        {"n_neighbors": 7, "metric": "manhattan"},
        {"n_neighbors": 7, "p": 1},
        {"n_neighbors": 7, "metric": "minkowski", "metric_params": {"w": [1, 2, 3]}},
        {"n_neighbors": 7, "metric": "cosine", "neighbors_algorithm": "brute"},
    ],
    ids=str,
)
def test_without_landmarks_it_is_that_of_scikit_learn(X, parameters):
    theirs = sklearn.manifold.Isomap(**parameters).fit(X)
    ours = Isomap(**parameters).fit(X)
    np.testing.assert_allclose(ours.dist_matrix_, theirs.dist_matrix_, rtol=1e-7)
    assert_equal_up_to_sign(ours.embedding_, theirs.embedding_)
    assert ours.reconstruction_error() == pytest.approx(
        theirs.reconstruction_error(), rel=1e-7
    )
    new = roll(50, 1)[0]
    signs = np.sign((ours.embedding_ * theirs.embedding_).sum(axis=0))
    np.testing.assert_allclose(
        ours.transform(new) * signs, theirs.transform(new), rtol=1e-6, atol=1e-6
    )


# Against the truth


def test_roll_is_unrolled():
    """scikit-learn's error of these rows is 0.037; landmarks may add a tenth."""
    X, sheet = roll(2000, 0)
    isomap = Isomap(n_neighbors=10).fit(X)
    assert isomap.landmarks_.shape == (100,)
    assert rigid_error(isomap.embedding_, sheet) < 0.041
    new, new_sheet = roll(300, 1)
    Z = isomap.transform(new)
    assert rigid_error(np.r_[isomap.embedding_, Z], np.r_[sheet, new_sheet]) < 0.041
    assert isomap.residual_variance_ < 1e-3


def test_landmarks_hardly_change_the_places():
    X, _ = roll(600, 0)
    every = Isomap(n_neighbors=10).fit(X)
    some = Isomap(n_neighbors=10, n_landmarks=60).fit(X)
    assert procrustes(every.embedding_, some.embedding_)[2] < 5e-4
    # Each landmark stands for the rows around it, so that sums are those over rows.
    np.testing.assert_allclose(some.eigenvalues_, every.eigenvalues_, rtol=0.05)
    assert some.reconstruction_error() == pytest.approx(
        every.reconstruction_error(), rel=0.3
    )


@pytest.mark.parametrize("n_landmarks", [None, 6])
@pytest.mark.parametrize("offset", [0.0, 2.0**26])
def test_with_all_edges_it_is_pca(n_landmarks, offset):
    """Landmarks place rows of three dimensions exactly (rounding of 1e8: 1e-8)."""
    rng = np.random.RandomState(0)
    X = np.round(rng.normal(size=(40, 3)) * [3, 2, 1] * 2**20) / 2**20
    isomap = Isomap(n_neighbors=None, radius=np.inf, n_components=3)
    isomap.set_params(n_landmarks=n_landmarks)
    Z = isomap.fit(X + offset).embedding_
    np.testing.assert_allclose(pdist(Z), pdist(X), rtol=1e-9)
    if n_landmarks is None:
        assert_equal_up_to_sign(Z, PCA(3).fit_transform(X), rtol=1e-9)
    new = np.round(rng.normal(size=(5, 3)) * 2**20) / 2**20
    distances = cdist(isomap.transform(new + offset), Z)
    np.testing.assert_allclose(distances, cdist(new, X), rtol=1e-9)


def test_repeated_rows_count_in_the_centering(X):
    """The places are those of the classical scaling of all rows, repeated ones too."""
    repeated = np.repeat(X, np.arange(300) % 3 + 1, axis=0)
    isomap = Isomap(n_neighbors=8, n_components=3).fit(repeated)
    alone = Isomap(n_neighbors=8).fit(X).dist_matrix_
    of = np.repeat(np.arange(300), np.arange(300) % 3 + 1)
    np.testing.assert_allclose(isomap.dist_matrix_, alone[np.ix_(of, of)], rtol=1e-12)
    assert_equal_up_to_sign(isomap.embedding_, brute_force(isomap.dist_matrix_, 3))
    D = isomap.dist_matrix_
    J = np.eye(len(D)) - 1 / len(D)
    error = -0.5 * J @ D**2 @ J - isomap.embedding_ @ isomap.embedding_.T
    assert isomap.reconstruction_error() == pytest.approx(
        np.linalg.norm(error) / len(D), rel=1e-9
    )


@pytest.mark.parametrize("n_landmarks", [None, 20])
def test_residual_variance(X, n_landmarks):
    repeated = np.r_[X, X[:100]]
    isomap = Isomap(n_neighbors=8, n_landmarks=n_landmarks).fit(repeated)
    Z = isomap.embedding_
    if n_landmarks is None:
        geodesics, places = isomap.dist_matrix_, cdist(Z, Z)
    else:
        geodesics, places = isomap.landmark_distances_, cdist(Z, Z[isomap.landmarks_])
    r = np.corrcoef(geodesics.ravel(), places.ravel())[0, 1]
    assert isomap.residual_variance_ == pytest.approx(1 - r**2, rel=1e-9)


def test_landmark_distances_are_those_of_all_rows(X):
    every = Isomap(n_neighbors=8).fit(X).dist_matrix_
    some = Isomap(n_neighbors=8, n_landmarks=20).fit(X)
    np.testing.assert_allclose(
        some.landmark_distances_, every[:, some.landmarks_], rtol=1e-12
    )


# New rows


@pytest.mark.parametrize("n_landmarks", [None, 20])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_training_row_has_its_place(X, n_landmarks, dtype):
    X = X.astype(dtype)
    isomap = Isomap(n_neighbors=8, n_landmarks=n_landmarks).fit(X)
    np.testing.assert_array_equal(isomap.transform(X[::-7]), isomap.embedding_[::-7])
    radius = Isomap(n_neighbors=None, radius=8, n_landmarks=n_landmarks).fit(X)
    np.testing.assert_array_equal(radius.transform(X), radius.embedding_)


def test_far_rows_have_a_finite_place_and_one_warning(X):
    isomap = Isomap(n_neighbors=8, n_landmarks=20).fit(X)
    new = np.array([X[0] + 1e-3, [1e4, 0, 0], [1e300, 1e300, 0], [-1e150, 0, 0]])
    with pytest.warns(FarRowsWarning, match="3 of 4 rows") as caught:
        Z = isomap.transform(new)
    assert len(caught) == 1
    assert np.isfinite(Z).all()
    np.testing.assert_allclose(Z[:1], isomap.transform(new[:1]))
    # No farther out than the distance at which rows begin to be far.
    assert np.abs(Z).max() < 3 * np.abs(isomap.embedding_).max() + isomap._reach


def test_a_row_outside_of_the_radius_is_placed_by_the_nearest(X):
    isomap = Isomap(n_neighbors=None, radius=6.0).fit(X)
    row = X[:1] + np.array([0.0, 30.0, 0.0])
    assert cdist(row, X).min() > 6
    path = cdist(row, X).min() + isomap.dist_matrix_[cdist(row, X).argmin()]
    D = isomap.dist_matrix_
    Z = isomap.embedding_
    expected = 0.5 * (np.mean(D**2, axis=0) - path**2) @ Z / isomap.eigenvalues_
    np.testing.assert_allclose(isomap.transform(row)[0], expected, rtol=1e-9)


# Graphs that are not connected


def test_components_are_joined_with_one_warning():
    X, labels = make_blobs(90, centers=3, random_state=0, cluster_std=0.3)
    with pytest.warns(DisconnectedGraphWarning, match="is 3 > 1") as caught:
        isomap = Isomap().fit(X)
    assert len(caught) == 1
    assert isomap.component_labels_.shape == (90,)
    for label in range(3):
        assert len(set(isomap.component_labels_[labels == label])) == 1
    assert np.isfinite(isomap.dist_matrix_).all()
    with pytest.raises(ValueError, match="disconnected='raise'; got 3 connected"):
        Isomap(disconnected="raise").fit(X)
    connected = Isomap(n_neighbors=60, disconnected="raise").fit(X)
    assert not connected.component_labels_.any()


# Precomputed distances


@pytest.mark.parametrize("n_landmarks", [None, 20])
def test_precomputed_distances_and_graphs_are_as_good_as_rows(X, n_landmarks):
    rows, new = np.r_[X, X[:30]], roll(40, 1)[0]
    parameters = {"n_neighbors": 6, "n_landmarks": n_landmarks}
    expected = Isomap(**parameters).fit(rows)
    precomputed = Isomap(metric="precomputed", **parameters)
    of_matrix = precomputed.fit(cdist(rows, rows))
    # The first row of the table may differ, and with it the sign of a component.
    assert_equal_up_to_sign(of_matrix.embedding_, expected.embedding_)
    Z = of_matrix.transform(cdist(new, rows))
    assert_equal_up_to_sign(Z, expected.transform(new))
    np.testing.assert_allclose(
        of_matrix.transform(cdist(rows, rows)), of_matrix.embedding_, rtol=1e-12
    )
    assert not hasattr(of_matrix, "inverse_transform")
    assert of_matrix.reconstruction_error() == pytest.approx(
        expected.reconstruction_error(), rel=1e-6
    )
    with pytest.raises(AttributeError, match="never saw rows"):
        of_matrix.reconstruction_error(rows)


@pytest.mark.parametrize("container", [csr_matrix, csr_array])
@pytest.mark.parametrize("parameters", [{"n_neighbors": 12}, {"radius": 5.0}])
def test_sparse_graphs_of_neighbors(X, container, parameters):
    neighbors = KNeighborsTransformer(n_neighbors=12).fit(X)
    new = roll(40, 1)[0]
    parameters = {"n_neighbors": None, **parameters}
    isomap = Isomap(metric="precomputed", **parameters)
    isomap.fit(container(neighbors.transform(X)))
    Z = isomap.transform(container(neighbors.transform(new)))
    if "radius" not in parameters:
        expected = Isomap(n_neighbors=12).fit(X)
        assert_equal_up_to_sign(isomap.embedding_, expected.embedding_)
        assert_equal_up_to_sign(Z, expected.transform(new))
    score = isomap.score_samples(container(neighbors.transform(new)))
    assert score.mean() > 0.4


def test_sparse_graphs_that_lack_something(X):
    graph = kneighbors_graph(X, 6, mode="distance")
    isomap = Isomap(metric="precomputed", n_neighbors=5).fit(graph)
    with pytest.raises(ValueError, match="X must have 11 distances in each row"):
        isomap.score_samples(graph)
    lacking = csr_matrix(graph[:2].multiply([[1], [0]]))
    lacking.eliminate_zeros()
    with pytest.raises(ValueError, match="none in row 1"):
        isomap.transform(lacking)
    with pytest.warns(FewRowsWarning, match="n_neighbors=9 is more than"):
        Isomap(metric="precomputed", n_neighbors=9).fit(graph)
    with pytest.raises(RuntimeError, match="number of connected components"):
        Isomap(metric="precomputed", n_neighbors=1).fit(graph)


def spoiled(D, where, value):
    D = D.copy()
    D[where] = value
    return D


def test_what_are_no_distances(X):
    D = cdist(X, X)
    isomap = Isomap(metric="precomputed").fit(D)
    for bad, message in [
        (D[:20], "X must be a square distance matrix"),
        (spoiled(D, (3, 4), 99.0), "X must be symmetric"),
        (spoiled(D, (3, 4), -1.0), "X must hold distances, .* none is negative"),
        (spoiled(D, (3, 3), 0.5), "X must have a diagonal of zeros"),
        (csr_matrix(D[:20]), "X must be a square distance matrix"),
        (csr_matrix(-D), "X must hold distances"),
    ]:
        with pytest.raises(ValueError, match=message):
            Isomap(metric="precomputed").fit(bad)
    with pytest.raises(ValueError, match="X must hold distances"):
        isomap.transform(-D)


# Small and degenerate data


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("p", [1, 4])
def test_few_rows(n, p):
    X = np.arange(n * p).reshape(n, p).astype(float)
    with pytest.warns(FewRowsWarning, match=f"n_neighbors={n - 1} is used"):
        isomap = Isomap(n_components=1).fit(X)
    assert isomap.n_neighbors_ == n - 1
    np.testing.assert_allclose(pdist(isomap.embedding_), pdist(X), rtol=1e-12)
    np.testing.assert_allclose(isomap.transform(X), isomap.embedding_)
    with pytest.raises(ValueError, match="minimum of 2"):
        Isomap().fit(X[:1])


# 2026-11: there is one distinct row, and every other row is far from it.
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.FewRowsWarning")
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.FarRowsWarning")
def test_equal_rows_have_one_place():
    with pytest.warns(RankDeficientWarning):
        isomap = Isomap().fit(np.ones((6, 3)))
    np.testing.assert_array_equal(isomap.embedding_, np.zeros((6, 2)))
    np.testing.assert_array_equal(isomap.transform([[5.0, 1e3, 0]]), [[0, 0]])
    assert isomap.residual_variance_ == 0
    assert isomap.reconstruction_error() == 0


@pytest.mark.parametrize("n_components", [3, 60])
def test_components_above_the_rank_are_zero(n_components):
    line = np.linspace(0, 1, 40)[:, None] * [1.0, 2.0, 0.0]
    with pytest.warns(RankDeficientWarning, match=f"{n_components - 1} of"):
        isomap = Isomap(n_components=n_components).fit(line)
    Z = isomap.transform(line[:-1] + 0.3 * np.diff(line, axis=0))
    assert isomap.embedding_.shape == (40, n_components)
    for places in (isomap.embedding_, Z):
        assert (places[:, 1:] == 0).all()
        assert (np.diff(places[:, 0]) != 0).all()


def test_scale_does_not_matter(X):
    isomap = Isomap(n_neighbors=8).fit(X)
    for exponent in (-480, 480):
        scaled = Isomap(n_neighbors=8).fit(np.ldexp(X, exponent))
        Z = np.ldexp(scaled.embedding_, -exponent)
        np.testing.assert_allclose(Z, isomap.embedding_, rtol=1e-9, atol=1e-9)


def test_same_bits_for_any_number_of_threads(X):
    one, two = (Isomap(n_landmarks=20, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    new = roll(50, 1)[0]
    np.testing.assert_array_equal(one.transform(new), two.transform(new))


def test_rows_may_be_sparse(X):
    sparse = Isomap().fit(csr_matrix(X))
    np.testing.assert_array_equal(sparse.embedding_, Isomap().fit(X).embedding_)
    np.testing.assert_array_equal(sparse.transform(csr_matrix(X)), sparse.embedding_)


def test_another_fit_leaves_nothing_behind(X):
    isomap = Isomap().fit(X)
    assert not hasattr(isomap, "landmark_distances_")
    isomap.set_params(n_landmarks=20).fit(X)
    assert not hasattr(isomap, "dist_matrix_")


def test_n_components_by_an_estimator():
    X, _ = roll(600, 0)
    assert Isomap(n_neighbors=10, n_components=TwoNN()).fit(X).n_components_ == 2


def test_what_cannot_be_used(X):
    with pytest.raises(ValueError, match="PPCA"):
        Isomap().fit(np.r_[X, [[1.0, np.nan, 2.0]]])
    with pytest.raises(ValueError, match="n_neighbors or radius must be a number"):
        Isomap(n_neighbors=None).fit(X)
    with pytest.raises(ValueError, match="Both n_neighbors and radius"):
        Isomap(radius=1.0).fit(X)


def test_a_metric_may_say_that_different_rows_are_at_distance_0(X):
    """By the cosine, rows on a ray from the origin are; each is a row of its own."""
    rays = np.r_[X, 2 * X]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DisconnectedGraphWarning)
        isomap = Isomap(metric="cosine").fit(rays)
    np.testing.assert_allclose(
        isomap.embedding_[:300], isomap.embedding_[300:], atol=1e-6
    )


# Eigenvalues


@pytest.mark.parametrize("eigen_solver", ["auto", "arpack", "dense"])
def test_equal_eigenvalues_are_all_found(eigen_solver):
    """Of points on a circle and the vertices of a simplex, by the law of cosines."""
    n = 240
    angle = 2 * np.pi * np.arange(n) / n
    circle = np.abs(2 * np.sin((angle[:, None] - angle) / 2))
    scaling = scale_landmarks(circle, np.ones(n), 2, eigen_solver=eigen_solver)
    np.testing.assert_allclose(scaling.eigenvalues * scaling.unit**2, n / 2, rtol=1e-9)
    simplex = 1 - np.eye(n)
    scaling = scale_landmarks(simplex, np.ones(n), 5, eigen_solver=eigen_solver)
    np.testing.assert_allclose(scaling.eigenvalues * scaling.unit**2, 0.5, rtol=1e-9)


def test_a_missed_eigenvalue_is_noticed():
    """Three equal ones, of a matrix on which iterations from one vector find one."""
    values = np.r_[np.linspace(0, 1, 397), 5.0, 5.0, 5.0]
    found, vectors = largest_eigenpairs(np.diag(values), 3, eigen_solver="arpack")
    np.testing.assert_allclose(found, 5.0, rtol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(3), atol=1e-12)
