"""A metric, with what it takes from the rows of `fit`."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.manifold._distances import distances_to, fixed_metric_params
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._threads import count_threads, map_threads

BLOCK_ROWS = 256
EUCLIDEAN = ("euclidean", "l2")


@dataclass(frozen=True)
class Measure:
    """Distances of rows from other rows.

    Parameters
    ----------
    metric : str or callable
        As in :func:`sklearn.metrics.pairwise_distances`.
    params : dict
        Its parameters.
    middle : ndarray of shape (n_features,) or None
        Subtracted from rows whose distances are Euclidean; None for other metrics.
    width : float
        Divides such rows, so that the squares of distances are numbers.
    n_jobs : int or None
        Number of threads.
    """

    metric: object
    params: dict
    middle: np.ndarray | None
    width: float
    n_jobs: int | None

    @classmethod
    def of(cls, metric, metric_params, X, weight, n_jobs):
        """Take parameters of a metric from rows with weights."""
        if metric in EUCLIDEAN and not metric_params:
            # Whatever the order and the weights of the rows are.
            middle = (X.min(axis=0) / 2.0 + X.max(axis=0) / 2.0).astype(np.float64)
            largest = np.abs(X - middle).max()
            width = float(2.0 ** np.frexp(largest)[1]) if largest > 0 else 1.0
            return cls(metric, {}, middle, width, n_jobs)
        params = fixed_metric_params(metric, metric_params, X, weight)
        return cls(metric, params, None, 1.0, n_jobs)

    @property
    def is_euclidean(self):
        """Whether differences of rows are all that matters."""
        return self.middle is not None

    def scaled(self, X):
        """Rows as `between` takes them."""
        X = X.astype(np.float64)
        return (X - self.middle) / self.width if self.is_euclidean else X

    def between(self, X, rows):
        """Distances between scaled rows, of shape (n_queries, n_rows)."""
        if not self.is_euclidean:
            return distances_to(X, rows, self.metric, self.params)
        D = np.empty((len(X), len(rows)))

        def measure(block):
            # Differences, without the rounding of products.
            D[block] = cdist(X[block], rows)

        blocks = list(row_slices(len(X), BLOCK_ROWS))
        map_threads(measure, blocks, count_threads(self.n_jobs))
        D *= self.width
        return D

    def nearest(self, X, rows, n_neighbors):
        """Distances to the nearest of rows, unscaled, and which these are."""
        if self.is_euclidean:
            return k_nearest(rows, n_neighbors, queries=X, n_jobs=self.n_jobs)
        blocks = [
            k_nearest(
                distances_to(X[block], rows, self.metric, self.params),
                n_neighbors,
                metric="precomputed",
            )
            for block in row_slices(len(X), BLOCK_ROWS)
        ]
        return tuple(map(np.concatenate, zip(*blocks, strict=True)))
