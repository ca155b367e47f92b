"""Steps of limited-memory BFGS towards a maximum, for likelihoods that EM maximizes.

A step goes along H g, with g the gradient and H an estimate of the inverse of minus the
Hessian: a first guess, such as the inverse information of the completed data, with
which H g is an EM step, corrected by what the last steps did to the gradient. The
length is reduced until the value gains a small share of what the gradient
promises, so that no step leads down.

Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization,
Mathematical Programming 45; Nocedal and Wright (2006), Numerical Optimization,
algorithms 3.1 and 7.4, eq. 7.20.
"""

from typing import NamedTuple

import numpy as np

N_TRIALS = 15
# Share of the gain that the gradient promises.
SUFFICIENT = 1e-4


class Point(NamedTuple):
    """Parameters, and what the function has there.

    Parameters
    ----------
    theta : ndarray of shape (n,)
        The parameters.
    value : float
        To be maximized; NaN or -inf where there is none.
    gradient : ndarray of shape (n,)
        Of the value.
    state : object
        What the caller wants to keep of it.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    state: object


def advance(
    here,
    pairs,
    evaluate,
    precondition=None,
    *,
    lower=-np.inf,
    longest=np.inf,
    shorter=0.5,
):
    """A point with a larger value, or None if none is found.

    Parameters
    ----------
    here : Point
        Where the step starts.
    pairs : deque of (ndarray, ndarray)
        Steps, and minus what they did to the gradient; what this step does is added.
        Forgotten if they lead nowhere.
    evaluate : callable
        evaluate(theta) returns a `Point`, whose theta may differ by rounding.
    precondition : callable, default=None
        precondition(v) returns the first guess of H times v. None is the identity, or
        once there are pairs the multiple of it that suits the last of them.
    lower : float or ndarray of shape (n,), default=-inf
        Bounds of the parameters. One that is at its bound and would go below stays.
    longest : float or ndarray of shape (n,), default=inf
        By how much a parameter may change.
    shorter : float, default=0.5
        Factor of the length after a trial that gains too little.

    Returns
    -------
    there : Point or None
        Where it ends.
    """
    options = (precondition, lower, longest, shorter)
    there = _search(here, pairs, evaluate, *options)
    if there is None and pairs:  # what was remembered misleads
        pairs.clear()
        there = _search(here, pairs, evaluate, *options)
    if there is not None:
        s, y = there.theta - here.theta, here.gradient - there.gradient
        if s @ y > 1e-10 * np.linalg.norm(s) * np.linalg.norm(y):
            pairs.append((s, y))
    return there


def _search(here, pairs, evaluate, precondition, lower, longest, shorter):
    """Go in the direction of BFGS, and less far until that is upwards."""
    held = (here.theta <= lower + 1e-9) & (here.gradient < 0)
    gradient = np.where(held, 0.0, here.gradient)
    direction = np.where(held, 0.0, _direction(gradient, pairs, precondition))
    if gradient @ direction <= 0:
        return None
    length = min(1.0, (longest / np.maximum(np.abs(direction), 1e-300)).min())
    for _ in range(N_TRIALS):
        with np.errstate(all="ignore"):  # a step too long may land nowhere
            there = evaluate(np.maximum(here.theta + length * direction, lower))
        promised = gradient @ (there.theta - here.theta)
        if there.value - here.value > SUFFICIENT * max(promised, 0):
            return there
        length *= shorter
    return None


def _direction(gradient, pairs, precondition):
    """The two loops of limited-memory BFGS."""
    v, shares = gradient.copy(), []
    for s, y in reversed(pairs):
        shares.append((s @ v) / (s @ y))
        v -= shares[-1] * y
    if precondition is not None:
        v = precondition(v)
    elif pairs:
        s, y = pairs[-1]
        v *= (s @ y) / (y @ y)
    for s, y in pairs:
        v += (shares.pop() - (y @ v) / (s @ y)) * s
    return v
