"""Sums of a kernel over all pairs of places, one by one, with the interface of `Mesh`.

For few places, any number of components, and to compare with; the time grows with the
square of the number of places.
"""

from dataclasses import dataclass
from functools import cached_property

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
        return PairPotential(self.kernel, self.slope, Y, charges)

    def is_coarse(self):
        """There is no mesh that could be."""
        return False


@dataclass(frozen=True)
class PairPotential:
    """A potential, as the charges that make it.

    Parameters
    ----------
    kernel, slope : callable
        As in `AllPairs`.
    places : ndarray of shape (n_samples, n_axes)
        Where the charges are.
    charges : ndarray of shape (n_samples,) or None
        The charges; 1 each if None.
    """

    kernel: object
    slope: object
    places: np.ndarray
    charges: np.ndarray | None

    @property
    def energy(self):
        """Sum over the charges of the potential of all others, a positive number."""
        values, _ = self._at_charges
        own = float(self.kernel(np.zeros(1))[0])
        if self.charges is None:
            energy = values.sum() - own * len(values)
        else:
            charges = self.charges.astype(np.float64)
            energy = charges @ values - own * charges @ charges
        return max(float(energy), np.finfo(np.float64).tiny)

    @cached_property
    def _at_charges(self):
        return self._at(self.places)

    def off(self, Y):
        """No place is outside."""
        return np.zeros(len(Y), dtype=bool)

    def _at(self, Y):
        """Potential and gradient at places, with one computation of the distances."""
        values = np.empty(len(Y))
        gradient = np.empty(Y.shape, dtype=Y.dtype)
        size = max(1, TILE_ENTRIES // len(self.places))
        for rows in row_slices(len(Y), size):
            differences = [
                np.subtract.outer(y, x)
                for y, x in zip(Y[rows].T, self.places.T, strict=True)
            ]
            square = np.square(differences[0])
            for difference in differences[1:]:
                square += np.square(difference)
            potentials, w = self.kernel(square), self.slope(square)
            if self.charges is not None:
                potentials *= self.charges
                w *= self.charges
            values[rows] = potentials.sum(axis=1)
            for axis, difference in enumerate(differences):
                difference *= w
                gradient[rows, axis] = difference.sum(axis=1)
        gradient *= 2
        return values, gradient

    def values(self, Y):
        """Potential at places, of shape (n_places,)."""
        return self._at(Y)[0]

    def gradient(self, Y):
        """Gradient at places, of shape (n_places, n_axes)."""
        return self._at(Y)[1]

    def gradient_of_others(self, Y, charges=None):
        """Gradient at the charges, at Y; the slope of their own potential is 0."""
        return self._at_charges[1]
