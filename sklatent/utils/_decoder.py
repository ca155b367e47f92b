"""From places in an embedding back to rows, for all embeddings.

A row is a linear function of the place among the nearest training places (local linear
regression; Cleveland and Devlin 1988, "Locally weighted regression", JASA 83). With
distances d_j of the k nearest places z_j, whose rows x_j count c_j times, and with
weights w_j ~ c_j exp(-4 d_j^2 / d_k^2) of sum 1, mean z_m and covariance S of the z_j,

    x(z) = sum_j l_j x_j,
    l_j = w_j (1 + (z - z_m)' (S + r tr(S) / q I)^-1 (z_j - z_m)).

The number of neighbors k and the ridge r are those with the smallest error of training
rows that are left out. An infinite ridge leaves the mean of the neighbors.
"""

import numpy as np
from scipy.sparse import csr_array

from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest

# Numbers of neighbors to try, and multiples of the number of components, whose slopes
# fewer neighbors leave open.
NEIGHBORS, PER_COMPONENT = (4, 8, 16, 32, 64, 128), (2, 4)
RIDGES = (1e-10, 0.01, 0.1, 1.0, np.inf)
# exp(-DECAY) is the weight of the farthest neighbor, to that of one at the place.
DECAY = 4.0
# The linear part goes no farther from the mean than this many standard deviations of
# the neighbors in each component: beyond, a slope is a guess.
LIMIT = 2.0
# Rows that are left out, and how many of their entries are reconstructed at most.
TRIAL_ROWS, TRIAL_ENTRIES = 400, 1_000_000
# Entries of an array of neighbors that are handled together.
BLOCK_ENTRIES = 2**19


