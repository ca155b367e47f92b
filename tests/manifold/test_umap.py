"""UMAP against umap-learn, exact sums, simulated sampling and known labels."""

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer

from sklatent.callback import LossMonitor
from sklatent.exceptions import CoarseMeshWarning, FarRowsWarning, FewRowsWarning
from sklatent.manifold import UMAP
from sklatent.manifold.fuzzy import _forces
from sklatent.manifold.fuzzy._forces import Forces
from sklatent.manifold.fuzzy._similarity import Similarity
from sklatent.manifold.fuzzy._start import spectral_start
from sklatent.manifold.mesh import _mesh
from sklatent.manifold.mesh._all_pairs import AllPairs
from sklatent.utils._fuzzy_graph import fit_similarity, memberships, sure_distances

NOISE = np.random.RandomState(0).standard_normal((40, 3))
ROWS = np.random.RandomState(1).standard_normal((400, 5))


@pytest.fixture(scope="module")
def digits():
    return load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def map_of_digits(digits):
    return UMAP().fit(digits[0])


# --------------------------------------------------------------------------------
# The graph and the similarity


@pytest.mark.parametrize(
    ("params", "total", "neighbors", "values"),
    [
        (
            {"n_neighbors": 8},
            181.48036,
            [1, 2, 5, 10, 12, 18, 23, 27, 32, 33],
            "0.429824 0.220178 0.66905 1 1 0.339216 0.18193 1 0.195875 0.989053",
        ),
        (
            {"n_neighbors": 6, "local_connectivity": 1.5, "set_op_mix_ratio": 0.3},
            83.93069,
            [1, 5, 10, 12, 23, 27, 33],
            "0.141965 0.292382 0.883105 0.899684 0.03063 0.492948 0.297756",
        ),
    ],
)
def test_memberships_are_those_of_umap_learn(params, total, neighbors, values):
    """Its `fuzzy_simplicial_set`, version 0.5.12, whose sums have an error of 1e-5."""
    graph = UMAP(n_epochs=1, **params).fit(NOISE).graph_
    np.testing.assert_allclose(graph.sum(), total, rtol=1e-5)
    row = graph[[7]].toarray()[0]
    np.testing.assert_array_equal(np.flatnonzero(row > 1e-6), neighbors)
    values = [float(value) for value in values.split()]
    np.testing.assert_allclose(row[neighbors], values, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-150, 1.0, 1e150])
def test_memberships_sum_to_the_logarithm_of_their_number(scale):
    D = scale * np.sort(cdist(NOISE, NOISE), axis=1)[:, 1:12]
    rho = sure_distances(D, 1.0)
    np.testing.assert_array_equal(rho, D[:, 0])
    v = memberships(D, rho, 12, 0.0)
    np.testing.assert_allclose(v.sum(axis=1), np.log2(12), rtol=1e-10)


def test_sure_distances_leave_out_zeros_and_what_is_not_there():
    D = np.array([[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 4.0, np.inf], [0.0, 0, 0, 0]])
    np.testing.assert_array_equal(sure_distances(D, 1.0), [1.0, 1.0, 0.0])
    np.testing.assert_array_equal(sure_distances(D, 1.5), [1.5, 1.5, 0.0])
    np.testing.assert_array_equal(sure_distances(D, 0.5), [0.5, 0.5, 0.0])
    np.testing.assert_array_equal(sure_distances(D, 9.0), [2.0, 4.0, 0.0])


@pytest.mark.parametrize(
    ("spread", "min_dist", "a", "b"),
    [
        (1.0, 0.1, 1.5769434602912036, 0.8950608779947933),
        (1.0, 0.5, 0.5830300199950147, 1.334166993228519),
        (2.0, 0.25, 0.41627349683121173, 0.9218551322740443),
    ],
)
def test_similarity_is_that_of_umap_learn(spread, min_dist, a, b):
    """Its `find_ab_params`, version 0.5.12, which has one more 0 or 1 at min_dist."""
    np.testing.assert_allclose(fit_similarity(spread, min_dist), (a, b), rtol=1e-4)


