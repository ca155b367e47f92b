"""The largest eigenvalues against those of full matrices and of known graphs."""

import numpy as np
import pytest
from scipy.sparse import csr_array, kron
from scipy.sparse import random as random_graph

from sklatent.manifold._spectral import largest_eigenpairs, rayleigh_ritz


def laplacian(W):
    """Minus the Laplacian of a graph: without a positive eigenvalue."""
    W = csr_array(W)
    return csr_array(W - csr_array(np.diag(W.sum(axis=1))))


def cycle(n, reach=1):
    """Each vertex is linked to those up to `reach` steps away, on a circle."""
    W = np.zeros((n, n))
    for step in range(1, reach + 1):
        W += np.eye(n, k=step) + np.eye(n, k=step - n)
    return W + W.T


def constant(n):
    return np.full((n, 1), n**-0.5)


def assert_pairs(A, pairs, values, rtol=1e-8):
    """Right values, orthonormal vectors with the signs, residuals that are small."""
    np.testing.assert_allclose(pairs.values, values, rtol=rtol, atol=1e-13)
    V = pairs.vectors
    np.testing.assert_allclose(V.T @ V, np.eye(V.shape[1]), atol=1e-10)
    largest = V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])]
    assert (largest > 0).all()
    residuals = np.linalg.norm(A @ V - V * pairs.values, axis=0)
    rounding = 1e-14 * np.abs(A.diagonal()).max()
    np.testing.assert_allclose(pairs.residuals, residuals, atol=rounding)
    assert residuals.max() < 1e-4 * np.abs(A.diagonal()).max()


@pytest.mark.parametrize("n", [5, 150, 600, 3000])
@pytest.mark.parametrize("reach", [1, 2])
def test_every_pair_of_a_cycle(n, reach):
    """Waves: the eigenvalues 2 cos(2 pi m step / n) - 2, added up, each twice.

    For 3,000 vertices the first are a millionth of the largest.
    """
    A = laplacian(cycle(n, reach))
    m = np.arange(1, n)
    every = sum(-4 * np.sin(np.pi * m * step / n) ** 2 for step in range(1, reach + 1))
    k = min(8, n - 1)
    pairs = largest_eigenpairs(A, k, constant(n))
    assert_pairs(A, pairs, np.sort(every)[::-1][:k])


def test_multiple_eigenvalues_of_a_torus():
    """A product of cycles has four equal eigenvalues, twice, and then eight."""
    n = 28
    C = laplacian(cycle(n))
    one = csr_array(np.eye(n))
    A = csr_array(kron(C, one) + kron(one, C))
    line = -4 * np.sin(np.pi * np.arange(n) / n) ** 2
    every = np.sort(np.add.outer(line, line), axis=None)[::-1]
    pairs = largest_eigenpairs(A, 20, constant(n * n))
    assert_pairs(A, pairs, every[1:21])


def test_all_edges_of_a_complete_graph():
    """All eigenvalues but one are equal: no method of few vectors may tire."""
    n = 300
    A = laplacian(np.ones((n, n)) - np.eye(n))
    pairs = largest_eigenpairs(A, 3, constant(n))
    assert_pairs(A, pairs, np.full(3, -float(n)))


@pytest.mark.parametrize("seed", range(3))
def test_random_graphs(seed):
    W = random_graph(700, 700, 0.02, random_state=seed, format="csr")
    A = laplacian((W + W.T).toarray())
    pairs = largest_eigenpairs(A, 6, constant(700))
    assert_pairs(A, pairs, np.linalg.eigvalsh(A.toarray())[::-1][1:7])


def test_unconnected_graphs_with_their_indicators_known():
    sizes, blocks = [250, 350, 40], []
    for size in sizes:
        blocks.append(cycle(size))
    n, A, known, start = sum(sizes), [], [], 0
    W = np.zeros((n, n))
    for block in blocks:
        inside = slice(start, start + len(block))
        W[inside, inside] = block
        column = np.zeros(n)
        column[inside] = len(block) ** -0.5
        known.append(column)
        start += len(block)
    A = laplacian(W)
    pairs = largest_eigenpairs(A, 5, np.column_stack(known))
    every = [-4 * np.sin(np.pi * np.arange(1, s) / s) ** 2 for s in sizes]
    assert_pairs(A, pairs, np.sort(np.concatenate(every))[::-1][:5])


def test_fewer_pairs_than_asked_for():
    A = laplacian(cycle(4))
    pairs = largest_eigenpairs(A, 9, constant(4))
    assert_pairs(A, pairs, [-2, -2, -4])


def test_same_bits_again():
    A = laplacian(cycle(900, 3))
    first, second = (largest_eigenpairs(A, 4, constant(900)) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, second.vectors)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_scale(scale):
    A = laplacian(cycle(500, 2))
    pairs = largest_eigenpairs(A, 4, constant(500))
    scaled = largest_eigenpairs(csr_array(A * scale), 4, constant(500))
    np.testing.assert_allclose(scaled.values / scale, pairs.values, rtol=1e-9)


def test_rayleigh_ritz_bounds_the_error():
    """An eigenvalue lies within the residual of each value (Weinstein's bound)."""
    rng = np.random.RandomState(0)
    A = rng.normal(size=(30, 30))
    A += A.T
    found = rayleigh_ritz(A, rng.normal(size=(30, 4)))
    every = np.linalg.eigvalsh(A)
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert np.abs(every - value).min() <= residual
    assert (np.diff(found.values) <= 0).all()
