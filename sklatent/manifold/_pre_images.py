"""Pre-images of places by the fixed-point iteration of Gaussian kernels.

A place stands for the features sum_i g_i phi(x_i). The row whose features are the
nearest to them is a fixed point of (Mika et al. 1999)

    x = sum_i g_i k(x, x_i) x_i / sum_i g_i k(x, x_i).
"""

import numpy as np

from sklatent.manifold._kernels import kernel_values
from sklatent.utils._blocks import row_slices

MAX_STEPS = 100
# Relative to the spread of the rows, a step that ends the iteration.
TOL = 1e-6
# Rows whose iterations go on together.
BLOCK_ROWS = 1024


def fixed_points(coefficients, rows, gamma, start):
    """Find pre-images.

    Parameters
    ----------
    coefficients : ndarray of shape (n_queries, n_rows)
        g, for each place.
    rows : ndarray of shape (n_rows, n_features)
        The x_i.
    gamma : float
        Of the kernel exp(-gamma |x - y|^2).
    start : ndarray of shape (n_queries, n_features)
        Where iterations start.

    Returns
    -------
    X : ndarray of shape (n_queries, n_features)
        After at most 100 steps. A row stays where its denominator is not positive.
    """
    X = start.copy()
    tol = TOL * np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean())
    for block in row_slices(len(X), BLOCK_ROWS):
        active = np.arange(block.start, block.stop)
        for _ in range(MAX_STEPS):
            weight = coefficients[active] * kernel_values(
                X[active], rows, "rbf", {"gamma": gamma}
            )
            total = weight.sum(axis=1)
            held = total > np.finfo(np.float64).eps
            active, weight, total = active[held], weight[held], total[held]
            if len(active) == 0:
                break
            new = weight @ rows / total[:, None]
            moved = np.linalg.norm(new - X[active], axis=1) > tol
            X[active] = new
            active = active[moved]
            if len(active) == 0:
                break
    return X
