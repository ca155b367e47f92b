"""The dimension, where the shape of the data is not known.

How far an estimate is from the dimension D depends on the shape of the data: edges,
corners, uneven densities and tails make it too low, and closed surfaces that bend
within a neighborhood too high. But they also make estimates at several scales differ,
which shows how far they are off. Let z be the logarithms of m estimates, mu_s(D) their
means for as many points of shape s in D dimensions, which are tabulated for M shapes,
and C the covariance of z by chance. If the shapes, that of the data among them, are a
sample from a normal distribution of shapes with an unknown mean and covariance, then

    z | D ~ t_nu(mean of mu_s(D), (1 + 1/M) (M - 1)/nu S(D) + C),  nu = M - m

with S the covariance of mu_s(D) over the shapes and Student's t distribution: the
predictive distribution of Geisser and Cornfield (1963), Posterior distributions for
multivariate normal parameters, Journal of the Royal Statistical Society B 25, widened
by chance. With a flat prior of log D this gives the posterior of D.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import f as f_law

from sklatent.dimension._calibration import shape_biases

# How far the logarithm of D is looked for on both sides of the estimates, at how many
# nodes, and which density, relative to the largest, is left out.
REACH, N_NODES, NEGLIGIBLE = 2.5, 1000, 1e-9


class Posterior(NamedTuple):
    """A distribution of the dimension.

    Parameters
    ----------
    log_dimension : ndarray of shape (n_nodes,)
        Logarithms of dimensions, evenly spaced.
    probability : ndarray of shape (n_nodes,)
        Their probabilities, which sum to 1.
    pvalue : float
        Probability that estimates agree no better than these with any dimension; 1
        for one estimate.
    """

    log_dimension: np.ndarray
    probability: np.ndarray
    pvalue: float

    def quantiles(self, levels):
        """Dimensions that are not exceeded with these probabilities."""
        upper_ends = self.log_dimension + 0.5 * np.diff(self.log_dimension)[0]
        return np.exp(np.interp(levels, self.probability.cumsum(), upper_ends))

    def log_std(self):
        """Return the standard deviation of the logarithm of the dimension.

        That of the dimension itself is infinite, by the tails of Student's law.
        """
        mean = self.probability @ self.log_dimension
        return np.sqrt(self.probability @ (self.log_dimension - mean) ** 2)


def posterior(scales, n_samples, log_estimates, covariance):
    """Distribution of the dimension, given estimates at some scales.

    Parameters
    ----------
    scales : list of (str, sequence of float)
        For each estimate the name of its function, one of those of
        `sklatent.dimension._estimates`, and the settings over which it is an average.
    n_samples : int
        Number of distinct points.
    log_estimates : array-like of shape (n_scales,)
        Logarithms of the estimates: z.
    covariance : array-like of shape (n_scales, n_scales)
        Their covariance by chance: C.

    Returns
    -------
    posterior : Posterior
        The distribution.
    """
    z = np.asarray(log_estimates)
    wide = np.linspace(z.min() - REACH, z.max() + REACH, N_NODES)
    _, p, _ = _on_nodes(wide, scales, n_samples, z, covariance)
    probable = np.flatnonzero(p > NEGLIGIBLE * p.max())
    ends = wide[max(probable[0] - 1, 0)], wide[min(probable[-1] + 1, N_NODES - 1)]
    return _on_nodes(np.linspace(*ends, N_NODES), scales, n_samples, z, covariance)


def _on_nodes(x, scales, n_samples, z, covariance):
    """Posterior of the logarithms x of the dimension."""
    biases = [shape_biases(*scale, n_samples, np.exp(x)) for scale in scales]
    mu = x[:, None] + np.array(biases)  # (n_scales, n_nodes, n_shapes)
    m, _, M = mu.shape
    nu = M - m
    mean = mu.mean(axis=2, keepdims=True)
    S = np.einsum("ixs,jxs->xij", mu - mean, mu - mean) / (M - 1)
    V = (1 + 1 / M) * (M - 1) / nu * S + covariance
    residual = z - mean[:, :, 0].T
    square = np.einsum("xi,xij,xj->x", residual, np.linalg.inv(V), residual)
    log_p = -0.5 * np.linalg.slogdet(V)[1] - 0.5 * (nu + m) * np.log1p(square / nu)
    p = np.exp(log_p - log_p.max())
    # One degree of freedom of the square is used up by the dimension.
    pvalue = f_law.sf(square.min() / (m - 1), m - 1, nu) if m > 1 else 1.0
    return Posterior(x, p / p.sum(), pvalue)
