"""Moments of rows on a device, in functions of the array API standard.

With c_k the mean of block k, rounded to the precision of the rows, a block gives

    w_k = sum w,   d_k = sum w r / w_k,   R_k = sum w r r',   r = x - c_k

which are merged as in `_moments`: c_k is exact, and holds the offset of the data; d_k
is what rounding the mean of the block left. What is as large as the rows stays on the
device, a block at a time; what is as large as the features is merged by NumPy, in
double precision.
"""

import numpy as np

from sklatent.utils._arrays import namespace_of, numpy_dtype, to_numpy
from sklatent.utils._blocks import row_slices
from sklatent.utils._moments import Moments, beyond_range, two_sum

# Large enough that the time to start the work on a block does not count.
BLOCK_BYTES = 2**26
# Mean squares below this may have been rounded to 0 in single precision.
SMALLEST_SQUARE = 1e-30


def device_blocks(n_rows, floats_per_row):
    """Slices of consecutive rows that take 64 MB or so in double precision."""
    return row_slices(n_rows, max(BLOCK_BYTES // (8 * max(floats_per_row, 1)), 1))


@beyond_range
def moments_on_device(X, weight=None, dtype=None):
    """Moments of rows, as `Moments.of` gives them for those in memory.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        One row or more, in double or single precision, of any library.
    weight : array of shape (n_samples,), default=None
        Their weights, in double precision.
    dtype : {float32, float64}, default=None
        Precision of the products; that of `X` if None.

    Returns
    -------
    moments : Moments
        Of the rows together.
    """
    xp = namespace_of(X)
    dtype = numpy_dtype(X) if dtype is None else np.dtype(dtype)
    largest = 1.0 if weight is None else float(xp.max(weight))
    weights, centers, shifts, products = [], [], [], 0.0
    for rows in device_blocks(*X.shape):
        block = xp.astype(X[rows, :], getattr(xp, dtype.name), copy=False)
        # Relative to the largest, weights of any size suit single precision.
        w = None if weight is None else weight[rows] / largest
        total, center, shift, product = _block_sums(xp, block, w)
        weights.append(total)
        centers.append(center)
        shifts.append(shift)
        products = product + products
    w, centers, d = (to_numpy(xp.stack(sums)) for sums in (weights, centers, shifts))
    origin = centers[np.argmax(w > 0)]
    offsets = (centers - origin) + d
    offset = w @ offsets / w.sum()
    between = offsets - offset
    S = to_numpy(products) - (d.T * w) @ d + (between.T * w) @ between
    in_range = np.isfinite(S).all() and (np.diag(S) > w.sum() * SMALLEST_SQUARE).all()
    if dtype == np.float32 and not in_range:
        return moments_on_device(X, weight, np.float64)
    total = float(X.shape[0] if weight is None else w.sum() * largest)
    mean, error = two_sum(origin, offset)
    return Moments(total, mean, largest * (S + S.T) / 2, error)


def _block_sums(xp, block, w):
    """Return w_k, c_k, d_k and R_k of a block, in double precision."""
    if w is None:
        total = xp.sum(xp.ones_like(block[:, 0], dtype=xp.float64))
        mean = xp.sum(block, axis=0, dtype=xp.float64) / total
    else:
        total = xp.sum(w)
        mean = xp.sum(w[:, None] * block, axis=0) / _positive(xp, total)
    center = xp.astype(mean, block.dtype)
    r = block - center
    if w is None:
        shift = xp.sum(r, axis=0, dtype=xp.float64) / total
    else:
        root = xp.astype(xp.sqrt(w), block.dtype)
        r *= root[:, None]
        shift = xp.astype(root @ r, xp.float64) / _positive(xp, total)
    product = xp.astype(xp.matrix_transpose(r) @ r, xp.float64)
    return total, xp.astype(center, xp.float64), shift, product


def _positive(xp, total):
    """Sum of weights as a divisor; those of a block may all be 0."""
    return xp.where(total > 0, total, xp.ones_like(total))
