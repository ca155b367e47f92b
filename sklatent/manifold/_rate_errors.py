"""Errors of the eigenvalues of a diffusion map.

Chance: the eigenvalues of two halves of the rows, with half as many neighbors and
therefore kernels of the same width, differ by twice the standard error of all rows.
Bias: what half of epsilon changes. Either needs no eigenvectors of its own. Those of all
rows, smoothed by a few steps of the other walk, span them well enough, since what
differs is how they follow the single rows.
"""

from typing import NamedTuple

import numpy as np

from sklatent.manifold._diffusion_kernel import WIDTH_NEIGHBORS, make_walk
from sklatent.manifold._spectral import rayleigh_ritz

SMOOTHING_STEPS = 4
# Fewer rows make no halves that have enough neighbors.
LEAST_ROWS = 6 * WIDTH_NEIGHBORS


class Errors(NamedTuple):
    """Standard error by chance, and how much half of epsilon changes an eigenvalue."""

    chance: np.ndarray
    bias: np.ndarray

    def half_width(self, quantile):
        """Half of an interval: the quantile by chance, and half of the change."""
        return quantile * self.chance + self.bias / 2


def rates_of(walk, values):
    """Rates of the generator of continuous time, for eigenvalues of a walk.

    A walk whose steps have the mean square 2 d m tends to exp(m Laplacian), so that a
    rate r has the eigenvalue -(1 - exp(-m r)) / m, which differs from -r by m r^2 / 2.
    """
    m = walk.mass @ walk.step / walk.mass.sum()
    moved = np.clip(-values * m, 0.0, 0.9)
    return -np.log1p(-moved) / m


def rate_errors(rates, functions, kernel, graph, walk, weight, graph_of):
    """Return the errors of rates.

    Parameters
    ----------
    rates : ndarray of shape (n_rates,)
        Eigenvalues.
    functions : ndarray of shape (n_samples, n_rates)
        Eigenfunctions.
    kernel, graph, walk
        Those of all rows.
    weight : ndarray of shape (n_samples,)
        How many rows each stands for.
    graph_of : callable
        Returns the graph of some of the rows, with a share of the neighbors.

    Returns
    -------
    errors : Errors
        Infinite if there are fewer than 96 rows.
    """
    n = len(weight)
    if n < LEAST_ROWS or len(rates) == 0:
        unknown = np.full(len(rates), np.inf)
        return Errors(unknown, unknown)
    finer = kernel._replace(epsilon=kernel.epsilon / 2)
    finer = make_walk(finer, graph, walk.rho, weight)
    bias = np.abs(rates - _smoothed_rates(finer, functions))
    order = np.random.RandomState(0).permutation(n)
    halves = []
    for rows in (np.sort(order[: n // 2]), np.sort(order[n // 2 :])):
        half = make_walk(kernel, graph_of(rows, 0.5), walk.rho[rows], weight[rows])
        halves.append(_smoothed_rates(half, functions[rows]))
    # One difference has one degree of freedom; relative errors are alike.
    relative = (halves[0] - halves[1]) / (2 * rates)
    return Errors(rates * np.sqrt(np.mean(relative**2)), bias)


def _smoothed_rates(walk, functions):
    """Rates of a walk in the span of functions after some of its steps."""
    root = np.sqrt(walk.mass)[:, None]
    V = np.column_stack([np.ones(len(functions)), functions]) * root
    for _ in range(SMOOTHING_STEPS):
        V = V + (walk.A @ V) * walk.step.min()
    return rates_of(walk, rayleigh_ritz(walk.A, V).values[1:])
