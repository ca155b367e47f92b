"""Samples of a kernel on the sphere, for latitudes and longitudes in radians.

The density per area around a place is K(theta / h) at the angle theta along the great
circle. So the angle has a density proportional to K(theta / h) sin(theta) on [0, pi],
and the bearing is uniform.
"""

import numpy as np


def sample_on_sphere(kernel, places, width, rng):
    """Sample one place around each of the given ones.

    Parameters
    ----------
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    places : ndarray of shape (n, 2)
        Latitudes and longitudes in radians.
    width : float
        Bandwidth in radians.
    rng : RandomState
        Generator of random numbers.

    Returns
    -------
    sampled : ndarray of shape (n, 2)
        Latitudes and longitudes, the latter in [-pi, pi).
    """
    theta = _angles(kernel, width, len(places), rng)
    bearing = rng.uniform(0, 2 * np.pi, len(places))
    latitude, longitude = places.T.astype(np.float64)
    north = np.sin(latitude) * np.cos(theta)
    north += np.cos(latitude) * np.sin(theta) * np.cos(bearing)
    north = np.clip(north, -1, 1)
    east = np.arctan2(
        np.sin(bearing) * np.sin(theta) * np.cos(latitude),
        np.cos(theta) - np.sin(latitude) * north,
    )
    longitude = (longitude + east + np.pi) % (2 * np.pi) - np.pi
    return np.column_stack([np.arcsin(north), longitude])


def _angles(kernel, width, n, rng):
    """Sample angles by rejection."""
    accepted = np.empty(0)
    while len(accepted) < n:
        if width <= 1:  # as in the plane, where there is little to reject
            theta = kernel.radii(2, 2 * n, rng) * width
            share = np.where(theta < np.pi, np.sinc(theta / np.pi), 0)
        else:  # uniform on the sphere: from the plane many would exceed pi
            theta = np.arccos(rng.uniform(-1, 1, 2 * n))
            share = kernel.values((theta / width) ** 2)
        accepted = np.append(accepted, theta[rng.random_sample(2 * n) < share])
    return accepted[:n]
