"""The curve of similarity in the embedding, and the losses made of it.

Two places at distance d have the similarity 1 / (1 + a d^(2 b)). An edge loses minus
its logarithm, log(1 + a d^(2 b)), and a pair that repels minus the logarithm of the
rest, log(1 + 1 / (a d^(2 b))), here of d² + softening, which has no pole.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit

# The curve is fitted at so many distances, up to so many spreads.
N_POINTS, WIDTH = 300, 3
# Squared distances of an edge, in squared units, below which its force is linear: for
# b below 1 the curve has a kink at 0.
CORE = 1e-8


@dataclass(frozen=True)
class Curve:
    """The similarity 1 / (1 + a d^(2 b)).

    Parameters
    ----------
    a, b : float
        Its parameters.
    softening : float
        What is added to squared distances in the repulsion, in squared units.
    """

    a: float
    b: float
    softening: float

    @classmethod
    def fitted(cls, spread, min_dist, softening):
        """Fit to 1 up to `min_dist`, then a decay to 1 / e over each `spread`."""
        # In units of the spread, so that the fit does not depend on it.
        x = np.linspace(0, WIDTH, N_POINTS)
        y = np.exp(-np.maximum(x - min_dist / spread, 0.0))
        (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, y)
        return cls(float(a * spread ** (-2 * b)), float(b), softening)

    @property
    def unit(self):
        """Distance at which the similarity is one half."""
        return self.a ** (-1 / (2 * self.b))

    def pull(self, squares):
        """Slope of the loss of an edge by the squared distance, in units."""
        squares = np.maximum(squares, squares.dtype.type(CORE))
        powers = squares ** squares.dtype.type(self.b)
        return squares.dtype.type(self.b) * powers / (squares * (1 + powers))

    def edge_loss(self, squares):
        """Loss of an edge, of squared distances in units."""
        return np.log1p(squares**self.b)

    def repulsion(self, squares):
        """Loss of a pair that repels, of squared distances in units."""
        return np.log1p((squares + self.softening) ** -self.b)

    def repulsion_slope(self, squares):
        """Slope of the loss of a pair that repels by the squared distance, in units."""
        squares = squares + squares.dtype.type(self.softening)
        powers = squares ** squares.dtype.type(self.b)
        return squares.dtype.type(-self.b) / (squares * (1 + powers))
