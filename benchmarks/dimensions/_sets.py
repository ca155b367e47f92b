"""Sets of known dimension.

Each is a function of the number of rows and a seed that returns the rows.
"""

import functools

import numpy as np
from scipy.linalg import orth

from sklatent.datasets import (
    make_affine,
    make_ball,
    make_flat_torus,
    make_hypersphere,
    make_manifold,
)
from sklatent.datasets._benchmark import burr, paraboloid

# Seeds of the tables of the package are small; these are others.
FIRST_SEED = 100_000


def drawn(generator):
    """Rows of one of the public generators."""

    def draw(n, seed, **settings):
        return generator(n_samples=n, random_state=FIRST_SEED + seed, **settings)[0]

    return draw


def normal(n, seed, dimension):
    """Rows of N(0, I)."""
    return np.random.default_rng(FIRST_SEED + seed).standard_normal((n, dimension))


def affine_image(n, seed, dimension):
    """A cube under a random linear map into twice as many features.

    The longest axis is about six times as long as the shortest.
    """
    rng = np.random.default_rng(FIRST_SEED + seed)
    A = rng.standard_normal((dimension, 2 * dimension))
    return rng.uniform(size=(n, dimension)) @ A


def paraboloids(n, seed, dimension):
    """The paraboloids of the benchmark manifolds, with other dimensions."""
    rng = np.random.RandomState(FIRST_SEED + seed)
    return paraboloid(burr(rng, (n, dimension)))


def turned(draw):
    """The same rows, under a random rotation into three more features."""

    def rotated(n, seed, **settings):
        X = draw(n, seed, **settings)
        p = X.shape[1]
        rng = np.random.default_rng(seed)
        return X @ orth(rng.standard_normal((p + 3, p))).T

    return rotated


def periodic_distances(n, seed, dimension):
    """Distances on a torus that is flat everywhere: a cube whose faces are joined."""
    X = np.random.default_rng(FIRST_SEED + seed).uniform(size=(n, dimension))
    square = np.zeros((n, n))
    for x in X.T:
        apart = np.abs(x[:, None] - x)
        square += np.minimum(apart, 1 - apart) ** 2
    return np.sqrt(square)


def common():
    """Sets for the coverage: (name, dimension), the rows, and their metric."""
    kinds = {
        "torus, periodic": (periodic_distances, "precomputed"),
        "torus": (drawn(make_flat_torus), "euclidean"),
        "sphere": (drawn(make_hypersphere), "euclidean"),
        "ball": (drawn(make_ball), "euclidean"),
        "cube": (drawn(make_affine), "euclidean"),
        "normal": (normal, "euclidean"),
    }
    sets = {
        (name, d): (functools.partial(draw, dimension=d), metric)
        for name, (draw, metric) in kinds.items()
        for d in (2, 3, 5, 10)
    }
    curved = {"M7_Roll": 2, "M13a_Scurve": 2}
    paraboloids = {"Mp1_Paraboloid": 3, "Mp2_Paraboloid": 6, "Mp3_Paraboloid": 9}
    for name, d in (curved | paraboloids).items():
        draw = functools.partial(drawn(make_manifold), name=name)
        sets[name, d] = draw, "euclidean"
    return sets


def variants():
    """Sets for the accuracy, not among the benchmark manifolds: (name, dimension)."""
    kinds = {
        "sphere": (drawn(make_hypersphere), (3, 8, 17, 50)),
        "affine image": (affine_image, (4, 9, 18, 35)),
        "normal": (normal, (5, 12, 30)),
        "paraboloid": (paraboloids, (4, 7, 12)),
    }
    return {
        (name, d): functools.partial(turned(draw), dimension=d)
        for name, (draw, dimensions) in kinds.items()
        for d in dimensions
    }
