"""Passes over the rows, block by block: E-step and M-step in one, and densities.

Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM
algorithm, JRSS B 39, section 4.3.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from sklatent.density._mixture_kernels import is_expandable, make_kernel
from sklatent.density._mixture_parameters import Mixture
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

# The rows are shared out in at most so many parts, each summed by one thread. Their
# number does not depend on that of the threads, nor do the results.
PARTS = 8
PART_ROWS = 2048
# A component that accounts for a smaller share of the rows has none.
SMALLEST_SHARE = 1e-12


@dataclass(frozen=True)
class MixtureStatistics:
    """Weight, mean and covariance of what each component is responsible for.

    Parameters
    ----------
    weight : ndarray of shape (k,)
        Sums of responsibilities.
    means : ndarray of shape (k, p)
        Of the rows, weighted by responsibility.
    covariances : ndarray of shape (k, p, p) or (k, p)
        About these means; only the variances for diagonal structures.
    log_likelihood : float
        Weighted sum over the rows, in nats.
    total : float
        Sum of the weights of the rows.
    """

    weight: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_likelihood: float
    total: float

    def merge(self, other):
        """Statistics of both sets of rows together, by Chan, Golub and LeVeque."""
        weight = self.weight + other.weight
        share = (other.weight / np.where(weight > 0, weight, 1.0))[:, None]
        delta = other.means - self.means
        if self.covariances.ndim == 2:
            between, share_C = delta**2, share
        else:
            between, share_C = delta[:, :, None] * delta[:, None], share[:, :, None]
        covariances = (1 - share_C) * self.covariances + share_C * other.covariances
        covariances += share_C * (1 - share_C) * between
        return MixtureStatistics(
            weight,
            self.means + share * delta,
            covariances,
            self.log_likelihood + other.log_likelihood,
            self.total + other.total,
        )

    def scaled(self, factor):
        """The same with all weights times `factor`."""
        return MixtureStatistics(
            self.weight * factor,
            self.means,
            self.covariances,
            self.log_likelihood * factor,
            self.total * factor,
        )


def normalize(L):
    """Turn logarithms into responsibilities in place; return the log of their sum.

    Columns are rows of the data. Those too far from all components for a number have
    even responsibilities, and -inf.
    """
    largest = L.max(axis=0)
    lost = largest == -np.inf
    if lost.any():
        L[:, lost] = 0.0
    L -= np.where(lost, 0.0, largest)
    np.exp(L, out=L)
    total = L.sum(axis=0)
    L /= total
    np.log(total, out=total)
    total += largest
    return total


def e_step(X, sample_weight, mixture, frame, n_threads, *, expanded=False):
    """Statistics of the rows under the responsibilities that a mixture gives.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, in double precision.
    mixture : Mixture
        In the units of the frame.
    frame : Frame
        Units to compute in.
    n_threads : int
        How many threads share the rows.
    expanded : bool, default=False
        Whether to expand about the origin; see `Kernel`.

    Returns
    -------
    statistics : MixtureStatistics
        In the units of the frame.
    """
    kernel = make_kernel(mixture, X.dtype, expanded=expanded)

    def sums_of(part):
        return _sum_blocks(X[part], _part(sample_weight, part), frame, kernel)

    parts = list(row_slices(len(X), max(-(-len(X) // PARTS), PART_ROWS)))
    sums, log_likelihood = zip(*map_threads(sums_of, parts, n_threads), strict=True)
    sums = [sum(kinds) for kinds in zip(*sums, strict=True)]
    total = float(len(X) if sample_weight is None else sample_weight.sum())
    log_likelihood = sum(log_likelihood) + total * kernel.log_offset
    return MixtureStatistics(*kernel.moments(sums), log_likelihood, total)


def _part(weight, rows):
    return None if weight is None else weight[rows]


def _sum_blocks(X, weight, frame, kernel):
    """Sums over blocks of rows, and their log-likelihood less the offset."""
    n = kernel.block_rows
    rows = np.empty(kernel.p * n, X.dtype)
    logs = np.empty(kernel.k * n, X.dtype)
    room, sums, log_likelihood = kernel.room(), kernel.mixture_sums(), 0.0
    for block in row_slices(len(X), n):
        width = block.stop - block.start
        Z = frame.rows(X[block], rows[: kernel.p * width].reshape(kernel.p, width))
        L = logs[: kernel.k * width].reshape(kernel.k, width)
        kernel.log_joint(Z, room, L)
        log_density = normalize(L)
        if weight is None:
            log_likelihood += float(log_density.sum(dtype=np.float64))
        else:
            log_likelihood += float(weight[block] @ log_density)
            L *= weight[block].astype(L.dtype)
        kernel.add(L, Z, room, sums)
    return sums, log_likelihood


def m_step(statistics, mixture, reg):
    """Mixture of the largest expected likelihood, given sums over the rows.

    Parameters
    ----------
    statistics : MixtureStatistics
        What `e_step` returns.
    mixture : Mixture
        Where the step started; a component without weight stays where it was.
    reg : ndarray of shape (p,)
        Added to the variances.

    Returns
    -------
    mixture : Mixture
        Where the step ends.
    """
    alive = statistics.weight > statistics.total * SMALLEST_SHARE
    weights = np.where(alive, statistics.weight, 0.0)
    weights /= weights.sum()
    means, S = statistics.means, statistics.covariances
    if not alive.all():
        L = mixture.expanded_root
        old = L**2 if mixture.structure.diagonal else L @ np.swapaxes(L, 1, 2)
        means = np.where(alive[:, None], means, mixture.means)
        S = np.where(alive.reshape(-1, *[1] * (S.ndim - 1)), S, old)
    C = mixture.structure.constrain(S, weights, reg)
    return Mixture(weights, means, mixture.structure.root(C), mixture.structure)


def em_step(X, sample_weight, mixture, frame, reg, n_threads):
    """One EM step.

    Returns
    -------
    mixture : Mixture
        Where it ends.
    log_likelihood : float
        Mean log-likelihood per row where it started, in the units of the frame.
    """
    pass_over = partial(e_step, X, sample_weight, mixture, frame, n_threads)
    expanded = is_expandable(mixture, X.dtype)
    statistics = pass_over(expanded=expanded)
    try:
        after = m_step(statistics, mixture, reg)
        # Of a component that collapsed at once, an expansion has no digits.
        sound = not expanded or is_expandable(after, X.dtype)
    except np.linalg.LinAlgError:
        if not expanded:
            raise
        sound = False
    if not sound:
        statistics = pass_over(expanded=False)
        after = m_step(statistics, mixture, reg)
    return after, statistics.log_likelihood / statistics.total


def log_joint(X, mixture, n_threads, function):
    """Apply a function to the joint log-densities of blocks of rows.

    Each row is whitened about each mean, in double precision, so that the result does
    not depend on the other rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data.
    mixture : Mixture
        In the units of the data.
    n_threads : int
        How many threads share the rows.
    function : callable
        function(L), with L[i, j] the log of weight times density of component i at
        row j of a block, returns an array with an entry per row.

    Returns
    -------
    result : ndarray of shape (n_samples, ...)
        What the function returned, one block after the other.
    """
    kernel = make_kernel(mixture, np.float64, expanded=False)
    kernel.joint = False  # no expansion here either
    n = kernel.block_rows

    def apply(part):
        room, results = kernel.room(), []
        for block in row_slices(part.stop - part.start, n):
            Z = X[part][block].T.astype(np.float64, order="C")
            L = kernel.log_joint(Z, room, np.empty((kernel.k, Z.shape[1])))
            L += kernel.log_offset
            results.append(function(L))
        return np.concatenate(results)

    parts = list(row_slices(len(X), max(-(-len(X) // PARTS), PART_ROWS)))
    return np.concatenate(map_threads(apply, parts, n_threads))
