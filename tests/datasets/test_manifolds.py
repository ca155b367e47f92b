"""Generators against the equations, distributions and dimensions of their sets."""

import inspect
import re
from fractions import Fraction
from math import log

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc
from scipy.spatial.distance import pdist
from scipy.stats import beta, chisquare

import sklatent.datasets
from sklatent.datasets import (
    make_affine,
    make_ball,
    make_cantor_dust,
    make_cubic_surface,
    make_flat_torus,
    make_helix,
    make_hypersphere,
    make_line_disk_ball,
    make_manifold,
    make_mobius,
    make_swiss_roll,
    make_tree,
)
from tests.datasets.checks import assert_follows, local_ranks

# Generator, settings, dimension and number of features.
CASES = [
    (make_affine, {"dimension": 5}, 5, 5),
    (make_ball, {"dimension": 5}, 5, 5),
    (make_cantor_dust, {"n_features": 3}, 3 * log(2) / log(3), 3),
    (make_cubic_surface, {"dimension": 5}, 5, 6),
    (make_flat_torus, {"dimension": 5}, 5, 10),
    (make_helix, {}, 1, 3),
    (make_hypersphere, {"dimension": 5}, 5, 6),
    (make_line_disk_ball, {}, None, 3),
    (make_manifold, {"name": "M5b_Helix2d"}, 2, 3),
    (make_mobius, {}, 2, 3),
    (make_swiss_roll, {}, 2, 3),
    (make_tree, {"n_branches": 2, "depth": 2}, 1, 6),
]
each = pytest.mark.parametrize(
    ("make", "settings", "dimension", "n_features"),
    CASES,
    ids=[make.__name__ for make, *_ in CASES],
)
PADDED = [c for c in CASES if c[0] not in (make_cantor_dust, make_manifold)]
each_padded = pytest.mark.parametrize(
    ("make", "settings", "n_features"),
    [(make, settings, n_features) for make, settings, _, n_features in PADDED],
    ids=[make.__name__ for make, *_ in PADDED],
)

# Points enough for the distribution of a parameter to show.
N = 5000


def test_every_generator_is_tested():
    names = {name for name in sklatent.datasets.__all__ if name.startswith("make_")}
    assert names == {make.__name__ for make, *_ in CASES}


@each
@pytest.mark.parametrize("n_samples", [1, 50])
def test_shapes(make, settings, dimension, n_features, n_samples):
    X, returned = make(n_samples=n_samples, **settings)
    assert X.shape == (n_samples, n_features)
    assert X.dtype == np.float64
    assert np.isfinite(X).all()
    if dimension is not None:
        assert type(returned) is type(dimension)
        assert returned == dimension


@each
def test_random_state(make, settings, dimension, n_features):
    def draw(random_state):
        return make(n_samples=20, noise=0.1, random_state=random_state, **settings)[0]

    np.testing.assert_array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))
    rng = np.random.RandomState(3)
    np.testing.assert_array_equal(draw(rng), draw(3))
    assert not np.array_equal(draw(rng), draw(3)), "the instance has not advanced"
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert not np.array_equal(draw(None), draw(None))
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@each
def test_noise_is_added_to_the_same_points(make, settings, dimension, n_features):
    clean, _ = make(n_samples=1000, random_state=0, **settings)
    noisy, _ = make(n_samples=1000, noise=0.3, random_state=0, **settings)
    assert_follows((noisy - clean) / 0.3, "norm")


@each_padded
def test_more_features_are_a_rotation(make, settings, n_features):
    X, _ = make(30, random_state=0, **settings)
    Y, _ = make(30, n_features=n_features + 4, random_state=0, **settings)
    assert Y.shape == (30, n_features + 4)
    # From the origin, too, so that it is a rotation around it.
    X, Y = (np.vstack([np.zeros(A.shape[1]), A]) for A in (X, Y))
    np.testing.assert_allclose(pdist(Y), pdist(X), rtol=1e-12)
    assert (np.abs(Y[1:]) > 0).all(), "a feature is left at zero"
    same, _ = make(30, n_features=n_features, random_state=0, **settings)
    np.testing.assert_array_equal(same, X[1:])


