"""The order of dissimilarities, translated to distances in the map."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Disparities:
    """A line through points, which goes on in proportion beyond the last.

    Parameters
    ----------
    delta : ndarray of shape (n_points,)
        Dissimilarities, ascending and positive.
    h : ndarray of shape (n_points,)
        Distances that are in their order.
    """

    delta: np.ndarray
    h: np.ndarray

    @property
    def largest(self):
        """The largest dissimilarity of which the order is known."""
        return self.delta[-1]

    def of(self, D):
        """Return distances for dissimilarities, NaN where these are missing or 0."""
        beyond = self.h[-1] * (D / self.largest)
        inside = np.interp(D, self.delta, self.h)
        h = np.where(self.largest < D, beyond, inside)
        return np.where(D > 0, h, np.nan)
