"""Whether an embedding keeps the lengths of paths along the manifold."""

import numpy as np
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist
from scipy.stats import rankdata

from sklatent.manifold._graph import distinct_rows, symmetric_graph
from sklatent.manifold.metrics._checks import of_neighbors, validate
from sklatent.manifold.metrics._ranks import BLOCK_ENTRIES, queries
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._progress import (
    report_of_counts,
    reported_rows_of_call,
    shares,
)
from sklatent.utils._threads import count_threads, map_threads

# Rows between whose pairs geodesics are compared.
GEODESIC_ROWS = 2000


@of_neighbors
def demap(
    X,
    X_embedded,
    *,
    n_neighbors=10,
    metric="euclidean",
    n_queries=None,
    return_std=False,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Rank correlation of geodesic distances with distances in an embedding.

    DEMaP (denoised embedding manifold preservation [1]_) is Spearman's correlation,
    over the pairs of rows, of the length of the shortest path through the graph of
    nearest neighbors with the distance in the embedding. For denoised geodesics pass
    the rows without their noise, where these are known, as `X`.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    n_neighbors : int, default=10
        Number of neighbors in the graph, as many as there are if there are fewer.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :class:`sklearn.neighbors.NearestNeighbors`, or "precomputed".
    n_queries : int, default=None
        Number of rows whose pairs are compared. None takes all up to 2,000 rows, and a
        random sample of as many of more. The paths lead through all rows.
    return_std : bool, default=False
        Whether to return the standard error of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how far it is, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    correlation : float
        Between -1 and 1, which is the best. Pairs of rows that no path connects count
        as equally far, and farther than all others.
    std : float
        Standard error of the sampling, which is 0 if all rows are compared. It is
        returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If there are fewer than three rows, all distances in `X_embedded` are equal, or
        `X` and `X_embedded` have different numbers of rows.

    See Also
    --------
    auc_r_nx : How well neighborhoods of all sizes are kept.

    References
    ----------
    .. [1] K. R. Moon et al. (2019), "Visualizing structure and transitions in
       high-dimensional biological data", Nature Biotechnology 37, section "DEMaP".

    Examples
    --------
    An S-curve, and the sheet that it is rolled from:

    >>> import numpy as np
    >>> from sklearn.datasets import make_s_curve
    >>> from sklatent.manifold.metrics import demap
    >>> X, length = make_s_curve(500, random_state=0)
    >>> sheet = np.column_stack([length, X[:, 1]])
    >>> demap(X, sheet) > 0.98 > 0.9 > demap(X, X)
    True
    """
    X, Z = validate(X, X_embedded, metric, n_rows=3)
    n = len(X)
    rows = queries(n, n_queries or min(n, GEODESIC_ROWS), random_state)
    same = np.arange(n)
    if metric != "precomputed":  # equal rows would be each other's only neighbors
        X, same, _ = distinct_rows(X)
    k = min(n_neighbors, len(X) - 1) + 1  # and the row itself
    with reported_rows_of_call("demap", len(X) + n, verbose) as report:
        found = k_nearest(X, k, metric=metric, n_jobs=n_jobs, report=report)
        graph = symmetric_graph(*found, len(X))
        places = same[rows]

        def paths(block):
            return dijkstra(graph, directed=False, indices=places[block])[:, places]

        blocks = list(row_slices(len(rows), max(1, BLOCK_ENTRIES // n)))
        report_block = report_of_counts(report, shares(n, len(blocks)))
        found = map_threads(paths, blocks, count_threads(n_jobs), report_block)
        geodesic = np.concatenate(found)
    embedded = cdist(Z[rows], Z[rows])
    value, std = _rank_correlation(geodesic, embedded, len(rows) / n)
    return (value, std) if return_std else value


def _rank_correlation(A, B, share):
    """Spearman's correlation of the pairs of rows, and its standard error.

    The error is that of a mean over pairs of sampled rows (Hoeffding 1948): twice that
    of the mean of each row's part in the linearized correlation.
    """
    m = len(A)
    pairs = ~np.eye(m, dtype=bool)
    scores = []
    for distances in (A, B):
        ranks = rankdata(distances[pairs])
        ranks -= ranks.mean()
        spread = np.sqrt(np.square(ranks).mean())
        if spread == 0:
            raise ValueError(
                "X and X_embedded must have distances that differ, or there is no "
                "correlation; got rows all of whose distances are equal."
            )
        scores.append((ranks / spread).reshape(m, m - 1))
    a, b = scores
    value = (a * b).mean()
    influence = (a * b - value * (a**2 + b**2) / 2).mean(axis=1)
    std = 2 * influence.std() / np.sqrt(m) * np.sqrt(1 - share)
    return float(np.clip(value, -1, 1)), float(std)
