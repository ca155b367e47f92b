"""Mixture of Gaussian densities.

The algorithm is in `_em`, its steps in `_steps`, rows with holes in
`_missing`, the number of components in `_selection`.
"""

from numbers import Integral, Real

import numpy as np

from sklatent.base import SklatentEstimator
from sklatent.density.mixture._covariance import STRUCTURES
from sklatent.density.mixture._em import Ascent
from sklatent.density.mixture._fit import MixtureFitMixin, singular_is_value_error
from sklatent.density.mixture._model import MixtureModelMixin
from sklatent.density.mixture._rows import Rows
from sklatent.density.mixture._steps import em_step
from sklatent.utils._columns import constant_values
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight
from sklatent.utils._threads import count_threads
from sklatent.utils._weights import row_count

# Attributes that not every fit sets.
OPTIONAL_ATTRIBUTES = ("candidate_n_components_", "criterion_values_")


class GaussianMixture(
    CallbackSupportMixin, MixtureFitMixin, MixtureModelMixin, SklatentEstimator
):
    """Mixture of Gaussian densities, fitted by accelerated EM.

    p(x) = sum_k w_k N(x | mu_k, Sigma_k), by maximum likelihood [1]_. Takes the
    parameters of :class:`sklearn.mixture.GaussianMixture` and has its attributes.

    NaN marks a missing entry, in every method: the likelihood is that of what is
    observed [3]_, which is right if entries are missing for reasons that the observed
    ones of the row tell. `impute` fills the holes.

    Parameters
    ----------
    n_components : int or array-like of int, default=1
        Number of components, or several, of which `criterion` chooses one.
    covariance_type : {"full", "tied", "diag", "spherical", "tied_diag"}, \
            default="full"
        What the covariances have in common: nothing; one matrix for all components;
        a diagonal matrix each; one variance each; one diagonal matrix for all.
    tol : float, default=0.001
        EM stops when a step gains less, in nats per row; of extrapolated steps, ten.
        With missing entries, when that is also about what is still to be gained.
    reg_covar : float, default=1e-06
        Added to the variances in every step, so that no component shrinks to a
        point. Relative to the variance of each feature (of their mean where
        `covariance_type` is "spherical"), so that the units of the data do not
        matter. A constant feature counts as having the mean variance of the others,
        so that its density is finite; it is drawn and imputed as that constant.
    reg_relative : bool, default=True
        With False, `reg_covar` is in squared units of the data, as in scikit-learn.
    max_iter : int, default=100
        Bound on the number of EM steps. With 0 the start is all there is.
    n_init : int, default=1
        Number of starts, of which the one that ends with the largest likelihood is
        kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, \
            default="kmeans"
        Where EM starts: clusters of k-means; rows nearest to seeds that k-means++
        chooses, or that are drawn; or random responsibilities. These are found
        from 500 rows per component, and at least 5000, of large data.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Inverse covariances to start from, in the shape of `precisions_`.
    random_state : int, RandomState instance or None, default=None
        Determines the start. Pass an int for the same results at every fit.
    warm_start : bool, default=False
        Whether `fit` goes on from where the last one ended.
    verbose : int, default=0
        With 1 or more, a line is written every `verbose_interval` iterations.
    verbose_interval : int, default=10
        See `verbose`.
    accelerate : bool, default=True
        Whether to extrapolate the EM steps [2]_, once these gain less than 0.001
        nats per row; with missing entries L-BFGS follows, once they gain less than
        0.01. The likelihood increases either way, and is mostly the larger at the
        end; where there are several maxima it can be another one. Without, the
        iterations are those of scikit-learn.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    criterion : {"bic", "aic", "icl", "cv"}, default="bic"
        What chooses the number of components: the smallest `bic`, `aic` or `icl` of
        the training rows, each counted as often as its weight says (weights that sum
        to about 1 or less are shares, and count as the effective sample size, with a
        warning); or the largest mean log-density of rows left out.
    cv : int, cross-validation generator or iterable, default=5
        How rows are left out where `criterion` is "cv": a number of folds of
        consecutive rows, or what :func:`sklearn.model_selection.check_cv` takes.
    learning_decay : float, default=0.7
        How `partial_fit` forgets, in (0.5, 1]: rows that are a share s of those seen so
        far are a share s ** learning_decay of what is learnt [4]_. With 1 all rows
        count the same, those read under poor parameters too.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        w; they sum to 1. A component that lost all its rows has 0.
    means_ : ndarray of shape (n_components, n_features)
        mu.
    covariances_ : ndarray
        Sigma, of shape (n_components, n_features, n_features) if "full",
        (n_features, n_features) if "tied", (n_components, n_features) if "diag",
        (n_components,) if "spherical", (n_features,) if "tied_diag".
    precisions_ : ndarray
        Their inverses, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors P of the precisions P P', or their square roots.
    n_components_ : int
        Number of components.
    candidate_n_components_ : ndarray of shape (n_candidates,)
        Where several were given: the numbers of components, ascending.
    criterion_values_ : ndarray of shape (n_candidates,)
        Where several were given: the criterion for each. The smallest is best, with
        `criterion="cv"` the largest.
    converged_ : bool
        Whether the last step, or ten extrapolated ones, gained less than `tol`.
    n_iter_ : int
        Number of EM steps.
    lower_bound_ : float
        Mean log-likelihood of the training rows, in nats, the largest over `n_init`.
        With missing entries it is that of what is observed, under the fitted mixture:
        `score` gives the same. Of complete rows it is, as in scikit-learn, that where
        the last step started.
    lower_bounds_ : list of float
        The mean log-likelihood where each step started; with missing entries, at the
        best point so far.
    n_samples_seen_ : float
        Number of rows, or sum of their weights, that `fit` or all calls of
        `partial_fit` had.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KernelDensity : A kernel on every row; no number of components to choose.
    HistogramDensity : Even within the cells of a grid.
    sklatent.decomposition.PPCA : One Gaussian with few directions of large variance.
    sklearn.mixture.GaussianMixture : Its `sample` returns component labels too; here
        `sample_components` does.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from
       incomplete data via the EM algorithm. Journal of the Royal Statistical Society
       B 39, 1-38. Section 4.3.
    .. [2] H. F. Walker and P. Ni (2011). Anderson acceleration for fixed-point
       iterations. SIAM Journal on Numerical Analysis 49, 1715-1735. Eq. 2.1.
    .. [3] Z. Ghahramani and M. I. Jordan (1994). Supervised learning from incomplete
       data via an EM approach. Advances in Neural Information Processing Systems 6,
       120-127. Section 3.
    .. [4] O. Cappe and E. Moulines (2009). On-line expectation-maximization algorithm
       for latent data models. Journal of the Royal Statistical Society B 71, 593-613.
       Eq. 11.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.density import GaussianMixture
    >>> X = load_iris().data
    >>> mixture = GaussianMixture(n_components=3, random_state=0).fit(X)
    >>> mixture.means_.round(1)
    array([[5. , 3.4, 1.5, 0.2],
           [5.9, 2.8, 4.2, 1.3],
           [6.5, 2.9, 5.5, 2. ]])
    >>> mixture.sample(2, random_state=0).shape
    (2, 4)

    Holes are filled with what the model expects, and the number of components can be
    chosen from several:

    >>> mixture.impute([[5.0, 3.4, float("nan"), 0.2]]).round(1)
    array([[5. , 3.4, 1.4, 0.2]])
    >>> GaussianMixture(n_components=range(1, 6), random_state=0).fit(X).n_components_
    2
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "tol": [Interval(Real, 0, None, closed="left")],
        "reg_covar": [Interval(Real, 0, None, closed="left")],
        "reg_relative": ["boolean"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [
            StrOptions({"kmeans", "k-means++", "random", "random_from_data"})
        ],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
        "accelerate": ["boolean"],
        "n_jobs": [Integral, None],
        "criterion": [StrOptions({"bic", "aic", "icl", "cv"})],
        "cv": ["cv_object"],
        "learning_decay": [Interval(Real, 0.5, 1, closed="right")],
    }

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=1e-3,
        reg_covar=1e-6,
        reg_relative=True,
        max_iter=100,
        n_init=1,
        init_params="kmeans",
        weights_init=None,
        means_init=None,
        precisions_init=None,
        random_state=None,
        warm_start=False,
        verbose=0,
        verbose_interval=10,
        accelerate=True,
        n_jobs=None,
        criterion="bic",
        cv=5,
        learning_decay=0.7,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.reg_relative = reg_relative
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.accelerate = accelerate
        self.n_jobs = n_jobs
        self.criterion = criterion
        self.cv = cv
        self.learning_decay = learning_decay

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Estimate the mixture by maximum likelihood.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows, and as many as components. NaN marks a
            missing entry.
        y : Ignored
            Passed on to scikit-learn's callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a covariance is singular, which it is not with a `reg_covar` above
            zero, if nothing is observed of a feature, or if `X` or a parameter cannot
            be used.

        Warns
        -----
        ConvergenceWarning
            If EM has not converged, components coincide or lost their rows, or the
            largest number of components is the best of several.

        Examples
        --------
        The last row counts three times, for its component and for the weights:

        >>> from sklatent.density import GaussianMixture
        >>> X = [[0.0], [2.0], [10.0], [14.0]]
        >>> mixture = GaussianMixture(n_components=2, random_state=0)
        >>> mixture = mixture.fit(X, sample_weight=[1, 1, 1, 3])
        >>> mixture.means_.round(2)
        array([[ 1.],
               [13.]])
        >>> mixture.weights_.round(2)
        array([0.33, 0.67])
        """
        with self._unchanged_on_error():
            X = self._check_data(X, reset=True)
            sample_weight = check_weight(sample_weight, X)
            if not self._goes_on():
                for name in OPTIONAL_ATTRIBUTES:  # of an earlier fit
                    vars(self).pop(name, None)
            self._fit(X, y, sample_weight)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Take further rows into account, by one step of stepwise EM.

        The first call starts as `fit` does and fixes the units in which `reg_covar` is
        measured. After `fit` it goes on from there; where several `n_components` are
        given, the first call is `fit`. Rows should come in random order.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows: in the first call at least two, and as many as components. NaN marks
            a missing entry.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            As `fit` does, and if `n_components` or `covariance_type` changed. The
            estimator stays as it was.

        Warns
        -----
        ConvergenceWarning
            If components coincide or lost their rows.

        Examples
        --------
        Two components out of batches of 500 rows, each read once:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> mixture = GaussianMixture(n_components=2, random_state=0)
        >>> for _ in range(20):
        ...     centers = rng.choice([-3.0, 3.0], size=(500, 1))
        ...     rows = centers + rng.standard_normal((500, 1))
        ...     mixture = mixture.partial_fit(rows)
        >>> mixture.n_samples_seen_
        10000.0
        >>> np.sort(mixture.means_.ravel()).round()
        array([-3.,  3.])
        """
        goes_on = hasattr(self, "means_")
        if self._is_to_choose() and not goes_on:
            return self.fit(X, y, sample_weight)
        with self._unchanged_on_error():
            X = self._check_data(X, reset=not goes_on)
            sample_weight = check_weight(sample_weight, X)
            rows = Rows.of(X, sample_weight)
            n_rows = rows.total
            if sample_weight is not None:
                n_rows = row_count(sample_weight, "The size of a step of partial_fit")
            k = self._number_so_far()
            if goes_on:
                frame, n_distinct = self._frame_, k
                mixture = self._seen_mixture(k, X.shape[1], frame, "partial_fit")
                before, seen = self.lower_bounds_, self.n_samples_seen_
            else:
                frame = self._make_frame(rows)
                mixture, n_distinct = self._start(
                    k, rows, frame, random_generator(self.random_state)
                )
                before, seen = [], 0.0
            new_share = n_rows / (seen + n_rows)
            with singular_is_value_error():
                mixture, reached = em_step(
                    rows,
                    mixture,
                    frame,
                    self._regularization(frame),
                    count_threads(self.n_jobs),
                    step_size=new_share**self.learning_decay,
                )
            reached -= frame.log_jacobian(rows)
            ascent = Ascent(mixture, [*before, reached], False, False)
            vars(self).update(self._attributes(ascent, frame, seen + n_rows))
            constants = constant_values(X, sample_weight)
            if goes_on:
                constants[constants != self._constants_] = np.nan
            self._constants_ = constants
            self._warn_of_idle(n_distinct)
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit the mixture, and tell the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows, and as many as components. NaN marks a
            missing entry.
        y : Ignored
            Passed on to scikit-learn's callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The same as `fit(X, y, sample_weight).predict(X)`.

        Raises
        ------
        ValueError
            As `fit` does.

        Examples
        --------
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(n_components=2, random_state=0)
        >>> a, b, c, d = mixture.fit_predict([[0.0], [1.0], [10.0], [11.0]])
        >>> bool(a == b and c == d and a != c)
        True
        """
        return self.fit(X, y, sample_weight).predict(X)
