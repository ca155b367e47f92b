"""Rows in strips, and the runs of rows that a kernel of bounded support can reach.

Space is cut into strips along the last feature, with a square cross-section in the
others, and the rows of a strip are sorted along it. The rows within a distance of 1
from a query are then in one run of rows in each strip nearby: those between the ends of
a chord. In few dimensions and for queries far from each other these are hardly more
than the rows within reach, whereas a block of queries and a leaf of rows have few pairs
that are near.
"""

import itertools

import numpy as np

# Side of the cross-section, for features other than the last, by their number.
SIDES = (1.0, 0.25, 0.5)
# Largest share of the reach by which rounding may widen a run.
LARGEST_MARGIN = 0.25
# Largest number of strips along a feature, empty ones included.
MOST_STRIPS = 2**28
# What rounding may do to a squared chord.
SLACK = 1e-6


class Strips:
    """Rows sorted strip by strip.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_features)
        Rows in units of the reach, near the origin, of at most three features.

    Attributes
    ----------
    order : ndarray of int of shape (n_samples,)
        The rows, strip by strip.
    resolved : bool
        Whether floating point tells rows apart that are at a fraction of the reach from
        each other. If not, there is no order.
    """

    def __init__(self, y):
        d = y.shape[1]
        self.side = SIDES[d - 1]
        self.low, span = y.min(axis=0), np.ptp(y, axis=0)
        reach = int(np.ceil(1 / self.side))
        axis = range(-reach, reach + 1)
        self.offsets = np.array(list(itertools.product(axis, repeat=d - 1)))
        # Strips beside all rows are empty ones, with numbers of their own.
        self.edge = reach + 1
        self.shape = np.floor(span[:-1] / self.side) + 1 + 2 * self.edge
        self.resolved = np.all(self.shape < MOST_STRIPS)
        if not self.resolved:
            return
        self.strides = np.cumprod(np.append(1, self.shape)[:-1]).astype(np.int64)
        cells = np.floor((y[:, :-1] - self.low[:-1]) / self.side).astype(np.int64)
        strip = (cells + self.edge) @ self.strides
        self.order = np.lexsort((y[:, -1], strip))
        self.strips, rank = np.unique(strip[self.order], return_inverse=True)
        # One strip after the other, as a single ascending number.
        self.end = span[-1]
        self.place = rank * (self.end + 1) + (y[self.order, -1] - self.low[-1])
        self.margin = 8 * np.finfo(float).eps * (self.place[-1] + 1)
        self.resolved = self.margin < LARGEST_MARGIN

    def runs(self, x):
        """Find the rows that may be within reach of queries.

        Parameters
        ----------
        x : ndarray of shape (n_queries, n_features)
            Queries in units of the reach.

        Returns
        -------
        query : ndarray of int of shape (n_runs,)
            The query of each run, ascending.
        start, stop : ndarray of int of shape (n_runs,)
            The ends of the run, as positions in `order`.
        """
        z = x - self.low
        place = np.clip(z[:, :-1] / self.side, -1, self.shape - 2 * self.edge)
        cells = np.floor(place).astype(np.int64)[:, None] + self.offsets
        gap = np.maximum(cells - place[:, None], place[:, None] - cells - 1)
        square = 1 + SLACK - (np.maximum(gap, 0) ** 2).sum(axis=2) * self.side**2
        query, which = np.nonzero(square > 0)
        strip = (cells[query, which] + self.edge) @ self.strides
        rank = np.minimum(np.searchsorted(self.strips, strip), len(self.strips) - 1)
        found = self.strips[rank] == strip
        query, which, rank = query[found], which[found], rank[found]
        chord = np.sqrt(square[query, which])
        first = rank * (self.end + 1)
        low = np.clip(z[query, -1] - chord, 0, self.end) - self.margin
        high = np.clip(z[query, -1] + chord, 0, self.end) + self.margin
        start = np.searchsorted(self.place, first + low)
        stop = np.searchsorted(self.place, first + high, side="right")
        return query, start, stop
