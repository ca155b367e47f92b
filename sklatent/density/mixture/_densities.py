"""What a mixture says of rows: densities, responsibilities, missing entries."""

import numpy as np

from sklatent.density.mixture import _device_passes
from sklatent.density.mixture._em import EVALUATORS
from sklatent.density.mixture._missing import pattern_order
from sklatent.density.mixture._passes import normalize, row_parts
from sklatent.utils._arrays import are_dispatched
from sklatent.utils._columns import any_missing
from sklatent.utils._threads import map_threads


def map_blocks(function, X, mixture, n_threads):
    """Apply a function to the joint log-densities of blocks of rows.

    Each row is whitened about each mean, in double precision, so that the result does
    not depend on the other rows.

    Parameters
    ----------
    function : callable
        function(L, evaluator, workspace), with L[i, j] the log of weight times density
        of component i at row j of a block and `workspace` as the evaluator left it,
        returns an array with an entry per row.
    X : ndarray of shape (n_samples, p)
        The data; NaN marks a missing entry.
    mixture : Mixture
        In the units of the data.
    n_threads : int
        How many threads share the rows.

    Returns
    -------
    result : ndarray of shape (n_samples, ...)
        What the function returned, in the order of the rows.
    """
    has_missing = any_missing(X)
    if has_missing:
        order = pattern_order(X)
        X = X[order]
    method = "missing" if has_missing else "whitened"
    parts = row_parts(len(X))
    make_evaluator = EVALUATORS[method][mixture.structure.diagonal]
    evaluator = make_evaluator(mixture, np.float64, parts[0].stop)

    def apply(part):
        results = []
        with evaluator.memory() as (_, workspace):
            for start in range(part.start, part.stop, evaluator.block_rows):
                stop = min(start + evaluator.block_rows, part.stop)
                Z = X[start:stop].T.astype(np.float64, order="C")
                L = np.empty((evaluator.k, stop - start))
                evaluator.log_joint(Z, workspace, L)
                L += evaluator.log_offset
                results.append(function(L, evaluator, workspace))
        return np.concatenate(results)

    results = np.concatenate(map_threads(apply, parts, n_threads))
    if has_missing:
        results[order] = results.copy()
    return results


def log_densities(X, mixture, n_threads):
    """Log-density of each row, (n_samples,), in nats."""
    if are_dispatched(X):
        return _device_passes.log_densities(X, mixture)
    return map_blocks(lambda L, *_: normalize(L), X, mixture, n_threads)


def responsibilities(X, mixture, n_threads):
    """Probability of each component given each row, (n_samples, k)."""
    if are_dispatched(X):
        return _device_passes.responsibilities(X, mixture)

    def of_block(L, *_):
        normalize(L)
        return L.T

    return map_blocks(of_block, X, mixture, n_threads)


def most_probable(X, mixture, n_threads):
    """The component that most probably gave each row, (n_samples,)."""
    if are_dispatched(X):
        return _device_passes.most_probable(X, mixture)
    return map_blocks(lambda L, *_: L.argmax(axis=0), X, mixture, n_threads)


def expected(X, mixture, n_threads):
    """Expectation of the missing entries given the observed ones of their row.

    That of the mixture is the mean of those of its components; its variance is theirs,
    and that of their means.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data; NaN marks a missing entry.
    mixture : Mixture
        In the units of the data.
    n_threads : int
        How many threads share the rows.

    Returns
    -------
    imputed : ndarray of shape (n_samples, p)
        The rows with expectations for missing entries.
    variance : ndarray of shape (n_samples, p)
        Of the missing entries given the observed ones, 0 for observed ones.
    """
    imputed, variance = X.astype(np.float64), np.zeros(X.shape)
    missing = np.isnan(X)
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows) == 0:
        return imputed, variance

    def moments(R, evaluator, workspace):
        normalize(R)
        means, variances = evaluator.expectation(workspace, R.shape[1])
        mean = np.einsum("kn,kpn->pn", R, means)
        spread = np.einsum("kn,kpn->pn", R, (means - mean) ** 2 + variances)
        return np.stack([mean.T, spread.T], axis=1)

    result = map_blocks(moments, X[rows], mixture, n_threads)
    imputed[missing] = result[:, 0][missing[rows]]
    variance[missing] = result[:, 1][missing[rows]]
    return imputed, variance


def drawn_missing(X, mixture, n_draws, rng):
    """Draw the missing entries given the observed ones of their row.

    The component of a row is drawn first, by its probability given the row, then its
    missing entries. One thread draws, so that the numbers of `rng` go to the same rows
    whatever the number of threads.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data, with a missing entry in every row; NaN marks these.
    mixture : Mixture
        In the units of the data.
    n_draws : int
        How many times.
    rng : RandomState
        Where the random numbers come from.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_draws, p)
        Of no meaning for observed entries.
    """
    last = len(mixture.weights) - 1

    def of_block(R, evaluator, workspace):
        normalize(R)
        shares, n = R.cumsum(axis=0)[:last], R.shape[1]
        drawn = np.empty((n, n_draws, X.shape[1]))
        for i in range(n_draws):
            labels = (rng.uniform(size=n) > shares).sum(axis=0)
            noise = rng.standard_normal((n, X.shape[1]))
            drawn[:, i] = evaluator.draws(workspace, labels, noise)
        return drawn

    return map_blocks(of_block, X, mixture, n_threads=1)
