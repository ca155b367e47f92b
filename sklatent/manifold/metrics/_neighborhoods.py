"""Measures of how well an embedding keeps neighborhoods, small and large."""

import numpy as np

from sklatent.manifold.metrics._checks import (
    check_half,
    of_neighbors,
    of_ranks,
    validate,
)
from sklatent.manifold.metrics._ranks import average, rank_loss, recall_curves


@of_neighbors
def trustworthiness(
    X,
    X_embedded,
    *,
    n_neighbors=5,
    metric="euclidean",
    n_queries=None,
    return_std=False,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Whether neighbors in an embedding are near each other in the data too.

    With k neighbors of n rows it is 1 - 2 / (n k (2 n - 3 k - 1)) times the sum, over
    the rows i and their k nearest in the embedding, of max(0, rho_ij - k) [1]_. It is
    that of scikit-learn, in memory that does not grow with the square of n.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    n_neighbors : int, default=5
        Number of neighbors, less than half the number of rows.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :func:`sklearn.metrics.pairwise_distances`, or "precomputed".
    n_queries : int, default=None
        Number of rows to average over. None takes all up to 10,000 rows, and a random
        sample of 1,000 of more.
    return_std : bool, default=False
        Whether to return the standard error of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how many of the rows are done, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    trustworthiness : float
        Between 0 and 1, which is the best.
    std : float
        Standard error of the sampling, which is 0 if all rows are averaged over. It is
        returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If `n_neighbors` is not less than half the number of rows, or `X` and
        `X_embedded` have different numbers of rows.

    See Also
    --------
    continuity : Whether neighbors in the data are near each other in the embedding.
    sklearn.manifold.trustworthiness : The same measure in scikit-learn.

    References
    ----------
    .. [1] J. Venna and S. Kaski (2001), "Neighborhood preservation in nonlinear
       projection methods: An experimental study", ICANN, equation 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import trustworthiness
    >>> X = load_iris().data
    >>> round(trustworthiness(X, PCA(2).fit_transform(X)), 2)
    0.98
    """
    X, Z = validate(X, X_embedded, metric)
    check_half(n_neighbors, len(X))

    def one_less_loss(rho, r):
        return rank_loss(r, rho, n_neighbors)

    sampling = (metric, n_queries, random_state, n_jobs, verbose)
    return average("trustworthiness", one_less_loss, X, Z, sampling, return_std)


@of_neighbors
def continuity(
    X,
    X_embedded,
    *,
    n_neighbors=5,
    metric="euclidean",
    n_queries=None,
    return_std=False,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Whether neighbors in the data are near each other in an embedding too.

    With k neighbors of n rows it is 1 - 2 / (n k (2 n - 3 k - 1)) times the sum, over
    the rows i and their k nearest in the data, of max(0, r_ij - k) [1]_: the
    trustworthiness with data and embedding exchanged. A map that tears a neighborhood
    apart loses continuity; one that puts apart things on top of each other loses
    trustworthiness.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    n_neighbors : int, default=5
        Number of neighbors, less than half the number of rows.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :func:`sklearn.metrics.pairwise_distances`, or "precomputed".
    n_queries : int, default=None
        Number of rows to average over. None takes all up to 10,000 rows, and a random
        sample of 1,000 of more.
    return_std : bool, default=False
        Whether to return the standard error of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how many of the rows are done, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    continuity : float
        Between 0 and 1, which is the best.
    std : float
        Standard error of the sampling, which is 0 if all rows are averaged over. It is
        returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If `n_neighbors` is not less than half the number of rows, or `X` and
        `X_embedded` have different numbers of rows.

    See Also
    --------
    trustworthiness : Whether neighbors in the embedding are neighbors in the data.

    References
    ----------
    .. [1] J. Venna and S. Kaski (2001), "Neighborhood preservation in nonlinear
       projection methods: An experimental study", ICANN, equation 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import continuity
    >>> X = load_iris().data
    >>> round(continuity(X, PCA(2).fit_transform(X)), 2)
    0.99
    """
    X, Z = validate(X, X_embedded, metric)
    check_half(n_neighbors, len(X))

    def one_less_loss(rho, r):
        return rank_loss(rho, r, n_neighbors)

    sampling = (metric, n_queries, random_state, n_jobs, verbose)
    return average("continuity", one_less_loss, X, Z, sampling, return_std)


@of_neighbors
def neighbor_recall(
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
    """Share of the nearest rows that are the nearest in an embedding too.

    It is Q_NX(k) for k neighbors: the average over the rows of the share of their k
    nearest in the data that are among their k nearest in the embedding [1]_. A random
    embedding of n rows keeps k / (n - 1) of them, for which :func:`r_nx` corrects.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    n_neighbors : int, default=10
        Number of neighbors, less than the number of rows.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :func:`sklearn.metrics.pairwise_distances`, or "precomputed".
    n_queries : int, default=None
        Number of rows to average over. None takes all up to 10,000 rows, and a random
        sample of 1,000 of more.
    return_std : bool, default=False
        Whether to return the standard error of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how many of the rows are done, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    recall : float
        Between 0 and 1, which is the best.
    std : float
        Standard error of the sampling, which is 0 if all rows are averaged over. It is
        returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If `n_neighbors` is not less than the number of rows, or `X` and `X_embedded`
        have different numbers of rows.

    See Also
    --------
    r_nx : The recall for all numbers of neighbors, corrected for chance.

    References
    ----------
    .. [1] J. A. Lee and M. Verleysen (2009), "Quality assessment of dimensionality
       reduction: Rank-based criteria", Neurocomputing 72, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import neighbor_recall
    >>> X = load_iris().data
    >>> round(neighbor_recall(X, PCA(2).fit_transform(X)), 2)
    0.74
    """
    X, Z = validate(X, X_embedded, metric)
    if n_neighbors >= len(X):
        raise ValueError(
            f"n_neighbors must be less than the number of rows, {len(X)}; got "
            f"{n_neighbors}."
        )

    def recall(rho, r):
        found = (np.maximum(rho, r) <= n_neighbors).sum(axis=1)
        return (found - 1) / n_neighbors  # without the row itself, of rank 0

    sampling = (metric, n_queries, random_state, n_jobs, verbose)
    return average("neighbor_recall", recall, X, Z, sampling, return_std)


@of_ranks
def r_nx(
    X,
    X_embedded,
    *,
    metric="euclidean",
    n_queries=None,
    return_std=False,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Recall of neighbors for all numbers of these, corrected for chance.

    With Q_NX(k), the recall of k neighbors of n rows, it is
    R_NX(k) = ((n - 1) Q_NX(k) - k) / (n - 1 - k) for k = 1, ..., n - 2 [1]_. Small k
    tell of neighborhoods, large k of the whole.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :func:`sklearn.metrics.pairwise_distances`, or "precomputed".
    n_queries : int, default=None
        Number of rows to average over. None takes all up to 10,000 rows, and a random
        sample of 1,000 of more.
    return_std : bool, default=False
        Whether to return the standard errors of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how many of the rows are done, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    curve : ndarray of shape (n_samples - 2,)
        1 for an embedding that keeps all neighbors, and about 0 for a random one, at
        each number of neighbors from 1.
    std : ndarray of shape (n_samples - 2,)
        Standard errors of the sampling, which are 0 if all rows are averaged over. They
        are returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If there are fewer than three rows, or `X` and `X_embedded` have different
        numbers of rows.

    See Also
    --------
    auc_r_nx : The curve as one number.
    neighbor_recall : The recall of a number of neighbors, as it is.

    References
    ----------
    .. [1] J. A. Lee, D. H. Peluffo-Ordóñez and M. Verleysen (2015), "Multi-scale
       similarities in stochastic neighbor embedding: Reducing dimensionality while
       preserving both local and global structure", Neurocomputing 169, equation 15.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import r_nx
    >>> X = load_iris().data
    >>> curve = r_nx(X, PCA(2).fit_transform(X))
    >>> curve.shape, round(float(curve[9]), 2)
    ((148,), 0.72)
    """
    X, Z = validate(X, X_embedded, metric, n_rows=3)
    sampling = (metric, n_queries, random_state, n_jobs, verbose)
    return average("r_nx", recall_curves, X, Z, sampling, return_std)


@of_ranks
def auc_r_nx(
    X,
    X_embedded,
    *,
    metric="euclidean",
    n_queries=None,
    return_std=False,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Area under the curve of recalls over a logarithmic scale: one number for all.

    It is the average of R_NX(k), the recall of k neighbors corrected for chance, over
    k = 1, ..., n - 2 with weights 1 / k [1]_, so that each scale counts alike.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data; distances of shape (n_samples, n_samples) if these are precomputed.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.
    metric : str or callable, default="euclidean"
        Metric of the distances in the data, as in
        :func:`sklearn.metrics.pairwise_distances`, or "precomputed".
    n_queries : int, default=None
        Number of rows to average over. None takes all up to 10,000 rows, and a random
        sample of 1,000 of more.
    return_std : bool, default=False
        Whether to return the standard error of the sampling.
    random_state : int, RandomState instance or None, default=0
        Determines which rows are in the sample.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, a line every few seconds says how many of the rows are done, and
        the time left. With 0 nothing is printed.

    Returns
    -------
    area : float
        1 for an embedding that keeps all neighbors, and about 0 for a random one.
    std : float
        Standard error of the sampling, which is 0 if all rows are averaged over. It is
        returned only if `return_std` is True.

    Raises
    ------
    ValueError
        If there are fewer than three rows, or `X` and `X_embedded` have different
        numbers of rows.

    See Also
    --------
    r_nx : The curve.

    References
    ----------
    .. [1] J. A. Lee, D. H. Peluffo-Ordóñez and M. Verleysen (2015), "Multi-scale
       similarities in stochastic neighbor embedding: Reducing dimensionality while
       preserving both local and global structure", Neurocomputing 169, equation 17.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import auc_r_nx
    >>> X = load_iris().data
    >>> round(auc_r_nx(X, PCA(2).fit_transform(X)), 2)
    0.69
    """
    X, Z = validate(X, X_embedded, metric, n_rows=3)
    weights = 1 / np.arange(1, len(X) - 1)
    weights /= weights.sum()

    def areas(rho, r):
        # A product of matrices would make a row's digits depend on the block.
        return (recall_curves(rho, r) * weights).sum(axis=1)

    sampling = (metric, n_queries, random_state, n_jobs, verbose)
    return average("auc_r_nx", areas, X, Z, sampling, return_std)
