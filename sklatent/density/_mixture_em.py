"""EM steps, extrapolated: Anderson acceleration that keeps the likelihood monotone.

With G the EM step, theta all parameters as a vector without bounds (`Mixture.pack`),
and f = G(theta) - theta, the next point is

    G(theta_t) - dG gamma,   gamma = argmin |f_t - dF gamma|

where the columns of dF and dG are the last differences of f and of G. Every point is
evaluated by one EM step, which gives its likelihood too. One with a lower likelihood
than the point before is dropped, and the EM step from there taken.

Walker and Ni (2011), Anderson acceleration for fixed-point iterations, SIAM Journal on
Numerical Analysis 49, eq. 2.1; Henderson and Varadhan (2019), Damped Anderson
acceleration with restarts and monotonicity control, JCGS 28.
"""

from typing import NamedTuple

import numpy as np

# Differences that an extrapolation is made from.
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
        Whether a step gained less than the tolerance.
    stopped : bool
        Whether a callback asked to stop.
    """

    mixture: object
    history: list
    converged: bool
    stopped: bool


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
        gamma = np.linalg.lstsq(dF, F[-1], rcond=RESOLUTION)[0]
        return mixture.unpack(G[-1] - dG @ gamma)


def maximize(step, mixture, *, tol, max_iter, accelerate, report):
    """Repeat EM steps until one gains less than `tol`, and extrapolation no more.

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

    Returns
    -------
    ascent : Ascent
        The result.
    """
    history, best, gain = [], None, np.inf  # best: the EM step from the best point
    ahead = converged = stopped = exhausted = False
    plain, extrapolation = True, _Extrapolation()
    for _ in range(max_iter):
        report.begin()
        after, reached = _evaluate(step, mixture, ahead)
        if ahead and not reached >= history[-1]:
            history.append(history[-1])
            exhausted = gain < tol
            mixture, ahead, extrapolation = best, False, _Extrapolation()
        else:
            gain = reached - history[-1] if history else np.inf
            history.append(reached)
            best = after
            small = abs(gain) < tol
            converged = small and not ahead and (exhausted or plain)
            exhausted = small and ahead
            plain = not accelerate or (plain and gain >= PLAIN_GAIN)
            proposal = None
            if not plain and not exhausted:
                proposal = extrapolation.propose(mixture, after)
            ahead = proposal is not None
            mixture = proposal if ahead else after
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
