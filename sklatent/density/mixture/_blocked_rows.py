"""Rows that come in blocks, as EM reads them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklatent.density.mixture._model import Frame, TrainingRows, by_pattern
from sklatent.density.mixture._passes import TRIAL_ROWS
from sklatent.utils._columns import check_observed


@dataclass(frozen=True)
class BlockedRows:
    """Rows that are read block by block in each pass, and units to compute in.

    It answers what `TrainingRows` answers of rows in memory.

    Parameters
    ----------
    source : DaskRows or DeviceRows
        The rows.
    frame : Frame
        Units to compute in.
    """

    source: object
    frame: Frame
    in_blocks = True

    @classmethod
    def of(cls, source, structure, names):
        """Rows in the units in which they are standardized.

        Raises
        ------
        ValueError
            If no entry of a feature is observed.
        """
        columns = source.columns
        check_observed(columns.count, names)
        variance = columns.squares / columns.count
        frame = Frame.of_moments(columns.mean, variance, structure, source.dtype)
        return cls(source, frame)

    @property
    def shape(self):
        """Shape of the table."""
        return self.source.n_rows, self.source.n_features

    @property
    def dtype(self):
        """Precision of the rows."""
        return self.source.dtype

    @property
    def has_missing(self):
        """Whether an entry is missing."""
        return self.source.has_missing

    @property
    def total(self):
        """Sum of the weights."""
        return self.source.total

    @property
    def log_jacobian(self):
        """Mean log-density in the units of the frame less that in units of the data."""
        observed = self.source.columns.count / self.source.total
        return float(observed @ np.log(self.frame.scale))

    def reduce(self, function, merge, *parameters):
        """Merge function(rows, *parameters) over the blocks as `TrainingRows`."""
        unit = self.total / self.source.n_positive
        return self.source.reduce(
            _of_block, merge, function, self.frame, unit, self.has_missing, parameters
        )

    @cached_property
    def trial(self):
        """A few rows, spread evenly."""
        return self.source.sample(TRIAL_ROWS, np.random.RandomState(0))[0]

    def sample(self, n_rows, rng):
        """Sample standardized rows by their weight; all if there are not more.

        Returns
        -------
        Z : ndarray of shape (n_sampled, p)
            The rows.
        w : ndarray of shape (n_sampled,)
            Their weights; 1 for those that were chosen by them.
        """
        X, w = self.source.sample(n_rows, rng)
        return self.frame.standardize_rows(X, np.empty(X.shape, X.dtype).T).T, w


def _of_block(X, weight, function, frame, unit, has_missing, parameters):
    """Value of a function of the `TrainingRows` of a block."""
    if weight is not None:
        weight = weight / unit  # 1 on average, over all blocks
    if has_missing:
        X, weight = by_pattern(X, weight)
    rows = TrainingRows(X, weight, float(X.shape[0]), has_missing, frame)
    return function(rows, *parameters)
