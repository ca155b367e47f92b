"""The k nearest rows, exactly, on the device where rows are.

A product of matrices proposes the m smallest s of each query, a few more than k. With t
the k-th smallest s, the k nearest rows all have an s within the bound that
`sklatent.utils._proposals` derives from t. If the largest of the m is beyond it, no
other row can be among the k nearest, and differences tell which of the m are. Queries
for which it is not, since many rows tie up to rounding, get more proposals.
"""

import numpy as np

from sklatent.utils._arrays import to_numpy
from sklatent.utils._blocks import row_slices
from sklatent.utils._device_tiles import BLOCK_ROWS, ENTRIES, Tiles
from sklatent.utils._sklearn import get_namespace_and_device

# Proposals beyond the k that are wanted, and by what their number grows if they tie.
SPARE, GROWTH = 8, 8
# Entries of which the squares underflow.
TINY = 2.0**-480


def nearest_on_device(X, k, Q, report=None):
    """Distances from queries to the nearest rows, and which these are.

    Parameters
    ----------
    X, Q : array of shape (n_samples, n_features), (n_queries, n_features)
        Rows and queries, of one library on one device.
    k : int
        How many for each query.
    report : callable, default=None
        To be called with numbers of queries whose neighbors have been found.

    Returns
    -------
    distances : array of shape (n_queries, k)
        Ascending, in double precision.
    indices : array of shape (n_queries, k)
        Rows of `X`, the first ones where distances are equal.
    """
    tiles = Tiles(X)
    squares, indices = _nearest(tiles, Q, k, k + SPARE, report)
    return tiles.xp.sqrt(squares), indices


def _nearest(tiles, Q, k, m, report=None):
    """Squared distances and indices, from m proposals or more, block by block."""
    m = min(m, tiles.rows.shape[0])
    size = max(min(BLOCK_ROWS, ENTRIES // m), 1)
    blocks = []
    for rows in row_slices(Q.shape[0], size):
        block = tiles.xp.astype(Q[rows, :], tiles.xp.float64)
        blocks.append(_nearest_of_block(tiles, block, k, m))
        if report is not None:
            report(block.shape[0])
    return [tiles.xp.concat(parts) for parts in zip(*blocks, strict=True)]


def _nearest_of_block(tiles, Q, k, m):
    x = tiles.relative(Q)
    s, columns = _proposals(tiles, x, m)
    squares, indices = _measure(tiles, Q, columns, k)
    c, error = tiles.c, tiles.error(tiles.xp.sum(x * x, axis=1))
    r2 = (s[:, k - 1] + error) / (1 - 4 * c)
    tied = s[:, -1] <= (1 + 4 * c) * r2 + error
    if m < tiles.rows.shape[0] and tiles.xp.any(tied):
        squares[tied], indices[tied] = _nearest(tiles, Q[tied], k, GROWTH * m)
    return squares, indices


def _proposals(tiles, x, m):
    """The m smallest s of each query, ascending, and their rows."""
    xp, s, columns = tiles.xp, None, None
    for rows, tile in tiles.products(x):
        near, at = smallest(xp, tile, m)
        at = at + rows.start
        if s is not None:
            near, at = xp.concat([s, near], axis=1), xp.concat([columns, at], axis=1)
            near, order = smallest(xp, near, m)
            at = xp.take_along_axis(at, order, axis=1)
        s, columns = near, at
    return s, columns


def smallest(xp, A, m):
    """The m smallest entries of each row of a matrix, ascending, and their columns."""
    m = min(m, A.shape[1])
    if hasattr(xp, "topk"):  # PyTorch's; the standard has but sorting
        return xp.topk(A, m, dim=1, largest=False)
    order = xp.argsort(A, axis=1)[:, :m]
    return xp.take_along_axis(A, order, axis=1), order


def _measure(tiles, Q, columns, k):
    """Squared distances of the k nearest among some columns, and these columns."""
    xp, (n, m) = tiles.xp, columns.shape
    columns = xp.sort(columns, axis=1)  # the first of those that tie is to come first
    queries = xp.zeros_like(columns) + xp.arange(n, device=columns.device)[:, None]
    pairs = xp.reshape(queries, (-1,)), xp.reshape(columns, (-1,))
    squares = xp.reshape(tiles.measured(Q, *pairs), (n, m))
    order = xp.argsort(squares, axis=1, stable=True)[:, :k]
    return [xp.take_along_axis(A, order, axis=1) for A in (squares, columns)]


def unique_rows_on_device(X):
    """Find the rows that are not repeated, and how often each occurs.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The data.

    Returns
    -------
    first, inverse, counts : tuple of ndarray
        As :func:`sklatent.utils._neighbors.unique_rows` returns them, in NumPy.
    """
    xp, _, device = get_namespace_and_device(X)
    n, p = X.shape

    def column(j):
        return xp.where(xp.abs(X[:, j]) < TINY, xp.zeros_like(X[:, j]), X[:, j])

    order = xp.arange(n, device=device)
    for j in range(p):
        order = xp.take(order, xp.argsort(xp.take(column(j), order), stable=True))
    differs = xp.zeros(n - 1, dtype=xp.bool, device=device)
    for j in range(p):
        entries = xp.take(column(j), order)
        differs = differs | (entries[1:] != entries[:-1])
    order, differs = to_numpy(order), to_numpy(differs)
    starts = np.flatnonzero(np.append(True, differs))
    label = np.empty(n, dtype=np.intp)
    label[order] = order[starts][np.cumsum(np.append(0, differs))]
    return np.unique(label, return_inverse=True, return_counts=True)
