"""Neighbors of a sample of the rows of a Dask collection, among all of its rows.

Estimates are functions of the distances from some rows, the queries, to their nearest
others. Their error is that of the number of queries, so that of many rows a sample is
enough. Its neighbors have to be found among all rows: those within the sample are
farther apart, which is another scale.

Rows that are equal count once. So a query is kept if it is the first of the rows that
are equal to it, which makes those that are kept a sample of the distinct rows; their
share of the sample tells how many of these there are. Neighbors in different blocks are
taken to be equal if they have the same hash of 64 bits.
"""

from typing import NamedTuple

import numpy as np

from sklatent.dimension._base import (
    NeighborEstimator,
    Neighbors,
    check_apart,
    check_distinct,
)
from sklatent.dimension._metrics import DIRECTIONS, rounding_of_distances
from sklatent.dimension._table_warnings import count_duplicates
from sklatent.utils._dask import is_dask
from sklatent.utils._neighbors import k_nearest, row_hashes, unique_rows
from sklatent.utils._rows import DaskRows

# Rows that are sampled as queries. The error of the estimates is then about 1 %.
N_QUERIES = 20_000
# Queries that are kept, at least, of a sample in which rows repeat others.
FEWEST_QUERIES = 100


class Queries(NamedTuple):
    """Rows whose neighbors are looked for.

    Parameters
    ----------
    rows : ndarray of shape (n_queries, n_features)
        The rows, no two of them equal.
    hashes : ndarray of shape (n_queries,)
        Their hashes.
    numbers : ndarray of shape (n_queries,)
        Their places among all rows.
    n_sampled : int
        How many rows were sampled, before rows that are equal were merged.
    """

    rows: np.ndarray
    hashes: np.ndarray
    numbers: np.ndarray
    n_sampled: int

    @classmethod
    def of(cls, source):
        """Sample rows, one from each of as many stretches; all if there are not more.

        The choice is the same whenever it is made.
        """
        source.find_lengths()
        n = source.n_rows
        n_sampled = min(n, N_QUERIES)
        edges = np.arange(n_sampled + 1, dtype=np.int64) * n // n_sampled
        rng = np.random.RandomState(0)
        numbers = rng.randint(edges[:-1], edges[1:], dtype=np.int64)
        rows, _ = source.at_quantiles((numbers + 0.5) / n)
        first, _, _ = unique_rows(rows)
        return cls(rows[first], row_hashes(rows[first]), numbers[first], len(rows))


class Found(NamedTuple):
    """The nearest rows of each query, itself and rows equal to it not counted.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_neighbors)
        To distinct rows, ascending; infinite where there are not so many.
    hashes : ndarray of shape (n_queries, n_neighbors)
        Of these rows.
    rounding : ndarray of shape (n_queries,)
        Bound on the change of the first distance by rounding of the data.
    number : ndarray of shape (n_queries,)
        Place of the first row that equals the query, infinite if there is none.
    """

    distances: np.ndarray
    hashes: np.ndarray
    rounding: np.ndarray
    number: np.ndarray

    @classmethod
    def of(cls, X, weight, queries, n_neighbors, metric, n_jobs, start):
        """The nearest in a block, whose first row has the place `start`."""
        first, _, _ = unique_rows(X)
        rows = X[first]
        n_found, each = min(n_neighbors + 1, len(rows)), np.arange(len(queries.rows))
        distances, indices = k_nearest(
            rows, n_found, queries=queries.rows, metric=metric, n_jobs=n_jobs
        )
        hashes = row_hashes(rows)[indices]
        own = hashes == queries.hashes[:, None]
        has_own, at = own.any(axis=1), indices[each, own.argmax(axis=1)]
        number = np.where(has_own, start + first[at], np.inf)
        distances[own] = np.inf
        nearest = distances.argmin(axis=1)
        pairs = np.concatenate([queries.rows, rows[indices[each, nearest]]])
        rounding = rounding_of_distances(
            pairs, len(each) + each, distances[each, nearest], metric
        )[: len(each)]
        empty = ((0, 0), (0, n_neighbors))
        distances = np.pad(distances, empty, constant_values=np.inf)
        hashes = np.pad(hashes, empty)
        return cls(*_nearest(distances, hashes, n_neighbors), rounding, number)

    def merge(self, other):
        """The nearest in both sets of rows."""
        distances = np.hstack([self.distances, other.distances])
        hashes = np.hstack([self.hashes, other.hashes])
        nearer = self.distances[:, 0] <= other.distances[:, 0]
        return Found(
            *_nearest(distances, hashes, self.distances.shape[1]),
            np.where(nearer, self.rounding, other.rounding),
            np.minimum(self.number, other.number),
        )


def _nearest(distances, hashes, n_neighbors):
    """The nearest of some rows, each once, with their hashes."""
    order = np.lexsort((distances, hashes), axis=1)
    distances, hashes = (
        np.take_along_axis(A, order, axis=1) for A in (distances, hashes)
    )
    distances[:, 1:][hashes[:, 1:] == hashes[:, :-1]] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
    return [np.take_along_axis(A, order, axis=1) for A in (distances, hashes)]


class SampledNeighborEstimator(NeighborEstimator):
    """Estimates from all rows, or from a sample of the rows of a Dask collection."""

    _is_of_sample = False

    def _fit_rows(self, X, n_needed):
        self._is_of_sample = is_dask(X)
        if not self._is_of_sample:
            return super()._fit_rows(X, n_needed)
        source = DaskRows(self, X, None, False, 2)
        if self.metric == "precomputed" or self.metric in DIRECTIONS:
            source.require_array(f"metric={self.metric!r}", "use another metric")
        queries = Queries.of(source)
        n = len(queries.rows)  # there are as many distinct rows, or more
        check_distinct(n_needed, n, source.n_rows)
        self._sampled = X, source, queries
        return n

    def _find_neighbors(self, n_neighbors, ranks=None, report=None):
        if not self._is_of_sample:
            return super()._find_neighbors(n_neighbors, ranks, report)
        ranks = np.arange(1, n_neighbors + 1) if ranks is None else np.asarray(ranks)
        table, source, queries = self._sampled
        found = source.reduce_numbered(
            Found.of, Found.merge, queries, n_neighbors, self.metric, self.n_jobs
        )
        kept, n = found.number == queries.numbers, source.n_rows
        n_kept = np.count_nonzero(kept)
        if n_kept < min(FEWEST_QUERIES, len(kept)):
            raise ValueError(
                f"X must have more distinct rows, if it is a Dask collection; got "
                f"{n_kept} that are the first of their kind, of {queries.n_sampled} "
                "that were sampled. Leave out the rows that repeat others."
            )
        n_distinct = n * n_kept / queries.n_sampled
        self.n_duplicates_ = count_duplicates(table, round(n_distinct), n)
        distances = found.distances[kept][:, ranks - 1]
        check_apart(distances[:, 0], self.metric)
        # Of a fit to rows in memory, `_forget_rows` drops all of these.
        self._rows = queries.rows[kept]
        self._rounding = self._first = self._inverse = self._sampled = None
        rounding = found.rounding[kept]
        return Neighbors(np.log(distances), None, rounding, ranks, n_distinct)

    def _forget_rows(self):
        super()._forget_rows()
        vars(self).pop("_sampled", None)

    def _query_neighbors(self, X, n_neighbors, report):
        if self._is_of_sample:
            raise TypeError(
                f"{type(self).__name__} was fitted to a Dask collection, whose rows it "
                "does not keep. For the dimension around each row fit it to "
                "X.compute(), or to a sample of the rows."
            )
        return super()._query_neighbors(X, n_neighbors, report)
