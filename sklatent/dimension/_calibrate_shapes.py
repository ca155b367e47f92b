"""Sets of points of known dimension, whose estimates are tabulated.

Without a boundary, with one, with edges and corners, with an uneven density, with heavy
tails, and with axes of unequal length.
"""

import numpy as np

from sklatent.datasets import (
    make_affine,
    make_ball,
    make_cubic_surface,
    make_flat_torus,
    make_hypersphere,
)


def by(generator):
    """Points of one of the public generators."""
    return lambda n, d, rng: generator(n, dimension=d, random_state=rng)[0]


def axes(d):
    """Lengths of d axes, from 1 to 1/4 in equal ratios."""
    return np.geomspace(1, 0.25, d)


def gaussian(n, d, rng):
    """Points of N(0, I)."""
    return rng.standard_normal((n, d))


def student(n, d, rng):
    """Points of Student's distribution with five degrees of freedom."""
    return gaussian(n, d, rng) / np.sqrt(rng.chisquare(5, size=(n, 1)) / 5)


# Each a function of the number of points, the dimension and a generator of numbers.
SHAPES = {
    "ball": by(make_ball),
    "cube": by(make_affine),
    "box": lambda n, d, rng: by(make_affine)(n, d, rng) * axes(d),
    "gaussian": gaussian,
    "ellipsoid": lambda n, d, rng: gaussian(n, d, rng) * axes(d),
    "exponential": lambda n, d, rng: rng.exponential(size=(n, d)),
    "student": student,
    "sphere": by(make_hypersphere),
    "cubic surface": by(make_cubic_surface),
    "torus": by(make_flat_torus),
}
