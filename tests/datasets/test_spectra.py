"""Eigenvalues against tables of Bessel functions, differences, and counting."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.special import gamma, jnp_zeros, spherical_jn

from sklatent.datasets import laplacian_eigenvalues


def weyl(eigenvalues, dimension, volume):
    """Number of eigenvalues below the largest, and what Weyl's law expects."""
    unit_ball = np.pi ** (dimension / 2) / gamma(1 + dimension / 2)
    top = eigenvalues[-1]
    expected = unit_ball * volume * (np.sqrt(top) / (2 * np.pi)) ** dimension
    return len(eigenvalues), expected


def test_circle():
    found = laplacian_eigenvalues("hypersphere", 6, dimension=1)
    np.testing.assert_array_equal(found, [1, 1, 4, 4, 9, 9])
    torus = laplacian_eigenvalues("flat_torus", 6, dimension=1)
    np.testing.assert_array_equal(torus, found)


@pytest.mark.parametrize("d", [2, 3, 5])
def test_hypersphere(d):
    """Polynomials of degree l in d + 1 variables less those of degree l - 2."""
    found = laplacian_eigenvalues("hypersphere", 200, dimension=d)
    values, counts = np.unique(found, return_counts=True)
    degrees = np.arange(1, len(values) + 1)
    np.testing.assert_array_equal(values, degrees * (degrees + d - 1))

    def n_polynomials(degree):
        return sum(
            sum(powers) == degree for powers in product(range(degree + 1), repeat=d + 1)
        )

    for degree in (1, 2, 3):
        below = n_polynomials(degree - 2) if degree > 1 else 0
        expected = n_polynomials(degree) - below
        assert counts[degree - 1] == min(expected, 200 - counts[: degree - 1].sum())


def test_flat_torus():
    every = sorted(i * i + j * j for i, j in product(range(-9, 10), repeat=2))
    found = laplacian_eigenvalues("flat_torus", 60, dimension=2)
    np.testing.assert_array_equal(found, every[1:61])


def test_box():
    sides = np.array([1.0, 1.6, 0.7])
    every = sorted(
        ((np.pi * np.array(i) / sides) ** 2).sum() for i in product(range(9), repeat=3)
    )
    found = laplacian_eigenvalues("affine", 40, dimension=3, side_lengths=sides)
    np.testing.assert_allclose(found, every[1:41], rtol=1e-13)
    interval = laplacian_eigenvalues("affine", 4, dimension=1)
    np.testing.assert_allclose(interval, (np.pi * np.arange(1, 5)) ** 2)


def test_ball_of_one_dimension_is_an_interval():
    found = laplacian_eigenvalues("ball", 30, dimension=1)
    np.testing.assert_allclose(found, (np.pi * np.arange(1, 31) / 2) ** 2, rtol=1e-12)


def test_disk():
    every = list(jnp_zeros(0, 20))
    for m in range(1, 40):
        every += 2 * list(jnp_zeros(m, 20))
    found = laplacian_eigenvalues("ball", 100, dimension=2)
    np.testing.assert_allclose(found, np.sort(every)[:100] ** 2, rtol=1e-12)


def test_ball_of_three_dimensions():
    """First roots of the derivatives of spherical Bessel functions."""
    found = np.sqrt(laplacian_eigenvalues("ball", 9, dimension=3))
    np.testing.assert_allclose(
        found, 3 * [2.08158] + 5 * [3.34209] + [4.49341], atol=5e-6
    )
    slope = spherical_jn(1, found[0], derivative=True)
    assert abs(slope) < 1e-12


@pytest.mark.parametrize("d", [2, 3, 4])
def test_balls_obey_weyls_law(d):
    """The number below a bound grows with the volume, and with the boundary."""
    found = laplacian_eigenvalues("ball", 2000, dimension=d)
    volume = {2: np.pi, 3: 4 * np.pi / 3, 4: np.pi**2 / 2}[d]
    surface = d * volume
    n, interior = weyl(found, d, volume)
    _, boundary = weyl(found, d - 1, surface)
    # What is left over is an order smaller than the boundary's quarter.
    assert abs(n - interior - boundary / 4) < 0.1 * boundary


@pytest.mark.parametrize(("n_branches", "depth"), [(3, 1), (2, 2), (3, 2), (1, 2)])
def test_tree(n_branches, depth):
    """Second differences on 60 steps of each edge, with an error of (w h)^2 / 12."""
    steps = 60
    n_edges = sum(n_branches**level for level in range(1, depth + 1))
    n = 1 + n_edges * steps
    L, ends, node = np.zeros((n, n)), [0], 1
    for _ in range(depth):
        level = []
        for start in ends:
            for _ in range(n_branches):
                path = [start, *range(node, node + steps)]
                node += steps
                for a, b in pairwise(path):
                    L[[a, b], [a, b]] += steps
                    L[[a, b], [b, a]] -= steps
                level.append(path[-1])
        ends = level
    # Each node stands for half of the steps around it.
    mass = np.diag(L) / (2 * steps**2)
    every = np.linalg.eigvalsh(L / np.sqrt(np.outer(mass, mass)))
    found = laplacian_eigenvalues("tree", 12, n_branches=n_branches, depth=depth)
    error = found * (1 / steps) ** 2 / 12
    assert (np.abs(every[1:13] / found - 1) < 1.1 * error + 1e-9).all()


def test_one_branch_is_an_interval():
    found = laplacian_eigenvalues("tree", 5, n_branches=1, depth=4)
    interval = laplacian_eigenvalues("affine", 5, dimension=1, side_lengths=[4.0])
    np.testing.assert_allclose(found, interval, rtol=1e-13)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"manifold": "mobius"}, "'manifold' parameter of laplacian_eigenvalues"),
        ({"manifold": "ball", "n_eigenvalues": 0}, "'n_eigenvalues' parameter"),
        ({"manifold": "ball", "dimension": 0}, "'dimension' parameter"),
        ({"manifold": "ball", "dimension": 101}, "dimension must be at most 100"),
        ({"manifold": "affine", "side_lengths": [1.0]}, "side_lengths must be 2 pos"),
        ({"manifold": "tree", "depth": 0}, "'depth' parameter"),
    ],
)
def test_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        laplacian_eigenvalues(**settings)
