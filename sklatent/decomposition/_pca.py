"""Principal component analysis, and the density that belongs to it.

Tipping and Bishop (1999): the principal axes are the maximum-likelihood loadings of
x = W z + mu + eps, z ~ N(0, I), eps ~ N(0, sigma2 I). With lambda_i the eigenvalues
of the covariance (1/n) and V the leading q eigenvectors,

    sigma2 = (lambda_{q+1} + ... + lambda_p) / (p - q)
    W = V (Lambda - sigma2 I)^(1/2)
"""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from sklatent.base import SklatentEstimator
from sklatent.decomposition import _pca_solvers as solvers
from sklatent.decomposition._linear_gaussian import (
    ON_DEVICE,
    LinearGaussian,
    LinearGaussianMixin,
)
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._arrays import are_dispatched, moved, numpy_dtype
from sklatent.utils._dask import is_dask
from sklatent.utils._log_determinants import log_determinant, rotation
from sklatent.utils._moments import Moments, dense_rows, row_blocks
from sklatent.utils._random import random_generator
from sklatent.utils._rows import partial_fit_blocks, row_source
from sklatent.utils._sklearn import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, explained_errors, read_rows
from sklatent.utils._warnings import warn
from sklatent.utils._weights import are_shares

SPARSE = ("auto", "arpack", "covariance_eigh")
# By how much of itself rounding may change a sum of weights.
WEIGHT_ROUNDING = 1e-12


