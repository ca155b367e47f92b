"""MDS against closed forms, brute force, central differences and scikit-learn."""

import warnings

import numpy as np
import pytest
import sklearn.manifold
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.isotonic import IsotonicRegression

from sklatent.callback import LossMonitor
from sklatent.manifold import MDS
from sklatent.manifold.mds._descent import descend
from sklatent.manifold.mds._stress import MetricStress, OrdinalStress

KINDS = {"metric": MetricStress, "ordinal": OrdinalStress}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_metric_mds = pytest.mark.parametrize("metric_mds", [True, False])


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.fixture
def X(rng):
    return rng.standard_normal((60, 5))


def symmetric(A):
    return A + A.T


def with_missing(D, share, rng):
    """The distances without a share of the pairs."""
    missing = np.triu(rng.uniform(size=D.shape) < share, 1)
    return np.where(missing | missing.T, np.nan, D)


def stress_by_loops(kind, D, Z, w, W):
    """Metric or squared normalized ordinal stress, as they are defined."""
    i, j = np.triu_indices(len(D), 1)
    weight = w[i] * w[j] * W[i, j]
    delta, d = D[i, j], pdist(Z)
    if kind == "metric":
        return weight @ (delta - d) ** 2
    known = (weight > 0) & (delta > 0)
    h = IsotonicRegression().fit(delta[known], d[known], weight[known])
    h = h.predict(delta[known])
    return weight[known] @ (d[known] - h) ** 2 / (weight[known] @ d[known] ** 2)


@each_kind
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weights", ["none", "rows", "pairs", "missing"])
@pytest.mark.parametrize("n", [40, 300])
def test_stress_and_gradient(kind, ties, weights, n, rng):
    """By definition, and by central differences. Tiles have up to 128 x 512 pairs."""
    rows = rng.standard_normal((n, 4))
    D = cdist(rows, rows)
    D = np.ceil(4 * D) if ties else D
    w, W = np.ones(n), np.ones((n, n))
    if weights != "none":
        w = rng.uniform(0.5, 2, n)
    if weights in {"pairs", "missing"}:
        W = symmetric(rng.uniform(0, 1, (n, n)))
    if weights == "missing":
        W[symmetric(np.triu(rng.uniform(size=(n, n)) < 0.3)) > 0] = 0
    np.fill_diagonal(W, 0)
    stress = KINDS[kind](D, w, None if weights in {"none", "rows"} else W, 1)
    Z, E, h = rng.standard_normal((n, 2)), rng.standard_normal((n, 2)), 1e-6
    found = stress(Z)
    expected = stress_by_loops(kind, D, Z, w, W)
    np.testing.assert_allclose(found.stress, expected, rtol=1e-10)
    slope = (stress(Z + h * E).stress - stress(Z - h * E).stress) / (2 * h)
    np.testing.assert_allclose(np.vdot(found.gradient, E), slope, rtol=1e-5)
    if kind == "metric":
        i, j = np.triu_indices(n, 1)
        squares = (w[i] * w[j] * W[i, j]) @ pdist(Z) ** 2
        np.testing.assert_allclose(found.squares, squares, rtol=1e-10)


def test_first_step_is_the_guttman_transform():
    """The example of Borg and Groenen, Modern multidimensional scaling, p. 154."""
    D = np.array([[0, 5, 3, 4], [5, 0, 2, 2], [3, 2, 0, 1], [4, 2, 1, 0]])
    Z = [[-0.266, -0.539], [0.451, 0.252], [0.016, -0.238], [-0.200, 0.524]]
    expected = [[-1.415, -2.471], [1.633, 1.107], [0.249, -0.067], [-0.468, 1.431]]
    found = MDS(metric="precomputed", max_iter=1).fit(D, init=Z).embedding_
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("n", [4, 40])
def test_first_step_with_pair_weights_lowers_the_stress(n, rng):
    """Also of pairs of two groups only, which attract twice as much along one axis."""
    group = np.arange(n) % 2
    W = (group[:, None] != group).astype(float)
    D = np.ones((n, n))
    for size in (1e-3, 0.1, 10):
        Z = group[:, None] * size + 1e-3 * size * rng.standard_normal((n, 1))
        stress = MetricStress(D, np.ones(n), W, 1)
        value = stress(Z).stress
        assert stress(stress.after_step(Z)).stress <= value


def test_ordinal_steps_end_at_a_minimum():
    """At the defaults, the stress is that of many more steps to four digits."""
    for X in (load_digits().data[:250], load_iris().data, load_digits().data[:100]):
        found = MDS(metric_mds=False).fit(X).stress_
        least = MDS(metric_mds=False, eps=1e-12, max_iter=2000).fit(X).stress_
        assert found < least * (1 + 1e-4)


