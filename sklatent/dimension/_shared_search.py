"""One search for neighbors, for several estimators of one table."""

import functools
import time

import numpy as np


class SharedSearch:
    """Searches for neighbors once, and gives each estimator as many as it asks for.

    Parameters
    ----------
    n_neighbors : int
        The most that an estimator will ask for, a row itself not counted; fewer are
        found where there are not so many rows.

    Attributes
    ----------
    n_found : int
        How many were found, a row itself not counted.
    seconds : float
        Time of the search.
    """

    def __init__(self, n_neighbors):
        self.n_neighbors = n_neighbors
        self.n_found = 0
        self._found = None
        self.seconds = 0.0

    def fit(self, estimator, X):
        """Fit an estimator to the table that all of them are fitted to.

        Returns
        -------
        seconds : float
            Time of the fit, without that of the search.
        """
        estimator._nearest = functools.partial(self._nearest, estimator)
        start, before = time.perf_counter(), self.seconds
        estimator.fit(X)
        seconds = time.perf_counter() - start - (self.seconds - before)
        del estimator._nearest
        return seconds

    def _nearest(self, estimator, n_neighbors, ranks, report):
        if self._found is None:
            start = time.perf_counter()
            self.n_found = min(self.n_neighbors, len(estimator._rows) - 1)
            every = np.arange(1, self.n_found + 1)
            find = type(estimator)._nearest
            self._found = find(estimator, self.n_found, every, report)
            self.seconds = time.perf_counter() - start
        return [found[:, ranks - 1] for found in self._found]

    def scale(self, n_neighbors):
        """Geometric mean of the distances to one of the neighbors."""
        distances, _ = self._found
        return float(np.exp(np.log(distances[:, n_neighbors - 1]).mean()))
