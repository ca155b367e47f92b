"""The rows that a mixture is fitted to, in the order and precision that EM wants."""

from dataclasses import dataclass

import numpy as np

from sklatent.decomposition._moments import Moments
from sklatent.decomposition._observed import observed_moments
from sklatent.density._mixture_missing import pattern_order
from sklatent.utils._weights import total_weight


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
    """

    X: np.ndarray
    weight: np.ndarray | None
    total: float
    holed: bool

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

    def moments(self, names):
        """Mean and variance of each feature, in double precision.

        Raises
        ------
        ValueError
            If nothing is observed of a feature; `names` are for the message.
        """
        if self.holed:
            return observed_moments(self.X, self._weights(), names)
        moments = Moments.of(self.X, self.weight, dtype=np.float64)
        return moments.mean, np.diag(moments.covariance())

    def shares_observed(self):
        """In which share of the rows each feature is observed."""
        if not self.holed:
            return np.ones(self.X.shape[1])
        weight = self._weights()
        return weight @ ~np.isnan(self.X) / weight.sum()

    def _weights(self):
        return np.ones(len(self.X)) if self.weight is None else self.weight
