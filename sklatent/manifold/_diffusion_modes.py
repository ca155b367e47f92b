"""The slow modes of a walk, and their values at new rows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sklatent.manifold._diffusion_kernel import Kernel, Walk
from sklatent.manifold._spectral import largest_eigenpairs

# A step may take away so much of a mode where the map of new rows divides by the rest.
MOST_DECAY = 0.5


class Modes(NamedTuple):
    """Eigenfunctions of the generator, the slowest first, without the constant one.

    `decays` are the eigenvalues of the generator of steps, negated, and `rates` those
    of continuous time. `n_still` of them are 0: they tell components apart.
    """

    rates: np.ndarray
    decays: np.ndarray
    functions: np.ndarray
    n_still: int


def rates_of(walk, decays):
    """Rates of continuous time, for those of steps.

    A walk whose steps have the mean square 2 d m tends to exp(m Laplacian), so that a
    rate r shows as (1 - exp(-m r)) / m, which is less by m r^2 / 2.
    """
    m = (walk.mass / walk.mass.sum()) @ walk.step
    return -np.log1p(-np.clip(decays * m, 0.0, 0.9)) / m


def slow_modes(walk, labels, weight, n_modes, report=None):
    """Find the slowest modes of a walk.

    Parameters
    ----------
    walk : Walk
        Between n rows.
    labels : ndarray of shape (n,)
        Component of each row: functions constant on each do not decay.
    weight : ndarray of shape (n,)
        How many rows each stands for.
    n_modes : int
        How many to find, at most n - 1.
    report : callable, default=None
        Called after each product of the walk with a vector.

    Returns
    -------
    modes : Modes
        The functions have a mean square of 1 under the weights.
    """
    root = np.sqrt(walk.mass)
    inside = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    known = inside * root[:, None]
    known /= np.linalg.norm(known, axis=0)
    n_still = min(labels.max(), n_modes)
    pairs = largest_eigenpairs(walk.A, n_modes - n_still, known, report)
    functions = pairs.vectors / root[:, None]
    decays = np.append(np.zeros(n_still), np.maximum(-pairs.values, 0.0))
    functions = np.column_stack([_contrasts(inside, weight, n_still), functions])
    share = weight / weight.sum()
    functions /= np.sqrt(share @ functions**2)
    return Modes(rates_of(walk, decays), decays, functions, n_still)


def _contrasts(inside, weight, n):
    """Functions constant on components, orthogonal to each other and to constants."""
    sizes = weight @ inside
    # Each is that of a component against those after it.
    after = np.cumsum(sizes[::-1])[::-1] - sizes
    columns = [
        inside[:, c] / sizes[c] - inside[:, c + 1 :].sum(axis=1) / after[c]
        for c in range(n)
    ]
    return np.column_stack(columns) if columns else np.empty((len(inside), 0))


@dataclass
class NewRows:
    """Values of components at new rows, by a step of the walk from them (Nyström).

    Of an eigenfunction the step P makes P f = (1 - m r) f, with the decay r.
    """

    kernel: Kernel
    walk: Walk
    decays: np.ndarray
    components: np.ndarray

    def place(self, distances, nearest, stay):
        """Return the components at rows.

        Parameters
        ----------
        distances, nearest : ndarray of shape (n_queries, n_neighbors)
            Distances to the nearest training rows, ascending, and which they are.
        stay : ndarray of shape (n_queries,)
            Which queries have the place of the nearest training row, as those have that
            are themselves training rows.

        Returns
        -------
        Z : ndarray of shape (n_queries, n_components)
            Finite everywhere.
        """
        stay = stay | (distances[:, 0] == 0)
        Z = self.components[nearest[:, 0]]
        go = np.flatnonzero(~stay)
        if len(go) == 0:
            return Z
        distances, nearest = distances[go], nearest[go]
        rho = self.kernel.width(distances)
        logs = self.kernel.logarithm(distances**2, rho[:, None], self.walk.rho[nearest])
        P = np.exp(logs - logs.max(axis=1, keepdims=True)) * self.walk.inflow[nearest]
        P /= P.sum(axis=1, keepdims=True)
        step = self.walk.step[0] * (rho / self.walk.rho[0]) ** 2
        decay = np.minimum(step[:, None] * self.decays, MOST_DECAY)
        Z[go] = np.einsum("ij,ijc->ic", P, self.components[nearest]) / (1 - decay)
        return Z
