"""Places of new rows in a finished map.

A row that chooses training rows with probabilities p_j is placed where the divergence
would place it if it were one more row of the map,

    L(z) = sum_j p_j (-log K(|z - y_j|²)) + n / Z phi(z),

with n training rows, the normalizer Z and the potential phi of these. New rows do not
act on each other, nor on the map. From the mean of the chosen places, weighted by p,
each step goes along the gradient, over the curvature of a quadratic that bounds the
attraction from above (de Leeuw 1977), and is halved until L falls.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.mesh._field import Field
from sklatent.manifold.tsne._divergence import Kernel
from sklatent.utils._blocks import row_slices

# Bound on the steps, and the movement after which a row stays.
MAX_STEPS, TOL = 60, 1e-4
SMALLEST_STEP = 2.0**-6
BLOCK_ENTRIES = 2**18


@dataclass(frozen=True)
class NewRows(Field):
    """The field of the training rows.

    Parameters
    ----------
    kernel : Kernel
        K.
    places : ndarray of shape (n_samples, n_components)
        Places of the training rows.
    exact : bool
        Whether phi is summed over all of them one by one.
    """

    kernel: Kernel
    places: np.ndarray
    exact: bool

    def _compute_potentials(self):
        """Return phi."""
        sums = self.kernel.sums(*self.places.shape, self.exact)
        return sums.potential(self.places.astype(np.float32))

    def place(self, p, neighbors):
        """Place new rows, each by itself.

        Parameters
        ----------
        p : ndarray of shape (n_queries, n_neighbors)
            Probabilities with which rows choose training rows.
        neighbors : ndarray of shape (n_queries, n_neighbors)
            Which training rows these are.

        Returns
        -------
        Z : ndarray of shape (n_queries, n_components)
            Places, in double precision.
        """
        n, q = self.places.shape
        potential = self.potentials
        pressure = n / potential.energy
        Z = np.empty((len(p), q))
        size = max(1, BLOCK_ENTRIES // (p.shape[1] * q))
        for rows in row_slices(len(p), size):
            near = self.places[neighbors[rows]].astype(np.float64)
            Z[rows] = _descend(p[rows], near, self.kernel, potential, pressure)
        return Z


def _descend(p, near, kernel, potential, pressure):
    """Minimize L for each row by itself.

    No matrix products, whose rounding would depend on the other rows.
    """
    Z = _total(p[:, :, None] * near)
    steps = np.ones(len(Z))
    moving = np.arange(len(Z))
    losses = _losses(Z, p, near, kernel, potential, pressure)
    for _ in range(MAX_STEPS):
        here = Z[moving]
        difference = here[:, None] - near[moving]
        w = p[moving] * kernel.weight(np.square(difference).sum(axis=2))
        gradient = kernel.strength * _total(w[:, :, None] * difference)
        gradient += pressure * potential.gradient(here)
        curvature = kernel.strength * _total(w)
        move = (-steps[moving] / curvature)[:, None] * gradient
        there = here + move
        loss = _losses(there, p[moving], near[moving], kernel, potential, pressure)
        better = loss < losses[moving]
        gone = moving[better]
        Z[gone], losses[gone] = there[better], loss[better]
        steps[gone] = np.minimum(1.0, 2 * steps[gone])
        steps[moving[~better]] /= 2
        still = np.abs(move).max(axis=1) < TOL
        moving = moving[~still & (steps[moving] >= SMALLEST_STEP)]
        if len(moving) == 0:
            break
    return Z


def _losses(Z, p, near, kernel, potential, pressure):
    """L of each row, infinite outside of the map."""
    square = np.square(Z[:, None] - near).sum(axis=2)
    loss = _total(p * kernel.minus_log(square))
    inside = ~potential.off(Z)
    loss[inside] += pressure * potential.values(Z[inside])
    loss[~inside] = np.inf
    return loss


def _total(terms):
    """Sums over neighbors, whose rounding does not depend on zeros behind the last."""
    return np.add.accumulate(terms, axis=1)[:, -1]
