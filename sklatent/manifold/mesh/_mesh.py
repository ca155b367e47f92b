"""Sums of a kernel over all places, and their gradients, by a mesh.

The potential of charges c_j at places y_j, for a kernel K of the squared distance,

    phi(y) = sum_j c_j K(|y - y_j|²),

is a cubic spline on a grid: charges are spread to the nodes near them, convolved with
the kernel by fast Fourier transforms, and the gradient at a place is that of the spline
(Hockney and Eastwood 1988, "Computer simulation using particles", section 5; for t-SNE
a mesh was first used by Linderman et al. 2019, Nature Methods 16). As values at the
nodes and not coefficients of splines are convolved, what is spread and what is read are
each divided by the transform of the spline, (2 + cos 2 pi f) / 3 along an axis.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.mesh._scales import convolution, fast_nodes
from sklatent.manifold.mesh._splines import Nodes
from sklatent.utils._blocks import row_slices

# Largest spacing of the nodes by the number of axes, for kernels that fall off at a
# distance of 1: forces have errors of about 1 percent. And how many intervals span the
# places at least.
SPACINGS, FEWEST_INTERVALS = {1: 0.25, 2: 0.35, 3: 0.5}, 50
# Largest number of nodes, by the number of axes.
MOST_NODES = {1: 2**22, 2: 4096**2, 3: 256**3}
# Smallest potential of all others at a charge on average, to its own. Where charges are
# farther from each other, a mesh leaves no digits of it.
LEAST_POTENTIAL = 1e-4
# Nodes before the first place and behind the last.
MARGIN = 2
# Places that are handled together, whose arrays fit the cache.
BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Geometry:
    """A grid over some places.

    Parameters
    ----------
    spacing : float
        Distance between nodes.
    shape : tuple of int
        Number of nodes along each axis.
    """

    spacing: float
    shape: tuple

    @classmethod
    def over(cls, spans, largest):
        """Choose the grid for places that span so much along each axis.

        The spacing is above `largest` only where there would be too many nodes.
        """
        widest = max(spans.max(), np.finfo(np.float32).tiny)
        # In steps, so that the transform of the kernel is seldom computed again.
        finest = 2.0 ** (0.5 * np.floor(2 * np.log2(widest / FEWEST_INTERVALS)))
        geometry = cls._of(min(largest, finest), spans)
        while np.prod(geometry.shape, dtype=np.float64) > MOST_NODES[len(spans)]:
            geometry = cls._of(np.sqrt(2) * geometry.spacing, spans)
        return geometry

    @classmethod
    def _of(cls, spacing, spans):
        n_nodes = np.ceil(spans / spacing).astype(int) + 1 + 2 * MARGIN
        return cls(float(spacing), tuple(fast_nodes(n) for n in n_nodes.tolist()))


class Mesh:
    """Potentials of charges at any places.

    Parameters
    ----------
    kernel : callable
        kernel(square) returns K of an array of squared distances.
    n_threads : int, default=1
        Threads for the transforms.
    width : float, default=1.0
        Distance at which K falls off.
    """

    def __init__(self, kernel, n_threads=1, width=1.0):
        self.kernel = kernel
        self.n_threads = n_threads
        self.width = width
        self.geometry = self._convolve = None

    def potential(self, Y, charges=None):
        """Return the potential of charges.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_axes)
            Places, in single precision, of one to three axes.
        charges : ndarray of shape (n_samples,), default=None
            Charges; 1 each if None.

        Returns
        -------
        potential : Potential
            Their potential.
        """
        low, high = Y.min(axis=0), Y.max(axis=0)
        largest = self.width * SPACINGS[Y.shape[1]]
        geometry = Geometry.over((high - low).astype(np.float64), largest)
        spacing, shape = geometry.spacing, geometry.shape
        if geometry != self.geometry:
            self.geometry = geometry
            self._convolve = convolution(self.kernel, spacing, shape)
        floor, alone = self._convolve.floor, self._convolve.own
        nodes = _Places(low, self.geometry)
        charge = np.zeros(np.prod(shape), dtype=Y.dtype)
        for rows in row_slices(len(Y), BLOCK_ROWS):
            part = None if charges is None else charges[rows]
            nodes.near(Y[rows]).spread(charge, part)
        phi = self._convolve(charge.reshape(shape), self.n_threads).ravel()
        n_charges = len(Y) if charges is None else charges.sum(dtype=np.float64)
        own = len(Y) if charges is None else np.square(charges).sum(dtype=np.float64)
        energy = float(np.vdot(charge, phi)) - alone.potential * own
        energy += floor * (n_charges**2 - own)
        energy = max(energy, LEAST_POTENTIAL * alone.potential * own)
        return Potential(nodes, phi, floor * n_charges, energy, alone.slope)

    def is_coarse(self):
        """Whether there would be so many nodes that the spacing had to be larger."""
        spacing, shape = self.geometry.spacing, self.geometry.shape
        return spacing > self.width * SPACINGS[len(shape)]


@dataclass(frozen=True)
class _Places:
    """Where places lie on a grid.

    Parameters
    ----------
    low : ndarray of shape (n_axes,)
        The smallest coordinates of the charges.
    geometry : Geometry
        The grid.
    """

    low: np.ndarray
    geometry: Geometry

    def steps(self, Y):
        """Distances from the first node along each axis, in units of the spacing."""
        steps = (Y - self.low) / Y.dtype.type(self.geometry.spacing)
        steps += MARGIN
        return steps

    def near(self, Y):
        """Return the nodes near places, which lie on the grid."""
        return Nodes(self.steps(Y), self.geometry.shape)

    def off(self, Y):
        """Which places lie outside of the grid."""
        steps = self.steps(Y)
        last = np.array(self.geometry.shape) - MARGIN
        return (np.minimum(steps - 1, last - steps) < 0).any(axis=1)


@dataclass(frozen=True)
class Potential:
    """A potential, at all places on its grid.

    Parameters
    ----------
    places : _Places
        The grid.
    phi : ndarray of shape (n_nodes,)
        Coefficients of the spline, less `floor`.
    floor : float
        Potential to add.
    energy : float
        Sum over the charges of the potential of all others, a positive number.
    own_slope : float
        What the mesh gives as the slope of a charge's own potential, where it is the
        largest, per spacing.
    """

    places: _Places
    phi: np.ndarray
    floor: float
    energy: float
    own_slope: float

    def off(self, Y):
        """Which places lie outside of the grid, so that there is no potential."""
        return self.places.off(Y)

    def values(self, Y):
        """Potential at places on the grid, of shape (n_places,)."""
        return self._interpolate(Y)[0] + self.floor

    def gradient(self, Y):
        """Gradient at places on the grid, of shape (n_places, n_axes)."""
        slopes = self._interpolate(Y)[1:]
        slopes /= Y.dtype.type(self.places.geometry.spacing)
        return slopes.T

    def gradient_of_others(self, Y, charges=None):
        """Gradient at charges, 1 each if None, of the potential of all others."""
        steps = self.places.steps(Y)
        own = np.sin(steps * Y.dtype.type(2 * np.pi))
        own *= Y.dtype.type(self.own_slope / self.places.geometry.spacing)
        if charges is not None:
            own *= charges[:, None]
        return self.gradient(Y) - own

    def _interpolate(self, Y):
        blocks = [
            self.places.near(Y[rows]).interpolate(self.phi)
            for rows in row_slices(len(Y), BLOCK_ROWS)
        ]
        return np.concatenate(blocks, axis=1)
