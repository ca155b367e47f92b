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

Walker and Ni (2011), Anderson acceleration for fixed-point iterations, SIAM Journal on
Numerical Analysis 49, eq. 2.1; Henderson and Varadhan (2019), Damped Anderson
acceleration with restarts and monotonicity control, JCGS 28; Varadhan and Roland
(2008), Simple and globally convergent methods for accelerating the convergence of any
EM algorithm, Scandinavian Journal of Statistics 35, scheme S3.
"""

from typing import NamedTuple

import numpy as np

# Differences that an extrapolation is made from. One extrapolated step that gains
# little may be a poor one, or cross a plateau; as many are the end.
MEMORY = 10
# Plain steps, which find out what the components are, until one gains less than this
# in nats per row.
PLAIN_GAIN = 1e-3
# Directions of smaller singular values, relative to the largest, are noise.
RESOLUTION = 1e-2


class Ascent(NamedTuple):
    """Where EM led.

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
    reached : float or None
        Mean log-likelihood of the mixture itself, where entries are missing. Else it
        takes one more pass over the rows, and the last of the history stands for it.
    """

    mixture: object
    history: list
    converged: bool
    stopped: bool
    reached: float | None = None

    @property
    def log_likelihood(self):
        """Mean log-likelihood that the fit reports, and is chosen by."""
        if self.reached is not None:
            return self.reached
        return self.history[-1] if self.history else -np.inf


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
        with np.errstate(all="ignore"):  # unpack sees to what is no number
            if len(F) == 2:
                gamma = -np.linalg.norm(F[-1:]) / np.linalg.norm(dF, axis=0)
            else:
                gamma = np.linalg.lstsq(dF, F[-1], rcond=RESOLUTION)[0]
            return mixture.unpack(G[-1] - dG @ gamma)


def maximize(step, mixture, *, tol, max_iter, accelerate, report, before=-np.inf):
    """Repeat EM steps until one gains less than `tol`, or ten extrapolated ones.

    Parameters
    ----------
    step : callable
        step(mixture) returns the next mixture and the mean log-likelihood of the given
        one.
    mixture : Mixture
        The start.
    tol : float
        In nats per row.
    max_iter : int
        Bound on the number of steps, at least 1.
    accelerate : bool
        Whether to extrapolate.
    report : IterationReport
        Told about every iteration; it may ask to stop.
    before : float, default=-inf
        Likelihood where an earlier run ended that this one goes on from.

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
    return Ascent(best, history, converged, stopped)


def _evaluate(step, mixture, ahead):
    """Take an EM step; a point ahead where there is none has no likelihood."""
    try:
        return step(mixture)
    except np.linalg.LinAlgError:
        if not ahead:
            raise
        return None, -np.inf
