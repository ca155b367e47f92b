"""Repulsion of all places, by a mesh or by sums over all pairs."""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.fuzzy._curve import Curve
from sklatent.manifold.mesh._mesh import SPACINGS, Mesh, Potential
from sklatent.utils._blocks import row_slices

# Distances of the nodes of a mesh, in units, by the number of axes: the finer, the
# better are near neighbors told apart.
FINENESS = {1: 0.09, 2: 0.09, 3: 0.25}
# Up to so many rows, and in more than so many axes, all pairs are summed.
FEW_ROWS, MOST_AXES = 200, 3
BLOCK_ENTRIES = 2**18


def softening(n_axes):
    """What is added to squared distances, in squared units: forces a mesh resolves."""
    return FINENESS.get(n_axes, FINENESS[2]) ** 2


def start_sums(curve, n_samples, n_axes, n_threads):
    """Return what makes potentials of charges at places, in units."""
    if n_samples <= FEW_ROWS or n_axes > MOST_AXES:
        return PairSums(curve)
    return MeshSums(curve, n_axes, n_threads)


class MeshSums:
    """Potentials by a mesh.

    Parameters
    ----------
    curve : Curve
        The curve of similarity.
    n_axes : int
        Number of axes.
    n_threads : int
        Threads for the transforms.
    """

    def __init__(self, curve, n_axes, n_threads):
        # The mesh has a spacing of its own, for kernels of width 1.
        self.scale = SPACINGS[n_axes] / FINENESS[n_axes]
        self.mesh = Mesh(
            lambda squares: curve.repulsion(squares / self.scale**2), n_threads
        )

    def potential(self, Z, charges):
        """Return the potential of charges at places in single precision."""
        scaled = Z * Z.dtype.type(self.scale)
        return MeshPotential(self.mesh.potential(scaled, charges), self.scale)

    def is_coarse(self):
        """Whether the places span more than the mesh can resolve."""
        return self.mesh.geometry.is_coarse()


@dataclass(frozen=True)
class MeshPotential:
    """A potential by a mesh.

    Parameters
    ----------
    potential : Potential
        That of the scaled places.
    scale : float
        What scales them.
    """

    potential: Potential
    scale: float

    def values(self, Z):
        """Potential at places, of shape (n_places,)."""
        return self.potential.values(Z * Z.dtype.type(self.scale))

    def gradient(self, Z):
        """Gradient at places, of shape (n_places, n_axes)."""
        scale = Z.dtype.type(self.scale)
        return scale * self.potential.gradient(Z * scale)


class PairSums:
    """Potentials by sums over all pairs.

    Parameters
    ----------
    curve : Curve
        The curve of similarity.
    """

    def __init__(self, curve):
        self.curve = curve

    def potential(self, Z, charges):
        """Return the potential of charges at places."""
        return PairPotential(self.curve, Z, charges)

    def is_coarse(self):
        """It never is."""
        return False


@dataclass(frozen=True)
class PairPotential:
    """A potential by sums over all charges.

    Parameters
    ----------
    curve : Curve
        The curve of similarity.
    Z : ndarray of shape (n_charges, n_axes)
        Places of the charges.
    charges : ndarray of shape (n_charges,)
        The charges.
    """

    curve: Curve
    Z: np.ndarray
    charges: np.ndarray

    def _blocks(self, Z):
        """Yield slices of places, and the differences from the charges."""
        for rows in row_slices(len(Z), max(1, BLOCK_ENTRIES // self.Z.size)):
            differences = Z[rows, None] - self.Z
            yield rows, differences, np.square(differences).sum(axis=2)

    def values(self, Z):
        """Potential at places, of shape (n_places,)."""
        values = np.empty(len(Z), dtype=Z.dtype)
        for rows, _, squares in self._blocks(Z):
            values[rows] = (self.curve.repulsion(squares) * self.charges).sum(axis=1)
        return values

    def gradient(self, Z):
        """Gradient at places, of shape (n_places, n_axes)."""
        gradient = np.empty_like(Z)
        for rows, differences, squares in self._blocks(Z):
            slopes = 2 * self.curve.repulsion_slope(squares) * self.charges
            gradient[rows] = (slopes[:, :, None] * differences).sum(axis=1)
        return gradient
