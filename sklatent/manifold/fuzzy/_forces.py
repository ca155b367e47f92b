"""The loss of UMAP with complete repulsion, and its gradient.

With memberships v_ij of the edges, degrees d_i = sum_j v_ij, n rows, m negative samples
for each edge, squared distances s_ij of the places, and K of `Similarity`, it is

    sum_(i<j) v_ij log(1 + s_ij^b) + m / (4 n) sum_(i<j) (d_i + d_j) K(s_ij).

Sampling takes each edge in proportion to its membership, once from either end, and
moves the row at that end away from m rows drawn at random. On average it moves row i by
twice the attraction here, and away from each other row j in proportion to d_i m / n
(Damrich and Hamprecht 2021, section 4). The mean of d_i and d_j in the place of d_i
makes it the gradient of a loss.
"""

import numpy as np

from sklatent.manifold.mesh._pair_forces import PairForces

# Rows of a smaller degree, as a share of the mean, move as if they had this.
SMALLEST_DEGREE = 0.1


class Forces(PairForces):
    """Attraction along the edges of a graph, and repulsion of all places.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Memberships, symmetric.
    similarity : Similarity
        K.
    sums : Mesh or AllPairs
        What sums K over all rows.
    rate : float
        Number m of negative samples for each edge, times the strength of repulsion.
    n_threads : int
        Number of threads.
    dtype : dtype, default=np.float32
        Precision of the forces.
    """

    def __init__(self, graph, similarity, sums, rate, n_threads=1, dtype=np.float32):
        super().__init__(graph, n_threads, dtype)
        self.similarity = similarity
        self.sums = sums
        self.degrees = graph.sum(axis=1).astype(dtype)
        self.strength = rate / (4 * graph.shape[0])

    def potentials(self, Y):
        """Potentials of all rows, with the charge 1 and with their degrees."""
        return [self.sums.potential(Y, c) for c in (None, self.degrees)]

    def _repulsion(self, Y):
        """Potential of all rows, with the charge 1, and gradient of the repulsion."""
        of_ones, of_degrees = self.potentials(Y)
        forces = self.degrees[:, None] * of_ones.gradient_of_others(Y)
        forces += of_degrees.gradient_of_others(Y, self.degrees)
        forces *= Y.dtype.type(self.strength)
        return of_ones, forces

    def gradient(self, Y):
        """Return the gradient of the loss, of shape (n_samples, n_components)."""
        (self.of_ones, forces), attractions = self._both(Y, self.similarity.weight)
        attracted = self.edges.add_forces(np.zeros_like(Y), attractions)
        return forces + 2 * attracted

    def value(self, Y):
        """Return the loss for each edge, at places for which `gradient` was called."""
        n_edges = 0.5 * self.degrees.sum(dtype=np.float64)
        if n_edges == 0:
            return 0.0
        attraction = self.edges.total(Y, self.similarity.edge_loss)
        others = self.of_ones.values(Y).astype(np.float64) - self.similarity(0.0)
        return float((attraction + self.strength * (others @ self.degrees)) / n_edges)

    def smoothed_degrees(self):
        """Degrees of the rows, those of hardly any edges larger."""
        mean = self.degrees.mean()
        return np.maximum(self.degrees, SMALLEST_DEGREE * mean if mean > 0 else 1)
