"""t-SNE, against formulas over all pairs, and on rows of known groups."""

import pickle

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
from sklearn.preprocessing import scale

from sklatent.callback import LossMonitor
from sklatent.dimension import TwoNN
from sklatent.exceptions import (
    CoarseMeshWarning,
    FarRowsWarning,
    FewRowsWarning,
    RankDeficientWarning,
)
from sklatent.manifold import TSNE, UMAP
from sklatent.manifold.mesh._descent import FARTHEST_MOVE, Descent
from sklatent.manifold.metrics import neighbor_recall, trustworthiness
from sklatent.manifold.tsne._affinities import conditionals
from sklatent.manifold.tsne._divergence import Divergence, Kernel

SHORT = {"max_iter": 60, "early_exaggeration_iter": 20}


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((120, 5)) * [4, 3, 2, 1, 1]


def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def brute_choices(X, perplexity):
    """Conditional probabilities by the formula of the paper, with a root finder."""
    square = cdist(X, X, "sqeuclidean")
    P = np.zeros_like(square)
    for i, d in enumerate(square):
        others = np.arange(len(X)) != i

        def p(b, d=d, others=others):
            weights = np.exp(-b * (d[others] - d[others].min()))
            return weights / weights.sum()

        b = brentq(lambda b, p=p: entropy(p(b)) - np.log(perplexity), 1e-9, 1e9)
        P[i, others] = p(b)
    return P


def brute_joint(X, perplexity):
    """Joint probabilities by the formulas of the paper."""
    P = brute_choices(X, perplexity)
    return (P + P.T) / (2 * len(X))


def brute_divergence(P, Y, nu=1.0):
    Q = (1 + cdist(Y, Y, "sqeuclidean") / nu) ** (-(nu + 1) / 2)
    np.fill_diagonal(Q, 0)
    Q /= Q.sum()
    there = P > 0
    return (P[there] * np.log(P[there] / Q[there])).sum()


def test_conditionals_have_their_perplexity():
    rng = np.random.RandomState(0)
    scales = 10.0 ** rng.uniform(-8, 8, (300, 1))
    distances = np.sort(scales * rng.gamma(3, size=(300, 90)), axis=1)
    for perplexity in (1.5, 5, 30, 85):
        p = conditionals(distances, [perplexity])
        np.testing.assert_allclose(p.sum(axis=1), 1)
        found = [np.exp(entropy(row)) for row in p]
        np.testing.assert_allclose(found, perplexity, rtol=1e-5)


def test_several_perplexities_are_averaged():
    distances = np.sort(np.random.RandomState(0).gamma(3, size=(50, 90)), axis=1)
    both = conditionals(distances, [5, 30])
    each = [conditionals(distances, [u]) for u in (5, 30)]
    np.testing.assert_allclose(both, np.mean(each, axis=0))


def test_tied_neighbors_share_the_probability():
    distances = np.array([[1.0, 1.0, 1.0, 2.0, 3.0]])
    np.testing.assert_allclose(
        conditionals(distances, [2]), [[1 / 3, 1 / 3, 1 / 3, 0, 0]], atol=1e-6
    )


