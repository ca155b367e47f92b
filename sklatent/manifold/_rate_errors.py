"""Errors of the eigenvalues of a diffusion map.

Chance: the eigenvalues of two halves of the rows, with half as many neighbors and
therefore kernels of the same width, differ by twice the standard error of all rows.
Bias: what half of epsilon changes. Either needs no eigenvectors of its own. Those of
all rows, smoothed by a few steps of the other walk, span them well enough, since what
differs is how they follow the single rows.
"""

from typing import NamedTuple

import numpy as np

from sklatent.manifold._diffusion_kernel import WIDTH_NEIGHBORS, make_walk
from sklatent.manifold._diffusion_modes import rates_of
from sklatent.manifold._spectral import rayleigh_ritz

SMOOTHING_STEPS = 4
# Fewer rows make no halves that have enough neighbors.
LEAST_ROWS = 6 * WIDTH_NEIGHBORS


class Errors(NamedTuple):
    """Standard error by chance, and how much half of epsilon changes an eigenvalue."""

    chance: np.ndarray
    bias: np.ndarray

    def half_width(self, quantile):
        """Half of an interval: the quantile by chance, and the change."""
        return quantile * self.chance + self.bias


def rate_errors(modes, kernel, graph, walk, weight, graph_of):
    """Return the errors of rates.

    Parameters
    ----------
    modes : Modes
        Their rates and eigenfunctions.
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
    n, n_rates = len(weight), len(modes.rates)
    chance, bias = np.zeros(n_rates), np.zeros(n_rates)
    moving = slice(modes.n_still, None)
    if modes.n_still == n_rates:
        return Errors(chance, bias)
    if n < LEAST_ROWS:
        chance[moving] = bias[moving] = np.inf
        return Errors(chance, bias)
    rates = modes.rates[moving]
    finer = kernel._replace(epsilon=kernel.epsilon / 2)
    finer = make_walk(finer, graph, walk.rho, weight)
    bias[moving] = np.abs(rates - _smoothed_rates(finer, modes, modes.functions))
    order = np.random.RandomState(0).permutation(n)
    halves = []
    for rows in (np.sort(order[: n // 2]), np.sort(order[n // 2 :])):
        half = make_walk(kernel, graph_of(rows, 0.5), walk.rho[rows], weight[rows])
        halves.append(_smoothed_rates(half, modes, modes.functions[rows]))
    # One difference has one degree of freedom; relative errors are alike.
    known = min(map(len, halves))  # a half has fewer modes than rows
    relative = (halves[0][:known] - halves[1][:known]) / (2 * rates[:known])
    chance[moving] = rates * np.sqrt(np.mean(relative**2))
    return Errors(chance, bias)


def _smoothed_rates(walk, modes, functions):
    """Rates that are not 0, in the span of functions after some steps of a walk."""
    root = np.sqrt(walk.mass)[:, None]
    V = np.column_stack([np.ones(len(functions)), functions]) * root
    for _ in range(SMOOTHING_STEPS):
        V = V + (walk.A @ V) * walk.step.min()
    decays = -rayleigh_ritz(walk.A, V).values
    return rates_of(walk, decays[1 + modes.n_still :])
