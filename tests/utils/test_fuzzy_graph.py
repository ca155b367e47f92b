"""The weighted graph of nearest rows, against its definition."""

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestNeighbors

from sklatent.utils._fuzzy_graph import (
    fit_similarity,
    fuzzy_graph,
    memberships,
    smallest_scale,
    sure_distances,
)


def membership(distances):
    """Memberships with one sure neighbor, as in the graph."""
    rho = sure_distances(distances, 1.0)
    k = distances.shape[1] + 1
    return memberships(distances, rho, k, smallest_scale(distances))


@pytest.fixture
def nearest():
    X = np.random.RandomState(0).standard_normal((60, 4))
    distances, indices = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X)
    return distances[:, 1:], indices[:, 1:]


def test_weights_by_their_equation(nearest):
    distances, _ = nearest
    weights = membership(distances)
    for d, w in zip(distances, weights, strict=True):
        beyond = d - d[0]

        def excess(sigma, beyond=beyond):
            return np.exp(-beyond / sigma).sum() - np.log2(11)

        sigma = brentq(excess, 1e-3, 1e3, xtol=1e-14)
        np.testing.assert_allclose(w, np.exp(-beyond / sigma), rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_weights_have_no_scale(nearest, scale):
    distances, _ = nearest
    np.testing.assert_allclose(
        membership(distances * scale), membership(distances), rtol=1e-9
    )


def test_repeated_rows_weigh_one():
    weights = membership(np.array([[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0]]))
    assert (weights[0, :3] == 1).all()
    assert (weights[1] == 1).all()


def test_the_union_is_that_of_probabilities(nearest):
    distances, indices = nearest
    weights = membership(distances)
    A = np.zeros((60, 60))
    np.put_along_axis(A, indices, weights, axis=1)
    graph = fuzzy_graph(distances, indices)
    np.testing.assert_allclose(graph.toarray(), 1 - (1 - A) * (1 - A.T), atol=1e-15)


def test_no_row_is_beside_itself():
    X = np.repeat(load_iris().data[:6], 4, axis=0)
    distances, indices = NearestNeighbors(n_neighbors=3).fit(X).kneighbors(X)
    assert (fuzzy_graph(distances, indices).diagonal() == 0).all()


def test_kernel_is_that_of_umap():
    """The numbers that umap-learn 0.5.12 fits, to the digits that it keeps."""
    np.testing.assert_allclose(
        fit_similarity(1.0, 0.1), (1.57694346, 0.89506088), rtol=1e-6
    )