@pytest.mark.parametrize("n_components", [1, 2, 4])
@pytest.mark.parametrize("nu", [0.5, 1.0, 3.0])
def test_the_gradient_is_that_of_the_divergence(X, n_components, nu):
    P = brute_joint(X, 10)
    kernel = Kernel(nu)
    Y = np.random.RandomState(1).standard_normal((len(X), n_components)) * 3
    sums = kernel.sums(len(X), n_components, exact=True)
    with Divergence(csr_array(np.triu(P)), kernel, sums, 1, np.float64) as divergence:
        gradient = divergence.gradient(Y)
        value = divergence.value(Y)
    np.testing.assert_allclose(value, brute_divergence(P, Y, nu), rtol=1e-10)
    direction = np.random.RandomState(2).standard_normal(Y.shape)
    h = 1e-4
    difference = (
        brute_divergence(P, Y + h * direction, nu)
        - brute_divergence(P, Y - h * direction, nu)
    ) / (2 * h)
    np.testing.assert_allclose((gradient * direction).sum(), difference, rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "exact"},
        {},
        {"degrees_of_freedom": 0.7},
        {"n_components": 3},
        {"n_components": 1},
        {"n_components": 4},
    ],
    ids=str,
)
def test_the_divergence_of_a_fit(settings):
    X = make_blobs(550, 6, centers=5, random_state=0)[0]
    # All rows are neighbors at three times the perplexity, as in the formula.
    tsne = TSNE(perplexity=183, **SHORT, **settings).fit(X)
    q = tsne.n_components_
    nu = settings.get("degrees_of_freedom", max(q - 1, 1))
    P = brute_joint(X, 183)
    expected = brute_divergence(P, tsne.embedding_, nu)
    # The logarithm of the normalizer, which a mesh gives to 1e-3.
    atol = 1e-3 if q < 4 and "method" not in settings else 1e-6
    np.testing.assert_allclose(tsne.kl_divergence_, expected, atol=atol)


@pytest.mark.parametrize("nu", [0.01, 0.1, 0.5])
def test_repulsion_with_few_degrees_of_freedom(nu):
    """The mesh is as fine as the kernel is narrow."""
    kernel = Kernel(nu)
    Y = np.random.RandomState(0).uniform(0, 20, (1000, 2)).astype(np.float32)
    on_mesh, exact = (
        kernel.sums(*Y.shape, exact).potential(Y).gradient_of_others(Y)
        for exact in (False, True)
    )
    assert np.linalg.norm(on_mesh - exact) < 0.01 * np.linalg.norm(exact)


def test_the_potential_of_a_map_is_not_pickled(digits):
    X = digits[0][:600]
    tsne = TSNE(**SHORT).fit(X)
    size = len(pickle.dumps(tsne))
    Z = tsne.transform(X[:5] + 0.1)
    assert tsne._field.potentials is tsne._field.potentials
    assert len(pickle.dumps(tsne)) == size
    loaded = pickle.loads(pickle.dumps(tsne))
    np.testing.assert_array_equal(loaded.transform(X[:5] + 0.1), Z)


def test_a_map_that_collapses_is_spread_out_again(digits):
    """Nearly all rows choose each other, and exaggerated attractions pull them in."""
    X = digits[0][:600]
    tsne = TSNE(perplexity=100).fit(X)
    assert tsne.kl_divergence_ < 0.45
    assert trustworthiness(X, tsne.embedding_, n_neighbors=5) > 0.98


def test_groups_far_apart_are_apart():
    X, y = make_blobs(600, 10, centers=3, cluster_std=0.5, random_state=0)
    Z = TSNE().fit_transform(X)
    assert KNeighborsClassifier(5).fit(Z, y).score(Z, y) == 1
    centers = np.array([Z[y == k].mean(axis=0) for k in range(3)])
    within = max(np.linalg.norm(Z[y == k] - centers[k], axis=1).max() for k in range(3))
    assert cdist(centers, centers)[np.triu_indices(3, 1)].min() > 1.5 * within


def test_digits(digits):
    """As good as the figures that other packages reach."""
    X, _ = digits
    tsne = TSNE().fit(X)
    Z = tsne.embedding_
    assert trustworthiness(X, Z, n_neighbors=5) > 0.994
    assert neighbor_recall(X, Z, n_neighbors=10) > 0.575
    assert tsne.kl_divergence_ < 0.78


def test_new_rows_come_to_their_class(digits):
    X, y = digits
    tsne = TSNE(max_iter=500).fit(X[:1200])
    Z = tsne.transform(X[1200:])
    classifier = KNeighborsClassifier(10).fit(tsne.embedding_, y[:1200])
    assert classifier.score(Z, y[1200:]) > 0.93
    for rows in (slice(1), slice(3, 10), slice(100, 400)):
        part = tsne.transform(X[1200:][rows])
        np.testing.assert_allclose(part, Z[rows], atol=1e-7)


