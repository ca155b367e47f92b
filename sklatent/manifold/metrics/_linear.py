"""How much of the data is a linear function of the embedding."""

import numpy as np

from sklatent.manifold.metrics._checks import validate


def global_score(X, X_embedded):
    """Whether an embedding keeps the large distances, compared with PCA.

    The data is regressed linearly on the embedding. With the mean squared error E of
    that regression, and that of as many principal components, E_PCA, which is the
    smallest possible, the score is exp(-(E - E_PCA) / E_PCA) [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data.
    X_embedded : array-like of shape (n_samples, n_components)
        The places of the rows.

    Returns
    -------
    score : float
        Between 0 and 1, which is that of PCA. Where as many principal components leave
        no error, it is 1 for an embedding that leaves none either and 0 for others.

    Raises
    ------
    ValueError
        If `X` and `X_embedded` have different numbers of rows.

    See Also
    --------
    auc_r_nx : How well neighborhoods of all sizes are kept.

    References
    ----------
    .. [1] E. Amid and M. K. Warmuth (2019), "TriMap: Large-scale dimensionality
       reduction using triplets", arXiv:1910.00204, section 4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.manifold.metrics import global_score
    >>> X = load_iris().data
    >>> round(global_score(X, PCA(2).fit_transform(X)), 6)
    1.0
    >>> bool(global_score(X, X[:, :1]) < 1)
    True
    """
    X, Z = validate(X, X_embedded, "euclidean")
    # Centered from one of the rows first, so that an offset takes no digits.
    X, Z = (A - A[0] for A in (X, Z))
    X, Z = (A - A.mean(axis=0) for A in (X, Z))
    s = np.linalg.svd(X, compute_uv=False)
    rounding = np.square(max(X.shape) * np.finfo(np.float64).eps * s[0])
    basis, scales, _ = np.linalg.svd(Z, full_matrices=False)
    floor = max(Z.shape) * np.finfo(np.float64).eps * scales[0]
    basis = basis[:, scales > floor]
    least = np.square(s[Z.shape[1] :]).sum()
    error = np.square(X - basis @ (basis.T @ X)).sum()
    if least <= rounding:
        return float(error <= len(X) * rounding)
    return float(np.exp(min((least - error) / least, 0.0)))
