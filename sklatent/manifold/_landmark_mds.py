"""Classical scaling of distances from weighted landmarks (de Silva and Tenenbaum 2004).

With the squared distances S between the landmarks, their weights w, which sum to n, and
the mean mu = S w / n of the columns,

    A = -1/2 W^1/2 J S J' W^1/2,   J = I - 1 w' / n,   A = V Lambda V',

a row at squared distances s from the landmarks is placed at

    z = 1/2 (mu - s) P,   P = W^1/2 V Lambda^-1/2.

A landmark has its place in the classical scaling of all landmarks, each repeated w
times.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.spatial.distance import cdist

from sklatent.manifold._signs import signs_of
from sklatent.utils._blocks import row_slices

# Up to so many landmarks eigenvalues are found by LAPACK, if it is not said how; so are
# they if more than one in so many is wanted.
MANY_LANDMARKS, ONE_IN = 200, 10
# Rows whose distances are compared together.
BLOCK_ROWS = 4096
# Relative error of the eigenvalue with which it is checked that none is missed.
CHECK_TOL = 1e-3
# Eigenvalues smaller than this, relative to the largest, are rounding errors per row.
ROUNDING = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Scaling:
    """Places by distances from landmarks.

    Parameters
    ----------
    unit : float
        Power of two in which distances are measured, so that squares do not overflow.
    mean : ndarray of shape (n_landmarks,)
        mu, in squared units.
    projection : ndarray of shape (n_landmarks, n_components)
        P, in 1 / units; zeros where a component has no variance.
    eigenvalues : ndarray of shape (n_components,)
        The largest of Lambda, in squared units; 0 where they are not positive.
    squares : float
        Sum of the squares of A.
    """

    unit: float
    mean: np.ndarray
    projection: np.ndarray
    eigenvalues: np.ndarray
    squares: float

    def place(self, distances):
        """Place rows at such distances from the landmarks, which are written over."""
        distances /= self.unit
        np.square(distances, out=distances)
        np.subtract(self.mean, distances, out=distances)
        return (0.5 * self.unit) * (distances @ self.projection)

    def error(self):
        """Root of the squares of A that the components leave, per row and column."""
        rest = max(self.squares - np.square(self.eigenvalues).sum(), 0.0)
        return np.sqrt(rest)


def scale_landmarks(distances, weight, n_components, **solver):
    """Find the classical scaling of landmarks.

    Parameters
    ----------
    distances : ndarray of shape (n_landmarks, n_landmarks)
        Symmetric distances.
    weight : ndarray of shape (n_landmarks,)
        Weights of the landmarks.
    n_components : int
        Number of components; more than there are landmarks have no variance.
    **solver : dict
        Arguments of `largest_eigenpairs`.

    Returns
    -------
    scaling : Scaling
        Of all that have distances from the landmarks.
    """
    unit = 2.0 ** np.frexp(distances.max())[1]
    A = np.square(distances / unit)
    share = weight / weight.sum()
    mean = A @ share
    A -= mean
    A -= (mean - share @ mean)[:, None]
    root = np.sqrt(weight)
    A *= -0.5 * root
    A *= root[:, None]
    found = min(n_components, len(A))
    values, vectors = largest_eigenpairs(A, found, **solver)
    positive = values > ROUNDING * len(A) * values[0]
    projection = np.zeros((len(A), n_components))
    projection[:, :found][:, positive] = (
        root[:, None] * vectors[:, positive] / np.sqrt(values[positive])
    )
    eigenvalues = np.zeros(n_components)
    eigenvalues[:found][positive] = values[positive]
    return Scaling(unit, mean, projection, eigenvalues, np.vdot(A, A))


def largest_eigenpairs(A, n_pairs, *, eigen_solver="auto", tol=0, max_iter=None):
    """Find the largest eigenvalues of a symmetric matrix, and their eigenvectors.

    Parameters
    ----------
    A : ndarray of shape (n, n)
        The matrix.
    n_pairs : int
        How many, at most n.
    eigen_solver : {"auto", "arpack", "dense"}, default="auto"
        Method; "arpack" needs fewer pairs than n.
    tol : float, default=0
        Relative error of the eigenvalues with "arpack"; 0 is rounding.
    max_iter : int, default=None
        Bound on the iterations of "arpack".

    Returns
    -------
    values : ndarray of shape (n_pairs,)
        Descending.
    vectors : ndarray of shape (n, n_pairs)
        Of length 1; the largest entry of each is positive.
    """
    n = len(A)
    if eigen_solver == "auto":
        many = n > MANY_LANDMARKS and n_pairs <= n // ONE_IN
        eigen_solver = "arpack" if many else "dense"
    if eigen_solver == "arpack" and n_pairs < n - 1:
        values, vectors = _by_iterations(A, n_pairs, tol, max_iter)
    else:
        values, vectors = _by_lapack(A, n_pairs)
    order = np.argsort(-values, kind="stable")
    values, vectors = values[order], vectors[:, order]
    return values, vectors * signs_of(vectors)


def _by_iterations(A, n_pairs, tol, max_iter):
    """Let ARPACK find eigenvalues, and LAPACK where that missed one."""
    n = len(A)
    # A start at random is not orthogonal to any eigenvector.
    start = np.random.RandomState(0).uniform(-1, 1, (n, 2))
    values, vectors = eigsh(
        A, n_pairs, which="LA", tol=tol, maxiter=max_iter, v0=start[:, 0]
    )
    # Of equal eigenvalues, iterations from one vector may find one.
    rest = LinearOperator(
        A.shape, lambda x: A @ x - vectors @ (values * (vectors.T @ x)), dtype=A.dtype
    )
    (next_value,) = eigsh(
        rest,
        1,
        which="LA",
        tol=CHECK_TOL,
        maxiter=max_iter,
        v0=start[:, 1],
        return_eigenvectors=False,
    )
    if next_value > values.min() + CHECK_TOL * values.max():
        return _by_lapack(A, n_pairs)
    return values, vectors


def _by_lapack(A, n_pairs):
    """Let LAPACK find the largest eigenvalues."""
    values, vectors = eigh(A, subset_by_index=[len(A) - n_pairs, len(A) - 1])
    if len(values) < n_pairs:  # where nearly all are equal, its fast method loses some
        values, vectors = eigh(A, driver="evd")
        values, vectors = values[-n_pairs:], vectors[:, -n_pairs:]
    return values, vectors


def residual_variance(geodesics, places, landmarks, row_weight, weight):
    """Share of the variance of geodesic distances that the places do not explain.

    Parameters
    ----------
    geodesics : ndarray of shape (n_samples, n_landmarks)
        Geodesic distances.
    places : ndarray of shape (n_samples, n_components)
        Places, whose distances are compared with them.
    landmarks : ndarray of shape (n_landmarks,)
        Which rows are landmarks.
    row_weight : ndarray of shape (n_samples,)
        How many rows each row stands for.
    weight : ndarray of shape (n_landmarks,)
        How many rows each landmark stands for.

    Returns
    -------
    share : float
        1 - R², with the correlation R of the distances.
    """
    unit = geodesics.max()
    if unit == 0:
        return 0.0
    row_weight, weight = row_weight / row_weight.sum(), weight / weight.sum()
    shift = row_weight @ geodesics @ weight / unit
    # Weighted means of g, e, gg, ge, ee, with both distances less the shift.
    means = np.zeros(5)
    for rows in row_slices(len(geodesics), BLOCK_ROWS):
        g = geodesics[rows] / unit - shift
        e = cdist(places[rows] / unit, places[landmarks] / unit) - shift
        products = (g, e, g * g, g * e, e * e)
        means += [row_weight[rows] @ product @ weight for product in products]
    var_g, covariance, var_e = means[2:] - [
        means[0] ** 2,
        means[0] * means[1],
        means[1] ** 2,
    ]
    if var_e <= 0:
        return 1.0
    return float(max(0.0, 1 - covariance**2 / (var_g * var_e)))
