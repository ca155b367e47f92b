"""The benchmark manifolds against the literature's table, and their equations."""

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.stats import beta

from sklatent.datasets import _benchmark as benchmark
from sklatent.datasets import benchmark_manifolds, make_manifold
from tests.datasets.checks import assert_follows, local_ranks

# Campadelli et al. (2015): dimension and number of features.
TABLE = {
    "M1_Sphere": (10, 11),
    "M2_Affine_3to5": (3, 5),
    "M3_Nonlinear_4to6": (4, 6),
    "M4_Nonlinear": (4, 8),
    "M5a_Helix1d": (1, 3),
    "M5b_Helix2d": (2, 3),
    "M6_Nonlinear": (6, 36),
    "M7_Roll": (2, 3),
    "M8_Nonlinear": (12, 72),
    "M9_Affine": (20, 20),
    "M10a_Cubic": (10, 11),
    "M10b_Cubic": (17, 18),
    "M10c_Cubic": (24, 25),
    "M10d_Cubic": (70, 71),
    "M11_Moebius": (2, 3),
    "M12_Norm": (20, 20),
    "M13a_Scurve": (2, 3),
    "M13b_Spiral": (1, 13),
    "Mbeta": (10, 40),
    "Mn1_Nonlinear": (18, 72),
    "Mn2_Nonlinear": (24, 96),
    "Mp1_Paraboloid": (3, 12),
    "Mp2_Paraboloid": (6, 21),
    "Mp3_Paraboloid": (9, 30),
}
each = pytest.mark.parametrize("name", TABLE)

N = 5000


def draw(name, n_samples=N):
    return make_manifold(name, n_samples, random_state=0)[0]


def test_table():
    assert benchmark_manifolds() == TABLE
    benchmark_manifolds().clear()
    assert len(benchmark_manifolds()) == 24, "the caller has the table itself"


@each
def test_shapes(name):
    X, dimension = make_manifold(name, 200, random_state=0)
    assert (dimension, X.shape[1]) == TABLE[name]
    assert len(X) == 200
    assert np.isfinite(X).all()
    assert len(np.unique(X, axis=0)) == 200
    np.testing.assert_array_equal(X, draw(name, 200))


def test_unknown_name():
    with pytest.raises(ValueError, match=r"'name' parameter of make_manifold .*Mbeta"):
        make_manifold("M14")


@pytest.mark.parametrize(
    ("chart", "dimension", "n_features"),
    [
        (benchmark.affine_3to5, 3, 5),
        (benchmark.nonlinear_4to6, 4, 6),
        (benchmark.curled, 4, 8),
        (benchmark.curled, 12, 24),
        (benchmark.helicoid, 2, 3),
        (benchmark.s_curve, 2, 3),
        (benchmark.spiral, 1, 13),
        (benchmark.waves, 10, 20),
        (benchmark.tangents, 18, 36),
        (benchmark.tangents, 24, 48),
        (benchmark.paraboloid, 3, 12),
        (benchmark.paraboloid, 9, 30),
    ],
)
def test_charts_have_full_rank(chart, dimension, n_features):
    """Jacobian by central differences, whose error is of order step²."""
    u = np.random.RandomState(0).uniform(0.05, 0.95, size=(50, dimension))
    step = 1e-5
    J = np.stack(
        [(chart(u + e) - chart(u - e)) / (2 * step) for e in step * np.eye(dimension)],
        axis=2,
    )
    assert J.shape == (50, n_features, dimension)
    s = np.linalg.svd(J, compute_uv=False)
    assert (s[:, -1] > 1e-3 * s[:, 0]).all()


@pytest.mark.parametrize(
    "name", [name for name, (dimension, _) in TABLE.items() if dimension <= 2]
)
def test_neighborhoods_of_curves_and_surfaces(name):
    # The stairs of the helicoid are wide, so that it takes many points.
    X = draw(name, 400_000 if name == "M5b_Helix2d" else 50_000)
    assert set(local_ranks(X)) == {TABLE[name][0]}


@pytest.mark.parametrize(
    ("name", "copies"),
    [("M6_Nonlinear", 3), ("M8_Nonlinear", 3), ("Mbeta", 2), ("Mn1_Nonlinear", 2)],
)
def test_repeated_features(name, copies):
    first, *others = np.hsplit(draw(name, 50), copies)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_sphere():
    np.testing.assert_allclose(np.linalg.norm(draw("M1_Sphere"), axis=1), 1)


def test_affine_3to5():
    X = draw("M2_Affine_3to5")
    X = X - X.mean(axis=0)
    s = np.linalg.svd(X, compute_uv=False)
    assert (s[:3] > 1).all()
    assert (s[3:] < 1e-11).all()


