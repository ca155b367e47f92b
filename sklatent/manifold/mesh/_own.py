"""What a mesh makes of the potential of a charge at its own place.

It has to be left out of the sums over all others, and depends on where the charge lies
between the nodes. Its mean is a sum of the kernel at near nodes with weights that are
the B-spline of degree 7, the correlation of two cubic ones. Its slope, which would be 0
without a mesh, is nearly a sine along each axis, of an amplitude that is found halfway
between a node and the middle of two.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.mesh._splines import weights_and_slopes

# Differences of the nodes of a charge, and the B-spline of degree 7 at these.
STEPS = np.arange(-3, 4)
MEAN = np.array([1, 120, 1191, 2416, 1191, 120, 1]) / 5040


@dataclass(frozen=True)
class Own:
    """The potential of a charge of 1 at its own place.

    Parameters
    ----------
    potential : float
        Its mean.
    slope : float
        Amplitude of its slope, per spacing.
    """

    potential: float
    slope: float

    @classmethod
    def of(cls, transform, lengths):
        """From the transform of the kernel on a grid.

        Parameters
        ----------
        transform : ndarray
            At the frequencies from 0 to a half along each axis; those above are the
            same.
        lengths : tuple of int
            Number of nodes along each axis.
        """
        near = transform
        for n in lengths:
            frequencies = np.arange(n // 2 + 1)
            back = np.cos(2 * np.pi / n * np.outer(STEPS, frequencies)) / n
            back[:, 1:-1] *= 2
            near = np.tensordot(near, back, axes=(0, 1))
        along = near
        for _ in lengths[1:]:
            along = along @ MEAN
        weights, slopes = weights_and_slopes(np.array([0.25]))
        correlation = np.correlate(slopes[:, 0], weights[:, 0], "full")
        return cls(float(along @ MEAN), float(along @ correlation))

    def plus(self, smooth):
        """With that of a kernel which is so smooth that its slope is 0."""
        return Own(self.potential + smooth.potential, self.slope)
