"""Descent to the places of the training rows.

The loss of places z, with memberships v_ij of the edges, degrees d_i = sum_j v_ij,
n rows and m negative samples per edge, is

    sum_(i<j) v_ij log(1 + s_ij^b) + m / (4 n) sum_(i<j) (d_i + d_j) K(s_ij),

with squared distances s and K of `Curve.repulsion`. Sampling, in which an edge is taken
in proportion to its membership, in both directions, with m rows at random that repel
its first, descends on twice this on average (Damrich and Hamprecht 2021, theorem 4.1).
Here the sums are complete. Each row moves by its gradient over its degree.
"""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold.fuzzy._curve import Curve

# Step in squared units at the start, from where it falls to 0; and the share of the
# last move that is made again.
STEP, MOMENTUM = 0.8, 0.8
# A row moves no farther at once, in units.
FARTHEST_MOVE = 1.0
# Rows of a smaller degree, as a share of the mean, move as if they had this.
SMALLEST_DEGREE = 0.1


@dataclass(frozen=True)
class Forces:
    """Attraction along the edges of a graph, and repulsion of all places.

    Parameters
    ----------
    curve : Curve
        The curve of similarity.
    sums : MeshSums or PairSums
        Makes potentials.
    first, second : ndarray of shape (n_edges,)
        The two rows of each edge.
    memberships : ndarray of shape (n_edges,)
        In single precision.
    degrees : ndarray of shape (n_samples,)
        Sums of the memberships of each row, in single precision.
    rate : float
        Number m of negative samples for each edge, times the strength of repulsion.
    """

    curve: Curve
    sums: object
    first: np.ndarray
    second: np.ndarray
    memberships: np.ndarray
    degrees: np.ndarray
    rate: float

    @classmethod
    def of_graph(cls, graph, curve, sums, rate):
        """Forces of a symmetric sparse graph of memberships."""
        n = graph.shape[0]
        first = np.repeat(np.arange(n), np.diff(graph.indptr))
        once = first < graph.indices
        values = graph.data.astype(np.float32)
        degrees = graph.sum(axis=1).astype(np.float32)
        edges = (first[once], graph.indices[once].astype(np.intp), values[once])
        return cls(curve, sums, *edges, degrees, rate)

    @property
    def strength(self):
        """Factor of the repulsion, m / (4 n)."""
        return np.float32(self.rate / (4 * len(self.degrees)))

    def potentials(self, Z):
        """Potentials of all rows, with the charge 1 and with their degrees."""
        ones = np.ones_like(self.degrees)
        return self.sums.potential(Z, ones), self.sums.potential(Z, self.degrees)

    def gradient(self, Z, potentials):
        """Gradient of the loss over the degree of each row."""
        total = self._attraction(Z)
        of_ones, of_degrees = (potential.gradient(Z) for potential in potentials)
        total += self.strength * (self.degrees[:, None] * of_ones + of_degrees)
        smallest = SMALLEST_DEGREE * self.degrees.mean()
        total /= np.maximum(self.degrees, smallest or 1.0)[:, None]
        return total

    def _attraction(self, Z):
        """Gradient of the loss of the edges."""
        differences = Z[self.first] - Z[self.second]
        slopes = self.curve.pull(np.square(differences).sum(axis=1))
        slopes *= 2 * self.memberships
        differences *= slopes[:, None]
        n = len(Z)
        gradient = np.empty_like(Z)
        for axis, moves in enumerate(differences.T):
            gradient[:, axis] = np.bincount(self.first, moves, n)
            gradient[:, axis] -= np.bincount(self.second, moves, n)
        return gradient

    def loss(self, Z, potentials):
        """Mean loss of an edge, with the repulsion that goes with it, in nats."""
        differences = Z[self.first] - Z[self.second]
        squares = np.square(differences, dtype=np.float64).sum(axis=1)
        total = self.memberships.astype(np.float64) @ self.curve.edge_loss(squares)
        own = float(self.curve.repulsion(0.0))
        repulsion = (potentials[0].values(Z).astype(np.float64) - own) @ self.degrees
        total += self.rate / (4 * len(Z)) * repulsion
        return float(total / max(self.memberships.sum(dtype=np.float64), 1e-300))


def descend(forces, Z, n_epochs, learning_rate):
    """Move the rows down the gradient, with momentum, in shorter and shorter steps.

    Parameters
    ----------
    forces : Forces
        What moves them.
    Z : ndarray of shape (n_samples, n_axes)
        Where they start, in units and single precision.
    n_epochs : int
        Number of steps.
    learning_rate : float
        Factor of the steps.

    Yields
    ------
    Z : ndarray of shape (n_samples, n_axes)
        Places after a step.
    potentials : tuple
        Potentials before the step.
    """
    moves = np.zeros_like(Z)
    for epoch in range(n_epochs):
        potentials = forces.potentials(Z)
        step = learning_rate * STEP * (1 - epoch / n_epochs)
        moves = next_moves(moves, step, forces.gradient(Z, potentials))
        Z = Z + moves
        yield Z, potentials


def next_moves(moves, step, gradient):
    """Return the next moves of some places, each of which depends on itself only."""
    moves = moves.dtype.type(MOMENTUM) * moves - moves.dtype.type(step) * gradient
    lengths = np.sqrt(np.square(moves).sum(axis=1, keepdims=True))
    too_far = lengths / moves.dtype.type(FARTHEST_MOVE)
    return moves / np.maximum(too_far, 1)
