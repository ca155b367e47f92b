"""Geodesic distances against shortest paths and integrals."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import pdist, squareform

from sklatent.datasets import (
    geodesic_distances,
    make_affine,
    make_ball,
    make_flat_torus,
    make_hypersphere,
    make_swiss_roll,
    make_tree,
)

MAKE = {
    "affine": make_affine,
    "ball": make_ball,
    "flat_torus": make_flat_torus,
    "hypersphere": make_hypersphere,
    "swiss_roll": make_swiss_roll,
    "tree": make_tree,
}
each = pytest.mark.parametrize("name", MAKE)


@each
def test_is_a_distance_at_least_that_through_space(name):
    X, _ = MAKE[name](60, random_state=0)
    D = geodesic_distances(name, X)
    np.testing.assert_allclose(D, D.T, atol=1e-13)
    np.testing.assert_allclose(np.diag(D), 0, atol=1e-7)
    assert (D - squareform(pdist(X)) > -1e-12).all()
    around = D[:, :, None] + D[None, :, :]
    assert (around.min(axis=1) - D > -1e-12).all(), "a detour is shorter"
    np.testing.assert_array_equal(geodesic_distances(name, X[:7], X[5:]), D[:7, 5:])


@pytest.mark.parametrize("name", ["flat_torus", "hypersphere", "swiss_roll"])
def test_is_locally_the_distance_through_space(name):
    X, _ = MAKE[name](4000, random_state=0)
    D, chord = geodesic_distances(name, X[:50], X), squareform(pdist(X))[:50]
    # On curves of radius r at least 1, arcs exceed chords by a share of s^2 / (24 r^2).
    near = (chord > 0) & (chord < 0.3)
    np.testing.assert_allclose(D[near], chord[near], rtol=0.3**2 / 20)


@pytest.mark.parametrize("name", ["flat_torus", "hypersphere"])
def test_is_close_to_the_shortest_path_of_a_graph(name):
    """Steps of up to 0.5 make ways that turn, longer by some per cent."""
    X, _ = MAKE[name](1500, random_state=0)
    steps = squareform(pdist(X))
    steps[steps > 0.5] = 0
    ways = shortest_path(steps, indices=np.arange(20))
    D = geodesic_distances(name, X[:20], X)
    # A path may be shorter than the surface by the share of arcs over chords.
    assert (ways >= D * (1 - 0.5**2 / 20)).all()
    far = D > 1
    assert np.median(ways[far] / D[far]) < 1.05


def test_hypersphere_is_the_angle():
    X, _ = make_hypersphere(50, dimension=4, random_state=0)
    D = geodesic_distances("hypersphere", X, -X)
    np.testing.assert_allclose(np.diag(D), np.pi, rtol=1e-7)
    np.testing.assert_allclose(np.cos(D), -X @ X.T, atol=1e-12)


def test_swiss_roll_is_unrolled():
    X = np.array(
        [[5 * np.cos(5), 3.0, 5 * np.sin(5)], [9 * np.cos(9), 7, 9 * np.sin(9)]]
    )
    arc, _ = quad(lambda t: np.sqrt(1 + t * t), 5, 9)
    D = geodesic_distances("swiss_roll", X)
    np.testing.assert_allclose(D[0, 1], np.hypot(arc, 4), rtol=1e-12)


def test_tree_is_walked_edge_by_edge():
    """Along a graph with a vertex for each point and each end of an edge."""
    X, _ = make_tree(40, n_branches=2, depth=3, random_state=0)
    edges = X.shape[1]
    vertices = np.zeros((edges + 1, edges))
    for e in range(edges):
        parent = 0 if e < 2 else (e - 2) // 2 + 1
        vertices[e + 1] = vertices[parent]
        vertices[e + 1, e] = 1
    nodes = np.vstack([X, vertices])
    # Points on one edge differ in one feature only, and so do they from its ends.
    steps = squareform(pdist(nodes))
    differ = (nodes[:, None, :] != nodes[None, :, :]).sum(axis=2)
    steps[differ != 1] = 0
    ways = shortest_path(steps)[:40, :40]
    np.testing.assert_allclose(geodesic_distances("tree", X), ways, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mobius", np.ones((2, 3))), "'manifold' parameter of geodesic_distances"),
        (("flat_torus", np.ones((2, 3))), "two columns for each angle.*got 3 columns"),
        (("swiss_roll", np.ones((2, 4))), "3 columns of the Swiss roll; got 4"),
        (
            ("ball", np.ones((2, 3)), np.ones((2, 2))),
            "Y must have as many columns",
        ),
        (("ball", [[np.nan]]), "contains NaN"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        geodesic_distances(*arguments)
