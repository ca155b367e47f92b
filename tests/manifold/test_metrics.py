"""Measures of embeddings against brute force, scikit-learn and the extremes."""

import numpy as np
import pytest
import sklearn.manifold
from numpy.testing import assert_allclose
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import spearmanr
from sklearn.datasets import load_digits, make_s_curve
from sklearn.decomposition import PCA

from sklatent.manifold.metrics import (
    auc_r_nx,
    continuity,
    demap,
    global_score,
    neighbor_recall,
    r_nx,
    trustworthiness,
)

OF_RANKS = [trustworthiness, continuity, neighbor_recall, r_nx, auc_r_nx]


def table(n=200, p=5, seed=0):
    """Rows, and places that keep some of their neighborhoods."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(n, p))
    return X, X[:, :2] + 0.1 * rng.normal(size=(n, 2))


def ranks(X):
    """Rank of each row by distance from each other, by sorting lists."""
    D = squareform(pdist(X))
    R = np.zeros(D.shape, dtype=int)
    for i, row in enumerate(D):
        others = sorted((d, j) for j, d in enumerate(row) if j != i)
        for rank, (_, j) in enumerate(others, 1):
            R[i, j] = rank
    return R


def recall_by_sets(X, Z, k):
    """Share of neighbors that are kept, as sets of rows."""
    rho, r = ranks(X), ranks(Z)
    kept = 0
    for i in range(len(X)):
        near, placed = (
            {j for j in range(len(X)) if 1 <= R[i, j] <= k} for R in (rho, r)
        )
        kept += len(near & placed)
    return kept / (k * len(X))


@pytest.mark.parametrize("k", [1, 5, 30, 99])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_trustworthiness_is_that_of_scikit_learn(k, metric):
    X, Z = table()
    peer = sklearn.manifold.trustworthiness(X, Z, n_neighbors=k, metric=metric)
    got = trustworthiness(X, Z, n_neighbors=k, metric=metric)
    assert_allclose(got, peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 5, 30])
def test_continuity_is_trustworthiness_the_other_way(k):
    X, Z = table()
    peer = sklearn.manifold.trustworthiness(Z, X, n_neighbors=k)
    assert_allclose(continuity(X, Z, n_neighbors=k), peer, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [1, 10, 100, 199])
def test_recall_counts_sets(k):
    X, Z = table()
    exact = recall_by_sets(X, Z, k)
    assert_allclose(neighbor_recall(X, Z, n_neighbors=k), exact, rtol=1e-12)


def test_r_nx_corrects_the_recall_for_chance():
    """Equation 15 of Lee et al., and the area with weights 1/K, by loops."""
    X, Z = table(60)
    n = 60
    curve = np.array(
        [((n - 1) * recall_by_sets(X, Z, k) - k) / (n - 1 - k) for k in range(1, n - 1)]
    )
    assert_allclose(r_nx(X, Z), curve, rtol=0, atol=1e-12)
    k = np.arange(1, n - 1)
    area = (curve / k).sum() / (1 / k).sum()
    assert_allclose(auc_r_nx(X, Z), area, rtol=0, atol=1e-12)


@pytest.mark.parametrize("measure", OF_RANKS)
def test_what_keeps_all_neighbors_has_one(measure):
    X, _ = table()
    assert_allclose(measure(X, 3 * X + 7), 1, rtol=0, atol=1e-12)
    assert_allclose(measure(X + 1e8, X), 1, rtol=0, atol=1e-3)


def test_what_is_random_has_none():
    """The standard deviation of the area is about .002, by 200 trials."""
    X, _ = table(500)
    Z = np.random.RandomState(1).normal(size=(500, 2))
    assert abs(auc_r_nx(X, Z)) < 0.02
    assert np.abs(r_nx(X, Z)[10:400]).max() < 0.05
    assert abs(demap(X, Z)) < 0.05


@pytest.mark.parametrize("measure", [*OF_RANKS, demap])
def test_distances_may_be_given(measure):
    X, Z = table()
    D = squareform(pdist(X))
    before = D.copy()
    assert_allclose(measure(D, Z, metric="precomputed"), measure(X, Z), rtol=1e-12)
    assert (before == D).all()


@pytest.mark.parametrize("measure", [*OF_RANKS, demap])
def test_a_sample_is_near_and_says_how_near(measure):
    """Of 40 samples, the error's root mean square is the standard error's, to 30 %.

    With 40 samples it has a relative deviation of 11 %.
    """
    X, Z = table(400)
    exact, none = measure(X, Z, return_std=True)
    assert np.max(none) == 0
    got = [
        measure(X, Z, n_queries=100, return_std=True, random_state=seed)
        for seed in range(40)
    ]
    values, stds = (np.array([np.ravel(g[i])[0] for g in got]) for i in (0, 1))
    error = np.sqrt(np.square(values - np.ravel(exact)[0]).mean())
    assert_allclose(error, np.sqrt(np.square(stds).mean()), rtol=0.35)


def test_many_rows_are_sampled():
    """Above 10,000 rows, by default."""
    X, Z = table(10_050, 3)
    recall, std = neighbor_recall(X, Z, return_std=True)
    assert 0 < std < 0.02
    again = neighbor_recall(X, Z, n_queries=1000)
    assert recall == again


@pytest.mark.parametrize("measure", [*OF_RANKS, demap])
def test_threads_change_no_bit(measure, monkeypatch):
    import sklatent.manifold.metrics._geodesics as geodesics
    import sklatent.manifold.metrics._ranks as blocks

    X, Z = table(300)
    for module in (blocks, geodesics):
        monkeypatch.setattr(module, "BLOCK_ENTRIES", 10_000)
    results = [measure(X, Z, n_jobs=n_jobs) for n_jobs in (1, 2, 4)]
    assert all(np.array_equal(results[0], result) for result in results)


def trimap_score(X, Z):
    """TriMap's formula, with the normal equations and scikit-learn's PCA."""

    def loss(X, Z):
        X, Z = X - X.mean(axis=0), Z - Z.mean(axis=0)
        A = X.T @ (Z @ np.linalg.inv(Z.T @ Z))
        return np.square(X.T - A @ Z.T).mean()

    least = loss(X, PCA(Z.shape[1]).fit_transform(X))
    return np.exp(-(loss(X, Z) - least) / least)


def test_global_score_is_that_of_trimap():
    X = load_digits().data[:300]
    Z = X[:, [20, 30]] ** 2
    assert_allclose(global_score(X, Z), trimap_score(X, Z), rtol=1e-9)
    assert_allclose(global_score(X + 1e8, Z), trimap_score(X, Z), rtol=1e-5)
    assert_allclose(global_score(X, PCA(3).fit_transform(X)), 1, rtol=1e-9)


def test_global_score_without_an_error_of_pca():
    """Two features and two places: either nothing is lost, or all counts."""
    X, _ = table(50, 2)
    assert global_score(X, X @ [[1.0, 2.0], [0.5, -1.0]]) == 1
    assert global_score(X, np.column_stack([X[:, 0], X[:, 0]])) == 0


def test_demap_is_spearman_of_shortest_paths():
    X, Z = table()
    D = squareform(pdist(X))
    near = np.argsort(D, axis=1)[:, 1:11]
    graph = np.zeros_like(D)
    for i, row in enumerate(near):
        graph[i, row] = graph[row, i] = D[i, row]
    paths = shortest_path(graph, directed=False)
    pairs = ~np.eye(len(X), dtype=bool)
    exact = spearmanr(paths[pairs], squareform(pdist(Z))[pairs]).statistic
    assert_allclose(demap(X, Z), exact, rtol=0, atol=1e-12)


def test_demap_knows_the_sheet_from_the_curve():
    X, length = make_s_curve(600, random_state=0)
    sheet = np.column_stack([length, X[:, 1]])
    assert demap(X, sheet) > 0.99
    assert demap(X, X) < 0.95
    # A graph of all pairs has the distances themselves.
    assert_allclose(demap(X, X, n_neighbors=599), 1, rtol=0, atol=1e-12)


def test_demap_of_separate_clusters():
    """Rows without a path are the farthest, all alike."""
    X = np.concatenate([table(40)[0], table(40, seed=1)[0] + 1e3])
    D = cdist(X, X)
    D[:40, 40:] = D[40:, :40] = 1e3
    pairs = ~np.eye(80, dtype=bool)
    exact = spearmanr(D[pairs], cdist(X, X)[pairs]).statistic
    got = demap(X, X, n_neighbors=39)
    assert_allclose(got, exact, rtol=0, atol=1e-12)


def test_repeated_rows():
    """Equal rows and equal places have ranks by their order: all neighbors are kept."""
    X = np.repeat(table(40)[0], 2, axis=0)
    for measure in (trustworthiness, neighbor_recall, auc_r_nx):
        assert_allclose(measure(X, X), 1, rtol=0, atol=1e-12)
    assert np.isfinite(demap(X, X))


def test_messages():
    X, Z = table(20)
    for measure in (trustworthiness, continuity):
        with pytest.raises(
            ValueError, match=r"n_neighbors must be less than half .*10"
        ):
            measure(X, Z, n_neighbors=10)
    with pytest.raises(ValueError, match="n_neighbors must be less than the number"):
        neighbor_recall(X, Z, n_neighbors=20)
    with pytest.raises(ValueError, match="'n_neighbors' parameter of trustworthiness"):
        trustworthiness(X, Z, n_neighbors=0)
    with pytest.raises(ValueError, match="X must be a square matrix"):
        trustworthiness(X, Z, metric="precomputed")
    with pytest.raises(ValueError, match="X_embedded must have distances that differ"):
        demap(X, np.zeros((20, 2)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        auc_r_nx(X, Z[:-1])
    with pytest.raises(ValueError, match="X_embedded contains NaN"):
        auc_r_nx(X, np.full((20, 2), np.nan))
    with pytest.raises(ValueError, match="minimum of 3"):
        r_nx(X[:2], Z[:2])
