"""Points on a tree whose edges are at right angles."""

import numpy as np

from sklatent.datasets._observe import observe, validated
from sklatent.utils._random import random_generator


def tree_parents(n_branches, depth):
    """Edge below which each edge is, or -1 at the root, level by level."""
    parents, first = [-1] * n_branches, 0
    for _ in range(depth - 1):
        level = range(first, len(parents))
        first = len(parents)
        parents += [edge for edge in level for _ in range(n_branches)]
    return np.array(parents)


@validated()
def make_tree(
    n_samples=100,
    *,
    n_branches=3,
    depth=2,
    n_features=None,
    noise=0.0,
    random_state=None,
):
    """Generate points uniformly on a tree.

    From the root, and from the end of each edge but the last ones, `n_branches` edges
    of length 1 go out. Each edge has a feature of its own, in which the points above it
    are 0 and those below it 1. So all edges are straight and at right angles, and the
    distance along the tree is the sum of the absolute differences of the features.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    n_branches : int, default=3
        Number of edges at the root, and below each edge.
    depth : int, default=2
        Number of edges from the root to an end: 1 for a star.
    n_features : int or None, default=None
        Number of features. None takes the smallest, the number of edges. With more, the
        points are rotated at random into the space of all features.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, 1.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    geodesic_distances : Distances along the tree.
    laplacian_eigenvalues : Eigenvalues of the Laplacian on the tree.
    make_helix : Points on a curve.

    Examples
    --------
    >>> from sklatent.datasets import make_tree
    >>> X, dimension = make_tree(n_branches=2, depth=3, random_state=0)
    >>> X.shape, dimension
    ((100, 14), 1)

    Each point is at a distance of at most 3 from the root:

    >>> bool(X.sum(axis=1).max() <= 3)
    True
    """
    rng = random_generator(random_state)
    parents = tree_parents(n_branches, depth)
    edge = rng.randint(len(parents), size=n_samples)
    row = np.arange(n_samples)
    X = np.zeros((n_samples, len(parents)))
    X[row, edge] = rng.uniform(size=n_samples)
    for _ in range(depth - 1):
        edge = np.where(edge >= 0, parents[edge], -1)
        above = edge >= 0
        X[row[above], edge[above]] = 1
    return observe(X, rng, noise, n_features), 1
