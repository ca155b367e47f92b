"""Descent of stress: SMACOF, accelerated.

Each step goes along the gradient times an estimate of the inverse Hessian. Its first
guess makes the step the Guttman transform of SMACOF, and the last steps correct it, by
limited-memory BFGS. The length is reduced until the stress falls.
"""

from collections import deque

from sklatent.utils._ascent import Point, advance

# Steps that are remembered.
MEMORY = 10
# So many steps in a row that gain little are the last: one may be short by chance.
PATIENCE = 2


def descend(stress, Z, eps):
    """Reduce the stress of places, step by step.

    Parameters
    ----------
    stress : MetricStress or OrdinalStress
        The function.
    Z : ndarray of shape (n_rows, n_components)
        Where to start.
    eps : float
        The last two steps gain less, relative to the sum of the squared distances, or
        to the ordinal stress.

    Yields
    ------
    Z : ndarray of shape (n_rows, n_components)
        Places after a step.
    value : Value
        Their stress, which is never larger than that before.
    converged : bool
        Whether this is the last step.
    """
    shape = Z.shape

    def evaluate(theta):
        value = stress(theta.reshape(shape))
        return Point(theta, -value.stress, -value.gradient.ravel(), value)

    here, pairs = evaluate(Z.ravel()), deque(maxlen=MEMORY)
    short = 0
    while short < PATIENCE:

        def step(direction, at=here.state):
            return stress.step(at, direction.reshape(shape)).ravel()

        there = advance(here, pairs, evaluate, step)
        if there is None:  # rounding leaves nothing to gain
            short = PATIENCE
        else:
            gain = stress.relative(there.value - here.value, there.state)
            here, short = there, short + 1 if gain < eps else 0
        yield here.theta.reshape(shape), here.state, short == PATIENCE
