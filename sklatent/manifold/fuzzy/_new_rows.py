"""Places of new rows, among those of the training rows, which stay where they are."""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.fuzzy._descent import next_moves
from sklatent.manifold.fuzzy._similarity import Similarity
from sklatent.manifold.mesh._field import Field
from sklatent.utils._blocks import row_slices

# Steps of a new row.
N_STEPS = 100
# A new row stays within so many widths of the rectangle of the training places.
MARGIN = 2.0
BLOCK_ENTRIES = 2**18


@dataclass(frozen=True)
class NewRows(Field):
    """The field of the training rows.

    Parameters
    ----------
    similarity : Similarity
        K.
    places : ndarray of shape (n_samples, n_components)
        Places of the training rows.
    degrees : ndarray of shape (n_samples,)
        Sums of their memberships.
    strength : float
        Factor of the repulsion.
    """

    similarity: Similarity
    places: np.ndarray
    degrees: np.ndarray
    strength: float

    def _compute_potentials(self):
        """Potentials of the training rows, with the charge 1 and with their degrees."""
        Y = self.places
        # Two corners without a charge make room on a mesh.
        room = 2 * MARGIN * self.similarity.width
        corners = np.stack([Y.min(axis=0) - room, Y.max(axis=0) + room])
        wide = np.concatenate([Y, corners.astype(Y.dtype)])
        sums = self.similarity.sums(*Y.shape, n_threads=1)
        charges = np.column_stack([np.ones_like(self.degrees), self.degrees])
        charges = np.concatenate([charges, np.zeros((2, 2), dtype=Y.dtype)])
        return [sums.potential(wide, np.ascontiguousarray(c)) for c in charges.T]

    def place(self, memberships, nearest):
        """Place new rows, each by itself.

        They start at the mean of the places of their neighbors, and descend on the
        loss that each would add.

        Parameters
        ----------
        memberships : ndarray of shape (n_queries, n_neighbors)
            Memberships of their neighbors.
        nearest : ndarray of shape (n_queries, n_neighbors)
            Which training rows these are.

        Returns
        -------
        Z : ndarray of shape (n_queries, n_components)
            Places, in double precision.
        """
        Z = np.empty((len(nearest), self.places.shape[1]))
        size = max(1, BLOCK_ENTRIES // (nearest.shape[1] * Z.shape[1]))
        for rows in row_slices(len(nearest), size):
            Z[rows] = self._descend(memberships[rows], nearest[rows])
        return Z

    def _descend(self, memberships, nearest):
        near = self.places[nearest].astype(np.float64)
        degrees = memberships.sum(axis=1, keepdims=True)
        shares = (memberships / degrees)[:, :, None]
        width = self.similarity.width
        low = self.places.min(axis=0) - MARGIN * width
        high = self.places.max(axis=0) + MARGIN * width
        Z = (shares * near).sum(axis=1)
        moves = np.zeros_like(Z)
        for i in range(N_STEPS):
            difference = Z[:, None] - near
            square = np.square(difference).sum(axis=2)
            w = shares * self.similarity.weight(square)[:, :, None]
            gradient = 2 * (w * difference).sum(axis=1)
            of_ones, of_degrees = (p.gradient(Z) for p in self.potentials)
            gradient += self.strength * (of_ones + of_degrees / degrees)
            moves = next_moves(moves, gradient, 1 - i / N_STEPS, width)
            Z = np.clip(Z + moves, low, high)
        return Z
