"""Mixture of Gaussian densities.

`fit` reads from top to bottom. What it calls works on the plain data of `_model`: the
first mixture comes from `_start`, EM is in `_em` (with missing entries, L-BFGS follows,
in `_quasi_newton`), its passes over the rows are in `_passes` and `_missing`, and the
number of components is chosen in `_selection`. The methods of a fitted mixture are in
`_densities` and `_marginals`.
"""

import contextlib
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import DensityMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.mixture._blocked_rows import BlockedRows
from sklatent.density.mixture._conditions import (
    condition_values,
    refuse_outside_support,
)
from sklatent.density.mixture._densities import (
    drawn_missing,
    expected,
    log_densities,
    most_probable,
    responsibilities,
)
from sklatent.density.mixture._em import (
    Ascent,
    accelerated_em,
    e_step,
    em_step,
    m_step,
)
from sklatent.density.mixture._floor import rests_on_floor
from sklatent.density.mixture._marginals import (
    conditional,
    draw,
    feature_positions,
    marginal,
)
from sklatent.density.mixture._model import STRUCTURES, Frame, Mixture, TrainingRows
from sklatent.density.mixture._quasi_newton import em_then_lbfgs
from sklatent.density.mixture._selection import (
    Candidate,
    all_candidates,
    best_candidate,
    criterion_values,
    folds,
    has_choice,
    information,
)
from sklatent.density.mixture._start import first_mixture
from sklatent.utils._arrays import in_precision_of
from sklatent.utils._columns import constant_values, set_constants
from sklatent.utils._dask import is_dask
from sklatent.utils._iterations import reported_fit
from sklatent.utils._random import random_generator
from sklatent.utils._rows import ArrayRows, partial_fit_blocks, row_source
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._threads import count_threads
from sklatent.utils._warnings import warn
from sklatent.utils._weights import row_count
from sklatent.utils.frames._output import (
    as_given,
    filled_as_given,
    tables_as_given,
)

# Attributes that not every fit sets.
OPTIONAL_ATTRIBUTES = (
    "candidate_n_components_",
    "candidate_covariance_type_",
    "candidate_reg_covar_",
    "criterion_values_",
)
# Attributes that a mixture of some of the features takes from that of all.
KEPT_ATTRIBUTES = (
    "n_components_",
    "converged_",
    "n_iter_",
    "n_samples_seen_",
    "lower_bound_",
    "lower_bounds_",
    "covariance_type_",
    "reg_covar_",
)
# Methods that take arrays of other libraries where these are.
ON_DEVICE = frozenset(
    {"fit", "fit_predict", "predict", "predict_proba", "score", "score_samples"}
)


