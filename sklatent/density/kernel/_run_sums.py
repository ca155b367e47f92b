"""Sums of kernels of bounded support, from the pairs of a query and a row in reach.

The rows in reach are runs in strips of space (`sklatent.density.kernel._strips`), and
the pairs of some runs are measured at a time, by differences in double precision.
"""

import numpy as np

from sklatent.density.kernel._strips import Strips

# Pairs that are measured at a time.
PAIRS = 2**14


class RunSums:
    """Sums of a kernel that is 0 beyond the bandwidth, over weighted rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Rows, of at most three features.
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    inverse : ndarray of shape (n_features,)
        Factors of differences that give them the unit of the bandwidth.
    lam : ndarray of shape (n_samples,)
        Factor of the squared distances from each row.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    """

    def __init__(self, rows, kernel, inverse, lam, weight):
        self.kernel, self.inverse = kernel, inverse
        self.unit = inverse * np.sqrt(lam.min())
        self.origin = rows[0]
        self.strips = Strips((rows - self.origin) * self.unit)
        if self.strips.resolved:
            order = self.strips.order
            self.columns = np.ascontiguousarray(rows[order].T)
            self.weight = weight[order]
            self.lam = None if (lam == 1).all() else lam[order]

    def runs(self, X):
        """Queries, starts and stops of the runs of rows in reach, none empty."""
        query, start, stop = self.strips.runs((X - self.origin) * self.unit)
        kept = stop > start
        return query[kept], start[kept], stop[kept]

    def sums(self, X, query, start, stop):
        """Sum of the kernel over the runs of each of the queries `X`."""
        length = stop - start
        ends = np.cumsum(length)
        total = np.zeros(len(X))
        cuts = np.searchsorted(ends, np.arange(PAIRS, ends[-1:].sum(), PAIRS))
        for part in np.split(np.arange(len(query)), np.unique(cuts)):
            if len(part):
                terms = self._terms(X[query[part]], start[part], length[part])
                firsts = ends[part] - length[part]
                sums = np.add.reduceat(terms, firsts - firsts[0])
                total += np.bincount(query[part], sums, minlength=len(X))
        return total

    def _terms(self, x, start, length):
        """Terms of the rows of some runs, each with the query x."""
        firsts = np.cumsum(length) - length
        rows = np.arange(firsts[-1] + length[-1])
        rows += np.repeat(start - firsts, length)
        s = np.zeros(len(rows))
        for column, values, inverse in zip(
            self.columns, x.T, self.inverse, strict=True
        ):
            difference = np.repeat(values, length)
            difference -= column[rows]
            difference *= inverse
            difference *= difference
            s += difference
        if self.lam is not None:
            s *= self.lam[rows]
        terms = self.kernel.values(s)
        terms *= self.weight[rows]
        return terms
