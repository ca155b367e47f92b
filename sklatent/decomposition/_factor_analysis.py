"""Factor analysis by maximum likelihood.

Rubin and Thayer (1982), with EM steps that read the covariance and not the rows.
"""

from numbers import Integral, Real

import numpy as np

from sklatent.decomposition._em_estimator import EMEstimator, principal_axes
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._rotation import rotate
from sklatent.exceptions import HeywoodWarning
from sklatent.utils._rows import row_source
from sklatent.utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklatent.utils._warnings import warn

# A feature is a Heywood case if its noise is below this share of its variance, and
# taking it away altogether costs less than so many nats per row.
SUSPICIOUS = 1e-2
UNDECIDED = 1e-3


class FactorAnalysis(EMEstimator):
    """Factor analysis: a few common causes, and noise of its own for each feature.

    x = W z + mu + eps with z ~ N(0, I) and eps ~ N(0, diag psi), fitted by maximum
    likelihood [1]_. Scaling a feature scales its row of W and its noise, and changes
    nothing else. Missing entries, marked by NaN, are allowed everywhere. A feature that
    is constant in the rows of `fit` is drawn and imputed as that constant.

    Parameters
    ----------
    n_components : int, estimator or None, default=None
        Number of factors, at most the number of features, which None stands for. An
        estimator of the intrinsic dimension (with `fit` and `dimension_`) is fitted
        first, and its dimension is rounded.
    tol : float, default=1e-07
        EM stops when a step, or with missing entries each of three in a row, gains
        less, in nats per row. So it does not depend on the units or the number of the
        rows.
    copy : bool, default=True
        Ignored: the data are never written to. For compatibility with scikit-learn.
    max_iter : int, default=1000
        Bound on the number of iterations: on complete data each of three EM steps
        [3]_, with missing entries each of one quasi-Newton step [4]_.
    noise_variance_init : array-like of shape (n_features,) or None, default=None
        Noise variances to start from; None for half of each feature's variance.
    svd_method : {"lapack", "randomized"}, default="randomized"
        Ignored: an iteration needs no singular value decomposition. For
        compatibility with scikit-learn.
    iterated_power : int, default=3
        Ignored, as `svd_method`.
    rotation : {"varimax", "quartimax"} or None, default=None
        Rotation of the factors [2]_. None orders them by how much they explain
        relative to the noise.
    random_state : int, RandomState instance or None, default=0
        Ignored: the start is determined by the data. For compatibility with
        scikit-learn.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing. The loss
        is minus the mean log-likelihood.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        Loadings W', in units of the data.
    n_components_ : int
        Number of factors.
    noise_variance_ : ndarray of shape (n_features,)
        psi, in squared units of the data; not less than 1e-9 of the variance of
        the feature, or 1e-6 if entries are missing.
    mean_ : ndarray of shape (n_features,)
        The mean mu. With missing entries it is not the mean of the observed ones.
    log_likelihood_ : float
        Mean log-likelihood of the training rows, in nats, for the units of the
        data.
    log_likelihood_history_ : list of float
        Mean log-likelihood before each iteration and at the end. It never decreases.
    loglike_ : list of float
        Log-likelihood before each iteration and at the end, summed over the rows, as
        scikit-learn has it: the mean times the sum of the weights.
    n_iter_ : int
        Number of iterations.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    PPCA : The same with one noise variance for all features.
    PCA : Directions of largest variance.
    sklearn.decomposition.FactorAnalysis : The estimator whose parameters these are.

    References
    ----------
    .. [1] D. B. Rubin and D. T. Thayer (1982). EM algorithms for ML factor analysis.
       Psychometrika 47, 69-76.
    .. [2] H. F. Kaiser (1958). The varimax criterion for analytic rotation in factor
       analysis. Psychometrika 23, 187-200.
    .. [3] R. Varadhan and C. Roland (2008). Simple and globally convergent methods
       for accelerating the convergence of any EM algorithm. Scandinavian Journal of
       Statistics 35, 335-353.
    .. [4] M. Jamshidian and R. I. Jennrich (1997). Acceleration of the EM algorithm by
       using quasi-Newton methods. Journal of the Royal Statistical Society B 59,
       569-587.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklatent.decomposition import FactorAnalysis
    >>> X, _ = load_digits(return_X_y=True)
    >>> X = X[:, X.std(axis=0) > 0]
    >>> fa = FactorAnalysis(n_components=7).fit(X)
    >>> fa.transform(X).shape
    (1797, 7)

    Scaling a feature changes its loadings, and nothing else:

    >>> import numpy as np
    >>> scale = np.ones(X.shape[1])
    >>> scale[0] = 1000.0
    >>> scaled = FactorAnalysis(n_components=7).fit(X * scale)
    >>> bool(np.allclose(scaled.components_, fa.components_ * scale, rtol=1e-6))
    True
    """

    _isotropic = False

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 0, None, closed="left"),
            HasMethods(["fit", "get_params"]),
            None,
        ],
        "tol": [Interval(Real, 0, None, closed="left")],
        "copy": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "noise_variance_init": ["array-like", None],
        "svd_method": [StrOptions({"randomized", "lapack"})],
        "iterated_power": [Interval(Integral, 0, None, closed="left")],
        "rotation": [StrOptions({"varimax", "quartimax"}), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        tol=1e-7,
        copy=True,
        max_iter=1000,
        noise_variance_init=None,
        svd_method="randomized",
        iterated_power=3,
        rotation=None,
        random_state=0,
        verbose=0,
    ):
        self.n_components = n_components
        self.tol = tol
        self.copy = copy
        self.max_iter = max_iter
        self.noise_variance_init = noise_variance_init
        self.svd_method = svd_method
        self.iterated_power = iterated_power
        self.rotation = rotation
        self.random_state = random_state
        self.verbose = verbose

    def _n_components(self, X):
        return X.shape[1] if self.n_components is None else super()._n_components(X)

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
        HeywoodWarning
            If a feature may have no noise.
        RepeatedReadingWarning
            If `X` is a lazy Dask collection that each step reads again.

        Examples
        --------
        The likelihood is that of the observed entries, and no iteration lowers it:

        >>> import numpy as np
        >>> from sklatent.decomposition import FactorAnalysis
        >>> rng = np.random.RandomState(0)
        >>> X = rng.normal(size=(200, 1)) + rng.normal(size=(200, 5))
        >>> X[::3, 0] = np.nan
        >>> fa = FactorAnalysis(n_components=1).fit(X)
        >>> bool((np.diff(fa.log_likelihood_history_) >= 0).all())
        True
        >>> bool(np.isclose(fa.log_likelihood_, fa.score(X)))
        True
        """
        with self._unchanged_on_error():
            rows = row_source(self, X, sample_weight, ensure_min_samples=2)
            psi = self._first_noise(rows.n_features)
            found = self._fit_em(rows, y, psi)
            self._warn_of_heywood_cases(*found)
            history = self.log_likelihood_history_
            self.loglike_ = [rows.total * value for value in history]
        return self

    def _first_noise(self, p):
        """Noise variances to start from, in units of the data, or None."""
        if self.noise_variance_init is None:
            return None
        psi = np.asarray(self.noise_variance_init, dtype=np.float64)
        if psi.shape != (p,) or not ((psi > 0) & np.isfinite(psi)).all():
            raise ValueError(
                f"noise_variance_init must be {p} positive numbers, one per feature; "
                f"got {self.noise_variance_init!r}."
            )
        return psi

    def _warn_of_heywood_cases(self, step, model, log_likelihood):
        """Warn of features that could as well have no noise."""
        heywood = []
        varies = step.covariance.variance > 0
        for j in np.flatnonzero((model.psi < SUSPICIOUS) & varies):
            if model.psi[j] > step.floor * (1 + 1e-9):
                psi = model.psi.copy()
                psi[j] = step.floor
                at_bound = step.log_likelihood(LinearGaussian(model.W, model.mu, psi))
                if at_bound < log_likelihood - UNDECIDED:
                    continue
            heywood.append(j)
        if heywood:
            p = len(model.psi)
            names = getattr(self, "feature_names_in_", np.arange(p))[heywood].tolist()
            warn(
                f"The factors may explain features {names} entirely (a Heywood case): "
                "without any noise of theirs the likelihood is no less, and their "
                "loadings are hardly determined. Lower n_components (now "
                f"{self.n_components_}), or leave out features that others determine.",
                HeywoodWarning,
            )

    def _attributes(self, model):
        root = np.sqrt(model.psi)
        W = root[:, None] * principal_axes(model.W / root[:, None])
        return {
            "components_": rotate(W, self.rotation).T,
            "mean_": model.mu,
            "noise_variance_": model.psi,
        }

    def _model(self):
        return LinearGaussian(
            self.components_.T, self.mean_, self.noise_variance_, self._constants_
        )
