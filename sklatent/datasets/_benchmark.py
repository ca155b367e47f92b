"""The manifolds on which estimators of the intrinsic dimension are compared.

Collected by Campadelli et al. (2015), most of them from Hein and Audibert (2005). A
chart maps parameters, (n, dimension), to points, (n, n_features).
"""

import numpy as np

from sklatent.datasets._manifolds import make_helix, make_mobius, make_swiss_roll
from sklatent.datasets._observe import observe, validated
from sklatent.datasets._symmetric import (
    make_affine,
    make_cubic_surface,
    make_hypersphere,
)
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import StrOptions


def affine_3to5(u):
    """A three-dimensional subspace of five dimensions."""
    A = [
        [1.2, -0.5, 0.0],
        [0.5, 0.9, 0.0],
        [-0.5, -0.2, 1.0],
        [0.4, -0.9, -0.1],
        [1.1, -0.3, 0.0],
    ]
    return 4 * u @ np.transpose(A) + [3, -1, 0, 0, 8]


def nonlinear_4to6(u):
    """Four dimensions, so concentrated that they look like three."""
    p0, p1, p2, p3 = u.T
    return np.column_stack(
        [
            p1**2 * np.cos(2 * np.pi * p0),
            p2**2 * np.sin(2 * np.pi * p0),
            p1 + p2 + (p1 - p3) ** 2,
            p1 - 2 * p2 + (p0 - p3) ** 2,
            -p1 - 2 * p2 + (p2 - p3) ** 2,
            p0**2 - p1**2 + p2**2 - p3**2,
        ]
    )


def curled(u):
    """Each parameter is an angle, and the radius of the one before it."""
    angle, radius = 2 * np.pi * u, np.roll(u, -1, axis=1)
    return np.hstack([radius * np.cos(angle), radius * np.sin(angle)])


def helicoid(u):
    """A helicoid, like spiral stairs."""
    radius, angle = 10 * np.pi * u.T
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), angle / 2])


def s_curve(u):
    """Two bent sheets that join smoothly."""
    t, height = 3 * np.pi * (u[:, 0] - 0.5), 2 * u[:, 1]
    # The sign bends the two halves in opposite directions.
    return np.column_stack([np.sin(t), height, np.sign(t) * (np.cos(t) - 1)])


def spiral(u):
    """Five wide turns of a helix, each close to the next, in 13 dimensions."""
    t = 10 * np.pi * u[:, 0]
    curve = np.column_stack([100 * np.cos(t), 100 * np.sin(t), t])
    return np.pad(curve, [(0, 0), (0, 10)])


def waves(x):
    """A planar curve for each parameter."""
    angle = 2 * np.pi * x
    return np.hstack([x * np.sin(np.cos(angle)), x * np.cos(np.sin(angle))])


def tangents(x):
    """A surface in four dimensions for each pair of first and last parameter."""
    y = x[:, ::-1]
    return np.hstack([np.tan(x * np.cos(y)), np.arctan(y * np.sin(x))])


def paraboloid(x):
    """The sum of squares over x; then sines and squares of all coordinates."""
    X = np.column_stack([x, (x**2).sum(axis=1)])
    return np.hstack([X, np.sin(X), X**2])


def uniform(rng, shape):
    """Parameters uniform on the unit cube."""
    return rng.uniform(size=shape)


def skewed(rng, shape):
    """Parameters Beta(10, 1/2), most of them next to 1."""
    return rng.beta(10, 0.5, size=shape)


def burr(rng, shape):
    """Dependent parameters, each uniform: multivariate Burr with alpha = 1."""
    common, own = rng.exponential(size=(shape[0], 1)), rng.exponential(size=shape)
    return 1 / (1 + own / common)


def by_chart(chart, parameters=uniform, copies=1):
    """Points chart(parameters), with `copies` of their coordinates."""
    return lambda n, d, rng: np.tile(chart(parameters(rng, (n, d))), copies)


def by(generator, scale=1, **settings):
    """Points of one of the public generators."""
    return lambda n, d, rng: scale * generator(n, random_state=rng, **settings)[0]


# Name: (dimension, n_features, draw), with draw(n_samples, dimension, rng) -> X.
BENCHMARK = {
    "M1_Sphere": (10, 11, by(make_hypersphere, dimension=10)),
    "M2_Affine_3to5": (3, 5, by_chart(affine_3to5)),
    "M3_Nonlinear_4to6": (4, 6, by_chart(nonlinear_4to6)),
    "M4_Nonlinear": (4, 8, by_chart(curled)),
    "M5a_Helix1d": (1, 3, by(make_helix)),
    "M5b_Helix2d": (2, 3, by_chart(helicoid)),
    "M6_Nonlinear": (6, 36, by_chart(curled, copies=3)),
    "M7_Roll": (2, 3, by(make_swiss_roll)),
    "M8_Nonlinear": (12, 72, by_chart(curled, copies=3)),
    "M9_Affine": (20, 20, by(make_affine, scale=5, dimension=20)),
    "M10a_Cubic": (10, 11, by(make_cubic_surface, dimension=10)),
    "M10b_Cubic": (17, 18, by(make_cubic_surface, dimension=17)),
    "M10c_Cubic": (24, 25, by(make_cubic_surface, dimension=24)),
    "M10d_Cubic": (70, 71, by(make_cubic_surface, dimension=70)),
    "M11_Moebius": (2, 3, by(make_mobius, n_half_twists=10)),
    "M12_Norm": (20, 20, lambda n, d, rng: rng.standard_normal((n, d))),
    "M13a_Scurve": (2, 3, by_chart(s_curve)),
    "M13b_Spiral": (1, 13, by_chart(spiral)),
    "Mbeta": (10, 40, by_chart(waves, skewed, copies=2)),
    "Mn1_Nonlinear": (18, 72, by_chart(tangents, copies=2)),
    "Mn2_Nonlinear": (24, 96, by_chart(tangents, copies=2)),
    "Mp1_Paraboloid": (3, 12, by_chart(paraboloid, burr)),
    "Mp2_Paraboloid": (6, 21, by_chart(paraboloid, burr)),
    "Mp3_Paraboloid": (9, 30, by_chart(paraboloid, burr)),
}


