"""Gradient descent with momentum and a step size of its own for each coordinate.

The step sizes follow the delta-bar-delta rule (Jacobs 1988, Neural Networks 1), as in
t-SNE (van der Maaten and Hinton 2008, section 3.4): one grows while the gradient keeps
its sign, and shrinks when that changes.
"""

import numpy as np

from sklatent.manifold.mesh._starts import scaled_start

# Standard deviation of a map that did not collapse.
SMALLEST_MAP = 1e-4
GROWTH, SHRINKAGE, SMALLEST_GAIN = 0.2, 0.8, 0.01
# No row of t-SNE moves farther at once. Where there are few rows, each of which has
# much of the gradient, they would be thrown apart.
FARTHEST_MOVE = 5.0


def capped(moves, farthest):
    """Shorten moves that are longer than a number, each for itself.

    Parameters
    ----------
    moves : ndarray of shape (n_samples, n_axes)
        Moves.
    farthest : float
        Length of the longest.

    Returns
    -------
    moves : ndarray of shape (n_samples, n_axes)
        Of the same directions.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", moves, moves, dtype=np.float64))
    if lengths.max() <= farthest:
        return moves
    return moves / np.maximum(lengths / farthest, 1).astype(moves.dtype)[:, None]


class Descent:
    """Places that move.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_axes)
        Where they start. They are moved in place.
    """

    def __init__(self, Y):
        self.Y = Y
        self.step = np.zeros_like(Y)
        self.gains = np.ones_like(Y)

    def move(self, gradient, learning_rate, momentum):
        """Take a step."""
        kept = self.step * gradient < 0
        self.gains = np.where(kept, self.gains + GROWTH, self.gains * SHRINKAGE)
        np.maximum(self.gains, SMALLEST_GAIN, out=self.gains)
        self.step *= momentum
        self.step -= learning_rate * self.gains * gradient
        self.step = capped(self.step, FARTHEST_MOVE)
        self.Y += self.step

    def has_collapsed(self):
        """Whether the map is narrower than at the start."""
        return self.Y.std(axis=0).max() < SMALLEST_MAP

    def restarted(self):
        """Return the same places at rest, which are spread out if they collapsed.

        Where attractions are strong, a small map may shrink until nothing but its
        center is left, where there are no forces.
        """
        if self.has_collapsed():
            self.Y[:] = scaled_start(self.Y.astype(np.float64), SMALLEST_MAP)
        return Descent(self.Y)
