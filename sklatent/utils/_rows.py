"""Where the rows of a fit come from: an array, Dask's blocks, or an array on a device.

Estimators ask a row source to `reduce` a function over the rows, and do not see whether
it was called once or a thousand times. The functions are pure in (block, weight,
*parameters), so that a lost worker costs a computation and nothing else.

======================  ===========================================================
`reduce`                merged result of a function over the blocks
`moments`               weight, mean and scatter of the rows
`n_rows`, `n_positive`  how many there are, and how many of positive weight
`total`                 sum of the weights, None counting as 1 each
`has_missing`           whether an entry is missing
`constants`             value of each feature that is constant, NaN for the others
`sample`                some rows, by their weight; `at_quantiles` for given shares
======================  ===========================================================

An array answers each question when it is asked. Blocks are read once for all of them,
at the first question that their chunks do not answer: see `Overview`. Rows on a device
are in `_device_rows`.
"""

import operator
from functools import cached_property

import numpy as np
from sklearn.base import clone
from sklearn.utils import assert_all_finite, check_array

from sklatent.utils import _dask
from sklatent.utils._arrays import are_dispatched, to_numpy
from sklatent.utils._block_reader import BlockReader, MergeBlocks, OnBlock
from sklatent.utils._columns import any_missing, constant_values, weighted_mean
from sklatent.utils._device_rows import DeviceRows
from sklatent.utils._moments import Moments
from sklatent.utils._overview import Overview
from sklatent.utils._tables import check_number_columns, check_weight, read_rows
from sklatent.utils._weights import (
    are_shares,
    effective_count,
    row_count,
    total_weight,
)


def row_source(
    estimator, X, sample_weight, *, with_scatter=True, reset=True, **options
):
    """Check rows and weights, and return them as a source of rows.

    Parameters
    ----------
    estimator : estimator
        Whose names and number of features are set.
    X : array-like or Dask collection of shape (n_samples, n_features)
        The rows. Of a Dask collection, blocks are checked when they are read.
    sample_weight : array-like, Dask array or series of shape (n_samples,), or None
        Their weights.
    with_scatter : bool, default=True
        Whether the first reading of a Dask collection is to find the moments too.
    reset : bool, default=True
        Whether names and the number of features are set; False to compare them.
    **options : dict
        Options of `read_rows`.

    Returns
    -------
    rows : ArrayRows, DaskRows or DeviceRows
        The rows.
    """
    if _dask.is_dask(X):
        n_min = options.get("ensure_min_samples", 1)
        return DaskRows(estimator, X, sample_weight, with_scatter, n_min, reset)
    X = read_rows(estimator, X, reset=reset, **options)
    weight = check_weight(sample_weight, X)
    if are_dispatched(X):
        if X.shape[0] >= X.shape[1]:
            return DeviceRows(X, weight)
        X, weight = to_numpy(X), to_numpy(weight)
    return ArrayRows(X, weight)


