from itertools import combinations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial import cKDTree
from scipy.special import gammaln

from sklatent.datasets import make_hypersphere, make_line_disk_ball
from sklatent.dimension import ESS, TwoNN
from sklatent.dimension._simplex_skewness import (
    dimension_with_skewness,
    expected_skewness,
    simplex_skewness,
)


@pytest.mark.parametrize("d", [2, 3, 7.5, 40])
def test_expected_skewness_is_the_mean_sine(d):
    """The angle to any direction has a density in proportion to sin(theta)^(d - 2)."""

    def moment(power):
        return quad(lambda theta: np.sin(theta) ** (d - 2 + power), 0, np.pi)[0]

    expected = moment(1) / moment(0)
    np.testing.assert_allclose(expected_skewness(d), expected, rtol=1e-8)


def test_parallel_vectors_have_no_skewness():
    assert expected_skewness(1.0) == 0
    assert dimension_with_skewness(0.0, k=10) == 1


@pytest.mark.parametrize(("k", "d"), [(4, 3), (10, 20)])
def test_areas_are_smaller_by_the_factor_for_the_mean(k, d):
    """Pairs of normal points less their mean: 100,000, within four standard errors."""
    X = np.random.RandomState(0).normal(size=(100_000, k, d))
    V = X - X.mean(axis=1, keepdims=True)
    gram = np.einsum("nid,njd->nij", V[:, :2], V[:, :2])
    area = np.sqrt(np.linalg.det(gram)) * k / (k - 1)  # of vectors of variance 1
    r = -1 / (k - 1)
    length = np.sqrt(2) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2))
    expected = np.sqrt(1 - r**2) * expected_skewness(d) * length**2
    assert abs(area.mean() - expected) < 4 * area.std() / np.sqrt(len(area))


@pytest.mark.parametrize("d", [3, 10])
def test_ten_points_are_enough(d):
    """The dimension from 8,000 neighborhoods, by 1.5 % as the docstring says."""
    rng, k = np.random.RandomState(0), 10
    normal = rng.normal(size=(8000 * k, d))
    radius = rng.uniform(size=(8000 * k, 1)) ** (1 / d)
    ball = radius * normal / np.linalg.norm(normal, axis=1, keepdims=True)
    for X, low, high in ((normal, -0.02, 0), (ball, -0.005, 0.01)):
        skewness = simplex_skewness(X, np.arange(len(X)).reshape(-1, k)).mean()
        assert low < dimension_with_skewness(skewness, k) / d - 1 < high


def test_skewness_by_a_loop_over_triangles():
    X = np.random.RandomState(0).normal(size=(30, 4)) * [1, 2, 3, 4] + 1e6
    neighbors = np.random.RandomState(1).permutation(30).reshape(-1, 6)
    skewness = simplex_skewness(X, neighbors)
    for rows, found in zip(neighbors, skewness, strict=True):
        V = X[rows] - X[rows].mean(axis=0)
        pairs = [np.array(pair) for pair in combinations(V, 2)]
        area = sum(np.sqrt(np.linalg.det(pair @ pair.T)) for pair in pairs)
        product = sum(np.prod(np.linalg.norm(pair, axis=1)) for pair in pairs)
        np.testing.assert_allclose(found, area / product, rtol=1e-7)


def test_dimension_is_the_inverse_of_skewness():
    d = np.array([1, 1.001, 1.5, 2, 3, 10, 100, 5000])
    for k in (3, 10, 1000):
        skewness = expected_skewness(d) * np.sqrt(1 - 1 / (k - 1) ** 2)
        found = dimension_with_skewness(skewness, k)
        np.testing.assert_allclose(found, d, rtol=1e-7)


def test_right_angles_have_the_largest_dimension():
    """The corners of an equilateral triangle are as far from parallel as can be."""
    angle = np.arange(3) * 2 * np.pi / 3
    triangle = np.column_stack([np.cos(angle), np.sin(angle)])
    (skewness,) = simplex_skewness(triangle, np.arange(3)[None])
    np.testing.assert_allclose(skewness, np.sqrt(3) / 2)
    assert dimension_with_skewness(skewness, 3) == pytest.approx(1e4, rel=1e-3)


@pytest.mark.parametrize("d", [3, 20, 50])
def test_spheres(d):
    """Curvature of so few rows adds 1 % where distances lose 10 to 40 % from d = 20."""
    ess, two_nn = [], []
    for seed in range(4):
        X, _ = make_hypersphere(1000, dimension=d, random_state=seed)
        ess.append(ESS().fit(X).dimension_)
        two_nn.append(TwoNN().fit(X).dimension_)
    assert np.mean(ess) == pytest.approx(d, rel=0.025)
    if d >= 20:
        assert np.mean(two_nn) < 0.9 * d


def test_parts_of_different_dimension():
    X, dimension = make_line_disk_ball(3000, random_state=0)
    local = ESS().fit(X).local_dimension_
    means = [local[dimension == d].mean() for d in (1, 2, 3)]
    np.testing.assert_allclose(means, [1, 2, 3], atol=0.1)


def test_one_feature_is_one_dimension_without_error():
    ess = ESS().fit(np.random.RandomState(0).normal(size=(50, 1)))
    assert ess.dimension_ == pytest.approx(1, abs=1e-6)
    assert ess.dimension_std_ == pytest.approx(0, abs=1e-6)


def on_torus(n, d, k, seed):
    """Skewness of neighborhoods on the flat torus, which has no edge."""
    X = np.random.RandomState(seed).uniform(size=(n, d))
    _, indices = cKDTree(X, boxsize=1).query(X, k + 1)
    vectors = X[indices[:, 1:]] - X[:, None]
    vectors -= np.round(vectors)
    return simplex_skewness(vectors.reshape(-1, d), np.arange(n * k).reshape(n, k))


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.slow
def test_standard_error_of_rows_that_share_neighbors(d):
    """Of 200 repetitions, whose own standard error is 5 %; false alarm 1 in 1,000."""
    n, k = 300, 10
    skewness = [on_torus(n, d, k, seed) for seed in range(200)]
    spread = np.std([each.mean() for each in skewness])
    claimed = np.mean([each.std() * np.sqrt(k / 4 / n) for each in skewness])
    assert spread == pytest.approx(claimed, rel=0.22)
