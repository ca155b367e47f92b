"""Passes over rows on a device: the whitened method of `_passes`, in the standard.

With P P' the precision of a component and y = P'(x - m), its log-density is a constant
less |y|^2 / 2, and the sums for an M-step are those of 1, y and y y' (or y^2), with the
responsibilities as weights. Blocks of rows stay on the device; what NumPy gets is as
large as the mixture.
"""

import numpy as np

from sklatent.density.mixture._passes import WhitenedDiagonal, WhitenedFull
from sklatent.utils._arrays import moved, namespace_of, to_numpy
from sklatent.utils._device_moments import device_blocks


def _evaluator(mixture, dtype):
    """Constants of the log-densities, and what turns sums into moments."""
    cls = WhitenedDiagonal if mixture.structure.diagonal else WhitenedFull
    return cls(mixture, dtype, n_rows=1)


def _whitening(evaluator, X):
    """Function that gives y, (k, m, p), and log of weight times density, (k, m)."""
    mixture, xp = evaluator.mixture, namespace_of(X)
    parameters = (mixture.means, mixture.expanded_precision_root, evaluator.constants)
    m, P, constants = moved([a.astype(evaluator.dtype) for a in parameters], X)

    def whiten(Z):
        Y = Z[None, :, :] - m[:, None, :]
        Y = Y * P[:, None, :] if mixture.structure.diagonal else Y @ P
        return Y, constants[:, None] - 0.5 * xp.sum(Y * Y, axis=2)

    return whiten


def _blocks(mixture, X):
    """Slices of rows whose y take 64 MB or so."""
    k, p = mixture.means.shape
    return device_blocks(X.shape[0], k * (p + 1))


def _normalized(xp, L):
    """Responsibilities, (k, m), and the log of the sum that they were divided by.

    Rows too far from all components for a number have even responsibilities, and -inf.
    """
    largest = xp.max(L, axis=0)
    lost = largest == -xp.inf
    R = xp.exp(xp.where(lost, xp.zeros_like(L), L - xp.where(lost, 0.0, largest)))
    total = xp.sum(R, axis=0)
    return R / total, xp.log(total) + largest


def sums_on_device(rows, mixture):
    """Sums for an M-step over rows that stay where they are.

    Parameters
    ----------
    rows : TrainingRows
        The data, complete, of any library; its weights beside it.
    mixture : Mixture
        In the units of the rows' frame.

    Returns
    -------
    weight, means, covariances : ndarray
        Of each component, as `Evaluator.moments` gives them.
    log_likelihood : float
        Weighted sum of the log-densities of the rows, in nats.
    total : float
        Sum of the weights of the rows.
    """
    X, xp = rows.X, namespace_of(rows.X)
    evaluator = _evaluator(mixture, rows.frame.origin.dtype)
    inverse = (1 / rows.frame.scale).astype(evaluator.dtype)
    origin, inverse = moved([rows.frame.origin, inverse], X)
    whiten, sums = _whitening(evaluator, X), None
    for block in _blocks(mixture, X):
        Y, L = whiten((X[block, :] - origin) * inverse)
        R, log_density = _normalized(xp, L)
        w = xp.ones_like(log_density)
        if rows.weight is not None:
            w = xp.astype(rows.weight[block], R.dtype)
        R = R * w
        if mixture.structure.diagonal:
            second = (R[:, None, :] @ (Y * Y))[:, 0, :]
        else:
            second = xp.matrix_transpose(Y * R[:, :, None]) @ Y
        N, first = xp.sum(R, axis=1), (R[:, None, :] @ Y)[:, 0, :]
        new = [N, first, second, xp.sum(w * log_density), xp.sum(w)]
        new = [xp.astype(part, xp.float64) for part in new]
        sums = new if sums is None else [a + b for a, b in zip(sums, new, strict=True)]
    *sums, log_likelihood, total = map(to_numpy, sums)
    log_likelihood = float(log_likelihood + total * evaluator.log_offset)
    return *evaluator.moments(sums), log_likelihood, float(total)


def _map(function, X, mixture):
    """Results of function(xp, L) for the joint log-densities of blocks, (k, m).

    In double precision, each row about each mean, as `_densities.map_blocks`.
    """
    xp = namespace_of(X)
    evaluator = _evaluator(mixture, np.float64)
    whiten = _whitening(evaluator, X)
    results = []
    for block in _blocks(mixture, X):
        _, L = whiten(xp.astype(X[block, :], xp.float64))
        results.append(function(xp, L + evaluator.log_offset))
    return xp.concat(results)


def log_densities(X, mixture):
    """Log-density of each row, (n_samples,), in nats."""
    return _map(lambda xp, L: _normalized(xp, L)[1], X, mixture)


def responsibilities(X, mixture):
    """Probability of each component given each row, (n_samples, k)."""
    return _map(lambda xp, L: _normalized(xp, L)[0].T, X, mixture)


def most_probable(X, mixture):
    """The component that most probably gave each row, (n_samples,)."""
    return _map(lambda xp, L: xp.argmax(L, axis=0), X, mixture)


def sums_of_terms(X, weight, mixture):
    """Log-likelihood of rows, and sum of the entropies of their responsibilities."""

    def terms(xp, L):
        R, log_density = _normalized(xp, L)
        entropy = -xp.sum(R * xp.log(xp.where(R > 0, R, xp.ones_like(R))), axis=0)
        return xp.stack([log_density, entropy], axis=1)

    terms = _map(terms, X, mixture)
    if weight is not None:
        terms = weight[:, None] * terms
    return to_numpy(namespace_of(X).sum(terms, axis=0))
