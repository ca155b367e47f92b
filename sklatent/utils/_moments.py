"""Weight, mean and scatter of rows, in one pass, mergeable.

The rows are read once, in blocks that fit the cache. With c_k a guess of the mean of
block k (the mean of the block before, or 0 while that is about as good), the block
gives, by two BLAS calls on r = x - c_k,

    w_k = sum w,   d_k = sum w r / w_k,   R_k = sum w r r'

and the scatter of all the rows about their mean m is

    S = sum_k R_k - sum_k w_k d_k d_k' + sum_k w_k (m_k - m)(m_k - m)',  m_k = c_k + d_k

whose two corrections are one matrix product each, at the end. Nothing is the small
difference of large numbers: c_k is close to m_k (and mended where it is not), so an
offset of the data cancels in r, where subtraction is exact.

Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for
computing sample variances, give the merge of two sets of moments.

Threads share the blocks of narrow data, one BLAS thread each; there are as many as
BLAS itself would take. Products of wide blocks are left to the threads of BLAS.
"""

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import get_blas_funcs
from scipy.sparse import issparse

from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import blas_threads, single_blas_thread

MIN_BLOCK_BYTES, MAX_BLOCK_BYTES = 2**18, 2**20
MIN_BLOCK_ROWS = 64
# Up to so many features, the threads take a block each.
NARROW = 256
# Rows that a first center is guessed from.
CENTER_ROWS = 64
# A block is centered again if its mean is this many of its standard deviations off
# the guess: the square is by how much rounding would grow.
MAX_MISS = 2.0


