"""Passes over the rows, block by block: E-step and M-step in one, and densities.

Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM
algorithm, JRSS B 39, section 4.3.
"""

import contextlib
from dataclasses import dataclass

import numpy as np

from sklatent.density.mixture._missing import (
    HoledDiagonal,
    HoledFull,
    pattern_order,
)
from sklatent.density.mixture._parameters import Mixture
from sklatent.density.mixture._passes import (
    ExpandedDiagonal,
    ExpandedFull,
    WhitenedDiagonal,
    WhitenedFull,
    is_expandable,
)
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

# The rows are shared out in at most so many parts, each summed by one thread. Their
# number does not depend on that of the threads, nor do the results.
PARTS = 8
PART_ROWS = 2048
# Kernels for full and for diagonal covariances.
KERNELS = {
    "expanded": (ExpandedFull, ExpandedDiagonal),
    "whitened": (WhitenedFull, WhitenedDiagonal),
    "holed": (HoledFull, HoledDiagonal),
}
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

    @classmethod
    def of(cls, mixture, reg):
        """What a mixture stands for: the statistics of total 1 whose M-step it is."""
        L = mixture.expanded_root
        if mixture.structure.diagonal:
            covariances = np.maximum(L**2 - reg, 0.0)
        else:
            covariances = L @ np.swapaxes(L, 1, 2) - np.diag(reg)
        return cls(mixture.weights, mixture.means, covariances, np.nan, 1.0)

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


def make_kernel(way, mixture, dtype, n_rows):
    """Kernel for so many rows of a precision, one of `KERNELS`."""
    kind = KERNELS[way][mixture.structure.diagonal]
    return kind(mixture, np.dtype(dtype).type, n_rows)


def e_step(X, sample_weight, mixture, frame, n_threads, *, way="whitened"):
    """Statistics of the rows under the responsibilities that a mixture gives.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data; where rows have holes, in the order of `pattern_order`.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights, in double precision.
    mixture : Mixture
        In the units of the frame.
    frame : Frame or None
        Units to compute in; None if the rows are in them.
    n_threads : int
        How many threads share the rows.
    way : {"expanded", "whitened", "holed"}, default="whitened"
        See `_passes`, and `_missing` for rows with holes.

    Returns
    -------
    statistics : MixtureStatistics
        In the units of the frame.
    """
    kernel = make_kernel(way, mixture, X.dtype, len(X))

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
    logs = np.empty(kernel.k * n, X.dtype)
    room, sums, log_likelihood = kernel.room(), kernel.mixture_sums(), 0.0
    for block in row_slices(len(X), n):
        width = block.stop - block.start
        Z = kernel.rows_in(room, width)
        if frame is None:
            np.copyto(Z, X[block].T)
        else:
            frame.rows(X[block], Z)
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


def em_step(rows, mixture, frame, reg, n_threads, step_size=1.0):
    """One EM step.

    Parameters
    ----------
    rows : Rows
        The data.
    mixture : Mixture
        Where the step starts, in the units of the frame.
    frame : Frame
        Units to compute in.
    reg : ndarray of shape (p,)
        Added to the variances.
    n_threads : int
        How many threads share the rows.
    step_size : float, default=1.0
        Share of these rows in the statistics; the others are what the mixture stands
        for.

    Returns
    -------
    mixture : Mixture
        Where it ends.
    log_likelihood : float
        Mean log-likelihood per row where it started, in the units of the frame.
    """
    X, units = (rows.X, frame) if rows.scaled is None else (rows.scaled, None)

    def step(way):
        statistics = e_step(X, rows.weight, mixture, units, n_threads, way=way)
        moved = statistics
        if step_size < 1:
            seen = MixtureStatistics.of(mixture, reg).scaled(1 - step_size)
            moved = seen.merge(statistics.scaled(step_size / statistics.total))
        log_likelihood = statistics.log_likelihood / statistics.total
        return m_step(moved, mixture, reg), log_likelihood

    if rows.holed:
        return step("holed")
    if is_expandable(mixture, rows.X.dtype):
        with contextlib.suppress(np.linalg.LinAlgError):
            after, log_likelihood = step("expanded")
            # Of a component that collapsed at once, an expansion has no digits.
            if is_expandable(after, rows.X.dtype):
                return after, log_likelihood
    return step("whitened")


def map_blocks(X, mixture, n_threads, function):
    """Apply a function to the joint log-densities of blocks of rows.

    Each row is whitened about each mean, in double precision, so that the result does
    not depend on the other rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data; NaN where something is missing.
    mixture : Mixture
        In the units of the data.
    n_threads : int
        How many threads share the rows.
    function : callable
        function(L, kernel, room), with L[i, j] the log of weight times density of
        component i at row j of a block and `room` as the kernel left it, returns an
        array with an entry per row.

    Returns
    -------
    result : ndarray of shape (n_samples, ...)
        What the function returned, in the order of the rows.
    """
    holed = bool(np.isnan(X).any())
    if holed:
        order = pattern_order(X)
        X = X[order]
    kernel = make_kernel("holed" if holed else "whitened", mixture, np.float64, len(X))
    n = kernel.block_rows

    def apply(part):
        room, results = kernel.room(), []
        for block in row_slices(part.stop - part.start, n):
            Z = X[part][block].T.astype(np.float64, order="C")
            L = kernel.log_joint(Z, room, np.empty((kernel.k, Z.shape[1])))
            L += kernel.log_offset
            results.append(function(L, kernel, room))
        return np.concatenate(results)

    parts = list(row_slices(len(X), max(-(-len(X) // PARTS), PART_ROWS)))
    results = np.concatenate(map_threads(apply, parts, n_threads))
    if holed:
        results[order] = results.copy()
    return results


def expected(X, mixture, n_threads):
    """Expectation of the missing entries given what is observed of each row.

    That of the mixture is the mean of those of its components; its variance is theirs,
    and that of their means.

    Parameters
    ----------
    X : ndarray of shape (n_samples, p)
        The data; NaN where something is missing.
    mixture : Mixture
        In the units of the data.
    n_threads : int
        How many threads share the rows.

    Returns
    -------
    imputed : ndarray of shape (n_samples, p)
        The rows, their holes filled.
    variance : ndarray of shape (n_samples, p)
        Of the entries given what is observed, 0 for observed ones.
    """
    imputed, variance = X.astype(np.float64), np.zeros(X.shape)
    holes = np.isnan(X)
    rows = np.flatnonzero(holes.any(axis=1))
    if len(rows) == 0:
        return imputed, variance

    def moments(R, kernel, room):
        normalize(R)
        means, variances = kernel.expectation(room, R.shape[1])
        mean = np.einsum("kn,kpn->pn", R, means)
        spread = np.einsum("kn,kpn->pn", R, (means - mean) ** 2 + variances)
        return np.stack([mean.T, spread.T], axis=1)

    result = map_blocks(X[rows], mixture, n_threads, moments)
    imputed[holes] = result[:, 0][holes[rows]]
    variance[holes] = result[:, 1][holes[rows]]
    return imputed, variance
