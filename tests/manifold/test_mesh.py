"""Forces between all places, against sums over all pairs."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from sklatent.manifold.mesh._all_pairs import AllPairs
from sklatent.manifold.mesh._convolution import Convolution
from sklatent.manifold.mesh._descent import Descent
from sklatent.manifold.mesh._edges import Edges
from sklatent.manifold.mesh._mesh import MOST_NODES, Geometry, Mesh
from sklatent.manifold.mesh._scales import RATIO, TwoScales, _refinement
from sklatent.manifold.mesh._splines import Nodes

# (kernel, its derivative), of the squared distance.
CAUCHY = (lambda s: 1 / (1 + s), lambda s: -1 / (1 + s) ** 2)
HEAVY = (lambda s: (1 + s / 2) ** -1.5, lambda s: -0.75 * (1 + s / 2) ** -2.5)


def clusters(n, span, n_axes, seed=0):
    """Places in clusters, that span so much."""
    rng = np.random.RandomState(seed)
    centers = rng.uniform(0, span, (n // 50, n_axes))
    Y = centers[rng.randint(len(centers), size=n)]
    Y = Y + rng.normal(0, span / 25, (n, n_axes))
    Y -= Y.min(axis=0)
    return (Y * span / Y.max()).astype(np.float32)


def brute(Y, charges, kernel, slope):
    """Potential and gradient at the charges, and the energy of all others."""
    Y = Y.astype(np.float64)
    square = cdist(Y, Y, "sqeuclidean")
    values = kernel(square) @ charges
    w = 2 * slope(square) * charges
    gradient = w.sum(axis=1)[:, None] * Y - w @ Y
    energy = charges @ values - kernel(0.0) * charges @ charges
    return values, gradient, energy


@pytest.mark.parametrize("kernel", [CAUCHY, HEAVY], ids=["cauchy", "heavy"])
@pytest.mark.parametrize(
    ("n_axes", "span", "error"),
    [
        # A mesh of 50 intervals at least is very fine where places are close.
        (2, 1e-4, 1e-4),
        (2, 1.0, 1e-4),
        (2, 20.0, 5e-3),
        (2, 100.0, 1e-2),
        (1, 100.0, 1e-2),
        (3, 25.0, 2e-2),
    ],
)
def test_forces_of_a_mesh(kernel, n_axes, span, error):
    Y = clusters(2500, span, n_axes)
    values, gradient, energy = brute(Y, np.ones(len(Y)), *kernel)
    potential = Mesh(kernel[0]).potential(Y)
    found = potential.gradient_of_others(Y)
    assert np.linalg.norm(found - gradient) <= error * np.linalg.norm(gradient)
    np.testing.assert_allclose(potential.energy, energy, rtol=1e-3)
    np.testing.assert_allclose(potential.values(Y), values, rtol=5e-3)


def test_charges():
    Y = clusters(1000, 40.0, 2)
    charges = np.random.RandomState(1).uniform(0.5, 2, len(Y)).astype(np.float32)
    values, gradient, energy = brute(Y, charges, *CAUCHY)
    for sums in (Mesh(CAUCHY[0]), AllPairs(*CAUCHY)):
        potential = sums.potential(Y, charges)
        found = potential.gradient_of_others(Y, charges)
        assert np.linalg.norm(found - gradient) <= 0.01 * np.linalg.norm(gradient)
        np.testing.assert_allclose(potential.energy, energy, rtol=1e-3)
        np.testing.assert_allclose(potential.values(Y), values, rtol=5e-3)


def test_all_pairs_are_exact_in_double_precision():
    Y = clusters(300, 10.0, 4).astype(np.float64)
    values, gradient, energy = brute(Y, np.ones(len(Y)), *HEAVY)
    potential = AllPairs(*HEAVY).potential(Y)
    np.testing.assert_allclose(potential.gradient(Y), gradient, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(potential.values(Y), values, rtol=1e-12)
    np.testing.assert_allclose(potential.energy, energy, rtol=1e-12)


def test_places_do_not_depend_on_the_others_of_a_call():
    Y = clusters(1000, 40.0, 2)
    potential = Mesh(CAUCHY[0]).potential(Y)
    whole = potential.gradient(Y)
    for part in (slice(1), slice(3, 10), slice(500, 1000)):
        np.testing.assert_array_equal(potential.gradient(Y[part]), whole[part])


def test_a_charge_hardly_pushes_itself():
    """Two far apart, each somewhere between the nodes."""
    rng = np.random.RandomState(0)
    for _ in range(20):
        Y = np.stack([rng.uniform(0, 1, 2), rng.uniform(80, 81, 2)]).astype(np.float32)
        potential = Mesh(CAUCHY[0]).potential(Y)
        assert np.abs(potential.gradient_of_others(Y)).max() < 2e-3
        np.testing.assert_allclose(potential.gradient(Y + 1e-3), 0, atol=0.02)


def test_threads_do_not_change_a_bit():
    Y = clusters(3000, 80.0, 2)
    one, many = (Mesh(CAUCHY[0], n).potential(Y) for n in (1, 3))
    np.testing.assert_array_equal(one.phi, many.phi)


def test_off_the_grid():
    Y = clusters(500, 30.0, 2)
    potential = Mesh(CAUCHY[0]).potential(Y)
    assert not potential.off(Y).any()
    assert potential.off(Y + 1e4).all()


def test_a_wide_map_has_a_coarse_grid():
    fine, coarse = (Geometry.over(np.array([s, s]), 0.35) for s in (100.0, 1e7))
    assert fine.spacing <= 0.35
    assert coarse.spacing > 0.35
    assert np.prod(coarse.shape) <= MOST_NODES[2]


def test_weights_are_those_of_cubic_splines():
    x = np.linspace(2, 5, 50)[:, None]
    nodes = Nodes(x, (10,))
    grid = np.random.RandomState(0).standard_normal(10)
    spline = BSpline(np.arange(-2, 12), grid, 3)
    values, slopes = nodes.interpolate(grid)
    np.testing.assert_allclose(values, spline(x[:, 0]), atol=1e-12)
    np.testing.assert_allclose(slopes, spline.derivative()(x[:, 0]), atol=1e-12)
    spread = np.zeros(10)
    charges = np.random.RandomState(1).uniform(size=50)
    nodes.spread(spread, charges)
    # Spreading is the transpose of interpolation.
    np.testing.assert_allclose(spread @ grid, charges @ values, rtol=1e-12)


@pytest.mark.parametrize("n_axes", [1, 2, 3, 5])
@pytest.mark.parametrize("density", [0.01, 0.5])
def test_forces_along_edges(n_axes, density):
    n = 700
    rng = np.random.default_rng(0)
    P = csr_array(np.where(rng.random((n, n)) < density, rng.random((n, n)), 0))
    P = (P + P.T).tocsr()
    Y = clusters(n, 10.0, n_axes).astype(np.float64)
    edges = Edges(P, np.float64)
    results = [part.forces(Y, lambda s: 1 / (1 + s)) for part in edges.parts]
    found = edges.add_forces(np.zeros_like(Y), results)
    W = P.toarray() / (1 + cdist(Y, Y, "sqeuclidean"))
    np.fill_diagonal(W, 0)
    expected = W.sum(axis=1)[:, None] * Y - W @ Y
    np.testing.assert_allclose(found, expected, atol=1e-9)
    total = (np.triu(P.toarray(), 1) * np.log1p(cdist(Y, Y, "sqeuclidean"))).sum()
    np.testing.assert_allclose(edges.total(Y, np.log1p), total, rtol=1e-10)


def test_descent_finds_a_minimum():
    scales = np.array([1.0, 30.0])
    descent = Descent(np.full((5, 2), 3.0))
    for _ in range(400):
        descent.move(scales * descent.Y, 0.01, 0.8)
    assert np.abs(descent.Y).max() < 1e-3


def test_a_spline_on_the_wide_grid_is_one_on_the_fine_grid():
    n = 30
    R = _refinement(n)
    x = np.linspace(1, n - 2, 300)
    fine = BSpline.basis_element(np.arange(-2, 3), extrapolate=False)
    wide = BSpline.basis_element(RATIO * np.arange(-2, 3), extrapolate=False)
    rng = np.random.RandomState(0)
    coefficients = rng.standard_normal(R.shape[1])
    expected = sum(
        c * np.nan_to_num(wide(x - RATIO * (i - 1))) for i, c in enumerate(coefficients)
    )
    found = sum(c * np.nan_to_num(fine(x - i)) for i, c in enumerate(R @ coefficients))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_two_grids_are_as_exact_as_one():
    shape, spacing = (140, 120), 0.35
    rng = np.random.RandomState(0)
    charge = np.zeros(shape, dtype=np.float32)
    charge[rng.randint(5, 110, 300), rng.randint(5, 110, 300)] = 1
    one, two = (C(CAUCHY[0], spacing, shape) for C in (Convolution, TwoScales))
    fields = [np.gradient(c(charge), spacing) for c in (one, two)]
    error = np.linalg.norm(np.subtract(*fields)) / np.linalg.norm(fields[0])
    assert error < 2e-3
    np.testing.assert_allclose(two.own.potential, one.own.potential, rtol=1e-3)