def test_rotations_are_uniform():
    """Where they take the first axis: anywhere, its own half of the sphere or not."""
    images = []
    for seed in range(1000):
        x, _ = make_affine(1, dimension=1, random_state=seed)
        X, _ = make_affine(1, dimension=1, n_features=3, random_state=seed)
        images.append(X[0] / x[0])
    for coordinate in np.transpose(images):
        assert_follows((1 + coordinate) / 2, "uniform")


@each
@pytest.mark.parametrize(
    ("name", "value"),
    [("n_samples", 0), ("n_samples", 2.5), ("noise", -0.1), ("random_state", "a")],
)
def test_bad_parameters(make, settings, dimension, n_features, name, value):
    message = f"The '{name}' parameter of {make.__name__} must be"
    with pytest.raises(ValueError, match=message):
        make(**{**settings, name: value})


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (make_ball, {"dimension": 0}),
        (make_hypersphere, {"dimension": 2.0}),
        (make_cantor_dust, {"n_features": None}),
        (make_helix, {"n_turns": 0}),
        (make_mobius, {"n_half_twists": -1}),
        (make_affine, {"side_lengths": 2.0}),
        (make_ball, {"density_ratio": 0.5}),
        (make_tree, {"n_branches": 0}),
        (make_tree, {"depth": 1.5}),
    ],
)
def test_bad_settings(make, settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"The '{name}' parameter of"):
        make(**settings)


@each_padded
def test_too_few_features(make, settings, n_features):
    message = f"n_features must be at least {n_features}, .* got {n_features - 1}"
    with pytest.raises(ValueError, match=message):
        make(n_features=n_features - 1, **settings)


@pytest.mark.parametrize("name", sklatent.datasets.__all__)
def test_docstring_defaults_are_the_signature(name):
    function = getattr(sklatent.datasets, name)
    documented = {
        p.name: (re.findall(r"default=(.*)$", p.type) or ["required"])[0]
        for p in FunctionDoc(function)["Parameters"]
    }
    signature = {
        p.name: "required" if p.default is p.empty else str(p.default)
        for p in inspect.signature(function).parameters.values()
    }
    assert documented == signature


@pytest.mark.parametrize("d", [1, 4, 60])
def test_affine(d):
    X, _ = make_affine(N, dimension=d, random_state=0)
    assert_follows(X + 0.5, "uniform")
    X, _ = make_affine(N, dimension=d, n_features=d + 2, random_state=0)
    assert np.linalg.matrix_rank(X) == d


def test_affine_of_other_sides():
    X, _ = make_affine(N, dimension=2, side_lengths=[3.0, 0.5], random_state=0)
    assert_follows(X / [3.0, 0.5] + 0.5, "uniform")


@pytest.mark.parametrize(
    "sides", [[1.0], [1.0, 2.0, 3.0], [1.0, 0.0], [1.0, np.nan], [1.0, np.inf]]
)
def test_affine_of_bad_sides(sides):
    with pytest.raises(ValueError, match="side_lengths must be 2 positive numbers"):
        make_affine(side_lengths=sides)


@pytest.mark.parametrize(
    ("make", "uniform"),
    [
        (make_affine, lambda x: x + 0.5),
        (make_ball, beta(2, 2).cdf),
        (make_hypersphere, beta(1.5, 1.5).cdf),
        (make_flat_torus, beta(0.5, 0.5).cdf),
    ],
)
def test_density_ratio(make, uniform):
    """The distribution of x is the integral of 1 + c x, with c = 8 / 10."""
    settings = {"dimension": 3} if make in (make_ball, make_hypersphere) else {}
    X, _ = make(N, density_ratio=9, random_state=0, **settings)
    half = 0.5 if make is make_affine else 1.0
    grid = np.linspace(-half, half, 200_001)
    P = uniform(grid) if make is make_affine else uniform((1 + grid) / 2)
    middle = (grid[1:] + grid[:-1]) / 2
    tilted = np.append(0, np.cumsum((1 + 0.8 * middle / half) * np.diff(P)))
    assert_follows(X[:, 0], lambda x: np.interp(x, grid, tilted))
    # The others stay as they were, up to what the manifold demands.
    same, _ = make(N, random_state=0, **settings)
    np.testing.assert_allclose(np.abs(X), np.abs(same), atol=1e-15)
    np.testing.assert_array_equal(X[:, 1:], same[:, 1:])


