"""What all embeddings promise, on rows that are weighted, repeated, noisy or few."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import linear_kernel

from sklatent.datasets import make_hypersphere
from sklatent.dimension import TwoNN
from sklatent.exceptions import RankDeficientWarning
from sklatent.manifold import MDS, ClassicalMDS, DiffusionMap, KernelPCA, SketchMap
from sklatent.manifold.metrics import demap, r_nx

WEIGHTED = [
    ClassicalMDS(),
    ClassicalMDS(metric="manhattan"),
    ClassicalMDS(metric="seuclidean"),
    MDS(),
    MDS(metric_mds=False),
    MDS(metric="seuclidean"),
    KernelPCA(2, kernel="rbf"),
    DiffusionMap(),
    SketchMap(),
    SketchMap(metric="manhattan", n_landmarks=40),
]
each_weighted = pytest.mark.parametrize("embedding", WEIGHTED, ids=repr)


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((120, 3)) * [3, 2, 1]


@pytest.fixture
def new():
    return np.random.RandomState(1).standard_normal((30, 3)) * [3, 2, 1]


@each_weighted
def test_weights_are_repeated_rows_in_every_method(embedding, X, new):
    weight = np.random.RandomState(2).randint(1, 5, len(X))
    embedding.fit(np.repeat(X, weight, axis=0))
    Z = embedding.transform(new)
    expected = [
        Z,
        embedding.inverse_transform(Z),
        embedding.reconstruction_error(new),
        embedding.score_samples(new),
    ]
    embedding.fit(X, sample_weight=weight)
    found = [
        embedding.transform(new),
        embedding.inverse_transform(Z),
        embedding.reconstruction_error(new),
        embedding.score_samples(new),
    ]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


@each_weighted
def test_the_score_is_that_of_the_metrics(embedding, X):
    """The mean over the training rows is R_NX for ten neighbors, by its formula."""
    embedding.fit(X)
    metric = getattr(embedding, "metric", "euclidean")
    settings = {"V": X.var(axis=0, ddof=1)} if metric == "seuclidean" else {}
    D = pairwise_distances(X, X, metric=metric, **settings)
    curve = r_nx(D, embedding.embedding_, metric="precomputed")
    np.testing.assert_allclose(embedding.score(X), curve[9], rtol=1e-9)


@pytest.mark.parametrize(
    ("by_rows", "by_pairs", "pairs"),
    [
        (ClassicalMDS(), ClassicalMDS(metric="precomputed"), cdist),
        (MDS(), MDS(metric="precomputed"), cdist),
        (DiffusionMap(), DiffusionMap(metric="precomputed"), cdist),
        (KernelPCA(2), KernelPCA(2, kernel="precomputed"), linear_kernel),
    ],
)
def test_rows_without_weight_have_no_influence(by_rows, by_pairs, pairs, X, new):
    weight = np.ones(len(X))
    weight[:60] = 0
    expected = by_rows.fit(X[60:]).score_samples(new)
    by_rows.fit(X, sample_weight=weight)
    np.testing.assert_allclose(by_rows.score_samples(new), expected)
    by_pairs.fit(pairs(X, X), sample_weight=weight)
    np.testing.assert_allclose(by_pairs.score_samples(pairs(new, X)), expected)
    # A training row is no neighbor of its own.
    by_rows.fit(X)
    by_pairs.fit(pairs(X, X))
    np.testing.assert_allclose(by_pairs.score(pairs(X, X)), by_rows.score(X))


@pytest.mark.parametrize("cls", [ClassicalMDS, KernelPCA, DiffusionMap, SketchMap])
def test_rows_without_weight_have_no_dimension(cls):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 8))
    X[:200, 2:] = 0
    weight = np.repeat([1, 0], [200, 100])
    assert cls(n_components=TwoNN()).fit(X, sample_weight=weight).n_components_ == 2


@pytest.mark.parametrize("noise", [0.002, 0.005])
def test_noise_below_the_kernel_does_not_change_rates(noise):
    X, _ = make_hypersphere(1000, dimension=1, random_state=0)
    rng = np.random.RandomState(0)
    Y = np.column_stack([X, np.zeros((1000, 8))])
    Y += noise / np.sqrt(5) * rng.standard_normal(Y.shape)
    found = DiffusionMap().fit(Y)
    assert found.dimension_ == 1
    np.testing.assert_allclose(found.eigenvalues_[:2], 1, atol=0.1)


def test_as_many_modes_as_rows(X):
    found = DiffusionMap(n_components=100).fit(X)
    assert np.isfinite(found.embedding_).all()
    with pytest.warns(RankDeficientWarning, match="n_components=200"):
        found = DiffusionMap(n_components=200).fit(X)
    assert (found.embedding_[:, 119:] == 0).all()


def test_gaussian_kernels_beside_a_sentinel(X, new):
    found = KernelPCA(2, kernel="rbf").fit(np.vstack([X, np.full((1, 3), 1e9)]))
    one_by_one = np.vstack([found.transform(row[None]) for row in new])
    np.testing.assert_allclose(found.transform(new), one_by_one, atol=1e-12)


def test_equal_rows_have_no_kernel_components():
    found = KernelPCA(kernel="rbf").fit(np.ones((10, 3)))
    assert found.embedding_.shape == (10, 0)


def test_distances_that_are_no_numbers(X):
    X = np.vstack([X, np.ones(3)])
    with pytest.raises(ValueError, match="metric='correlation' must give numbers"):
        ClassicalMDS(metric="correlation").fit(X)


def test_geodesics_of_repeated_rows(X):
    Z = X[:, :2]
    once = demap(X, Z)
    again = demap(np.repeat(X, 5, axis=0), np.repeat(Z, 5, axis=0))
    # Pairs of copies, at distance 0, are added.
    assert abs(again - once) < 0.01
