"""Data and slow, plain references for the tests of mixtures."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from sklatent.density.mixture._model import STRUCTURES, Mixture

COVARIANCE_TYPES = ["full", "tied", "diag", "spherical", "tied_diag"]
each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def three_groups(n=300, p=3, seed=0, separation=2.0):
    """Rows of three correlated Gaussian groups, in random order."""
    rng = np.random.default_rng(seed)
    parts = []
    for share in (0.5, 0.3, 0.2):
        A = np.eye(p) + 0.5 * rng.standard_normal((p, p)) / np.sqrt(p)
        center = separation * rng.standard_normal(p)
        parts.append(rng.standard_normal((int(share * n), p)) @ A.T + center)
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


def random_mixture(covariance_type, k=3, p=3, seed=0):
    """A mixture with random parameters."""
    rng = np.random.default_rng(seed)
    structure = STRUCTURES[covariance_type]
    shape = structure.shape(k, p)
    if structure.diagonal:
        root = np.exp(0.3 * rng.standard_normal(shape))
    else:
        A = np.eye(p) + 0.3 * rng.standard_normal(shape)
        root = structure.root(A @ np.swapaxes(A, -1, -2))
    return Mixture(rng.dirichlet(np.ones(k)), rng.normal(size=(k, p)), root, structure)


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


def with_missing(X, share, seed=0):
    """A copy in which entries are missing completely at random."""
    missing = np.random.default_rng(seed).uniform(size=X.shape) < share
    return np.where(missing, np.nan, X)


def marginal_log_joint(X, weights, means, covariances):
    """As `log_joint` for rows with any number of missing entries, one by one."""
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


def em_loop_with_missing(X, row_weights, weights, means, covariances, constrain):
    """One EM step, row by row, each with its own missing entries."""
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


class ObservedLikelihood:
    """Mean log-likelihood of full mixtures on rows with missing entries, for L-BFGS.

    Less sum_c nu_c tr(Sigma_c^-1 diag(reg)) / 2, which is what an M-step costs that
    adds `reg` to the variances. The marginal of a row is had by a covariance in which
    the missing features are independent and of variance 1.
    """

    def __init__(self, X, reg, nu):
        self.n, self.p = X.shape
        self.seen = ~np.isnan(X)
        self.X = np.where(self.seen, X, 0.0)
        self.reg, self.nu, self.k = reg, nu, len(nu)
        patterns, group = np.unique(self.seen, axis=0, return_inverse=True)
        self.both = (patterns[:, :, None] & patterns[:, None]).astype(float)
        self.rest = np.eye(self.p) * ~patterns[:, None]
        self.group = group.ravel()
        self.lower = np.tril_indices(self.p)

    def pack(self, weights, means, covariances):
        L = np.linalg.cholesky(covariances)[:, *self.lower]
        return np.concatenate([np.log(weights), means.ravel(), L.ravel()])

    def __call__(self, theta):
        """Negative value and gradient."""
        k, p = self.k, self.p
        log_w = theta[:k] - logsumexp(theta[:k])
        means = theta[k : k + k * p].reshape(k, p)
        L = np.zeros((k, p, p))
        L[:, *self.lower] = theta[k + k * p :].reshape(k, -1)
        C = L @ np.swapaxes(L, 1, 2)
        try:
            root = np.linalg.cholesky(C[:, None] * self.both + self.rest)
            inverse = np.linalg.inv(C)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        P = np.linalg.inv(C[:, None] * self.both + self.rest) * self.both
        log_det = 2 * np.log(np.einsum("kgii->kgi", root)).sum(axis=2)
        d = np.where(self.seen, self.X - means[:, None], 0.0)
        y = np.einsum("knij,knj->kni", P[:, self.group], d)
        constant = log_det[:, self.group] + self.seen.sum(axis=1) * np.log(2 * np.pi)
        joint = log_w[:, None] - 0.5 * ((d * y).sum(axis=2) + constant)
        log_density = logsumexp(joint, axis=0)
        R = np.exp(joint - log_density) / self.n
        N = np.array([np.bincount(self.group, r, len(self.both)) for r in R])
        cost = np.einsum("k,kii,i->", self.nu, inverse, self.reg) / 2
        slope = np.einsum("kn,kni,knj->kij", R, y, y) - np.einsum("kg,kgij->kij", N, P)
        slope += self.nu[:, None, None] * (inverse * self.reg) @ inverse
        by_L = (slope @ L)[:, *self.lower]
        by_mean = np.einsum("kn,kni->ki", R, y)
        by_log_w = R.sum(axis=1) - np.exp(log_w)
        gradient = np.concatenate([by_log_w, by_mean.ravel(), by_L.ravel()])
        return cost - log_density.mean(), -gradient

    def maximum(self, *parameters):
        """Value that L-BFGS reaches from parameters."""
        options = {"maxiter": 1000, "maxfun": 2000, "maxcor": 100, "ftol": 1e-11}
        start = self.pack(*parameters)
        found = minimize(self, start, jac=True, method="L-BFGS-B", options=options)
        return -found.fun


def incomplete_case(seed):
    """Rows near a flat, in up to three groups, and how many."""
    rng = np.random.default_rng(seed)
    n, p = [(30, 4), (40, 6), (100, 10)][seed % 3]
    k, q = 1 + seed // 3 % 3, rng.integers(1, p)
    X = rng.standard_normal((n, q)) @ rng.standard_normal((q, p))
    X += 0.5 * rng.standard_normal((n, p))
    X += (k > 1) * 3 * rng.standard_normal((k, p))[rng.integers(0, k, n)]
    missing = rng.uniform(size=X.shape) < rng.uniform(0.1, 0.6)
    missing[0] = False  # something is observed of each feature
    return np.where(missing, np.nan, X), k
