"""Triangular factors of centered rows: R with R'R their scatter, which is not formed.

Golub and Van Loan (2013), Matrix computations, 4th edition, section 5.2: QR
decompositions of blocks of rows, one after the other or in a tree, give the triangle of
all of them.
"""

import numpy as np
from scipy.linalg import qr

from sklatent.utils._arrays import are_dispatched, moved, namespace_of, to_numpy
from sklatent.utils._columns import centered
from sklatent.utils._device_moments import device_blocks
from sklatent.utils._moments import row_blocks


def triangle(X, weight, mean, error):
    """R with R'R the scatter of rows about a mean; no more than p rows, or the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,) or None
        Their weights.
    mean, error : ndarray of shape (n_features,)
        The mean, and what rounding it lost.
    """
    if are_dispatched(X):
        return _triangle_on_device(X, weight, mean, error)
    n, p = X.shape
    if n < p:
        R = np.empty(X.shape)
        for rows in row_blocks(n, p, R.itemsize):
            centered(X, rows, mean, error, weight, R[rows])
        return R
    R = np.empty((0, p))
    # 256 kB or so, and not so few rows that each QR is mostly of the triangle.
    step = max(2 * p, 2**15 // p)
    for start in range(0, n, step):
        block = centered(X, slice(start, min(start + step, n)), mean, error, weight)
        R = merge_triangles(R, block)
    return R


def _triangle_on_device(X, weight, mean, error):
    """Triangle of no fewer rows than features, which stay on their device."""
    xp = namespace_of(X)
    mean, error, R = moved(mean, X), moved(error, X), None
    for rows in device_blocks(*X.shape):
        block = (xp.astype(X[rows, :], xp.float64) - mean) - error
        if weight is not None:
            block *= xp.sqrt(weight[rows])[:, None]
        R = xp.linalg.qr(block if R is None else xp.concat([R, block]))[1]
    return to_numpy(R)


def merge_triangles(R, other):
    """Triangle of two sets of rows together."""
    stacked = np.vstack([R, other])
    p = stacked.shape[1]
    return qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0][:p]