class PCA(LinearGaussianMixin, SklatentEstimator):
    """Principal component analysis.

    The axes along which centered rows vary most. As a density it is probabilistic
    PCA at its maximum of the likelihood [1]_: rows are W z + mu + eps, with z and eps
    normal and eps of variance sigma2 in every direction.

    The rows are read in blocks, each centered by itself, so that a mean far from
    zero costs no digits, and are neither copied nor written to by the solvers
    "full" and "covariance_eigh".

    Parameters
    ----------
    n_components : int, float, "mle" or estimator, default=None
        How many axes to keep. None: as many as `min(n_samples, n_features)`, or one
        fewer with "arpack". A float between 0 and 1: as few as explain more than
        that share of the variance. "mle": the number with the largest evidence
        [2]_, or the rank of the rows where that is less than `n_features`. An
        estimator of the intrinsic dimension (with `fit` and `dimension_`) is fitted
        first, and its dimension is rounded. 0 leaves a normal density
        with equal variances.
    copy : bool, default=True
        Has no effect: the data is never overwritten. It is there for
        compatibility with scikit-learn.
    whiten : bool, default=False
        Whether `transform` divides the components by their standard deviations.
        A component without variance is then 0.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}, \
            default="auto"
        How the axes are found.

        - "full": QR decomposition of the rows block by block, then a singular value
          decomposition; all digits.
        - "covariance_eigh": eigenvectors of the covariance matrix. Where an explained
          variance, or the noise variance, is so small beside the largest that
          digits would be lost, "full" takes over.
        - "arpack": Lanczos iterations; sparse rows stay sparse.
        - "randomized": a block Krylov method from random vectors [3]_; approximate.
        - "auto": "arpack" for sparse rows. "covariance_eigh" for no fewer rows than
          features, unless both are many and the components few. Otherwise
          "randomized" for few components of many, and else "full".
    tol : float, default=0.0
        Tolerance of the singular values, relative; used only by "arpack". 0 is the
        precision of the data.
    iterated_power : int or "auto", default="auto"
        Number of power iterations; used only by "randomized", whose error is at most
        that of as many ordinary ones. "auto" is 3, which does no worse than the 7 of
        scikit-learn.
    n_oversamples : int, default=10
        Number of random vectors beyond `n_components`; used only by "randomized".
    power_iteration_normalizer : {"auto", "QR", "LU", "none"}, default="auto"
        Has no effect: the vectors of the power iterations are kept orthonormal. It is
        there for compatibility with scikit-learn.
    random_state : int, RandomState instance or None, default=None
        Start of "arpack" and "randomized". Pass an int for the same results at every
        call.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The orthonormal axes, in the order of decreasing variance. The entry with the
        largest absolute value of each axis is positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance of the rows along each axis, with n_samples - 1 in the denominator,
        in squared units of the data. Where weights are shares of the rows (see
        `fit`), their sum is the denominator.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance along each axis in the sum over all axes. It is 0 for
        constant data.
    singular_values_ : ndarray of shape (n_components,)
        Singular values of the centered rows, times the roots of their weights.
    mean_ : ndarray of shape (n_features,)
        Mean of the rows.
    n_components_ : int
        Number of axes.
    n_samples_ : int or float
        Number of rows, or the sum of their weights.
    noise_variance_ : float
        sigma2, the mean of all discarded eigenvalues of the covariance (with divisor
        n_samples), zeros included, in squared units of the data. It is 0 if none is
        discarded, or only rounding. The density uses a lower bound of it; see Notes.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string names for all of them.

    See Also
    --------
    PPCA : This density for rows with missing entries.
    FactorAnalysis : With a noise variance for each feature.
    sklatent.dimension.PCASpectrum : How many components there are, by seven criteria.
    sklearn.decomposition.PCA : The estimator whose parameters these are.

    Notes
    -----
    The density needs noise in every direction. Variances below `eps ** 1.5` times
    the largest count as that, with `eps` the rounding unit of the data (3e-24 for
    double precision, 4e-11 for single), and never less than 1e-307; for constant data
    the unit is the rounding of the mean. Where all components are kept, the density is
    that of the full covariance.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622. Section
       3.2.
    .. [2] T. P. Minka (2000). Automatic choice of dimensionality for PCA. Advances in
       Neural Information Processing Systems 13, 598-604. Eq. 30.
    .. [3] C. Musco and C. Musco (2015). Randomized block Krylov methods for stronger
       and faster approximate singular value decomposition. Advances in Neural
       Information Processing Systems 28, 1396-1404. Algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.decomposition import PCA
    >>> rng = np.random.RandomState(0)
    >>> X = rng.normal(size=(500, 2)) @ [[3, 3, 0], [0, 1, -1]] + 1e8
    >>> pca = PCA(n_components=1).fit(X)
    >>> pca.explained_variance_ratio_.round(2)
    array([0.92])
    >>> pca.transform(X).shape
    (500, 1)
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"mle"}),
            HasMethods(["fit", "get_params"]),
            None,
        ],
        "copy": ["boolean"],
        "whiten": ["boolean"],
        "svd_solver": [
            StrOptions({"auto", "full", "covariance_eigh", "arpack", "randomized"})
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "iterated_power": [
            StrOptions({"auto"}),
            Interval(Integral, 0, None, closed="left"),
        ],
        "n_oversamples": [Interval(Integral, 1, None, closed="left")],
        "power_iteration_normalizer": [StrOptions({"auto", "QR", "LU", "none"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        copy=True,
        whiten=False,
        svd_solver="auto",
        tol=0.0,
        iterated_power="auto",
        n_oversamples=10,
        power_iteration_normalizer="auto",
        random_state=None,
    ):
        self.n_components = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state

    @property
    def _on_device(self):
        return (
            ON_DEVICE - {"fit"} if self.svd_solver in solvers.TRUNCATED else ON_DEVICE
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.svd_solver in SPARSE
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the axes.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array, dask data frame} of shape \
                (n_samples, n_features)
            The data; at least two rows. Sparse with the solvers "auto", "arpack" and
            "covariance_eigh". The blocks of a Dask collection are read where they
            are, with the solvers "auto", "covariance_eigh" and "full".
        y : Ignored
            Present for API consistency.
        sample_weight : array-like or dask array of shape (n_samples,), default=None
            Non-negative weights. An integer weight counts as that many rows. Weights
            that sum to about 1, or to less, are shares of the rows instead: variances
            are then weighted means of squares, and "mle" cannot be asked for.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `n_components` does not fit the data or the solver.
        TypeError
            If `X` is sparse, and the solver takes dense rows only, or if it is a Dask
            collection, and the solver needs all rows at once.

        Warns
        -----
        RankDeficientWarning
            If `whiten` and some components have no variance.

        Examples
        --------
        A weight counts as that many rows:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> X = load_iris().data
        >>> weight = np.arange(len(X)) % 3
        >>> weighted = PCA(n_components=2).fit(X, sample_weight=weight)
        >>> repeated = PCA(n_components=2).fit(np.repeat(X, weight, axis=0))
        >>> bool(np.allclose(weighted.components_, repeated.components_))
        True
        """
        with self._unchanged_on_error(), explained_errors(self, X):
            if issparse(X) and self.svd_solver not in SPARSE:
                raise TypeError(
                    'PCA only support sparse inputs with the "arpack" and '
                    f'"covariance_eigh" solvers, while "{self.svd_solver}" was passed. '
                    "svd_solver='auto', the default, takes sparse X too."
                )
            rows = row_source(
                self,
                X,
                sample_weight,
                accept_sparse="csr" if self.svd_solver in SPARSE else False,
                ensure_all_finite=False,  # but see `_solve`
                ensure_min_samples=2,
            )
            if sample_weight is not None and _row_count(rows) < 2:
                raise ValueError(
                    "sample_weight must be positive for at least 2 rows, or count one "
                    f"row twice; got one positive weight, {rows.total:.6g}."
                )
            if issparse(rows.X) and not rows.X.has_canonical_format:
                rows.X = rows.X.copy()  # the input is not written to
                rows.X.sum_duplicates()
            self._moments = None
            spectrum, q = self._solve(rows)
            vars(self).update(self._fitted_attributes(spectrum, q, rows.dtype))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take in more rows.

        The axes are those of all the rows given to `partial_fit` so far, whatever the
        batches, by way of their moments: singular values below 1e-8 of the largest
        are not resolved, and `svd_solver` is not asked. A share and "mle" are decided
        again with every batch; a dimension is estimated on the first. Rows that `fit`
        has seen do not count, since it keeps no moments.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array, dask data frame} of shape \
                (n_samples, n_features)
            More rows, one or several. The blocks of a Dask collection are taken in
            one after the other.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. An integer weight counts as that many rows. They
            are shares, as in `fit`, while those of all batches sum to about 1 or less.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `n_components` does not fit the data. The estimator stays as it was.

        Warns
        -----
        RankDeficientWarning
            If `whiten` and some components have no variance.
        UserWarning
            If the estimator was fitted by `fit`, which is then forgotten.

        Examples
        --------
        One row after the other, as they come:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> X = load_iris().data
        >>> pca = PCA(n_components=2)
        >>> for row in X:
        ...     _ = pca.partial_fit([row])
        >>> pca.n_samples_
        150
        >>> bool(np.allclose(pca.components_, PCA(n_components=2).fit(X).components_))
        True
        """
        if is_dask(X):
            return partial_fit_blocks(self, X, sample_weight)
        with self._unchanged_on_error():
            seen = getattr(self, "_moments", None)
            if seen is None and hasattr(self, "components_"):
                warn(
                    "partial_fit starts from nothing: this PCA was fitted by fit, "
                    "which keeps no moments. Give every batch to partial_fit instead.",
                    UserWarning,
                )
            X = read_rows(self, X, accept_sparse="csr", reset=seen is None)
            weight, dtype = check_weight(sample_weight, X), X.dtype
            moments = Moments.of(X, weight, dtype=np.float64)
            n_rows = X.shape[0] if weight is None else np.count_nonzero(weight)
            if seen is not None:
                moments = seen.merge(moments)
                n_rows += self._n_rows
                dtype = np.result_type(dtype, self.components_)
            if seen is not None and hasattr(self.n_components, "fit"):
                number = self.n_components_  # estimated on the first batch
            else:
                n = _count_for(moments.weight, n_rows)
                # More rows may come, and the number given may fit them.
                limit = X.shape[1]
                if self.n_components is None:
                    limit = max(min(n, limit), 1)
                shares = n_rows > 1 and are_shares(moments.weight)
                number = solvers.check_number(
                    self.n_components,
                    X,
                    limit,
                    n,
                    shares,
                    "covariance_eigh",
                    self._resolve_n_components,
                )
            leading = number if isinstance(number, int) else None
            spectrum = solvers.of_moments(moments, leading)
            q = spectrum.number(number, dtype)
            vars(self).update(self._fitted_attributes(spectrum, q, dtype))
            self._moments, self._n_rows = moments, n_rows
        return self

    def _solve(self, rows):
        """Spectrum of the rows, by the solver that suits, and how much to keep."""
        n, X, weight = _row_count(rows), rows.X, rows.weight
        limit = min(n, rows.n_features)
        number = solvers.check_number(
            self.n_components,
            X,
            limit,
            n,
            rows.weighted and are_shares(rows.total),
            self.svd_solver,
            self._resolve_n_components,
        )
        solver = self.svd_solver
        if solver == "auto":
            solver = solvers.suitable(rows, limit, number)
        self._fit_svd_solver = solver  # scikit-learn's name, which is read outside it
        if solver in solvers.TRUNCATED:
            rows.require_array(
                f"PCA(svd_solver={solver!r})", "set svd_solver to 'covariance_eigh'"
            )
        if solver != "covariance_eigh":  # which checks by itself
            rows.check_finite("PCA")
        if solver == "full":
            spectrum = solvers.exact(rows)
        elif solver == "covariance_eigh":
            spectrum = solvers.covariance(rows, number)
        elif solver == "arpack":
            rng = random_generator(self.random_state)
            v0 = rng.uniform(-1, 1, size=min(X.shape)).astype(X.dtype)
            spectrum = solvers.arpack(X, weight, number, self.tol, v0)
        else:
            spectrum = solvers.randomized(
                X,
                weight,
                number,
                self.n_oversamples,
                self.iterated_power,
                random_generator(self.random_state),
            )
        return spectrum, spectrum.number(number, rows.dtype)

    def _fitted_attributes(self, spectrum, q, dtype):
        """Return what a spectrum gives the estimator, in the data's precision."""
        weight = spectrum.weight
        squares, components, alive = spectrum.kept(q, dtype)
        if q > 0:
            _, components = svd_flip(None, components, u_based_decision=False)
        variance = squares / _divisor(weight)
        total = spectrum.total
        if self.whiten and not alive.all():
            warn(
                f"{np.sum(~alive)} of {q} components have no variance; whitening sets "
                "them to 0. Lower n_components to leave them out.",
                RankDeficientWarning,
            )
        mean = spectrum.mean.astype(dtype)
        nearest = round(weight)
        whole = abs(weight - nearest) <= WEIGHT_ROUNDING * weight
        return {
            "components_": np.array(components, dtype=dtype, order="C"),
            "explained_variance_": variance.astype(dtype),
            "explained_variance_ratio_": (
                squares / total if total > 0 else np.zeros(q)
            ).astype(dtype),
            "singular_values_": np.sqrt(squares).astype(dtype),
            "mean_": mean,
            "n_components_": q,
            "n_samples_": nearest if whole else weight,
            "noise_variance_": float(spectrum.noise(q, dtype) / weight),
            # What the precision of the data does not hold of the mean.
            "_mean_rest": (spectrum.mean - mean) + spectrum.mean_error,
            "_alive": alive,
            "_constant": spectrum.constant,
        }

    def transform(self, X):
        """Project rows onto the axes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components)
            The components, in the precision of `X`; in units of the data, or of
            variance 1 over the rows of `fit` with `whiten`.

        Examples
        --------
        Sparse rows are centered too, and made dense a block at a time:

        >>> import numpy as np
        >>> from scipy.sparse import csr_array
        >>> from sklearn.datasets import load_digits
        >>> from sklatent.decomposition import PCA
        >>> X, _ = load_digits(return_X_y=True)
        >>> pca = PCA(n_components=3, random_state=0).fit(X)
        >>> bool(np.allclose(pca.transform(csr_array(X)), pca.transform(X)))
        True
        """
        check_is_fitted(self)
        X = read_rows(self, X, accept_sparse="csr")
        return self._encode(X)

    def _center(self, dtype):
        """Return the mean in two parts, whose sum has more digits than `dtype`."""
        mean = self.mean_ + self._mean_rest
        high = mean.astype(dtype)
        low = (self.mean_ - high.astype(np.float64)) + self._mean_rest
        return high, low.astype(dtype)

    def _scale(self):
        """Return what `transform` divides by; 0 for a component without variance."""
        if not self.whiten:
            return np.ones(self.n_components_)
        return np.sqrt(self.explained_variance_, dtype=np.float64) * self._alive

    def _encode(self, X):
        dtype = numpy_dtype(X)
        high, low = self._center(dtype)
        scale = self._scale()
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        inverse, axes = inverse.astype(dtype), self.components_.T.astype(dtype)
        if are_dispatched(X):
            high, low, axes, inverse = moved([high, low, axes, inverse], X)
            return (X - high - low) @ axes * inverse
        Z = np.empty((X.shape[0], self.n_components_), dtype=X.dtype)
        # Block by block, so that there is no second array of the size of the data.
        for rows in row_blocks(*X.shape, X.dtype.itemsize):
            Z[rows] = (dense_rows(X, rows) - high - low) @ axes
        Z *= inverse
        return Z

    def _decode(self, Z):
        dtype = numpy_dtype(Z)
        axes = self.components_ * self._scale()[:, None]
        high, low, axes = moved([*self._center(dtype), axes.astype(dtype)], Z)
        X = Z @ axes
        X += low
        X += high
        return X

    def _model(self):
        """Return the density that the fitted attributes stand for; see Notes."""
        check_is_fitted(self)
        p = self.n_features_in_
        n = float(self.n_samples_)
        variance = self.explained_variance_.astype(np.float64) * (_divisor(n) / n)
        noise = self.noise_variance_
        if self.n_components_ == p:
            noise = variance[-1]
        noise = max(noise, self._noise_bound(max(variance[:1].sum(), noise)))
        W = self.components_.T * np.sqrt(np.maximum(variance - noise, 0))
        mu, psi = self.mean_ + self._mean_rest, np.full(p, noise)
        constants = np.where(self._constant, mu, np.nan)
        return LinearGaussian(W, mu, psi, constants)

    def _noise_bound(self, largest):
        """Return the smallest noise variance that the density takes."""
        eps = float(np.finfo(self.mean_.dtype).eps)
        if largest == 0:
            # Constant data: what rounding it could hide, or else in its own unit.
            largest = (float(np.abs(self.mean_).max()) or 1.0) ** 2 * np.sqrt(eps)
        return max(eps**1.5 * largest, 4 * np.finfo(np.float64).tiny)


def _row_count(rows):
    """Return how many rows weights stand for; at least those that have any."""
    return _count_for(rows.total, rows.n_positive)


def _count_for(weight, n_positive):
    """Return how many rows a sum of weights stands for; at least `n_positive`."""
    return max(int(weight * (1 + WEIGHT_ROUNDING)), n_positive)


def _divisor(weight):
    """Return what divides a sum of squares: n - 1 for n rows, the sum of shares."""
    return weight if are_shares(weight) else weight - 1


@log_determinant.register(PCA)
def _log_determinant(transformer, X):
    return rotation(transformer, X)
