"""Attraction along edges and repulsion of all places, computed side by side."""

from concurrent.futures import ThreadPoolExecutor

from sklatent.manifold.mesh._edges import Edges
from sklatent.utils._threads import single_blas_thread


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
        self.n_others = n_threads - 1

    def __enter__(self):
        self.threads = ThreadPoolExecutor(max(self.n_others, 1))
        # Threads of BLAS wait for work by spinning, and take the place of ours.
        single_blas_thread.__enter__()
        return self

    def __exit__(self, *exception):
        single_blas_thread.__exit__(*exception)
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
        parts = self.edges.parts
        attractions = [None] * len(parts)
        turns = iter(range(len(parts)))

        def attract():
            for i in turns:
                attractions[i] = parts[i].forces(Y, weight)

        # This thread works too: with few rows, to wait for another that does takes as
        # long as the work.
        others = [self.threads.submit(attract) for _ in range(self.n_others)]
        repulsion = self._repulsion(Y)
        attract()
        for other in others:
            other.result()
        return repulsion, attractions
