"""BFGS steps against matrices, and on functions whose maximum is known."""

from collections import deque

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from sklatent.utils._ascent import Point, _direction, advance


def quadratic(A, b):
    """b'x - x'Ax / 2, with its maximum at A^-1 b."""
    return lambda x: Point(x, b @ x - x @ A @ x / 2, b - A @ x, None)


def spd(n, seed=0):
    rng = np.random.RandomState(seed)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return (Q * np.linspace(1, 50, n)) @ Q.T


def climb(evaluate, here, n_steps, memory=30, precondition=lambda v: v, **bounds):
    pairs, path = deque(maxlen=memory), [here]
    for _ in range(n_steps):
        there = advance(path[-1], pairs, evaluate, precondition, **bounds)
        if there is None:
            break
        path.append(there)
    return path


def test_direction_is_that_of_the_matrix():
    """Nocedal and Wright (2006), eq. 6.17, one pair after the other."""
    rng = np.random.RandomState(0)
    n, guess = 6, rng.uniform(0.5, 2, size=6)
    H, pairs, A = np.diag(guess), [], spd(6)
    for s in rng.normal(size=(4, n)):
        y = A @ s
        pairs.append((s, y))
        V = np.eye(n) - np.outer(s, y) / (s @ y)
        H = V @ H @ V.T + np.outer(s, s) / (s @ y)
    g = rng.normal(size=n)
    np.testing.assert_allclose(_direction(g, pairs, lambda v: guess * v), H @ g)


def test_the_inverse_hessian_makes_one_step_of_a_quadratic():
    A, b = spd(5), np.arange(5.0)
    evaluate = quadratic(A, b)
    path = climb(evaluate, evaluate(np.zeros(5)), 1, precondition=np.linalg.inv(A).dot)
    np.testing.assert_allclose(path[-1].theta, np.linalg.solve(A, b), atol=1e-12)


def test_no_step_leads_down_and_the_maximum_is_found():
    def evaluate(x):
        return Point(x, -rosen(x), -rosen_der(x), None)

    path = climb(evaluate, evaluate(np.array([-1.2, 1.0, 0.5, 2.0])), 200)
    assert np.diff([point.value for point in path]).min() > 0
    np.testing.assert_allclose(path[-1].theta, 1, atol=1e-5)


def test_a_parameter_at_its_bound_stays():
    """By the conditions of Karush, Kuhn and Tucker."""
    A, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -2.0])
    evaluate = quadratic(A, b)
    path = climb(evaluate, evaluate(np.ones(2)), 50, lower=np.array([-np.inf, 0.0]))
    np.testing.assert_allclose(path[-1].theta, [0.5, 0.0], atol=1e-7)
    assert path[-1].gradient[1] < 0
    assert all(point.theta[1] >= 0 for point in path)


def test_no_parameter_changes_by_more_than_it_may():
    evaluate = quadratic(np.eye(3), np.array([100.0, 1.0, 1.0]))
    longest = np.array([2.0, np.inf, np.inf])
    path = climb(evaluate, evaluate(np.zeros(3)), 3, longest=longest)
    steps = np.abs(np.diff([point.theta for point in path], axis=0))
    assert steps[:, 0].max() <= 2 * (1 + 1e-12)


@pytest.mark.parametrize("nowhere", [np.nan, -np.inf])
def test_steps_that_land_nowhere_are_shortened(nowhere):
    def evaluate(x):
        value = np.log(x[0]) - x[0] if x[0] > 0 else nowhere
        return Point(x, value, 1 / x - 1, None)

    path = climb(evaluate, evaluate(np.array([8.0])), 50, precondition=lambda v: 10 * v)
    np.testing.assert_allclose(path[-1].theta, 1, atol=1e-6)


def test_what_misleads_is_forgotten():
    evaluate = quadratic(np.eye(2), np.ones(2))
    pairs = deque([(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))])  # a saddle
    there = advance(evaluate(np.zeros(2)), pairs, evaluate, lambda v: v)
    np.testing.assert_allclose(there.theta, 1)
    assert len(pairs) == 1
    assert pairs[0][0] @ pairs[0][1] > 0


def test_none_at_the_maximum():
    evaluate = quadratic(np.eye(2), np.zeros(2))
    assert advance(evaluate(np.zeros(2)), deque(), evaluate, lambda v: v) is None


def test_the_first_guess_is_of_the_size_of_the_last_step():
    """H y = s for the multiple of the identity, of a Hessian that is one."""
    evaluate = quadratic(3 * np.eye(3), np.ones(3))
    pairs = deque(maxlen=5)
    here = advance(evaluate(np.zeros(3)), pairs, evaluate)
    np.testing.assert_allclose(advance(here, pairs, evaluate).theta, 1 / 3)