def test_similarity_is_of_least_squares():
    x = np.linspace(0, 6, 300)
    y = np.where(x < 0.6, 1.0, np.exp(-(x - 0.6) / 2))

    def residuals(p):
        return 1 / (1 + p[0] * x ** (2 * p[1])) - y

    expected = least_squares(residuals, [1.0, 1.0], xtol=1e-12, ftol=1e-12).x
    np.testing.assert_allclose(fit_similarity(2.0, 0.6), expected, rtol=1e-5)


# --------------------------------------------------------------------------------
# The loss


def ring(n, reach):
    """Graph in which each row has the same memberships of rows around it."""
    graph = np.zeros((n, n))
    i = np.arange(n)
    for step in range(1, reach + 1):
        graph[i, (i + step) % n] = graph[(i + step) % n, i] = 1 / step
    return csr_array(graph)


def exact_forces(graph, similarity, rate=5.0):
    sums = AllPairs(similarity, similarity.slope)
    return Forces(graph, similarity, sums, rate, dtype=np.float64)


@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
def test_gradient_is_that_of_the_loss(n_components):
    graph = UMAP(n_neighbors=5, n_epochs=1).fit(NOISE).graph_
    similarity = Similarity.on_mesh(0.9, n_components)
    forces = exact_forces(graph, similarity)
    Y = 10 * np.random.RandomState(2).standard_normal((40, n_components))
    gradient = forces.gradient(Y)
    n_edges = graph.sum() / 2
    for i, axis in [(0, 0), (17, n_components - 1)]:
        step = np.zeros_like(Y)
        step[i, axis] = 1e-5
        losses = []
        for places in (Y + step, Y - step):
            forces.gradient(places)
            losses.append(forces.value(places) * n_edges)
        expected = (losses[0] - losses[1]) / 2e-5
        np.testing.assert_allclose(gradient[i, axis], expected, rtol=1e-6, atol=1e-8)


def test_loss_is_the_sum_over_all_pairs():
    graph = UMAP(n_neighbors=5, n_epochs=1).fit(NOISE).graph_
    similarity = Similarity(0.8, 1.0, 0.01)
    forces = exact_forces(graph, similarity, rate=3.0)
    Y = 2 * np.random.RandomState(2).standard_normal((40, 2))
    forces.gradient(Y)
    V, degrees, total = graph.toarray(), graph.sum(axis=1), 0.0
    for i in range(40):
        for j in range(i):
            s = np.sum((Y[i] - Y[j]) ** 2)
            total += V[i, j] * np.log(1 + s**0.8)
            weight = 3.0 / (4 * 40) * (degrees[i] + degrees[j])
            total += weight * np.log(1 + 1 / (s + 0.01) ** 0.8)
    np.testing.assert_allclose(forces.value(Y), total / np.triu(V).sum(), rtol=1e-12)


def test_sampled_moves_are_twice_these_on_average():
    """Five standard errors for 40 numbers: one false alarm in 40,000 seeds.

    On a ring all degrees are equal, so that the mean of two is that of the first.
    """
    n, m, b, c, n_epochs = 20, 5, 0.9, 0.01, 1500
    graph = ring(n, 3)
    similarity = Similarity(b, 1.0, c)
    rng = np.random.RandomState(0)
    Y = rng.standard_normal((n, 2))
    first, second = graph.nonzero()
    v = graph[first, second]
    moves = np.zeros((n_epochs, n, 2))
    for epoch in moves:
        for i, j in np.stack([first, second], 1)[rng.uniform(size=len(v)) < v]:
            d = Y[i] - Y[j]
            s = d @ d
            pull = 2 * b * s ** (b - 1) / (1 + s**b) * d
            epoch[i] -= pull
            epoch[j] += pull
            for k in rng.randint(n, size=m):
                d = Y[i] - Y[k]
                s = d @ d + c
                epoch[i] += 2 * b / (s * (1 + s**b)) * d
    error = moves.std(axis=0) / np.sqrt(n_epochs)
    expected = -2 * exact_forces(graph, similarity, m).gradient(Y)
    assert np.abs((moves.mean(axis=0) - expected) / error).max() < 5


