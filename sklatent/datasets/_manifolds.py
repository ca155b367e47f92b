"""Points on curved surfaces and curves."""

import numpy as np

from sklatent.datasets._observe import observe, validated
from sklatent.utils._random import random_generator


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