def test_a_new_row_near_a_training_row_comes_near_it(digits):
    X, _ = digits
    tsne = TSNE(max_iter=500).fit(X)
    Z = tsne.transform(X[:200] + 1e-3)
    moved = np.linalg.norm(Z - tsne.embedding_[:200], axis=1)
    assert np.median(moved) < 0.02 * np.ptp(tsne.embedding_)


@pytest.mark.parametrize("init", ["pca", "spectral"])
def test_any_number_of_threads(digits, init):
    X, _ = digits
    one, two, five = (
        TSNE(n_jobs=n, init=init, max_iter=120, early_exaggeration_iter=60)
        .fit(X)
        .embedding_
        for n in (1, 2, 5)
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, five)


def test_rows_that_are_equally_far_from_each_other():
    """PCA, from which the search starts, has no leading axes there.

    Of rows at equal distances, 30 neighbors each are chosen. Rows of equal neighbors
    attract each other so that they share a place wherever the descent starts.
    """
    tsne = TSNE(perplexity=10).fit(np.eye(40))
    assert np.isfinite(tsne.embedding_).all()
    assert tsne.embedding_.std() > 0.1
    for seed in range(3):
        other = TSNE(perplexity=10, init="random", random_state=seed).fit(np.eye(40))
        np.testing.assert_allclose(tsne.kl_divergence_, other.kl_divergence_, rtol=0.01)


def test_equal_rows_have_one_place(X):
    tsne = TSNE(perplexity=10, **SHORT).fit(np.vstack([X, X[:7]]))
    np.testing.assert_array_equal(tsne.embedding_[:7], tsne.embedding_[len(X) :])
    alone = TSNE(perplexity=10, **SHORT).fit(X)
    np.testing.assert_array_equal(tsne.embedding_[: len(X)], alone.embedding_)


def test_all_rows_equal():
    with (
        pytest.warns(RankDeficientWarning, match="All rows are equal"),
        pytest.warns(FewRowsWarning),
    ):
        Z = TSNE().fit_transform(np.ones((9, 2)))
    np.testing.assert_array_equal(Z, 0)


def test_a_perplexity_too_large_is_lowered():
    X = np.random.RandomState(0).standard_normal((25, 3))
    with pytest.warns(
        FewRowsWarning, match="perplexity=30.0 must be at most 12.5, half"
    ):
        tsne = TSNE(**SHORT).fit(X)
    assert tsne.perplexity_ == 8
    expected = TSNE(perplexity=8, **SHORT).fit(X).embedding_
    np.testing.assert_array_equal(tsne.embedding_, expected)


def test_few_rows_have_a_perplexity_that_leaves_some_apart():
    """Where nearly all rows are neighbors, a map shows little."""
    X = load_iris().data[::4][:36]
    with pytest.warns(FewRowsWarning):
        Z = TSNE().fit_transform(X)
    assert trustworthiness(X, Z, n_neighbors=5) > 0.98


@pytest.mark.parametrize(
    "perplexity",
    [
        0.5,
        [0.5, 10],
        [],
        [30, np.nan],
        [5, np.inf],
        ["a"],
        [True],
        [[5, 30], [2, 3]],
        [[5, 30], [2]],
    ],
    ids=str,
)
def test_perplexities_that_cannot_be(X, perplexity):
    with pytest.raises(ValueError, match="perplexity must be at least 1"):
        TSNE(perplexity=perplexity).fit(X)


def joint_of(X, metric="euclidean", **settings):
    """Joint probabilities that t-SNE takes."""
    P, _ = TSNE(metric=metric, **settings)._joint(X)
    return (P + P.T).toarray()


def test_distances_in_place_of_rows(X):
    expected = brute_joint(X, 40)
    D = cdist(X, X)
    graph = KNeighborsTransformer(n_neighbors=119).fit_transform(X)
    for given, metric in ((X, "euclidean"), (D, "precomputed"), (graph, "precomputed")):
        P = joint_of(given, metric, perplexity=40)
        # In single precision, with the perplexity to 1e-6.
        np.testing.assert_allclose(P, expected, rtol=1e-4, atol=1e-9)


