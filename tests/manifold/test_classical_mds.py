"""Classical MDS against principal components, and the full eigendecomposition."""

import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from sklatent.exceptions import FarRowsWarning, RankDeficientWarning
from sklatent.manifold import ClassicalMDS

EUCLIDEAN = {"metric": "minkowski", "metric_params": {"p": 2}}


@pytest.fixture
def X():
    rng = np.random.RandomState(0)
    return rng.standard_normal((700, 5)) * [5, 4, 3, 2, 1]


def scores(X, q):
    """Principal components by a singular value decomposition, signs by the largest."""
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    Z = U[:, :q] * s[:q]
    return Z * np.sign(Z[np.abs(Z).argmax(axis=0), np.arange(q)])


def gram(D, weight=None):
    """Eigenvalues, descending, and vectors of B, formed as it is written."""
    w = np.ones(len(D)) if weight is None else weight
    J = np.eye(len(D)) - np.outer(np.ones(len(D)), w) / w.sum()
    root = np.sqrt(w)
    B = -0.5 * root[:, None] * (J @ D**2 @ J.T) * root
    values, vectors = np.linalg.eigh(B)
    return values[::-1], vectors[:, ::-1]


@pytest.mark.parametrize("offset", [0.0, 1e8])
@pytest.mark.parametrize("by", ["rows", "metric", "landmarks", "precomputed"])
def test_euclidean_distances_give_principal_components(by, offset, X):
    """To rounding of the rows, which at 1e8 is 1.5e-8 of the unit."""
    X = X + offset
    if by == "precomputed":
        mds = ClassicalMDS(3, metric="precomputed").fit(cdist(X, X))
    else:
        params = {"rows": {}, "metric": EUCLIDEAN}
        params["landmarks"] = EUCLIDEAN | {"n_landmarks": 20}
        mds = ClassicalMDS(3, **params[by]).fit(X)
    expected = scores(X - offset, 3)  # which is exact
    np.testing.assert_allclose(mds.embedding_, expected, atol=1e-9 * 15)
    np.testing.assert_allclose(mds.eigenvalues_, (expected**2).sum(axis=0), rtol=1e-9)
    assert mds.negative_inertia_ == 0


def test_the_same_as_scikit_learn(X):
    expected = PCA(2).fit_transform(X)
    Z = ClassicalMDS().fit_transform(X)
    np.testing.assert_allclose(np.abs(Z), np.abs(expected), atol=1e-12 * 20)


@pytest.mark.parametrize("n", [80, 700])
def test_other_metrics_against_the_full_matrix(n, X):
    """By LAPACK and by iterations."""
    D = cdist(X[:n], X[:n], "cityblock")
    mds = ClassicalMDS(3, metric="manhattan").fit(X[:n])
    values, vectors = gram(D)
    np.testing.assert_allclose(mds.eigenvalues_, values[:3], rtol=1e-11)
    expected = np.abs(vectors[:, :3]) * np.sqrt(values[:3])
    np.testing.assert_allclose(np.abs(mds.embedding_), expected, atol=1e-8)
    np.testing.assert_allclose(
        mds.negative_inertia_, -values[-1] / values[0], atol=1e-4
    )


def test_equal_eigenvalues_are_all_found():
    """Corners of a simplex: all eigenvalues of B but one are 1/2."""
    n = 600
    D = 1.0 - np.eye(n)
    mds = ClassicalMDS(4, metric="precomputed").fit(D)
    np.testing.assert_allclose(mds.eigenvalues_, 0.5, rtol=1e-10)
    Z = mds.embedding_
    np.testing.assert_allclose(Z.T @ Z, 0.5 * np.eye(4), atol=1e-10)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_a_weight_counts_as_that_many_rows(metric, X):
    X = X[:100]
    weight = np.random.RandomState(0).randint(0, 3, 100)
    weighted = ClassicalMDS(metric=metric).fit(X, sample_weight=weight)
    repeated = ClassicalMDS(metric=metric).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-9)
    np.testing.assert_allclose(weighted.eigenvalues_, repeated.eigenvalues_)
    if metric == "manhattan":
        values, _ = gram(cdist(X, X, "cityblock"), weight)
        np.testing.assert_allclose(weighted.eigenvalues_, values[:2])