def test_mesh_repels_as_all_pairs_do(map_of_digits):
    Y = map_of_digits._field.places
    similarity = map_of_digits._field.similarity
    exact = AllPairs(similarity, similarity.slope).potential(Y).gradient(Y)
    mesh = similarity.sums(len(Y), 2, 1)
    assert isinstance(mesh, _mesh.Mesh)
    error = mesh.potential(Y).gradient_of_others(Y) - exact
    assert np.linalg.norm(error) < 0.03 * np.linalg.norm(exact)


@pytest.mark.scikit_learn_1_9
def test_loss_falls_and_callbacks_see_it():
    monitor = LossMonitor()
    umap = UMAP(n_epochs=100).set_callbacks(monitor).fit(ROWS)
    losses = [row["loss"] for row in monitor.get_logs().data]
    assert len(losses) == 10
    assert losses[-1] == umap.loss_ < losses[0]


# --------------------------------------------------------------------------------
# Embeddings


def kept(X, Z, k=10):
    """Share of the k nearest rows that are among the k nearest places."""
    nearest = []
    for A in (X, Z):
        D = cdist(A, A)
        np.fill_diagonal(D, np.inf)
        nearest.append(np.argsort(D, axis=1)[:, :k])
    return np.mean([np.isin(a, b).mean() for a, b in zip(*nearest, strict=True)])


def test_digits_keep_their_neighbors_and_their_kind(digits, map_of_digits):
    """umap-learn 0.5.12, of four seeds the best: .496, .9901 and .988."""
    X, y = digits
    Z = map_of_digits.embedding_
    assert kept(X, Z) > 0.52
    assert trustworthiness(X, Z) > 0.9885
    right = KNeighborsClassifier(10).fit(Z[::2], y[::2]).score(Z[1::2], y[1::2])
    assert right > 0.97
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_neighbors_are_kept_whatever_the_start(digits, init):
    X = digits[0][:600]
    umap = UMAP(init=init, random_state=0).fit(X)
    assert abs(kept(X, umap.embedding_) - kept(X, UMAP().fit(X).embedding_)) < 0.02


def test_new_rows_are_placed_among_their_kind(digits):
    """Standard error of the share .006; umap-learn's new digits: .965."""
    X, y = digits
    umap = UMAP().fit(X[::2])
    Z = umap.transform(X[1::2])
    right = KNeighborsClassifier(10).fit(umap.embedding_, y[::2]).score(Z, y[1::2])
    assert right > 0.95


def test_new_rows_do_not_depend_on_others(digits, map_of_digits):
    X = digits[0] + 0.5
    Z = map_of_digits.transform(X[:200])
    alone = np.concatenate([map_of_digits.transform(X[[i]]) for i in range(5)])
    np.testing.assert_allclose(alone, Z[:5], atol=1e-9)


def test_training_rows_keep_their_places(digits, map_of_digits):
    Z = map_of_digits.transform(digits[0][:300])
    np.testing.assert_array_equal(Z, map_of_digits.embedding_[:300])


