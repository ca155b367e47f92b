"""Sketch-map against closed forms, brute force, differences and scikit-matter."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning

from sklatent.callback import LossMonitor
from sklatent.exceptions import FarRowsWarning
from sklatent.manifold import ClassicalMDS, SketchMap
from sklatent.manifold.sketch._levels import level_sizes
from sklatent.manifold.sketch._moves import relocate
from sklatent.manifold.sketch._rule import distance_peak
from sklatent.manifold.sketch._sigmoids import Sigmoid, power
from sklatent.manifold.sketch._stress import Loss, Stress

EXPONENTS = [(2, 2), (2, 3), (4, 4), (4.7, 2.4), (1, 2), (1.5, 0.7), (3, 3), (8, 1)]
each_pair = pytest.mark.parametrize(("a", "b"), EXPONENTS)


def sigmoid(r, a, b):
    """s(r) by its formula, in units of sigma."""
    return 1 - (1 + (2 ** (a / b) - 1) * r**a) ** (-b / a)


def full_stress(X, Z, params, weight=None):
    """The stress by its formula, over all pairs."""
    w = np.ones(len(X)) if weight is None else np.asarray(weight, float)
    w = w / w.sum()
    S, s = (
        sigmoid(cdist(A, A) / params["sigma"], params[f"a_{k}"], params[f"b_{k}"])
        for A, k in ((X, "high"), (Z, "low"))
    )
    return w @ (S - s) ** 2 @ w


def differences(function, x, step):
    """Central differences."""
    return (function(x + step) - function(x - step)) / (2 * step)


@pytest.fixture(scope="module")
def X():
    """Five groups of different sizes in ten dimensions."""
    rng = np.random.RandomState(0)
    centers = 4 * rng.standard_normal((5, 10))
    return centers[rng.randint(5, size=150)] + rng.standard_normal((150, 10))


@pytest.fixture(scope="module")
def new():
    return 3 * np.random.RandomState(1).standard_normal((40, 10))


@pytest.fixture(scope="module")
def fitted(X):
    return SketchMap().fit(X)


# Sigmoids


@each_pair
def test_sigmoid_by_its_formula(a, b):
    r = np.geomspace(1e-3, 1e3, 200)
    low = Sigmoid(a, b)
    np.testing.assert_allclose(1 - low.complement(r**2), sigmoid(r, a, b), atol=1e-14)
    np.testing.assert_allclose(low.complement(np.ones(1)), 0.5)


@each_pair
def test_derivatives_of_sigmoids_against_differences(a, b):
    low, x = Sigmoid(a, b), np.geomspace(1e-3, 1e3, 50)
    c, slope, curvature = low.with_curvature(x)
    np.testing.assert_allclose(c, low.complement(x))
    np.testing.assert_allclose(slope, low.with_slope(x.copy())[1])
    step = 1e-5 * x
    np.testing.assert_allclose(
        slope, differences(low.complement, x, step), rtol=1e-5, atol=2e-8
    )
    expected = differences(lambda t: low.with_slope(t.copy())[1], x, step)
    np.testing.assert_allclose(curvature, expected, rtol=1e-5, atol=1e-9)


@each_pair
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoids_of_extreme_distances(a, b, dtype):
    x = np.array([0, 1e-30, 1, 1e16], dtype)
    for values in Sigmoid(a, b).with_slope(x.copy()):
        assert values.dtype == dtype
        assert np.isfinite(values).all()
    np.testing.assert_allclose(Sigmoid(a, b).complement(x)[[0, 2]], [1, 0.5], rtol=1e-6)


@pytest.mark.parametrize("exponent", [-2.5, -1, -0.5, 0.5, 1, 1.5, 2, 2.35, 3, 4])
def test_powers(exponent):
    x = np.geomspace(1e-3, 1e3, 30)
    np.testing.assert_allclose(power(x, exponent), x**exponent)


# The stress


@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n", [7, 300])
def test_stress_and_gradient_by_brute_force(n, mixing):
    rng = np.random.RandomState(n)
    D, Z = cdist(*2 * [rng.standard_normal((n, 5))]), rng.standard_normal((n, 2))
    w = rng.uniform(size=n)
    w /= w.sum()
    loss = Loss(Sigmoid(4.0, 3.0), Sigmoid(2.0, 2.0), mixing)
    stress = Stress(D, w, loss, np.float64, n_threads=2)
    value, gradient = stress.with_gradient(Z)

    def by_formula(Z):
        z = cdist(Z, Z)
        sigmoids = (sigmoid(D, 4, 3) - sigmoid(z, 2, 2)) ** 2
        # With mixing 1 it is the raw stress of metric multidimensional scaling.
        return w @ ((1 - mixing) * sigmoids + mixing * (D - z) ** 2) @ w

    np.testing.assert_allclose(value, by_formula(Z))
    for i in (0, n // 2, n - 1):
        for k in range(2):
            step = np.zeros_like(Z)
            step[i, k] = 1e-5
            expected = (by_formula(Z + step) - by_formula(Z - step)) / 2e-5
            np.testing.assert_allclose(gradient[i, k], expected, rtol=1e-5, atol=1e-10)
    single = Stress(D, w, loss, np.float32).with_gradient(Z)
    np.testing.assert_allclose(single[0], value, rtol=1e-5)
    np.testing.assert_allclose(single[1], gradient, atol=1e-5 * abs(gradient).max())


@pytest.mark.parametrize("mixing", [0.0, 0.2])
def test_moves_across_the_map_lower_the_stress(X, mixing):
    D, w = cdist(X, X) / 4, np.full(len(X), 1 / len(X))
    loss = Loss(Sigmoid(4.0, 4.0), Sigmoid(2.0, 2.0), mixing)
    stress = Stress(D, w, loss, np.float64)
    Z = np.random.RandomState(0).standard_normal((len(X), 2))
    for _ in range(4):
        before = stress.with_gradient(Z)[0]
        Z, n_moved = relocate(Z, stress)
        assert n_moved > 0
        assert stress.with_gradient(Z)[0] < before
        Z, after, _ = stress.minimize(Z, 3, 0.0)
        assert after <= before


def test_stress_is_that_of_all_pairs(fitted, X):
    expected = full_stress(X, fitted.embedding_, fitted.params_)
    np.testing.assert_allclose(fitted.stress_, expected, rtol=1e-7)


@pytest.mark.parametrize(("a", "b"), [(2.0, 2.0), (4.0, 3.0), (1.5, 2.0)])
def test_equal_sigmoids_and_dimensions_have_no_stress(a, b):
    """Places at the distances of the rows are then the minimum, and are found."""
    X = np.random.RandomState(0).standard_normal((150, 2)) * [2, 1]
    sketch = SketchMap(sigma=2.0, a_high=a, b_high=b, a_low=a, b_low=b, tol=0)
    sketch.fit(X)
    assert sketch.stress_ < 1e-10
    np.testing.assert_allclose(pdist(sketch.embedding_), pdist(X), atol=1e-2)
    assert procrustes(X, sketch.embedding_)[2] < 1e-6


def test_places_are_a_minimum(fitted, X):
    """No general minimizer goes on from there."""
    params = fitted.params_

    def stress(flat):
        return full_stress(X, flat.reshape(-1, 2), params)

    found = minimize(stress, fitted.embedding_.ravel(), options={"maxiter": 3})
    assert found.fun > fitted.stress_ * (1 - 1e-3)


def test_stress_is_below_that_of_scikit_matter():
    """skmatter 0.4.1, with its grid and its schedule, at the exponents of its rule."""
    rng = np.random.RandomState(0)
    centers = rng.standard_normal((12, 30))
    X = centers[rng.randint(12, size=2000)] + 0.5 * rng.standard_normal((2000, 30))
    groups = SketchMap(sigma=7.5635, a_high=4.7237, b_high=2.3618).fit(X[:300])
    X = load_digits().data[:300]
    digits = SketchMap(sigma=43.848, a_high=4.7406, b_high=2.3703).fit(X)
    # Its mean is over pairs of different rows.
    assert groups.stress_ * 300 / 299 < 0.0181340
    assert digits.stress_ * 300 / 299 < 0.0215367


# Weights, landmarks and the rule for sigma


def test_integer_weights_are_repeated_rows(X):
    weight = np.random.RandomState(0).randint(0, 4, len(X))
    weighted = SketchMap().fit(X, sample_weight=weight)
    repeated = SketchMap().fit(np.repeat(X, weight, axis=0))
    held = weight > 0
    np.testing.assert_allclose(
        weighted.embedding_[held], repeated.transform(X[held]), rtol=1e-9
    )
    np.testing.assert_allclose(weighted.stress_, repeated.stress_)
    Z = weighted.embedding_
    expected = full_stress(X, Z, weighted.params_, weight)
    np.testing.assert_allclose(weighted.stress_, expected, rtol=1e-7)


def test_order_and_threads_do_not_matter(X):
    order = np.random.RandomState(0).permutation(len(X))
    for parameters in ({}, {"n_landmarks": 40}):
        Z = SketchMap(**parameters, n_jobs=1).fit(X).embedding_
        shuffled = SketchMap(**parameters, n_jobs=3).fit(X[order]).embedding_
        np.testing.assert_array_equal(shuffled, Z[order])


@pytest.mark.parametrize("n_landmarks", ["auto", 40])
def test_order_of_precomputed_distances_does_not_matter(n_landmarks, X):
    D = cdist(X, X)
    order = np.random.RandomState(0).permutation(len(X))
    sketch = SketchMap(metric="precomputed", n_landmarks=n_landmarks)
    Z = sketch.fit(D).embedding_
    shuffled = sketch.fit(D[np.ix_(order, order)]).embedding_
    np.testing.assert_allclose(shuffled, Z[order], atol=1e-9)


@pytest.mark.parametrize("precomputed", [False, True])
def test_memory_of_pairs(precomputed):
    """12 bytes for each pair, and 40 kB for each row and the tiles."""
    n = 1600
    X = np.random.RandomState(0).standard_normal((n, 5))
    sketch = SketchMap(n_landmarks=None, max_iter=2, global_opt_steps=0, n_jobs=1)
    if precomputed:
        X = cdist(X, X)
        sketch.set_params(metric="precomputed")
    tracemalloc.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        sketch.fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * n**2 + 4e4 * n


def test_landmarks_are_far_apart_and_stand_for_the_nearest(X):
    weight = np.random.RandomState(0).uniform(1, 2, len(X))
    sketch = SketchMap(n_landmarks=20).fit(X, sample_weight=weight)
    D = cdist(X, X[sketch.landmarks_])
    assert len(sketch.landmarks_) == 20
    # Farthest points: no row is farther from all than any two are from each other.
    assert D.min(axis=1).max() <= pdist(X[sketch.landmarks_]).min()
    expected = np.bincount(D.argmin(axis=1), weight, minlength=20)
    np.testing.assert_allclose(sketch.landmark_weights_, expected)


def test_landmarks_give_nearly_the_stress_of_all_rows():
    X, _ = make_blobs(600, 8, centers=6, random_state=0)
    every = SketchMap(n_landmarks=None).fit(X)
    some = SketchMap(n_landmarks=150, sigma=every.params_["sigma"]).fit(X)
    stress = full_stress(X, some.embedding_, every.params_)
    assert stress < 1.25 * every.stress_


def test_sigma_is_half_of_the_most_frequent_distance():
    """Of Gaussian rows, whose distances over sqrt(2) have a chi distribution.

    Its mode is sqrt(p - 1), and the histogram of dependent pairs comes within 3 %.
    """
    X = np.random.RandomState(0).standard_normal((600, 30))
    D, w = cdist(X, X), np.ones(len(X))
    peak = distance_peak(D, w)
    np.testing.assert_allclose(peak, np.sqrt(2 * 29), rtol=0.03)
    sigma = SketchMap(n_landmarks=None).fit(X).params_["sigma"]
    np.testing.assert_allclose(sigma, 0.5 * np.sqrt(2 * 29), rtol=0.03)
    assert distance_peak(np.zeros((3, 3)), np.ones(3)) == 0


@pytest.mark.parametrize("n", [2, 50, 200, 201, 1000, 5000])
def test_levels_end_with_all_rows(n):
    sizes = level_sizes(n)
    assert sizes[-1] == n
    assert sizes == sorted(set(sizes))


# New rows


def own_stress(z, d, sketch):
    """Stress of a new row at a place, by its formula."""
    params, w = (
        sketch.params_,
        sketch.landmark_weights_ / sketch.landmark_weights_.sum(),
    )
    r = np.linalg.norm(sketch.embedding_[sketch.landmarks_] - z, axis=1)
    S = sigmoid(d / params["sigma"], params["a_high"], params["b_high"])
    return w @ (S - sigmoid(r / params["sigma"], 2, 2)) ** 2


def test_new_rows_are_where_their_stress_is_smallest(fitted, X, new):
    """No other start of a general minimizer leads to a smaller one in the map."""
    Z = fitted.transform(new)
    rng = np.random.RandomState(0)
    D = cdist(new, X[fitted.landmarks_])
    for i in range(10):
        starts = fitted.embedding_[rng.choice(len(X), 25)]
        best = min(
            minimize(own_stress, start, (D[i], fitted), "Nelder-Mead").fun
            for start in starts
        )
        assert own_stress(Z[i], D[i], fitted) <= best * (1 + 1e-6)


def test_rows_are_placed_one_by_one(fitted, X, new):
    Z = fitted.transform(new)
    alone = np.vstack([fitted.transform(row[None]) for row in new])
    np.testing.assert_allclose(alone, Z, rtol=0, atol=1e-9)
    mixed = fitted.transform(np.vstack([new, X]))
    np.testing.assert_array_equal(mixed[len(new) :], fitted.embedding_)


@pytest.mark.parametrize("n_components", [1, 2, 3, 5])
def test_any_number_of_components(X, new, n_components):
    sketch = SketchMap(n_components, n_landmarks=60).fit(X)
    assert sketch.embedding_.shape == (150, n_components)
    Z = sketch.transform(new)
    alone = np.vstack([sketch.transform(row[None]) for row in new[:5]])
    np.testing.assert_allclose(alone, Z[:5], rtol=0, atol=1e-7)
    np.testing.assert_array_equal(sketch.transform(X), sketch.embedding_)


@pytest.mark.parametrize("n_landmarks", [None, 50])
def test_precomputed_distances(X, new, n_landmarks):
    rows = SketchMap(n_landmarks=n_landmarks).fit(X)
    pairs = SketchMap(n_landmarks=n_landmarks, metric="precomputed").fit(cdist(X, X))
    np.testing.assert_allclose(pairs.params_["sigma"], rows.params_["sigma"], rtol=0.05)
    stress = full_stress(X, pairs.embedding_, pairs.params_)
    if n_landmarks is None:
        np.testing.assert_allclose(pairs.stress_, stress, rtol=1e-7)
    Z = pairs.transform(cdist(new, X))
    assert np.isfinite(Z).all()
    np.testing.assert_array_equal(pairs.transform(cdist(X, X)), pairs.embedding_)
    assert not hasattr(pairs, "inverse_transform")


def test_far_rows_are_placed_with_a_warning(fitted, new):
    far = np.vstack([new[:1], 1e4 * new[:1], np.full((1, 10), 1e200)])
    with pytest.warns(FarRowsWarning, match="2 of 3 rows"):
        Z = fitted.transform(far)
    assert np.isfinite(Z).all()
    np.testing.assert_array_equal(Z[:1], fitted.transform(new[:1]))


# What it is for


def test_fluctuations_take_less_room_than_groups():
    """Groups are nearer to points, relative to their distances, than in PCA's map."""
    rng = np.random.RandomState(0)
    group = np.repeat(np.arange(6), 60)
    X = rng.standard_normal((360, 40))
    X += 3 * rng.standard_normal((6, 40))[group]

    def separation(Z):
        within = np.concatenate([pdist(Z[group == g]) for g in range(6)])
        means = np.stack([Z[group == g].mean(axis=0) for g in range(6)])
        return pdist(means).min() / within.mean()

    # Groups are told apart by the valley between the two peaks of the distances.
    sketch = SketchMap(sigma=15.0, a_high=8.0, b_high=4.0).fit(X)
    assert separation(sketch.embedding_) > 3 * separation(
        ClassicalMDS().fit_transform(X)
    )