class GaussianMixture(
    CallbackSupportMixin,
    GenerativeModelMixin,
    ScoreMixin,
    DensityMixin,
    SklatentEstimator,
):
    """Mixture of Gaussian densities, fitted by accelerated EM.

    The density is p(x) = sum_k w_k N(x | mu_k, Sigma_k), and its parameters are
    estimated by maximum likelihood [1]_. The class takes the parameters of
    :class:`sklearn.mixture.GaussianMixture` and has its attributes.

    NaN marks a missing entry, in every method. The likelihood is that of the observed
    entries [3]_, which is right if whether an entry is missing depends only on the
    observed entries of its row. `impute` replaces missing entries by expectations.

    Parameters
    ----------
    n_components : int or array-like of int, default=1
        Number of components, or a list of numbers from which `criterion` chooses.
    covariance_type : {"full", "tied", "diag", "spherical", "tied_diag"} or list of \
            these, default="full"
        Shape of the covariances: each component has a matrix of its own ("full"), a
        diagonal matrix ("diag") or one variance ("spherical"), or all components share
        a matrix ("tied") or a diagonal matrix ("tied_diag"). From a list `criterion`
        chooses.
    tol : float, default=0.001
        EM stops when a step, or ten extrapolated steps, increase the mean
        log-likelihood by less than `tol`, in nats per row. With missing entries, the
        increase that is still possible must be estimated to be less than `tol` too.
    reg_covar : float or list of float, default=1e-06
        Added to the variances in every step, so that no component shrinks to a
        point. It is relative to the variance of each feature (to their mean if
        `covariance_type` is "spherical"), so that the units of the data do not
        matter. A constant feature counts as having the mean variance of the others,
        so that its density is finite; it is sampled and imputed as that constant.
        From a list `criterion` chooses: give several with "cv", such as
        ``[1e-6, 0.03, 0.1, 0.3]``, since the other criteria prefer the smallest that
        leaves every component a variance of its own.
    reg_relative : bool, default=True
        Whether `reg_covar` is relative to the variances of the data. If False, it is
        in squared units of the data, as in scikit-learn.
    max_iter : int, default=100
        Largest number of EM steps. With 0 the mixture is the one that EM starts from.
    n_init : int, default=1
        Number of starts. The result with the largest likelihood is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, \
            default="kmeans"
        Where EM starts: from clusters of k-means ("kmeans"), from the rows nearest to
        seeds that k-means++ chooses ("k-means++") or that are sampled
        ("random_from_data"), or from random responsibilities ("random"). For large
        data, 500 rows per component and at least 5000 are used for this.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from; None for those that `init_params` gives.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from; None for those that `init_params` gives.
    precisions_init : array-like, default=None
        Inverse covariances to start from, in the shape of `precisions_`; None for
        those that `init_params` gives.
    random_state : int, RandomState instance or None, default=None
        Determines the start. Pass an int for the same results at every fit.
    warm_start : bool, default=False
        Whether `fit` resumes from the mixture that the previous call ended with.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing. The loss
        is minus the mean log-likelihood.
    verbose_interval : int, default=10
        Number of iterations after which a line may be printed, if `verbose` is above 0.
    accelerate : bool, default=True
        Whether to extrapolate EM steps [2]_ once they gain less than 0.001 nats per
        row, and, with missing entries, to replace them by L-BFGS once they gain less
        than 0.01. The likelihood never decreases, and is usually larger at the end; if
        it has several maxima, another one may be reached. If False, the iterations are
        those of scikit-learn.
    n_jobs : int, default=None
        Number of threads; None for as many as BLAS would use.
    criterion : {"bic", "aic", "icl", "cv"}, default="bic"
        What chooses if several values of `n_components`, `covariance_type` or
        `reg_covar` are given: the smallest `bic`, `aic` or `icl` of the training rows,
        or the largest mean log-density of rows left out ("cv"). A mixture with a
        component that has next to no variance in some direction owes its likelihood to
        `reg_covar`, and is left out of the choice, with a warning. Sample weights count
        as numbers of rows; weights that sum to about 1 or less are taken as shares of
        the effective sample size, with a warning.
    cv : int, cross-validation generator or iterable, default=5
        How rows are left out if `criterion` is "cv": a number of folds of
        shuffled rows, or what :func:`sklearn.model_selection.check_cv` takes.
    learning_decay : float, default=0.7
        How fast `partial_fit` forgets, in (0.5, 1]. New rows that are a share s of all
        rows so far get the weight s ** learning_decay in the statistics [4]_. With 1
        all rows count the same, including those of early calls, whose responsibilities
        came from poor parameters.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights w of the components, which sum to 1. A component that lost all its
        rows has weight 0.
    means_ : ndarray of shape (n_components, n_features)
        Means mu of the components.
    covariances_ : ndarray
        Covariances Sigma, of shape (n_components, n_features, n_features) for
        `covariance_type` "full", (n_features, n_features) for "tied", (n_components,
        n_features) for "diag", (n_components,) for "spherical", (n_features,) for
        "tied_diag".
    precisions_ : ndarray
        Inverses of the covariances, in the shape of `covariances_`.
    precisions_cholesky_ : ndarray
        Upper triangular factors P of the precisions P P'; if these are diagonal, their
        square roots.
    n_components_ : int
        Number of components, after the choice if several were given.
    covariance_type_ : str
        Shape of the covariances, after the choice if several were given.
    reg_covar_ : float
        What was added to the variances, after the choice if several were given.
    candidate_n_components_ : ndarray of shape (n_candidates,)
        Numbers of components that were tried. Only if there was a choice.
    candidate_covariance_type_ : ndarray of str of shape (n_candidates,)
        Shapes of the covariances that were tried. Only if there was a choice.
    candidate_reg_covar_ : ndarray of shape (n_candidates,)
        Values of `reg_covar` that were tried. Only if there was a choice.
    criterion_values_ : ndarray of shape (n_candidates,)
        Value of `criterion` for each combination that was tried, of which the smallest
        is best; with `criterion="cv"` the largest is. Only if there was a choice.
    converged_ : bool
        Whether the last EM step, or the last ten extrapolated ones, gained less than
        `tol`.
    n_iter_ : int
        Number of EM steps.
    lower_bound_ : float
        Mean log-likelihood of the training rows, in nats, the largest over `n_init`.
        With missing entries it is that of the observed entries under the fitted
        mixture, which `score` gives too. For complete rows it is that before the last
        step, as in scikit-learn.
    lower_bounds_ : list of float
        Mean log-likelihood of the training rows before each step; with missing
        entries, at the best point so far.
    n_samples_seen_ : float
        Number of rows, or sum of their weights, in `fit` or in all calls of
        `partial_fit`.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KernelDensity : A kernel at every row; there is no number of components to choose.
    HistogramDensity : A density that is constant within the cells of a grid.
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

    Missing entries are imputed by their expectations, and the number of components can
    be chosen from several:

    >>> mixture.impute([[5.0, 3.4, float("nan"), 0.2]]).round(1)
    array([[5. , 3.4, 1.4, 0.2]])
    >>> GaussianMixture(n_components=range(1, 6), random_state=0).fit(X).n_components_
    2
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "covariance_type": [StrOptions(set(STRUCTURES)), "array-like"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "reg_covar": [Interval(Real, 0, None, closed="left"), "array-like"],
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    _few_entries = 2**16

    @property
    def _on_device(self):
        if has_choice(self) and self.criterion == "cv":  # folds are made by NumPy
            return ON_DEVICE - {"fit"}
        return ON_DEVICE

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Estimate the mixture by maximum likelihood.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data: at least two rows, and at least as many as components. NaN marks
            a missing entry. The blocks of a Dask collection are read where they are,
            in each step of EM.
        y : Ignored
            Passed to scikit-learn's callbacks, and to `cv` if that is a generator.
        sample_weight : array-like or dask array of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a covariance is singular, which a positive `reg_covar` prevents, if no
            entry of a feature is observed, or if `X` or a parameter is not valid.
        TypeError
            If `criterion="cv"` is to choose, and `X` is a Dask collection.

        Warns
        -----
        ConvergenceWarning
            If EM has not converged, if components coincide or lost all their rows, if
            mixtures are left out of the choice, or if the largest of several numbers of
            components is the best.
        RepeatedReadingWarning
            If `X` is a lazy Dask collection that each step reads again.

        Examples
        --------
        The last row counts as three rows:

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
        with _singular_is_value_error(), self._unchanged_on_error():
            source = row_source(
                self, X, sample_weight, with_scatter=False, ensure_min_samples=2
            )
            resumes = self.warm_start and hasattr(self, "means_")
            chooses = has_choice(self) and not resumes
            candidates = self._candidates(resumes)
            if not resumes:
                for name in OPTIONAL_ATTRIBUTES:  # of an earlier fit
                    vars(self).pop(name, None)
            # In standardized units, those of the data do not change the results. The
            # units depend on the shape of the covariances.
            rows_for = {
                kind: self._training_rows(source, kind)
                for kind in dict.fromkeys(c.covariance_type for c in candidates)
            }

            n_starts = 1 if resumes else self.n_init
            by_folds = chooses and self.criterion == "cv"
            if by_folds:
                source.require_array(
                    "criterion='cv'", "choose by 'bic', 'aic' or 'icl'"
                )
            splits = folds(self, source.X, y) if by_folds else []
            source.warn_of_readings(len(candidates) * n_starts * self.max_iter + 2)
            n_steps = len(candidates) * (n_starts * self.max_iter + len(splits))
            with reported_fit(self, source.X, y, n_steps) as fit:
                fits = self._fit_candidates(
                    candidates, rows_for, n_starts, resumes, fit
                )
                best, candidates = 0, candidates[: len(fits)]
                if chooses:
                    ascents = [ascent for ascent, _ in fits]
                    best = self._choose(
                        candidates, ascents, rows_for, source, splits, fit
                    )
                ascent, n_distinct = fits[best]
                rows = rows_for[candidates[best].covariance_type]
                vars(self).update(self._attributes(rows, candidates[best], ascent))
                # Not to be sampled with the variance that reg_covar gives them.
                self._constants_ = source.constants
                self._warn(n_distinct, gains=not self.converged_ and self.max_iter > 0)
        return self

    def _fit_candidates(self, candidates, rows_for, n_starts, resumes, fit):
        """Return, for each candidate, the best ascent of all starts, and its seeds."""
        fits = []
        for candidate in candidates:
            rows = rows_for[candidate.covariance_type]
            report = fit.iterations(
                "em",
                partial(self._interrupted, rows, candidate),
                offset=rows.log_jacobian,
            )
            # So each candidate is the mixture that is fitted with it only.
            ascents, rng = [], random_generator(self.random_state)
            reg = rows.frame.regularization(candidate.reg_covar, self.reg_relative)
            for _ in range(n_starts):
                if resumes:
                    start = self._previous(candidate, rows, "warm_start")
                    n_distinct = candidate.n_components
                else:
                    start, n_distinct = self._start(candidate, rows, reg, rng)
                ascent = self._ascend(start, rows, reg, report, resumes)
                ascents.append((ascent, n_distinct))
                if ascent.stopped:  # by a callback
                    break
            fits.append(max(ascents, key=lambda fit: fit[0].log_likelihood))
            if ascent.stopped:
                break
        return fits

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Update the mixture with further rows, by one step of stepwise EM.

        The first call starts as `fit` does and fixes the units in which `reg_covar` is
        measured. A call after `fit` updates the fitted mixture. If several
        `n_components` are given, the first call is the same as `fit`. Rows should come
        in random order.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data: in the first call at least two rows, and at least as many as
            components. NaN marks a missing entry. The blocks of a Dask collection are
            taken in one after the other.
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
            For the reasons of `fit`, and if `n_components` or `covariance_type`
            differs from that of the previous call. The estimator is left unchanged.

        Warns
        -----
        ConvergenceWarning
            If components coincide or lost all their rows.

        Examples
        --------
        Two components are learned from batches of 500 rows, each read once:

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
        if is_dask(X):
            return partial_fit_blocks(self, X, sample_weight)
        resumes = hasattr(self, "means_")
        if has_choice(self) and not resumes:
            return self.fit(X, y, sample_weight)
        with _singular_is_value_error(), self._unchanged_on_error():
            n_min = 1 if resumes else 2
            X = read_rows(self, X, reset=not resumes, ensure_min_samples=n_min)
            sample_weight = check_weight(sample_weight, X)
            # The units of the first call stay, and with them the size of reg_covar.
            frame = self._frame_ if resumes else None
            [candidate] = self._candidates(resumes)
            kind = candidate.covariance_type
            rows = self._training_rows(ArrayRows(X, sample_weight), kind, frame)
            reg = rows.frame.regularization(candidate.reg_covar, self.reg_relative)
            if resumes:
                mixture = self._previous(candidate, rows, "partial_fit")
                n_distinct = candidate.n_components
                before, n_seen = self.lower_bounds_, self.n_samples_seen_
            else:
                rng = random_generator(self.random_state)
                mixture, n_distinct = self._start(candidate, rows, reg, rng)
                before, n_seen = [], 0.0
            n_new = rows.total
            if sample_weight is not None:
                n_new = row_count(sample_weight, "The size of a step of partial_fit")
            n_seen += n_new
            step_size = (n_new / n_seen) ** self.learning_decay
            n_threads = count_threads(self.n_jobs)
            mixture, reached = em_step(mixture, rows, reg, n_threads, step_size)
            ascent = Ascent(mixture, [reached], False, False, reached)
            vars(self).update(self._attributes(rows, candidate, ascent, before))
            self.n_samples_seen_ = n_seen
            constants = constant_values(X, sample_weight)
            if resumes:  # constant in all calls, with the same value
                constants[constants != self._constants_] = np.nan
            self._constants_ = constants
            self._warn(n_distinct)
        return self

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit the mixture, and return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data: at least two rows, and at least as many as components. NaN marks
            a missing entry.
        y : Ignored
            Passed to scikit-learn's callbacks, and to `cv` if that is a generator.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The most probable component of each row, as `predict` returns it.

        Raises
        ------
        ValueError
            For the same reasons as `fit`.

        Examples
        --------
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(n_components=2, random_state=0)
        >>> a, b, c, d = mixture.fit_predict([[0.0], [1.0], [10.0], [11.0]])
        >>> bool(a == b and c == d and a != c)
        True
        """
        return self.fit(X, y, sample_weight).predict(X)

    def score_samples(self, X):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data and in the precision of `X`. For a row
            with missing entries, the log-density of the observed entries: 0 if there
            are none.

        Examples
        --------
        With `max_iter=0` the mixture is the one that EM starts from, here of N(0, 1)
        and N(4, 1) with equal weights:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> p = np.exp(mixture.score_samples([[0.0], [2.0], [np.nan]]))
        >>> p.round(2)
        array([0.2 , 0.05, 1.  ])
        """
        X, mixture, n_threads = self._query(X)
        return in_precision_of(X, log_densities(X, mixture, n_threads))

    def predict_proba(self, X):
        """Compute the probability of each component given each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components)
            Probabilities, which sum to 1 in each row. For a row without observed
            entries, they are the weights of the components.

        Examples
        --------
        Halfway between two components of the same weight and variance, both are
        equally probable:

        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> mixture.predict_proba([[0.0], [2.0], [4.0]]).round(2)
        array([[1. , 0. ],
               [0.5, 0.5],
               [0. , 1. ]])
        """
        X, mixture, n_threads = self._query(X)
        return in_precision_of(X, responsibilities(X, mixture, n_threads))

    def predict(self, X):
        """Find the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Components, in [0, n_components), with the largest `predict_proba`; the
            first one if several are equally probable.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X, species = load_iris(return_X_y=True)
        >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
        >>> np.unique(mixture.predict(X[species == 0])).size  # setosa is one component
        1
        >>> bool((mixture.predict(X) == mixture.predict_proba(X).argmax(axis=1)).all())
        True
        """
        return most_probable(*self._query(X))

    def sample(self, n_samples=1, random_state=None, *, conditions=None):
        """Sample rows from the mixture, or from it given values of some features.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows to sample.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call.
        conditions : dict, default=None
            Values that the sampled rows have, in units of the data, by position or by
            name of the feature. The other features are sampled from their exact
            distribution given these values, which `conditional` describes. None or an
            empty dict for rows without conditions.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows, in the units of the data, in double precision. Features in
            `conditions` have exactly the values given there.

        Raises
        ------
        ValueError
            If `n_samples` is less than 1, or if `conditions` has all features, a
            feature twice, one that is not a feature of the training data, a value that
            is not finite or so far away that the density there is 0 in double
            precision, or another value than the one of a constant feature.

        Examples
        --------
        Synthetic iris flowers whose petals are 5 cm long, which are no setosa:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> mixture = GaussianMixture(n_components=3, random_state=0).fit(X)
        >>> flowers = mixture.sample(1000, random_state=0, conditions={2: 5.0})
        >>> bool((flowers[:, 2] == 5.0).all())
        True
        >>> flowers.mean(axis=0).round(1)
        array([6.2, 2.9, 5. , 1.8])
        """
        if conditions is not None and not isinstance(conditions, dict):
            raise TypeError(
                "conditions must be a dict of columns and their values; got "
                f"{conditions!r}."
            )
        if not conditions:
            return super().sample(n_samples, random_state)
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        known = self._positions(conditions, "conditions")
        values = condition_values(conditions, "conditions")
        refuse_outside_support(self._mixture(), self._constants_, known, conditions)
        X = np.empty((n_samples, self.n_features_in_))
        others = np.setdiff1d(np.arange(self.n_features_in_), known)
        rng = random_generator(random_state)
        X[:, others] = self.conditional(conditions)._sample(n_samples, rng)
        X[:, known] = values
        return as_given(self, X)

    def sample_components(self, n_samples=1, random_state=None):
        """Sample new rows, and return the component of each.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows to sample.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows at every call.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The rows that `sample` returns.
        labels : ndarray of shape (n_samples,)
            The component that each row was sampled from.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        Examples
        --------
        About half of the rows come from each of two components with equal weights:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> mixture = GaussianMixture(
        ...     n_components=2,
        ...     covariance_type="spherical",
        ...     weights_init=[0.5, 0.5],
        ...     means_init=[[0.0], [4.0]],
        ...     precisions_init=[1.0, 1.0],
        ...     max_iter=0,
        ... ).fit([[0.0], [4.0]])
        >>> X, labels = mixture.sample_components(1000, random_state=0)
        >>> (np.bincount(labels) / 1000).round(1)
        array([0.5, 0.5])
        >>> bool((X == mixture.sample(1000, random_state=0)).all())
        True
        """
        check_is_fitted(self)
        try:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        except ValueError as error:  # scikit-learn's message, which its tests match
            raise ValueError(f"Invalid value for 'n_samples': {error}") from error
        X, labels = self._draw(n_samples, random_generator(random_state))
        return as_given(self, X), labels

    def aic(self, X):
        """Compute Akaike's information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        aic : float
            Twice the number of free parameters minus twice the log-likelihood of the
            rows, in nats [1]_.

        References
        ----------
        .. [1] H. Akaike (1974). A new look at the statistical model identification.
           IEEE Transactions on Automatic Control 19, 716-723.

        Examples
        --------
        One Gaussian in four dimensions has 4 parameters for the mean, 10 for the
        covariance:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> mixture = GaussianMixture().fit(X)
        >>> log_likelihood = mixture.score_samples(X).sum()
        >>> bool(abs(mixture.aic(X) - (2 * 14 - 2 * log_likelihood)) < 1e-9)
        True
        """
        return self._information("aic", X)

    def bic(self, X):
        """Compute Schwarz's Bayesian information criterion; smaller is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        bic : float
            Number of free parameters times the logarithm of the number of rows, minus
            twice the log-likelihood of the rows, in nats [1]_.

        References
        ----------
        .. [1] G. Schwarz (1978). Estimating the dimension of a model. Annals of
           Statistics 6, 461-464.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> values = [
        ...     GaussianMixture(n_components=k, random_state=0).fit(X).bic(X)
        ...     for k in (1, 2, 3)
        ... ]
        >>> values.index(min(values))  # two components
        1
        """
        return self._information("bic", X)

    def icl(self, X):
        """Compute the integrated completed likelihood; smaller is better.

        It is `bic` plus a penalty for components that overlap, so that it selects
        clusters rather than a density.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.

        Returns
        -------
        icl : float
            `bic(X)` plus twice the entropy of `predict_proba(X)`, summed over the rows,
            in nats [1]_.

        References
        ----------
        .. [1] C. Biernacki, G. Celeux and G. Govaert (2000). Assessing a mixture model
           for clustering with the integrated completed likelihood. IEEE Transactions
           on Pattern Analysis and Machine Intelligence 22, 719-725.

        Examples
        --------
        Two components hardly overlap in the iris data, so that the penalty is almost 0;
        of four components, some overlap:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> for k in (2, 4):
        ...     mixture = GaussianMixture(n_components=k, random_state=0).fit(X)
        ...     print(k, mixture.icl(X) - mixture.bic(X) > 1)
        2 False
        4 True
        """
        return self._information("icl", X)

    def impute(self, X, return_std=False):
        """Replace missing entries by their expectations given the observed entries.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. NaN marks a missing entry.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features)
            The data with imputed entries; observed entries are unchanged.
        std : ndarray of shape (n_samples, n_features)
            Standard deviation of each missing entry given the observed entries of its
            row, 0 for observed entries. Only returned if `return_std` is True.

        Examples
        --------
        For two features with variance 1 and correlation 0.8, one predicts the other
        with a standard deviation of 0.6:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> X = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=5000)
        >>> mixture = GaussianMixture().fit(X)
        >>> imputed, std = mixture.impute([[1.0, np.nan]], return_std=True)
        >>> imputed.round(1), std.round(1)
        (array([[1. , 0.8]]), array([[0. , 0.6]]))
        """
        table = X
        X, mixture, n_threads = self._query(X)
        imputed, variance = expected(X, mixture, n_threads)
        set_constants(imputed, self._constants_, np.isnan(X))
        variance[:, ~np.isnan(self._constants_)] = 0.0
        imputed = imputed.astype(X.dtype, copy=False)
        filled = filled_as_given(self, table, imputed, X)
        if not return_std:
            return filled
        return filled, np.sqrt(variance).astype(X.dtype, copy=False)

    def sample_missing(self, X, n_samples=1, random_state=None):
        """Impute missing entries by draws given the observed ones: multiple imputation.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The data. NaN marks a missing entry.
        n_samples : int, default=1
            Number of complete tables to draw.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same draws at every call.

        Returns
        -------
        tables : ndarray of shape (n_samples, n_rows, n_features)
            The data, `n_samples` times, in its precision, with imputed entries.
            Observed entries are unchanged.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.

        Examples
        --------
        Draws keep the spread that expectations lack. Of two clusters, nothing observed
        tells which one a row is in:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((2000, 2)) + rng.choice([0, 10], size=(2000, 1))
        >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
        >>> incomplete = np.full((1000, 2), np.nan)
        >>> expectation = mixture.impute(incomplete)
        >>> bool(((4 < expectation) & (expectation < 6)).all())
        True
        >>> (draws,) = mixture.sample_missing(incomplete, random_state=0)
        >>> ((4 < draws) & (draws < 6)).mean(axis=0).round(1)
        array([0., 0.])
        """
        table = X
        X, mixture, _ = self._query(X)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        tables = np.repeat(X[None], n_samples, axis=0)
        missing = np.isnan(X)
        (rows,) = np.nonzero(missing.any(axis=1))
        if len(rows):
            rng = random_generator(random_state)
            drawn = drawn_missing(X[rows], mixture, n_samples, rng)
            set_constants(drawn.reshape(-1, X.shape[1]), self._constants_)
            tables[:, missing] = np.swapaxes(drawn, 0, 1)[:, missing[rows]]
        return tables_as_given(self, table, tables, X)

    def marginal(self, columns):
        """Compute the distribution of some of the features.

        Parameters
        ----------
        columns : array-like of int or str
            The features, in the order of the result, by position or by name. Negative
            positions count from the last feature.

        Returns
        -------
        mixture : GaussianMixture
            A fitted mixture of these features with the same `covariance_type`.
            Attributes that describe the fit, such as `n_iter_` and `lower_bound_`, are
            those of the mixture of all features.

        Raises
        ------
        ValueError
            If `columns` is empty, has a column twice, or has one that is not a feature
            of the training data.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture
        >>> X = load_iris().data
        >>> mixture = GaussianMixture(n_components=3, random_state=0).fit(X)
        >>> of_petals = mixture.marginal([2, 3])
        >>> of_petals.means_.shape
        (3, 2)

        It gives the same densities as rows in which the other features are missing:

        >>> import numpy as np
        >>> incomplete = X.copy()
        >>> incomplete[:, :2] = np.nan
        >>> log_p = mixture.score_samples(incomplete)
        >>> np.allclose(of_petals.score_samples(X[:, 2:]), log_p)
        True
        """
        features = self._positions(columns)
        if len(features) == 0:
            raise ValueError(
                f"columns must name at least one feature; got {columns!r}."
            )
        return self._with_features(marginal(self._mixture(), features), features)

    def conditional(self, given):
        """Compute the distribution of features given the values of others.

        Parameters
        ----------
        given : dict
            Known values by position or by name of the feature, in units of the data. If
            it is empty, the result is the distribution of all features.

        Returns
        -------
        mixture : GaussianMixture
            A fitted mixture of the other features, in their order, with the same
            `covariance_type`. Its weights are the probabilities of the components given
            the values. Attributes that describe the fit, such as `n_iter_` and
            `lower_bound_`, are those of the mixture of all features.

        Raises
        ------
        ValueError
            If `given` has all features, has a feature twice, has one that is not a
            feature of the training data, or has a value that is not finite.

        Examples
        --------
        The first feature of a row decides in which of two clusters the row is, so that
        the second feature, given the first, has one mode rather than two:

        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((2000, 2)) + rng.choice([0, 10], size=(2000, 1))
        >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
        >>> second = mixture.conditional({0: 10.5})
        >>> second.weights_.max().round(2)
        np.float64(1.0)
        >>> second.sample(1000, random_state=0).mean().round()
        np.float64(10.0)
        """
        known = self._positions(given, "given")
        values = condition_values(given, "given")
        others = np.setdiff1d(np.arange(self.n_features_in_), known)
        if len(others) == 0:
            raise ValueError(
                f"given must leave at least one feature; got all {len(known)} of them."
            )
        return self._with_features(conditional(self._mixture(), known, values), others)

    def _candidates(self, resumes):
        """Parameters that may be chosen; those that were chosen, if this resumes."""
        given = Candidate(self.n_components, self.covariance_type, self.reg_covar)
        if resumes:
            chosen = (self.n_components_, self.covariance_type_, self.reg_covar_)
            single = [isinstance(value, (str, Real)) for value in given]
            given = [
                g if s else c for g, c, s in zip(given, chosen, single, strict=True)
            ]
        return all_candidates(*given)

    def _training_rows(self, source, covariance_type, frame=None):
        """Rows with their weights and units to compute in, found if none are given."""
        structure = STRUCTURES[covariance_type]
        names = getattr(self, "feature_names_in_", np.arange(source.n_features))
        if source.in_blocks:
            return BlockedRows.of(source, structure, names)
        return TrainingRows.of(
            source.X,
            source.weight,
            frame,
            structure=structure,
            names=names,
            n_threads=count_threads(self.n_jobs),
        )

    def _start(self, candidate, rows, reg, rng):
        """First mixture, in standardized units, and how many different seeds it had."""
        given = (self.weights_init, self.means_init, self.precisions_init)
        k, kind, _ = candidate
        return first_mixture(rows, k, kind, reg, given, self.init_params, rng)

    def _previous(self, candidate, rows, resumed):
        """The fitted mixture, in standardized units, if it fits what is `resumed`."""
        before = (*self.means_.shape, self.covariance_type_)
        now = (candidate.n_components, rows.shape[1], candidate.covariance_type)
        if before != now:
            raise ValueError(
                f"{resumed} needs the n_components, number of features and "
                f"covariance_type of the previous fit, {before}; got {now}. Set them "
                "back, or fit a clone of this estimator."
            )
        return rows.frame.standardize(self._mixture())

    def _ascend(self, mixture, rows, reg, report, resumes):
        """Maximize the likelihood from one start."""
        if self.max_iter == 0:
            return Ascent(mixture, [], False, False, -np.inf)
        n_threads = 1 if rows.in_blocks else count_threads(self.n_jobs)
        options = {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "accelerate": self.accelerate,
            "report": report,
        }
        if rows.has_missing:
            return em_then_lbfgs(
                partial(e_step, rows=rows, n_threads=n_threads, method="missing"),
                partial(m_step, reg=reg),
                mixture,
                reg,
                **options,
            )
        # If the first step gains next to nothing, the previous fit had converged.
        before = self.lower_bound_ + rows.log_jacobian if resumes else -np.inf
        step = partial(em_step, rows=rows, reg=reg, n_threads=n_threads)
        return accelerated_em(step, mixture, before=before, **options)

    def _choose(self, candidates, ascents, rows_for, source, splits, fit):
        """Position of the best of several fits, whose values are kept."""
        frames = [rows_for[c.covariance_type].frame for c in candidates]
        mixtures = [
            frame.destandardize(ascent.mixture)
            for frame, ascent in zip(frames, ascents, strict=True)
        ]
        # A mixture without some rows is not the one that would be fitted now.
        report = fit.iterations("fit of a fold", lambda: None)
        values = criterion_values(self, candidates, mixtures, source, splits, report)
        numbers, kinds, floors = map(np.array, zip(*candidates, strict=True))
        self.candidate_n_components_ = numbers
        self.candidate_covariance_type_ = kinds
        self.candidate_reg_covar_ = floors
        self.criterion_values_ = values
        at_floor = [
            rests_on_floor(
                ascent.mixture, frame.regularization(c.reg_covar, self.reg_relative)
            )
            for c, frame, ascent in zip(candidates, frames, ascents, strict=True)
        ]
        return best_candidate(self.criterion, candidates, values, np.array(at_floor))

    def _interrupted(self, rows, candidate, mixture, history):
        """Fitted attributes if EM ended after the last step."""
        ascent = Ascent(mixture, history, False, False, history[-1])
        return self._attributes(rows, candidate, ascent)

    def _attributes(self, rows, candidate, ascent, before=()):
        """Fitted attributes for the result of EM, in the units of the data."""
        history = (np.array(ascent.history) - rows.log_jacobian).tolist()
        history = [*before, *history]
        mixture = rows.frame.destandardize(ascent.mixture)
        return {
            **_parameter_attributes(mixture),
            "n_components_": len(mixture.weights),
            "converged_": ascent.converged or ascent.stopped,
            "n_iter_": len(history),
            "lower_bound_": float(ascent.log_likelihood - rows.log_jacobian),
            "lower_bounds_": history,
            "n_samples_seen_": rows.total,
            "covariance_type_": candidate.covariance_type,
            "reg_covar_": candidate.reg_covar,
            "_frame_": rows.frame,
        }

    def _warn(self, n_distinct, *, gains=False):
        """Warn of components that are of no use, and if EM still `gains`."""
        k = self.n_components_
        if n_distinct < k:
            warn(
                f"The data has {n_distinct} different rows to start from, fewer than "
                f"n_components={k}: some components coincide. Lower n_components.",
                ConvergenceWarning,
            )
        n_dead = int((self.weights_ == 0).sum())
        if n_dead:
            warn(
                f"{n_dead} of {k} components lost all their rows and have weight 0. "
                "Lower n_components.",
                ConvergenceWarning,
            )
        if gains:  # the first two sentences are scikit-learn's
            warn(
                "Best performing initialization did not converge. Try different init "
                "parameters, or increase max_iter, tol, or check for degenerate data. "
                f"EM still gains more than tol={self.tol:g} nats per row after "
                f"max_iter={self.max_iter} iterations.",
                ConvergenceWarning,
            )

    def _mixture(self):
        """The fitted mixture, in the units of the data."""
        return Mixture.of_precision_root(
            self.weights_,
            self.means_,
            self.precisions_cholesky_,
            STRUCTURES[self.covariance_type_],
        )

    def _query(self, X):
        """Checked rows, the fitted mixture, and how many threads share the rows."""
        check_is_fitted(self)
        X = read_rows(self, X)
        return X, self._mixture(), count_threads(self.n_jobs)

    def _information(self, criterion, X):
        """Value of an information criterion for rows of any kind."""
        check_is_fitted(self)
        rows = row_source(self, X, None, with_scatter=False, reset=False)
        n_threads = 1 if rows.in_blocks else count_threads(self.n_jobs)
        return information(criterion, self._mixture(), rows, n_threads)

    def _draw(self, n_samples, rng):
        """New rows and their components."""
        X, labels = draw(self._mixture(), n_samples, rng)
        set_constants(X, self._constants_)
        return X, labels

    def _sample(self, n_samples, rng):
        return self._draw(n_samples, rng)[0]

    def _n_parameters(self):
        """Number of free parameters, under scikit-learn's name for it."""
        return self._mixture().n_parameters

    def _positions(self, columns, parameter="columns"):
        """Positions of features that are given by position or by name."""
        check_is_fitted(self)
        names = list(getattr(self, "feature_names_in_", []))
        return feature_positions(columns, names, self.n_features_in_, parameter)

    def _with_features(self, mixture, features):
        """Fitted estimator for a mixture of some of the features."""
        made = clone(self).set_params(
            n_components=self.n_components_,
            covariance_type=self.covariance_type_,
            reg_covar=self.reg_covar_,
            weights_init=None,
            means_init=None,
            precisions_init=None,
        )
        for name in KEPT_ATTRIBUTES:
            setattr(made, name, getattr(self, name))
        vars(made).update(_parameter_attributes(mixture))
        made._frame_ = Frame(
            self._frame_.origin[features], self._frame_.scale[features]
        )
        made._constants_ = self._constants_[features]
        made.n_features_in_ = len(features)
        if hasattr(self, "feature_names_in_"):
            made.feature_names_in_ = self.feature_names_in_[features]
        return made


@contextlib.contextmanager
def _singular_is_value_error():
    """Say what to do about a covariance that has no Cholesky factor."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "Fitting the mixture model failed because some components have ill-defined "
            "empirical covariance (for instance caused by singleton or collapsed "
            "samples). Try to decrease the number of components, increase reg_covar, "
            "or scale the input data."
        ) from error


def _parameter_attributes(mixture):
    """Fitted attributes for the parameters of a mixture."""
    square = mixture.structure.square
    with np.errstate(over="ignore", under="ignore"):
        return {
            "weights_": mixture.weights,
            "means_": mixture.means,
            "covariances_": square(mixture.root),
            "precisions_": square(mixture.precision_root),
            "precisions_cholesky_": mixture.precision_root,
        }
