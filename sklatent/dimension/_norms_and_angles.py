"""Statistics of normalized distances and angles to nearest neighbors.

Ceruti et al. (2014), DANCo. With k + 1 neighbors of a point, rho = r_1 / r_{k+1} has
in d dimensions the density

    g(rho; k, d) = k d rho^(d-1) (1 - rho^d)^(k-1)

(rho^d is Beta(1, k)), and the angles between pairs of the k nearest are taken to be von
Mises with mean nu and concentration tau.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import i0e, i1e

from sklatent.utils._blocks import row_slices

# Entries of the differences that are formed at a time.
BLOCK_ENTRIES = 2**20


class Statistics(NamedTuple):
    """What distances and angles are summed up by."""

    log_d: float  # of the maximum likelihood estimate of d in g
    nu: float  # mean over the points of the mean angle, in radians
    log_tau: float  # of the concentration of the angles


def statistics(X, log_distances, indices):
    """Statistics of points with k + 1 neighbors.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The points.
    log_distances, indices : ndarray of shape (n_samples, k + 1)
        Logarithms of the distances to their neighbors, ascending, and which these
        are.

    Returns
    -------
    statistics : Statistics
        The concentration is that which belongs to the mean over the points of the
        resultant length. For the mean of the concentrations themselves, as in the
        paper, one point at the end of a curve is enough to make it arbitrarily large.
    """
    k = log_distances.shape[1] - 1
    d = norm_dimension(log_distances[:, -1] - log_distances[:, 0], k)
    angles = [
        _angles(X[rows], X[indices[rows, :k]], np.exp(log_distances[rows, :k]))
        for rows in row_slices(len(X), max(BLOCK_ENTRIES // (k * X.shape[1]), 1))
    ]
    nu, length = np.concatenate(angles).mean(axis=0)
    return Statistics(np.log(d), nu, np.log(concentration(length)))


def norm_dimension(log_ratios, k):
    """Maximum likelihood estimate of d in g: MIND_ML of Rozza et al. (2012).

    With x = -d log rho the derivative of the log-likelihood of a point, times d, is
    1 - x + (k - 1) x / (e^x - 1), and decreases in d.

    Parameters
    ----------
    log_ratios : ndarray of shape (n_samples,)
        log(r_{k+1} / r_1), not all 0.
    k : int
        Number of neighbors less one.

    Returns
    -------
    d : float
        The estimate.
    """

    def derivative(d):
        x = d * log_ratios
        with np.errstate(over="ignore"):
            ratio = np.divide(x, np.expm1(x), out=np.ones_like(x), where=x > 0)
        return np.mean(1 - x + (k - 1) * ratio)

    mean = log_ratios.mean()
    return brentq(derivative, 1 / mean, k / mean, rtol=1e-12) if k > 1 else 1 / mean


def _angles(points, neighbors, distances):
    """Mean direction and resultant length, shape (n, 2), of the angles of each point.

    Angles between all pairs of the k neighbors, seen from the point.
    """
    first, second = np.triu_indices(distances.shape[1], 1)
    unit = (neighbors - points[:, None]) / distances[:, :, None]
    cosines = (unit @ unit.swapaxes(1, 2))[:, first, second]
    theta = np.arccos(np.clip(cosines, -1, 1))
    C, S = np.cos(theta).mean(axis=1), np.sin(theta).mean(axis=1)
    return np.column_stack([np.arctan2(S, C), np.hypot(C, S)])


def concentration(length):
    """Concentration tau of von Mises angles, with I1(tau) / I0(tau) = `length`."""
    length = np.clip(length, 1e-12, 1 - 1e-12)
    # These bounds hold the root, since tau / 2 >= I1(tau) / I0(tau) > 1 - 1 / tau.
    return brentq(
        lambda tau: i1e(tau) / i0e(tau) - length, length, 1 / (1 - length), rtol=1e-12
    )


def divergence(a, b, k):
    """Kullback-Leibler divergence of the distributions with b from those with a.

    Parameters
    ----------
    a, b : Statistics
        Of data and of a model.
    k : int
        Number of neighbors less one.

    Returns
    -------
    divergence : float
        That of g plus that of the von Mises distributions, in nats.
    """
    tau_a, tau_b = np.exp(a.log_tau), np.exp(b.log_tau)
    mean_cosine = i1e(tau_a) / i0e(tau_a)
    of_angles = (
        np.log(i0e(tau_b) / i0e(tau_a))
        + (tau_b - tau_a)
        + mean_cosine * (tau_a - tau_b * np.cos(a.nu - b.nu))
    )
    return _norm_divergence(np.exp(b.log_d - a.log_d), k) + of_angles


def _norm_divergence(q, k):
    """Divergence of g with d = q from that with d = 1.

    u = rho^d is Beta(1, k): E log u = -H_k and E log(1 - u) = -1/k. What remains,
    E log(1 - u^q), is an integral over 1 - u = e^(-t/k) with t exponential; as a sum
    of k + 1 terms of both signs (in the paper) it loses all digits for larger k.
    """
    harmonic = (1 / np.arange(1, k + 1)).sum()

    def integrand(t):
        log_u = np.log1p(-np.exp(-t / k))
        return np.exp(-t) * np.log(-np.expm1(q * log_u))

    remainder = quad(integrand, 0, 600)[0] if k > 1 else 0.0
    return (q - 1) * harmonic - np.log(q) - (k - 1) * (1 / k + remainder)
