"""Points in sets that are no manifold: a fractal, and pieces of several dimensions."""

from math import log

import numpy as np

from sklatent.datasets._manifolds import ball_points
from sklatent.datasets._observe import COUNT, observe, validated
from sklatent.utils._random import random_generator

# Integers of so many ternary digits are exact in float64: 3^33 < 2^53.
TERNARY_DIGITS = 33


@validated(n_features=COUNT)
def make_cantor_dust(n_samples=100, *, n_features=1, noise=0.0, random_state=None):
    """Draw points from a fractal, the product of Cantor sets.

    Each feature has ternary digits 0 and 2, which are equally likely: what is left of
    [0, 1] when middle thirds are taken out again and again. Its dimension, by the
    names of Hausdorff, of boxes and of correlation alike, is log 2 / log 3 [1]_.

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
        Their dimension without noise, `n_features` log 2 / log 3.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    make_line_disk_ball : Pieces of several dimensions.

    Notes
    -----
    There are 33 ternary digits, as many as a float64 holds; a feature takes 2^33
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

    Nothing is left of the middle third:

    >>> import numpy as np
    >>> bool(np.any((X > 1 / 3) & (X < 2 / 3)))
    False
    """
    rng = random_generator(random_state)
    shape = (n_samples, n_features, TERNARY_DIGITS)
    digits = 2 * rng.randint(2, size=shape, dtype=np.int64)
    powers = 3 ** np.arange(TERNARY_DIGITS, dtype=np.int64)
    X = digits @ powers / 3**TERNARY_DIGITS  # Only the division rounds.
    return observe(X, rng, noise), n_features * log(2) / log(3)


@validated()
def make_line_disk_ball(
    n_samples=100, *, n_features=None, noise=0.0, random_state=None
):
    """Draw points from three separate sets of different dimension.

    A third of them each on a line of length 2, in a disk and in a ball of radius 1,
    whose centers are 4 apart on the first axis; uniform in each, and shuffled. Hino
    et al. [1]_ tell such points apart by their local dimension.

    Parameters
    ----------
    n_samples : int, default=100
        Number of points. What is left of their division by three goes to the line
        first, then to the disk.
    n_features : int or None, default=None
        Number of features. None for as many as the points take, 3; in more, they are
        rotated at random.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to each feature.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same points at every call.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The points.
    dimensions : ndarray of shape (n_samples,)
        The dimension without noise of the set that each point is from: 1, 2 or 3.

    Raises
    ------
    ValueError
        If `n_features` is too small for the points, or another argument is out of
        its range.

    See Also
    --------
    make_ball : One of the pieces, in any dimension.
    make_cantor_dust : A set whose dimension is no whole number.

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
    dimensions = rng.permutation(1 + np.arange(n_samples) % 3)
    X = np.zeros((n_samples, 3))
    for dimension in (1, 2, 3):
        rows = dimensions == dimension
        X[rows, :dimension] = ball_points(rows.sum(), dimension, rng)
    X[:, 0] += 4 * (dimensions - 2)
    return observe(X, rng, noise, n_features), dimensions
