"""Extrapolated iterations on maps whose limits are known, and beside scikit-learn."""

import numpy as np
import pytest
import sklearn.mixture

from sklatent.density import GaussianMixture
from sklatent.density.mixture._em import accelerated_em
from tests.density.mixture.mixtures import same_start, three_groups


class Point:
    """Stands for a mixture."""

    def __init__(self, x):
        self.x = x

    def pack(self):
        return self.x

    def unpack(self, x):
        return Point(x) if np.isfinite(x).all() else None


class NoReport:
    def begin(self):
        pass

    def end(self, loss, *state):
        return False


def ascend(move, objective, x, **options):
    return accelerated_em(
        lambda point: (Point(move(point.x)), objective(point.x)),
        Point(np.array(x)),
        max_iter=5000,
        report=NoReport(),
        **options,
    )


def double_well(x):
    return float(x[0] ** 2 / 2 - x[0] ** 4 / 4)


def leave_the_saddle(x):
    """Gradient ascent: near 0, each step is a hundredth longer than the last."""
    return x + 0.01 * (x - x**3)


def test_a_saddle_is_left_soon():
    ours, plain = (
        ascend(leave_the_saddle, double_well, [1e-4], tol=1e-12, accelerate=accelerate)
        for accelerate in (True, False)
    )
    np.testing.assert_allclose(np.abs(ours.mixture.x), 1.0, atol=1e-5)
    np.testing.assert_allclose(ours.history[-1], 0.25, atol=1e-10)
    assert ours.converged
    # 1e-4 * 1.01**n = 1 takes 926 steps, and as many again to settle.
    assert len(plain.history) > 926
    assert len(ours.history) < 100


def test_slow_directions_are_followed_to_the_end():
    """Of a quadratic with rates from 0.5 to 0.999, plain steps stop far out."""
    rates = np.array([0.5, 0.9, 0.99, 0.999])

    def objective(x):
        return float(-0.5 * (x**2) @ (1 - rates))

    options = {"tol": 1e-8, "x": np.full(4, 0.05)}
    plain = ascend(lambda x: rates * x, objective, accelerate=False, **options)
    ours = ascend(lambda x: rates * x, objective, accelerate=True, **options)
    assert plain.history[-1] < -1e-6
    assert ours.history[-1] > -1e-9
    assert len(ours.history) < len(plain.history) / 3
    for ascent in (plain, ours):
        assert (np.diff(ascent.history) >= 0).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.slow
def test_the_end_is_no_lower_than_that_of_scikit_learn(seed):
    """From the same start, where groups overlap and EM is slow."""
    X = three_groups(1000, p=2, seed=seed, separation=1.0)
    options = same_start(X, "full") | {"tol": 1e-6, "max_iter": 3000}
    peer = sklearn.mixture.GaussianMixture(**options).fit(X)
    ours = GaussianMixture(**options, reg_relative=False).fit(X)
    assert ours.score(X) > peer.score(X) - 1e-8
