"""Sums of a kernel over all pairs of places, one by one, with the interface of `Mesh`.

For any number of components, and to compare with; the time grows with the square of the
number of places.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.utils._blocks import row_slices

# Entries of a tile of distances, which fits the cache.
TILE_ENTRIES = 2**18


class AllPairs:
    """Potentials of charges at any places.

    Parameters
    ----------
    kernel, slope : callable
        kernel(square) and slope(square) return K and its derivative with respect to the
        squared distance.
    """

    def __init__(self, kernel, slope):
        self.kernel = kernel
        self.slope = slope

    def potential(self, Y, charges=None):
        """Return the potential of charges, 1 each if None, at places."""
        charges = np.ones(len(Y)) if charges is None else charges
        field = PairPotential(self.kernel, self.slope, Y.astype(np.float64), charges)
        return field


@dataclass(frozen=True)
class PairPotential:
    """A potential, as the charges that make it.

    Parameters
    ----------
    kernel, slope : callable
        As in `AllPairs`.
    places : ndarray of shape (n_samples, n_axes)
        Where the charges are.
    charges : ndarray of shape (n_samples,)
        The charges.
    """

    kernel: object
    slope: object
    places: np.ndarray
    charges: np.ndarray

    @property
    def energy(self):
        """Sum over the charges of the potential of all others, a positive number."""
        others = self.values(self.places) - self.kernel(0.0) * self.charges
        return max(float(self.charges @ others), np.finfo(np.float64).tiny)

    def off(self, Y):
        """No place is outside."""
        return np.zeros(len(Y), dtype=bool)

    def _tiles(self, Y):
        size = max(1, TILE_ENTRIES // len(self.places))
        for rows in row_slices(len(Y), size):
            yield rows, cdist(Y[rows], self.places, "sqeuclidean")

    def values(self, Y):
        """Potential at places, of shape (n_places,)."""
        tiles = [self.kernel(square) @ self.charges for _, square in self._tiles(Y)]
        return np.concatenate(tiles)

    def gradient(self, Y):
        """Gradient at places, of shape (n_places, n_axes)."""
        gradient = np.empty(Y.shape)
        for rows, square in self._tiles(Y):
            w = 2 * self.slope(square) * self.charges
            gradient[rows] = w.sum(axis=1)[:, None] * Y[rows] - w @ self.places
        return gradient.astype(Y.dtype)