def test_the_start_can_be_given(X, fitted):
    again = SketchMap(init=fitted.embedding_, global_opt_steps=0).fit(X)
    np.testing.assert_allclose(again.stress_, fitted.stress_, rtol=1e-4)
    with pytest.raises(ValueError, match=r"init must have a row .* got \(3, 2\)"):
        SketchMap(init=np.zeros((3, 2))).fit(X)


# Hard input


@pytest.mark.parametrize("scale", [2.0**-500, 2.0**500])
def test_scales(X, fitted, new, scale):
    """By a power of two, which rounds nothing: the descent takes the same steps."""
    sketch = SketchMap().fit(X * scale)
    np.testing.assert_allclose(sketch.params_["sigma"] / scale, fitted.params_["sigma"])
    np.testing.assert_allclose(sketch.stress_, fitted.stress_)
    assert np.isfinite(sketch.transform(new * scale)).all()


def test_offsets(X, fitted):
    rounded = np.round(X, 3)
    stress = SketchMap().fit(rounded).stress_
    np.testing.assert_allclose(
        SketchMap().fit(rounded + 1e8).stress_, stress, rtol=1e-3
    )


def test_equal_rows_have_one_place():
    X = np.ones((5, 3))
    sketch = SketchMap().fit(X)
    assert (sketch.embedding_ == 0).all()
    assert sketch.stress_ == 0
    assert (sketch.transform(X) == 0).all()


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_few_rows(n, n_components):
    X = np.random.RandomState(0).standard_normal((n, 3))
    sketch = SketchMap(n_components, a_high=2.0, b_high=2.0).fit(X)
    assert np.isfinite(sketch.transform(np.vstack([X, X + 1]))).all()
    if n_components >= n - 1:
        np.testing.assert_allclose(pdist(sketch.embedding_), pdist(X), rtol=0.05)


