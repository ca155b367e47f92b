"""KernelDensity with scikit-learn's metrics: what scikit-learn, loops and norms say."""

import itertools
import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import kstest
from sklearn.base import clone
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors import KernelDensity as SklearnKernelDensity

from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.kernel._radial import KERNELS

SKLEARN_KERNELS = ["gaussian", "tophat", "epanechnikov", "exponential", "linear"]
METRICS = {
    "manhattan": None,
    "chebyshev": None,
    "haversine": None,
    "minkowski": {"p": 3},
    "seuclidean": {"V": [1.0, 4.0]},
    "mahalanobis": {"V": [[1.0, 0.3], [0.3, 2.0]]},
    "canberra": None,
    "braycurtis": None,
}
each_metric = pytest.mark.parametrize("metric", METRICS)


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@each_metric
@pytest.mark.parametrize("kernel", SKLEARN_KERNELS)
@pytest.mark.parametrize("algorithm", ["auto", "ball_tree", "kd_tree"])
def test_as_scikit_learn(metric, kernel, algorithm, rng):
    if algorithm == "kd_tree" and metric not in KDTree.valid_metrics:
        model = KernelDensity(metric=metric, algorithm="kd_tree")
        with pytest.raises(ValueError, match="kd_tree' got an invalid metric"):
            model.fit(rng.uniform(size=(9, 2)))
        return
    X, new = rng.uniform(-1, 1, (100, 2)), rng.uniform(-1, 1, (50, 2))
    weight = rng.randint(0, 4, 100)
    parameters = {
        "bandwidth": 0.4,
        "kernel": kernel,
        "algorithm": algorithm,
        "metric": metric,
        "metric_params": METRICS[metric],
        "leaf_size": 7,
        "breadth_first": False,
    }
    ours = KernelDensity(**parameters).fit(X, sample_weight=weight)
    theirs = SklearnKernelDensity(**parameters)
    theirs.fit(X[weight > 0], sample_weight=weight[weight > 0])
    got, want = ours.score_samples(new), theirs.score_samples(new)
    seen = np.isfinite(got)
    assert seen.mean() > 0.3
    np.testing.assert_allclose(got[seen], want[seen], rtol=1e-9)
    # Where the density is 0 scikit-learn leaves what rounding left of its bounds.
    assert (want[~seen] < -30).all()
    assert isinstance(ours.tree_, BallTree | KDTree)
    assert ours.tree_.data.shape == ((weight > 0).sum(), 2)
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.score_samples(new), got)


@pytest.mark.parametrize("kernel", [*SKLEARN_KERNELS, "cosine"])
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_norms_that_are_euclidean_have_the_same_density(kernel, d, rng):
    """Those that the trees compute too, and the integral of the cosine among them."""
    X, new = rng.normal(size=(60, d)), rng.normal(size=(30, d))
    want = KernelDensity(1.5, kernel=kernel).fit(X).score_samples(new)
    metrics = [
        ("l2", None, True),
        ("minkowski", None, True),
        ("minkowski", {"p": 2}, True),
        ("seuclidean", {"V": np.ones(d)}, False),
    ]
    if (kernel, d) == ("cosine", 4):  # the tree's is NaN
        metrics.pop()
    for metric, params, exact in metrics:
        model = KernelDensity(1.5, kernel=kernel, metric=metric, metric_params=params)
        got = model.fit(X).score_samples(new)
        assert hasattr(model, "tree_") == (not exact)
        np.testing.assert_allclose(got, want, rtol=0 if exact else 1e-7)


def test_what_says_how_to_search_changes_nothing(rng):
    X = rng.normal(size=(60, 3))
    want = KernelDensity().fit(X).score_samples(X)
    for algorithm, breadth_first in itertools.product(
        ["auto", "kd_tree", "ball_tree"], [True, False]
    ):
        model = KernelDensity(
            algorithm=algorithm,
            breadth_first=breadth_first,
            leaf_size=3,
            atol=0.1,
            rtol=0.1,
        )
        np.testing.assert_array_equal(model.fit(X).score_samples(X), want)


def test_tolerances_hold(rng):
    """Those of a density, which a tree does not look at row by row."""
    X, new = rng.uniform(-1, 1, (2000, 2)), rng.uniform(-1, 1, (100, 2))
    exact = KernelDensity(0.3, metric="manhattan").fit(X)
    want = np.exp(exact.score_samples(new))
    for tolerance in ({"atol": 1e-2}, {"rtol": 1e-2}):
        model = KernelDensity(0.3, metric="manhattan", **tolerance)
        got = np.exp(model.fit(X, sample_weight=np.full(2000, 3.0)).score_samples(new))
        assert np.abs(got - want).max() > 0
        np.testing.assert_allclose(got, want, **{"atol": 0, "rtol": 1e-9, **tolerance})


