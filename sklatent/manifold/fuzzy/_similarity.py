"""The similarity of places, and the losses made of it.

Places at distance d are similar to the degree 1 / (1 + (d / w)^(2 b)), one half at the
width w. An edge loses minus its logarithm, and a pair that repels minus the logarithm
of the rest, so that with the squared distance s, in units of w²,

    attraction  log(1 + s^b),    repulsion  K(s) = log(1 + (s + c)^(-b)),

where the softening c takes away the pole at 0, which no mesh resolves.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.mesh._all_pairs import AllPairs
from sklatent.manifold.mesh._mesh import SPACINGS, Mesh

# By the number of components, and relative to the width: the distance of the nodes of
# the mesh, and that within which repulsion is softened. The smaller this is, the better
# are near neighbors told apart; forces have errors of 1 to 4 percent, and of more with
# b below 0.8, where near rows all but coincide.
FINENESS = {1: 0.045, 2: 0.09, 3: 0.25}
SOFTENED = {1: 0.09, 2: 0.09, 3: 0.25}
# Square of the distance, in units, below which the force of an edge is linear: with b
# below 1 its slope has a pole at 0.
CORE = 1e-8
# Up to so many rows all pairs are summed one by one, which is as quick as a mesh.
FEW_ROWS = 256


@dataclass(frozen=True)
class Similarity:
    """The similarity of places; called, K of squared distances.

    Parameters
    ----------
    b : float
        Half of the power of the distance.
    width : float
        Distance w at which the similarity is one half.
    softening : float
        c, in units of w².
    """

    b: float
    width: float
    softening: float

    @classmethod
    def on_mesh(cls, b, n_components):
        """The similarity with a width to which the spacing of a mesh is fine enough."""
        n_axes = n_components if n_components in FINENESS else 2
        return cls(b, SPACINGS[n_axes] / FINENESS[n_axes], SOFTENED[n_axes] ** 2)

    def weight(self, square):
        """Slope of the attraction, by the squared distance."""
        kind = square.dtype.type
        s = np.maximum(square * kind(self.width**-2), kind(CORE))
        powers = s ** kind(self.b)
        return kind(self.b * self.width**-2) * powers / (s * (1 + powers))

    def edge_loss(self, square):
        """Attraction of squared distances."""
        return np.log1p((square * self.width**-2) ** self.b)

    def __call__(self, square):
        """K of squared distances."""
        return np.log1p((square * self.width**-2 + self.softening) ** -self.b)

    def slope(self, square):
        """Slope of K, by the squared distance."""
        s = square * self.width**-2 + self.softening
        return -self.b * self.width**-2 / (s * (1 + s**self.b))

    def sums(self, n_samples, n_components, n_threads):
        """Return what sums K over all rows: a mesh, or all pairs."""
        if n_samples <= FEW_ROWS or n_components not in FINENESS:
            return AllPairs(self, self.slope)
        return Mesh(self, n_threads)
