"""What the rules for the bins ask of columns whose rows come in blocks."""

import operator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sklatent.density.histogram._order_statistics import smallest_above
from sklatent.utils._rounding import Ranges

# Where the quartiles lie, on [0, 1].
QUARTILES = (0.25, 0.75)


class BlockedColumns:
    """Columns of rows that come in blocks, each read for all at once.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    n : float
        How many rows the weights count for.
    """

    def __init__(self, rows, n):
        self.rows, self.n = rows, n
        self.low, self.high, self.whole = rows.reduce(Ranges.of, Ranges.merge)

    def __iter__(self):
        return (BlockedColumn(self, j) for j in range(self.rows.n_features))

    @cached_property
    def std(self):
        """Standard deviations, with 1 / n."""
        columns = self.rows.overview.columns
        return np.sqrt(columns.squares / columns.count)

    @cached_property
    def skewness(self):
        """Third moments of the standardized columns."""
        mean, std = self.rows.overview.columns.mean, np.where(self.std, self.std, 1.0)
        cubes = self.rows.reduce(_sums_of_cubes, operator.add, mean, std)
        return cubes / self.rows.total

    @cached_property
    def quartiles(self):
        """Return the quartiles of each column, (n_features, 2)."""
        at = np.maximum(np.array(QUARTILES) * (self.n - 1), 0.0)
        below = np.floor(at)
        ranks = np.stack([below, np.floor(at + 1)], axis=1).ravel()
        # Rounding of the sums must not move a rank to the row before.
        weights = ranks * (1 + 1e-12) * (self.rows.total / self.n)
        values = smallest_above(self.rows, weights, self.low, self.high)
        low, high = values[:, ::2], values[:, 1::2]
        return low + (at - below) * (high - low)


class BlockedColumn(NamedTuple):
    """A column of `BlockedColumns`, by its number."""

    columns: BlockedColumns
    j: int

    @property
    def dtype(self):
        """Precision of the column."""
        return self.columns.rows.dtype

    def ends(self):
        """Return the smallest and the largest value."""
        return float(self.columns.low[self.j]), float(self.columns.high[self.j])

    @property
    def whole(self):
        """Whether all are whole numbers."""
        return bool(self.columns.whole[self.j])

    def on_unit(self, d, rounding):
        """Return what `Column` is of a column in memory."""
        first, last = self.ends()
        return ColumnOnUnit(self, first, last - first, d, rounding / (last - first))


class ColumnOnUnit(NamedTuple):
    """A column less its first value, over its range, as the rules read it."""

    column: BlockedColumn
    first: float
    range: float
    d: int
    rounding: float

    @property
    def n(self):
        """How many rows there are."""
        return self.column.columns.n

    def std(self):
        """Return the standard deviation, with 1 / n."""
        return self.column.columns.std[self.column.j] / self.range

    def skewness(self):
        """Return the third moment of the standardized values."""
        return self.column.columns.skewness[self.column.j]

    def quantile(self, q):
        """Return the first or the third quartile."""
        column = self.column
        value = column.columns.quartiles[column.j, QUARTILES.index(q)]
        return (value - self.first) / self.range

    def squared_shares(self, n_bins):
        """Raise, since a hundred histograms would be needed."""
        self.column.columns.rows.require_array("bins='stone'", "choose another rule")


def _sums_of_cubes(X, weight, mean, std):
    weight = np.ones(len(X)) if weight is None else weight
    return weight @ ((X - mean) / std) ** 3