@each_metric
@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "epanechnikov"])
def test_leave_one_out_is_that_of_a_loop(metric, kernel, rng):
    X = rng.uniform(-1, 1, (40, 2))
    X = np.append(X, X[:10], axis=0)  # left out together
    weight = rng.randint(1, 3, 50)
    candidates = np.geomspace(0.02, 5, 7)
    model = KernelDensity(
        "loo",
        kernel=kernel,
        metric=metric,
        metric_params=METRICS[metric],
        candidates=candidates,
    )
    model.fit(X, sample_weight=weight)
    D = DistanceMetric.get_metric(metric, **(METRICS[metric] or {})).pairwise(X)
    others = (X[:, None] != X).any(axis=2)
    scores = []
    for h in model.candidate_bandwidths_:
        logs = KERNELS[kernel].logs((D / h) ** 2) + np.log(weight)
        logs = logsumexp(np.where(others, logs, -np.inf), axis=1)
        logs -= np.log(others @ weight) + KERNELS[kernel].log_mass(2) + 2 * np.log(h)
        scores.append(np.average(logs, weights=weight))
    np.testing.assert_allclose(model.candidate_scores_, scores, rtol=1e-5)
    assert model.bandwidth_ == model.candidate_bandwidths_[np.argmax(scores)]


def test_candidates_of_a_metric_are_relative_to_its_scale(rng):
    """In the plane those for Euclidean distances; a metric of their multiples too."""
    X = rng.normal(size=(300, 2))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    euclidean = KernelDensity("loo").fit(X).candidate_bandwidths_[:, 0]
    for factor in (1e-3, 1.0, 1e3):
        params = {"V": np.full(2, factor**-2)}
        model = KernelDensity("loo", metric="seuclidean", metric_params=params)
        got = model.fit(X).candidate_bandwidths_
        # The sample variance has n - 1.
        np.testing.assert_allclose(got, euclidean * factor, rtol=2e-3)


def test_leave_one_out_of_places(rng):
    """Clusters of 1 degree on the globe, one of them at the date line."""
    centers = np.radians([[0, 0], [60, 179.5], [-40, 100]])
    X = centers[rng.randint(3, size=300)] + np.radians(rng.normal(size=(300, 2)))
    X[:, 1] = (X[:, 1] + np.pi) % (2 * np.pi) - np.pi
    model = KernelDensity("loo", metric="haversine").fit(X)
    assert 0.1 < np.degrees(model.bandwidth_) < 1
    turned = X + np.array([0, 1.0])
    turned[:, 1] = (turned[:, 1] + np.pi) % (2 * np.pi) - np.pi
    again = clone(model).fit(turned)
    np.testing.assert_allclose(again.bandwidth_, model.bandwidth_, rtol=1e-9)
    np.testing.assert_allclose(again.score(turned), model.score(X), rtol=1e-9)


@pytest.mark.parametrize("metric, p", [("manhattan", 1), ("chebyshev", np.inf), (3, 3)])
@pytest.mark.parametrize("kernel", ["gaussian", "tophat", "linear"])
def test_draws_follow_the_density(metric, p, kernel, rng):
    """Radii in the norm have the density K(r) r^2; p-values above 1e-3, seeded."""
    params = {"p": metric} if metric == 3 else None
    metric = "minkowski" if metric == 3 else metric
    model = KernelDensity(0.7, kernel=kernel, metric=metric, metric_params=params)
    draws = model.fit([[5.0, -1.0, 2.0]]).sample(4000, random_state=0)
    draws = (draws - [5.0, -1.0, 2.0]) / 0.7
    radii = np.linalg.norm(draws, ord=p, axis=1)
    grid = np.linspace(0, 9, 90_001)
    weight = KERNELS[kernel].values(grid**2) * grid**2
    cdf = np.cumsum(weight) / weight.sum()
    assert kstest(radii, lambda r: np.interp(r, grid, cdf)).pvalue > 1e-3
    # Uniform in the ball of the norm, when so stretched: a share a^3 within a radius a,
    # and in the cube |x| < a / 2 as much as rejection from a larger cube says.
    u = draws / radii[:, None] * rng.uniform(size=(4000, 1)) ** (1 / 3)
    even = rng.uniform(-1, 1, (40_000, 3))
    even = even[np.linalg.norm(even, ord=p, axis=1) < 1]
    for axis in range(3):
        assert kstest(u[:, axis], even[:, axis]).pvalue > 1e-3
    assert kstest(np.abs(u).max(axis=1), np.abs(even).max(axis=1)).pvalue > 1e-3
    assert np.isfinite(model.score_samples(draws * 0.7 + [5.0, -1.0, 2.0])).all()


