"""Exact geodesic distances between points of generated data."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils.validation import check_array

from sklatent.datasets._observe import validated
from sklatent.utils._sklearn import StrOptions
from sklatent.utils._tables import check_in_memory


def between_angles(a, b):
    """Distances between rows of angles on a flat torus."""
    squares = np.zeros((len(a), len(b)))
    for x, y in zip(a.T, b.T, strict=True):
        around = np.abs(np.subtract.outer(x, y))
        squares += np.minimum(around, 2 * np.pi - around) ** 2
    return np.sqrt(squares)


def on_flat_torus(X, Y):
    """Each angle goes the shorter way around."""
    if X.shape[1] % 2:
        raise ValueError(
            "X must have two columns for each angle of a flat torus; got "
            f"{X.shape[1]} columns."
        )
    return between_angles(*(np.arctan2(Z[:, 1::2], Z[:, ::2]) for Z in (X, Y)))


def on_hypersphere(X, Y):
    """Arcs; half of the chord is the sine of half of the arc."""
    return 2 * np.arcsin(np.minimum(cdist(X, Y) / 2, 1))


def on_swiss_roll(X, Y):
    """Distances on the rectangle that was rolled up: arc length and height."""
    if X.shape[1] != 3:
        raise ValueError(
            f"X must have the 3 columns of the Swiss roll; got {X.shape[1]} columns."
        )
    return cdist(unrolled(X), unrolled(Y))


def unrolled(X):
    """Arc length and height of points on the Swiss roll."""
    t = np.hypot(X[:, 0], X[:, 2])
    return np.column_stack([(t * np.sqrt(1 + t * t) + np.arcsinh(t)) / 2, X[:, 1]])


def on_tree(X, Y):
    """Each edge has a feature of its own, so that lengths add up."""
    return cdist(X, Y, "cityblock")


GEODESICS = {
    "affine": cdist,
    "ball": cdist,
    "flat_torus": on_flat_torus,
    "hypersphere": on_hypersphere,
    "swiss_roll": on_swiss_roll,
    "tree": on_tree,
}


@validated(
    manifold=[StrOptions(set(GEODESICS))],
    X=["array-like"],
    Y=["array-like", None],
)
def geodesic_distances(manifold, X, Y=None):
    """Compute distances along a manifold between generated points.

    The distance is the length of the shortest way that does not leave the manifold. It
    is what Isomap estimates, and what an embedding can be compared with.

    Parameters
    ----------
    manifold : str
        Name of the generator without `make_`: "affine", "ball", "flat_torus",
        "hypersphere", "swiss_roll" or "tree".
    X : array-like of shape (n_samples, n_features)
        Points as the generator returns them without noise and without additional
        features. The points of one `random_state` are the same with both, so that the
        distances belong to these too.
    Y : array-like of shape (n_others, n_features) or None, default=None
        Other points of the manifold. None takes those of `X`.

    Returns
    -------
    distances : ndarray of shape (n_samples, n_others)
        Lengths of the shortest ways, in the units of the points.

    Raises
    ------
    ValueError
        If there is no such manifold, or the number of columns is not that of its
        points.

    See Also
    --------
    laplacian_eigenvalues : Eigenvalues of the Laplacian on such manifolds.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.datasets import geodesic_distances, make_hypersphere
    >>> X, _ = make_hypersphere(200, dimension=2, random_state=0)
    >>> distances = geodesic_distances("hypersphere", X)
    >>> distances.shape
    (200, 200)

    No two points of a sphere are farther from each other than half of a great circle:

    >>> bool(3 < distances.max() <= np.pi)
    True
    """
    for points in (X, Y):
        check_in_memory(points, "geodesic_distances")
    X = check_array(X, dtype=np.float64)
    Y = X if Y is None else check_array(Y, dtype=np.float64)
    if X.shape[1] != Y.shape[1]:
        raise ValueError(
            f"Y must have as many columns as X, {X.shape[1]}; got {Y.shape[1]}."
        )
    return GEODESICS[manifold](X, Y)
