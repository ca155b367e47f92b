"""Tables with a known density, for benchmarks of densities.

Each function returns rows and the true log-density of each, in nats.
"""

import numpy as np
from scipy import stats
from scipy.special import logsumexp


def copula6(n, seed):
    """Six columns of skewed, bounded and heavy-tailed margins with a Gaussian copula.

    Parameters
    ----------
    n : int
        Number of rows.
    seed : int
        Seed of the rows; the copula is always the same.

    Returns
    -------
    X : ndarray of shape (n, 6)
        The rows.
    log_density : ndarray of shape (n,)
        The true log-density of each row.
    """
    root = np.random.RandomState(0).standard_normal((6, 6))
    covariance = root @ root.T + 2 * np.eye(6)
    spread = np.sqrt(np.diag(covariance))
    copula = stats.multivariate_normal(
        np.zeros(6), covariance / np.outer(spread, spread)
    )
    margins = [
        stats.gamma(2),
        stats.lognorm(0.8),
        stats.t(3),
        stats.beta(2, 5),
        stats.expon(),
        stats.beta(0.8, 0.8),
    ]
    Z = copula.rvs(n, random_state=np.random.RandomState(seed)).reshape(n, 6)
    shares = stats.norm.cdf(Z)
    columns = [m.ppf(u) for m, u in zip(margins, shares.T, strict=True)]
    log_density = copula.logpdf(Z) - stats.norm.logpdf(Z).sum(axis=1)
    log_density += sum(m.logpdf(x) for m, x in zip(margins, columns, strict=True))
    return np.column_stack(columns), log_density


def rings(n, seed, radii=(1.0, 2.0, 3.0), width=0.1):
    """Concentric rings in the plane, as many rows on each, with Gaussian radii."""
    rng = np.random.RandomState(seed)
    radius = rng.choice(radii, n) + width * rng.standard_normal(n)
    angle = rng.uniform(0, 2 * np.pi, n)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    of_rings = stats.norm.logpdf(radius[:, None], radii, width) - np.log(len(radii))
    return X, logsumexp(of_rings, axis=1) - np.log(2 * np.pi * radius)


def pinwheel(n, seed, n_arms=5, width=0.15, twist=0.6):
    """Arms of a spiral in the plane, with Gaussian angles about each."""
    rng = np.random.RandomState(seed)
    radius_law = stats.gamma(9, scale=1 / 9)
    radius = radius_law.rvs(n, random_state=rng)
    arms = 2 * np.pi * np.arange(n_arms) / n_arms
    offset = width * rng.standard_normal(n)
    angle = rng.choice(arms, n) + offset + twist * np.exp(radius)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    # An angle is that of an arm in any number of turns; others than the nearest are
    # farther off than Gaussian angles reach.
    gap = (angle - twist * np.exp(radius))[:, None] - arms
    gap = (gap + np.pi) % (2 * np.pi) - np.pi
    of_arms = stats.norm.logpdf(gap, scale=width) - np.log(n_arms)
    log_density = logsumexp(of_arms, axis=1) + radius_law.logpdf(radius)
    return X, log_density - np.log(radius)