def benchmark_manifolds():
    """List the benchmark manifolds of :func:`make_manifold`.

    Returns
    -------
    manifolds : dict
        Name of each manifold, with its dimension and its number of features, a pair
        of int.

    See Also
    --------
    make_manifold : Points on one of these manifolds.

    Examples
    --------
    >>> from sklatent.datasets import benchmark_manifolds
    >>> len(benchmark_manifolds())
    24
    >>> benchmark_manifolds()["M8_Nonlinear"]
    (12, 72)
    """
    return {name: (d, n_features) for name, (d, n_features, _) in BENCHMARK.items()}


@validated(name=[StrOptions(set(BENCHMARK))])
def make_manifold(name, n_samples=100, *, noise=0.0, random_state=None):
    """Generate points on one of 24 manifolds of a common benchmark.

    The manifolds were collected by Campadelli et al. [1]_, most of them from Hein and
    Audibert [2]_. They differ in dimension, in curvature, in the distribution of the
    points, and in the number of features that repeat others.

    Parameters
    ----------
    name : str
        Name of the manifold, one of those that `benchmark_manifolds` lists, such as
        "M1_Sphere".
    n_samples : int, default=100
        Number of points.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise.

    Raises
    ------
    ValueError
        If `name` is not that of a manifold, or another parameter is invalid.

    See Also
    --------
    benchmark_manifolds : Names, dimensions and numbers of features.
    make_line_disk_ball : Points in sets of several dimensions.

    Notes
    -----
    The parameters u_1, ..., u_d are uniform on [0, 1) unless stated otherwise.

    =====================  =========  ========  =====================================
    name                   dimension  features  points
    =====================  =========  ========  =====================================
    M1_Sphere                     10        11  `make_hypersphere`
    M2_Affine_3to5                 3         5  A u + b
    M3_Nonlinear_4to6              4         6  polynomials and waves
    M4_Nonlinear                   4         8  u_{i+1} cos 2πu_i, u_{i+1} sin 2πu_i
    M5a_Helix1d                    1         3  `make_helix`
    M5b_Helix2d                    2         3  r cos p, r sin p, p / 2
    M6_Nonlinear                   6        36  as M4, three times over
    M7_Roll                        2         3  `make_swiss_roll`
    M8_Nonlinear                  12        72  as M4, three times over
    M9_Affine                     20        20  a cube of side 5
    M10a_Cubic                    10        11  `make_cubic_surface`
    M10b_Cubic                    17        18  `make_cubic_surface`
    M10c_Cubic                    24        25  `make_cubic_surface`
    M10d_Cubic                    70        71  `make_cubic_surface`
    M11_Moebius                    2         3  `make_mobius`, ten half twists
    M12_Norm                      20        20  N(0, I)
    M13a_Scurve                    2         3  sin t, 2 u_2, sign(t) (cos t - 1)
    M13b_Spiral                    1        13  100 cos t, 100 sin t, t, 0, ..., 0
    Mbeta                         10        40  x sin cos 2πx, x cos sin 2πx, twice
                                                over, with x from Beta(10, 1/2)
    Mn1_Nonlinear                 18        72  tan(u_i cos u_j), atan(u_j sin u_i),
                                                twice over, with j = d + 1 - i
    Mn2_Nonlinear                 24        96  as Mn1
    Mp1_Paraboloid                 3        12  X = (x, sum x²), sin X, X², with x of
                                                a multivariate Burr distribution [3]_
    Mp2_Paraboloid                 6        21  as Mp1
    Mp3_Paraboloid                 9        30  as Mp1
    =====================  =========  ========  =====================================

    References
    ----------
    .. [1] P. Campadelli, E. Casiraghi, C. Ceruti and A. Rozza (2015). Intrinsic
       dimension estimation: relevant techniques and a benchmark framework.
       Mathematical Problems in Engineering 2015, 759567.
    .. [2] M. Hein and J.-Y. Audibert (2005). Intrinsic dimensionality estimation of
       submanifolds in R^d. Proceedings of the 22nd International Conference on
       Machine Learning, 289-296.
    .. [3] M. R. Brito, A. J. Quiroz and J. E. Yukich (2013). Intrinsic dimension
       identification via graph-theoretic methods. Journal of Multivariate Analysis
       116, 263-277.

    Examples
    --------
    >>> from sklatent.datasets import make_manifold
    >>> X, dimension = make_manifold("M10a_Cubic", random_state=0)
    >>> X.shape, dimension
    ((100, 11), 10)
    """
    dimension, _, draw = BENCHMARK[name]
    rng = random_generator(random_state)
    return observe(draw(n_samples, dimension, rng), rng, noise), dimension
