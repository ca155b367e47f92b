"""Rules for the number of bins of a histogram.

Each rule takes one column, shifted and scaled to [0, 1], so that neither the units nor
the location of the data matters. Weights count rows: with integer weights, each rule
gives the same number as for repeated rows.
"""

from dataclasses import dataclass

import numpy as np

# The largest number of bins that "stone" tries, as in NumPy, unless rows are many.
STONE_BINS = 100


@dataclass
class Column:
    """A column on [0, 1].

    Parameters
    ----------
    z : ndarray of shape (n_rows,)
        Values, ascending, from 0 to 1.
    weight : ndarray of shape (n_rows,)
        Weights of the values, positive.
    d : int
        Number of dimensions of the histogram.
    rounding : float, default=0.0
        Largest difference of values that may be rounding.
    """

    z: np.ndarray
    weight: np.ndarray
    d: int
    rounding: float = 0.0

    def __post_init__(self):
        self.cumulative = np.cumsum(self.weight)
        self.n = self.cumulative[-1]

    def average(self, values):
        """Weighted mean."""
        return self.weight @ values / self.n

    def deviations(self):
        """Differences from the mean."""
        return self.z - self.average(self.z)

    def std(self):
        """Return the standard deviation, with 1 / n."""
        return np.sqrt(self.average(self.deviations() ** 2))

    def skewness(self):
        """Return the third moment of the standardized values."""
        return self.average((self.deviations() / self.std()) ** 3)

    def squared_shares(self, n_bins):
        """Sum of the squared shares of rows in bins of equal width."""
        weights, _ = np.histogram(self.z, n_bins, (0, 1), weights=self.weight)
        return float(np.sum((weights / self.n) ** 2))

    def quantile(self, q):
        """Return the quantile of the repeated rows, as `np.quantile` does."""
        at = max(q * (self.n - 1), 0.0)  # the rank, from 0, between two rows
        ranks = np.floor([at, at + 1])
        # Rounding of the sums must not move a rank to the row before.
        index = np.searchsorted(self.cumulative, ranks * (1 + 1e-12), side="right")
        low, high = self.z[np.minimum(index, len(self.z) - 1)]
        return low + (at - ranks[0]) * (high - low)


def _scott(column):
    """Return 1 / h for the h that is best for a Gaussian of this width.

    The mean integrated squared error of bins of width h, 1 / (n h^d) + d h^2 R / 12
    with R = 1 / (2^(d+1) pi^(d/2) sigma^(d+2)), is least at h^(d+2) = 6 / (n R).
    """
    d = column.d
    log_h = np.log(6) + (d + 1) * np.log(2) + d / 2 * np.log(np.pi) - np.log(column.n)
    return 1 / (column.std() * np.exp(log_h / (d + 2)))


def _fd(column):
    """Return 1 / h for h = 2 IQR / n^(1/(d+2)); Scott's where the quartiles agree."""
    iqr = column.quantile(0.75) - column.quantile(0.25)
    if iqr <= column.rounding:
        return _scott(column)
    return column.n ** (1 / (column.d + 2)) / (2 * iqr)


def _sqrt(column):
    return np.sqrt(column.n)


def _rice(column):
    return 2 * column.n ** (1 / 3)


def _sturges(column):
    return np.log2(column.n) + 1


def _auto(column):
    """As in NumPy: the larger of `_fd`, at most 2 `_sqrt`, and `_sturges`."""
    return max(min(_fd(column), 2 * _sqrt(column)), _sturges(column))


def _doane(column):
    """Sturges' rule with a correction for skewness."""
    n = column.n
    if n <= 2:
        return 1
    standard_error = np.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
    return _sturges(column) + np.log2(1 + abs(column.skewness()) / standard_error)


def _stone(column):
    """Least squared error by leave-one-out cross-validation."""
    n = column.n

    def risk(n_bins):
        # Up to a positive factor.
        return (2 - (n + 1) * column.squared_shares(n_bins)) * n_bins

    return min(range(1, max(STONE_BINS, int(np.sqrt(n))) + 1), key=risk)


BIN_RULES = {
    "auto": _auto,
    "doane": _doane,
    "fd": _fd,
    "rice": _rice,
    "scott": _scott,
    "sqrt": _sqrt,
    "stone": _stone,
    "sturges": _sturges,
}


def count_bins(rule, column):
    """Return how many bins of equal width a rule asks for, one or more.

    Parameters
    ----------
    rule : str
        A key of `BIN_RULES`.
    column : Column or BlockedColumn
        The column, not constant.
    """
    return max(1, int(np.ceil(BIN_RULES[rule](column))))


class ArrayColumn:
    """A column in memory, as the edges of its bins are found.

    Parameters
    ----------
    x : ndarray of shape (n_rows,)
        Values.
    weight : ndarray of shape (n_rows,)
        How many rows each stands for, positive.
    whole : bool
        Whether all are whole numbers.
    """

    def __init__(self, x, weight, whole):
        self.x, self.weight, self.whole = x, weight, whole
        self.dtype = x.dtype

    def ends(self):
        """Return the smallest and the largest value."""
        return float(self.x.min()), float(self.x.max())

    def on_unit(self, d, rounding):
        """Return the `Column` of a histogram of d dimensions."""
        x, weight = self.x.astype(np.float64), self.weight
        if weight.min() == weight.max():  # sorting is faster than finding an order
            x.sort()
        else:
            order = np.argsort(x, kind="stable")
            x, weight = x[order], weight[order]
        x -= x[0]
        scale = x[-1]
        x /= scale
        return Column(x, weight, d, rounding / scale)