@each_kind
def test_stress_never_increases(kind, X, rng):
    D = cdist(X, X)
    stress = KINDS[kind](D, np.ones(60), None, 1)
    Z = rng.standard_normal((60, 2))
    history = [stress(Z).stress]
    for _, value, converged in descend(stress, Z, 1e-10):
        history.append(value.stress)
        if converged:
            break
    assert len(history) > 10
    assert (np.diff(history) <= 0).all()


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_distances_of_as_many_dimensions_are_reproduced(offset, X):
    """To rounding of the rows, which at 1e8 is 1.5e-8 of the unit."""
    mds = MDS(5).fit(X + offset)
    np.testing.assert_allclose(
        cdist(mds.embedding_, mds.embedding_),
        cdist(X, X),
        atol=1e-7 if offset else 1e-12,
    )
    assert mds.stress_ < 1e-10


def test_random_starts_come_there_too(X):
    mds = MDS(5, init="random", n_init=2, random_state=0, eps=1e-14).fit(X)
    np.testing.assert_allclose(pdist(mds.embedding_), pdist(X), atol=1e-4)


def test_more_starts_after_the_classical_one(X):
    one = MDS().fit(X)
    several = MDS(n_init=5, random_state=0).fit(X)
    random = MDS(n_init=4, init="random", random_state=0).fit(X)
    assert several.stress_ == min(one.stress_, random.stress_)


@pytest.mark.parametrize("init", ["classical_mds", "random"])
@each_metric_mds
@pytest.mark.scikit_learn_1_9  # older ones have other parameters
def test_stress_is_not_above_that_of_scikit_learn(metric_mds, init):
    """At the same start. Ordinal stress is compared in the form that is smaller."""
    X = load_digits().data[:250]
    settings = {"metric_mds": metric_mds, "init": init, "random_state": 0}
    ours = MDS(**settings).fit(X)
    theirs = sklearn.manifold.MDS(**settings).fit(X)
    expected = theirs.stress_
    if not metric_mds:
        stress = OrdinalStress(theirs.dissimilarity_matrix_, np.ones(250), None, 1)
        expected = np.sqrt(stress(theirs.embedding_).stress)
        assert expected < theirs.stress_
    assert ours.stress_ <= expected
    assert ours.n_iter_ < theirs.n_iter_


@each_metric_mds
@pytest.mark.parametrize("normalized_stress", [True, False])
def test_the_stress_is_that_of_the_places(metric_mds, normalized_stress, X):
    mds = MDS(metric_mds=metric_mds, normalized_stress=normalized_stress).fit(X)
    d, delta = pdist(mds.embedding_), pdist(X)
    h = delta
    if not metric_mds:
        h = IsotonicRegression().fit_transform(delta, d)
        np.testing.assert_allclose((h**2).mean(), 1, rtol=1e-10)
    expected = ((d - h) ** 2).sum()
    if normalized_stress:
        expected = np.sqrt(expected / (d**2).sum())
    np.testing.assert_allclose(mds.stress_, expected, rtol=1e-10)


def test_only_the_order_matters_to_ordinal_scaling(X, rng):
    D, init = cdist(X, X), rng.standard_normal((60, 2))
    fits = [
        MDS(metric="precomputed", metric_mds=False).fit(f(D), init=init)
        for f in (np.array, np.square, lambda D: np.log1p(3 * D))
    ]
    for other in fits[1:]:
        np.testing.assert_allclose(other.embedding_, fits[0].embedding_, atol=1e-9)
    new = cdist(rng.standard_normal((5, 5)), X)
    order = np.argsort(np.argsort(D[np.triu_indices(60, 1)]))
    assert order.max() == 60 * 59 / 2 - 1  # no ties
    assert np.isfinite(fits[0].transform(new)).all()


@each_metric_mds
def test_unit_weights_are_none(metric_mds, X):
    mds = MDS(metric_mds=metric_mds)
    expected = mds.fit(X).embedding_
    ones = np.ones((60, 60))
    for weights in ({"sample_weight": ones[0]}, {"pair_weight": ones}):
        found = mds.fit(X, **weights).embedding_
        np.testing.assert_allclose(found, expected, atol=1e-7)


@each_metric_mds
@pytest.mark.parametrize("pairs", [False, True])
def test_a_weight_counts_as_that_many_rows(metric_mds, pairs, X, rng):
    """And a pair of repeated rows as that many pairs."""
    weight = rng.randint(0, 4, 60)
    W = symmetric(rng.uniform(1, 2, (60, 60))) if pairs else None
    again = np.repeat(np.arange(60), weight)
    mds = MDS(metric_mds=metric_mds, normalized_stress=False)
    mds.fit(X, sample_weight=weight, pair_weight=W)
    Z, stress = mds.embedding_, mds.stress_
    mds.fit(X[again], pair_weight=None if W is None else W[np.ix_(again, again)])
    np.testing.assert_allclose(mds.embedding_, Z[again], atol=1e-7)
    np.testing.assert_allclose(mds.stress_, stress, rtol=1e-7)
    np.testing.assert_allclose(mds.transform(X), Z, atol=1e-7)


