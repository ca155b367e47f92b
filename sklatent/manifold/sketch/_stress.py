"""The stress of a sketch-map and its gradient, tile by tile.

With the distances d_ij of rows and z_ij of their places, in units of sigma, the weights
w_i, which sum to 1, the complements C and c of the two sigmoids and the mixing ratio m,

    F = sum_ij w_i w_j h_ij,   h = (1 - m) (c(z) - C(d))^2 + m (z - d)^2,

    dF / dz_i = 4 w_i sum_j w_j h'_ij (z_i - z_j),   h' the derivative by z_ij^2.

Tiles on and above the diagonal are computed, as both are symmetric.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from sklatent.manifold.sketch._sigmoids import SMALLEST, Sigmoid
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

# Rows and columns of a tile: what is computed for it at a time fits the cache.
TILE = 256


@dataclass(frozen=True)
class Loss:
    """What a pair of rows adds to the stress.

    Parameters
    ----------
    high, low : Sigmoid
        Of the distances of rows, and of places.
    mixing : float
        Share of the differences of the distances themselves.
    """

    high: Sigmoid
    low: Sigmoid
    mixing: float

    def value(self, x, D, C):
        """h, of squared distances x of places, with those of rows, and complements."""
        error = self.low.complement(x)
        error -= C
        error *= error
        if self.mixing:
            error *= 1 - self.mixing
            error += self.mixing * (np.sqrt(x) - D) ** 2
        return error

    def with_slope(self, x, D, C):
        """Return h and its derivative by x, which is written over."""
        if self.mixing:
            r = np.sqrt(np.maximum(x, SMALLEST))
        error, slope = self.low.with_slope(x)
        error -= C
        slope *= error
        slope *= 2 * (1 - self.mixing)
        error *= error
        if self.mixing:
            error *= 1 - self.mixing
            error += self.mixing * (r - D) ** 2
            slope += self.mixing * (1 - D / r)
        return error, slope

    def with_curvature(self, x, D, C):
        """Return h and its first and second derivative by x."""
        c, c1, c2 = self.low.with_curvature(x)
        error = c - C
        share = 1 - self.mixing
        h = share * error**2
        h1 = 2 * share * error * c1
        h2 = 2 * share * (c1**2 + error * c2)
        if self.mixing:
            r = np.sqrt(np.maximum(x, SMALLEST))
            h += self.mixing * (r - D) ** 2
            h1 += self.mixing * (1 - D / r)
            h2 += self.mixing * D / (2 * r**3)
        return h, h1, h2


def squared_distances(A, B):
    """Squared distances of places, by differences."""
    x = None
    for a, b in zip(A.T, B.T, strict=True):
        # A product of rank 2 gives the differences exactly, in less time.
        left = np.column_stack([a, np.ones_like(a)])
        difference = left @ np.stack([np.ones_like(b), -b])
        difference *= difference
        if x is None:
            x = difference
        else:
            x += difference
    return x


class Stress:
    """The stress of the places of some rows.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Distances of the rows, in units of sigma.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, which sum to 1.
    loss : Loss
        What a pair adds.
    dtype : {float32, float64}
        Precision of the tiles.
    n_threads : int, default=1
        Number of threads. The result does not depend on it.
    overwrite : bool, default=False
        Whether the distances are lost, so that there is no second matrix. Then the loss
        has no mixing, for which alone they are needed.
    """

    def __init__(self, D, weight, loss, dtype, n_threads=1, *, overwrite=False):
        self.D = D
        self.C = D if overwrite else np.empty(D.shape, dtype)
        for rows in row_slices(len(D), TILE):
            self.C[rows] = loss.high.complement(np.square(D[rows], dtype=dtype))
        self.weight = weight.astype(dtype)
        self.loss, self.dtype, self.n_threads = loss, dtype, n_threads
        slices = list(row_slices(len(D), TILE))
        self.tiles = [(i, j) for i in slices for j in slices if j.start >= i.start]

    def with_mixing(self, mixing):
        """Itself with another mixing ratio."""
        new = object.__new__(Stress)
        vars(new).update(vars(self))
        new.loss = Loss(self.loss.high, self.loss.low, mixing)
        return new

    def with_gradient(self, Z):
        """Return the stress and its gradient.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_components)
            Places, in units of sigma.

        Returns
        -------
        stress : float
            F.
        gradient : ndarray of shape (n_rows, n_components)
            Its derivatives, in double precision.
        """
        places = Z.astype(self.dtype)
        weighted = np.column_stack([places, np.ones(len(Z), self.dtype)])
        weighted *= self.weight[:, None]
        parts = map_threads(
            lambda tile: self._of_tile(places, weighted, *tile),
            self.tiles,
            self.n_threads,
        )
        total, sums = 0.0, np.zeros((len(Z), Z.shape[1] + 1))
        for (i, j), (value, of_rows, of_columns) in zip(self.tiles, parts, strict=True):
            sums[i] += of_rows
            total += value
            if of_columns is not None:
                sums[j] += of_columns
                total += value
        gradient = sums[:, -1:] * Z - sums[:, :-1]
        gradient *= 4 * self.weight[:, None].astype(np.float64)
        return total, gradient

    def _of_tile(self, places, weighted, i, j):
        """Return a part of the stress, and the sums of w_j h' (z_j, 1)."""
        x = squared_distances(places[i], places[j])
        h, slope = self.loss.with_slope(x, self.D[i, j], self.C[i, j])
        diagonal = i == j
        if diagonal:
            np.fill_diagonal(h, 0)
            np.fill_diagonal(slope, 0)
        value = float(np.dot(h @ self.weight[j], self.weight[i].astype(np.float64)))
        return (
            value,
            slope @ weighted[j],
            None if diagonal else slope.T @ weighted[i],
        )

    def minimize(self, Z, max_iter, tol, after=None):
        """Minimize the stress by L-BFGS.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_components)
            Where it starts.
        max_iter : int
            Largest number of iterations.
        tol : float
            Relative fall of the stress in an iteration that ends it.
        after : callable, default=None
            after(Z, stress) is called after each iteration. True makes it the last.

        Returns
        -------
        Z : ndarray of shape (n_rows, n_components)
            Places of a smaller stress.
        stress : float
            Their stress.
        n_iter : int
            Number of iterations.
        """
        if max_iter == 0:
            return Z, self.with_gradient(Z)[0], 0
        # Gradients per weight are alike, whatever the weights are.
        root = np.sqrt(self.weight.astype(np.float64) * len(Z))[:, None]
        start, _ = self.with_gradient(Z)
        unit = max(start, np.finfo(np.float64).tiny)

        def function(flat):
            value, gradient = self.with_gradient(flat.reshape(Z.shape) / root)
            return value / unit, (gradient / root / unit).ravel()

        def report(intermediate_result):
            flat, value = intermediate_result.x, intermediate_result.fun
            if after(flat.reshape(Z.shape) / root, value * unit):
                raise StopIteration

        found = minimize(
            function,
            (Z * root).ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=None if after is None else report,
            options={"maxiter": max_iter, "ftol": tol, "gtol": 1e-9, "maxcor": 10},
        )
        if not found.fun * unit <= start:
            return Z, start, found.nit
        return found.x.reshape(Z.shape) / root, float(found.fun * unit), found.nit