def row_blocks(n_samples, n_features, itemsize):
    """Slices of consecutive rows of 256 kB or so, for work row by row."""
    return row_slices(n_samples, max(MIN_BLOCK_BYTES // (n_features * itemsize), 1))


def product_blocks(n_samples, n_features, itemsize):
    """Slices of consecutive rows whose scatter is added up.

    1/64 of the data, between 256 kB and 1 MB. For many features a block has enough
    rows that its product costs more than adding up the (n_features, n_features)
    results.
    """
    row = n_features * itemsize
    n_bytes = min(max(n_samples * row // 64, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES)
    n_rows = max(n_bytes // row, n_features // 2, MIN_BLOCK_ROWS)
    return row_slices(n_samples, n_rows // MIN_BLOCK_ROWS * MIN_BLOCK_ROWS)


def dense_rows(X, rows):
    """Rows of a dense or CSR matrix as a dense array: a view if it is one."""
    block = X[rows]
    return block.toarray() if issparse(block) else block


def _spread_rows(n_samples):
    """Slice of some rows, spread evenly."""
    return slice(None, None, -(-n_samples // CENTER_ROWS))


def guess_center(X, weight=None):
    """Mean of some rows; exact in a constant column."""
    rows = _spread_rows(X.shape[0])
    some = dense_rows(X, rows).astype(np.float64)
    w = np.ones(len(some)) if weight is None else weight[rows]
    if not w.any():
        w = np.ones(len(some))
    return some[0] + (w / w.sum()) @ (some - some[0])


def _is_centered(X, center):
    """Whether 0 is no farther from the mean than a standard deviation, in some rows."""
    some = dense_rows(X, _spread_rows(X.shape[0]))
    return bool((center.astype(np.float64) ** 2 <= some.var(axis=0)).all())


def two_sum(a, b):
    """Sum of two arrays as its rounded value and, exactly, what rounding lost."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def mirror_lower(A):
    """Copy the lower triangle of a square matrix onto the upper, in place."""
    n = len(A)
    for start in range(0, n, 128):
        stop = min(start + 128, n)
        A[start:stop, stop:] = A[stop:, start:stop].T
        corner = A[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
    return A


def narrow_blas(n_features):
    """Context for work on matrices of n_features: one BLAS thread if it is small."""
    if n_features <= NARROW:
        return single_blas_thread
    return contextlib.nullcontext()


# Entries that are not finite, or whose squares are not, show in the result.
beyond_range = np.errstate(over="ignore", invalid="ignore")


@dataclass(frozen=True)
class Moments:
    """Sum of weights, mean and scatter of some rows, in double precision.

    Parameters
    ----------
    weight : float
        Sum of the weights; the number of rows where they have none.
    mean : ndarray of shape (n_features,)
        Weighted mean.
    scatter : ndarray of shape (n_features, n_features)
        Weighted sum of (x - mean)(x - mean)'.
    mean_error : ndarray of shape (n_features,) or float, default=0.0
        What rounding `mean` to double precision lost, so that many small batches
        far from the origin merge without drift.
    """

    weight: float
    mean: np.ndarray
    scatter: np.ndarray
    mean_error: np.ndarray = field(default=0.0, repr=False)

    @classmethod
    @beyond_range
    def of(cls, X, sample_weight=None, *, dtype=None):
        """Moments of rows, read once, without a copy of them.

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
            Rows in single or double precision, in any memory order; they may be
            mapped from a file. Sparse rows become dense a block at a time. An
            entry that is not finite makes the scatter so too.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; an integer weight counts as that many rows.
        dtype : {float32, float64}, default=None
            Precision of the products; that of `X` if None. Sums over blocks are in
            double precision either way.

        Returns
        -------
        moments : Moments
            Of the rows together. Rows without any weight have weight 0, and then
            the mean and the scatter are 0.
        """
        n, p = X.shape
        dtype = np.dtype(X.dtype if dtype is None else dtype)
        if n == 0:
            return cls(0.0, np.zeros(p), np.zeros((p, p)), np.zeros(p))
        origin = guess_center(X, sample_weight).astype(dtype)
        blocks = list(product_blocks(n, p, dtype.itemsize))
        # Of few rows, to which centering adds hardly any time, all digits are kept.
        if len(blocks) > 1 and _is_centered(X, origin):
            origin = np.zeros_like(origin)
        # All the threads' blocks together are a small share of the data.
        n_threads = min(blas_threads(), max(2, len(blocks) // 25), len(blocks))
        if p > NARROW:
            n_threads = 1

        @beyond_range  # once more, since threads start with their own settings
        def sums_of(blocks):
            sums = _BlockSums(origin, _is_fortran(X))
            for rows in blocks:
                weight = None if sample_weight is None else sample_weight[rows]
                sums.add(dense_rows(X, rows), weight)
            return sums

        with narrow_blas(p):
            if n_threads == 1:
                return cls(*sums_of(blocks).finish())
            # Who takes which block does not depend on who is faster.
            ends = np.linspace(0, len(blocks), n_threads + 1).astype(int)
            shares = [blocks[i:j] for i, j in itertools.pairwise(ends)]
            with ThreadPoolExecutor(n_threads) as threads:
                total, *others = threads.map(sums_of, shares)
            for other in others:
                total.join(other)
            return cls(*total.finish())

    def merge(self, other):
        """Moments of both sets of rows together.

        Parameters
        ----------
        other : Moments
            Of other rows with the same features.

        Returns
        -------
        moments : Moments
            As if all the rows had been given at once.
        """
        if self.weight == 0:
            return other
        if other.weight == 0:
            return self
        weight = self.weight + other.weight
        delta = (other.mean - self.mean) + (other.mean_error - self.mean_error)
        step = self.mean_error + delta * (other.weight / weight)
        scatter = self.scatter + other.scatter
        between = delta * np.sqrt(self.weight * (other.weight / weight))
        scatter += np.outer(between, between)
        return Moments(weight, *_swap(two_sum(self.mean, step), scatter))

    def covariance(self):
        """Scatter over weight: the maximum-likelihood covariance, (p, p)."""
        return self.scatter / self.weight


def _swap(mean_and_error, scatter):
    mean, error = mean_and_error
    return mean, scatter, error


def _is_fortran(X):
    """Whether walking down a column is the shorter step in memory."""
    return not issparse(X) and abs(X.strides[0]) < abs(X.strides[1])


class _BlockSum(NamedTuple):
    """Sums over a block: w_k, d_k, and R_k or its diagonal, over `scale`."""

    weight: float
    shift: np.ndarray
    scale: float
    squares: np.ndarray
    r: np.ndarray
    product: np.ndarray | None


class _BlockSums:
    """Running sums over blocks; see the head of the file for the formulae.

    `add` each block, `join` those of others, then `finish`.
    """

    def __init__(self, origin, fortran):
        p = len(origin)
        self.origin = origin.astype(np.float64)
        self.center = origin
        self.dtype = origin.dtype
        self.fortran = fortran
        self.buffer = np.empty(0, self.dtype)
        # Of wide blocks the lower triangle is summed, where LAPACK looks for it.
        self.narrow = p <= NARROW
        self.products = np.zeros((p, p), order="F")
        self.product = None
        self.weights, self.shifts, self.offsets = [], [], []

    def add(self, block, weight=None):
        """Take in rows, with their weights if they have any."""
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64)
            held = weight > 0
            if not held.all():
                block, weight = block[held], weight[held]
        if len(block) == 0:
            return
        block_sums = self._center(block, weight)
        if _missed(block_sums):
            self.center = (self.center + block_sums.shift).astype(self.dtype)
            block_sums = self._center(block, weight)
        self._add_product(block_sums)
        self.weights.append(block_sums.weight)
        self.shifts.append(block_sums.shift)
        offset = (self.center - self.origin) + block_sums.shift
        self.offsets.append(offset)
        if self.center.any():  # rows about 0 are read as they are
            self.center = (self.origin + offset).astype(self.dtype)

    def _center(self, block, weight):
        """Subtract the center, and sum what does not need all the products."""
        r = self._subtract(block, self.dtype)
        result = self._weigh(r, weight)
        if self.dtype == np.float32 and _out_of_range(result, block, self.center):
            r = np.subtract(block, self.center, dtype=np.float64, order="F")
            result = self._weigh(r, weight)
        return result

    def _weigh(self, r, weight):
        """Multiply rows by the root of their weight, and sum."""
        if weight is None:
            w, scale = float(len(r)), 1.0
            total = np.dot(np.ones(len(r), r.dtype), r)
        else:
            # Relative to a power of two, weights of any size suit single precision.
            w, scale = weight.sum(), np.exp2(np.frexp(weight.max())[1] - 1.0)
            relative = (weight / scale).astype(r.dtype)
            total = np.dot(relative, r)
            r = r * np.sqrt(relative)[:, None]
        shift = total.astype(np.float64) * (scale / w)
        if self.narrow:
            product = np.dot(r.T, r)  # which, unlike @, lets other threads run
            return _BlockSum(w, shift, scale, np.diagonal(product), r, product)
        return _BlockSum(w, shift, scale, np.einsum("ij,ij->j", r, r), r, None)

    def _subtract(self, block, dtype):
        """Return the block minus the center, in the buffer; itself if that is 0."""
        plain = block.flags.c_contiguous and block.dtype == dtype
        at_zero = plain and not self.center.any()
        if at_zero and block.flags.aligned:
            return block
        n, p = block.shape
        if self.buffer.size < n * p:
            self.buffer = np.empty(n * p, dtype)
        workspace = self.buffer[: n * p]
        if plain and not block.flags.aligned:
            # The network leaves rows at any address, where products would copy them
            # once for each factor, and have other last bits.
            np.copyto(workspace.reshape(n, p), block)
            block = workspace.reshape(n, p)
        if at_zero:
            return block
        if self.fortran:
            r = workspace.reshape(p, n).T
            return np.subtract(block, self.center, out=r, casting="same_kind")
        r = workspace.reshape(n, p)
        if p < MIN_BLOCK_ROWS and n % 16 == 0 and block.flags.c_contiguous:
            # Several rows at a time: NumPy's inner loop is as long as a row.
            long = (-1, 16 * p)
            np.subtract(
                block.reshape(long), np.tile(self.center, 16), out=r.reshape(long)
            )
            return r
        return np.subtract(block, self.center, out=r)

    def _add_product(self, block):
        """Add r'r, times the scale of the weights."""
        r, product, scale = block.r, block.product, block.scale
        if product is None:
            syrk = get_blas_funcs("syrk", (r,))
            a, trans = (r, 1) if r.flags.f_contiguous else (r.T, 0)
            options = {"trans": trans, "lower": 1, "overwrite_c": 1}
            if r.dtype == np.float64:
                self.products = syrk(scale, a, 1.0, self.products, **options)
                return
            if self.product is None:
                self.product = np.zeros_like(self.products, dtype=r.dtype)
            product = self.product = syrk(1.0, a, 0.0, self.product, **options)
        if scale != 1.0:
            product = scale * product.astype(np.float64)
        self.products += product

    def join(self, other):
        """Take in the sums of other blocks, with the same origin."""
        self.products += other.products
        self.weights += other.weights
        self.shifts += other.shifts
        self.offsets += other.offsets

    def finish(self):
        """Weight, mean, scatter and the rounding error of the mean."""
        p = len(self.origin)
        if not self.weights:
            return 0.0, np.zeros(p), np.zeros((p, p)), np.zeros(p)
        w = np.array(self.weights)
        shifts, offsets = np.array(self.shifts), np.array(self.offsets)
        total = w.sum()
        offset = w @ offsets / total
        root = np.sqrt(w)[:, None]
        syrk = get_blas_funcs("syrk", dtype=np.float64)
        S = self.products
        for sign, rows in ((1.0, offsets - offset), (-1.0, shifts)):
            S = syrk(sign, (root * rows).T, 1.0, S, lower=1, overwrite_c=1)
        mean, error = two_sum(self.origin, offset)
        return float(total), mean, mirror_lower(S), error


def _missed(block):
    """Whether a mean is far from the guess, in standard deviations of the block."""
    between = (block.weight / block.scale) * block.shift**2
    return bool((between > (1 - 1 / (1 + MAX_MISS**2)) * block.squares).any())


def _out_of_range(result, block, center):
    """Whether squares over- or underflow in single precision."""
    squares = result.squares
    if not np.isfinite(squares).all():
        return True
    small = squares < len(block) * 1e-30
    return bool(small.any() and (block[:, small] != center[small]).any())
