"""Newton's method for the places of many rows, each by itself, in a map that stays.

With the places z_j of landmarks and their weights w_j, a row at distances D_j has

    f(z) = sum_j w_j h(|z - z_j|²; D_j),

for some loss h of a pair. Sums are along rows of numbers, so that a row has the same
bits whatever rows are beside it. Where f has a saddle, which symmetry makes as good as
certain on lattices, rounding would decide where to go: a fixed direction does.
"""

import numpy as np

# What damping begins with, and its factors after a step that gains and one that fails.
DAMPING, LESS_DAMPED, MORE_DAMPED = 1e-3, 0.2, 8.0
# Least curvature, relative to the largest.
CURVATURE = 1e-6
# Where rounding hides which f is less, a step has to make the gradient as much less.
ROUNDING, LESS = 1e-12, 0.5
# Derivatives, relative to the largest curvature times the unit, that may be rounding,
# and the length of a step away from a saddle, in that unit.
NOISE, KICK = 1e-9, 1e-2
# Values that differ relatively by less are equal, for products of any shape.
EQUAL = 1e-9


def first_least(values, scale):
    """Return which number of each row is the first of those that are the least.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_values)
        The numbers.
    scale : float or ndarray of shape (n_rows, 1)
        Size of what they are sums of; its rounding does not decide.

    Returns
    -------
    which : ndarray of shape (n_rows,)
        The numbers' positions.
    """
    least = values.min(axis=1, keepdims=True)
    return (values <= least + EQUAL * scale).argmax(axis=1)


def newton(start, Z, D, weight, curved, *, unit, max_steps, tol, box=None):
    """Minimize f for each row.

    Parameters
    ----------
    start : ndarray of shape (n_rows, n_components)
        Where iterations start.
    Z : ndarray of shape (n_landmarks, n_components)
        Places of the landmarks.
    D : tuple of ndarray of shape (n_rows, n_landmarks)
        What h is told of the pairs, such as their distances.
    weight : ndarray of shape (n_landmarks,) or (n_rows, n_landmarks)
        Weights of the landmarks.
    curved : callable
        curved(x, *D) returns h and its first and second derivative by the squared
        distance x.
    unit : float
        A length in the map, which no step exceeds.
    max_steps : int
        Largest number of steps.
    tol : float
        Length of the last step, in the unit.
    box : tuple of two ndarray of shape (n_components,), default=None
        Corners between which places stay.

    Returns
    -------
    places : ndarray of shape (n_rows, n_components)
        Where f is not larger than at the start.
    values : ndarray of shape (n_rows,)
        f there.
    """
    low, high = (-np.inf, np.inf) if box is None else box
    z = np.clip(start, low, high)
    weight = np.broadcast_to(weight, D[0].shape)
    state = derivatives(z, Z, D, weight, curved)
    values, active = state[0].copy(), np.arange(len(z))
    damping = np.full(len(z), DAMPING)
    for _ in range(max_steps):
        step = _steps(*state[1:], damping[active], unit)
        trial = np.clip(z[active] + step, low, high)
        going = np.abs(trial - z[active]).max(axis=1) > tol * unit
        if not going.any():
            break
        if not going.all():
            active, trial = active[going], trial[going]
            state = tuple(part[going] for part in state)
        own = tuple(part[active] for part in D), weight[active]
        new = derivatives(trial, Z, *own, curved)
        change, noise = new[0] - state[0], ROUNDING * np.abs(state[0])
        less = np.square(new[1]).sum(axis=1) < LESS * np.square(state[1]).sum(axis=1)
        better = (change < -noise) | ((change <= noise) & less)
        z[active[better]], values[active[better]] = trial[better], new[0][better]
        damping[active] *= np.where(better, LESS_DAMPED, MORE_DAMPED)
        for part, its in zip(state, new, strict=True):
            part[better] = its[better]
    return z, values


def _steps(gradient, hessian, damping, unit):
    """Newton's steps with positive curvatures, and more of them by the damping."""
    curvatures, axes = np.linalg.eigh(hessian)
    sizes = np.abs(curvatures)
    largest = np.maximum(sizes.max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    damped = np.maximum(sizes, CURVATURE * largest) + damping[:, None] * largest
    along = -(axes * gradient[:, :, None]).sum(axis=1) / damped
    # Downhill to either side, and nothing but rounding says to which.
    saddle = (curvatures < -CURVATURE * largest) & (
        np.abs(along) * damped < NOISE * unit * largest
    )
    if saddle.any():
        aside = (axes * _aside(gradient.shape[1])[:, None]).sum(axis=1)
        aside *= KICK * unit / (1 + damping[:, None])
        along = np.where(saddle, aside, along)
    step = (axes * along[:, None, :]).sum(axis=2)
    # Farther than this no parabola says how f goes on.
    length = np.sqrt(np.square(step).sum(axis=1, keepdims=True))
    return step / np.maximum(length / unit, 1.0)


def _aside(n_components):
    """Return a direction along no axis of symmetry of a lattice."""
    direction = np.sqrt(np.arange(2.0, 2.0 + n_components))
    direction /= np.arange(1.0, 1.0 + n_components)
    return direction / np.linalg.norm(direction)


def derivatives(z, Z, D, weight, curved):
    """Return f, its gradient and its matrix of second derivatives for each row."""
    n, q = z.shape
    deltas = [np.subtract.outer(a, b) for a, b in zip(z.T, Z.T, strict=True)]
    x = sum(delta * delta for delta in deltas)
    h, h1, h2 = curved(x, *D)
    h1 *= weight
    h2 *= weight
    gradient, hessian = np.empty((n, q)), np.empty((n, q, q))
    total = 2 * h1.sum(axis=1)
    for i, a in enumerate(deltas):
        gradient[:, i] = 2 * (h1 * a).sum(axis=1)
        along = h2 * a
        for j, b in enumerate(deltas[: i + 1]):
            hessian[:, i, j] = hessian[:, j, i] = 4 * (along * b).sum(axis=1)
        hessian[:, i, i] += total
    return (h * weight).sum(axis=1), gradient, hessian
