"""Maximum likelihood of the linear-Gaussian model where entries are missing.

The observed entries x_o of a row are linear-Gaussian again, with rows W_o, mu_o, psi_o:

    M_o = I + W_o' psi_o^-1 W_o,   E[z | x_o] = M_o^-1 W_o' psi_o^-1 (x_o - mu_o)

M_o depends only on which entries are missing. All such patterns are handled at once:
the sum over the observed features in M_o is a product of the 0/1 patterns with the p
outer products W_j W_j' / psi_j.

EM: given z, each feature is a weighted regression on (z, 1), over the rows where it is
observed; its normal equations need only sums over rows. EM slows down without bound
where much is missing and the noise of a feature approaches zero: the codes then hold on
to the loadings they came from. Limited-memory BFGS learns from the last gradients what
EM does not know, and takes EM for what it has not learned: its first guess of the
inverse Hessian is the inverse information of the completed data, which turns a gradient
into an EM step. The noise is bounded from below, and the bound is lowered from 1e-2 by
tens, each time when there is no more to gain: so the loadings have settled before a
feature loses its noise.

Jamshidian and Jennrich (1997), Acceleration of the EM algorithm by using quasi-Newton
methods, JRSS B 59; Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4.
"""

from collections import deque
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import numpy as np

from sklatent.decomposition._em import FullCovariance, RowCovariance
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.utils._ascent import Point, advance
from sklatent.utils._columns import group_patterns
from sklatent.utils._threads import single_blas_thread

# Rows of a block, whose intermediate results fit the cache.
BLOCK_ROWS = 2048
# Noise is held at this share of the variance of the features at least. The likelihood
# often has maxima that only the bound keeps finite; a lower bound makes them higher.
NOISE_FLOOR_MISSING = 1e-6
FIRST_FLOOR = 1e-2
# Before the last bound, there is no more to gain below this, in nats per row.
STAGE_TOL = 1e-5
# Pairs of steps and changes of the gradient that are remembered.
MEMORY = 30
# So many iterations in a row that gain less than tol are the end.
PATIENCE = 3
# The logarithm of a noise variance changes by no more in an iteration.
MAX_LOG_CHANGE = 2.0
# A step that gains too little is tried again, this much shorter.
SHORTER = 0.3


# --------------------------------------------------------------------------------
# Observed entries of rows


class ObservedRows(NamedTuple):
    """The observed entries of rows, sorted by pattern.

    Parameters
    ----------
    order : ndarray of shape (n_samples,)
        Positions in the table of the sorted rows.
    rows : ndarray of shape (n_samples, n_features)
        Sorted and centered rows, 0 where nothing was observed.
    weight : ndarray of shape (n_samples,)
        Weight of each sorted row.
    patterns : ndarray of shape (n_patterns, n_features)
        1.0 where observed, for each pattern.
    group : ndarray of shape (n_samples,)
        Pattern of each sorted row.
    starts : ndarray of shape (n_patterns,)
        First sorted row of each pattern.
    observed : ndarray of shape (n_samples, n_features)
        1.0 where observed, for each sorted row.
    """

    order: np.ndarray
    rows: np.ndarray
    weight: np.ndarray
    patterns: np.ndarray
    group: np.ndarray
    starts: np.ndarray
    observed: np.ndarray


def observed_blocks(X, center, weight):
    """Return the rows less the center, in blocks of `ObservedRows`."""
    blocks = []
    for start in range(0, len(X), BLOCK_ROWS):
        rows = X[start : start + BLOCK_ROWS]
        observed = ~np.isnan(rows)
        first, group = group_patterns(observed)
        order = np.argsort(group, kind="stable")
        group = group[order]
        blocks.append(
            ObservedRows(
                order,
                np.where(observed, rows - center, 0.0)[order],
                weight[start:][order],
                observed[first].astype(np.float64),
                group,
                np.searchsorted(group, np.arange(len(first))),
                observed[order].astype(np.float64),
            )
        )
    return blocks


def map_observed(function, X, model):
    """Concatenate function(block, model), in the order of the rows, over blocks."""
    # The mean is subtracted first, so that an offset of the data costs no digits.
    centered = LinearGaussian(model.W, np.zeros_like(model.mu), model.psi)
    results = []
    for block in observed_blocks(X, model.mu, np.ones(len(X))):
        sorted_rows = function(block, centered)
        results.append(np.empty_like(sorted_rows))
        results[-1][block.order] = sorted_rows
    return np.concatenate(results)


