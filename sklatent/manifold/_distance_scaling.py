"""Classical scaling of a whole matrix of distances, which is read and not copied.

With the squared distances S, the weights w, which sum to n, and J = I - 1 w' / n,

    B = -1/2 W^1/2 J S J' W^1/2

is multiplied with from blocks of S (Torgerson 1952; Gower 1966).
"""

import numpy as np

from sklatent.manifold._block_krylov import largest_by_blocks
from sklatent.manifold._landmark_mds import ROUNDING, Scaling
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import count_threads, map_threads

# Entries of a block of distances, which should fit the cache.
BLOCK_ENTRIES = 2**20
# Up to so many rows all eigenvalues are found, for the negative ones.
ALL_EIGENVALUES = 1000


class GramOperator:
    """B, by products.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_samples)
        Symmetric.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    """

    def __init__(self, distances, weight):
        self.distances = distances
        self.unit = 2.0 ** np.frexp(distances.max())[1]
        self.share, self.root = weight / weight.sum(), np.sqrt(weight)
        self.mean = self._squares_times(self.share[:, None])[:, 0]
        self.grand_mean = float(self.share @ self.mean)

    def _squares_times(self, V):
        """Return S V, in units of `unit` squared."""
        n = len(self.distances)
        # The unit is a power of two, so that nothing is rounded.
        V = V / self.unit

        def product(rows):
            block = self.distances[rows].astype(np.float64, copy=False)
            return ((block / self.unit) * block) @ V

        blocks = list(row_slices(n, max(1, BLOCK_ENTRIES // n)))
        return np.concatenate(map_threads(product, blocks, count_threads(None)))

    def multiply(self, V):
        """Return B V."""
        V = self.root[:, None] * V
        V = V - self.share[:, None] * V.sum(axis=0)
        V = self._squares_times(V)
        V -= self.share @ V
        return -0.5 * self.root[:, None] * V

    def trace(self):
        """Sum of all eigenvalues: that of the weighted squared lengths of rows."""
        return float(self.root**2 @ (self.mean - self.grand_mean / 2))

    def dense(self):
        """Return B itself, for few rows."""
        return self.multiply(np.eye(len(self.distances)))


def scale_distances(distances, weight, n_components):
    """Find the classical scaling of all rows.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_samples)
        Symmetric distances.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    n_components : int
        Number of components; more than there are rows have no variance.

    Returns
    -------
    scaling : Scaling
        Of all that have distances from the rows.
    negative_inertia : float
        Share of the sum of the absolute eigenvalues that is of negative ones; above
        1,000 rows the least share that the largest eigenvalues and the sum of all leave.
    """
    n = len(distances)
    if distances.max() == 0:
        zeros = np.zeros(n_components)
        return Scaling(1.0, np.zeros(n), np.zeros((n, n_components)), zeros, 0.0), 0.0
    gram = GramOperator(distances, weight)
    found = min(n_components, n)
    if n <= ALL_EIGENVALUES:
        values, vectors = np.linalg.eigh(gram.dense())
        total, negative = np.abs(values).sum(), -values[values < 0].sum()
        values, vectors = values[::-1][:found], vectors[:, ::-1][:, :found]
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.where(vectors[largest, np.arange(found)] < 0, -1.0, 1.0)
    else:
        values, vectors = largest_by_blocks(gram.multiply, n, found)
        positive = values[values > 0].sum()
        negative = max(positive - gram.trace(), 0.0)
        total = positive + negative
    # What rounding leaves of 0 is no inertia.
    negative_inertia = negative / total if negative > 1e-12 * n * total else 0.0
    positive = values > ROUNDING * n * max(values[0], 0.0)
    projection = np.zeros((n, n_components))
    scaled = gram.root[:, None] * vectors[:, positive] / np.sqrt(values[positive])
    projection[:, :found][:, positive] = scaled
    eigenvalues = np.zeros(n_components)
    eigenvalues[:found][positive] = values[positive]
    scaling = Scaling(gram.unit, gram.mean, projection, eigenvalues, np.nan)
    return scaling, negative_inertia
