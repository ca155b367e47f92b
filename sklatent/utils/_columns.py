"""Means, spreads and constants of columns, and which of them are observed together.

Nothing is the small difference of large numbers: a first pass, or a guess, removes the
offset, and what is summed are differences. The routines are several because what they
read differs, and what they must not do to it:

===================  =============================================================
`weighted_mean`      rows of any precision, dense or sparse, block by block, without
                     a copy; says too what rounding the mean lost
`centered_copy`      the same, and the centered rows themselves
`centered_rows`      few rows of many features, whose scatter is never formed
`sparse_moments`     CSR rows, of which the zeros are not looked at
`feature_moments`    rows of any precision, shared by threads; no covariance
`observed_moments`   rows with missing entries
`ColumnMoments`      some of the rows, which may have missing entries, to be merged
===================  =============================================================

`Moments` has the covariance as well.
"""

from typing import NamedTuple

import numpy as np

from sklatent.utils._arrays import are_dispatched
from sklatent.utils._moments import dense_rows, guess_center, row_blocks, two_sum
from sklatent.utils._threads import map_threads

# Blocks from which feature moments are merged: one fits the cache beside its residuals,
# and merging fewer rows than these would take longer than summing them.
BLOCK_BYTES, FEWEST_ROWS = 2**18, 64
# Rows, spread evenly, that a feature has to be constant in before all are looked at.
SOME_ROWS = 64


def any_missing(X):
    """Whether an entry is NaN; without a mask of all, which is large for many rows."""
    if are_dispatched(X):  # such rows are complete, or else become NumPy's
        return False
    blocks = row_blocks(*X.shape, X.itemsize)
    return any(np.isnan(X[rows]).any() for rows in blocks)


def weighted_mean(X, weight=None):
    """Sum of weights, mean, and rounding error of the mean, in one pass.

    Rows are summed in their own precision, relative to a guess of the mean.
    """
    origin = guess_center(X, weight).astype(X.dtype)
    total, sums = 0.0, np.zeros(X.shape[1])
    for rows in row_blocks(*X.shape, X.dtype.itemsize):
        r = dense_rows(X, rows) - origin
        w = np.ones(len(r)) if weight is None else weight[rows]
        # Relative to the largest, weights of any size suit single precision.
        scale = w.max() or 1.0
        total += w.sum()
        sums += scale * np.dot((w / scale).astype(r.dtype), r).astype(np.float64)
    return float(total), *two_sum(origin.astype(np.float64), sums / total)


def centered(X, rows, mean, mean_error, weight=None, out=None):
    """Rows minus the mean, times the root of their weight, in the precision of `out`.

    A new array in double precision if that is None.
    """
    block = dense_rows(X, rows)
    if out is None:
        out = np.empty(block.shape)
    high = mean.astype(out.dtype)
    np.subtract(block, high, out=out)
    out -= ((mean - high) + mean_error).astype(out.dtype)
    if weight is not None:
        out *= np.sqrt(weight[rows]).astype(out.dtype)[:, None]
    return out


def centered_copy(X, weight=None, dtype=np.float64):
    """Sum of weights, mean and its error, all centered rows, squares by column."""
    total, mean, error = weighted_mean(X, weight)
    A = np.empty(X.shape, dtype)
    squares = np.zeros(X.shape[1])
    for rows in row_blocks(*X.shape, A.itemsize):
        block = centered(X, rows, mean, error, weight, A[rows])
        squares += np.einsum("ij,ij->j", block, block)
    return total, mean, error, A, squares


def centered_rows(X, sample_weight):
    """Mean of the rows, and R with R' R their 1/n covariance.

    Rows of weight 0 are left out, since R R' is what is decomposed.
    """
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    held = weight > 0
    X, share = X[held].astype(np.float64), weight[held] / weight.sum()
    mean = X[0] + share @ (X - X[0])
    mean = mean + share @ (X - mean)
    return mean, (X - mean) * np.sqrt(share)[:, None]


def sparse_moments(X, weight):
    """Sum of weights, mean, and squares about it by column, of CSR rows."""
    n, p = X.shape
    w = np.ones(n) if weight is None else weight
    total = w.sum()
    each = np.repeat(w, np.diff(X.indptr))
    data = X.data.astype(np.float64)
    mean = np.bincount(X.indices, each * data, minlength=p) / total
    stored = np.bincount(X.indices, each, minlength=p)
    # What rounding a sum over all rows lost.
    residual = np.bincount(X.indices, each * (data - mean[X.indices]), minlength=p)
    mean += (residual - (total - stored) * mean) / total
    squares = each * (data - mean[X.indices]) ** 2
    squares = np.bincount(X.indices, squares, minlength=p)
    return float(total), mean, squares + (total - stored) * mean**2


def observed_moments(X, weight, names):
    """Mean and variance of what is observed of each feature.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows; NaN where nothing was observed.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    names : sequence of length n_features
        Names of the features, for the error.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,)
        In double precision.

    Raises
    ------
    ValueError
        If nothing is observed of a feature.
    """
    observed = ~np.isnan(X)
    count = weight @ observed
    check_observed(count, names)
    # The first pass removes the offset, the second what it cost in digits.
    mean = weight @ np.where(observed, X, 0.0) / count
    mean = mean + weight @ np.where(observed, X - mean, 0.0) / count
    return mean, weight @ np.where(observed, X - mean, 0.0) ** 2 / count


def feature_moments(X, weight, n_threads):
    """Mean and variance of each feature, in one pass and without a covariance.

    The squares of a block are about its own mean, and blocks are merged by the formula
    of Chan, Golub and LeVeque (1979), so an offset of the data costs no digits.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The rows, complete.
    weight : ndarray of shape (n_samples,) or None
        Weight of each row, in double precision.
    n_threads : int
        How many threads share the rows.

    Returns
    -------
    mean, variance : ndarray of shape (p,)
        In double precision; the variance of a constant feature is 0.
    """
    origin, offset, variance = _mean_and_variance(X, weight, n_threads)
    return origin + offset, variance