@pytest.mark.parametrize("d", [1, 2, 7, 60])
def test_ball(d):
    X, _ = make_ball(N, dimension=d, random_state=0)
    assert_follows(np.linalg.norm(X, axis=1) ** d, "uniform")
    # The area of the slice at x is that of a ball of radius sqrt(1 - x²).
    for x in X.T[:3]:
        assert_follows((1 + x) / 2, beta((d + 1) / 2, (d + 1) / 2).cdf)


@pytest.mark.parametrize("d", [1, 2, 7, 60])
def test_hypersphere(d):
    X, _ = make_hypersphere(N, dimension=d, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, rtol=1e-14)
    for x in X.T[:3]:  # For d = 2 uniform, as Archimedes knew.
        assert_follows((1 + x) / 2, beta(d / 2, d / 2).cdf)


@pytest.mark.parametrize("d", [1, 2, 10, 70])
@pytest.mark.slow
def test_cubic_surface(d):
    X, _ = make_cubic_surface(200 * 2 * (d + 1), dimension=d, random_state=0)
    on_face = np.stack([X == 0, X == 1])
    assert (on_face.sum(axis=(0, 2)) == 1).all(), "a point is on one face, and one only"
    counts = on_face.sum(axis=1)
    assert counts.min() > 0
    # 200 points are expected on each face; one wrong alarm in 10,000.
    assert chisquare(counts.ravel()).pvalue > 1e-4
    assert_follows(X[~on_face.any(axis=0)], "uniform")


@pytest.mark.parametrize("d", [1, 2, 5])
def test_flat_torus(d):
    X, _ = make_flat_torus(N, dimension=d, random_state=0)
    x, y = X[:, ::2], X[:, 1::2]
    np.testing.assert_allclose(x**2 + y**2, 1, rtol=1e-14)
    angle = np.arctan2(y, x)
    for a in angle.T:
        assert_follows(a / (2 * np.pi) + 0.5, "uniform")
    # Locally isometric: a small step in the angles is as long on the surface.
    step = 1e-4 * np.random.RandomState(1).normal(size=angle.shape)
    chord = np.hypot(np.cos(angle + step) - x, np.sin(angle + step) - y)
    lengths = np.linalg.norm(chord, axis=1), np.linalg.norm(step, axis=1)
    # Chord and arc differ by a share of step²/24, and cosines round.
    np.testing.assert_allclose(*lengths, rtol=1e-8, atol=1e-15)


def test_swiss_roll():
    x, height, z = make_swiss_roll(N, random_state=0)[0].T
    t = np.hypot(x, z)
    np.testing.assert_allclose(t * np.cos(t), x, atol=1e-12)
    np.testing.assert_allclose(t * np.sin(t), z, atol=1e-12)
    assert_follows((t / np.pi - 1.5) / 3, "uniform")
    assert_follows(height / 21, "uniform")


@pytest.mark.parametrize("n_turns", [1, 8])
def test_helix(n_turns):
    x, y, z = make_helix(N, n_turns=n_turns, random_state=0)[0].T
    t = np.arctan2(y, x)
    np.testing.assert_allclose(np.hypot(x, y) - 2, np.cos(n_turns * t), atol=1e-13)
    np.testing.assert_allclose(z, np.sin(n_turns * t), atol=1e-13)
    assert_follows(t / (2 * np.pi) + 0.5, "uniform")


@pytest.mark.parametrize("n_half_twists", [0, 1, 10])
def test_mobius(n_half_twists):
    x, y, z = make_mobius(N, n_half_twists=n_half_twists, random_state=0)[0].T
    angle = np.mod(np.arctan2(y, x), 2 * np.pi)
    twist = angle * n_half_twists / 2
    across = np.hypot(x, y) - 1
    r = across * np.cos(twist) + z * np.sin(twist)
    np.testing.assert_allclose(across, r * np.cos(twist), atol=1e-13)
    np.testing.assert_allclose(z, r * np.sin(twist), atol=1e-13)
    assert_follows(angle / (2 * np.pi), "uniform")
    assert_follows(r + 0.5, "uniform")


