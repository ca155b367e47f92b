"""EM steps, extrapolated: Anderson acceleration that keeps the likelihood monotone.

With G the EM step, theta all parameters as a vector without bounds (`Mixture.pack`),
and f = G(theta) - theta, the next point is

    G(theta_t) - dG gamma,   gamma = argmin |f_t - dF gamma|

where the columns of dF and dG are the last differences of f and of G. With a single
difference, that goes back where the steps get longer, as they do when EM leaves a
saddle; then gamma = -|f_t| / |dF| is taken, which always goes ahead. Every point is
evaluated by one EM step, which gives its likelihood too. One with a lower likelihood
than the point before is dropped with the differences so far, and the EM step from there
taken.

Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM
algorithm, JRSS B 39, section 4.3; Walker and Ni (2011), Anderson acceleration for
fixed-point iterations, SIAM Journal on Numerical Analysis 49, eq. 2.1; Henderson and
Varadhan (2019), Damped Anderson acceleration with restarts and monotonicity control,
JCGS 28; Varadhan and Roland (2008), Simple and globally convergent methods for
accelerating the convergence of any EM algorithm, Scandinavian Journal of Statistics 35,
scheme S3.
"""

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from sklatent.density.mixture._device_passes import sums_on_device
from sklatent.density.mixture._missing import MissingDiagonal, MissingFull
from sklatent.density.mixture._model import Mixture
from sklatent.density.mixture._passes import (
    ExpandedDiagonal,
    ExpandedFull,
    WhitenedDiagonal,
    WhitenedFull,
    row_parts,
)
from sklatent.density.mixture._screening import ScreenedFull, is_apart
from sklatent.utils._arrays import are_dispatched
from sklatent.utils._threads import map_threads

# Differences that an extrapolation is made from. One extrapolated step that gains
# little may be a poor one, or cross a plateau; as many are the end.
MEMORY = 10
# Plain steps, which find out what the components are, until one gains less than this
# in nats per row.
PLAIN_GAIN = 1e-3
# Directions of smaller singular values, relative to the largest, are noise.
RESOLUTION = 1e-2
# Evaluators for full and for diagonal covariances.
EVALUATORS = {
    "expanded": (ExpandedFull, ExpandedDiagonal),
    "whitened": (WhitenedFull, WhitenedDiagonal),
    "screened": (ScreenedFull, WhitenedDiagonal),
    "missing": (MissingFull, MissingDiagonal),
}
# Largest conditions at which expansion leaves about ten digits, and four in single
# precision.
EXPANDED_CONDITION = {np.float64: 1e6, np.float32: 3e3}
# Up to so many features, expansion is the faster method for full covariances.
EXPANDED_FEATURES = 32
# A component that accounts for a smaller share of the rows loses them.
SMALLEST_SHARE = 1e-12


class Ascent(NamedTuple):
    """Result of maximizing the likelihood from one start.

    Parameters
    ----------
    mixture : Mixture
        The EM step from the best point.
    history : list of float
        Mean log-likelihood at the start of each iteration, or at the best point so
        far: it never decreases but for rounding and the regularization.
    converged : bool
        Whether the last steps gained less than the tolerance.
    stopped : bool
        Whether a callback asked to stop.
    log_likelihood : float
        Mean log-likelihood that the fit reports, and is chosen by. With missing
        entries, that of the mixture. Else it would take one more pass over the rows,
        and the last of the history stands for it.
    """

    mixture: object
    history: list
    converged: bool
    stopped: bool
    log_likelihood: float


def accelerated_em(step, mixture, *, tol, max_iter, accelerate, report, before=-np.inf):
    """Repeat EM steps until one gains less than `tol`, or ten extrapolated ones.

    Parameters
    ----------
    step : callable
        step(mixture) returns the next mixture and the mean log-likelihood of the given
        one.
    mixture : Mixture
        The start.
    tol : float
        Gain below which EM has converged, in nats per row.
    max_iter : int
        Largest number of steps, at least 1.
    accelerate : bool
        Whether to extrapolate.
    report : IterationReport
        Told about every iteration; it may ask to stop.
    before : float, default=-inf
        Mean log-likelihood where the run ended that this one resumes.

    Returns
    -------
    ascent : Ascent
        The result.
    """
    history, best = [], None  # best: the EM step from the best point
    ahead = converged = stopped = extrapolates = False
    extrapolation = _Extrapolation()
    for _ in range(max_iter):
        report.begin()
        window = MEMORY if extrapolates else 1
        after, reached = _evaluate(step, mixture, ahead)
        # "not >=" rather than "<": a likelihood that is no number is dropped too.
        if ahead and not reached >= history[-1]:
            history.append(history[-1])
            mixture, ahead, extrapolation = best, False, _Extrapolation()
        else:
            slow = bool(history) and reached - history[-1] < PLAIN_GAIN
            extrapolates = extrapolates or (accelerate and slow)
            history.append(reached)
            best = after
            proposal = extrapolation.propose(mixture, after) if extrapolates else None
            ahead = proposal is not None
            mixture = proposal if ahead else after
        reached = [before, *history[-1 - window :]]
        converged = (
            len(reached) > window and abs(reached[-1] - reached[-1 - window]) < tol
        )
        stopped = report.end(-history[-1], best, history)
        if converged or stopped:
            break
    return Ascent(best, history, converged, stopped, history[-1])


def _evaluate(step, mixture, ahead):
    """Take an EM step; an extrapolated point that is singular has no likelihood."""
    try:
        return step(mixture)
    except np.linalg.LinAlgError:
        if not ahead:
            raise
        return None, -np.inf


