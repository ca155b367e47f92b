"""Normal scores: a monotone map of one column to a standard normal one.

The scores z = Phi^-1(F(x)) of a column with distribution function F are standard
normal, which is Gaussianization of the margins, or the rank-based inverse normal
transform (Blom 1958, Statistical estimates and transformed beta-variables). F comes
from the rows. Each value that occurs stands for the cell of numbers that are nearest to
it, over which its share of the rows is spread, so that F is known at the edges of the
cells, for columns of distinct values and of rounded ones alike. Some of the edges are
knots, and between them the map is a rational quadratic function,

    z(t) = z0 + h (s t^2 + d0 t (1 - t)) / (s + (d0 + d1 - 2 s) t (1 - t)),

of the share t of the interval, with h the rise, s the mean slope, d0 and d1 the slopes
at its ends, which is monotone, has a continuous slope and a closed inverse (Gregory and
Delbourgo 1982, IMA Journal of Numerical Analysis 2, 123-130). Beyond the outermost
knots it is linear: the column has Gaussian tails there.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sklatent.utils._rounding import first_of_equal

# Least distance of knots in scores, times the cube root of the number of rows: the
# noise of the slope between two knots and the bias by their distance are then about
# equal. With fewer than 125 rows the distance is 1.
SPACING = 5.0
# Slope of the tails as a share of that of the outermost intervals. Rows beyond the
# extremes are farther out than the intervals say where tails are heavier than Gaussian,
# which costs more than slopes that are too small cost elsewhere.
TAIL_SLOPE = 0.5
# Share of the rows whose values must occur more than once, for a column to be read as
# one of a few values, or of rounded ones, all of which have occurred.
REPEATED = 0.9
# Share and number of the rows that make a single value of any other column an atom.
ATOM_SHARE, ATOM_ROWS = 0.01, 5
# Most decimals that a column can have and be taken for rounded.
MOST_DECIMALS = 6


@dataclass(frozen=True)
class NormalScores:
    """The map of a column; functions of arrays in which NaN stays NaN.

    Atoms are values that several rows have: zeros of a column that is else continuous,
    or all values of one that has few or is rounded. An atom has a cell of numbers that
    are nearest to it, and the interval of the scores of its cell.

    Parameters
    ----------
    knots : ndarray of shape (n_knots,)
        Knots of the map, ascending; one knot for a constant column.
    scores : ndarray of shape (n_knots,)
        Normal scores of the knots, ascending.
    slopes : ndarray of shape (n_knots,)
        Slopes dz/dx at the knots.
    atoms : ndarray of shape (n_atoms,)
        Values of the atoms, ascending.
    cells : ndarray of shape (2, n_atoms)
        Lower and upper ends of the cells of the atoms.
    cell_scores : ndarray of shape (2, n_atoms)
        Scores of these ends; -inf for the smallest of all values, inf for the largest.
    decimals : int or None
        Number of decimals that all values have; None if they are not rounded.
    """

    knots: np.ndarray
    scores: np.ndarray
    slopes: np.ndarray
    atoms: np.ndarray
    cells: np.ndarray
    cell_scores: np.ndarray
    decimals: int | None

    def transform(self, x):
        """Return normal scores."""
        return self._map(x)[0]

    def log_slope(self, x):
        """Return log dz/dx."""
        return self._map(x)[1]

    def inverse_transform(self, z):
        """Return the numbers with these scores: an atom for all of its interval."""
        z = np.asarray(z, dtype=np.float64)
        x = self._smooth_inverse(z)
        if self.decimals is not None:
            x = np.round(x, self.decimals)
        k = _cell_numbers(z, self.cell_scores)
        return np.where(k >= 0, self.atoms[k], x) if len(self.atoms) else x

    def intervals(self, x):
        """Intervals of scores of the atoms among some numbers.

        Parameters
        ----------
        x : ndarray
            Numbers.

        Returns
        -------
        low, high : ndarray
            Scores of the ends of the cell that the number is in; NaN in no cell.
        log_width : ndarray
            Logarithm of the length of the cell; NaN in no cell.
        """
        k = _cell_numbers(np.asarray(x, dtype=np.float64), self.cells)
        # The last entry, found at -1, is for no cell.
        width = np.log(self.cells[1] - self.cells[0])
        low, high, width = (
            np.append(of_cells, np.nan)[k] for of_cells in (*self.cell_scores, width)
        )
        return low, high, width

    def _map(self, x):
        """Return scores and logarithms of slopes."""
        x = np.asarray(x, dtype=np.float64)
        # Linear tails: on either side of the knots, the nearer one.
        end = np.where(x < self.knots[0], 0, -1)
        z = self.scores[end] + self.slopes[end] * (x - self.knots[end])
        log_slope = np.log(self.slopes[end])
        k, inside = _interval_numbers(x, self.knots)
        if inside.any():
            h, s, d0, d1 = self._pieces(k)
            width = self.knots[k + 1] - self.knots[k]
            t = np.where(inside, (x - self.knots[k]) / width, 0)
            u = t * (1 - t)
            below = 1 + (d0 + d1 - 2) * u
            rise = d1 * t**2 + 2 * u + d0 * (1 - t) ** 2
            z = np.where(inside, self.scores[k] + h * (t**2 + d0 * u) / below, z)
            inner = np.log(s) + np.log(rise) - 2 * np.log(below)
            log_slope = np.where(inside, inner, log_slope)
        return z, np.where(np.isnan(x), np.nan, log_slope)

    def _smooth_inverse(self, z):
        """Return the inverse of the map, which knows no atoms."""
        end = np.where(z < self.scores[0], 0, -1)
        x = self.knots[end] + (z - self.scores[end]) / self.slopes[end]
        k, inside = _interval_numbers(z, self.scores)
        if inside.any():
            # The root of a quadratic equation in t, in the form without cancellation.
            h, _, d0, d1 = self._pieces(k)
            rise = np.where(inside, (z - self.scores[k]) / h, 0)
            bend = rise * (d0 + d1 - 2)
            a, b, c = 1 - d0 + bend, d0 - bend, -rise
            t = -2 * c / (b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0)))
            width = self.knots[k + 1] - self.knots[k]
            x = np.where(inside, self.knots[k] + np.clip(t, 0, 1) * width, x)
        return x

    def _pieces(self, k):
        """Rise h, mean slope s, and slopes at the ends as shares of s, of intervals."""
        rise = np.diff(self.scores)
        slope = rise / np.diff(self.knots)
        return (
            rise[k],
            slope[k],
            self.slopes[k] / slope[k],
            self.slopes[k + 1] / slope[k],
        )


def _interval_numbers(x, grid):
    """Number of the interval of a grid that each number is in, and whether in any."""
    inside = (x >= grid[0]) & (x < grid[-1])
    return np.where(inside, np.searchsorted(grid, x, side="right") - 1, 0), inside


def _cell_numbers(x, cells):
    """Number of the cell, from ascending and disjoint ones, of each number; or -1."""
    low, high = cells
    k = np.searchsorted(low, x, side="right") - 1
    return np.where((k >= 0) & (x <= np.append(high, -np.inf)[k]), k, -1)


def fit_normal_scores(x, weight=None):
    """Return the map of a column.

    Parameters
    ----------
    x : ndarray of float of shape (n_samples,)
        The column, in its own precision; entries that are NaN are missing.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the rows, which count them; all 1 if None.

    Returns
    -------
    scores : NormalScores
        The map; a shift, for a column of one value.

    Raises
    ------
    ValueError
        If no entry of x is observed.
    """
    observed = ~np.isnan(x)
    x = x[observed]
    weight = np.ones(len(x)) if weight is None else weight[observed]
    if not len(x):
        raise ValueError("x must have an observed entry; got a column of NaN only.")
    values, counts, decimals = _distinct_values(x, weight)
    share = counts / counts.sum()
    if len(values) == 1:
        one, everywhere = np.ones(1), np.array([[-np.inf], [np.inf]])
        cell = np.stack([values - 0.5, values + 0.5])
        return NormalScores(values, 0 * one, one, values, cell, everywhere, decimals)
    atom = counts >= max(ATOM_ROWS, ATOM_SHARE * counts.sum())
    if share[counts > 1].sum() >= REPEATED:
        atom[:] = True
    edges = values[:-1] + np.diff(values) / 2
    edge_scores = ndtri(np.cumsum(share)[:-1])
    ends = ndtri([share[0] / 2, 1 - share[-1] / 2])  # the extremes by their mid-ranks
    knots, scores = _spaced(
        np.concatenate([values[:1], edges, values[-1:]]),
        np.concatenate([ends[:1], edge_scores, ends[1:]]),
        atom[:-1] | atom[1:],
        min(1.0, SPACING / counts.sum() ** (1 / 3)),
    )
    # The outermost cells are as long on the outside as on the inside.
    first, last = 2 * values[0] - edges[0], 2 * values[-1] - edges[-1]
    cells = np.stack([np.append(first, edges), np.append(edges, last)])
    cell_scores = np.stack(
        [np.append(-np.inf, edge_scores), np.append(edge_scores, np.inf)]
    )
    return NormalScores(
        knots,
        scores,
        _knot_slopes(knots, scores),
        values[atom],
        cells[:, atom],
        cell_scores[:, atom],
        decimals,
    )


def _distinct_values(x, weight):
    """Ascending values, their weights, and the decimals that all of them have.

    Values that differ by rounding only, such as 0.3 and 0.1 + 0.2, are one value: their
    cells would have no length. Decimals are those in the precision of x.
    """
    values, index = np.unique(x, return_inverse=True)
    counts = np.bincount(index, weight)
    first = first_of_equal(values)
    values, counts = values[first], np.add.reduceat(counts, first)
    decimals = _decimals(values)
    values = values.astype(np.float64)
    return values if decimals is None else values.round(decimals), counts, decimals


def _decimals(values):
    """Least number of decimals that rounding to changes no value; None if too many."""
    for decimals in range(MOST_DECIMALS + 1):
        if np.array_equal(np.round(values, decimals), values):
            return decimals
    return None


def _spaced(knots, scores, of_atoms, spacing):
    """Knots that are not nearer in scores than `spacing`, and all edges of atoms.

    `of_atoms` has an entry for each knot but the first and the last.
    """
    kept = [0]
    for k in range(1, len(knots) - 1):
        if of_atoms[k - 1] or scores[k] - scores[kept[-1]] >= spacing:
            kept.append(k)
    last = kept[-1]
    if last > 0 and scores[-1] - scores[last] < spacing / 2 and not of_atoms[last - 1]:
        kept.pop()
    kept.append(len(knots) - 1)
    return knots[kept], scores[kept]


def _knot_slopes(knots, scores):
    """Harmonic means of the slopes on either side of each knot; those of the tails."""
    slope = np.diff(scores) / np.diff(knots)
    inner = 2 / (1 / slope[:-1] + 1 / slope[1:])
    return np.concatenate([TAIL_SLOPE * slope[:1], inner, TAIL_SLOPE * slope[-1:]])