def posterior(block, model):
    """Moments of z given the observed entries, and what they leave of the rows.

    Returns
    -------
    mean : ndarray of shape (q, n_samples)
        E[z | x_o] of each sorted row.
    covariance : ndarray of shape (q, q, n_patterns)
        Cov[z | x_o] = M_o^-1 of each pattern.
    log_det : ndarray of shape (n_patterns,)
        log |M_o| of each pattern.
    residual : ndarray of shape (n_samples, n_features)
        x_o - mu_o - W_o E[z | x_o] of each sorted row, 0 where nothing was observed.
    """
    W, rows, patterns, group = model.W, block.rows, block.patterns, block.group
    q = W.shape[1]
    B = W / model.psi[:, None]
    i, j, full = triangle(q)
    M = ((W[:, i] * B[:, j]).T @ patterns.T)[full]
    M[np.arange(q), np.arange(q)] += 1
    covariance, log_det = invert_spd(M)
    center = patterns @ (model.mu[:, None] * B)
    by_row = covariance[:, :, group] if len(patterns) < len(rows) else covariance
    mean = np.einsum("ijn,jn->in", by_row, (rows @ B - center[group]).T)
    residual = np.vstack([mean, np.ones(len(rows))]).T @ np.vstack([W.T, model.mu])
    np.subtract(rows, residual, out=residual)
    residual *= block.observed
    return mean, covariance, log_det, residual


def posterior_mean(block, model):
    """E[z | x_o] of each row."""
    return posterior(block, model)[0].T


def posterior_covariance(block, model):
    """Cov[z | x_o] of each row."""
    return np.moveaxis(posterior(block, model)[1], -1, 0)[block.group]


def conditional_variance(block, model):
    """Variance of each feature given the observed ones of the row, if it is missing."""
    covariance = posterior(block, model)[1]
    i, j, _ = triangle(len(covariance))
    # Of symmetric matrices one triangle is summed, its inner part twice.
    W_W = model.W[:, i] * model.W[:, j] * np.where(i == j, 1, 2)
    return (covariance[i, j].T @ W_W.T + model.psi)[block.group]


def observed_log_density(block, model):
    """Log p(x_o) of each row; 0 where nothing is observed.

    As in `LinearGaussian.log_density`, the distance is a sum of two squares.
    """
    mean, _, log_det, residual = posterior(block, model)
    distance2 = (residual**2 / model.psi).sum(axis=1) + (mean**2).sum(axis=0)
    constants = block.patterns @ np.log(2 * np.pi * model.psi) + log_det
    return -0.5 * (constants[block.group] + distance2)


def invert_spd(M):
    """Inverses and log determinants of many small positive definite matrices.

    Gauss-Jordan elimination without pivoting, which positive definite matrices do
    not need: q steps of long vector operations instead of one LAPACK call per matrix.

    Parameters
    ----------
    M : ndarray of shape (q, q, n_matrices)
        The matrices, along the last axis; overwritten.

    Returns
    -------
    inverse : ndarray of shape (q, q, n_matrices)
        Their inverses.
    log_det : ndarray of shape (n_matrices,)
        Logarithms of their determinants.
    """
    A, product = M, np.empty_like(M)
    log_det = np.zeros(A.shape[-1])
    for k in range(len(A)):
        pivot = A[k, k].copy()
        log_det += np.log(pivot)
        column = A[:, k].copy()
        row = A[k] / pivot
        A -= np.multiply(column[:, None], row, out=product)
        A[k] = row
        A[:, k] = -column / pivot
        A[k, k] = 1 / pivot
    return A, log_det


@lru_cache
def triangle(q):
    """Upper triangle of a symmetric matrix, and where it holds each of the entries.

    Returns
    -------
    i, j : ndarray of shape (q (q + 1) / 2,)
        Rows and columns of the entries of the triangle.
    full : ndarray of shape (q, q)
        Number in the triangle of each entry of the matrix.
    """
    i, j = np.triu_indices(q)
    full = np.empty((q, q), dtype=np.intp)
    full[i, j] = full[j, i] = np.arange(len(i))
    return i, j, full


# --------------------------------------------------------------------------------
# The likelihood, and what an EM step is made of


