"""Classical scaling of weighted rows by their distances, and places by them.

With the squared distances S, weights w and their sum n, and mu = S w / n,

    B = -1/2 W^1/2 J S J' W^1/2,   J = I - 1 w' / n,   B = U Lambda U',

a row at squared distances s from all rows is placed at (Gower 1968)

    z = 1/2 (mu - s) P,   P = W^1/2 U Lambda^-1/2,

and so are the rows themselves. B is applied to vectors, and never formed where there
are many rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from sklatent.manifold._block_krylov import Extremes, extreme_eigenpairs
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import count_threads, map_threads

# Up to so many rows B is formed, and LAPACK finds all eigenvalues; so it does if more
# than one in so many is wanted.
FEW_ROWS, ONE_IN = 500, 60
# Bytes of squared distances that are at hand at a time.
BLOCK_BYTES = 2**20
# Eigenvalues below this, relative to the largest and per row, are rounding errors.
ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Scaling:
    """Places by distances from rows.

    Parameters
    ----------
    unit : float
        Power of two in which distances are measured, so that squares do not overflow.
    mean : ndarray of shape (n_rows,)
        mu, in squared units.
    projection : ndarray of shape (n_rows, n_components)
        P, in 1 / units; zeros where a component has no variance.
    shift : ndarray of shape (n_components,)
        Subtracted from the places, in units.
    eigenvalues : ndarray of shape (n_components,)
        The largest of Lambda, in squared units; 0 where not positive.
    negative : float
        The most negative eigenvalue over the largest, without its sign.
    """

    unit: float
    mean: np.ndarray
    projection: np.ndarray
    shift: np.ndarray
    eigenvalues: np.ndarray
    negative: float

    def place(self, distances):
        """Return the places of rows at such distances, (n_queries, n_components)."""
        squares = np.divide(distances, self.unit, dtype=np.float64)
        np.square(squares, out=squares)
        np.subtract(self.mean, squares, out=squares)
        return self.unit * (squares @ (0.5 * self.projection) - self.shift)

    def turned(self, Z, weight, n_components):
        """Itself with the axes along which the places Z of all rows vary most."""
        Z = Z / self.unit
        mean = weight @ Z / weight.sum()
        centered = Z - mean
        values, axes = np.linalg.eigh(centered.T @ (weight[:, None] * centered))
        values, axes = np.maximum(values[::-1], 0.0), axes[:, ::-1]
        values, axes = values[:n_components].copy(), axes[:, :n_components]
        values[values <= ROUNDING * len(Z) * values[0]] = 0.0
        axes = axes * (values > 0)
        return replace(
            self,
            projection=self.projection @ axes,
            shift=(self.shift + mean) @ axes,
            eigenvalues=values,
        )

    def flipped(self, signs):
        """Itself with signs of the components changed."""
        return replace(
            self, projection=self.projection * signs, shift=self.shift * signs
        )


def scale(D, weight, n_components, n_jobs=None):
    """Find the classical scaling of rows by their distances.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Symmetric distances.
    weight : ndarray of shape (n_rows,)
        Positive weights.
    n_components : int
        Number of components; those without variance have zeros.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.

    Returns
    -------
    scaling : Scaling
        Of all rows that have distances from these.
    """
    n, q = len(D), min(n_components, len(D))
    unit = 2.0 ** np.frexp(max(D.max(), np.finfo(np.float64).tiny))[1]
    share, root = weight / weight.sum(), np.sqrt(weight)
    squares_times = _squares_of(D, unit, count_threads(n_jobs))
    mean = squares_times(share[:, None])[:, 0]

    def apply(V):
        V = root[:, None] * V
        V -= share[:, None] * V.sum(axis=0)
        V = squares_times(V)
        V -= share @ V
        return -0.5 * root[:, None] * V

    if n <= FEW_ROWS or q > n // ONE_IN:
        B = apply(np.eye(n))
        values, vectors = np.linalg.eigh((B + B.T) / 2)
        found = Extremes(values[: -q - 1 : -1], vectors[:, : -q - 1 : -1], values[0])
    else:
        found = extreme_eigenpairs(apply, n, q)
    size = max(found.values[0], 0.0)
    positive = found.values > ROUNDING * n * size
    projection, eigenvalues = np.zeros((n, n_components)), np.zeros(n_components)
    eigenvalues[:q][positive] = found.values[positive]
    projection[:, :q][:, positive] = (
        root[:, None] * found.vectors[:, positive] / np.sqrt(found.values[positive])
    )
    below = -found.smallest if -found.smallest > ROUNDING * n * size else 0.0
    negative = float(below / size) if size > 0 else 0.0
    shift = np.zeros(n_components)
    return Scaling(unit, mean, projection, shift, eigenvalues, negative)


def _squares_of(D, unit, n_threads):
    """Return the function that multiplies the squared distances by vectors.

    The squares are computed again, a block of rows at a time, so that there is no
    second matrix. The blocks do not depend on the number of threads.
    """
    size = max(BLOCK_BYTES // (8 * len(D)), 16)
    blocks = list(row_slices(len(D), size))

    def times(V):
        product = np.empty((len(D), V.shape[1]))

        def multiply(rows):
            squares = np.divide(D[rows], unit, dtype=np.float64)
            np.square(squares, out=squares)
            np.dot(squares, V, out=product[rows])

        map_threads(multiply, blocks, n_threads)
        return product

    return times
