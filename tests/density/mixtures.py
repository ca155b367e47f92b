"""Data and slow, plain references for the tests of mixtures."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical", "tied_diag"]


def three_groups(n=300, p=3, seed=0, separation=2.0):
    """Rows of three correlated Gaussian groups, in random order."""
    rng = np.random.default_rng(seed)
    parts = []
    for share in (0.5, 0.3, 0.2):
        A = np.eye(p) + 0.5 * rng.standard_normal((p, p)) / np.sqrt(p)
        centre = separation * rng.standard_normal(p)
        parts.append(rng.standard_normal((int(share * n), p)) @ A.T + centre)
    return rng.permutation(np.vstack(parts))


def full_covariances(mixture):
    """Covariance matrix of each component of a fitted mixture."""
    k, p = mixture.means_.shape
    C = mixture.covariances_
    return {
        "full": lambda: C,
        "tied": lambda: np.array([C] * k),
        "diag": lambda: np.array([np.diag(c) for c in C]),
        "spherical": lambda: np.array([c * np.eye(p) for c in C]),
        "tied_diag": lambda: np.array([np.diag(C)] * k),
    }[mixture.covariance_type]()


def log_joint(X, weights, means, covariances):
    """Log of weight times density by SciPy, (n, k)."""
    return np.column_stack(
        [
            np.log(w) + multivariate_normal(m, C, allow_singular=True).logpdf(X)
            for w, m, C in zip(weights, means, covariances, strict=True)
        ]
    )


def em_loop(X, row_weights, weights, means, covariances, constrain):
    """One EM step, row by row; constrain(S, N) ties the covariances."""
    L = log_joint(X, weights, means, covariances)
    log_density = logsumexp(L, axis=1)
    R = np.exp(L - log_density[:, None]) * row_weights[:, None]
    N = R.sum(axis=0)
    means = np.array([sum(r * x for r, x in zip(c, X, strict=True)) for c in R.T])
    means /= N[:, None]
    S = [
        sum(r * np.outer(x - m, x - m) for r, x in zip(c, X, strict=True)) / total
        for c, m, total in zip(R.T, means, N, strict=True)
    ]
    log_likelihood = row_weights @ log_density / row_weights.sum()
    return N / N.sum(), means, constrain(np.array(S), N), log_likelihood
