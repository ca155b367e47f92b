"""Stress of places, metric and ordinal, with its gradient, by tiles of pairs of rows.

With distances d of the places z, dissimilarities delta and weights w of pairs, the
metric stress and its gradient are

    S = sum_{i<j} w_ij (delta_ij - d_ij)²,
    dS / dz_i = -2 sum_j a_ij (z_i - z_j),   a_ij = w_ij (delta_ij - d_ij) / d_ij.

The step to z - dS/dz / (2 sum_j w_j) / w_i, for weights w_ij = w_i w_j, is the Guttman
transform of SMACOF, which never increases S (de Leeuw 1977).

The ordinal stress compares d with the nearest numbers h that are in the order of
delta, by isotonic regression. Kruskal's stress of the first kind, squared, is

    F = sum w (d - h)² / sum w d² = 1 - |h|² / |d|²,
    dF / dz_i = -2 sum_j a_ij (z_i - z_j) / |d|²,   a = w (h - k d) / d,  k = |h|²/|d|²,

since h is the projection on a convex cone, the gradient of |h|² / 2 is h (Kruskal 1964,
de Leeuw 1977).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.spatial.distance import cdist

from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

# Pairs of a tile, of which three arrays are at hand in the cache.
TILE_ROWS, TILE_COLUMNS = 128, 512
# Pairs that are sorted into their places together.
PART = 2**18
# Distances below this, relative to the spread of the places, have no direction.
SHORTEST = 1e-9


class Value(NamedTuple):
    """Stress of places.

    Parameters
    ----------
    stress : float
        S, or F.
    gradient : ndarray of shape (n_rows, n_components)
        With respect to the places.
    squares : float
        Sum of w d² over the pairs.
    """

    stress: float
    gradient: np.ndarray
    squares: float


def pair_blocks(n):
    """Blocks of rows, each with the slices of columns from its own first row on."""
    for rows in row_slices(n, TILE_ROWS):
        rest = row_slices(n - rows.stop, TILE_COLUMNS)
        yield (
            rows,
            [rows, *(slice(rows.stop + c.start, rows.stop + c.stop) for c in rest)],
        )


def pair_sums(Z, weight, tile, n_threads):
    """Sum a function over all pairs of rows, and what it gives times z_i - z_j.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Places.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    tile : callable
        tile(rows, columns, d, a, work) returns the sum over a tile, whose distances are
        d, and writes the factors a_ij without the weights of the rows to a. It may
        change d and work.
    n_threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    total : float
        Sum over the pairs.
    sums : ndarray of shape (n_rows, n_components)
        Sums over j of w_i w_j a_ij (z_i - z_j).
    """
    n, q = Z.shape
    weighted = np.column_stack([Z, np.ones(n)]) * weight[:, None]

    def of_block(block):
        rows, slices = block
        buffers = np.empty((3, TILE_ROWS * TILE_COLUMNS))
        own = np.zeros((rows.stop - rows.start, q + 1))
        others = np.zeros((n - rows.start, q + 1))
        total = 0.0
        for columns in slices:
            shape = (len(own), columns.stop - columns.start)
            d, a, work = (b[: shape[0] * shape[1]].reshape(shape) for b in buffers)
            cdist(Z[rows], Z[columns], out=d)
            part = tile(rows, columns, d, a, work)
            own += a @ weighted[columns]
            if columns is rows:  # each pair is there twice
                total += part / 2
                continue
            total += part
            at = slice(columns.start - rows.start, columns.stop - rows.start)
            others[at] += a.T @ weighted[rows]
        return total, own, others

    blocks = list(pair_blocks(n))
    total, sums = 0.0, np.zeros((n, q + 1))
    for (rows, _), (part, own, others) in zip(
        blocks, map_threads(of_block, blocks, n_threads), strict=True
    ):
        total += part
        sums[rows] += own
        sums[rows.start :] += others
    return total, weight[:, None] * (sums[:, q:] * Z - sums[:, :q])


class Pairs:
    """Dissimilarities of all pairs of rows, and the weights of the pairs.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Symmetric; any number where the weight is 0.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, which multiply those of the pairs.
    pair_weight : ndarray of shape (n_rows, n_rows) or None
        Weights of the pairs, 0 where a dissimilarity is missing; None is 1.
    n_threads : int
        Number of threads.
    """

    def __init__(self, D, weight, pair_weight, n_threads):
        self.D, self.n_threads = D, n_threads
        self.weight, self.pair_weight = weight, pair_weight
        self.equal = bool((weight == 1).all())
        total = weight.sum()
        if pair_weight is None:
            self.row_sums = weight * total
        else:  # as with equal weights, where the pair of a row with itself counts
            n = len(weight)
            self.row_sums = weight * (pair_weight @ weight) * (n / max(n - 1, 1))

    def squares(self, Z):
        """Sum of w d² over the pairs."""
        w = self.weight
        if self.pair_weight is None:
            return w.sum() * (w @ np.square(Z).sum(axis=1)) - np.square(w @ Z).sum()
        by_row = w * (self.pair_weight @ w)
        moved = w[:, None] * (self.pair_weight @ (w[:, None] * Z))
        return by_row @ np.square(Z).sum(axis=1) - np.vdot(Z, moved)

    def step(self, value, direction):
        """Step for a gradient: the Guttman transform, if pairs have no weights.

        With weights it is a step on the same quadratic function above the stress, for
        the mean of its curvatures relative to the row sums. None is twice as large, so
        that this step does not lead up either.
        """
        return direction * (0.5 * self.unit_of(value) / self.row_sums)[:, None]

    def shortest(self, Z):
        """The least distance that has a direction."""
        return SHORTEST * np.sqrt(np.square(Z).mean()) + np.finfo(np.float64).tiny

    def weigh(self, rows, columns, a, square):
        """Multiply a by the weights of the pairs; return the sum of w a²."""
        if self.equal and self.pair_weight is None:
            return np.vdot(a, a)
        np.square(a, out=square)
        if self.pair_weight is not None:
            weight = self.pair_weight[rows, columns]
            square *= weight
            a *= weight
        return self.weight[rows] @ square @ self.weight[columns]


class MetricStress(Pairs):
    """S of places."""

    def __call__(self, Z):
        shortest = self.shortest(Z)

        def tile(rows, columns, d, a, work):
            np.subtract(self.D[rows, columns], d, out=a)
            total = self.weigh(rows, columns, a, work)
            np.maximum(d, shortest, out=d)
            a /= d
            return total

        stress, sums = pair_sums(Z, self.weight, tile, self.n_threads)
        return Value(float(stress), -2.0 * sums, float(self.squares(Z)))

    def unit_of(self, value):
        """What the weights of the pairs are divided by."""
        return 1.0

    def after_step(self, Z):
        """Places after one step, which does not increase the stress."""
        value = self(Z)
        return Z - self.step(value, value.gradient)

    def relative(self, gain, value):
        """A gain, relative to the sum of the squared distances."""
        return gain / value.squares if value.squares > 0 else 0.0


class OrdinalStress(Pairs):
    """F of places.

    Dissimilarities that are equal have equal h. Those of 0 are missing.
    """

    def __init__(self, D, weight, pair_weight, n_threads):
        super().__init__(D, weight, pair_weight, n_threads)
        n = len(D)
        known = np.triu(D > 0, 1)
        if pair_weight is not None:
            known &= pair_weight > 0
        flat = np.flatnonzero(known)
        delta = D.ravel()[flat].astype(np.float64, copy=False)
        order = np.argsort(delta, kind="stable")
        self.delta, flat = delta[order], flat[order]
        self.flat = flat.astype(np.int32) if n * n < 2**31 else flat
        self.weights = None
        if not self.equal or pair_weight is not None:
            i, j = np.divmod(flat, n)
            self.weights = weight[i] * weight[j]
            if pair_weight is not None:
                self.weights *= pair_weight.ravel()[flat]
        first = np.flatnonzero(np.diff(self.delta, prepend=-1.0))
        self.ties = None if len(first) == len(flat) else first
        self.n_pairs = float(len(flat) if self.weights is None else self.weights.sum())
        self._of_pairs = np.zeros((n, n))

    def __call__(self, Z):
        d = self._distances(Z)
        h = self.disparities(d)
        squares = self._sum_of_squares(d)
        h -= d
        stress = self._sum_of_squares(h) / squares if squares > 0 else 0.0
        # h - k d in the form in which it keeps its digits, as k = 1 - F.
        h += stress * d
        self._spread(h)
        shortest = self.shortest(Z)

        def tile(rows, columns, d, a, work):
            np.maximum(d, shortest, out=d)
            np.divide(self._of_pairs[rows, columns], d, out=a)
            if columns is rows:  # of which the upper triangle is set
                a += a.T.copy()
            if self.pair_weight is not None:
                a *= self.pair_weight[rows, columns]
            return 0.0

        _, sums = pair_sums(Z, self.weight, tile, self.n_threads)
        if squares > 0:
            sums *= -2.0 / squares
        return Value(float(stress), sums, float(squares))

    def unit_of(self, value):
        """What the weights of the pairs are divided by."""
        return value.squares

    def relative(self, gain, value):
        """A gain, relative to the stress."""
        return gain / value.stress if value.stress > 0 else 0.0

    def scale(self, value):
        """Factor of the places with which the mean of h² is 1."""
        squares = (1.0 - value.stress) * value.squares
        return np.sqrt(self.n_pairs / squares) if squares > 0 else 1.0

    def disparities(self, d):
        """Return h for distances, in the order of the dissimilarities."""
        weights = self.weights
        if self.ties is None:
            return isotonic_regression(d, weights=weights).x
        size = np.diff(self.ties, append=len(d))
        if weights is None:
            total, sums = size.astype(np.float64), np.add.reduceat(d, self.ties)
        else:
            total = np.add.reduceat(weights, self.ties)
            sums = np.add.reduceat(weights * d, self.ties)
        return np.repeat(isotonic_regression(sums / total, weights=total).x, size)

    def knots(self, Z):
        """Return dissimilarities, and h there, between which h is linear."""
        h = self.disparities(self._distances(Z))
        differs = np.diff(h) > 0
        kept = np.append(differs, True) | np.append(True, differs)
        # The last of those before it rises, and the first after.
        return self.delta[kept], h[kept]

    def _sum_of_squares(self, of_pairs):
        if self.weights is None:
            return np.vdot(of_pairs, of_pairs)
        return np.vdot(of_pairs, self.weights * of_pairs)

    def _distances(self, Z):
        """Distances in the order of the dissimilarities."""

        def measure(block):
            for columns in block[1]:
                self._of_pairs[block[0], columns] = cdist(Z[block[0]], Z[columns])

        map_threads(measure, list(pair_blocks(len(Z))), self.n_threads)
        d, source = np.empty(len(self.flat)), self._of_pairs.ravel()

        def gather(part):
            np.take(source, self.flat[part], out=d[part], mode="clip")

        map_threads(gather, list(row_slices(len(d), PART)), self.n_threads)
        return d

    def _spread(self, of_pairs):
        """Write numbers in the order of the dissimilarities to the upper triangle."""
        target = self._of_pairs.ravel()
        if len(self.flat) < len(self.D) * (len(self.D) - 1) // 2:
            target[:] = 0.0
        for rows in row_slices(len(self.D), TILE_ROWS):
            block = self._of_pairs[rows, rows]
            block[np.tri(len(block), dtype=bool)] = 0.0

        def scatter(part):
            target[self.flat[part]] = of_pairs[part]

        map_threads(scatter, list(row_slices(len(of_pairs), PART)), self.n_threads)
