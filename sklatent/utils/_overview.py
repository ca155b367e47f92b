"""What one reading tells of rows, whether they are few or come in many blocks."""

from dataclasses import dataclass

import numpy as np

from sklatent.utils._columns import ColumnMoments, any_missing, narrowed_ranges
from sklatent.utils._moments import Moments

# Sums of weights that are not finite show in the result.
_beyond_range = np.errstate(over="ignore", invalid="ignore")


@dataclass(frozen=True)
class Overview:
    """Counts, moments and ranges of rows, mergeable.

    Parameters
    ----------
    n_rows : int
        How many there are.
    n_positive : int
        How many of them have a positive weight; only these enter what follows.
    weight, weight_square : float
        Sums of the weights, and of their squares.
    dtype : dtype
        That all the rows have, or are promoted to.
    columns : ColumnMoments
        What is observed of each feature.
    low, high : ndarray of shape (n_features,)
        Two values of each feature, equal only where it is constant.
    has_missing : bool
        Whether an entry is missing.
    moments : Moments or None
        If they were asked for, and nothing is missing. In double precision.
    """

    n_rows: int
    n_positive: int
    weight: float
    weight_square: float
    dtype: np.dtype
    columns: ColumnMoments
    low: np.ndarray
    high: np.ndarray
    has_missing: bool
    moments: Moments | None

    @classmethod
    @_beyond_range
    def of(cls, X, weight, with_scatter):
        """Overview of rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The rows; NaN marks a missing entry.
        weight : ndarray of shape (n_samples,) or None
            Their weights.
        with_scatter : bool
            Whether the moments are wanted.
        """
        n_rows, p = X.shape
        if weight is not None and not weight.all():
            X, weight = X[weight > 0], weight[weight > 0]
        w = np.ones(len(X)) if weight is None else weight
        total, square = float(w.sum()), float(w @ w)
        if len(X) == 0:
            nothing, unknown = np.zeros(p), np.full(p, np.nan)
            columns = ColumnMoments(*[nothing] * 4)
            moments = Moments.of(X, dtype=np.float64) if with_scatter else None
            counts = (n_rows, 0, total, square)
            return cls(*counts, X.dtype, columns, unknown, unknown, False, moments)
        moments = Moments.of(X, weight, dtype=np.float64) if with_scatter else None
        # A missing entry makes its feature's mean NaN.
        suspect = moments is None or np.isnan(moments.mean).any()
        has_missing = bool(suspect) and any_missing(X)
        if moments is not None and not has_missing:
            of_each, squares = np.full(p, total), np.diag(moments.scatter)
            columns = ColumnMoments(of_each, moments.mean, moments.mean_error, squares)
        else:
            columns, moments = ColumnMoments.of(X, w), None
        counts = (n_rows, len(X), total, square)
        ranges = narrowed_ranges(X)
        return cls(*counts, X.dtype, columns, *ranges, has_missing, moments)

    @_beyond_range
    def merge(self, other):
        """Overview of both sets of rows."""
        moments = None
        if self.moments is not None and other.moments is not None:
            moments = self.moments.merge(other.moments)
        return Overview(
            self.n_rows + other.n_rows,
            self.n_positive + other.n_positive,
            self.weight + other.weight,
            self.weight_square + other.weight_square,
            np.result_type(self.dtype, other.dtype),
            self.columns.merge(other.columns),
            np.fmin(self.low, other.low),
            np.fmax(self.high, other.high),
            self.has_missing or other.has_missing,
            moments,
        )

    @property
    def constants(self):
        """Value of each feature that is constant, NaN for the others."""
        return np.where(self.low == self.high, self.low, np.nan).astype(np.float64)