class _Extrapolation:
    """The last EM steps, and where they lead."""

    def __init__(self):
        self.points, self.images = [], []

    def propose(self, mixture, after):
        """Take in an EM step, and return a point ahead of it; None without history."""
        self.points.append(mixture.pack())
        self.images.append(after.pack())
        del self.points[: -MEMORY - 1], self.images[: -MEMORY - 1]
        if len(self.points) < 2:
            return None
        G = np.array(self.images)
        F = G - np.array(self.points)
        dF, dG = np.diff(F, axis=0).T, np.diff(G, axis=0).T
        with np.errstate(all="ignore"):  # unpack returns None for what is no number
            if len(F) == 2:
                gamma = -np.linalg.norm(F[-1:]) / np.linalg.norm(dF, axis=0)
            else:
                gamma = np.linalg.lstsq(dF, F[-1], rcond=RESOLUTION)[0]
            return mixture.unpack(G[-1] - dG @ gamma)


def em_step(mixture, rows, reg, n_threads, step_size=1.0):
    """One EM step.

    Parameters
    ----------
    mixture : Mixture
        Where the step starts, in the units of the rows' frame.
    rows : TrainingRows or BlockedRows
        The data.
    reg : ndarray of shape (p,)
        Added to the variances.
    n_threads : int
        How many threads share the rows.
    step_size : float, default=1.0
        Share of these rows in the statistics of the M-step. The rest are the
        statistics that the mixture stands for, as in stepwise EM.

    Returns
    -------
    mixture : Mixture
        Where the step ends.
    log_likelihood : float
        Mean log-likelihood per row where the step started, in the units of the frame.
    """

    def step(method):
        statistics = e_step(mixture, rows, n_threads, method)
        log_likelihood = statistics.log_likelihood / statistics.total
        if step_size < 1:
            seen = MixtureStatistics.of(mixture, reg).scaled(1 - step_size)
            statistics = seen.merge(statistics.scaled(step_size / statistics.total))
        return m_step(statistics, mixture, reg), log_likelihood

    if rows.has_missing:
        return step("missing")
    if is_expandable(mixture, rows.dtype):
        with contextlib.suppress(np.linalg.LinAlgError):
            after, log_likelihood = step("expanded")
            # If a component collapsed in this one step, its covariance was a small
            # difference of large sums, and the step is taken again without it.
            if is_expandable(after, rows.dtype):
                return after, log_likelihood
    return step("screened" if is_apart(mixture, rows) else "whitened")


def is_expandable(mixture, dtype):
    """Whether expansion about the origin loses few digits, and is faster."""
    few = mixture.structure.diagonal or mixture.means.shape[1] <= EXPANDED_FEATURES
    return few and mixture.condition < EXPANDED_CONDITION[np.dtype(dtype).type]


def e_step(mixture, rows, n_threads, method="whitened"):
    """Statistics of the rows under the responsibilities that a mixture gives.

    Parameters
    ----------
    mixture : Mixture
        In the units of the rows' frame.
    rows : TrainingRows or BlockedRows
        The data.
    n_threads : int
        How many threads share the rows.
    method : {"expanded", "whitened", "screened", "missing"}, default="whitened"
        See `_passes`, `_screening`, and `_missing` for rows with missing entries. Rows
        on a device are whitened whatever it says.

    Returns
    -------
    statistics : MixtureStatistics
        In the units of the frame.
    """
    return rows.reduce(
        _sums_of_rows, MixtureStatistics.merge, mixture, n_threads, method
    )


def _sums_of_rows(rows, mixture, n_threads, method):
    """Statistics of rows in memory or on a device; see `e_step`."""
    if are_dispatched(rows.X):
        return MixtureStatistics(*sums_on_device(rows, mixture))
    n = len(rows.X)
    parts = row_parts(n)
    make_evaluator = EVALUATORS[method][mixture.structure.diagonal]
    evaluator = make_evaluator(mixture, rows.X.dtype, parts[0].stop)
    sum_blocks = partial(evaluator.sum_blocks, rows)
    sums, log_likelihood = zip(*map_threads(sum_blocks, parts, n_threads), strict=True)
    sums = list(map(sum, zip(*sums, strict=True)))
    total = float(n if rows.weight is None else rows.weight.sum())
    log_likelihood = sum(log_likelihood) + total * evaluator.log_offset
    return MixtureStatistics(*evaluator.moments(sums), log_likelihood, total)


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
        old = mixture.structure.square(mixture.expanded_root)
        means = np.where(alive[:, None], means, mixture.means)
        S = np.where(alive.reshape(-1, *[1] * (S.ndim - 1)), S, old)
    C = mixture.structure.constrain(S, weights, reg)
    return Mixture(weights, means, mixture.structure.root(C), mixture.structure)


@dataclass(frozen=True)
class MixtureStatistics:
    """Weight, mean and covariance of what each component is responsible for.

    Parameters
    ----------
    weight : ndarray of shape (k,)
        Sums of responsibilities.
    means : ndarray of shape (k, p)
        Means of the rows, weighted by responsibility.
    covariances : ndarray of shape (k, p, p) or (k, p)
        Covariances about these means; only the variances for diagonal structures.
    log_likelihood : float
        Weighted sum of the log-densities of the rows, in nats.
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
        covariances = mixture.structure.square(mixture.expanded_root)
        if mixture.structure.diagonal:
            covariances = np.maximum(covariances - reg, 0.0)
        else:
            covariances = covariances - np.diag(reg)
        return cls(mixture.weights, mixture.means, covariances, np.nan, 1.0)

    def scaled(self, factor):
        """The same with all weights times `factor`."""
        return replace(
            self,
            weight=self.weight * factor,
            log_likelihood=self.log_likelihood * factor,
            total=self.total * factor,
        )

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
