"""Links from rows to the training rows near them, whatever the distances come from.

A search finds links, and the shortest one between two groups of training rows. There is
one for rows, one for a matrix of all distances, and one for a sparse graph of them.
"""

import copy
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from sklatent.manifold._distances import (
    check_distances,
    check_not_negative,
    check_square,
)
from sklatent.manifold._graph import distinct_rows
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import in_parts, k_nearest
from sklatent.utils._threads import count_threads

# Entries of a block of distances, which should fit the cache.
BLOCK_ENTRIES = 2**18


@dataclass(frozen=True)
class Links:
    """Links of queries to training rows, those of query i at `starts[i]:starts[i + 1]`.

    Parameters
    ----------
    starts : ndarray of shape (n_queries + 1,)
        Where the links of each query start.
    rows : ndarray of shape (n_links,)
        Training rows that they lead to.
    lengths : ndarray of shape (n_links,)
        Distances.
    """

    starts: np.ndarray
    rows: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of_arrays(cls, distances, indices):
        """The links that `k_nearest` finds, as many for each query."""
        starts = distances.shape[1] * np.arange(len(distances) + 1)
        return cls(starts, indices.ravel(), distances.ravel())

    @classmethod
    def of_graph(cls, graph):
        """The stored entries of a sparse matrix; zeros may be among them."""
        return cls(
            graph.indptr, graph.indices, graph.data.astype(np.float64, copy=False)
        )

    @property
    def n_queries(self):
        """Number of queries."""
        return len(self.starts) - 1

    def arrays(self, k):
        """Lengths and rows of the k shortest links of each query, as arrays."""
        links = self.shortest(k)
        fewest = links.counts().min()
        if fewest < k:
            raise ValueError(
                f"X must have {k} distances in each row of the sparse graph to be "
                f"scored; got {fewest} in one."
            )
        return links.lengths.reshape(-1, k), links.rows.reshape(-1, k)

    def counts(self):
        """Number of links of each query."""
        return np.diff(self.starts)

    def queries(self):
        """Query of each link."""
        return np.repeat(np.arange(self.n_queries), self.counts())

    def nearest(self):
        """Length of the shortest link of each query, each of which has one."""
        return np.minimum.reduceat(self.lengths, self.starts[:-1])

    def paths(self, geodesics):
        """Yield blocks of queries with the lengths of their shortest paths.

        Parameters
        ----------
        geodesics : ndarray of shape (n_samples, n_landmarks)
            Lengths of the shortest paths from the training rows.

        Yields
        ------
        queries : slice
            Queries of the block.
        lengths : ndarray of shape (n_block, n_landmarks)
            The smallest, over the links, of the link and the path from its row.
        """
        counts = self.counts()
        size = max(1, BLOCK_ENTRIES // (max(1, counts.max()) * geodesics.shape[1]))
        uniform = counts.min() == counts.max()
        for queries in row_slices(self.n_queries, size):
            if uniform:
                yield queries, self._paths_of_as_many(queries, geodesics)
            else:
                yield queries, self._paths_of_any(queries, geodesics)

    def _paths_of_as_many(self, queries, geodesics):
        """Shortest paths of queries that have equally many links."""
        rows, lengths = (
            a.reshape(self.n_queries, -1)[queries].T for a in (self.rows, self.lengths)
        )
        shortest = geodesics[rows[0]] + lengths[0][:, None]
        for row, length in zip(rows[1:], lengths[1:], strict=True):
            path = geodesics[row]
            np.minimum(shortest, path + length[:, None], out=shortest)
        return shortest

    def _paths_of_any(self, queries, geodesics):
        """Shortest paths of queries that have at least one link each."""
        starts = self.starts[queries.start : queries.stop + 1]
        links = slice(starts[0], starts[-1])
        lengths = geodesics[self.rows[links]] + self.lengths[links, None]
        return np.minimum.reduceat(lengths, starts[:-1] - starts[0], axis=0)

    def block(self, queries):
        """Return the links of a slice of the queries."""
        starts = self.starts[queries.start : queries.stop + 1]
        links = slice(starts[0], starts[-1])
        return Links(starts - starts[0], self.rows[links], self.lengths[links])

    def shortest(self, k):
        """The k shortest links of each query, or all where there are fewer."""
        order = np.lexsort((self.lengths, self.queries()))
        rank = np.arange(len(order)) - np.repeat(self.starts[:-1], self.counts())
        kept = order[rank < k]
        starts = np.append(0, np.cumsum(np.minimum(self.counts(), k)))
        return Links(starts, self.rows[kept], self.lengths[kept])

    def padded(self, k):
        """Lengths and rows of the k shortest links, infinite where there are fewer."""
        links = self.shortest(k)
        there = np.arange(k) < links.counts()[:, None]
        lengths = np.full(there.shape, np.inf)
        rows = np.zeros(there.shape, dtype=np.intp)
        lengths[there], rows[there] = links.lengths, links.rows
        return lengths, rows

    def only(self, kept):
        """Return the links for which a boolean array says so."""
        counts = np.bincount(self.queries()[kept], minlength=self.n_queries)
        starts = np.append(0, np.cumsum(counts))
        return Links(starts, self.rows[kept], self.lengths[kept])

    def without_own(self):
        """Return the links of training rows that lead to others."""
        return self.only(self.queries() != self.rows)

    def with_more(self, queries, links):
        """Return all links, and those that some queries have in another table too."""
        owners = np.append(self.queries(), queries[links.queries()])
        order = np.argsort(owners, kind="stable")
        starts = np.append(0, np.cumsum(np.bincount(owners, minlength=self.n_queries)))
        rows = np.append(self.rows, links.rows)[order]
        return Links(starts, rows, np.append(self.lengths, links.lengths)[order])

    def shortened(self, by):
        """Return the links, those of each query shorter by a number."""
        return Links(self.starts, self.rows, self.lengths - by[self.queries()])


def is_euclidean(metric, p, metric_params):
    """Whether a metric of scikit-learn, with its parameters, is the Euclidean one."""
    named = metric in {"euclidean", "l2"} or (metric == "minkowski" and p == 2)
    return named and not metric_params


class RowSearch:
    """Search among rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    metric : str or callable
        As in :class:`sklearn.neighbors.NearestNeighbors`.
    **options : dict
        The parameters `p`, `metric_params`, `algorithm` and `n_jobs` of it.
    """

    def __init__(self, X, metric, **options):
        self.metric, self.options = metric, options
        self.is_euclidean = is_euclidean(metric, options["p"], options["metric_params"])
        self.X, self.inverse, self.counts = distinct_rows(X)

    def __len__(self):
        return len(self.X)

    def data(self):
        """The distinct rows."""
        return self.X

    def part(self, rows):
        """Return the search among some of the distinct rows."""
        part = copy.copy(self)
        part.X = self.X[rows]
        return part

    def _trees(self, X):
        """Let scikit-learn find rows; its tree takes differences, as `k_nearest`."""
        options = {**self.options, "n_jobs": count_threads(self.options["n_jobs"])}
        if self.is_euclidean:
            options["algorithm"] = "kd_tree"
            X = X.astype(np.float64, copy=False)
        return NearestNeighbors(metric=self.metric, **options).fit(X)

    def keep_only(self, X):
        """Share the distinct rows with who has them already."""
        self.X = X

    def _nearest(self, X, Q, k, report=None):
        """Distances and indices of the nearest rows of X."""
        if self.is_euclidean and len(X) == 1 and Q is not None:
            # There is no spread of rows that tells far from near.
            return cdist(Q, X), np.zeros((len(Q), 1), dtype=np.intp)
        if self.is_euclidean:
            n_jobs = self.options["n_jobs"]
            return k_nearest(X, k, queries=Q, n_jobs=n_jobs, report=report)
        return in_parts(self._trees(X), X if Q is None else Q, k, report)

    def nearest_arrays(self, k, Q):
        """Distances and indices of the k rows nearest to each query."""
        return self._nearest(self.X, Q, k)

    def nearest(self, k, Q=None, report=None):
        """Links to the k nearest rows; of these themselves if there are no queries.

        `report` is that of `k_nearest`.
        """
        return Links.of_arrays(*self._nearest(self.X, Q, k, report))

    candidates = nearest

    def within(self, radius, Q=None):
        """Links to the rows within a radius."""
        Q = self.X if Q is None else Q
        graph = self._trees(self.X).radius_neighbors_graph(Q, radius, mode="distance")
        return Links.of_graph(graph)

    def nearest_of(self, rows, k):
        """Distances and indices of the k rows nearest to some of them."""
        return self.nearest_arrays(k, self.X[rows])

    def nearest_pair(self, rows, others):
        """Shortest link between two groups of rows: its length and the two rows."""
        distances, indices = self._nearest(self.X[others], self.X[rows], 1)
        i = distances[:, 0].argmin()
        return distances[i, 0], rows[i], others[indices[i, 0]]


class MatrixSearch:
    """Search in a matrix of distances.

    Parameters
    ----------
    D : ndarray of shape (n_samples, n_samples)
        All distances. Rows at distance 0 from each other are merged.
    """

    def __init__(self, D):
        check_distances(D)
        self.inverse, self.first = _merged(csr_array(D == 0))
        self.counts = np.bincount(self.inverse)
        merges = len(self.first) < len(D)
        self.D = D[np.ix_(self.first, self.first)] if merges else D

    def __len__(self):
        return len(self.first)

    def data(self):
        """The distances between the merged rows."""
        return self.D

    def part(self, rows):
        """Return the search among some of the merged rows."""
        return MatrixSearch(self.D[np.ix_(rows, rows)])

    def keep_only(self, _):
        """Drop what queries, which bring their distances, do not need."""
        self.D = None

    def _distances(self, Q):
        """Distances of queries from the merged rows."""
        if Q is None:
            return self.D
        check_not_negative(Q)
        return Q if Q.shape[1] == len(self.first) else Q[:, self.first]

    def nearest(self, k, Q=None, report=None):
        """Links to the k nearest rows; of these themselves if there are no queries.

        `report` is that of `k_nearest`.
        """
        D = self._distances(Q)
        return Links.of_arrays(*k_nearest(D, k, metric="precomputed", report=report))

    candidates = nearest

    def within(self, radius, Q=None):
        """Links to the rows within a radius."""
        D = self._distances(Q)
        near = np.less_equal(D, radius)
        starts = np.append(0, np.cumsum(near.sum(axis=1)))
        return Links(starts, np.nonzero(near)[1], D[near].astype(np.float64))

    def nearest_of(self, rows, k):
        """Distances and indices of the k rows nearest to some of them."""
        return k_nearest(self.D[rows], k, metric="precomputed")

    def nearest_pair(self, rows, others):
        """Shortest link between two groups of rows: its length and the two rows."""
        shortest = (np.inf, -1, -1)
        for block in row_slices(len(rows), max(1, BLOCK_ENTRIES // len(others))):
            D = self.D[np.ix_(rows[block], others)]
            i, j = np.unravel_index(D.argmin(), D.shape)
            if D[i, j] < shortest[0]:
                shortest = (D[i, j], rows[block][i], others[j])
        return shortest


class GraphSearch:
    """Search in a sparse graph of distances.

    Parameters
    ----------
    graph : csr_matrix or csr_array of shape (n_samples, n_samples)
        Distances of each row from rows near it, such as
        :class:`sklearn.neighbors.KNeighborsTransformer` gives. A stored 0 off the
        diagonal merges two rows; what is not stored is no edge.
    """

    def __init__(self, graph):
        check_square(graph)
        check_not_negative(graph.data)
        rows, at = _entries(graph, graph.data == 0)
        zeros = csr_array((np.ones(len(at)), (rows, at)), shape=graph.shape)
        self.inverse, self.first = _merged(zeros)
        self.counts = np.bincount(self.inverse)
        self.graph = graph

    def __len__(self):
        return len(self.first)

    def keep_only(self, _):
        """Drop what queries, which bring their distances, do not need."""
        self.graph = None

    def _links(self, Q):
        """All stored links to the merged rows."""
        if Q is None:
            merges = len(self.first) < len(self.inverse)
            links = Links.of_graph(self.graph[self.first] if merges else self.graph)
        else:
            check_not_negative(Q.data)
            links = Links.of_graph(Q)
            alone = np.flatnonzero(links.counts() == 0)
            if len(alone):
                raise ValueError(
                    "X must have a distance from a training row in each row of the "
                    f"sparse graph; got none in row {alone[0]}."
                )
        if len(self.first) == len(self.inverse):
            return links
        # Those of a query to rows that are merged are one.
        queries, rows = links.queries(), self.inverse[links.rows]
        order = np.lexsort((links.lengths, rows, queries))
        queries, rows, lengths = queries[order], rows[order], links.lengths[order]
        once = np.ones(len(order), dtype=bool)
        once[1:] = (np.diff(queries) != 0) | (np.diff(rows) != 0)
        return Links(links.starts, rows, lengths).only(once)

    def candidates(self, _):
        """All stored links between the merged rows, among them the shortest."""
        return self._links(None)

    def nearest(self, k, Q=None, report=None):
        """Links to the k nearest rows, or all that are stored if these are fewer.

        Nothing is reported, as they are found at once.
        """
        return self._links(Q).shortest(k)

    def within(self, radius, Q=None):
        """Links to the rows within a radius."""
        links = self._links(Q)
        return links.only(links.lengths <= radius)

    def nearest_of(self, rows, k):
        """There are none: distances that are not stored are not known."""
        raise RuntimeError(
            "The number of connected components of the sparse graph X is more than 1, "
            "and the distances between them are not known. Give a graph of more "
            'neighbors, or all distances as an array, with metric="precomputed".'
        )

    nearest_pair = nearest_of


def start_search(X, metric, *, p=2, metric_params=None, algorithm="auto", n_jobs=None):
    """Return the search among rows, or in distances with metric="precomputed"."""
    if metric == "precomputed":
        return GraphSearch(X) if issparse(X) else MatrixSearch(X)
    options = {"p": p, "metric_params": metric_params, "algorithm": algorithm}
    return RowSearch(X, metric, n_jobs=n_jobs, **options)


def first_of_equal(search):
    """Numbers of the first rows of each distinct place of a search."""
    return np.unique(search.inverse, return_index=True)[1]


def _entries(graph, chosen):
    """Rows and columns of some stored entries of a sparse matrix."""
    at = np.flatnonzero(chosen)
    return np.searchsorted(graph.indptr, at, side="right") - 1, graph.indices[at]


def _merged(zeros):
    """Groups of rows at distance 0, and the first row of each, ascending."""
    _, labels = connected_components(zeros, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[inverse], first[order]
