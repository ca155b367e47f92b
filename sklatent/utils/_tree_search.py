"""Nearest rows by a k-d tree, which cuts space along the principal axes of the data.

Data of few dimensions mostly lie askew in their features. A tree that halves feature
after feature then has cells that are wide along the data and mostly empty across, and a
search visits many of them. A rotation leaves distances as they are, and in principal
axes the cells follow the data (Sproull 1991, Refinements to nearest-neighbor searching
in k-dimensional trees, Algorithmica 6).

The rotation z = V'(x - c) rounds. With unit roundoff u and p features, each entry of z
is off by at most (p + 2) u |x - c|, and so the distance t of two rotated rows differs
from d, that of the rows, by at most

    e = C u (2 |x - c| + d),   C = sqrt(p) (p + 2),

since |y - c| <= |x - c| + d for the other row y. If the k + 1 nearest have the
distances t_1, ..., t_(k+1) after the rotation and t_(k+1) > t_k + 2 e, then the first k
are those that are nearest, in an order that their differences tell. Queries for which
that is not so, because rows tie or the query is far from c, are searched for in a tree
of the rows as they are.
"""

import numpy as np
from scipy.spatial import cKDTree

from sklatent.utils._blocks import row_slices
from sklatent.utils._progress import report_of_parts
from sklatent.utils._proposals import squared_distances
from sklatent.utils._threads import map_threads

# Queries that are searched for together.
BLOCK_ROWS = 2048
# Numbers of features for which axes are looked for: with fewer the cells hardly depend
# on them, and with more the rotation takes longer than it saves.
FEWEST_FEATURES, MOST_FEATURES = 4, 100
# Rows that the axes are taken from.
SAMPLE_ROWS = 1000
# By how much at least, in its logarithm, the volume of a box around the rows is to be
# smaller in principal axes: where features are independent the tree gains nothing.
LEAST_GAIN = 0.5


def nearest_by_tree(X, Q, k, ranks, n_threads, report=None):
    """Find the nearest rows, and measure their distances by differences.

    Parameters
    ----------
    X, Q : ndarray of shape (n_samples, n_features), (n_queries, n_features)
        Rows to find and queries, in double precision; the same array if each row is to
        find its neighbors.
    k : int
        How many of the nearest to look for.
    ranks : ndarray of int of shape (n_ranks,)
        Which of these to return, ascending from 0.
    n_threads : int
        How many threads share the queries.
    report : callable, default=None
        To be called with numbers of queries whose neighbors have been found.

    Returns
    -------
    squares : ndarray of shape (n_queries, n_ranks)
        Squared distances, ascending.
    indices : ndarray of int of shape (n_queries, n_ranks)
        Rows of `X`.
    """
    search = _Search(X, Q, k, ranks, n_threads, report)
    rows = None
    p = X.shape[1]
    if FEWEST_FEATURES <= p <= MOST_FEATURES:
        center, axes, gain = _principal_axes(X)
        if gain > LEAST_GAIN:
            rows = search.run(lambda Z: (Z - center) @ axes, _rounding(p))
    if rows is None or len(rows):
        search.run(lambda Z: Z, 0.0, rows)
    return search.squares, search.indices


def _principal_axes(X):
    """Center, orthonormal axes (p, p), and the logarithm of the ratio of box volumes.

    The sides of a box are standard deviations; all is from a sample of the rows.
    """
    n = min(len(X), SAMPLE_ROWS)
    some = X[np.random.RandomState(0).choice(len(X), n, replace=False)]
    center = np.median(some, axis=0)
    some -= center
    scatter = some.T @ some
    squares, axes = np.linalg.eigh(scatter)
    with np.errstate(divide="ignore"):
        box = np.log(scatter.diagonal()[scatter.diagonal() > 0]).sum()
        gain = 0.5 * (box - np.log(np.maximum(squares, 0)).sum())
    return center, axes, gain


def _rounding(p):
    """C u."""
    return np.sqrt(p) * (p + 2) * np.finfo(np.float64).eps / 2


class _Search:
    """Neighbors of the queries, as far as they have been found.

    Parameters
    ----------
    X, Q, k, ranks, n_threads, report
        As for `nearest_by_tree`.
    """

    def __init__(self, X, Q, k, ranks, n_threads, report):
        self.X, self.Q, self.k, self.ranks = X, Q, k, ranks
        self.n_threads, self.report = n_threads, report
        self.is_found = np.zeros(len(Q), bool)
        self.squares = np.empty((len(Q), len(ranks)))
        self.indices = np.empty((len(Q), len(ranks)), dtype=np.intp)

    def run(self, turn, rounding, rows=None):
        """Search in a tree of turned rows.

        Parameters
        ----------
        turn : callable
            Returns the rows of an array in the coordinates of the tree.
        rounding : float
            C u for these coordinates, 0 if they are those of the rows.
        rows : ndarray of int of shape (n_rows,), default=None
            The queries to search for; all if None.

        Returns
        -------
        doubtful : ndarray of int
            Queries for which rounding may have hidden a nearer row.
        """
        x = turn(self.X)
        tree = cKDTree(x, balanced_tree=False, compact_nodes=False)
        every = self.Q is self.X
        if rows is None:
            # Rows of one leaf look at the same other leaves, which are in the cache.
            rows = tree.indices if every else np.arange(len(self.Q))
        ranks = np.arange(1, self.k + 2)

        def search(which):
            z = x[which] if every else turn(self.Q[which])
            t, found = tree.query(z, ranks)
            self._measure(which, found[:, : self.k])
            near, beyond = t[:, self.k - 1], t[:, self.k]
            e = rounding * (2 * np.sqrt(np.einsum("ij,ij->i", z, z)) + near)
            self.is_found[which] = ~(beyond < near + 2 * e)

        blocks = [rows[block] for block in row_slices(len(rows), BLOCK_ROWS)]
        report_block = report_of_parts(self.report, blocks, self.is_found)
        map_threads(search, blocks, self.n_threads, report_block)
        return rows[~self.is_found[rows]]

    def _measure(self, rows, found):
        """Set the neighbors of some queries to rows found, in the order of distance."""
        pairs = np.repeat(rows, self.k), found.ravel()
        measured = squared_distances(self.Q, pairs[0], self.X, pairs[1])
        measured = measured.reshape(-1, self.k)
        # The order of rows that tie must not depend on how the rotation rounded.
        nearest = np.lexsort((found, measured), axis=1)[:, self.ranks]
        self.squares[rows] = np.take_along_axis(measured, nearest, axis=1)
        self.indices[rows] = np.take_along_axis(found, nearest, axis=1)
