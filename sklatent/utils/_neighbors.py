"""The k nearest rows, exactly.

Euclidean distances are differences in double precision, of the rows as they are. What
finds the rows to measure depends on the data: a k-d tree where these have few
dimensions (`sklatent.utils._tree_search`), a matrix product where they have many
(`sklatent.utils._proposals`). Other metrics are left to scikit-learn. Rows on a device
are searched there (`sklatent.utils._device_neighbors`).
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sklatent.utils._arrays import (
    is_of_other_library,
    moved,
    namespace_of,
    to_numpy,
)
from sklatent.utils._blocks import row_slices
from sklatent.utils._device_neighbors import nearest_on_device, unique_rows_on_device
from sklatent.utils._mutual import mutual_nearest
from sklatent.utils._progress import report_of_parts
from sklatent.utils._proposals import Proposals
from sklatent.utils._threads import count_threads, map_threads
from sklatent.utils._tree_search import nearest_by_tree

# Metrics that are measured here.
EUCLIDEAN = {"euclidean", "l2"}
# Largest entries, as powers of two, whose squares are sure not to over- or underflow.
SAFE_EXPONENTS = (-300, 480)
# Queries that are this many times farther out than all rows are equally far from all.
FAR = 2.0**53
# Rows whose dimension is estimated to choose the method.
TRIAL_ROWS = 500
# Precisions of products; with so many features rounding rules the first out.
PRECISIONS, MANY_FEATURES = (np.float32, np.float64), 100_000
# Queries that are handled together.
BLOCK_ROWS = 256
# Parts of the queries that are left to scikit-learn, which starts threads for each, and
# queries in one; each distance by a function of the user takes long.
PARTS, PART_ROWS = 100, 2048
# Pairs that may be kept, in 12 bytes each, for products that serve both of their rows.
MOST_PAIRS = 2**23


def k_nearest(
    X,
    n_neighbors,
    *,
    queries=None,
    metric="euclidean",
    n_jobs=None,
    ranks=None,
    report=None,
):
    """Distances to the nearest rows, and which they are.

    A query that is itself a row of `X` finds itself, at distance 0.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows to find; with the metric "precomputed" their distances from each other,
        of shape (n_samples, n_samples).
    n_neighbors : int
        How many, at most `n_samples`.
    queries : ndarray of shape (n_queries, n_features), default=None
        Rows whose neighbors to find, those of `X` if None; with "precomputed"
        distances of shape (n_queries, n_samples). Queries, or `X` and queries, may be
        on a device, where what is returned is then too, with a Euclidean metric.
    metric : str or callable, default="euclidean"
        As in :class:`sklearn.neighbors.NearestNeighbors`, or "precomputed".
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    ranks : ndarray of int of shape (n_ranks,), default=None
        Which of the neighbors to return, counted from 0 and ascending; None returns
        all. Memory grows with the number of these.
    report : callable, default=None
        To be called with numbers of queries whose neighbors have been found, which add
        up to `n_queries`.

    Returns
    -------
    distances : ndarray of shape (n_queries, n_ranks)
        Ascending, in double precision.
    indices : ndarray of shape (n_queries, n_ranks)
        Rows of `X`.
    """
    ranks = np.arange(n_neighbors) if ranks is None else ranks
    Q = X if queries is None else queries
    n_threads = count_threads(n_jobs)
    if is_of_other_library(Q):
        return _nearest_on_device(moved(X, Q), n_neighbors, Q, ranks, report)
    if metric == "precomputed":
        return [found[:, ranks] for found in _in_matrix(Q, n_neighbors, report)]
    if metric not in EUCLIDEAN:
        search = NearestNeighbors(metric=metric, n_jobs=n_threads).fit(X)
        return [found[:, ranks] for found in in_parts(search, Q, n_neighbors, report)]
    shift = _shift(X)
    X = _scaled(X, shift)
    find = nearest_by_tree if has_few_dimensions(X) else _by_products
    if queries is None:
        squares, indices = find(X, X, n_neighbors, ranks, n_threads, report)
        return _roots(squares, shift), indices
    with np.errstate(over="ignore"):
        Q = _scaled(queries, shift)
    far = np.abs(Q).max(axis=1) > FAR * max(np.abs(X).max(), 1.0)
    squares = np.zeros((len(Q), len(ranks)))
    indices = np.empty((len(Q), len(ranks)), dtype=np.intp)
    near = ~far
    if near.any():
        found = find(X, Q[near], n_neighbors, ranks, n_threads, report)
        squares[near], indices[near] = found
    distances = _roots(squares, shift)
    if far.any():
        # Rounding leaves no difference between the rows: any are the nearest.
        distances[far] = _lengths(queries[far])[:, None]
        indices[far] = ranks
        if report is not None:
            report(np.count_nonzero(far))
    return distances, indices


def _nearest_on_device(X, k, Q, ranks, report):
    """Nearest rows there, or by NumPy where squares would over- or underflow."""
    if _shift(X) or _shift(Q):
        X, queries = to_numpy(X), to_numpy(Q)
        found = k_nearest(X, k, queries=queries, ranks=ranks, report=report)
        return moved(found, Q)
    take = namespace_of(Q).take
    found = nearest_on_device(X, k, Q, report)
    return [take(A, moved(ranks, Q), axis=1) for A in found]


def _roots(squares, shift):
    """Distances in units of the data, in the place of their squares."""
    np.sqrt(squares, out=squares)
    return np.ldexp(squares, -shift, out=squares)


def _lengths(Q):
    """Distances from the origin, up to as large as a number can be."""
    largest = np.abs(Q).max(axis=1).astype(np.float64)
    relative = np.sqrt(((Q / largest[:, None]) ** 2).sum(axis=1))
    return np.minimum(largest, np.finfo(np.float64).max / relative) * relative


def unique_rows(X):
    """Find the rows that are not repeated, and how often each occurs.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The data.

    Returns
    -------
    first : ndarray of shape (n_unique,)
        Where each occurs first, ascending.
    inverse : ndarray of shape (n_samples,)
        Position in `first` of the row that each row equals.
    counts : ndarray of shape (n_unique,)
        How often each occurs.
    """
    if is_of_other_library(X):
        if not _shift(X):
            return unique_rows_on_device(X)
        X = to_numpy(X)
    rows = _scaled(X, _shift(X)) + 0.0  # -0.0 is 0.0, by its bytes too
    # Differences of entries smaller than this would vanish when squared.
    rows[np.abs(rows) < np.ldexp(1.0, -480)] = 0.0
    _, group, size = np.unique(_hashes(rows), return_inverse=True, return_counts=True)
    label = np.arange(len(rows))
    suspects = np.flatnonzero(size[group] > 1)
    as_bytes = rows[suspects].view(f"V{rows.shape[1] * rows.itemsize}").ravel()
    _, at, which = np.unique(as_bytes, return_index=True, return_inverse=True)
    label[suspects] = suspects[at[which]]
    return np.unique(label, return_inverse=True, return_counts=True)


def row_hashes(X):
    """Numbers that equal rows have in common, and others hardly ever.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, of this or of another array.

    Returns
    -------
    hashes : ndarray of uint64 of shape (n_samples,)
        The numbers.
    """
    return _hashes(np.ascontiguousarray(X, dtype=np.float64) + 0.0)  # -0.0 is 0.0


def _hashes(rows):
    """Hashes of rows in double precision, one after the other."""
    weights = np.random.RandomState(0).randint(2**63, size=rows.shape[1], dtype="u8")
    hashes = np.empty(len(rows), dtype=np.uint64)
    for block in row_slices(len(rows), BLOCK_ROWS):
        bits = rows[block].view(np.uint64)
        hashes[block] = (bits ^ (bits >> 32)) @ (2 * weights + 1)
    return hashes


def _shift(X):
    """Return the power of two that brings the largest entry into a safe range."""
    xp = namespace_of(X)
    largest = max(float(xp.max(X)), -float(xp.min(X)))
    exponent = int(np.frexp(largest)[1])
    low, high = SAFE_EXPONENTS
    return 0 if largest == 0 or low < exponent < high else high - exponent


def _scaled(X, shift):
    """Return the rows times 2 ** shift, in double precision, one after the other."""
    X = np.ascontiguousarray(X, dtype=np.float64)
    return np.ldexp(X, shift) if shift else X


def in_parts(search, Q, k, report):
    """Let scikit-learn find the neighbors, of some queries after others.

    Parameters
    ----------
    search : NearestNeighbors
        Fitted to the rows to find.
    Q : ndarray of shape (n_queries, n_features)
        The queries.
    k : int
        How many neighbors.
    report : callable or None
        As for `k_nearest`. If None, all queries are looked for at once.

    Returns
    -------
    distances, indices : ndarray of shape (n_queries, k)
        As of `k_nearest`.
    """
    if report is None:
        return search.kneighbors(Q, k)
    size = max(-(-len(Q) // PARTS), 1 if callable(search.metric) else PART_ROWS)
    parts = []
    for rows in row_slices(len(Q), size):
        parts.append(search.kneighbors(Q[rows], k))
        report(len(Q[rows]))
    return [np.concatenate(found) for found in zip(*parts, strict=True)]


def _in_matrix(distances, k, report):
    """Find the k smallest entries of each row, block by block."""
    blocks = []
    for rows in row_slices(len(distances), BLOCK_ROWS):
        D = distances[rows]
        nearest = np.argpartition(D, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(D, nearest, axis=1)
        order = np.argsort(values, axis=1, kind="stable")
        blocks.append([np.take_along_axis(A, order, axis=1) for A in (values, nearest)])
        if report is not None:
            report(len(D))
    values, indices = map(np.concatenate, zip(*blocks, strict=True))
    return values.astype(np.float64), indices


def _by_products(X, Q, k, ranks, n_threads, report=None):
    """Let matrix products propose neighbors, in single precision if that suffices."""
    squares = np.empty((len(Q), len(ranks)))
    indices = np.empty((len(Q), len(ranks)), dtype=np.intp)
    is_found = np.zeros(len(Q), bool)
    for dtype in PRECISIONS[X.shape[1] > MANY_FEATURES :]:
        rows = np.flatnonzero(~is_found)
        if len(rows) == 0:
            break
        proposals = Proposals(X, k, dtype)
        if Q is X and dtype == np.float32 and proposals.n_below <= MOST_PAIRS:
            found, near, which = mutual_nearest(proposals, n_threads, report)
            block = proposals.order[found]
            squares[block] = near[:, ranks]
            indices[block] = which[:, ranks]
            is_found[block] = True
            report = None  # the few rows that are left have been counted
        else:

            def search(block, proposals=proposals):
                found, near, which = proposals.nearest(Q[block])
                squares[block[found]] = near[:, ranks]
                indices[block[found]] = which[:, ranks]
                is_found[block] = found

            blocks = [rows[block] for block in row_slices(len(rows), BLOCK_ROWS)]
            report_block = report_of_parts(report, blocks, is_found)
            map_threads(search, blocks, n_threads, report_block)
    return squares, indices


def has_few_dimensions(X):
    """Whether a tree is faster than products.

    A search looks at about 1.6 ** d leaves, for data of d dimensions however many
    features it has; products look at all rows, but at each in less time. The constants
    are measured ones.
    """
    n, p = X.shape
    d = p if p <= 3 or n <= TRIAL_ROWS else min(_trial_dimension(X), p)
    return d * np.log(1.6) + np.log1p(0.4 * p) < np.log(n * (34 + p) / 8000)


def _trial_dimension(X):
    """Estimate the dimension from the two nearest rows in a small sample."""
    some = X[np.random.RandomState(0).choice(len(X), TRIAL_ROWS, replace=False)]
    squares, _ = _by_products(some, some, 3, np.arange(3), 1)
    near, far = squares[squares[:, 1] > 0, 1:].T
    total = np.log(far / near).sum()
    return 2 * len(near) / total if total > 0 else X.shape[1]
