"""Cells of a grid in many dimensions, of which few are occupied."""

import numpy as np

from sklatent.utils._rounding import ROUNDING

# Numbers of cells are kept below this.
LARGEST_CODE = 2**62


def bin_numbers(X, edges):
    """Find the bin of each entry.

    A bin has its lower edge, the last one its upper edge as well. A column with two
    equal edges has one bin, which is that point, and what differs from it by rounding.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows.
    edges : list of ndarray of shape (n_bins + 1,)
        Ascending, for each feature.

    Returns
    -------
    bins : ndarray of int of shape (n_samples, n_features)
        From 0; -1 outside the edges.
    """
    bins = np.empty(X.shape, dtype=np.intp)
    for j, e in enumerate(edges):
        if e[0] == e[-1]:
            bins[:, j] = _is_constant(X[:, j], e[0]) - 1
            continue
        x = X[:, j].astype(np.float64)
        found = np.searchsorted(e, x, side="right") - 1
        found[x == e[-1]] = len(e) - 2
        found[x > e[-1]] = -1
        bins[:, j] = found
    return bins


def _is_constant(x, value):
    """Whether entries are a value, but for rounding in their precision."""
    return np.abs(x - value) <= abs(value) * float(ROUNDING * np.finfo(x.dtype).eps)


class OccupiedCells:
    """The distinct ones of many cells, and a way to find a cell among them.

    Bin numbers of a few columns at a time, as digits, make one number. Those that occur
    are sorted, and the place among them stands for these columns and all before. So the
    memory is that of the rows, whatever the number of cells of the grid.

    Parameters
    ----------
    bins : ndarray of int of shape (n_samples, n_features)
        Bin numbers, none negative.
    n_bins : list of int of length n_features
        Number of bins in each column.

    Attributes
    ----------
    cell : ndarray of shape (n_samples,)
        The cell of each row.
    bins : ndarray of int of shape (n_cells, n_features)
        Bin numbers of the cells, in lexicographic order.
    """

    def __init__(self, bins, n_bins):
        self.levels = []
        place = np.zeros(len(bins), dtype=np.int64)
        for columns in _groups(n_bins, len(bins)):
            sizes = n_bins[columns]
            known, first, place = np.unique(
                _code(place, bins[:, columns], sizes),
                return_index=True,
                return_inverse=True,
            )
            self.levels.append((columns, sizes, known))
        self.cell = place
        self.bins = bins[first]

    def find(self, bins):
        """Find cells among those that are occupied.

        Parameters
        ----------
        bins : ndarray of int of shape (n_queries, n_features)
            Bin numbers; -1 is outside.

        Returns
        -------
        cell : ndarray of shape (n_queries,)
            As in `cell`, and -1 for those that are not occupied.
        """
        cell = np.full(len(bins), -1)
        rows = np.flatnonzero((bins >= 0).all(axis=1))
        place = np.zeros(len(rows), dtype=np.int64)
        for columns, sizes, known in self.levels:
            code = _code(place, bins[rows, columns], sizes)
            place = np.minimum(np.searchsorted(known, code), len(known) - 1)
            found = known[place] == code
            rows, place = rows[found], place[found]
        cell[rows] = place
        return cell


def _groups(n_bins, n_places):
    """Slices of columns whose bin numbers fit one integer, after a place."""
    start, size = 0, n_places
    for j, n in enumerate(n_bins):
        if j > start and size * n > LARGEST_CODE:
            yield slice(start, j)
            start, size = j, n_places
        size *= n
    yield slice(start, len(n_bins))


def _code(place, bins, sizes):
    """One number for a place and the bin numbers of some columns."""
    for j, size in enumerate(sizes):
        place = place * size + bins[:, j]
    return place
