"""A kernel in two parts: one of short reach, and a smooth one.

With R some spacings of a grid, for a distance r = sqrt(s),

    K(s) = [K(s) - F(s)] + F(s),  F(s) = K(((R + s / R) / 2)²) for r < R, else K(s).

The first part is 0 from R on, so that a convolution on the grid has to be padded by R
only. The second, in which the parabola (R + s / R) / 2 that touches r at R stands for
it, is smooth, so that a grid of four times the spacing is enough (in the manner of the
multilevel summation of Skeel, Tezcan and Hardy 2002, Journal of Computational Chemistry
23). Splines on the wide grid are splines on the fine one: the B-spline of twice the
spacing is a sum of five with the weights 1, 4, 6, 4, 1 over 8.
"""

import numpy as np
from scipy.sparse import csr_array

from sklatent.manifold.mesh._convolution import FADED, Convolution, transform_length

# R, and the spacing of the wide grid, in spacings of the fine one.
REACH, RATIO = 16, 4
# Fewest nodes along an axis for which two grids take less time than one.
MANY_NODES = 100
HALVES = np.array([1, 4, 6, 4, 1]) / 8
# A wide B-spline as a sum of those of the fine grid, from 6 nodes before its own on.
_doubled = np.zeros(9)
_doubled[::2] = HALVES
WIDE = np.convolve(HALVES, _doubled)
BEFORE = len(WIDE) // 2


def fast_nodes(n):
    """Return a number of nodes, at least `n`, for which transforms are fast."""
    return transform_length(n + REACH + FADED) - REACH - FADED


def convolution(kernel, spacing, shape):
    """Return the convolution with a kernel on a grid: in two parts if it is large.

    The parameters are those of `TwoScales`.
    """
    large = max(shape) >= MANY_NODES
    return (TwoScales if large else Convolution)(kernel, spacing, shape)


class TwoScales:
    """Convolution with a kernel on a grid, by a short and a smooth part.

    Parameters
    ----------
    kernel : callable
        kernel(square) returns K of an array of squared distances.
    spacing : float
        Distance between nodes.
    shape : tuple of int
        Number of nodes along each axis.
    """

    def __init__(self, kernel, spacing, shape):
        reach = REACH * spacing

        def smooth(square):
            within = np.minimum(square, reach**2)
            touching = ((reach + within / reach) / 2) ** 2
            return kernel(square - within + touching)

        def short(square):
            return kernel(square) - smooth(square)

        self._short = Convolution(short, spacing, shape, REACH)
        self._refinements = [_refinement(n) for n in shape]
        wide = tuple(R.shape[1] for R in self._refinements)
        self._smooth = Convolution(smooth, RATIO * spacing, wide)
        self.floor = self._smooth.floor
        self.own = self._short.own.plus(self._smooth.own)

    def __call__(self, charge, n_threads=1):
        """Return the potential less `floor`, as coefficients of a spline."""
        phi = self._short(charge, n_threads)
        wide = charge
        for axis, R in enumerate(self._refinements):
            wide = _along(R.T, wide, axis)
        wide = self._smooth(wide, n_threads)
        for axis, R in enumerate(self._refinements):
            wide = _along(R, wide, axis)
        return phi + wide


def _refinement(n):
    """Coefficients on n nodes of each B-spline of the wide grid that touches them."""
    n_wide = (n - 1 + BEFORE) // RATIO + 2
    wide, taps = np.meshgrid(np.arange(n_wide), np.arange(len(WIDE)), indexing="ij")
    fine = RATIO * (wide - 1) + taps - BEFORE
    inside = (fine >= 0) & (fine < n)
    weights = np.broadcast_to(WIDE.astype(np.float32), inside.shape)[inside]
    return csr_array((weights, (fine[inside], wide[inside])), shape=(n, n_wide))


def _along(A, grid, axis):
    """Multiply a matrix with an axis of an array."""
    first = np.moveaxis(grid, axis, 0)
    product = A @ first.reshape(len(first), -1)
    return np.moveaxis(product.reshape(A.shape[0], *first.shape[1:]), 0, axis)
