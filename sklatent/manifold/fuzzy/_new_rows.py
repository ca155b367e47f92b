"""Places of new rows, among those of the training rows, which stay where they are."""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.fuzzy._curve import Curve
from sklatent.manifold.fuzzy._descent import STEP, next_moves
from sklatent.utils._blocks import row_slices

# Steps of the descent of a new row.
N_STEPS = 100
# A new row stays within so many units of the rectangle of the training places.
MARGIN = 2.0
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class NewRows:
    """The field of the training rows.

    Parameters
    ----------
    curve : Curve
        The curve of similarity.
    Z : ndarray of shape (n_samples, n_axes)
        Places of the training rows, in units.
    potentials : tuple
        Their potentials, with the charge 1 and with their degrees.
    strength : float
        Factor of the repulsion.
    """

    curve: Curve
    Z: np.ndarray
    potentials: tuple
    strength: float

    @classmethod
    def of_training(cls, forces, Z):
        """The field of places in single precision, for places around them too."""
        # Two corners without charge make room.
        corners = np.stack([Z.min(axis=0) - 2 * MARGIN, Z.max(axis=0) + 2 * MARGIN])
        wide = np.concatenate([Z, corners.astype(Z.dtype)])
        nothing = np.zeros(2, dtype=Z.dtype)
        potentials = tuple(
            forces.sums.potential(wide, np.append(charges, nothing))
            for charges in (np.ones_like(forces.degrees), forces.degrees)
        )
        return cls(forces.curve, Z, potentials, float(forces.strength))

    def place(self, memberships, nearest):
        """Place new rows, each by itself.

        They start at the mean of the places of their neighbors, and descend on the
        loss that they would add.

        Parameters
        ----------
        memberships : ndarray of shape (n_queries, n_neighbors)
            Memberships of their neighbors.
        nearest : ndarray of shape (n_queries, n_neighbors)
            Which training rows these are.

        Returns
        -------
        Z : ndarray of shape (n_queries, n_axes)
            Places, in units and double precision.
        """
        blocks = row_slices(len(nearest), BLOCK_ROWS)
        parts = [self._descend(memberships[rows], nearest[rows]) for rows in blocks]
        return np.concatenate(parts)

    def _descend(self, memberships, nearest):
        neighbors = self.Z[nearest].astype(np.float64)
        degrees = memberships.sum(axis=1, keepdims=True)
        shares = (memberships / degrees)[:, :, None]
        low, high = self.Z.min(axis=0) - MARGIN, self.Z.max(axis=0) + MARGIN
        Z = (shares * neighbors).sum(axis=1)
        moves = np.zeros_like(Z)
        for i in range(N_STEPS):
            differences = Z[:, None] - neighbors
            squares = np.square(differences).sum(axis=2)
            slopes = 2 * self.curve.pull(squares)[:, :, None] * shares
            gradient = (slopes * differences).sum(axis=1)
            of_ones, of_degrees = (p.gradient(Z) for p in self.potentials)
            gradient += self.strength * (of_ones + of_degrees / degrees)
            moves = next_moves(moves, STEP * (1 - i / N_STEPS), gradient)
            Z = np.clip(Z + moves, low, high)
        return Z
