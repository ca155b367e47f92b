"""Minimize the stress from few rows to all, and from several starts.

The stress has many minima, in which groups of rows are in the wrong place. Few rows,
each of which stands for a group, find their places from several starts in no time. Then
more rows are placed among them, and all are moved downhill and across the map.
"""

import numpy as np

from sklatent.manifold._gower import scale
from sklatent.manifold._landmarks import first_as_landmarks
from sklatent.manifold.sketch._moves import place_rows, relocate
from sklatent.manifold.sketch._stress import Stress
from sklatent.utils._threads import map_threads

# Rows of the first level, and how many times as many the next one has.
FIRST, GROWTH = 100, 5
# Starts at random on the first level, and maps that go on to the next.
N_RANDOM, N_KEPT = 10, 2
# Mixing ratios from a map of the distances themselves to one of the sigmoids.
ANNEALING = (1.0, 0.1, 0.01)
# Iterations at each of them, and between moves across the map.
ANNEALING_STEPS, STEPS = 30, 100
# Relative fall of the stress in an iteration that ends it before the last level.
COARSE_TOL = 1e-5
# Maps whose stress differs relatively by less are the same.
SAME = 1e-4


def level_sizes(n_rows):
    """Numbers of rows of the levels, the last of which is all."""
    sizes = [n_rows]
    while sizes[0] > 2 * FIRST:
        sizes.insert(0, max(FIRST, sizes[0] // GROWTH))
    return sizes


def settle(Z, stress, n_rounds, max_iter, tol):
    """Minimize the stress, and move rows across the map, in turn.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        Places.
    value : float
        Their stress.
    n_iter : int
        Number of iterations.
    """
    Z, value, n_iter = stress.minimize(Z, max_iter, tol)
    for _ in range(n_rounds):
        Z, n_moved = relocate(Z, stress)
        if n_moved == 0:
            break
        Z, value, more = stress.minimize(Z, max_iter, tol)
        n_iter += more
    return Z, value, n_iter


def annealed(Z, stress):
    """Go from a map of the distances to one of the sigmoids."""
    for mixing in ANNEALING:
        if mixing > stress.loss.mixing:
            Z, _, _ = stress.with_mixing(mixing).minimize(
                Z, ANNEALING_STEPS, COARSE_TOL
            )
    return Z


def first_starts(D, weight, stress, n_components):
    """Return places for the first level: by classical scaling, and at random."""
    rng = np.random.RandomState(0)
    scaling = scale(D, weight, n_components)
    Z = scaling.place(D)
    size = np.sqrt(max(scaling.eigenvalues.sum() / n_components, 0.0))
    # A column of zeros would stay one, since the gradient there is 0.
    empty = scaling.eigenvalues == 0
    Z[:, empty] = 1e-3 * size * rng.standard_normal((len(Z), empty.sum()))
    starts = [Z, annealed(Z, stress)]
    starts += [size * rng.standard_normal(Z.shape) for _ in range(N_RANDOM)]
    return starts


def fit_levels(D, weight, loss, n_components, n_rounds, n_threads):
    """Find places of a small stress, to about three digits.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Distances in units of sigma, of rows each of which is the farthest from those
        before it.
    weight : ndarray of shape (n_rows,)
        Their weights, which sum to 1.
    loss : Loss
        What a pair adds to the stress.
    n_components, n_rounds, n_threads : int
        Number of components, of rounds of moves across the map, and of threads.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        Places in units of sigma.
    """
    maps, placed_by = [], None
    sizes = level_sizes(len(D))
    for level, size in enumerate(sizes):
        w = first_as_landmarks(D, weight, size)
        between = D[:size, :size]
        last = level == len(sizes) - 1
        stress = Stress(between, w, loss, np.float32, n_threads if last else 1)
        if level == 0:
            starts = first_starts(between, w, stress, n_components)
        else:
            starts = [_extended(Z, between, placed_by, loss, n_threads) for Z in maps]
        if last and level > 0:
            # Few steps tell which of the maps is better.
            tried = [stress.minimize(Z, 5, COARSE_TOL) for Z in starts]
            starts = [min(tried, key=lambda found: found[1])[0]]

        def finish(Z, stress=stress):
            return settle(Z, stress, n_rounds, STEPS, COARSE_TOL)

        # Starts share threads on the first levels, and tiles do on the last.
        found = map_threads(finish, starts, 1 if last else n_threads)
        maps, placed_by = _best_of(found), w
    return maps[0]


def _extended(Z, D, weight, loss, n_threads):
    """Places of the first rows, and of more rows among them."""
    n = len(Z)
    new, _, _ = place_rows(
        lambda rows: D[n:, :n][rows],
        len(D) - n,
        Z,
        weight,
        loss,
        n_threads,
        n_starts=1,
        max_steps=0,
    )
    return np.vstack([Z, new])


def _best_of(found):
    """Return maps of the smallest stress, each stress once."""
    maps, values = [], []
    for Z, value, _ in sorted(found, key=lambda result: result[1]):
        if all(abs(value - other) > SAME * other for other in values):
            maps.append(Z)
            values.append(value)
    return maps[:N_KEPT]