def test_polynomials_by_hand():
    """Coefficients at points where the arithmetic is exact, but for that of pi."""
    affine = benchmark.affine_3to5(np.ones((1, 3)))
    np.testing.assert_allclose(affine, [[5.8, 4.6, 1.2, -2.4, 11.2]], rtol=1e-14)
    points = np.array([[0.25, 0.5, 0.75, 0.125], [0.0, 0.5, 0.75, 0.125]])
    expected = [
        [0, 0.5625, 1.390625, -0.984375, -1.609375, 0.359375],
        [0.25, 0, 1.390625, -0.984375, -1.609375, 0.296875],
    ]
    values = benchmark.nonlinear_4to6(points)
    np.testing.assert_allclose(values, expected, atol=1e-15)


@pytest.mark.parametrize("name", ["M4_Nonlinear", "M6_Nonlinear", "M8_Nonlinear"])
def test_angles_are_radii(name):
    d = TABLE[name][0]
    x, y = np.hsplit(draw(name)[:, : 2 * d], 2)
    radius, angle = np.hypot(x, y), np.mod(np.arctan2(y, x) / (2 * np.pi), 1)
    np.testing.assert_allclose(angle, np.roll(radius, 1, axis=1), atol=1e-9)
    assert_follows(radius, "uniform")


def test_helicoid():
    x, y, z = draw("M5b_Helix2d").T
    np.testing.assert_allclose(x * np.sin(2 * z), y * np.cos(2 * z), atol=1e-12)
    assert_follows(np.hypot(x, y) / (10 * np.pi), "uniform")
    assert_follows(z / (5 * np.pi), "uniform")


def test_cube():
    assert_follows(draw("M9_Affine") / 5 + 0.5, "uniform")


def test_normal():
    assert_follows(draw("M12_Norm"), "norm")


def test_moebius_is_twisted_ten_times():
    x, y, z = draw("M11_Moebius").T
    angle = np.arctan2(y, x)
    across = np.hypot(x, y) - 1
    np.testing.assert_allclose(
        across * np.sin(5 * angle), z * np.cos(5 * angle), atol=1e-13
    )
    assert np.hypot(across, z).max() <= 0.5


def test_s_curve():
    x, height, z = draw("M13a_Scurve").T
    # Two circles around (0, -1) and (0, 1).
    np.testing.assert_allclose(x**2 + (np.abs(z) - 1) ** 2, 1, atol=1e-13)
    assert_follows(height / 2, "uniform")


def test_spiral():
    X = draw("M13b_Spiral")
    x, y, t = X[:, :3].T
    np.testing.assert_allclose(x, 100 * np.cos(t))
    np.testing.assert_allclose(y, 100 * np.sin(t))
    assert_follows(t / (10 * np.pi), "uniform")
    assert not X[:, 3:].any()


def test_beta():
    x, y = np.hsplit(draw("Mbeta")[:, :20], 2)
    grid = np.linspace(0, 1, 200_001)
    angle = 2 * np.pi * grid
    curve = grid * [np.sin(np.cos(angle)), np.cos(np.sin(angle))]
    distance, nearest = KDTree(curve.T).query(np.column_stack([x.ravel(), y.ravel()]))
    # Half a step of the grid, at a speed of at most 10.
    assert distance.max() < 5 / 200_000
    assert_follows(grid[nearest[::10]], beta(10, 0.5).cdf)


@pytest.mark.parametrize("name", ["Mn1_Nonlinear", "Mn2_Nonlinear"])
def test_tangents(name):
    d = TABLE[name][0]
    a, b = np.hsplit(draw(name)[:, : 2 * d], 2)
    a, b = np.arctan(a), np.tan(b)
    # With y the parameters backwards: a = x cos y, b = y sin x, so reversed x sin y.
    x = np.hypot(a, b[:, ::-1])
    np.testing.assert_allclose(a, x * np.cos(x[:, ::-1]), atol=1e-13)
    np.testing.assert_allclose(b, x[:, ::-1] * np.sin(x), atol=1e-13)
    assert_follows(x, "uniform")


@pytest.mark.parametrize("name", ["Mp1_Paraboloid", "Mp2_Paraboloid", "Mp3_Paraboloid"])
def test_paraboloids(name):
    d = TABLE[name][0]
    X, sines, squares = np.hsplit(draw(name), 3)
    x = X[:, :d]
    np.testing.assert_allclose(X[:, d], (x**2).sum(axis=1))
    np.testing.assert_array_equal(sines, np.sin(X))
    np.testing.assert_array_equal(squares, X**2)
    for coordinate in x.T:
        assert_follows(coordinate, "uniform")
    # P(all x <= t) = 1 / (d (1/t - 1) + 1), so this is the law of the largest.
    assert_follows(x.max(axis=1), lambda t: 1 / (d * (1 / t - 1) + 1))
