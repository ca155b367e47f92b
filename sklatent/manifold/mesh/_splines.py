"""Cubic B-splines between places anywhere and the nodes of a grid.

A place at x between the nodes x_1 <= x < x_2 of a grid of spacing h has a weight at
four nodes along each axis, with t = (x - x_1) / h,

    (1 - t)³ / 6,  (4 - 6 t² + 3 t³) / 6,  (1 + 3 t + 3 t² - 3 t³) / 6,  t³ / 6,

and at each of 4^q nodes the product of its weights along the axes (de Boor 1978).
"""

import numpy as np

N_NODES = 4
# Each of the weights is such a polynomial in t; constant terms come first.
CUBICS = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6


class Nodes:
    """The nodes near some places, and their weights.

    Parameters
    ----------
    Y : ndarray of shape (n_places, n_axes)
        Places, in units of the spacing, from the first node of the grid on. At least
        one node lies before each, and two behind it.
    shape : tuple of int
        Number of nodes along each axis.
    """

    def __init__(self, Y, shape):
        U = np.ascontiguousarray(Y.T)
        at = U.astype(np.intp)
        t = U - at.astype(U.dtype)
        self.steps = np.append(np.cumprod(shape[:0:-1])[::-1], 1).astype(np.intp)
        self.first = self.steps @ (at - 1)
        # Of shape (n_axes, 4, n_places).
        self.weights, self.slopes = (
            np.moveaxis(A, 0, 1) for A in weights_and_slopes(t)
        )

    def spread(self, grid, charges=None):
        """Add charges at the places, 1 each if None, to a flat grid of nodes."""
        self._spread(grid, self.first, charges, 0)

    def _spread(self, grid, at, charges, axis):
        for i, weight in enumerate(self.weights[axis]):
            w = weight if charges is None else charges * weight
            nodes = at + i * self.steps[axis]
            if axis + 1 == len(self.steps):
                np.add.at(grid, nodes, w)
            else:
                self._spread(grid, nodes, w, axis + 1)

    def interpolate(self, grid):
        """Value of the spline with coefficients `grid`, and its slope along each axis.

        Returns
        -------
        values : ndarray of shape (1 + n_axes, n_places)
            The value, then the slopes per spacing.
        """
        return self._interpolate(grid, self.first, 0)

    def _interpolate(self, grid, at, axis):
        """Sum over the nodes along an axis and those after it."""
        if axis == len(self.steps):
            return grid.take(at)[None]
        total = np.zeros((1 + len(self.steps) - axis, len(at)), self.weights.dtype)
        for i in range(N_NODES):
            # The value, and the slopes along the axes after this.
            inner = self._interpolate(grid, at + i * self.steps[axis], axis + 1)
            total[1] += self.slopes[axis, i] * inner[0]
            inner = self.weights[axis, i] * inner
            total[0] += inner[0]
            total[2:] += inner[1:]
        return total


def weights_and_slopes(t):
    """Weights of the nodes at -1, 0, 1 and 2 for places t, and their derivatives.

    Both have the shape (4, ...). They are no matrix products, whose rounding would
    depend on how many places there are.
    """
    weights = np.stack([_polynomial(c, t) for c in CUBICS])
    slopes = np.stack([_polynomial(c[1:] * (1, 2, 3), t) for c in CUBICS])
    return weights, slopes


def _polynomial(coefficients, t):
    """Evaluate a polynomial, by Horner's rule."""
    value = np.full_like(t, coefficients[-1])
    for c in coefficients[-2::-1]:
        value *= t
        value += t.dtype.type(c)
    return value