class ArrayRows:
    """Rows of one array, which may be mapped from a file, or of a CSR matrix.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The rows, checked.
    weight : ndarray of shape (n_samples,) or None
        Their weights, checked.
    """

    in_blocks = False

    def __init__(self, X, weight=None):
        self.X, self.weight, self.weighted = X, weight, weight is not None
        self.dtype, self.n_features = X.dtype, X.shape[1]
        self.n_rows = X.shape[0]

    def reduce(self, function, merge, *parameters):
        """Value of function(X, weight, *parameters)."""
        return function(self.X, self.weight, *parameters)

    def moments(self, dtype=None):
        """Return the moments, with products in a precision; that of the rows if None.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        return Moments.of(self.X, self.weight, dtype=dtype)

    def mean(self):
        """Return the sum of the weights, the mean, and what rounding it lost."""
        return weighted_mean(self.X, self.weight)

    def check_finite(self, name):
        """Raise if an entry is not finite."""
        assert_all_finite(self.X, estimator_name=name, input_name="X")

    @cached_property
    def n_positive(self):
        """How many rows have a positive weight."""
        return self.n_rows if self.weight is None else np.count_nonzero(self.weight)

    @cached_property
    def total(self):
        """Sum of the weights."""
        return float(self.n_rows if self.weight is None else self.weight.sum())

    def row_count(self, what):
        """How many rows the weights count for; see `sklatent.utils._weights`."""
        if self.weight is None:
            return float(self.n_rows)
        return row_count(self.weight, what)

    @cached_property
    def has_missing(self):
        """Whether an entry is missing."""
        return any_missing(self.X)

    @cached_property
    def constants(self):
        """Value of each feature that is constant, NaN for the others."""
        return constant_values(self.X, self.weight)

    def warn_of_readings(self, n_most):
        """Do nothing: an array may be read as often as one likes."""

    def require_array(self, what, instead):
        """Do nothing: this is one."""


class DaskRows:
    """Rows of a Dask array or data frame, in blocks.

    Parameters
    ----------
    estimator : estimator
        Whose names and number of features are set.
    X : dask array or dask data frame of shape (n_samples, n_features)
        The rows.
    sample_weight : array-like, dask array or series of shape (n_samples,), or None
        Their weights.
    with_scatter : bool
        Whether the first reading is to find the moments too.
    n_min : int
        Smallest number of rows.
    reset : bool, default=True
        Whether names and the number of features are set; False to compare them.
    """

    in_blocks, weight = True, None

    def __init__(self, estimator, X, sample_weight, with_scatter, n_min, reset=True):
        columns = _dask.no_rows(X)
        check_number_columns(columns)
        empty = read_rows(estimator, columns, reset=reset, ensure_min_samples=0)
        self.X = X = _dask.with_whole_rows(X)
        self.n_features, self.n_min = empty.shape[1], n_min
        self.name = type(estimator).__name__
        self.reader = BlockReader(estimator, empty.dtype)
        self.lengths = _dask.block_lengths(X)
        self.weighted = sample_weight is not None
        self.blocks = _dask.Blocks(X, self._in_blocks(sample_weight))
        if self.lengths is not None:
            self._check_number(int(self.lengths.sum()))
            # Of fewer rows than features, nobody asks for a scatter.
            with_scatter &= self.lengths.sum() >= self.n_features
        self.with_scatter = with_scatter
        # How many rows each pass must read, once that is known.
        self.n_read = None if self.lengths is None else int(self.lengths.sum())

    def _in_blocks(self, sample_weight):
        """Weights as a Dask array in the blocks of the rows."""
        if sample_weight is None:
            return None
        if _dask.is_dask(sample_weight):
            return _dask.like_blocks(sample_weight, self.X, self.lengths)
        self._count(_dask.Blocks(self.X))
        n = int(self.lengths.sum())
        weight = check_weight(sample_weight, np.empty((n, 0)))
        return _dask.split(weight, self.lengths)

    def _count(self, blocks):
        """Find the lengths of the blocks, if they are not known."""
        if self.lengths is None:
            self.lengths = np.array(blocks.reduce(_length_of, operator.add))

    def find_lengths(self):
        """Find how many rows each block has, by a reading if that is not known."""
        self._count(self.blocks)
        if self.n_read is None:
            self._check_number(int(self.lengths.sum()))
            self.n_read = int(self.lengths.sum())

    def _check_number(self, n):
        if n < self.n_min:
            few = np.zeros((n, self.n_features))
            check_array(few, ensure_min_samples=self.n_min, estimator=self.name)

    def _value(self, counted):
        """Result of a pass, which must have read as many rows as those before."""
        if self.n_read is None:
            n = 0 if counted is None else counted[0]
            self._check_number(n)
            self.n_read = n
        return of_as_many(counted, self.n_read)

    @property
    def dtype(self):
        """Precision that all blocks have, or are promoted to."""
        return self.reader.dtype

    def reduce(self, function, merge, *parameters):
        """Merge function(X, weight, *parameters) over the blocks that have rows.

        Parameters
        ----------
        function : callable
            Pure, and picklable.
        merge : callable
            merge(result, result) of two results is a result.
        *parameters : object
            For all the blocks the same.
        """
        call = OnBlock(self.reader, function, parameters)
        return self._value(self.blocks.reduce(call, MergeBlocks(merge)))

    def reduce_numbered(self, function, merge, *parameters):
        """Merge function(X, weight, *parameters, start) over the blocks.

        As `reduce`, with the number of the first row of the block.
        """
        self.find_lengths()
        starts = (np.cumsum(self.lengths) - self.lengths).tolist()
        call = OnBlock(self.reader, function, parameters)
        return self._value(self.blocks.reduce(call, MergeBlocks(merge), starts))

    @cached_property
    def overview(self):
        """What the first reading tells."""
        seen = self.reduce(_overview, Overview.merge, self.with_scatter)
        if seen is not None and seen.dtype != self.dtype:
            # The dtype that was declared is that of some blocks only.
            self.reader = self.reader.of_dtype(seen.dtype)
            seen = self.reduce(_overview, Overview.merge, self.with_scatter)
        self._check_number(0 if seen is None else seen.n_rows)
        if seen.n_positive == 0:
            raise ValueError("sample_weight must be positive for at least one row.")
        total_weight(np.array([seen.weight]))  # raises if it is not finite
        return seen

    def moments(self, dtype=None):
        """Return the moments; in double precision, so that one reading is enough."""
        if self.with_scatter:
            return self.overview.moments
        return self.reduce(_moments, Moments.merge)

    def mean(self):
        """Return the sum of the weights, the mean, and what rounding it lost."""
        moments = self.overview.moments
        if moments is None:
            mean = self.overview.columns.mean
            return self.overview.weight, mean, np.zeros_like(mean)
        return (
            moments.weight,
            moments.mean,
            moments.mean_error + np.zeros_like(moments.mean),
        )

    def check_finite(self, name):
        """Do nothing: blocks are checked when they are read."""

    @property
    def n_rows(self):
        """Number of rows."""
        return self.overview.n_rows if self.n_read is None else self.n_read

    @property
    def n_positive(self):
        """How many rows have a positive weight."""
        return self.overview.n_positive if self.weighted else self.n_rows

    @property
    def total(self):
        """Sum of the weights."""
        return self.overview.weight if self.weighted else float(self.n_rows)

    def row_count(self, what):
        """How many rows the weights count for; see `sklatent.utils._weights`."""
        if not (self.weighted and are_shares(self.total)):
            return self.total
        seen = self.overview
        return effective_count(seen.weight, seen.weight**2 / seen.weight_square, what)

    @property
    def has_missing(self):
        """Whether an entry is missing."""
        return self.overview.has_missing

    @property
    def constants(self):
        """Value of each feature that is constant, NaN for the others."""
        return self.overview.constants

    @property
    def columns(self):
        """Moments of each feature, over the rows where it is observed."""
        return self.overview.columns

    def warn_of_readings(self, n_most):
        """Warn that rows which are not in memory will be read that often."""
        self.blocks.warn_of_readings(f"up to {n_most} steps of {self.name}")

    def require_array(self, what, instead):
        """Raise, since `what` needs all rows at once."""
        raise TypeError(
            f"{what} needs all rows in memory; give it X.compute(), or {instead}."
        )

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
        if self.n_positive <= n_most:
            return self._collect(dict.fromkeys(range(len(self.blocks))))
        return self.at_quantiles(
            (np.arange(n_most) + rng.uniform(size=n_most)) / n_most
        )

    def at_quantiles(self, quantiles):
        """Return the rows where the cumulated weights reach shares of their total.

        Parameters
        ----------
        quantiles : ndarray of shape (n_sampled,)
            The shares, ascending.

        Returns
        -------
        X, weight : ndarray
            As from `sample`.
        """
        if self.weighted or self.lengths is None:
            totals = self.blocks.reduce(_total_of, operator.add)
        else:
            totals = self.lengths
        return self._collect(_of_blocks(np.array(totals, np.float64), quantiles))

    def choose(self, n, rng):
        """Return rows chosen independently, by their weight, with repetition.

        They are those that `rng.choice` chooses of rows in memory.
        """
        quantiles = rng.random_sample(n)
        order = np.argsort(quantiles)
        X, _ = self.at_quantiles(quantiles[order])
        chosen = np.empty_like(X)
        chosen[order] = X
        return chosen

    def _collect(self, wanted):
        """Rows of some blocks, with their weights, by `rows_at`."""
        some = self.blocks.collect(OnBlock(self.reader, rows_at, ()), wanted)
        X, weight = zip(*(rows for _, rows in filter(None, some)), strict=True)
        return np.concatenate(X), np.concatenate(weight)


# Functions of modules, which travel by their names. If a function of a script or of a
# notebook makes the rows, Dask sends what is no such function as code.


def _overview(block, weight, with_scatter):
    return Overview.of(block, weight, with_scatter)


def _moments(block, weight):
    return Moments.of(block, weight, dtype=np.float64)


def of_as_many(counted, n_read):
    """Result of a pass, (number of rows, result) or None, over as many rows as before.

    Raises
    ------
    ValueError
        If it has read another number of rows.
    """
    n, result = (0, None) if counted is None else counted
    if n != n_read:
        raise ValueError(
            f"X must be the same rows whenever it is read; got {n} rows, after "
            f"{n_read} before. Give it X.persist(), which is made once."
        )
    return result


def _length_of(block, weight):
    return [len(block)]


def _total_of(block, weight):
    return [float(len(block) if weight is None else weight.sum())]


def _of_blocks(totals, quantiles):
    """Where, in the cumulated weights of its block, each sampled row lies."""
    ends = np.cumsum(totals)
    quantiles = quantiles * ends[-1]
    block = np.minimum(np.searchsorted(ends, quantiles, side="right"), len(ends) - 1)
    return {
        i: quantiles[block == i] - (ends[i] - totals[i])
        for i in np.unique(block).tolist()
    }


def rows_at(X, weight, cumulated):
    """Rows of a block where its cumulated weights reach some values.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,) or None
        Their weights.
    cumulated : ndarray of shape (n_sampled,) or None
        These values; None for all rows of positive weight.

    Returns
    -------
    X : ndarray of shape (n_sampled, n_features)
        The rows.
    weight : ndarray of shape (n_sampled,)
        Their weights; 1 for those that were chosen by them.
    """
    weight = np.ones(len(X)) if weight is None else weight
    (rows,) = np.nonzero(weight)
    if cumulated is None:
        return X[rows], weight[rows]
    at = np.searchsorted(np.cumsum(weight[rows]), cumulated, side="right")
    rows = rows[np.minimum(at, len(rows) - 1)]
    return X[rows], np.ones(len(rows))


def partial_fit_blocks(estimator, X, sample_weight=None):
    """Give the blocks of a Dask collection to `partial_fit`, one after the other.

    If one cannot be used, the estimator stays as it was.
    """
    rows = DaskRows(clone(estimator), X, sample_weight, False, 0)
    with estimator._unchanged_on_error():
        for block, weight in rows.blocks.computed():
            if weight is None and len(block):
                estimator.partial_fit(block)
            elif np.any(weight):
                estimator.partial_fit(block, sample_weight=weight)
    return estimator
