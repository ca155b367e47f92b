"""Eigenfunctions that are functions of those before them.

Dsilva, Talmon, Coifman and Kevrekidis (2018): each eigenfunction is predicted from
those before it by local linear regression, without the row itself. Where the prediction
is good, as of cos(2 x) from cos(x), the function says nothing new.
"""

import numpy as np

# Rows that are compared, a sample: time grows with their square.
SAMPLE_ROWS = 500
# Width of the regression's kernel: the typical distance over this.
NARROW = 3.0
RIDGE = 1e-6
# Root mean square error of the prediction, as a share of the function's, of new ones.
LEAST_RESIDUAL = 0.5


def independent(functions, n_wanted):
    """Choose eigenfunctions that are no functions of those before them.

    Parameters
    ----------
    functions : ndarray of shape (n_samples, n_functions)
        Eigenfunctions, the slowest first.
    n_wanted : int
        How many to choose.

    Returns
    -------
    indices : ndarray of shape (n_wanted,)
        Which ones, ascending. If there are not enough, the slowest of the others too.
    """
    n, n_functions = functions.shape
    rows = np.arange(n)
    if n > SAMPLE_ROWS:
        rows = np.random.RandomState(0).choice(n, SAMPLE_ROWS, replace=False)
    F = functions[rows]
    chosen = [0]
    for j in range(1, n_functions):
        if len(chosen) < n_wanted and _residual(F[:, :j], F[:, j]) > LEAST_RESIDUAL:
            chosen.append(j)
    others = [j for j in range(n_functions) if j not in chosen]
    return np.sort((chosen + others)[:n_wanted])


def _residual(earlier, f):
    """Error of the prediction of f from earlier functions, as a share of f's size."""
    D = np.square(earlier[:, None] - earlier[None]).sum(axis=2)
    positive = D[D > 0]
    if len(positive) == 0:
        return 1.0
    K = np.exp(-D * NARROW**2 / np.median(positive))
    np.fill_diagonal(K, 0.0)  # no row predicts itself
    total = K.sum(axis=1, keepdims=True)
    K = np.divide(K, total, out=np.full_like(K, 1 / len(f)), where=total > 0)
    mean, mean_f = K @ earlier, K @ f
    # Moments of the neighbors around their own mean, for each row.
    second = np.einsum("ij,jp,jq->ipq", K, earlier, earlier, optimize=True)
    second -= mean[:, :, None] * mean[:, None, :]
    cross = (K * f) @ earlier - mean * mean_f[:, None]
    trace = np.trace(second, axis1=1, axis2=2)
    second += (RIDGE * trace + np.finfo(float).tiny)[:, None, None] * np.eye(
        earlier.shape[1]
    )
    slope = np.linalg.solve(second, cross[:, :, None])[:, :, 0]
    predicted = mean_f + np.einsum("ij,ij->i", slope, earlier - mean)
    return float(np.sqrt(np.square(f - predicted).sum() / np.square(f).sum()))
