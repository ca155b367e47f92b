"""The best place of each row in a given map: a grid, and Newton's method.

With the places z_j of landmarks and their weights w_j, a row at distances d_j has

    f(z) = sum_j w_j h_j(|z - z_j|^2),

of which a grid finds the region, for all rows by one product of matrices, since the
squares in h separate into what depends on the row and what on the place. Newton's
method, with the absolute values of the eigenvalues, goes on from there.
"""

import numpy as np
from scipy.spatial.distance import cdist

from sklatent.manifold._newton import EQUAL, first_least
from sklatent.manifold._newton import newton as minimize_rows
from sklatent.manifold.sketch._stress import squared_distances
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

# Nodes of the grid: at most so many, and so far from each other, in units of sigma.
MOST_NODES, SPACING = 1024, 0.4
# Components for which there is a grid.
MOST_GRID_COMPONENTS = 3
# Places of landmarks that are candidates too.
MOST_PLACES = 512
# The map and a margin around it, in units of sigma, hold all places.
MARGIN = 2.0
# Numbers at hand at a time: of rows times landmarks, or candidates.
BLOCK = 2**17
MAX_STEPS, TOL = 50, 1e-9
# Moves across the map: how far, in units of sigma, how much larger the stress at a
# candidate may be, and steps from there.
NEAR, SLACK, FEW_STEPS = 0.5, 1.05, 6
# New rows start from so many candidates, so far apart, in units of sigma.
N_STARTS, APART = 3, 1.0
# Further candidates count if f is at most so many times as large as at the best.
RIVAL = 2.0


def bounds(Z):
    """Lower and upper corner of the box that places must lie in."""
    return Z.min(axis=0) - MARGIN, Z.max(axis=0) + MARGIN


