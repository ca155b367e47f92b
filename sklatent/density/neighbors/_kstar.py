"""The largest neighborhood in which the density is constant, for each row.

Rodriguez, d'Errico, Facco and Laio (2018). With V_k(x) the volume of the ball around x
that holds k rows, and j the (k + 1)-th nearest row, two models explain why there are k
rows in V_k(x) and k in V_k(j): one with two densities, and one with a common density.
Twice the logarithm of the ratio of their likelihoods is

    D_k = -2 k (log V_k(x) + log V_k(j) - 2 log(V_k(x) + V_k(j)) + log 4)
        = 4 k log cosh((log V_k(x) - log V_k(j)) / 2),

which has a chi-squared distribution with one degree of freedom if the density is
common. The first k at which it is too large ends the growth of the neighborhood.
"""

import numpy as np
from scipy.special import chdtri

# Smallest size of a neighborhood, as in the paper.
SMALLEST = 3


def choose_k(balls, sample_log_radius, counts, dimension, alpha):
    """Return the largest size of a neighborhood of constant density for each query.

    Parameters
    ----------
    balls : Balls
        Balls around the queries, of the sizes 1 to K + 1.
    sample_log_radius : ndarray of shape (n_distinct, K + 1)
        Log-radius of the balls around the distinct rows of the sample.
    counts : ndarray of int of shape (n_distinct,)
        How often each distinct row occurs.
    dimension : float
        Exponent of the radius in a volume.
    alpha : float
        Probability with which constant density is rejected, at each size.

    Returns
    -------
    index : ndarray of int of shape (n_queries,)
        The size less 1, from SMALLEST - 1 to K - 1: a column of `balls`.
    """
    threshold = chdtri(1, alpha)
    index = np.full(len(balls.seen), SMALLEST - 1)
    growing = np.arange(len(index))
    for k in range(SMALLEST + 1, sample_log_radius.shape[1]):
        grown = balls.take(growing)
        j = grown.neighbor[:, k]
        log_r = sample_log_radius[j]
        log_r_j = np.where(
            # A query that is in the sample is not one of the k around j.
            grown.seen & (grown.log_radius[:, k] <= log_r[:, k - 1]),
            log_r[:, k],
            log_r[:, k - 1],
        )
        t = dimension / 2 * np.abs(grown.log_radius[:, k - 1] - log_r_j)
        log_ratio = 4 * k * (t + np.log1p(np.exp(-2 * t)) - np.log(2))
        # Balls of rows that are all equal have no volume, and say nothing.
        equal = (grown.k[:, k - 1] > k) | (counts[j] > k)
        growing = growing[(log_ratio < threshold) | equal]
        index[growing] = k - 1
    return index
