"""Rows with missing entries that come in blocks, as the likelihood reads them."""

from functools import cached_property

import numpy as np

from sklatent.decomposition._em import FullCovariance
from sklatent.decomposition._missing import (
    MissingData,
    block_scatter,
    observed_blocks,
    summed,
)


class BlockedMissingData(MissingData):
    """Missing data in rows that are read block by block in each pass.

    Parameters
    ----------
    rows : DaskRows
        The rows, in units of the data.
    mean, scale : ndarray of shape (n_features,)
        Subtracted from the rows, and what then divides them.
    isotropic : bool
        Whether the features share one noise variance.
    """

    def __init__(self, rows, mean, scale, isotropic):
        self.rows, self.mean, self.scale = rows, mean, scale
        seen, p = rows.overview, rows.n_features
        self._set_counts((rows.n_rows, p), seen.weight, seen.columns.count)
        self.n_noise = 1 if isotropic else p

    @cached_property
    def covariance(self):
        """That of the rows with the mean where nothing was observed; to start from."""
        return FullCovariance(*self.sums(block_scatter, self.weight))

    def sums(self, function, *parameters):
        """Sum each result of function(block, *parameters) over all the blocks."""
        return self.rows.reduce(
            _sums_of_rows, add_each, self.mean, self.scale, function, parameters
        )


def _sums_of_rows(X, weight, mean, scale, function, parameters):
    """What `summed` is for the `ObservedRows` of rows in units of the data."""
    weight = np.ones(len(X)) if weight is None else weight
    return summed(
        observed_blocks((X - mean) / scale, 0.0, weight), function, parameters
    )


def add_each(sums, others):
    """Add results of two sets of rows, one by one."""
    return [a + b for a, b in zip(sums, others, strict=True)]
