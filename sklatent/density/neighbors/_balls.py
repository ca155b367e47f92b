"""Balls around a row that hold k rows of a sample, the row itself left out.

A query that equals a row of the sample is taken for that row: it is left out, so that
it sees the sample as a new row would see the sample without it. If several rows equal
it, one of them is left out. If k rows or more equal the query, its ball grows to the
next distance, which is not 0.
"""

from typing import NamedTuple

import numpy as np

from sklatent.utils._arrays import to_numpy
from sklatent.utils._neighbors import k_nearest


class Sample(NamedTuple):
    """Rows in which to look for neighbors.

    Parameters
    ----------
    rows : ndarray of shape (n_distinct, n_features) or None
        The distinct rows; None if these are in blocks.
    counts : ndarray of shape (n_distinct,) or None
        How often each of them occurs.
    n_rows : int
        How many rows there are in all.
    """

    rows: np.ndarray
    counts: np.ndarray
    n_rows: int


class Balls(NamedTuple):
    """Balls around queries, one for each of several sizes k.

    Parameters
    ----------
    log_radius : ndarray of shape (n_queries, n_sizes)
        Log of the distance to the k-th nearest row.
    k : ndarray of shape (n_queries, n_sizes)
        The sizes; larger where the ball would have no volume.
    neighbor : ndarray of shape (n_queries, n_sizes)
        Position of the k-th nearest row among the distinct rows of the sample.
    seen : ndarray of bool of shape (n_queries,)
        Whether the query is a row of the sample, and was left out.
    """

    log_radius: np.ndarray
    k: np.ndarray
    neighbor: np.ndarray
    seen: np.ndarray

    def take(self, index):
        """Balls of some of the queries."""
        return Balls(*(field[index] for field in self))

    def column(self, index):
        """One ball for each query, at one position of the sizes or at its own."""
        at = np.arange(len(self.seen)), index
        return Balls(self.log_radius[at], self.k[at], self.neighbor[at], self.seen)


def find_balls(sample, sizes, queries=None, n_jobs=None, report=None):
    """Find the balls around queries that hold as many rows as `sizes` says.

    Parameters
    ----------
    sample : Sample
        The rows.
    sizes : ndarray of int of shape (n_sizes,)
        Ascending, from 1 to less than the number of rows.
    queries : ndarray of shape (n_queries, n_features), default=None
        Centers, which may be on a device; the distinct rows of the sample if None.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    report : callable, default=None
        To be called with numbers of queries whose neighbors have been found.

    Returns
    -------
    balls : Balls
        One ball for each query and size.
    """
    nearest = Nearest.of(sample, int(sizes[-1]), queries, n_jobs, report)
    return balls_within(nearest, sizes)


class Nearest(NamedTuple):
    """The distinct rows that are nearest to queries, which may be among them.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_columns)
        Ascending; infinite where there are not so many rows.
    neighbor : ndarray of shape (n_queries, n_columns)
        Their positions among the distinct rows.
    counts : ndarray of shape (n_queries, n_columns)
        How often each of them occurs.
    """

    distances: np.ndarray
    neighbor: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, sample, n_neighbors, queries, n_jobs, report=None):
        """As many as there are in the largest ball, and a row that is the query."""
        n_columns = min(n_neighbors + 1, len(sample.rows))
        found = k_nearest(
            sample.rows, n_columns, queries=queries, n_jobs=n_jobs, report=report
        )
        distances, neighbor = map(to_numpy, found)
        return cls(distances, neighbor, sample.counts[neighbor])

    def wider(self, n_columns):
        """With more columns, as if there were rows at an infinite distance."""
        more = ((0, 0), (0, n_columns - self.distances.shape[1]))
        return Nearest(
            np.pad(self.distances, more, constant_values=np.inf),
            np.pad(self.neighbor, more),
            np.pad(self.counts, more, constant_values=1),
        )

    def merge(self, other):
        """The nearest rows of two sets, with as many columns.

        Rows at distance 0 equal the query, and so each other. Others that are in both
        sets take a column each, which moves no radius.
        """
        n = self.distances.shape[1]
        distances, neighbor, counts = map(np.hstack, zip(self, other, strict=True))
        both = (distances[:, 0] == 0) & (distances[:, n] == 0)
        counts[both, 0] += counts[both, n]
        distances[both, n], counts[both, n] = np.inf, 1
        order = np.argsort(distances, axis=1, kind="stable")[:, :n]
        return Nearest(
            *(np.take_along_axis(A, order, 1) for A in (distances, neighbor, counts))
        )


def balls_within(nearest, sizes):
    """Return the balls that hold as many rows as `sizes` says, from the nearest."""
    distances, neighbor, counts = nearest
    # The nearest row is at distance 0 only if it equals the query: distances are exact.
    seen = (distances[:, 0] == 0).astype(np.intp)
    n_equal = seen * (counts[:, 0] - seen)  # other than the one that is left out
    # The k-th row is in the first column up to which there are k. One pass over the
    # columns at a time: all comparisons at once would take a third dimension.
    column = np.zeros((len(distances), len(sizes)), dtype=np.intp)
    for n_within in np.cumsum(counts, axis=1).T:
        column += (n_within - seen)[:, None] < sizes
    nearest = np.take_along_axis(distances, seen[:, None], axis=1)
    radius = np.take_along_axis(distances, column, axis=1)
    return Balls(
        log_radius=np.log(np.maximum(radius, nearest)),
        k=np.maximum(sizes, n_equal[:, None] + 1),
        neighbor=np.take_along_axis(neighbor, column, axis=1),
        seen=seen == 1,
    )