def test_new_distances_in_place_of_rows(X):
    start = 5 * X[:, :2]
    settings = {"perplexity": 10, "init": start, "max_iter": 1, "learning_rate": 1e-9}
    by_rows = TSNE(**settings).fit(X)
    by_distances = TSNE(metric="precomputed", **settings).fit(cdist(X, X))
    new = X[:10] + 0.1
    np.testing.assert_allclose(
        by_distances.transform(cdist(new, X)), by_rows.transform(new), atol=1e-4
    )


def sparse_distances(D, counts):
    """The so many shortest distances of each row of a matrix, as a sparse graph."""
    order = np.where(D > 0, D, np.inf).argsort(axis=1)
    rows = [np.sort(o[:c]) for o, c in zip(order, counts, strict=True)]
    lengths = [d[r] for d, r in zip(D, rows, strict=True)]
    starts = np.append(0, np.cumsum(counts))
    parts = (np.concatenate(lengths), np.concatenate(rows), starts)
    return csr_array(parts, shape=D.shape)


def test_a_graph_whose_rows_have_unequal_numbers_of_neighbors(X):
    """Each row chooses among its own, and a row of too few all with the same."""
    counts = np.full(len(X), 119)
    counts[[5, 9]] = 1, 4
    graph = sparse_distances(cdist(X, X), counts)
    with pytest.warns(FewRowsWarning, match="as few as 1 for some"):
        P = joint_of(graph, "precomputed", perplexity=40)
    C = brute_choices(X, 40)
    for i in (5, 9):
        C[i] = 0
        C[i, cdist(X, X)[i].argsort()[1 : counts[i] + 1]] = 1 / counts[i]
    np.testing.assert_allclose(P, (C + C.T) / (2 * len(X)), rtol=1e-4, atol=1e-9)


def test_a_graph_with_a_row_of_no_neighbor(X):
    counts = np.full(len(X), 40)
    counts[7] = 0
    graph = sparse_distances(cdist(X, X), counts)
    with pytest.raises(ValueError, match=r"sparse graph; got none in row 7\."):
        TSNE(perplexity=10, metric="precomputed").fit(graph)


def test_a_new_row_of_a_graph_does_not_depend_on_others(X):
    graph = sparse_distances(cdist(X, X), np.full(len(X), 40))
    tsne = TSNE(perplexity=10, metric="precomputed", **SHORT).fit(graph)
    new = sparse_distances(cdist(X[:3] + 0.1, X), [40, 2, 9])
    Z = tsne.transform(new)
    for i in range(3):
        np.testing.assert_array_equal(tsne.transform(new[[i]]), Z[[i]])


def test_a_new_row_of_affinities_does_not_depend_on_others(X):
    P = brute_joint(X, 10)
    tsne = TSNE(affinity="precomputed", **SHORT).fit(P)
    new = P[:4].copy()
    new[1, 3:] = 0
    new[2, np.argsort(new[2])[:-30]] = 0
    Z = tsne.transform(new)
    for i in range(4):
        np.testing.assert_array_equal(tsne.transform(new[[i]]), Z[[i]])


# 2026-11: the perplexity is lowered, as there are so few rows.
@pytest.mark.parametrize("n_components", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 3, 4, 7, 12])
@pytest.mark.filterwarnings("ignore::sklatent.exceptions.FewRowsWarning")
def test_few_rows(n, n_components):
    """Few rows, each of which has much of the gradient, are not thrown apart."""
    for seed in range(3):
        X = np.random.RandomState(seed).standard_normal((n, 4))
        tsne = TSNE(n_components, init="random", random_state=seed, max_iter=400)
        Z = tsne.fit_transform(X)
        assert 0.1 < np.ptp(Z) < 200
        # On a line, rows that start in the wrong order cannot pass each other.
        assert -1e-5 < tsne.kl_divergence_ < (0.7 if n_components > 1 else 3)


