"""Attraction along edges and repulsion of all places, computed side by side."""

from concurrent.futures import ThreadPoolExecutor

from sklatent.manifold.mesh._edges import Edges


class PairForces:
    """Forces on places, with threads while it is used as a context.

    A subclass implements `_repulsion(Y)`.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Weights of the edges, symmetric; what is below the diagonal need not be there.
    n_threads : int
        Number of threads.
    dtype : dtype
        Precision of the forces.
    """

    def __init__(self, graph, n_threads, dtype):
        self.edges = Edges(graph, dtype)
        self.threads = ThreadPoolExecutor(n_threads) if n_threads > 1 else None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.threads is not None:
            self.threads.shutdown()

    def _both(self, Y, weight):
        """Return what `_repulsion` gives, and attractions for `Edges.add_forces`.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_axes)
            Places.
        weight : callable
            weight(square), by which the weights of edges are multiplied.
        """

        def attraction(part):
            return part.forces(Y, weight)

        parts = self.edges.parts
        if self.threads is None:
            return self._repulsion(Y), map(attraction, parts)
        repulsion = self.threads.submit(self._repulsion, Y)
        attractions = self.threads.map(attraction, parts)
        return repulsion.result(), attractions
