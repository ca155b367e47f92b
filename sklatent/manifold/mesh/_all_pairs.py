"""Sums of a kernel over all pairs of places, one by one, with the interface of `Mesh`.

For few places, any number of components, and to compare with; the time grows with the
square of the number of places.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.utils._blocks import row_slices

# Entries of a tile of distances, which fits the cache.
TILE_ENTRIES = 2**15


class AllPairs:
    """Potentials of charges at any places.

    Parameters
    ----------
    kernel : callable
        kernel(square) returns K of an array of squared distances.
    slope : callable
        slope(square) returns the derivative of K with respect to the squared distance.
    """

    def __init__(self, kernel, slope):
        self.kernel = kernel
        self.slope = slope

    def potential(self, Y, charges=None):
        """Return the potential of charges, 1 each if None, at places."""
        charges = np.ones(len(Y), dtype=Y.dtype) if charges is None else charges
        return PairPotential(self.kernel, self.slope, Y, charges)


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
        charges = self.charges.astype(np.float64)
        own = float(self.kernel(np.zeros(1))[0])
        energy = charges @ self.values(self.places) - own * charges @ charges
        return max(float(energy), np.finfo(np.float64).tiny)

    def off(self, Y):
        """No place is outside."""
        return np.zeros(len(Y), dtype=bool)

    def _tiles(self, Y):
        """Yield rows, their differences along each axis, and the squared distances."""
        size = max(1, TILE_ENTRIES // len(self.places))
        for rows in row_slices(len(Y), size):
            differences = [
                np.subtract.outer(y, x)
                for y, x in zip(Y[rows].T, self.places.T, strict=True)
            ]
            square = np.square(differences[0])
            for difference in differences[1:]:
                square += np.square(difference)
            yield rows, differences, square

    def values(self, Y):
        """Potential at places, of shape (n_places,)."""
        values = np.empty(len(Y))
        for rows, _, square in self._tiles(Y):
            potentials = self.kernel(square)
            potentials *= self.charges
            values[rows] = potentials.sum(axis=1)
        return values

    def gradient(self, Y):
        """Gradient at places, of shape (n_places, n_axes)."""
        gradient = np.empty(Y.shape, dtype=Y.dtype)
        for rows, differences, square in self._tiles(Y):
            w = self.slope(square)
            w *= 2 * self.charges
            for axis, difference in enumerate(differences):
                difference *= w
                gradient[rows, axis] = difference.sum(axis=1)
        return gradient

    def gradient_of_others(self, Y, charges=None):
        """Gradient at charges; the slope of their own potential is 0."""
        return self.gradient(Y)
