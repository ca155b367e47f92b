"""Points on manifolds with much symmetry: cubes, balls, spheres and flat tori."""

import numpy as np

from sklatent.datasets._observe import observe, sides_of_box, validated
from sklatent.utils._random import random_generator


def unit_vectors(n_samples, n_features, rng):
    """Uniform on the unit sphere: directions of Gaussian vectors (Muller, 1959)."""
    X = rng.standard_normal((n_samples, n_features))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def ball_points(n_samples, dimension, rng):
    """Uniform in the unit ball: a projection of a sphere in two more dimensions."""
    return unit_vectors(n_samples, dimension + 2, rng)[:, :dimension]


def tilted(x, density_ratio, rng):
    """Change signs at random so that larger values are more likely.

    A density p(x), symmetric on [-1, 1], becomes (1 + c x) p(x): the values x and -x
    are there already, and share what both have in the ratio 1 + c x to 1 - c x.
    """
    if density_ratio == 1:
        return x
    c = (density_ratio - 1) / (density_ratio + 1)
    return np.where(rng.uniform(size=x.shape) < (1 + c * np.abs(x)) / 2, 1, -1) * abs(x)


@validated()
def make_affine(
    n_samples=100,
    *,
    dimension=2,
    side_lengths=None,
    n_features=None,
    density_ratio=1.0,
    noise=0.0,
    random_state=None,
):
    """Generate points on a flat manifold: an interval, a rectangle, or a cube.

    The points are uniform in the cube of side 1 around the origin, or in a box of other
    side lengths.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the cube.
    side_lengths : array-like of shape (dimension,) or None, default=None
        Length of each side of the box. None takes 1 for each.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension`. With more, the points
        are rotated at random into the space of all features.
    density_ratio : float, default=1.0
        Density at the largest value of the first coordinate, divided by that at the
        smallest; in between it is linear. The ratio is at least 1, and 1 is the uniform
        density.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, as given.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_flat_torus : Points on a flat manifold without a boundary.

    Examples
    --------
    >>> from sklatent.datasets import make_affine
    >>> X, dimension = make_affine(dimension=3, n_features=10, random_state=0)
    >>> X.shape, dimension
    ((100, 10), 3)

    The ten features span a space of three dimensions:

    >>> import numpy as np
    >>> int(np.linalg.matrix_rank(X))
    3
    """
    rng = random_generator(random_state)
    X = rng.uniform(-0.5, 0.5, size=(n_samples, dimension))
    X[:, 0] = tilted(2 * X[:, 0], density_ratio, rng) / 2
    X *= sides_of_box(side_lengths, dimension)
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_ball(
    n_samples=100,
    *,
    dimension=2,
    n_features=None,
    density_ratio=1.0,
    noise=0.0,
    random_state=None,
):
    """Generate points in the unit ball: an interval, a disk, or a ball.

    The points are uniform unless `density_ratio` says otherwise.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the ball.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension`. With more, the points
        are rotated at random into the space of all features.
    density_ratio : float, default=1.0
        Density at the largest value of the first coordinate, divided by that at the
        smallest; in between it is linear. The ratio is at least 1, and 1 is the uniform
        density.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, as given.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_hypersphere : Points on the surface of the ball.

    Notes
    -----
    The points are projections: coordinates 1 to d of a uniform point on the unit sphere
    in d + 2 dimensions are uniform in the ball [1]_.

    References
    ----------
    .. [1] A. R. Voelker, J. Gosmann and T. C. Stewart (2017). Efficiently sampling
       vectors and coordinates from the n-sphere and n-ball. Center for Theoretical
       Neuroscience, University of Waterloo.

    Examples
    --------
    >>> from sklatent.datasets import make_ball
    >>> X, dimension = make_ball(dimension=5, random_state=0)
    >>> X.shape, dimension
    ((100, 5), 5)

    In five dimensions, 1/32 of the ball is within half of the radius:

    >>> import numpy as np
    >>> X, _ = make_ball(10_000, dimension=5, random_state=0)
    >>> round(float(np.mean(np.linalg.norm(X, axis=1) < 0.5)), 3), 1 / 32
    (0.031, 0.03125)
    """
    rng = random_generator(random_state)
    X = ball_points(n_samples, dimension, rng)
    X[:, 0] = tilted(X[:, 0], density_ratio, rng)
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_hypersphere(
    n_samples=100,
    *,
    dimension=2,
    n_features=None,
    density_ratio=1.0,
    noise=0.0,
    random_state=None,
):
    """Generate points on the surface of the unit ball: a circle, or a sphere.

    The points are uniform unless `density_ratio` says otherwise.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the surface: 1 for the circle, 2 for the sphere.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension` + 1. With more, the
        points are rotated at random into the space of all features.
    density_ratio : float, default=1.0
        Density where the first coordinate is 1, divided by that where it is -1; in
        between it is linear in the coordinate. The ratio is at least 1, and 1 is the
        uniform density.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, as given.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_ball : Points in the ball.

    References
    ----------
    .. [1] M. E. Muller (1959). A note on a method for generating points uniformly on
       n-dimensional spheres. Communications of the ACM 2 (4), 19-20.

    Examples
    --------
    >>> from sklatent.datasets import make_hypersphere
    >>> X, dimension = make_hypersphere(dimension=2, random_state=0)
    >>> X.shape, dimension
    ((100, 3), 2)

    The points are at distance 1 from the origin:

    >>> import numpy as np
    >>> bool(np.allclose(np.linalg.norm(X, axis=1), 1))
    True
    """
    rng = random_generator(random_state)
    X = unit_vectors(n_samples, dimension + 1, rng)
    X[:, 0] = tilted(X[:, 0], density_ratio, rng)
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_cubic_surface(
    n_samples=100, *, dimension=2, n_features=None, noise=0.0, random_state=None
):
    """Generate points uniformly on the surface of the unit cube.

    All 2 (`dimension` + 1) faces are equally likely. The surface is flat except at its
    edges, and the larger the dimension, the more points are close to an edge.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the faces, one less than that of the cube.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension` + 1. With more, the
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
        Dimension of the points without noise, as given.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_affine : Points in a cube.

    References
    ----------
    .. [1] P. Campadelli, E. Casiraghi, C. Ceruti and A. Rozza (2015). Intrinsic
       dimension estimation: relevant techniques and a benchmark framework.
       Mathematical Problems in Engineering 2015, 759567.

    Examples
    --------
    >>> from sklatent.datasets import make_cubic_surface
    >>> X, dimension = make_cubic_surface(dimension=10, random_state=0)
    >>> X.shape, dimension
    ((100, 11), 10)

    One coordinate of each point is 0 or 1:

    >>> import numpy as np
    >>> np.unique(((X == 0) | (X == 1)).sum(axis=1))
    array([1])
    """
    rng = random_generator(random_state)
    # Points in the cube, moved along an axis to one of its two faces.
    X = rng.uniform(size=(n_samples, dimension + 1))
    axis = rng.randint(dimension + 1, size=n_samples)
    X[np.arange(n_samples), axis] = rng.randint(2, size=n_samples)
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_flat_torus(
    n_samples=100,
    *,
    dimension=2,
    n_features=None,
    density_ratio=1.0,
    noise=0.0,
    random_state=None,
):
    """Generate points on a flat torus, a product of unit circles.

    A row is (cos a, sin a) for each of `dimension` angles a, uniform on [0, 2π) unless
    `density_ratio` says otherwise.
    Distances between angles are those along the surface, which has neither intrinsic
    curvature nor a boundary. So the only bias of an estimate of the dimension is that
    of the finite distance to the neighbors.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Number of circles.
    n_features : int or None, default=None
        Number of features. None takes the smallest, 2 `dimension`. With more, the
        points are rotated at random into the space of all features.
    density_ratio : float, default=1.0
        Density where the first angle is 0, divided by that where it is π; in between it
        is linear in the cosine. The ratio is at least 1, and 1 is the uniform density.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, as given.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_affine : Points on a flat manifold with a boundary.

    Examples
    --------
    >>> from sklatent.datasets import make_flat_torus
    >>> X, dimension = make_flat_torus(dimension=2, random_state=0)
    >>> X.shape, dimension
    ((100, 4), 2)

    Each pair of features is on a unit circle:

    >>> import numpy as np
    >>> bool(np.allclose(X[:, 0] ** 2 + X[:, 1] ** 2, 1))
    True
    """
    rng = random_generator(random_state)
    angle = 2 * np.pi * rng.uniform(size=(n_samples, dimension))
    # Cosine and sine of an angle are next to each other.
    X = np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(n_samples, -1)
    X[:, 0] = tilted(X[:, 0], density_ratio, rng)
    return observe(X, rng, noise, n_features), dimension