@pytest.mark.parametrize("n", [40, 300])
def test_rows_that_are_all_as_far_from_each_other(n):
    tsne = TSNE(perplexity=5, init="random", random_state=0, max_iter=500)
    Z = tsne.fit_transform(np.eye(n))
    assert np.isfinite(Z).all()
    assert Z.std(axis=0).min() > 1e-4


def test_distances_start_as_rows_do():
    X = load_iris().data[::2]
    by_rows = TSNE(perplexity=10, max_iter=1).fit(X)
    by_distances = TSNE(perplexity=10, max_iter=1, metric="precomputed")
    Z = by_distances.fit_transform(cdist(X, X))
    signs = np.sign((Z * by_rows.embedding_).sum(axis=0))
    np.testing.assert_allclose(Z * signs, by_rows.embedding_, rtol=1e-2, atol=1e-7)


def test_affinities_in_place_of_rows(X):
    start = 1e-4 * np.random.RandomState(0).standard_normal((len(X), 2))
    # Few iterations, as rounding grows along with differences of the rows.
    settings = {"perplexity": 40, "init": start, "max_iter": 15}
    expected = TSNE(**settings).fit(X).embedding_
    P = brute_joint(X, 40)
    for given in (P, csr_array(7 * P)):
        tsne = TSNE(affinity="precomputed", **settings).fit(given)
        difference = np.linalg.norm(tsne.embedding_ - expected)
        assert difference < 0.02 * np.linalg.norm(expected)
    assert tsne.perplexity_ is None
    assert tsne.transform(P[:5]).shape == (5, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (np.triu, "must be symmetric with affinity='precomputed'"),
        (np.negative, "Negative values in data"),
        (np.zeros_like, "must hold an affinity between at least two rows"),
        (lambda P: P[:, :7], "must be a square matrix of affinities"),
    ],
)
def test_affinities_that_cannot_be(X, change, message):
    with pytest.raises(ValueError, match=message):
        TSNE(affinity="precomputed").fit(change(brute_joint(X, 10)))


@pytest.mark.parametrize("method", ["mesh", "exact"])
def test_uniform_affinities(X, method):
    """The nearest rows all attract a row as strongly."""
    tsne = TSNE(perplexity=7, affinity="uniform", method=method, **SHORT).fit(X)
    nearest = cdist(X, X).argsort(axis=1)[:, 1:8]
    C = np.zeros((len(X), len(X)))
    np.put_along_axis(C, nearest, 1 / 7, axis=1)
    P = (C + C.T) / (2 * len(X))
    expected = brute_divergence(P, tsne.embedding_)
    np.testing.assert_allclose(tsne.kl_divergence_, expected, rtol=1e-4)


def test_a_start_is_used_as_it_is(X):
    start = np.random.RandomState(0).standard_normal((len(X), 2))
    Z = TSNE(init=start, max_iter=1, learning_rate=1e-9).fit_transform(X)
    np.testing.assert_allclose(Z, start, rtol=1e-6)
    with pytest.raises(ValueError, match=r"init must have .* \(120, 2\); got \(7, 2\)"):
        TSNE(init=start[:7]).fit(X)
    with pytest.raises(ValueError, match="init contains NaN"):
        TSNE(init=np.full_like(start, np.nan)).fit(X)


def test_rows_on_a_line_leave_it():
    """Where the start has no second component, noise in its place gives forces one."""
    x = np.random.RandomState(0).standard_normal((300, 1))
    Z = TSNE(max_iter=500).fit_transform(x)
    assert np.ptp(Z, axis=0).min() > 1


