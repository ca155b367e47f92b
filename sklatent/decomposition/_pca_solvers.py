"""Ways to the principal axes of centered rows.

===============  ==========================================================
`exact`          QR of blocks of rows one after the other, then the SVD of the
                 triangle; for n < p the SVD of the rows. No digit is lost.
`covariance`     eigenvectors of the scatter matrix: fastest for tall data, but
                 squaring halves the digits of small singular values, so that
                 where a requested one is small, `exact` is called instead.
`randomized`     Musco and Musco (2015), `_krylov`: a few axes of large matrices, and
                 the variance that the rows have along each.
`arpack`         Lanczos; reads sparse rows as they are.
===============  ==========================================================

All weight the rows, and all give a `Spectrum`.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.linalg import LinAlgError, eigh, svd
from scipy.sparse import csr_matrix, issparse
from scipy.sparse.linalg import LinearOperator, svds

from sklatent.decomposition._krylov import leading_axes
from sklatent.decomposition._triangles import merge_triangles, triangle
from sklatent.utils._columns import (
    centered,
    centered_copy,
    sparse_moments,
)
from sklatent.utils._evidence import minka_evidence
from sklatent.utils._moments import narrow_blas, row_blocks

# Relative error that explained variances may have, by the precision of the data.
DIGITS = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-3}
# Error of an eigenvalue of the scatter matrix, in units of rounding of the largest.
EIGEN_ERROR = 16.0
# Shares of the variance that differ by less are equal, in units of rounding.
SHARE_ERROR = 16.0
# Power iterations of "randomized", after which its error is no larger than that of
# the seven that scikit-learn takes.
POWER_ITERATIONS = 3
# Solvers that find only some axes, given how many.
TRUNCATED = ("arpack", "randomized")


@dataclass(frozen=True)
class Spectrum:
    """Squared singular values of the centered, weighted rows, and their axes.

    Parameters
    ----------
    weight : float
        Sum of the weights of the rows.
    mean, mean_error : ndarray of shape (n_features,)
        Mean, and what rounding it lost.
    squares : ndarray of shape (k,)
        The k largest squared singular values, decreasing, non-negative.
    components : ndarray of shape (k, n_features)
        Their axes as rows, orthonormal.
    rest : float
        Sum of the squared singular values that are not in `squares`.
    resolution : float
        Squares below this share of the largest are rounding.
    column_squares : ndarray of shape (n_features,)
        Weighted sum of squares of each feature about its mean.
    """

    weight: float
    mean: np.ndarray
    mean_error: np.ndarray
    squares: np.ndarray
    components: np.ndarray
    rest: float
    resolution: float
    column_squares: np.ndarray

    @property
    def total(self):
        """Sum of all squared singular values."""
        return self.squares.sum() + self.rest

    @property
    def constant(self):
        """Whether each feature is the same in all rows, but for rounding."""
        rounding = np.finfo(np.float64).eps * self.mean
        return self.column_squares <= self.weight * rounding**2

    def discarded(self, n_components):
        """Sum of the squared singular values after the first `n_components`."""
        return self.squares[n_components:].sum() + self.rest

    def noise(self, n_components, dtype):
        """Mean square of the directions discarded; 0 if that is rounding only."""
        p = len(self.mean)
        if n_components == p:
            return 0.0
        discarded = self.discarded(n_components)
        outside = 1 - (self.components[:n_components] ** 2).sum(axis=0)
        rounding = self._rounding(np.maximum(outside, 0), dtype)
        rounding += svd_resolution(p, dtype) * self.squares[:1].sum()
        return discarded / (p - n_components) if discarded > rounding else 0.0

    def _rounding(self, shares, dtype):
        """Squares that rounding the data to its precision adds, at most.

        It changes x by eps |x| / 4, about; `shares` are those of the features in a
        direction.
        """
        return np.finfo(dtype).eps ** 2 * self.weight * (shares @ self.mean**2)

    def number(self, n_components, dtype):
        """How many components to keep, given as such, as a share, or by evidence.

        A share takes the fewest components that explain more of the variance. One
        that equals the share of k components, but for rounding, takes k + 1, if that
        many have any variance. "mle" takes the number of the largest evidence or, for
        rows of deficient rank, the rank, for which the likelihood is infinite.
        """
        if isinstance(n_components, int):
            return n_components
        p = len(self.mean)
        if self.total == 0 or (p < 2 and n_components == "mle"):
            return 1
        if n_components == "mle":
            rank = self.rank(dtype)
            if rank < p:
                return rank
            return 1 + int(np.argmax(minka_evidence(self.squares, self.weight)))
        shares = np.cumsum(self.squares) / self.total
        share = n_components + SHARE_ERROR * np.finfo(dtype).eps
        k = int(np.searchsorted(shares, share, side="right")) + 1
        n_alive = int(np.sum(self.squares > self.bound(None, dtype)))
        return max(min(k, n_alive), 1)

    def bound(self, n_components, dtype):
        """Squares up to which the first axes have no variance, (n_components,)."""
        axes = self.components[:n_components]
        largest = self.squares[:1].sum()
        return self.resolution * largest + self._rounding(axes**2, dtype)

    def rank(self, dtype):
        """How many squares are more than rounding, whichever the solver.

        That is judged by what the scatter matrix resolves: smaller ones differ by
        solver, and may be what is left of a computation before, such as scaling.
        """
        eigen_resolution = len(self.mean) * np.finfo(np.float64).eps
        bound = np.maximum(self.bound(None, dtype), eigen_resolution * self.squares[0])
        return int(np.sum(self.squares > bound))

    def kept(self, n_components, dtype):
        """First squares and axes, and which of them are more than rounding.

        Axes without variance are arbitrary; they are replaced by a choice that
        depends only on the other axes, come last, and their squares are 0. There
        are as many as asked for, even if the solver gave fewer: repeated rows have
        fewer axes than the rows they stand for.

        Parameters
        ----------
        n_components : int
            How many.
        dtype : dtype
            Precision of the data, whose rounding is no variance.

        Returns
        -------
        squares : ndarray of shape (n_components,)
            Squared singular values.
        components : ndarray of shape (n_components, n_features)
            Axes.
        alive : ndarray of bool of shape (n_components,)
            False where there is no variance.
        """
        squares, axes = self.squares[:n_components], self.components[:n_components]
        alive = squares > self.bound(n_components, dtype)
        rank = int(alive.sum())
        if rank < n_components:
            squares = np.pad(squares[alive], (0, n_components - rank))
            axes = complete(axes[alive], n_components)
        return squares, axes, np.arange(n_components) < rank


def complete(axes, n_axes):
    """Add orthonormal axes until there are `n_axes`; they depend only on `axes`.

    Each is the part outside the others of that unit vector which has most of it.
    """
    k, p = axes.shape
    basis = np.zeros((n_axes, p))
    basis[:k] = axes
    outside = 1 - (axes**2).sum(axis=0)
    for i in range(k, n_axes):
        # Rounded, so that rounding does not choose between equals.
        new = np.zeros(p)
        new[np.argmax(outside.round(6))] = 1.0
        for _ in range(2):
            new -= basis[:i].T @ (basis[:i] @ new)
        basis[i] = new / np.linalg.norm(new)
        outside -= basis[i] ** 2
    return basis


def svd_resolution(n_features, dtype):
    """Share of the largest square below which an SVD of data sees only rounding."""
    return ((16 + np.sqrt(n_features)) * np.finfo(dtype).eps) ** 2


# --------------------------------------------------------------------------------
# The choice of the number and of the solver


def check_number(n_components, X, limit, n_samples, shares, solver, resolve):
    """Return n_components as an int, or as it is where the spectrum decides.

    Parameters
    ----------
    n_components : int, float, "mle", estimator or None
        As PCA takes it.
    X : ndarray, CSR matrix or Dask collection of shape (n_rows, n_features)
        The rows.
    limit : int
        Largest number that the rows have.
    n_samples : int
        How many rows there are, by their weights.
    shares : bool
        Whether the weights are shares of the rows, and do not count them.
    solver : str
        As PCA takes it.
    resolve : callable
        resolve(X, most) fits an estimator of the dimension, and returns the number.
    """
    p = X.shape[1]
    got = f"got n_samples={n_samples} and n_features={p}."
    if n_components is None:
        truncated = solver == "arpack" or (solver == "auto" and issparse(X))
        n_components = limit - truncated
    if isinstance(n_components, (str, Real)) and not isinstance(n_components, Integral):
        if solver in TRUNCATED:
            kind = "string" if isinstance(n_components, str) else "share"
            raise ValueError(
                f"n_components={n_components!r} cannot be a {kind} with svd_solver="
                f"{solver!r}, which does not compute the whole spectrum; use "
                "'full' or 'covariance_eigh'."
            )
        if n_components == "mle" and n_samples < p:
            raise ValueError(
                "n_components='mle' is only supported if n_samples >= n_features; "
                f"{got}"
            )
        if n_components == "mle" and shares:
            raise ValueError(
                "n_components='mle' weighs the evidence of a number of rows, so "
                "sample_weight must count rows; got weights that sum to 1 or "
                "less. Multiply them by the number of rows."
            )
        return n_components
    lowest = int(solver in TRUNCATED)
    highest = limit - (solver == "arpack")
    if not isinstance(n_components, Integral):
        n_components = resolve(X, highest)
    if n_components == limit > highest:
        raise ValueError(
            f"n_components={n_components} must be strictly less than "
            f"min(n_samples, n_features)={limit} with svd_solver={solver!r}; {got}"
        )
    if not lowest <= n_components <= highest:
        # "auto" ends where "full" does, since it resorts to that.
        solver = "full" if solver == "auto" else solver
        # Of batches, more rows may come.
        what = "min(n_samples, n_features)" if n_samples >= limit else "n_features"
        raise ValueError(
            f"n_components={n_components} must be between {lowest} and "
            f"{what}={limit} with svd_solver={solver!r}; {got}"
        )
    return int(n_components)


def suitable(rows, limit, number):
    """Return what svd_solver="auto" means for the rows and a number of axes."""
    n, p = rows.n_rows, rows.n_features
    known, sparse = isinstance(number, int), issparse(rows.X)
    if sparse and known and 1 <= number < limit:
        return "arpack"
    few = known and 1 <= number < 0.1 * min(n, p)
    if n >= p and (p <= 1000 or not few or sparse or rows.in_blocks):
        return "covariance_eigh"
    if rows.in_blocks:
        return "full"
    return "randomized" if few and min(n, p) > 500 else "full"


# --------------------------------------------------------------------------------
# Solvers


def check_squares(column_squares, total, dtype):
    """Raise if the sum of squares or the variance of the rows overflows."""
    with np.errstate(over="ignore"):
        square_sum = column_squares.sum()
    variance = square_sum / total
    if not (np.isfinite(square_sum) and variance <= np.finfo(dtype).max):
        raise ValueError(
            "X must have squared distances from its mean that are finite in its "
            f"precision, {np.dtype(dtype)}; got larger ones. Divide X by its largest "
            "entry."
        )


def exact(rows):
    """Every singular value to the last digits, in double precision.

    For n >= p nothing larger than p x p is stored: with R the triangle of the rows
    read so far, the next block continues with R <- qr([R; block]).

    Parameters
    ----------
    rows : ArrayRows or DaskRows
        The rows.
    """
    p = rows.n_features
    total, mean, error = rows.mean()
    A = rows.reduce(triangle, merge_triangles, mean, error)
    column_squares = np.einsum("ij,ij->j", A, A)
    check_squares(column_squares, total, rows.dtype)
    try:
        _, s, V = svd(A, full_matrices=False, check_finite=False)
    except LinAlgError:
        _, s, V = svd(A, full_matrices=False, lapack_driver="gesvd")
    resolution = svd_resolution(p, rows.dtype)
    return Spectrum(total, mean, error, s**2, V, 0.0, resolution, column_squares)


def of_moments(moments, n_leading=None):
    """Eigenvectors of a scatter matrix: all, or the `n_leading` largest."""
    p, S = len(moments.mean), moments.scatter
    check_squares(np.diag(S), moments.weight, np.float64)
    with narrow_blas(p):
        squares, vectors, rest = _leading(S, n_leading)
    squares = np.maximum(squares[::-1], 0.0)
    return Spectrum(
        moments.weight,
        moments.mean,
        np.zeros(p) + moments.mean_error,
        squares,
        vectors.T[::-1],
        rest,
        p * np.finfo(np.float64).eps,
        np.diag(S),
    )


def _leading(S, n_leading):
    """Return eigenvalues, ascending, eigenvectors, and the sum of the other values."""
    p = len(S)
    if n_leading == 0:
        return np.empty(0), np.empty((p, 0)), np.trace(S)
    if n_leading is None or n_leading > p // 4:
        return *eigh(S, driver="evd", check_finite=False), 0.0
    leading = [p - n_leading, p - 1]
    squares, vectors = eigh(S, subset_by_index=leading, check_finite=False)
    if len(squares) < n_leading:  # LAPACK may not find some of many that are equal
        return *eigh(S, driver="evd", check_finite=False), 0.0
    return squares, vectors, max(np.trace(S) - squares.sum(), 0.0)


def covariance(rows, number, only_leading=True):
    """Eigenvectors of the scatter matrix, or `exact` where that would cost digits.

    Parameters
    ----------
    rows : ArrayRows or DaskRows
        The rows. That they are finite is checked here, by their moments, which
        saves one reading.
    number : int, float or "mle"
        How many axes are needed; see `Spectrum.number`.
    only_leading : bool, default=True
        Whether no others are looked for, if their number is known.

    Returns
    -------
    spectrum : Spectrum
        With relative errors of the explained variances within `DIGITS`.
    """
    n_leading = number if only_leading and isinstance(number, int) else None
    for dtype in dict.fromkeys([rows.dtype, np.dtype(np.float64)]):
        moments = rows.moments(dtype)
        if not np.isfinite(moments.scatter).all():
            rows.check_finite("PCA")
            if dtype != np.float64:
                continue  # squares that overflow may not in double precision
        check_squares(np.diag(moments.scatter), moments.weight, rows.dtype)
        spectrum = of_moments(moments, n_leading)
        smallest = EIGEN_ERROR * np.finfo(dtype).eps / DIGITS[rows.dtype]
        if _resolved(spectrum, spectrum.number(number, rows.dtype), smallest):
            return spectrum
    return exact(rows)


def _resolved(spectrum, n_components, smallest):
    """Whether the squares that matter are not small beside the largest."""
    if spectrum.total == 0 or n_components == 0:
        return True
    p = len(spectrum.mean)
    kept = spectrum.squares[:n_components]
    needed = list(kept[-1:])
    if n_components < p:
        needed.append(spectrum.discarded(n_components))
    return min(needed) > smallest * spectrum.squares[0]


def randomized(X, weight, n_components, n_oversamples, n_iter, rng):
    """Find a few axes from products of the centered rows with random vectors.

    A power iteration is a step of `leading_axes`, whose random vectors are a block
    before the first.
    """
    total, mean, error, A, column_squares = centered_copy(X, weight, X.dtype)
    check_squares(column_squares, total, X.dtype)
    length = float(np.sqrt(column_squares.sum()))
    k = min(n_components, *X.shape)
    n_iter = POWER_ITERATIONS if n_iter == "auto" else n_iter
    s, V = leading_axes(A, length, k, k + n_oversamples, n_iter + 1, rng)
    return _partial(X, weight, total, mean, error, column_squares, s, V)


def arpack(X, weight, n_components, tol, v0):
    """Find a few axes by Lanczos iterations; sparse rows stay sparse."""
    if issparse(X):
        total, mean, column_squares = sparse_moments(X, weight)
        error = np.zeros_like(mean)
        A = _centered_operator(X, mean, weight)
    else:
        total, mean, error, A, column_squares = centered_copy(X, weight, X.dtype)
    check_squares(column_squares, total, X.dtype)
    k = min(n_components, min(X.shape) - 1)  # the rank of centered rows, at most
    if k == 0 or not column_squares.any():
        s, V = np.zeros(0, X.dtype), np.zeros((0, X.shape[1]), X.dtype)
    else:
        _, s, V = svds(A, k=k, tol=tol, v0=v0)
        s, V = s[::-1], V[::-1]
    return _partial(X, weight, total, mean, error, column_squares, s, V)


def _partial(X, weight, total, mean, error, column_squares, s, V):
    """Spectrum of rows from their leading singular values and axes."""
    squares = s.astype(np.float64) ** 2
    square_sum = column_squares.sum()
    rest = square_sum - squares.sum()
    if rest < 1e-3 * square_sum:
        # The difference would lose digits that the residual itself has.
        rest = 0.0
        for rows in row_blocks(*X.shape, V.itemsize):
            r = centered(X, rows, mean, error, weight)
            r -= (r @ V.T) @ V
            rest += np.vdot(r, r)
    resolution = svd_resolution(X.shape[1], X.dtype)
    return Spectrum(total, mean, error, squares, V, rest, resolution, column_squares)


def _centered_operator(X, mean, weight):
    """Return the centered, weighted rows as an operator; they are not formed."""
    root = np.ones(X.shape[0]) if weight is None else np.sqrt(weight)
    root, mean = root.astype(X.dtype)[:, None], mean.astype(X.dtype)[:, None]
    transposed = csr_matrix(X.T)

    def matmat(V):
        return root * (X @ V - mean.T @ V)

    def rmatmat(U):
        scaled = root * U
        return transposed @ scaled - mean * scaled.sum(axis=0)

    def matvec(v):
        return matmat(v.reshape(-1, 1)).ravel()

    def rmatvec(u):
        return rmatmat(u.reshape(-1, 1)).ravel()

    return LinearOperator(
        X.shape,
        matvec=matvec,
        rmatvec=rmatvec,
        matmat=matmat,
        rmatmat=rmatmat,
        dtype=X.dtype,
    )