class MissingData:
    """Centered rows with missing entries, as the likelihood reads them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, in units in which the variance of a feature is about 1.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    isotropic : bool
        Whether the features share one noise variance.
    """

    floor = NOISE_FLOOR_MISSING

    def __init__(self, X, weight, isotropic):
        self.blocks = observed_blocks(X, 0.0, weight)
        count = sum(b.weight @ b.patterns[b.group] for b in self.blocks)
        self._set_counts(X.shape, sum(b.weight.sum() for b in self.blocks), count)
        self.n_noise = 1 if isotropic else X.shape[1]

    def _set_counts(self, shape, weight, count):
        self.shape, self.weight, self.count = shape, weight, count
        self.share_observed = count / weight

    @property
    def noise_count(self):
        """Sums of the weights of the entries that a noise variance stands for."""
        return self.pooled(self.count)

    @cached_property
    def covariance(self):
        """That of the rows with the mean where nothing was observed; to start from."""
        n, p = self.shape
        if n < p:
            rows = [_weighted_rows(block, self.weight) for block in self.blocks]
            return RowCovariance(np.vstack(rows))
        return FullCovariance(*self.sums(block_scatter, self.weight))

    def sums(self, function, *parameters):
        """Sum each result of function(block, *parameters) over all the blocks."""
        return summed(self.blocks, function, parameters)

    def log_likelihood(self, model):
        """Mean log-likelihood per row, in nats."""
        return self.expectations(model).log_likelihood

    def pack(self, model):
        """(W, mu), a row for each feature, and log psi; one number if it is shared."""
        log_psi = np.log(model.psi[: self.n_noise])
        return np.concatenate([np.column_stack([model.W, model.mu]).ravel(), log_psi])

    def unpack(self, theta):
        """Undo `pack`."""
        p = self.shape[1]
        regressions = theta[: -self.n_noise].reshape(p, -1)
        psi = np.exp(theta[-self.n_noise :]) * np.ones(p)
        return LinearGaussian(regressions[:, :-1], regressions[:, -1], psi)

    def pooled(self, of_features):
        """Sum over features if they share one noise variance, as the sums over rows."""
        return of_features.sum(keepdims=True) if self.n_noise == 1 else of_features

    def expectations(self, model):
        """Likelihood of a model, and the expectations that a step needs."""
        q = model.W.shape[1]
        with single_blas_thread:  # the products are too small to share
            sums = self.sums(_block_sums, model)
        normal, spread, target, squares, codes, log_dets = sums
        constants = self.count @ np.log(2 * np.pi * model.psi) + log_dets
        distance2 = (squares / model.psi).sum() + codes
        log_likelihood = -0.5 * (constants + distance2) / self.weight
        spread_W = np.einsum("ijp,pj->pi", spread, model.W)
        target[:, :q] -= spread_W
        residual = squares + (model.W * spread_W).sum(axis=1)
        return Expectations(model, log_likelihood, normal, target, residual)

    def evaluate(self, theta):
        """Point of `sklatent.utils._ascent`; its gradient is by Fisher's identity."""
        model = self.unpack(theta)
        e = self.expectations(model)
        regressions = e.target / model.psi[:, None]
        noise = 0.5 * self.pooled(e.residual / model.psi - self.count)
        gradient = np.concatenate([regressions.ravel(), noise]) / self.weight
        return Point(self.pack(model), e.log_likelihood, gradient, e)

    def precondition(self, e, v):
        """Inverse information of the completed data times v: of a gradient, an EM step.

        To first order, since the noise of an EM step is that after its regressions.
        """
        p, k = e.target.shape
        slopes = v[: p * k].reshape(p, k, 1) * e.model.psi[:, None, None]
        regressions = np.linalg.solve(e.normal, slopes)
        noise = 2 * v[p * k :] / self.noise_count
        return np.concatenate([regressions.ravel(), noise]) * self.weight


def summed(blocks, function, parameters):
    """Sum each result of function(block, *parameters) over blocks."""
    results = (function(block, *parameters) for block in blocks)
    return list(map(sum, zip(*results, strict=True)))


def _weighted_rows(block, total):
    """Rows of a block times the roots of their shares of the weight."""
    return block.rows * np.sqrt(block.weight / total)[:, None]


