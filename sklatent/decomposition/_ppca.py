"""Probabilistic principal component analysis.

Tipping and Bishop (1999), Probabilistic principal component analysis, JRSS B 61.
"""

from numbers import Integral, Real

import numpy as np

from sklatent.decomposition import _pca_solvers as solvers
from sklatent.decomposition._em import NOISE_FLOOR
from sklatent.decomposition._em_estimator import EMEstimator, principal_axes
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._columns import any_missing, constant_values
from sklatent.utils._dask import is_dask
from sklatent.utils._moments import Moments
from sklatent.utils._rows import partial_fit_blocks, row_source
from sklatent.utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._warnings import warn


class PPCA(EMEstimator):
    """Probabilistic PCA: principal components with a density, and missing values.

    x = W z + mu + eps with z ~ N(0, I) and eps ~ N(0, sigma2 I), fitted by maximum
    likelihood [1]_: in closed form from the principal components, or by EM. Missing
    entries, marked by NaN, are allowed everywhere; then EM maximizes the likelihood
    of the observed entries, over W, mu and sigma2 together. A feature that is constant
    in the rows of `fit` is sampled and imputed as that constant.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components, at most the number of features. With 0 the model is
        its mean and its noise. An estimator of the intrinsic dimension (with `fit`
        and `dimension_`) is fitted first, and its dimension is rounded.
    method : {"auto", "closed_form", "em"}, default="auto"
        How to maximize the likelihood. "auto" is EM if entries are missing, else the
        closed form.
    tol : float, default=1e-10
        EM stops when a step, or with missing entries each of three in a row, gains
        less, in nats per row. So it does not depend on the units or the number of the
        rows.
    max_iter : int, default=1000
        Bound on the number of iterations of EM: on complete data each of three steps
        [2]_, with missing entries each of one quasi-Newton step [3]_.
    random_state : int, RandomState instance or None, default=None
        Determines where EM starts on complete data; pass an int for the same results
        at every fit. With missing entries it starts from the principal axes of the
        table with means in their place.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing,
        and neither for the closed form. The loss is minus the mean log-likelihood.

    Attributes
    ----------
    W_ : ndarray of shape (n_features, n_components)
        Loadings: principal axes, longest first, in units of the data.
    mean_ : ndarray of shape (n_features,)
        mu; with missing entries not the mean of the observed ones.
    noise_variance_ : float
        sigma2, in squared units of the data: the mean of all n_features -
        n_components discarded eigenvalues of the 1/n covariance, or the smallest if
        none is discarded. In closed form not less than the rounding of the largest,
        2e-16 of it; by EM not less than 1e-9 of the mean variance of the features, or
        1e-6 if entries are missing.
    n_components_ : int
        Number of components.
    log_likelihood_ : float
        Mean log-likelihood of the training rows, in nats, for the units of the
        data.
    log_likelihood_history_ : list of float
        Mean log-likelihood before each iteration of EM and at the end. It never
        decreases.
    n_iter_ : int
        Number of iterations; 1 for the closed form.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    PCA : Principal components by more solvers, without missing values.
    FactorAnalysis : The same with a noise variance for each feature.
    sklearn.decomposition.PCA : The same density, of complete rows.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop (1999). Probabilistic principal component
       analysis. Journal of the Royal Statistical Society B 61, 611-622. Section
       3.2; EM in appendix B.
    .. [2] R. Varadhan and C. Roland (2008). Simple and globally convergent methods
       for accelerating the convergence of any EM algorithm. Scandinavian Journal of
       Statistics 35, 335-353.
    .. [3] M. Jamshidian and R. I. Jennrich (1997). Acceleration of the EM algorithm by
       using quasi-Newton methods. Journal of the Royal Statistical Society B 59,
       569-587.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PPCA
    >>> X = load_iris().data.copy()
    >>> X[::3, 0] = np.nan
    >>> ppca = PPCA(n_components=2, random_state=0).fit(X)
    >>> ppca.transform(X).shape
    (150, 2)
    >>> bool(np.isnan(ppca.impute(X)).any())
    False
    """

    _isotropic = True

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "method": [StrOptions({"auto", "closed_form", "em"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        method="auto",
        tol=1e-10,
        max_iter=1000,
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.method = method
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Estimate the model by maximum likelihood.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data; at least two rows. NaN marks a missing entry. The blocks of a
            Dask collection are read where they are: once if no entry is missing.
        y : Ignored
            Passed on to scikit-learn's callbacks.
        sample_weight : array-like or dask array of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. The model
            depends on their ratios only.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a feature has no observed value, or if `X` or a parameter cannot be
            used.

        Warns
        -----
        ConvergenceWarning
            If EM still gains more than `tol` after `max_iter` iterations.
        RankDeficientWarning
            If nothing is left to be noise.
        RepeatedReadingWarning
            If `X` is a lazy Dask collection that each step reads again.

        Examples
        --------
        The likelihood is that of the observed entries, and no iteration lowers it:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X = load_iris().data
        >>> X[::3, 0] = np.nan
        >>> ppca = PPCA(n_components=2, random_state=0).fit(X)
        >>> bool((np.diff(ppca.log_likelihood_history_) >= 0).all())
        True
        >>> bool(np.isclose(ppca.log_likelihood_, ppca.score(X)))
        True
        """
        with self._unchanged_on_error():
            rows = row_source(self, X, sample_weight, ensure_min_samples=2)
            self._moments = None
            if rows.has_missing and self.method == "closed_form":
                raise ValueError(
                    "X must have no missing entries with method='closed_form'; got "
                    "NaN. Use method='em' or 'auto'."
                )
            if rows.has_missing or self.method == "em":
                step, model, _ = self._fit_em(rows, y)
                # By exp(log(floor)), the noise at its bound differs by rounding.
                if model.psi[0] <= step.floor * (1 + 1e-9):
                    self._warn_of_no_noise()
            else:
                self._fit_closed_form(rows, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take further rows into account; the model is that of all rows so far.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            Complete rows, one or more. The blocks of a Dask collection are taken in
            one after the other.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. Batches
            count by the sums of their weights: those of a batch without weights are 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `X` has missing entries or another number of features than before, or
            `n_components` does not fit it. The estimator stays as it was.

        Warns
        -----
        UserWarning
            If the estimator was fitted by `fit`, which is then forgotten.

        Examples
        --------
        Batch by batch the model is that of all rows:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> X = load_iris().data
        >>> ppca = PPCA(n_components=2)
        >>> for batch in (X[:100], X[100:]):
        ...     _ = ppca.partial_fit(batch)
        >>> bool(np.allclose(ppca.W_, PPCA(n_components=2).fit(X).W_))
        True
        """
        if is_dask(X):
            return partial_fit_blocks(self, X, sample_weight)
        with self._unchanged_on_error():
            # A fit that kept no moments does not count.
            seen = self._moments if hasattr(self, "W_") else None
            if seen is None and hasattr(self, "W_"):
                warn(
                    "partial_fit starts from nothing: this PPCA was fitted by fit, "
                    "which keeps no moments. Give every batch to partial_fit instead.",
                    UserWarning,
                )
            X = read_rows(self, X, reset=seen is None)
            if any_missing(X):
                raise ValueError(
                    "Input X contains NaN; partial_fit takes complete rows. Give rows "
                    "with missing entries to fit."
                )
            sample_weight = check_weight(sample_weight, X)
            moments = Moments.of(X, sample_weight)
            if seen is None:
                q = self._n_components(X)
            else:  # a dimension is estimated on the first batch
                q, moments = self.n_components_, seen.merge(moments)
            self._set_closed_form(solvers.of_moments(moments), q)
            constants = constant_values(X, sample_weight)
            if seen is not None:
                constants[constants != self._constants_] = np.nan
            self._constants_ = constants
            self.n_components_, self._moments = q, moments
        return self

    def _fit_closed_form(self, rows, y):
        """Estimate from the eigenvalues of the covariance."""
        self.n_components_ = q = self._n_components(rows.X)
        self._constants_ = rows.constants
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=rows.X, y=y)
        if rows.n_rows >= rows.n_features:
            spectrum = solvers.covariance(rows, q, only_leading=q > 0)
        else:
            spectrum = solvers.exact(rows)
        self._set_closed_form(spectrum, q)
        if self.noise_variance_ <= self._smallest_noise(spectrum):
            self._warn_of_no_noise()
        context.call_on_fit_task_end(
            estimator=self, X=rows.X, y=y, reconstruction_attributes={}
        )

    def _warn_of_no_noise(self):
        warn(
            f"{self.n_components_} components explain the data entirely; "
            f"noise_variance_ is kept at its bound of {self.noise_variance_:.3g}. "
            "Lower n_components.",
            RankDeficientWarning,
        )

    @staticmethod
    def _smallest_noise(spectrum):
        """What rounding of the largest eigenvalue amounts to, or 1e-9 without any."""
        largest = spectrum.squares[:1].sum() / spectrum.weight
        return np.finfo(np.float64).eps * largest or NOISE_FLOOR

    def _set_closed_form(self, spectrum, q):
        """Tipping and Bishop (1999), section 3.2."""
        p = len(spectrum.mean)
        axes = spectrum.components[:q]  # fewer than q if there are fewer rows
        eigenvalues = np.zeros(q)
        eigenvalues[: len(axes)] = spectrum.squares[:q] / spectrum.weight
        discarded = spectrum.discarded(q) / spectrum.weight
        # With all axes kept, the smallest eigenvalue is noise just as well.
        sigma2 = discarded / (p - q) if q < p else eigenvalues[-1]
        sigma2 = max(sigma2, self._smallest_noise(spectrum))
        excess = np.maximum(eigenvalues - sigma2, 0)
        W = np.zeros((p, q))
        W[:, : len(axes)] = axes.T * np.sqrt(excess[: len(axes)])
        log_det = np.log(excess + sigma2).sum() + (p - q) * np.log(sigma2)
        trace = (eigenvalues / (excess + sigma2)).sum() + discarded / sigma2
        self.W_ = principal_axes(W)
        self.mean_ = spectrum.mean
        self.noise_variance_ = float(sigma2)
        self.log_likelihood_ = float(-0.5 * (p * np.log(2 * np.pi) + log_det + trace))
        self.log_likelihood_history_ = [self.log_likelihood_]
        self.n_iter_ = 1

    def _attributes(self, model):
        return {
            "W_": principal_axes(model.W),
            "mean_": model.mu,
            "noise_variance_": float(model.psi[0]),
        }

    def _model(self):
        psi = np.full(len(self.mean_), self.noise_variance_)
        return LinearGaussian(self.W_, self.mean_, psi, self._constants_)
