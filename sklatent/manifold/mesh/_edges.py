"""Forces along the edges of a symmetric sparse graph.

With weights w_ij of the edges, which depend on the distance, the force on a row is

    f_i = sum_j w_ij (y_i - y_j).

Each edge is stored once, above the diagonal, and pulls at both its ends: with U what is
summed along an axis, forces are the sums of the rows of U less those of its columns.
"""

import itertools

import numpy as np
from scipy.sparse import csr_array, triu

# Edges whose weights are computed together: few enough to fit the cache, and so many
# that threads seldom wait for each other.
BLOCK_EDGES = 2**17
# Parts that threads take: as many whatever the number of threads, so that sums are the
# same to the bit.
MOST_PARTS, PART_EDGES = 8, 2**17


class Edges:
    """A graph, in parts for threads.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Symmetric; what is below the diagonal need not be there.
    dtype : dtype, default=np.float32
        Precision of the forces.
    """

    def __init__(self, graph, dtype=np.float32):
        upper = triu(graph, 1, format="csr")
        self.n_edges = upper.nnz
        n_parts = min(max(upper.nnz // PART_EDGES, 1), MOST_PARTS)
        shares = np.linspace(0, upper.nnz, n_parts + 1)[1:-1]
        bounds = [0, *np.searchsorted(upper.indptr, shares).tolist(), upper.shape[0]]
        self.parts = [
            _Part(upper, start, stop, dtype)
            for start, stop in itertools.pairwise(bounds)
            if upper.indptr[start] < upper.indptr[stop]
        ]

    def add_forces(self, forces, results):
        """Add to forces what `_Part.forces` returned for all parts."""
        for part, (own, others) in zip(self.parts, results, strict=True):
            forces[part.rows] += own
            forces[part.rows.start :] -= others
        return forces

    def total(self, Y, function):
        """Sum of p_ij function(|y_i - y_j|²) over the edges, each once."""
        return float(sum(part.total(Y, function) for part in self.parts))


class _Part:
    """Edges from some rows to rows behind them."""

    def __init__(self, upper, start, stop, dtype):
        self.rows = slice(start, stop)
        edges = slice(upper.indptr[start], upper.indptr[stop])
        self.p = upper.data[edges].astype(dtype)
        self.starts = upper.indptr[start : stop + 1] - upper.indptr[start]
        self.counts = np.diff(self.starts)
        # Counted from the first row of the part on.
        shape = (stop - start, upper.shape[0] - start)
        parts = (np.empty_like(self.p), upper.indices[edges] - start, self.starts)
        self.U = csr_array(parts, shape=shape)

    def _differences(self, Y):
        """Yield slices of edges, their y_i - y_j, and squared lengths."""
        Y = Y[self.rows.start :]
        size = max(1, BLOCK_EDGES * len(self.counts) // len(self.p))
        for start in range(0, len(self.counts), size):
            stop = min(start + size, len(self.counts))
            edges = slice(self.starts[start], self.starts[stop])
            d = np.repeat(Y[start:stop], self.counts[start:stop], axis=0)
            d -= Y.take(self.U.indices[edges], axis=0)
            square = d[:, 0] ** 2
            for axis in range(1, d.shape[1]):
                square += d[:, axis] ** 2
            yield edges, d, square

    def forces(self, Y, weight):
        """Forces on the rows of the part, and those against these and all behind them.

        Parameters
        ----------
        Y : ndarray of shape (n_samples, n_axes)
            Places.
        weight : callable
            weight(square), of an array of squared distances, is what p_ij is
            multiplied by.
        """
        pulls = np.empty((Y.shape[1], len(self.p)), dtype=Y.dtype)
        for edges, d, square in self._differences(Y):
            w = weight(square)
            w *= self.p[edges]
            for pull, along in zip(pulls, d.T, strict=True):
                np.multiply(w, along, out=pull[edges])
        n, n_behind = self.U.shape
        ones = np.ones(n_behind, dtype=Y.dtype)
        own, others = (np.empty((m, Y.shape[1]), Y.dtype) for m in (n, n_behind))
        for axis, self.U.data in enumerate(pulls):
            own[:, axis] = self.U @ ones
            others[:, axis] = self.U.T @ ones[:n]
        return own, others

    def total(self, Y, function):
        """Sum of p_ij function(|y_i - y_j|²), in double precision."""
        return sum(
            np.dot(self.p[edges], function(square).astype(np.float64))
            for edges, _, square in self._differences(Y)
        )