def test_a_pair_of_weight_0_is_missing(X, rng):
    D = with_missing(cdist(X, X), 0.2, rng)
    W = (~np.isnan(D)).astype(float)
    start = rng.standard_normal((60, 2))
    mds = MDS(metric="precomputed")
    expected = mds.fit(D, init=start).embedding_
    found = mds.fit(np.nan_to_num(D, nan=7.0), init=start, pair_weight=W).embedding_
    np.testing.assert_allclose(found, expected, atol=1e-9)


@each_metric_mds
@pytest.mark.parametrize("seed", range(3))
def test_points_of_the_plane_are_recovered_without_a_third_of_distances(
    metric_mds, seed
):
    rng = np.random.RandomState(seed)
    P, new = rng.standard_normal((120, 2)), rng.standard_normal((10, 2))
    D = with_missing(cdist(P, P), 1 / 3, rng)
    assert 0.3 < np.isnan(D).mean() < 0.36
    mds = MDS(metric="precomputed", metric_mds=metric_mds, eps=1e-15)
    Z = mds.fit_transform(D)
    # Rigid for distances; of their order up to gaps between 4760 distances.
    assert procrustes(P, Z)[2] < (1e-10 if metric_mds else 1e-4)
    np.testing.assert_array_equal(mds.transform(D), Z)
    if metric_mds:
        np.testing.assert_allclose(pdist(Z), pdist(P), atol=1e-4)
        Z_new = mds.transform(cdist(new, P))
        np.testing.assert_allclose(cdist(Z_new, Z), cdist(new, P), atol=1e-3)


def test_one_direction_is_enough(X):
    D = cdist(X, X)
    upper = np.where(np.tri(60, k=-1) > 0, np.nan, D)
    mds = MDS(metric="precomputed")
    expected = mds.fit(D).embedding_
    np.testing.assert_allclose(mds.fit(upper).embedding_, expected, atol=1e-12)


@each_metric_mds
def test_landmarks(metric_mds):
    """An eighth of the rows is enough for nearly the stress of all."""
    X = np.random.RandomState(1).standard_normal((800, 4)) * [4, 3, 1, 1]
    full = MDS(metric_mds=metric_mds, normalized_stress=True).fit(X)
    few = MDS(metric_mds=metric_mds, n_landmarks=100, eps=1e-8).fit(X)
    assert full.landmarks_ is None
    assert few.landmarks_.shape == (100,)
    assert few.dissimilarity_matrix_.shape == (100, 100)
    stress = KINDS["metric" if metric_mds else "ordinal"](
        cdist(X, X), np.ones(800), None, 1
    )
    value = stress(few.embedding_)
    share = value.stress / value.squares if metric_mds else value.stress
    assert np.sqrt(share) < 1.15 * full.stress_


@each_metric_mds
def test_the_same_bits_for_any_number_of_threads(metric_mds):
    X = np.random.RandomState(0).standard_normal((300, 4))
    fits = [MDS(metric_mds=metric_mds, n_jobs=n).fit(X) for n in (1, 2, 3)]
    for other in fits[1:]:
        np.testing.assert_array_equal(other.embedding_, fits[0].embedding_)
        np.testing.assert_array_equal(
            other.transform(X + 0.1), fits[0].transform(X + 0.1)
        )


@each_metric_mds
@pytest.mark.parametrize("exponent", [-150, 150])
def test_scales(metric_mds, exponent, X):
    expected = MDS(metric_mds=metric_mds).fit(X).embedding_
    unit = 2.0 ** round(exponent * np.log2(10))
    for mds, A in (
        (MDS(metric_mds=metric_mds), X * unit),
        (MDS(metric_mds=metric_mds, metric="precomputed"), cdist(X, X) * unit),
    ):
        Z = mds.fit(A).embedding_
        Z = Z / unit if metric_mds else Z
        # Other starts: components of rows, and of distances.
        np.testing.assert_allclose(pdist(Z), pdist(expected), rtol=0.1, atol=0.1)
        assert np.isfinite(mds.stress_)
        assert np.isfinite(mds.transform(A)).all()


