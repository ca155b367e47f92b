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


def same_start(X, covariance_type, k=3):
    """Parameters for scikit-learn and for us: where to start, and to go 20 steps."""
    p = X.shape[1]
    one = {
        "full": np.tile(np.eye(p), (k, 1, 1)),
        "tied": np.eye(p),
        "diag": np.ones((k, p)),
        "spherical": np.ones(k),
        "tied_diag": np.ones(p),
    }[covariance_type]
    return {
        "n_components": k,
        "covariance_type": covariance_type,
        "weights_init": np.full(k, 1 / k),
        "means_init": X[:: len(X) // k][:k].astype(np.float64),
        "precisions_init": one / X.var(),
        "tol": 0.0,
        "max_iter": 20,
    }


def constrain(covariance_type):
    """How a plain loop ties covariances, (S, N) -> (k, p, p)."""
    eye = np.eye(3)
    return {
        "full": lambda S, N: S,
        "tied": lambda S, N: np.array([np.average(S, axis=0, weights=N)] * 3),
        "diag": lambda S, N: S * eye,
        "spherical": lambda S, N: np.array([np.trace(s) / 3 * eye for s in S]),
        "tied_diag": lambda S, N: np.array(
            [np.average(S, axis=0, weights=N) * eye] * 3
        ),
    }[covariance_type]


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


def with_holes(X, share, seed=0):
    """A copy in which entries are missing completely at random."""
    holes = np.random.default_rng(seed).uniform(size=X.shape) < share
    return np.where(holes, np.nan, X)


def marginal_log_joint(X, weights, means, covariances):
    """As `log_joint` for rows with holes, one by one; 0 holes or all are fine."""
    L = np.tile(np.log(weights), (len(X), 1))
    for x, row in zip(X, L, strict=True):
        o = ~np.isnan(x)
        if o.any():
            row += [
                multivariate_normal(m[o], C[o][:, o], allow_singular=True).logpdf(x[o])
                for m, C in zip(means, covariances, strict=True)
            ]
    return L


def completions(x, means, covariances):
    """Mean and covariance of a row given what is observed, for each component."""
    o, h = ~np.isnan(x), np.isnan(x)
    for m, C in zip(means, covariances, strict=True):
        slopes = np.linalg.solve(C[o][:, o], C[o][:, h]).T
        mean, covariance = x.copy(), np.zeros_like(C)
        mean[h] = m[h] + slopes @ (x[o] - m[o])
        covariance[np.ix_(h, h)] = C[h][:, h] - slopes @ C[o][:, h]
        yield mean, covariance


def em_loop_with_holes(X, row_weights, weights, means, covariances, constrain):
    """One EM step, row by row and hole by hole."""
    L = marginal_log_joint(X, weights, means, covariances)
    log_density = logsumexp(L, axis=1)
    R = np.exp(L - log_density[:, None]) * row_weights[:, None]
    N, k, p = R.sum(axis=0), len(weights), X.shape[1]
    first, second = np.zeros((k, p)), np.zeros((k, p, p))
    for x, r in zip(X, R, strict=True):
        for j, (mean, covariance) in enumerate(completions(x, means, covariances)):
            first[j] += r[j] * mean
            second[j] += r[j] * (np.outer(mean, mean) + covariance)
    means = first / N[:, None]
    S = second / N[:, None, None] - means[:, :, None] * means[:, None, :]
    log_likelihood = row_weights @ log_density / row_weights.sum()
    return N / N.sum(), means, constrain(S, N), log_likelihood
