"""Data with a known model, and plain loops to compare with."""

import numpy as np
from scipy.stats import multivariate_normal


def linear_gaussian(n, p, q, seed=0, psi=None):
    """Rows, loadings, mean and noise of a linear-Gaussian model."""
    rng = np.random.RandomState(seed)
    W = rng.normal(size=(p, q))
    mu = 3 * rng.normal(size=p)
    psi = np.full(p, 0.3) if psi is None else psi
    X = rng.normal(size=(n, q)) @ W.T + mu + np.sqrt(psi) * rng.normal(size=(n, p))
    return X, W, mu, psi


def with_holes(X, share, seed=1):
    """Remove entries at random; return the table."""
    X = X.copy()
    X[np.random.RandomState(seed).uniform(size=X.shape) < share] = np.nan
    return X


def observed_log_density(X, mu, covariance):
    """Log-density of what is observed of each row, row by row."""
    result = np.zeros(len(X))
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        if o.any():
            marginal = multivariate_normal(mu[o], covariance[np.ix_(o, o)])
            result[i] = marginal.logpdf(x[o])
    return result


def em_step_by_rows(X, W, mu, psi):
    """One EM step on data with holes as a plain loop over the rows.

    Returns W, mu and, for each feature, the expected squared residual and the number
    of observed entries.
    """
    p, q = W.shape
    A, target = np.zeros((p, q + 1, q + 1)), np.zeros((p, q + 1))
    expectations = []
    for x in X:
        o = ~np.isnan(x)
        B = W[o] / psi[o, None]
        covariance = np.linalg.inv(np.eye(q) + W[o].T @ B)
        mean = covariance @ B.T @ (x[o] - mu[o])
        second = np.zeros((q + 1, q + 1))
        second[:q, :q] = covariance
        z1 = np.append(mean, 1.0)
        second += np.outer(z1, z1)
        A[o] += second
        target[o] += x[o, None] * z1
        expectations.append((o, mean, covariance))
    solution = np.array([np.linalg.solve(A[j], target[j]) for j in range(p)])
    W, mu = solution[:, :q], solution[:, q]
    residual, count = np.zeros(p), np.zeros(p)
    for x, (o, mean, covariance) in zip(X, expectations, strict=True):
        difference = x[o] - mu[o] - W[o] @ mean
        residual[o] += difference**2 + np.einsum("pi,ij,pj->p", W[o], covariance, W[o])
        count[o] += 1
    return W, mu, residual, count