@each_metric_mds
@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, 3)),
        np.array([[0.0, 1.0], [2.0, 3.0]]),
        np.arange(3.0)[:, None],
        np.repeat(np.eye(3), 3, axis=0),
    ],
    ids=["equal", "two", "one column", "repeated"],
)
def test_few_rows(X, metric_mds):
    mds = MDS(metric_mds=metric_mds).fit(X)
    assert mds.embedding_.shape == (len(X), 2)
    np.testing.assert_allclose(mds.stress_, 0, atol=1e-7)
    if metric_mds:
        np.testing.assert_allclose(pdist(mds.embedding_), pdist(X), atol=1e-7)
    np.testing.assert_array_equal(mds.transform(X), mds.embedding_)


def test_one_row_has_no_distances():
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        MDS().fit(np.ones((1, 3)))


def test_places_that_coincide_move_apart():
    """Corners of a simplex: the classical start puts nearly all of them together."""
    mds = MDS(metric="precomputed", random_state=0).fit(1.0 - np.eye(6))
    assert pdist(mds.embedding_).min() > 0.3
    # The least stress of six points of the plane, from 30 random starts.
    best = min(
        MDS(metric="precomputed", init="random", random_state=i)
        .fit(1.0 - np.eye(6))
        .stress_
        for i in range(30)
    )
    assert mds.stress_ < 1.2 * best


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda D: D[:, :5], "square"),
        (lambda D: D + np.eye(8), "diagonal of zeros"),
        (lambda D: -D, "none is negative"),
        (lambda D: np.triu(D), "must be symmetric"),
        (lambda D: np.where(np.eye(8) > 0, D, np.nan), "link all rows"),
    ],
)
def test_what_are_no_dissimilarities(spoil, message, X):
    D = cdist(X[:8], X[:8])
    with pytest.raises(ValueError, match=message):
        MDS(metric="precomputed").fit(spoil(D))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((60, 59)), "shape"),
        (-np.ones((60, 60)), "none negative"),
        (np.full((60, 60), np.nan), "finite"),
        (np.triu(np.ones((60, 60))), "symmetric"),
        (np.zeros((60, 60)), "link all rows"),
    ],
)
def test_what_are_no_weights_of_pairs(weights, message, X):
    with pytest.raises(ValueError, match=message):
        MDS().fit(X, pair_weight=weights)
    with pytest.raises(ValueError, match="n_landmarks must be None"):
        MDS(n_landmarks=9).fit(X, pair_weight=np.ones((60, 60)))


def test_start_of_another_shape(X):
    with pytest.raises(ValueError, match="init must have a row for each row"):
        MDS().fit(X, init=np.zeros((60, 3)))


def test_parameters_of_former_versions(X):
    D = cdist(X, X)
    expected = MDS(metric="precomputed").fit(D).embedding_
    with pytest.warns(FutureWarning, match="Use metric='precomputed'"):
        found = MDS(dissimilarity="precomputed").fit(D)
    np.testing.assert_array_equal(found.embedding_, expected)
    np.testing.assert_array_equal(found.transform(D), expected)
    with pytest.warns(FutureWarning, match="metric_mds=False"):
        found = MDS(metric=False).fit(X)
    expected = MDS(metric_mds=False).fit(X)
    np.testing.assert_array_equal(found.embedding_, expected.embedding_)
    assert found.score(X) == expected.score(X)


def test_a_failed_fit_leaves_what_was_there(X, monkeypatch):
    mds = MDS().fit(X)
    before = mds.embedding_.copy()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklatent.manifold._mds.descend", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mds.fit(X[:20])
    np.testing.assert_array_equal(mds.embedding_, before)
    assert mds.transform(X[:2]).shape == (2, 2)


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_the_stress(X):
    monitor = LossMonitor()
    mds = MDS(init="random", random_state=0).set_callbacks(monitor).fit(X)
    losses = [row["loss"] for row in monitor.get_logs().data]
    assert len(losses) == mds.n_iter_
    np.testing.assert_allclose(losses[-1], mds.stress_)
    assert (np.diff(losses) <= 0).all()


def test_verbose_prints(X, capsys):
    MDS(verbose=1).fit(X)
    assert "MDS: 1 fit in" in capsys.readouterr().out


def test_start_is_classical_scaling(X):
    """Principal components, whose stress one step reduces."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mds = MDS(max_iter=1).fit(X)
    Z = PCA(2).fit_transform(X)
    D = cdist(X, X)
    d = cdist(Z, Z) + np.eye(60)
    ratio = D / d * (1 - np.eye(60))
    guttman = (np.diag(ratio.sum(axis=1)) - ratio) @ Z / 60
    np.testing.assert_allclose(np.abs(mds.embedding_), np.abs(guttman), atol=1e-9)


def test_iris_with_both_metrics():
    """Rows that are repeated have one place."""
    X = load_iris().data
    mds = MDS(metric="manhattan").fit(X)
    np.testing.assert_array_equal(mds.embedding_[101], mds.embedding_[142])
    assert mds.dissimilarity_matrix_.shape == (150, 150)
