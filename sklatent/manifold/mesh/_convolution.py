"""Convolution of what the nodes of a grid hold with a kernel, by Fourier transforms.

As values at the nodes and not coefficients of splines are convolved, what is spread and
what is read are each divided by the transform of the spline, (2 + cos 2 pi f) / 3 along
an axis.
"""

import numpy as np
from scipy import fft

from sklatent.manifold.mesh._own import Own

# Nodes of a convolution that threads share: fewer are done as soon by one.
SHARED_NODES = 2**20
# Nodes behind the reach of a kernel until the coefficients of splines have faded.
FADED = 8


class Convolution:
    """Convolution with a kernel on a grid.

    Parameters
    ----------
    kernel : callable
        kernel(square) returns K of an array of squared distances.
    spacing : float
        Distance between nodes.
    shape : tuple of int
        Number of nodes along each axis.
    reach : int, default=None
        Number of spacings from which on K is 0, for which the grid is padded. If None,
        K reaches from one end of the grid to the other, and what it is there, `floor`,
        is left out: single precision keeps the differences of places close together.
    """

    def __init__(self, kernel, spacing, shape, reach=None):
        self.shape = shape
        self.lengths = tuple(
            transform_length(2 * n if reach is None else n + reach + FADED)
            for n in shape
        )
        self.floor = 0.0
        if reach is None:
            ends = spacing**2 * np.square(np.subtract(shape, 1.0)).sum(keepdims=True)
            self.floor = float(kernel(ends).item())
        # The kernel is even, so that its transform is one of cosines, of a part of the
        # grid.
        squares = 0.0
        for n in self.lengths:
            squares = np.add.outer(squares, (spacing * np.arange(n // 2 + 1)) ** 2)
        transform = fft.dctn(kernel(squares) - self.floor, type=1)
        for axis, n in enumerate(self.lengths):
            f = 2 * np.pi * np.arange(n // 2 + 1) / n
            spline = ((2 + np.cos(f)) / 3) ** 2
            others = tuple(a for a in range(len(shape)) if a != axis)
            transform /= np.expand_dims(spline, others)
        self.own = Own.of(transform, self.lengths)
        transform = transform.astype(np.float32)
        for axis, n in enumerate(self.lengths[:-1]):
            frequencies = np.arange(n)
            frequencies = np.minimum(frequencies, n - frequencies)
            transform = transform.take(frequencies, axis)
        self._transform = transform

    def __call__(self, charge, n_threads=1):
        """Return the potential less `floor`, as coefficients of a spline.

        The part of the transforms that is of zeros, or not asked for, is left out.
        """
        *others, last = range(charge.ndim)
        options = {"workers": n_threads if charge.size > SHARED_NODES else 1}
        wave = fft.rfft(charge, self.lengths[last], axis=last, **options)
        for axis in others:
            wave = fft.fft(wave, self.lengths[axis], axis=axis, **options)
        wave *= self._transform
        for axis in others:
            wave = fft.ifft(wave, axis=axis, overwrite_x=True, **options)
            wave = wave[(slice(None),) * axis + (slice(self.shape[axis]),)]
        phi = fft.irfft(wave, self.lengths[last], axis=last, **options)
        return phi[..., : self.shape[last]]


def transform_length(fewest):
    """Return the least even length, at least `fewest`, of a fast transform."""
    while (length := fft.next_fast_len(fewest, real=True)) % 2:
        fewest = length + 1
    return length