def test_a_random_start_follows_its_seed(X):
    Z = [
        TSNE(init="random", random_state=seed, **SHORT).fit_transform(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(Z[0], Z[1])
    assert np.abs(Z[0] - Z[2]).max() > 0.1


def test_moves_that_are_no_numbers(X):
    with pytest.raises(RuntimeError, match=r"Lower learning_rate, now 1e\+300"):
        TSNE(perplexity=10, learning_rate=1e300).fit(X)


def test_moves_have_a_bound(X):
    Z = TSNE(perplexity=10, learning_rate=1e30, max_iter=7).fit_transform(X)
    assert np.abs(Z).max() <= 7 * FARTHEST_MOVE + 1


@pytest.mark.parametrize(("idle", "n_iter"), [(-1, 150), (0, 150), (60, 200)])
def test_iterations_without_progress(idle, n_iter):
    """After 100 iterations, checked every 50, as scikit-learn counts."""

    class Flat:
        """A divergence that does not fall after the second check."""

        values = iter([3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])

        def gradient(self, Y, exaggeration):
            return np.ones_like(Y)

        def value(self, Y):
            return next(self.values)

    class Report:
        def begin(self):
            pass

        def end(self, value):
            return False

    tsne = TSNE(
        n_iter_without_progress=idle, early_exaggeration_iter=0, learning_rate=1.0
    )
    tsne._iterate(Descent(np.zeros((4, 2))), Flat(), Report())
    assert tsne.n_iter_ == n_iter


def test_a_wide_map_warns():
    X = make_blobs(600, 3, random_state=0)[0]
    start = 1e5 * np.random.RandomState(0).standard_normal((600, 2))
    with pytest.warns(CoarseMeshWarning, match="Outliers or chains"):
        TSNE(init=start, max_iter=1).fit(X)


def test_far_rows(X):
    tsne = TSNE(perplexity=10, **SHORT).fit(X)
    with pytest.warns(FarRowsWarning, match="1 of 2 rows is far"):
        Z = tsne.transform(np.vstack([X[:1] + 0.01, 1e8 * X[:1]]))
    assert np.isfinite(Z).all()
    assert np.abs(Z).max() <= 2 * np.abs(tsne.embedding_).max()


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_the_divergence(X):
    monitor = LossMonitor()
    tsne = TSNE(perplexity=10, max_iter=300).set_callbacks(monitor)
    tsne.fit(X)
    losses = [row["loss"] for row in monitor.get_logs().data]
    assert len(losses) == 6
    np.testing.assert_allclose(losses[-1], tsne.kl_divergence_, rtol=0.01)


class Seen:
    """A callback that keeps the places after each block of iterations."""

    def __init__(self):
        self.places = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if hasattr(context, "loss"):
            self.places.append(fitted_estimator.embedding_)


@pytest.mark.scikit_learn_1_9
@pytest.mark.parametrize(
    "estimator", [TSNE(perplexity=10, max_iter=100), UMAP(n_epochs=20)], ids=str
)
def test_callbacks_see_the_places_of_all_rows(X, estimator):
    """Equal rows, which are one in the descent, too."""
    seen = Seen()
    again = np.vstack([X, X[:7]])
    clone(estimator).set_callbacks(seen).fit(again)
    seen = seen.places
    assert len(seen) == 2
    for Z in seen:
        assert Z.shape == (len(again), 2)
        np.testing.assert_array_equal(Z[:7], Z[len(X) :])
    assert not np.array_equal(seen[0], seen[-1])


class Interrupt:
    """A metric that is interrupted."""

    def __call__(self, a, b):
        raise KeyboardInterrupt


def test_an_interrupted_fit_leaves_the_estimator_as_it_was(X):
    tsne = TSNE(perplexity=10, **SHORT).fit(X)
    before = tsne.embedding_
    with pytest.raises(KeyboardInterrupt):
        tsne.set_params(metric=Interrupt()).fit(X[:50])
    assert tsne.embedding_ is before


def test_dimension_estimator(X):
    tsne = TSNE(TwoNN(), perplexity=10, max_iter=10).fit(X)
    assert tsne.embedding_.shape == (len(X), round(TwoNN().fit(X).dimension_))


def test_scales_and_offsets(digits):
    X = digits[0][:300]
    settings = {"init": 1e-4 * scale(X)[:, [2, 3]], **SHORT}
    Z = TSNE(**settings).fit_transform(X)
    for changed in (X * 2.0**400, X * 2.0**-400, X + 2.0**20):
        np.testing.assert_array_equal(TSNE(**settings).fit_transform(changed), Z)
