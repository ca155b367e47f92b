"""The Kullback-Leibler divergence that t-SNE minimizes.

With P the joint probabilities of pairs of rows, and the kernel of a t distribution with
nu degrees of freedom (van der Maaten 2009, equation 4),

    K(s) = (1 + s / nu)^(-(nu + 1) / 2),  Z = sum_{i != j} K(|y_i - y_j|²),
    C = sum_{i != j} p_ij log(p_ij / q_ij),  q_ij = K(|y_i - y_j|²) / Z,
    dC / dy_i = 2 (nu + 1) / nu sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|² / nu)
                + 2 / Z grad phi(y_i),  phi(y) = sum_j K(|y - y_j|²):

rows that choose each other attract, and all repel each other.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.mesh._all_pairs import AllPairs
from sklatent.manifold.mesh._mesh import MOST_NODES, Mesh
from sklatent.manifold.mesh._pair_forces import PairForces

# Up to so many rows all pairs are summed one by one, which is as quick as a mesh.
FEW_ROWS = 500


@dataclass(frozen=True)
class Kernel:
    """The kernel of a t distribution.

    Parameters
    ----------
    nu : float
        Degrees of freedom.
    """

    nu: float

    @property
    def strength(self):
        """(nu + 1) / nu."""
        return (self.nu + 1) / self.nu

    @property
    def width(self):
        """Distance at which K falls off; with many degrees of freedom that is 1."""
        return min(1.0, self.nu**0.5)

    def weight(self, square):
        """1 / (1 + s / nu), by which attractions are multiplied."""
        w = square * square.dtype.type(1 / self.nu)
        w += 1
        return np.reciprocal(w, out=w)

    def __call__(self, square):
        """K(s)."""
        w = self.weight(square)
        return w if self.nu == 1 else w ** (0.5 * (self.nu + 1))

    def slope(self, square):
        """K'(s)."""
        w = self.weight(square)
        power = w * w if self.nu == 1 else w ** (0.5 * (self.nu + 3))
        power *= -0.5 * self.strength
        return power

    def minus_log(self, square):
        """-log K(s)."""
        return 0.5 * (self.nu + 1) * np.log1p(square / self.nu)

    def sums(self, n_samples, n_components, exact, n_threads=1):
        """Return what sums the kernel over all rows: a mesh, or all pairs."""
        if exact or n_samples <= FEW_ROWS or n_components not in MOST_NODES:
            return AllPairs(self, self.slope)
        return Mesh(self, n_threads, self.width)


class Divergence(PairForces):
    """C as a function of the places, and its gradient.

    Parameters
    ----------
    P : csr_array of shape (n_samples, n_samples)
        Joint probabilities above the diagonal, of sum 1/2.
    kernel : Kernel
        K.
    sums : Mesh or AllPairs
        What sums K over all rows.
    n_threads : int
        Number of threads.
    dtype : dtype, default=np.float32
        Precision of the forces.
    """

    def __init__(self, P, kernel, sums, n_threads, dtype=np.float32):
        super().__init__(P, n_threads, dtype)
        self.kernel = kernel
        self.sums = sums
        p = P.data[P.data > 0].astype(np.float64)
        self.entropy = -2 * float(p @ np.log(p))

    def _repulsion(self, Y):
        """Z and the gradient of phi."""
        potential = self.sums.potential(Y)
        return potential.energy, potential.gradient_of_others(Y)

    def gradient(self, Y, exaggeration=1.0):
        """Return the gradient, with attractions that are stronger by a factor."""
        (self.Z, forces), attractions = self._both(Y, self.kernel.weight)
        attracting = 2 * self.kernel.strength * exaggeration
        # Both in the units of the attraction until they are added.
        forces = forces * Y.dtype.type(2 / (self.Z * attracting))
        return self.edges.add_forces(forces, attractions) * Y.dtype.type(attracting)

    def value(self, Y):
        """Return C at places for which `gradient` was the last call."""
        cross = 2 * self.edges.total(Y, self.kernel.minus_log)
        return cross - self.entropy + np.log(self.Z)
