"""Points in sets that are no manifolds: a fractal, and sets of several dimensions."""

from math import log

import numpy as np

from sklatent.datasets._observe import COUNT, observe, validated
from sklatent.datasets._symmetric import ball_points
from sklatent.utils._random import random_generator

# Integers of this many ternary digits are exact in float64: 3^33 < 2^53.
TERNARY_DIGITS = 33


@validated(n_features=COUNT)
def make_cantor_dust(n_samples=100, *, n_features=1, noise=0.0, random_state=None):
    """Generate points in Cantor dust, a fractal product of Cantor sets.

    The ternary digits of each feature are 0 or 2, equally likely. Such numbers remain
    of [0, 1] when the middle third of each interval is removed again and again. The
    dimension of this set is log 2 / log 3: its Hausdorff dimension, its box-counting
    dimension and its correlation dimension are equal [1]_.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points.
    n_features : int, default=1
        Number of features.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimension : float
        Dimension of the points without noise, `n_features` log 2 / log 3.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    make_line_disk_ball : Points in sets of several dimensions.

    Notes
    -----
    Features have 33 ternary digits, as many as a float64 holds, and so 2^33 possible
    values.

    References
    ----------
    .. [1] K. Falconer (2003). Fractal Geometry: Mathematical Foundations and
       Applications, 2nd edition. Wiley.

    Examples
    --------
    >>> from sklatent.datasets import make_cantor_dust
    >>> X, dimension = make_cantor_dust(n_features=2, random_state=0)
    >>> X.shape, round(dimension, 4)
    ((100, 2), 1.2619)

    No point is in the middle third:

    >>> import numpy as np
    >>> bool(np.any((X > 1 / 3) & (X < 2 / 3)))
    False
    """
    rng = random_generator(random_state)
    shape = (n_samples, n_features, TERNARY_DIGITS)
    digits = 2 * rng.randint(2, size=shape, dtype=np.int64)
    powers = 3 ** np.arange(TERNARY_DIGITS, dtype=np.int64)
    X = digits @ powers / 3**TERNARY_DIGITS  # only the division rounds
    return observe(X, rng, noise), n_features * log(2) / log(3)


@validated()
def make_line_disk_ball(
    n_samples=100, *, n_features=None, noise=0.0, random_state=None
):
    """Generate points in three separate sets of different dimension.

    A third of the points is on a line of length 2, a third in a disk and a third in a
    ball of radius 1. The points are uniform in each set, and shuffled. The centers of
    the sets have a distance of 4 on the first axis. Hino et al. [1]_ distinguish such
    points by their local dimension.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points. If it is not a multiple of three, the line gets one more
        point, and then the disk.
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
    dimensions : ndarray of shape (n_samples,)
        Dimension without noise of the set of each point: 1, 2 or 3.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another parameter is invalid.

    See Also
    --------
    make_ball : Points in a ball of any dimension.
    make_cantor_dust : Points in a set whose dimension is not a whole number.

    References
    ----------
    .. [1] H. Hino, J. Fujiki, S. Akaho and N. Murata (2017). Local intrinsic
       dimension estimation by generalized linear modeling. Neural Computation 29,
       1838-1878.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.datasets import make_line_disk_ball
    >>> X, dimensions = make_line_disk_ball(random_state=0)
    >>> X.shape, np.bincount(dimensions)
    ((100, 3), array([ 0, 34, 33, 33]))
    """
    rng = random_generator(random_state)
    # 1, 2, 3, 1, ...: what three does not divide goes to the line first.
    dimensions = rng.permutation(1 + np.arange(n_samples) % 3)
    X = np.zeros((n_samples, 3))
    for dimension in (1, 2, 3):
        rows = dimensions == dimension
        X[rows, :dimension] = ball_points(rows.sum(), dimension, rng)
    X[:, 0] += 4 * (dimensions - 2)
    return observe(X, rng, noise, n_features), dimensions
