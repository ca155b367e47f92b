"""Data with a known model, plain loops to compare with, and fitted PCA."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from threadpoolctl import threadpool_limits

from sklatent.decomposition import PCA
from sklatent.decomposition._linear_gaussian import LinearGaussian

SOLVERS = ["auto", "full", "covariance_eigh", "arpack", "randomized"]
each_solver = pytest.mark.parametrize("svd_solver", SOLVERS)
ARRAYS = [
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "singular_values_",
    "mean_",
]


def linear_gaussian(n, p, q, seed=0, psi=None):
    """Rows, loadings, mean and noise of a linear-Gaussian model."""
    rng = np.random.RandomState(seed)
    W = rng.normal(size=(p, q))
    mu = 3 * rng.normal(size=p)
    psi = np.full(p, 0.3) if psi is None else psi
    X = rng.normal(size=(n, q)) @ W.T + mu + np.sqrt(psi) * rng.normal(size=(n, p))
    return X, W, mu, psi


def with_missing(X, share, seed=1):
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
    """One EM step on data with missing entries as a plain loop over the rows.

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


class ObservedLikelihood:
    """Mean log-likelihood of what is observed, from p x p covariances, and its maximum.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Rows with missing entries.
    q : int
        Number of factors.
    isotropic : bool
        Whether the features share one noise variance.
    """

    def __init__(self, X, q, isotropic):
        self.q, self.isotropic = q, isotropic
        self.X, self.observed = np.nan_to_num(X), (~np.isnan(X)).astype(float)
        self.both = self.observed[:, :, None] * self.observed[:, None, :]
        # Missing entries are independent of all others, with the variance 1.
        self.missing = np.array([np.diag(1 - o) for o in self.observed])

    def unpack(self, theta):
        """W, mu and log psi."""
        p = self.X.shape[1]
        W, mu, log_psi = np.split(theta, [p * self.q, p * self.q + p])
        return W.reshape(p, self.q), mu, log_psi * np.ones(p)

    def loss(self, theta):
        """Minus the mean log-likelihood per row, and its gradient."""
        n = len(self.X)
        W, mu, log_psi = self.unpack(theta)
        psi = np.exp(log_psi)
        C = (W @ W.T + np.diag(psi)) * self.both + self.missing
        try:
            np.linalg.cholesky(C)
        except np.linalg.LinAlgError:
            return np.inf, np.zeros_like(theta)
        log_det = np.linalg.slogdet(C)[1]
        P = np.linalg.inv(C)
        difference = self.X - self.observed * mu
        solved = self.observed * np.einsum("nij,nj->ni", P, difference)
        constants = self.observed.sum() * np.log(2 * np.pi)
        minus_twice = constants + log_det.sum() + (difference * solved).sum()
        dC = (P * self.both).sum(axis=0) - solved.T @ solved
        noise = 0.5 * np.diag(dC) * psi
        noise = noise.sum(keepdims=True) if self.isotropic else noise
        gradient = [(dC @ W).ravel(), -solved.sum(axis=0), noise]
        return 0.5 * minus_twice / n, np.concatenate(gradient) / n

    def maximum(self, floor, W, mu, psi):
        """Mean log-likelihood where L-BFGS-B ends from a start.

        No noise variance is below the floor.
        """
        n_noise = 1 if self.isotropic else len(psi)
        log_psi = np.log(np.maximum(psi, floor))[:n_noise]
        bounds = [(None, None)] * (W.size + mu.size) + [(np.log(floor), None)] * n_noise
        with threadpool_limits(1, "blas"):  # threads wait longer than they work here
            found = minimize(
                self.loss,
                np.concatenate([W.ravel(), mu, log_psi]),
                jac=True,
                method="L-BFGS-B",
                bounds=bounds,
                options={
                    "maxiter": 1000,
                    "maxfun": 2000,
                    "maxcor": 30,
                    "ftol": 1e-12,
                    "gtol": 1e-8,
                },
            )
        return -found.fun


def pca(n_components=None, svd_solver="auto", **settings):
    """Fit the same at every call."""
    return PCA(n_components, svd_solver=svd_solver, random_state=0, **settings)


def normal(n, p, seed=0):
    return np.random.RandomState(seed).normal(size=(n, p))


def spread_out(n, p, seed=0):
    """Rows whose variances differ by feature, so that the axes are well defined."""
    return normal(n, p, seed) * (3 * 0.6 ** np.arange(p) + 0.05) + 10.0


def with_singular_values(n, s, seed=0):
    """Centered rows with given singular values, to rounding."""
    rng = np.random.RandomState(seed)
    p = len(s)
    U = rng.normal(size=(n, p))
    U = np.linalg.qr(U - U.mean(axis=0))[0]
    return (U * s) @ np.linalg.qr(rng.normal(size=(p, p)))[0].T


def covariance_eigenvalues(X):
    """Eigenvalues of the 1/n covariance, decreasing, by NumPy."""
    return np.linalg.eigvalsh(np.cov(X.T, bias=True).reshape(X.shape[1], -1))[::-1]


def maximum_likelihood_model(X, q):
    """Mean and covariance of probabilistic PCA, from Tipping and Bishop's formulae."""
    p = X.shape[1]
    lam, V = np.linalg.eigh(np.cov(X.T, bias=True))
    lam, V = lam[::-1], V[:, ::-1]
    sigma2 = lam[q:].sum() / (p - q)
    C = (V[:, :q] * (lam[:q] - sigma2)) @ V[:, :q].T + sigma2 * np.eye(p)
    return X.mean(axis=0), C, sigma2


def assert_same(ours, other, rtol=1e-9, atol=1e-9):
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(other, name), rtol, atol, err_msg=name
        )


def em_step(data, model):
    """One EM step from the sums over rows of `MissingData`, and the likelihood before.

    The new W and mu are the old ones plus what the residuals under the old ones say.
    """
    e = data.expectations(model)
    change = np.linalg.solve(e.normal, e.target[:, :, None])[:, :, 0]
    residual = e.residual - (change * e.target).sum(axis=1)
    psi = data.pooled(residual) / data.pooled(data.count) * np.ones(len(residual))
    W, mu = model.W + change[:, :-1], model.mu + change[:, -1]
    return LinearGaussian(W, mu, psi), e.log_likelihood