def test_new_rows_keep_their_distances(X):
    """In as many dimensions as there are, Gower's formula is exact."""
    train, new = X[:50], X[50:60]
    mds = ClassicalMDS(5, metric="precomputed").fit(cdist(train, train))
    Z = mds.transform(cdist(new, train))
    np.testing.assert_allclose(cdist(Z, mds.embedding_), cdist(new, train), rtol=1e-9)
    # A column is the distance from one training row.
    np.testing.assert_array_equal(mds.transform(cdist(train, train)), mds.embedding_)


def test_no_root_of_negative_eigenvalues():
    """Distances that are no metric: two positive eigenvalues at most."""
    rng = np.random.RandomState(0)
    D = rng.uniform(0, 1, (6, 6)) ** 3
    D = np.triu(D, 1) + np.triu(D, 1).T
    values, _ = gram(D)
    positive = (values > 1e-10).sum()
    with pytest.warns(RankDeficientWarning, match=f"{positive} positive"):
        mds = ClassicalMDS(6, metric="precomputed").fit(D)
    assert mds.embedding_.shape == (6, 6)
    assert np.isfinite(mds.embedding_).all()
    assert (mds.embedding_[:, positive:] == 0).all()
    np.testing.assert_allclose(mds.eigenvalues_[:positive], values[:positive])
    np.testing.assert_allclose(mds.negative_inertia_, -values[-1] / values[0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda D: D[:, :5], "square"),
        (lambda D: D + np.eye(8), "diagonal of zeros"),
        (lambda D: -D, "none is negative"),
        (lambda D: np.triu(D), "must be symmetric"),
    ],
)
def test_what_are_no_distances(spoil, message, X):
    D = cdist(X[:8], X[:8])
    with pytest.raises(ValueError, match=message):
        ClassicalMDS(metric="precomputed").fit(spoil(D))
    mds = ClassicalMDS(metric="precomputed").fit(D)
    with pytest.raises(ValueError, match="none is negative"):
        mds.transform(-D)


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, 3)),
        np.array([[0.0, 1.0], [2.0, 3.0]]),
        np.arange(4.0)[:, None],
        np.repeat(np.eye(3), 3, axis=0),
    ],
    ids=["equal", "two", "one column", "repeated"],
)
def test_small_and_degenerate_tables(X, metric):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RankDeficientWarning)
        mds = ClassicalMDS(metric=metric).fit(X)
    Z = mds.embedding_
    assert Z.shape == (len(X), 2)
    assert np.isfinite(mds.score_samples(X)).all()
    np.testing.assert_array_equal(mds.transform(X), Z)
    # In these tables both metrics need no more than two dimensions.
    if metric == "euclidean":
        np.testing.assert_allclose(cdist(Z, Z), cdist(X, X), atol=1e-12)


def test_far_rows_have_finite_places(X):
    mds = ClassicalMDS(metric="manhattan").fit(X[:50])
    with pytest.warns(FarRowsWarning, match="2 of 3 rows"):
        Z = mds.transform(np.vstack([X[:1], X[:2] + 1e200]))
    assert np.isfinite(Z).all()
    np.testing.assert_array_equal(Z[0], mds.embedding_[0])


def test_precomputed_distances_have_no_inverse(X):
    mds = ClassicalMDS(metric="precomputed").fit(cdist(X[:9], X[:9]))
    assert not hasattr(mds, "inverse_transform")
    assert not hasattr(mds, "reconstruction_error")
    assert np.isfinite(mds.score(cdist(X[9:20], X[:9])))


def test_same_bits_for_any_number_of_threads(X):
    one = ClassicalMDS(metric="manhattan", n_jobs=1).fit(X).embedding_
    two = ClassicalMDS(metric="manhattan", n_jobs=2).fit(X).embedding_
    np.testing.assert_array_equal(one, two)


def test_nearly_all_of_many_rows_are_placed_by_landmarks(monkeypatch, X):
    monkeypatch.setattr("sklatent.manifold._classical_mds.MANY_ROWS", 300)
    monkeypatch.setattr("sklatent.manifold._classical_mds.N_LANDMARKS", 40)
    mds = ClassicalMDS(**EUCLIDEAN).fit(X)
    assert len(set(mds.landmarks_)) == 40
    np.testing.assert_allclose(mds.embedding_, scores(X, 2), atol=1e-10)