@pytest.mark.parametrize("n", [200, 400])
def test_new_rows_are_at_a_minimum(n):
    """Of the loss that one adds: its forces vanish, next to each of the two."""
    umap = UMAP().fit(ROWS[:n])
    new = np.random.RandomState(5).standard_normal((20, 5))
    distances = cdist(new, ROWS[:n])
    nearest = np.argsort(distances, axis=1)[:, :14]
    v = umap._memberships(np.take_along_axis(distances, nearest, axis=1))
    Z = umap.transform(new)
    forces = []
    a, b = umap.a_, umap.b_
    soft = umap._field.similarity.softening * a ** (-1 / b)
    degrees = umap.graph_.sum(axis=1)
    for z, i, w in zip(Z, nearest, v, strict=True):
        d = z - umap.embedding_
        s = (d**2).sum(axis=1, keepdims=True)
        pull = 2 * a * b * s ** (b - 1) / (1 + a * s**b) * d
        s = s + soft
        push = 2 * b / (s * (1 + a * s**b)) * d
        weight = 5 / (4 * n) * (w.sum() + degrees)
        forces.append([w @ pull[i], -(weight @ push)])
    forces = np.array(forces)
    rest = np.linalg.norm(forces.sum(axis=1), axis=1)
    assert np.median(rest / np.linalg.norm(forces[:, 0], axis=1)) < 0.05


@pytest.mark.parametrize("n", [150, 400])
def test_bits_are_the_same_for_any_number_of_threads(n):
    X = np.tile(ROWS, (1, 2))[:n]
    one, two = (UMAP(n_epochs=30, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    np.testing.assert_array_equal(one.transform(X + 0.1), two.transform(X + 0.1))


def test_units_and_offsets_do_not_matter():
    X = np.round(64 * ROWS)
    Z = UMAP(n_epochs=20).fit_transform(X)
    for same in (2.0**40 * X, 2.0**-40 * X, X + 2.0**30):
        np.testing.assert_array_equal(UMAP(n_epochs=20).fit_transform(same), Z)
    for scale in (1e-150, 1e150):
        assert np.isfinite(UMAP(n_epochs=20).fit_transform(scale * X)).all()


def test_spread_is_a_unit():
    Z = UMAP(n_epochs=20).fit_transform(ROWS)
    other = UMAP(n_epochs=20, spread=8.0, min_dist=0.8).fit_transform(ROWS)
    np.testing.assert_allclose(other, 8 * Z, rtol=1e-3, atol=1e-3)


def test_min_dist_keeps_places_apart():
    nearest = []
    for min_dist in (0.0, 0.8):
        Z = UMAP(min_dist=min_dist).fit_transform(ROWS)
        D = cdist(Z, Z) + np.diag(np.full(len(Z), np.inf))
        nearest.append(np.median(D.min(axis=1)))
    assert nearest[1] > 2 * nearest[0]


def test_clusters_stay_apart_and_have_their_own_layout():
    X = np.concatenate([ROWS[:200, :2], ROWS[200:, :2] + 1000])
    Z = UMAP().fit_transform(X)
    D = cdist(Z[:200], Z[200:])
    assert D.min() > 0.5
    for part in (slice(200), slice(200, None)):
        assert kept(X[part], Z[part]) > 0.6


def test_start_of_components_does_not_overlap():
    parts = [ring(n, 2).toarray() for n in (30, 20, 6)]
    graph = np.zeros((57, 57))
    at = 0
    for part in parts:
        graph[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    labels = np.repeat([0, 1, 2, 3], [30, 20, 6, 1])
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [3.0, 3.0]])
    Z = spectral_start(csr_array(graph), 2, lambda _: centers)
    D = cdist(Z, Z)
    other = labels[:, None] != labels
    for label in range(4):
        own = labels == label
        inside = D[np.ix_(own, own)].max()
        assert D[own][other[own]].min() > 0.2 * inside


def test_equal_rows_have_one_place():
    X = np.repeat(ROWS[:60], 3, axis=0)
    Z = UMAP(n_epochs=20).fit_transform(X)
    np.testing.assert_array_equal(Z[::3], UMAP(n_epochs=20).fit_transform(ROWS[:60]))
    np.testing.assert_array_equal(Z[::3], Z[1::3])


def test_precomputed_distances_are_those_of_rows():
    Z = UMAP(n_epochs=20).fit_transform(ROWS)
    D = cdist(ROWS, ROWS)
    dense = UMAP(n_epochs=20, metric="precomputed").fit(D)
    np.testing.assert_allclose(dense.embedding_, Z, atol=1e-3)
    transformer = KNeighborsTransformer(n_neighbors=14).fit(ROWS)
    graph = transformer.transform(ROWS)
    sparse = UMAP(n_epochs=20, metric="precomputed").fit(graph)
    np.testing.assert_allclose(sparse.embedding_, Z, atol=1e-3)
    new = np.random.RandomState(3).standard_normal((9, 5))
    places = dense.transform(cdist(new, ROWS))
    assert places.shape == (9, 2)
    near = sparse.transform(transformer.transform(new))
    np.testing.assert_allclose(near, places, atol=0.05)


# --------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_rows_have_places(n):
    with pytest.warns(FewRowsWarning, match=f"n_neighbors={n} is used"):
        umap = UMAP().fit(ROWS[:n])
    Z = umap.embedding_
    assert Z.shape == (n, 2)
    assert np.isfinite(umap.transform(ROWS[: n + 1] + 0.01)).all()
    distances = cdist(Z, Z)[np.triu_indices(n, 1)]
    assert (distances > 0.1).all()


def test_rows_that_are_all_equal_have_the_place_0():
    with pytest.warns(FewRowsWarning, match="1 distinct"):
        umap = UMAP().fit(np.ones((10, 3)))
    np.testing.assert_array_equal(umap.embedding_, np.zeros((10, 2)))
    np.testing.assert_array_equal(umap.transform(ROWS[:2, :3]), np.zeros((2, 2)))


def test_far_rows_are_counted():
    umap = UMAP(n_epochs=20).fit(ROWS)
    far = np.array([[1e3], [1e200], [1e307]]) * np.ones(5)
    with pytest.warns(FarRowsWarning, match="3 of 3 rows are far"):
        Z = umap.transform(far)
    assert np.abs(Z).max() < 2 * np.abs(umap.embedding_).max()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"min_dist": 2.0}, "min_dist must be at most spread=1.0; got 2.0"),
        ({"a": 1.0}, "a and b must both be numbers or both be None; got a=1.0"),
        ({"init": np.zeros((3, 2))}, r"init must have .* \(400, 2\); got \(3, 2\)"),
        ({"init": np.full((400, 2), np.nan)}, "init contains NaN"),
    ],
)
def test_parameters_that_do_not_fit_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        UMAP(**params).fit(ROWS)


