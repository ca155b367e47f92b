"""Points on manifolds: flat ones, spheres, and curved surfaces and curves."""

import numpy as np

from sklatent.datasets._observe import observe, validated
from sklatent.utils._random import random_generator


def unit_vectors(n_samples, n_features, rng):
    """Uniform on the unit sphere: directions of Gaussian vectors (Muller, 1959)."""
    X = rng.standard_normal((n_samples, n_features))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def ball_points(n_samples, dimension, rng):
    """Uniform in the unit ball: a projection of a sphere in two more dimensions."""
    return unit_vectors(n_samples, dimension + 2, rng)[:, :dimension]


@validated()
def make_affine(
    n_samples=100, *, dimension=2, n_features=None, noise=0.0, random_state=None
):
    """Generate points on a flat manifold, a cube.

    The points are uniform in the cube of side 1 around the origin.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the cube.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension`. With more, the points
        are rotated at random into the space of all features.
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
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_ball(
    n_samples=100, *, dimension=2, n_features=None, noise=0.0, random_state=None
):
    """Generate points uniformly in the unit ball.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the ball.
    n_features : int or None, default=None
        Number of features. None takes the smallest, `dimension`. With more, the points
        are rotated at random into the space of all features.
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
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_hypersphere(
    n_samples=100, *, dimension=2, n_features=None, noise=0.0, random_state=None
):
    """Generate points uniformly on the surface of the unit ball.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    dimension : int, default=2
        Dimension of the surface: 1 for the circle, 2 for the sphere.
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
    n_samples=100, *, dimension=2, n_features=None, noise=0.0, random_state=None
):
    """Generate points uniformly on a flat torus, a product of unit circles.

    A row is (cos a, sin a) for each of `dimension` angles a, uniform on [0, 2π).
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
    return observe(X, rng, noise, n_features), dimension


@validated()
def make_swiss_roll(n_samples=100, *, n_features=None, noise=0.0, random_state=None):
    """Generate points on the Swiss roll, a rolled-up rectangle.

    The points are (t cos t, h, t sin t) with t uniform on [1.5π, 4.5π) and h uniform on
    [0, 21), as in scikit-learn. The distance between turns is 2π. Since the points are
    uniform in the angle, their density is larger at the inner end.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    n_features : int or None, default=None
        Number of features. None takes the smallest, 3. With more, the points are
        rotated at random into the space of all features.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, 2.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_mobius : Points on another surface.
    sklearn.datasets.make_swiss_roll : The Swiss roll in three features, with angles.

    References
    ----------
    .. [1] J. B. Tenenbaum, V. de Silva and J. C. Langford (2000). A global geometric
       framework for nonlinear dimensionality reduction. Science 290, 2319-2323.

    Examples
    --------
    Ten features, of which seven hold only noise, up to a rotation:

    >>> from sklatent.datasets import make_swiss_roll
    >>> X, dimension = make_swiss_roll(n_features=10, noise=0.1, random_state=0)
    >>> X.shape, dimension
    ((100, 10), 2)
    """
    rng = random_generator(random_state)
    t = 1.5 * np.pi * (1 + 2 * rng.uniform(size=n_samples))
    height = 21 * rng.uniform(size=n_samples)
    X = np.column_stack([t * np.cos(t), height, t * np.sin(t)])
    return observe(X, rng, noise, n_features), 2


@validated()
def make_helix(
    n_samples=100, *, n_turns=8, n_features=None, noise=0.0, random_state=None
):
    """Generate points on a closed curve that winds around a torus.

    The points are ((2 + cos kt) cos t, (2 + cos kt) sin t, sin kt) with k = `n_turns`
    and t uniform on [0, 2π) [1]_.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    n_turns : int, default=8
        Number of times that the curve winds around the tube of the torus.
    n_features : int or None, default=None
        Number of features. None takes the smallest, 3. With more, the points are
        rotated at random into the space of all features.
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
    make_hypersphere : Points on a circle, with dimension 1.
    make_mobius : Points on a band around a circle.

    References
    ----------
    .. [1] M. Hein and J.-Y. Audibert (2005). Intrinsic dimensionality estimation of
       submanifolds in R^d. Proceedings of the 22nd International Conference on
       Machine Learning, 289-296.

    Examples
    --------
    >>> from sklatent.datasets import make_helix
    >>> X, dimension = make_helix(random_state=0)
    >>> X.shape, dimension
    ((100, 3), 1)

    All points are on the torus of radii 2 and 1:

    >>> import numpy as np
    >>> from_axis = np.hypot(X[:, 0], X[:, 1])
    >>> bool(np.allclose((from_axis - 2) ** 2 + X[:, 2] ** 2, 1))
    True
    """
    rng = random_generator(random_state)
    t = 2 * np.pi * rng.uniform(size=n_samples)
    radius = 2 + np.cos(n_turns * t)
    X = np.column_stack([radius * np.cos(t), radius * np.sin(t), np.sin(n_turns * t)])
    return observe(X, rng, noise, n_features), 1


@validated()
def make_mobius(
    n_samples=100, *, n_half_twists=1, n_features=None, noise=0.0, random_state=None
):
    """Generate points on a twisted band around the unit circle.

    The points are (ρ cos a, ρ sin a, r sin b) with ρ = 1 + r cos b and
    b = a `n_half_twists` / 2, for a uniform on [0, 2π) and r uniform on [-1/2, 1/2)
    [1]_. If the number of half twists is odd, this is a Möbius band.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    n_half_twists : int, default=1
        Number of half turns of the band along the circle.
    n_features : int or None, default=None
        Number of features. None takes the smallest, 3. With more, the points are
        rotated at random into the space of all features.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : int
        Dimension of the points without noise, 2.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_helix : Points on a curve around a circle.
    make_swiss_roll : Points on another surface.

    References
    ----------
    .. [1] M. Hein and J.-Y. Audibert (2005). Intrinsic dimensionality estimation of
       submanifolds in R^d. Proceedings of the 22nd International Conference on
       Machine Learning, 289-296.

    Examples
    --------
    >>> from sklatent.datasets import make_mobius
    >>> X, dimension = make_mobius(random_state=0)
    >>> X.shape, dimension
    ((100, 3), 2)

    The distance from the circle is 1/2 or less:

    >>> import numpy as np
    >>> from_axis = np.hypot(X[:, 0], X[:, 1])
    >>> bool((np.hypot(from_axis - 1, X[:, 2]) <= 0.5).all())
    True
    """
    rng = random_generator(random_state)
    angle = 2 * np.pi * rng.uniform(size=n_samples)
    r = rng.uniform(-0.5, 0.5, size=n_samples)
    twist = angle * n_half_twists / 2
    radius = 1 + r * np.cos(twist)
    X = np.column_stack(
        [radius * np.cos(angle), radius * np.sin(angle), r * np.sin(twist)]
    )
    return observe(X, rng, noise, n_features), 2
