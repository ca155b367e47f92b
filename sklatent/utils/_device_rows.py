"""Rows that stay on a device: the third source of rows beside those of `_rows`."""

from functools import cached_property

import numpy as np

from sklatent.utils._arrays import moved, namespace_of, numpy_dtype, to_numpy
from sklatent.utils._columns import ColumnMoments
from sklatent.utils._device_moments import moments_on_device
from sklatent.utils._weights import are_shares, effective_count, total_weight


class DeviceRows:
    """Complete rows on a device, no fewer than features.

    Fewer rows are no larger than the parameters, which NumPy computes with.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The rows, checked, of any library.
    weight : array of shape (n_samples,) or None
        Their weights, checked, beside the rows.
    """

    in_blocks, has_missing = True, False

    def __init__(self, X, weight=None):
        self.X, self.weight, self.weighted = X, weight, weight is not None
        self.n_rows, self.n_features = X.shape
        self.dtype = numpy_dtype(X)
        self.xp = namespace_of(X)

    def reduce(self, function, merge, *parameters):
        """Value of function(X, weight, *parameters)."""
        return function(self.X, self.weight, *parameters)

    def moments(self, dtype=None):
        """Return the moments, with products in a precision; that of the rows if None.

        They are in NumPy.
        """
        return moments_on_device(self.X, self.weight, dtype)

    def mean(self):
        """Return the sum of the weights, the mean, and what rounding it lost."""
        moments = self.moments(np.float64)
        return moments.weight, moments.mean, moments.mean_error

    @cached_property
    def columns(self):
        """Moments of each feature."""
        moments = self.moments(np.float64)
        count = np.full(self.n_features, moments.weight)
        squares = np.diag(moments.scatter)
        return ColumnMoments(count, moments.mean, moments.mean_error, squares)

    def check_finite(self, name):
        """Do nothing: rows that are not finite do not stay on a device."""

    @cached_property
    def n_positive(self):
        """How many rows have a positive weight."""
        if self.weight is None:
            return self.n_rows
        return int(self.xp.sum(self.xp.astype(self.weight > 0, self.xp.int64)))

    @cached_property
    def total(self):
        """Sum of the weights."""
        if self.weight is None:
            return float(self.n_rows)
        return total_weight(np.array([float(self.xp.sum(self.weight))]))

    def row_count(self, what):
        """How many rows the weights count for; see `sklatent.utils._weights`."""
        if not (self.weighted and are_shares(self.total)):
            return self.total
        square = float(self.xp.sum(self.weight**2))
        return effective_count(self.total, self.total**2 / square, what)

    @cached_property
    def constants(self):
        """Value of each feature that is constant, NaN for the others."""
        X = self.X
        if self.n_positive < self.n_rows:
            X = self.xp.take(X, self.xp.nonzero(self.weight)[0], axis=0)
        low, high = (to_numpy(f(X, axis=0)) for f in (self.xp.min, self.xp.max))
        return np.where(low == high, low, np.nan).astype(np.float64)

    def warn_of_readings(self, n_most):
        """Do nothing: rows on a device may be read as often as one likes."""

    def sample(self, n_most, rng):
        """Sample rows by their weight, one from each of as many stretches.

        Parameters
        ----------
        n_most : int
            How many; all of positive weight if there are not more.
        rng : RandomState
            Source of randomness.

        Returns
        -------
        X : ndarray of shape (n_sampled, n_features)
            The rows, in their order.
        weight : ndarray of shape (n_sampled,)
            Their weights, 1 for those that were chosen by them.
        """
        xp = self.xp
        if self.n_positive <= n_most:
            if self.weight is None:
                return to_numpy(self.X), np.ones(self.n_rows)
            held = xp.nonzero(self.weight)[0]
            X, weight = xp.take(self.X, held, axis=0), xp.take(self.weight, held)
            return to_numpy(X), to_numpy(weight)
        quantiles = (np.arange(n_most) + rng.uniform(size=n_most)) / n_most
        if self.weight is None:  # the sums of the weights are 1, 2, ...
            at = (quantiles * self.n_rows).astype(np.int64)
        else:
            sums = xp.cumulative_sum(self.weight)
            reached = moved(quantiles, self.X) * sums[-1]
            at = to_numpy(xp.searchsorted(sums, reached, side="right"))
        at = moved(np.minimum(at, self.n_rows - 1), self.X)
        return to_numpy(xp.take(self.X, at, axis=0)), np.ones(n_most)