def test_principal_components_need_rows():
    with pytest.raises(ValueError, match="init='pca' needs rows"):
        UMAP(metric="precomputed", init="pca").fit(cdist(ROWS, ROWS))


def test_a_coarse_mesh_is_told(monkeypatch):
    monkeypatch.setitem(_mesh.MOST_NODES, 2, 900)
    with pytest.warns(CoarseMeshWarning, match="so wide"):
        umap = UMAP(n_epochs=5).fit(ROWS)
    assert np.isfinite(umap.embedding_).all()


def test_an_interrupt_leaves_the_estimator_as_it_was(monkeypatch):
    umap = UMAP(n_epochs=5).fit(ROWS)
    before = umap.embedding_

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_forces.Forces, "value", interrupt)
    with pytest.raises(KeyboardInterrupt):
        umap.fit(ROWS[:50])
    assert umap.embedding_ is before
    assert umap.n_features_in_ == 5


@pytest.mark.parametrize("params", [{"repulsion_strength": 0}, {"learning_rate": 100}])
def test_extreme_forces_stay_finite(params):
    assert np.isfinite(UMAP(**params).fit_transform(ROWS)).all()


def test_progress_is_printed(capsys):
    UMAP(n_epochs=20, verbose=1).fit(ROWS)
    assert "UMAP: 1 fit in" in capsys.readouterr().out