@pytest.mark.parametrize(("n_branches", "depth"), [(3, 1), (1, 2), (2, 3)])
def test_tree(n_branches, depth):
    X, _ = make_tree(N, n_branches=n_branches, depth=depth, random_state=0)
    assert X.shape[1] == sum(n_branches**level for level in range(1, depth + 1))
    inside = (X > 0) & (X < 1)
    assert (inside.sum(axis=1) == 1).all(), "a point is on one edge, and one only"
    assert_follows(X[inside], "uniform")
    if X.shape[1] > 1:
        assert chisquare(inside.sum(axis=0)).pvalue > 1e-4
    # Each level has as many edges as branches; all above a point are passed.
    assert set(np.unique(X[~inside])) <= {0.0, 1.0}
    edge, passed = inside.argmax(axis=1), (X == 1).sum(axis=1)
    ends = np.cumsum([n_branches**level for level in range(1, depth + 1)])
    np.testing.assert_array_equal(passed, np.searchsorted(ends, edge, side="right"))
    for e in range(X.shape[1]):
        above = X[edge == e] == 1
        assert (above == above[0]).all()


def ternary_digits(x):
    """The first 33 of a float64, in exact arithmetic."""
    integer = round(Fraction(x) * 3**33)
    digits = []
    for _ in range(33):
        integer, digit = divmod(integer, 3)
        digits.append(digit)
    assert integer == 0
    return digits[::-1]


def test_cantor_digits():
    X, _ = make_cantor_dust(N, random_state=0)
    digits = np.array([ternary_digits(x) for x in X[:, 0]])
    assert set(digits.ravel()) == {0, 2}
    assert len(np.unique(X)) == N
    # All 32 beginnings of five digits, and all ends, are equally likely.
    for five in (digits[:, :5], digits[:, -5:]):
        counts = np.bincount(five @ 2 ** np.arange(5) // 2, minlength=32)
        assert chisquare(counts).pvalue > 1e-4


def test_cantor_dust_has_independent_features():
    X, dimension = make_cantor_dust(N, n_features=2, random_state=0)
    assert dimension == 2 * log(2) / log(3)
    quadrants = (X > 0.5) @ [1, 2]
    assert chisquare(np.bincount(quadrants, minlength=4)).pvalue > 1e-4


def test_cantor_correlation_dimension():
    """Two points share the first k ternary digits with the probability 2^-k."""
    x = np.sort(make_cantor_dust(N, random_state=0)[0][:, 0])
    for k in (1, 2, 3, 4):
        _, boxes = np.unique(np.floor(x * 3**k), return_counts=True)
        assert len(boxes) == 2**k
        share = (boxes / N) @ (boxes / N)
        # The excess is chi-square / (N 2^k); one wrong alarm in 100,000.
        assert 0 <= share - 0.5**k < 10 / N


def test_line_disk_ball():
    X, dimensions = make_line_disk_ball(3001, random_state=0)
    np.testing.assert_array_equal(np.bincount(dimensions), [0, 1001, 1000, 1000])
    assert (np.diff(dimensions) < 0).any(), "the rows are not shuffled"
    for d in (1, 2, 3):
        piece = X[dimensions == d] - [4 * (d - 2), 0, 0]
        assert not piece[:, d:].any()
        assert_follows(np.linalg.norm(piece, axis=1) ** d, "uniform")
        assert_follows((1 + piece[:, 0]) / 2, beta((d + 1) / 2, (d + 1) / 2).cdf)
        assert np.linalg.matrix_rank(piece) == d


@pytest.mark.parametrize(
    ("make", "settings", "dimension"),
    [
        (make_helix, {}, 1),
        (make_swiss_roll, {}, 2),
        (make_mobius, {}, 2),
        (make_hypersphere, {"dimension": 2}, 2),
        (make_flat_torus, {"dimension": 1}, 1),
        (make_flat_torus, {"dimension": 2}, 2),
        (make_flat_torus, {"dimension": 2, "density_ratio": 9}, 2),
    ],
)
def test_neighborhoods_have_the_dimension(make, settings, dimension):
    X, returned = make(50_000, random_state=0, **settings)
    assert returned == dimension
    assert set(local_ranks(X)) == {dimension}