class Decoder:
    """Local linear regression of the rows on their places.

    Parameters
    ----------
    n_neighbors : int, default=None
        How many of the nearest places a row is regressed on; chosen if None.
    ridge : float, default=None
        Ridge of the regression, relative to the mean variance; chosen if None.
    """

    def __init__(self, n_neighbors=None, ridge=None):
        self.n_neighbors = n_neighbors
        self.ridge = ridge

    def fit(self, Z, X, weight):
        """Keep the places, the rows and their weights, and choose what is None.

        Parameters
        ----------
        Z : ndarray of shape (n_samples, n_components)
            Places, which may coincide.
        X : ndarray of shape (n_samples, n_features)
            The rows at these places.
        weight : ndarray of shape (n_samples,)
            How many rows each stands for. One of weight 0 is not there.

        Returns
        -------
        decoder : Decoder
            Itself.
        """
        there = weight > 0
        if not there.all():
            Z, X, weight = Z[there], X[there], weight[there]
        self.Z, self.X, self.weight = Z, X, weight
        if self.n_neighbors is None or self.ridge is None:
            self.n_neighbors, self.ridge = self._choose()
        return self

    def decode(self, Z):
        """Return the rows at places of shape (n_queries, n_components)."""
        k = min(self.n_neighbors, len(self.Z))
        distances, nearest = k_nearest(self.Z, k, queries=Z)
        rows = np.empty((len(Z), self.X.shape[1]), dtype=Z.dtype)
        for block in row_slices(len(Z), BLOCK_ENTRIES // (k * Z.shape[1]) + 1):
            neighbors = self._neighbors(Z[block], distances[block], nearest[block])
            rows[block] = self._combine(
                neighbors.coefficients(self.ridge), nearest[block]
            )
        return rows

    def _neighbors(self, Z, distances, nearest):
        return _Neighbors(Z, self.Z[nearest], distances, self.weight[nearest])

    def _combine(self, coefficients, nearest):
        """Return the sums of the neighbors' rows with these coefficients."""
        starts = np.arange(0, nearest.size + 1, nearest.shape[1])
        parts = (coefficients.ravel().astype(self.X.dtype), nearest.ravel(), starts)
        return csr_array(parts, shape=(len(nearest), len(self.X))) @ self.X

    def _choose(self):
        """Return the number of neighbors and the ridge of the smallest error."""
        n, q = self.Z.shape
        if n < 4:  # Too few to leave one out: the plane through all.
            return n, RIDGES[0]
        numbers = {min(k, n - 1) for k in NEIGHBORS}
        numbers |= {min(q * k, n - 1) for k in PER_COMPONENT if q * k > max(numbers)}
        errors = {
            (k, ridge): error
            for k in sorted(numbers)
            for ridge, error in zip(RIDGES, self.left_out(k, RIDGES), strict=True)
        }
        return min(errors, key=errors.get)

    def left_out(self, k, ridges):
        """Mean squared error of training rows by their k nearest other places.

        Parameters
        ----------
        k : int
            How many neighbors, fewer than there are rows.
        ridges : sequence of float
            The ridges to try.

        Returns
        -------
        errors : list of float
            Mean over the rows, by their weights, for each ridge.
        """
        n, p, q = *self.X.shape, self.Z.shape[1]
        n_trial = min(n, TRIAL_ROWS, max(100, TRIAL_ENTRIES // max(p, k * q // 4)))
        rows = np.linspace(0, n - 1, n_trial).astype(np.intp)
        Z, weight = self.Z[rows], self.weight[rows]
        distances, nearest = k_nearest(self.Z, k + 1, queries=Z)
        other = nearest != rows[:, None]
        # Where more places coincide than are found, the row may not be among them.
        other[other.all(axis=1), -1] = False
        distances, nearest = (A[other].reshape(-1, k) for A in (distances, nearest))
        neighbors = self._neighbors(Z, distances, nearest)
        errors = []
        for ridge in ridges:
            fitted = self._combine(neighbors.coefficients(ridge), nearest)
            squares = np.square(fitted - self.X[rows], dtype=np.float64).sum(axis=1)
            errors.append(float(np.average(squares, weights=weight)))
        return errors


class _Neighbors:
    """The neighbors of each place, centered at their weighted mean and scaled.

    Parameters
    ----------
    Z : ndarray of shape (n_queries, n_components)
        Places.
    neighbors : ndarray of shape (n_queries, k, n_components)
        Their nearest training places.
    distances : ndarray of shape (n_queries, k)
        The distances to these, ascending.
    counts : ndarray of shape (n_queries, k)
        How many rows each stands for.
    """

    def __init__(self, Z, neighbors, distances, counts):
        farthest = distances[:, -1:]
        relative = distances / np.where(farthest > 0, farthest, 1.0)
        w = counts * np.exp(-DECAY * relative**2)
        self.w = w / w.sum(axis=1, keepdims=True)
        neighbors = neighbors.astype(np.float64)
        # From one of the neighbors, so that an offset takes no digits.
        origin = neighbors[:, :1].copy()
        neighbors -= origin
        scale = np.abs(neighbors).max(axis=(1, 2))
        scale[scale == 0] = 1.0
        neighbors /= scale[:, None, None]
        mean = self.w[:, None] @ neighbors
        self.A = np.sqrt(self.w)[:, :, None] * (neighbors - mean)
        with np.errstate(over="ignore"):
            step = (Z - origin[:, 0]) / scale[:, None] - mean[:, 0]
        # What is clipped here is beyond the limit of the linear part by far.
        self.step = np.clip(step, -1e6, 1e6)[:, :, None]

    def coefficients(self, ridge):
        """Return the coefficients of the neighbors, of shape (n_queries, k)."""
        if np.isinf(ridge):
            return self.w
        A, k, q = self.A, *self.A.shape[1:]
        trace = np.square(A).sum(axis=(1, 2))
        r = np.where(trace > 0, ridge * trace / q, 1.0)[:, None, None]
        At = np.swapaxes(A, 1, 2)
        # The smaller of two matrices, whose results are equal.
        if q <= k:
            slope = A @ np.linalg.solve(At @ A + r * np.eye(q), self.step)
        else:
            slope = np.linalg.solve(A @ At + r * np.eye(k), A @ self.step)
        slope = slope[:, :, 0]
        root = np.sqrt(self.w)
        # They sum to 0, but for rounding, which a small ridge would raise.
        slope -= root * (root * slope).sum(axis=1, keepdims=True)
        # The squared distance from the mean, in standard deviations.
        square = np.square(slope).sum(axis=1, keepdims=True)
        limit = np.minimum(1.0, LIMIT * np.sqrt(q / np.where(square > 0, square, 1.0)))
        return self.w + limit * root * slope
