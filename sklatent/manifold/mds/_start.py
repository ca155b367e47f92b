"""Where multidimensional scaling starts."""

import numpy as np

from sklatent.manifold._gower import scale
from sklatent.manifold._signs import signs_of
from sklatent.utils._neighbors import unique_rows

# Spread of what is added to places that coincide, relative to the map.
JITTER = 1e-3
# Stress, relative to the sum of the squared distances, that may be one of rounding.
ROUNDING = 1e-14


def principal_places(X, weight, n_components):
    """Classical scaling of the Euclidean distances between rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.
    weight : ndarray of shape (n_rows,)
        Their weights.
    n_components : int
        Number of components; those without variance are 0.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        Principal components.
    """
    root = np.sqrt(weight)[:, None]
    centered = X - np.average(X, axis=0, weights=weight)
    _, axes = np.linalg.eigh((root * centered).T @ (root * centered))
    found = min(n_components, X.shape[1])
    Z = np.zeros((len(X), n_components))
    Z[:, :found] = centered @ axes[:, : -found - 1 : -1]
    return Z * signs_of(Z)


def classical_places(D, weight, n_components, n_jobs):
    """Classical scaling of dissimilarities; components without variance are 0."""
    Z = scale(D, weight, n_components, n_jobs).place(D)
    return Z * signs_of(Z)


def spread(stress, Z, rng):
    """Move places apart that coincide, or lie in fewer dimensions than there are.

    There the gradient has no part that would do it.

    Parameters
    ----------
    stress : MetricStress or OrdinalStress
        The function to be reduced.
    Z : ndarray of shape (n_rows, n_components)
        Places.
    rng : RandomState
        Where the directions come from.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        The places themselves where nothing has to be moved, or nothing is to be gained.
    """
    lengths = np.sqrt(np.square(Z).mean(axis=0))
    flat = (lengths <= 1e-9 * lengths.max()).any()
    if not flat and len(unique_rows(Z)[0]) == len(Z):
        return Z
    value = stress(Z)
    if value.squares > 0 and value.stress <= ROUNDING * value.squares:
        return Z
    size = np.linalg.norm(lengths) or 1.0
    return Z + JITTER * size * rng.standard_normal(Z.shape)
