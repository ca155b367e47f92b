"""Cells of a grid in many dimensions, of which few are occupied."""

import math
from functools import reduce
from typing import NamedTuple

import numpy as np

from sklatent.utils._blocks import row_slices
from sklatent.utils._rounding import ROUNDING

# Rows whose bin numbers are held at a time.
BLOCK_ROWS = 2**20
# Bound on the numbers of cells, so that they fit an int64.
LARGEST_CODE = 2**62
# Up to so many possible numbers for each row, a table of them all is faster than to
# sort those of the rows.
TABLE = 4


def bin_numbers(X, edges):
    """Find the bin of each entry.

    A bin includes its lower edge, and the last one its upper edge too. A column with
    two equal edges has one bin: that point, and what differs from it by rounding.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    edges : list of ndarray of shape (n_bins + 1,)
        Edges of each feature, ascending.

    Returns
    -------
    bins : ndarray of int of shape (n_samples, n_features)
        Bin numbers from 0; -1 outside the edges.
    """
    bins = np.empty(X.shape, dtype=np.intp, order="F")
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
    """Whether entries equal a value up to rounding in their precision."""
    return np.abs(x - value) <= abs(value) * float(ROUNDING * np.finfo(x.dtype).eps)


def occupied_cells(bins, n_bins):
    """Find the distinct cells of many rows.

    A grid has more cells than an integer can number. So the bin numbers of a few
    columns at a time are the digits of one number. The numbers that occur are sorted,
    and the position among them is one more digit for the next columns. So the memory is
    that of the rows, whatever the number of cells of the grid.

    Parameters
    ----------
    bins : ndarray of int of shape (n_samples, n_features)
        Bin numbers of the rows, none negative.
    n_bins : list of int of length n_features
        Number of bins in each column.

    Returns
    -------
    cells : ndarray of int of shape (n_cells, n_features)
        Bin numbers of the cells, in lexicographic order.
    cell : ndarray of int of shape (n_samples,)
        Position of the cell of each row.
    levels : list of tuple
        For `find_cells`: slices of columns, their numbers of bins, and the numbers that
        occur.
    """
    levels = []
    cell = np.zeros(len(bins), dtype=np.int64)
    n_known = 1
    for columns in _groups(n_bins, len(bins)):
        sizes = n_bins[columns]
        code = _code(cell, bins[:, columns], sizes)
        known, cell = _distinct(code, n_known * math.prod(sizes))
        levels.append((columns, sizes, known))
        n_known = len(known)
    a_row = np.empty(n_known, dtype=np.intp)
    a_row[cell] = np.arange(len(bins))
    return bins[a_row], cell, levels


class Cells(NamedTuple):
    """Occupied cells, and the weights of the rows in them.

    Parameters
    ----------
    cells : ndarray of int of shape (n_cells, n_features)
        Bin numbers, in lexicographic order.
    weight : ndarray of shape (n_cells,)
        Sum of the weights.
    levels : list of tuple
        For `find_cells`.
    """

    cells: np.ndarray
    weight: np.ndarray
    levels: list

    @classmethod
    def of(cls, X, weight, edges):
        """Cells of rows, (n_samples, n_features), with weights or None."""
        # In blocks, since bin numbers take as much memory as the rows.
        blocks = row_slices(len(X), BLOCK_ROWS)
        found = (
            cls._of_block(X[rows], None if weight is None else weight[rows], edges)
            for rows in blocks
        )
        return reduce(cls.merge, found)

    @classmethod
    def _of_block(cls, X, weight, edges):
        bins = bin_numbers(X, edges)
        inside = (bins >= 0).all(axis=1)
        weight = np.ones(len(X)) if weight is None else weight
        inside &= weight > 0
        return cls._summed(bins[inside], weight[inside], [len(e) - 1 for e in edges])

    @classmethod
    def _summed(cls, bins, weight, n_bins):
        cells, cell, levels = occupied_cells(bins, n_bins)
        return cls(cells, np.bincount(cell, weight, len(cells)), levels)

    def merge(self, other):
        """Cells of both sets of rows."""
        n_bins = [n for _, sizes, _ in self.levels for n in sizes]
        return self._summed(
            np.vstack([self.cells, other.cells]),
            np.concatenate([self.weight, other.weight]),
            n_bins,
        )


def _distinct(code, size):
    """Numbers below `size` that occur, ascending, and which of them each entry is."""
    if size > TABLE * len(code):
        return np.unique(code, return_inverse=True)
    occurs = np.zeros(size, dtype=bool)
    occurs[code] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[code]


def find_cells(levels, bins):
    """Find cells among the occupied ones.

    Parameters
    ----------
    levels : list of tuple
        As `occupied_cells` returns them.
    bins : ndarray of int of shape (n_queries, n_features)
        Bin numbers; -1 is outside the edges.

    Returns
    -------
    cell : ndarray of int of shape (n_queries,)
        Position of the cell; -1 if it is not occupied.
    """
    cell = np.full(len(bins), -1)
    rows = np.flatnonzero((bins >= 0).all(axis=1))
    place = np.zeros(len(rows), dtype=np.int64)
    for columns, sizes, known in levels:
        code = _code(place, bins[rows, columns], sizes)
        place = np.minimum(np.searchsorted(known, code), len(known) - 1)
        found = known[place] == code
        rows, place = rows[found], place[found]
    cell[rows] = place
    return cell


def _groups(n_bins, n_places):
    """Slices of columns whose bin numbers fit one integer, with one more digit."""
    start, size = 0, n_places
    for j, n in enumerate(n_bins):
        if j > start and size * n > LARGEST_CODE:
            yield slice(start, j)
            start, size = j, n_places
        size *= n
    yield slice(start, len(n_bins))


def _code(place, bins, sizes):
    """One number for the digit so far and the bin numbers of some columns."""
    for j, size in enumerate(sizes):
        place = place * size + bins[:, j]
    return place