def candidates(Z):
    """Places among which a row may find its own.

    Parameters
    ----------
    Z : ndarray of shape (n_landmarks, n_components)
        Places of the landmarks, in units of sigma.

    Returns
    -------
    places : ndarray of shape (n_candidates, n_components)
        A grid over the map, in up to three components, and places of landmarks.
    """
    step = -(-len(Z) // MOST_PLACES)
    places = Z[::step]
    if Z.shape[1] > MOST_GRID_COMPONENTS:
        return places
    low, high = bounds(Z)
    spacing, sides = SPACING, high - low
    while np.prod(np.ceil(sides / spacing) + 1) > MOST_NODES:
        spacing *= 1.1
    axes = [
        np.linspace(a, b, int(np.ceil((b - a) / spacing)) + 1)
        for a, b in zip(low, high, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.vstack([grid.reshape(-1, Z.shape[1]), places])


class PlaceTable:
    """Candidates, and what they add to f for any row.

    Parameters
    ----------
    Z : ndarray of shape (n_landmarks, n_components)
        Places of the landmarks, in units of sigma.
    weight : ndarray of shape (n_landmarks,)
        Their weights.
    loss : Loss
        What a pair adds.
    dtype : {float32, float64}
        Precision of the products.
    """

    def __init__(self, Z, weight, loss, dtype):
        self.places = candidates(Z)
        x = squared_distances(self.places.astype(dtype), Z.astype(dtype))
        w, m = weight.astype(dtype), loss.mixing
        c = loss.low.complement(x)
        self.products = [-2 * (1 - m) * w * c]
        self.squares = (1 - m) * (c * c) @ w
        if m:
            self.products.append(-2 * m * w * np.sqrt(x))
            self.squares += m * x @ w
        self.c, self.x, self.weight, self.loss = c, x, w, loss

    def values(self, D, C):
        """Return f at all candidates, less what does not depend on these."""
        values = C @ self.products[0].T
        if self.loss.mixing:
            values += D @ self.products[1].T
        values += self.squares
        return values

    def constants(self, D, C, own=None):
        """What does not depend on the candidates, without pairs that are `own`."""
        m = self.loss.mixing
        parts = (1 - m) * C * C
        if m:
            parts += m * D * D
        if own is not None:
            parts[own] = 0
        return parts @ self.weight

    def of_self(self, rows):
        """What landmarks add to their own f, where their place is kept."""
        m, w = self.loss.mixing, self.weight[rows]
        own = (1 - m) * w * (self.c[:, rows] ** 2 - 2 * self.c[:, rows])
        if m:
            own += m * w * self.x[:, rows]
        return own.T

    def starts(self, values, n_starts):
        """Yield the best candidates, and then the best far from all before.

        Yields
        ------
        rows : ndarray of shape (n_hopeful,)
            Rows for which the candidate may lead to the smallest f.
        places : ndarray of shape (n_hopeful, n_components)
            The candidates.
        """
        rows = np.arange(len(values))
        bound = RIVAL * values.min(axis=1)
        for _ in range(n_starts):
            which = self._first_best(values)
            hopeful = values[np.arange(len(rows)), which] <= bound[rows]
            rows, which, values = rows[hopeful], which[hopeful], values[hopeful]
            yield rows, self.places[which]
            values[cdist(self.places[which], self.places) < APART] = np.inf

    def best(self, values):
        """Return the first candidate of those whose values are the smallest."""
        return self.places[self._first_best(values)]

    def _first_best(self, values):
        """Return which candidate is the first of the smallest values."""
        return first_least(values, np.abs(self.squares).max())


def row_stress(z, Z, D, C, weight, loss):
    """Return f of a place for each row."""
    x = np.square(z[:, None, :] - Z).sum(axis=-1)
    return (loss.value(x, D, C) * weight).sum(axis=1)


def newton(start, Z, D, C, weight, loss, box, max_steps=MAX_STEPS):
    """Return places where f is not larger than at the start."""
    highs, options = (D, C), {"unit": 1.0, "tol": TOL, "box": box}
    curved = loss.with_curvature
    return minimize_rows(
        start, Z, highs, weight, curved, max_steps=max_steps, **options
    )[0]


def place_rows(
    distances,
    n_rows,
    Z,
    weight,
    loss,
    n_threads,
    *,
    n_starts=N_STARTS,
    max_steps=MAX_STEPS,
):
    """Place new rows in a map.

    Parameters
    ----------
    distances : callable
        Of a slice of rows: their distances from the landmarks, in units of sigma.
    n_rows : int
        How many rows there are.
    Z, weight, loss : ndarray, ndarray, Loss
        Places and weights of the landmarks, and what a pair adds.
    n_threads : int
        Number of threads.
    n_starts : int, default=3
        Number of candidates from which Newton's method may start.
    max_steps : int, default=50
        Largest number of its steps from the best place to which it has led.

    Returns
    -------
    places : ndarray of shape (n_rows, n_components)
        Each found by itself.
    nearest : ndarray of shape (n_rows,)
        Distances from the nearest landmarks.
    which : ndarray of shape (n_rows,)
        The nearest landmarks.
    """
    table, box = PlaceTable(Z, weight, loss, np.float64), bounds(Z)
    size = max(BLOCK // max(len(Z), len(table.places)), 1)

    def place(rows):
        D = distances(rows)
        C = loss.high.complement(np.square(D))
        values = table.values(D, C) + table.constants(D, C)[:, None]
        start, least = np.empty((len(D), Z.shape[1])), np.full(len(D), np.inf)
        for which, places in table.starts(values, n_starts):
            rest = Z, D[which], C[which], weight, loss
            found = newton(places, *rest, box, FEW_STEPS)
            own = row_stress(found, *rest)
            # Of equal ones, the first, whatever rounding says.
            better = own < least[which] * (1 - EQUAL)
            start[which[better]], least[which[better]] = found[better], own[better]
        rest = Z, D, C, weight, loss
        places = newton(start, *rest, box, max_steps)
        return places, D.min(axis=1), D.argmin(axis=1)

    parts = map_threads(place, list(row_slices(n_rows, size)), n_threads)
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def relocate(Z, stress):
    """Move rows to places anywhere in the map where their own stress is smaller.

    Candidates for all rows are compared, and improved by Newton's method, in the map as
    it is. Then each row in turn is moved if that is still better in the map as it has
    become, so that the stress can only fall.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Places, in units of sigma.
    stress : Stress
        Their stress.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        The places, some of them new.
    n_moved : int
        How many.
    """
    loss, D, C = stress.loss, stress.D, stress.C
    weight = stress.weight.astype(np.float64)
    table = PlaceTable(Z, stress.weight, loss, stress.dtype)
    box, Z = bounds(Z), Z.copy()
    places = Z.astype(stress.dtype)

    def improve(rows):
        index = np.arange(len(Z))[rows]
        own = np.arange(len(index)), index
        # What does not depend on the place is left out on both sides.
        x = squared_distances(places[rows], places)
        h = loss.value(x, D[rows], C[rows])
        h[own] = 0
        now = h @ stress.weight
        values = table.values(D[rows], C[rows]) - table.of_self(index)
        values += table.constants(D[rows], C[rows], own)[:, None]
        start = table.best(values)
        # Newton's method may make up for the distance between candidates, and near
        # the place that a row has the minimum is known.
        away = np.square(start - Z[rows]).sum(axis=1) > NEAR**2
        hopeful = np.flatnonzero(away & (values.min(axis=1) < SLACK * now))
        others = np.repeat(weight[None], len(hopeful), axis=0)
        others[np.arange(len(hopeful)), index[hopeful]] = 0
        highs = D[rows][hopeful], C[rows][hopeful]
        found = newton(start[hopeful], Z, *highs, others, loss, box, FEW_STEPS)
        then = row_stress(found, Z, *highs, others, loss)
        gain = weight[index[hopeful]] * (now[hopeful] - then)
        moved = gain > 0
        return index[hopeful[moved]], found[moved], gain[moved]

    size = max(BLOCK // max(len(Z), len(table.places)), 1)
    blocks = list(row_slices(len(Z), size))
    parts = map_threads(improve, blocks, stress.n_threads)
    index, found, gain = map(np.concatenate, zip(*parts, strict=True))
    n_moved = 0
    for k in np.argsort(-gain, kind="stable"):
        i = index[k]
        others = weight.copy()
        others[i] = 0
        both = np.vstack([Z[i], found[k]])
        now, then = row_stress(both, Z, D[i], C[i], others, loss)
        if then < now:
            Z[i], n_moved = found[k], n_moved + 1
    return Z, n_moved