def test_repeated_and_constant_columns(X):
    more = np.column_stack([X, np.full(len(X), 7.0)])
    Z = SketchMap().fit_transform(more)
    np.testing.assert_allclose(Z, SketchMap().fit_transform(X))
    twice = SketchMap().fit(np.vstack([X, X]))
    np.testing.assert_array_equal(twice.embedding_[:150], twice.embedding_[150:])


def test_single_precision(X, fitted):
    sketch = SketchMap().fit(X.astype(np.float32))
    assert sketch.embedding_.dtype == np.float32
    np.testing.assert_allclose(sketch.stress_, fitted.stress_, rtol=1e-2)


def test_an_end_before_convergence_warns(X):
    with pytest.warns(ConvergenceWarning, match="max_iter=1 iterations"):
        SketchMap(max_iter=1, tol=0).fit(X)


@pytest.mark.parametrize("kind", ["high", "low"])
def test_exponents_whose_numbers_overflow(kind, X):
    with pytest.raises(ValueError, match=f"a_{kind} must be at most 48 times b_{kind}"):
        SketchMap(**{f"a_{kind}": 100.0, f"b_{kind}": 0.05}).fit(X)
    steep = SketchMap(**{f"a_{kind}": 12.0, f"b_{kind}": 0.25}).fit(X[:40])
    assert np.isfinite(steep.embedding_).all()


def test_factor_of_small_ratios():
    """A is ln(2) a / b, of which 2^(a / b) - 1 keeps no digit."""
    assert Sigmoid(1e-9, 1e9).factor == pytest.approx(np.log(2) * 1e-18, rel=1e-12)


@pytest.mark.scikit_learn_1_9
def test_callbacks_see_the_last_minimization(X):
    monitor = LossMonitor()
    sketch = SketchMap().set_callbacks(monitor).fit(X)
    losses = [row["loss"] for row in monitor.get_logs().data]
    assert len(losses) == sketch.n_iter_
    np.testing.assert_allclose(losses[-1], sketch.stress_)
    assert (np.diff(losses) <= 0).all()
    np.testing.assert_array_equal(sketch.embedding_, SketchMap().fit(X).embedding_)


def test_verbose_prints(X, capsys):
    SketchMap(verbose=1).fit(X[:50])
    assert "SketchMap: 1 fit in" in capsys.readouterr().out


def test_an_error_leaves_it_as_it_was(X, monkeypatch):
    sketch = SketchMap().fit(X)
    before = dict(vars(sketch))

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklatent.manifold._sketch_map.fit_levels", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sketch.fit(load_iris().data)
    assert vars(sketch) == before