def block_scatter(block, total):
    """Scatter of a block of rows, over the sum of all the weights."""
    rows = _weighted_rows(block, total)
    return (rows.T @ rows,)


class Expectations(NamedTuple):
    """What the rows say of a model, with r = x - W E[z] - mu.

    Parameters
    ----------
    model : LinearGaussian
        The model.
    log_likelihood : float
        Mean log-likelihood per row, in nats.
    normal : ndarray of shape (p, q + 1, q + 1)
        For each feature the sum of E[(z, 1)(z, 1)'] over the rows where it is observed.
    target : ndarray of shape (p, q + 1)
        For each feature the sum of E[(x - W z - mu) (z, 1)] over these.
    residual : ndarray of shape (p,)
        For each feature the sum of E[(x - W z - mu)^2] over these.
    """

    model: LinearGaussian
    log_likelihood: float
    normal: np.ndarray
    target: np.ndarray
    residual: np.ndarray


def _block_sums(block, model):
    """Sums over the rows of a block for `Expectations`, with r = x - W E[z] - mu.

    Returns
    -------
    normal : ndarray of shape (p, q + 1, q + 1)
        For each feature E[(z, 1)(z, 1)'] over the rows where it is observed.
    spread : ndarray of shape (q, q, p)
        For each feature Cov[z] over these.
    target : ndarray of shape (p, q + 1)
        For each feature r (E[z], 1) over these.
    squares : ndarray of shape (p,)
        For each feature r^2 over these.
    codes, log_dets : float
        Sums of |E[z]|^2 and of log |M|; see `posterior`.
    """
    q, w, patterns = model.W.shape[1], block.weight, block.patterns
    mean, covariance, log_det, residual = posterior(block, model)
    n_rows = np.add.reduceat(w, block.starts)
    z1 = np.vstack([mean, np.ones(len(w))])
    weighted = w * z1
    # Of symmetric matrices one triangle is summed.
    i, j, full = triangle(q + 1)
    moments = weighted[i]
    moments *= z1[j]
    if len(patterns) < len(w):  # else each row is a pattern
        moments = np.add.reduceat(moments, block.starts, axis=1)
    normal = (moments @ patterns)[full].transpose(2, 0, 1).copy()
    i, j, full = triangle(q)
    spread = ((n_rows * covariance[i, j]) @ patterns)[full]
    normal[:, :q, :q] += spread.transpose(2, 0, 1)
    target = residual.T @ weighted.T
    residual *= residual
    codes = weighted[:-1].ravel() @ mean.ravel()
    return normal, spread, target, w @ residual, codes, n_rows @ log_det


# --------------------------------------------------------------------------------
# Maximization


def maximize_observed(data, model, tol):
    """Maximize the likelihood of the observed entries; it never decreases.

    Parameters
    ----------
    data : MissingData
        The data.
    model : LinearGaussian
        The start.
    tol : float
        Converged when three iterations in a row gain less each, in nats per row.

    Yields
    ------
    model : LinearGaussian
        The model after an iteration.
    history : list of float
        Log-likelihood before each iteration and at the end.
    converged : bool
        Whether `tol` was met.
    """
    floor = max(data.floor, min(FIRST_FLOOR, model.psi.min()))
    theta = data.pack(model)
    noise = slice(-data.n_noise, None)
    lower, longest = np.full_like(theta, -np.inf), np.full_like(theta, np.inf)
    lower[noise], longest[noise] = np.log(floor), MAX_LOG_CHANGE
    here = data.evaluate(np.maximum(theta, lower))
    history, pairs, n_small = [here.value], deque(maxlen=MEMORY), 0
    while True:
        there = advance(
            here,
            pairs,
            data.evaluate,
            partial(data.precondition, here.state),
            lower=lower,
            longest=longest,
            shorter=SHORTER,
        )
        gain = 0.0
        if there is not None:
            gain, here = there.value - here.value, there
        last = floor <= data.floor
        n_small = n_small + 1 if gain < (tol if last else max(tol, STAGE_TOL)) else 0
        settled = n_small == PATIENCE or there is None
        model = here.state.model
        if settled and not last:
            at_floor = model.psi.min() <= floor * (1 + 1e-9)
            floor = max(floor / 10, data.floor) if at_floor else data.floor
            lower[noise], n_small = np.log(floor), 0
        history.append(here.value)
        yield model, history, settled and last
