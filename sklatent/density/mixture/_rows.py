"""The rows that a mixture is fitted to, in the order and precision that EM wants."""

from dataclasses import dataclass, replace

import numpy as np

from sklatent.density.mixture._missing import pattern_order
from sklatent.utils._blocks import row_slices
from sklatent.utils._columns import observed_moments
from sklatent.utils._threads import blas_threads, map_threads
from sklatent.utils._weights import total_weight

BLOCK_BYTES, FEWEST_ROWS = 2**18, 64


def feature_moments(X, weight=None):
    """Mean and variance of each feature, in one pass and without a covariance.

    The squares of a block are about its own mean, and blocks are merged by that of
    Chan, Golub and LeVeque (1979), so an offset of the data costs no digits.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The rows, complete.
    weight : ndarray of shape (n_samples,) or None
        Weight of each row, in double precision.

    Returns
    -------
    mean, variance : ndarray of shape (p,)
        In double precision; the variance of a constant feature is 0.
    """

    def sums_of(block):
        rows = X[block].astype(np.float64, copy=False)
        w = np.ones(len(rows)) if weight is None else weight[block]
        total = w.sum() or 1.0
        mean = w @ rows / total
        residual = rows - mean
        mean_error = w @ residual / total
        squares = w @ np.square(residual, out=residual) - total * mean_error**2
        return w.sum(), mean, mean_error, squares

    n, p = X.shape
    # A pass over few rows costs little beside what a block leaves to be merged.
    n_rows = max(BLOCK_BYTES // (p * X.itemsize), FEWEST_ROWS)
    blocks = list(row_slices(n, n_rows))
    sums = map_threads(sums_of, blocks, blas_threads())
    total, means, errors, squares = map(np.array, zip(*sums, strict=True))
    share = total / total.sum()
    offsets = means - means[0] + errors
    offset = share @ offsets
    between = share @ (offsets - offset) ** 2
    return means[0] + offset, squares.sum(axis=0) / total.sum() + between


@dataclass(frozen=True)
class Rows:
    """Rows and their weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The rows; NaN where something is missing. If so, in double precision and in
        the order of the patterns of holes.
    weight : ndarray of shape (n_samples,) or None
        Of each row, in double precision; 1 on average, zeros aside.
    total : float
        Sum of the weights as they were given.
    holed : bool
        Whether something is missing.
    scaled : ndarray of shape (n_samples, p) or None
        The rows in the units of a frame, if `few_scaled` keeps them.
    """

    X: np.ndarray
    weight: np.ndarray | None
    total: float
    holed: bool
    scaled: np.ndarray | None = None

    @classmethod
    def of(cls, X, sample_weight=None):
        """Rows as the user gave them, checked.

        Raises
        ------
        ValueError
            If the weights are too large for their sum to be a number.
        """
        total, holed = float(len(X)), bool(np.isnan(X).any())
        if sample_weight is not None:
            total = total_weight(sample_weight)
            sample_weight = sample_weight / sample_weight[sample_weight > 0].mean()
        if holed:
            order = pattern_order(X)
            X = X[order].astype(np.float64)
            sample_weight = None if sample_weight is None else sample_weight[order]
        return cls(X, sample_weight, total, holed)

    def few_scaled(self, frame):
        """The same with the rows in the units of the frame, where these are few.

        With fewer rows than features, to bring them into these units takes as long as
        the rest of an EM step.
        """
        n, p = self.X.shape
        if n >= p:
            return self
        return replace(self, scaled=frame.rows(self.X, np.empty_like(self.X).T).T)

    def moments(self, names):
        """Mean and variance of each feature, in double precision.

        Raises
        ------
        ValueError
            If nothing is observed of a feature; `names` are for the message.
        """
        if self.holed:
            return observed_moments(self.X, self._weights(), names)
        return feature_moments(self.X, self.weight)

    def shares_observed(self):
        """In which share of the rows each feature is observed."""
        if not self.holed:
            return np.ones(self.X.shape[1])
        weight = self._weights()
        return weight @ ~np.isnan(self.X) / weight.sum()

    def _weights(self):
        return np.ones(len(self.X)) if self.weight is None else self.weight