def _mean_and_variance(X, weight, n_threads):
    """Return what `feature_moments` does, with the mean in two parts."""
    n, p = X.shape
    size = max(BLOCK_BYTES // (p * X.itemsize), FEWEST_ROWS)

    def sums_from(start):
        rows = X[start : start + size].astype(np.float64, copy=False)
        w = np.ones(len(rows)) if weight is None else weight[start : start + size]
        total = w.sum() or 1.0
        mean = w @ rows / total
        residual = rows - mean
        # The mean is rounded; the residuals tell by how much.
        mean_error = w @ residual / total
        squares = w @ np.square(residual, out=residual) - total * mean_error**2
        return w.sum(), mean, mean_error, squares

    sums = map_threads(sums_from, range(0, n, size), n_threads)
    total, means, errors, squares = map(np.array, zip(*sums, strict=True))
    share = total / total.sum()
    offsets = means - means[0] + errors
    offset = share @ offsets
    between = share @ (offsets - offset) ** 2
    return means[0], offset, squares.sum(axis=0) / total.sum() + between


def check_observed(count, names):
    """Raise if nothing is observed of a feature."""
    if not count.all():
        unseen = np.asarray(names)[count == 0].tolist()
        raise ValueError(
            f"Features {unseen} have no observed value; drop them before fitting."
        )


class ColumnMoments(NamedTuple):
    """What is observed of each feature in some rows.

    The mean is origin + offset, whose sum would not hold the digits that are needed to
    merge means far from 0.

    Parameters
    ----------
    count : ndarray of shape (n_features,)
        Sum of the weights of the rows where the feature is observed.
    origin, offset : ndarray of shape (n_features,)
        The mean over these, in two parts.
    squares : ndarray of shape (n_features,)
        Weighted sum of squares about the mean.
    """

    count: np.ndarray
    origin: np.ndarray
    offset: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, X, weight):
        """Moments of rows; NaN where nothing was observed."""
        observed = ~np.isnan(X)
        if observed.all():
            total = np.full(X.shape[1], weight.sum())
            origin, offset, variance = _mean_and_variance(X, weight, n_threads=1)
            return cls(total, origin, offset, variance * total)
        count = weight @ observed
        safe = np.where(count > 0, count, 1.0)
        origin = weight @ np.where(observed, X, 0.0) / safe
        residual = np.where(observed, X - origin, 0.0)
        offset = weight @ residual / safe
        return cls(count, origin, offset, weight @ residual**2 - count * offset**2)

    @property
    def mean(self):
        """Mean of each feature, 0 where nothing is observed."""
        return self.origin + self.offset

    def merge(self, other):
        """Moments of both sets of rows together, by Chan, Golub and LeVeque."""
        count = self.count + other.count
        share = other.count / np.where(count > 0, count, 1.0)
        empty = self.count == 0
        origin = np.where(empty, other.origin, self.origin)
        offset = np.where(empty, other.offset, self.offset)
        delta = (other.origin - origin) + (other.offset - offset)
        squares = self.squares + other.squares + self.count * share * delta**2
        return ColumnMoments(count, origin, offset + share * delta, squares)


# --------------------------------------------------------------------------------
# Constant columns. A model needs some variance for every feature, if only a floor, to
# have a density. What it samples and imputes of a constant feature would vary by that.


def constant_values(X, sample_weight=None):
    """Return the value of each feature that is constant, NaN for the others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows; NaN where something is missing.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights; rows of weight 0 do not count.

    Returns
    -------
    values : ndarray of shape (n_features,)
        In double precision.
    """
    if sample_weight is not None and not sample_weight.all():
        X = X[sample_weight > 0]
    low, high = narrowed_ranges(X)
    return np.where(low == high, low, np.nan).astype(np.float64)


def narrowed_ranges(X):
    """Two values of each feature, which are equal only where the feature is constant.

    Where it is not, they need not be the smallest and the largest.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, one or more; NaN where something is missing.

    Returns
    -------
    low, high : ndarray of shape (n_features,)
        NaN where everything is missing.
    """
    low, high = np.fmin(X[0], X[-1]), np.fmax(X[0], X[-1])
    if (low < high).all():  # two rows are mostly enough
        return low, high
    some = X[:: -(-len(X) // SOME_ROWS)]
    low, high = np.fmin.reduce(some), np.fmax.reduce(some)
    for j in np.flatnonzero(~(low < high)):
        low[j], high[j] = np.fmin.reduce(X[:, j]), np.fmax.reduce(X[:, j])
    return low, high


def set_constants(X, values, where=None):
    """Give constant features their values, in place.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows that a model drew or imputed.
    values : ndarray of shape (n_features,)
        From `constant_values`.
    where : ndarray of bool, of shape (n_samples, n_features), default=None
        The entries to set; all if None.
    """
    for j in np.flatnonzero(~np.isnan(values)):
        X[slice(None) if where is None else where[:, j], j] = values[j]


# --------------------------------------------------------------------------------
# Patterns of missing entries


def group_patterns(observed):
    """Which rows have the same pattern.

    Parameters
    ----------
    observed : ndarray of bool, of shape (n_samples, n_features)
        The patterns.

    Returns
    -------
    first : ndarray of shape (n_patterns,)
        The first row of each pattern.
    group : ndarray of shape (n_samples,)
        Position in `first` of the pattern of each row.
    """
    # The result has the memory order of its argument; keys are bytes in a row.
    packed = np.ascontiguousarray(np.packbits(observed, axis=1))
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return first, group
