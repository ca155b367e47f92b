"""Maximum likelihood with missing entries by a quasi-Newton method on EM steps.

EM slows down without bound where much is missing and the noise of a feature approaches
zero: the codes then hold on to the loadings they came from. Limited-memory BFGS learns
from the last gradients what EM does not know, and takes EM for what it has not learnt:
its first guess of the inverse Hessian is the inverse information of the completed data,
which turns a gradient into an EM step.

The noise is bounded from below, and the bound is lowered from 1e-2 by tens, each time
when there is no more to gain: so the loadings have settled before a feature loses its
noise.

Jamshidian and Jennrich (1997), Acceleration of the EM algorithm by using quasi-Newton
methods, JRSS B 59; Nocedal and Wright (2006), Numerical Optimization, algorithm 7.4.
"""

from collections import deque

import numpy as np

FIRST_FLOOR = 1e-2
# Before the last bound, there is no more to gain below this, in nats per row.
STAGE_TOL = 1e-5
# Pairs of steps and changes of the gradient that are remembered.
MEMORY = 30
# So many iterations in a row that gain less than tol are the end.
PATIENCE = 3
# The logarithm of a noise variance changes by no more in an iteration.
MAX_LOG_CHANGE = 2.0
N_TRIALS = 15


def maximize_observed(step, model, *, tol, max_iter, report):
    """Maximize the likelihood of what is observed; it never decreases.

    Parameters
    ----------
    step : MissingStep
        The data.
    model : LinearGaussian
        The start.
    tol : float
        Converged when three iterations in a row gain less each, in nats per row.
    max_iter : int
        Bound on the number of iterations.
    report : IterationReport
        Told about every iteration; it may ask to stop.

    Returns
    -------
    model : LinearGaussian
        The last model.
    history : list of float
        Log-likelihood before each iteration and at the end.
    converged : bool
        Whether `tol` was met, or a callback asked to stop.
    """
    floor = max(step.floor, min(FIRST_FLOOR, model.psi.min()))
    here = step.expectations(_bounded(step, step.pack(model), floor))
    history, pairs, n_small = [here.log_likelihood], deque(maxlen=MEMORY), 0
    for _ in range(max_iter):
        report.begin()
        there = _advance(step, here, pairs, floor)
        if there is None and pairs:  # what was remembered misleads
            pairs.clear()
            there = _advance(step, here, pairs, floor)
        gain = 0.0
        if there is not None:
            gain = there.log_likelihood - here.log_likelihood
            _remember(step, pairs, here, there)
            here = there
        last = floor <= step.floor
        n_small = n_small + 1 if gain < (tol if last else max(tol, STAGE_TOL)) else 0
        settled = n_small == PATIENCE or there is None
        if settled and not last:
            at_floor = here.model.psi.min() <= floor * (1 + 1e-9)
            floor = max(floor / 10, step.floor) if at_floor else step.floor
            n_small = 0
        history.append(here.log_likelihood)
        converged = report.end(-here.log_likelihood, here.model, history)
        converged |= settled and last
        if converged:
            break
    return here.model, history, converged


def _bounded(step, theta, floor):
    """The model of a vector, with no less noise than the floor."""
    n_noise = len(step.pooled(step.count))
    theta[-n_noise:] = np.maximum(theta[-n_noise:], np.log(floor))
    return step.unpack(theta)


def _advance(step, here, pairs, floor):
    """A model with a larger likelihood in the direction of BFGS; None if none is found.

    Noise at its bound that would go below it stays out.
    """
    theta, gradient = step.pack(here.model), step.gradient(here)
    noise = slice(-len(step.pooled(step.count)), None)
    held = np.zeros(len(theta), dtype=bool)
    held[noise] = (theta[noise] <= np.log(floor) + 1e-9) & (gradient[noise] < 0)
    gradient[held] = 0
    direction = _direction(step, here, pairs, gradient)
    direction[held] = 0
    if gradient @ direction <= 0:
        return None
    length = min(1.0, MAX_LOG_CHANGE / max(np.abs(direction[noise]).max(), 1e-300))
    for _ in range(N_TRIALS):
        model = _bounded(step, theta + length * direction, floor)
        with np.errstate(all="ignore"):  # a step too long may land nowhere
            there = step.expectations(model)
        expected = gradient @ (step.pack(model) - theta)
        if there.log_likelihood - here.log_likelihood > 1e-4 * max(expected, 0):
            return there
        length *= 0.3
    return None


def _direction(step, here, pairs, gradient):
    """The two loops of limited-memory BFGS, which begin with an EM step."""
    v, shares = gradient.copy(), []
    for s, y in reversed(pairs):
        shares.append((s @ v) / (s @ y))
        v -= shares[-1] * y
    v = step.precondition(here, v)
    for s, y in pairs:
        v += (shares.pop() - (y @ v) / (s @ y)) * s
    return v


def _remember(step, pairs, here, there):
    """Keep the step and what it did to the gradient, where curvature is negative."""
    s = step.pack(there.model) - step.pack(here.model)
    y = step.gradient(here) - step.gradient(there)
    if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
        pairs.append((s, y))