@pytest.mark.parametrize("latitude", [0, 60, -89.9])
@pytest.mark.parametrize(
    "kernel, width",
    [("gaussian", 0.05), ("gaussian", 0.9), ("linear", 1.5), ("exponential", 4.0)],
)
def test_draws_on_the_sphere(kernel, width, latitude):
    """Angles have the density K(theta / h) sin(theta); p-values above 1e-3, seeded."""
    place = np.radians([[latitude, 170.0]])
    model = KernelDensity(width, kernel=kernel, metric="haversine").fit(place)
    draws = model.sample(4000, random_state=0)
    assert np.abs(draws[:, 0]).max() <= np.pi / 2
    assert np.abs(draws[:, 1]).max() <= np.pi
    metric = DistanceMetric.get_metric("haversine")
    angles = metric.pairwise(place, draws)[0]
    grid = np.linspace(0, np.pi, 100_001)
    cdf = np.cumsum(KERNELS[kernel].values((grid / width) ** 2) * np.sin(grid))
    cdf /= cdf[-1]
    assert kstest(angles, lambda t: np.interp(t, grid, cdf)).pvalue > 1e-3
    # As vectors, turned so that the place is the pole: longitudes are even.
    (phi, lam), (lat, lon) = place[0], draws.T
    x, y, z = (
        np.cos(lat) * np.cos(lon - lam),
        np.cos(lat) * np.sin(lon - lam),
        np.sin(lat),
    )
    around = np.arctan2(y, z * np.cos(phi) - x * np.sin(phi))
    assert kstest(around / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3
    if kernel != "linear":
        assert np.isfinite(model.score_samples(draws)).all()


@pytest.mark.parametrize("metric", ["canberra", "seuclidean"])
def test_what_is_no_norm_has_no_draws(metric, rng):
    X = rng.uniform(-1, 1, (20, 2))
    model = KernelDensity(metric=metric, metric_params=METRICS[metric]).fit(X)
    with pytest.raises(NotImplementedError, match=f"got metric='{metric}'"):
        model.sample()


@pytest.mark.parametrize(
    "parameters",
    [
        {"bandwidth": "scott"},
        {"bandwidth": "silverman"},
        {"bandwidth": "lscv"},
        {"bandwidth": "isj"},
        {"bandwidth": np.array([0.1, 0.2])},
        {"kernel": "tricube"},
        {"whiten": True},
        {"adaptive": True},
    ],
)
def test_what_is_for_euclidean_distances(parameters, rng):
    (name,) = parameters
    X = rng.uniform(-1, 1, (20, 2))
    model = KernelDensity(**parameters, metric="haversine")
    with pytest.raises(ValueError, match=f"^{name}=.* is for Euclidean distances.*loo"):
        model.fit(X)
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    "metric, params",
    [("minkowski", {"q": 3}), ("minkowski", {"p": -1}), ("manhattan", {"p": 1})],
)
def test_wrong_parameters_of_a_metric(metric, params, rng):
    model = KernelDensity(metric=metric, metric_params=params)
    with pytest.raises(ValueError, match=f"metric_params must be .*{metric}"):
        model.fit(rng.uniform(size=(20, 2)))


def test_rows_without_a_distance():
    """Dice's metric tells 0 from the rest."""
    with pytest.raises(ValueError, match="by `metric` the distance is 0"):
        KernelDensity("loo", metric="dice").fit([[1, 2], [3, 4], [5, 6]])


def test_a_kernel_that_scikit_learn_has_not(rng):
    X = rng.uniform(size=(20, 4))
    with pytest.raises(ValueError, match=r"kernel='cosine' has no .* 4 features"):
        KernelDensity(kernel="cosine", metric="manhattan").fit(X)


def test_single_precision_and_refit(rng):
    X = rng.uniform(-1, 1, (50, 2)).astype(np.float32)
    model = KernelDensity(0.2, metric="haversine").fit(X)
    got = model.score_samples(X)
    assert got.dtype == np.float32
    want = model.score_samples(X.astype(np.float64))
    np.testing.assert_allclose(got, want, rtol=1e-5)
    model.set_params(metric="euclidean").fit(X)
    assert not hasattr(model, "tree_")
