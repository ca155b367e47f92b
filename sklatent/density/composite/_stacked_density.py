"""Stacking: a mixture of densities whose weights are found on rows left out.

Smyth and Wolpert (1999), Linearly combining density estimators via stacking, Machine
Learning 36, 59-83.
"""

import warnings
from numbers import Integral

import numpy as np
from scipy.special import logsumexp
from sklearn.base import DensityMixin, clone
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.composite._transformed_density import TransformedDensity
from sklatent.density.kernel._constant_columns import (
    find_constant_columns,
    no_constant_columns,
)
from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.mixture._gaussian_mixture import GaussianMixture
from sklatent.utils._columns import any_missing
from sklatent.utils._folds import folds_of_distinct_rows
from sklatent.utils._iterations import reported_fit
from sklatent.utils._members import (
    fit_member,
    sample_member,
    take_missing,
)
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import CallbackSupportMixin, _BaseComposition, _fit_context
from sklatent.utils._tables import check_weight, read_rows

# Steps of EM, and how near to the best score it stops, in nats per row. The problem is
# convex in few variables, and a step costs as much as reading the log-densities once.
MAX_STEPS, TOLERANCE = 10_000, 1e-6
# The default mixtures, of rows and of normal scores, have each of these numbers of
# components with each `reg_covar`. The grids are coarse, since the weights blend
# neighbors on them.
N_COMPONENTS = (1, 2, 4, 8, 16)
REG_COVAR = (1e-6, 0.03, 0.3)


class StackedDensity(
    CallbackSupportMixin,
    GenerativeModelMixin,
    ScoreMixin,
    DensityMixin,
    _BaseComposition,
    SklatentEstimator,
):
    """Density estimation by a mixture of several densities, weighted on rows left out.

    The density is p(x) = sum_m w_m p_m(x), with p_m the density of member m. The
    weights are those with the highest log-likelihood

        sum_i log sum_m w_m p_m(x_i | the rows of other folds)

    of rows that the members have not seen, found by expectation maximization [1]_.
    This is never much worse than the best of the members, which cross-validation would
    choose, and is better where no family has the right shape everywhere. The members
    are then fitted to all rows.

    Parameters
    ----------
    estimators : list of (str, density) or None, default=None
        Names and members: estimators with `fit` and `score_samples`, and with `sample`
        if rows are to be sampled. A member "drop" is left out. A pipeline, which scores
        rows in units of its transformer, is refused in favor of
        :class:`TransformedDensity`. Give members whose
        settings differ rather than one that chooses them by cross-validation: the
        weights choose. None takes mixtures of 1 to 16 Gaussians with covariances of
        several degrees of regularization, such mixtures of normal scores, which are
        Gaussian copulas for one component, and, unless entries are missing, kernels:
        with one bandwidth, with adaptive bandwidths and with local covariances.
    cv : int, cross-validation generator or iterable, default=5
        Number of folds, of shuffled rows of which equal ones stay together, or how to
        split the rows as in :func:`~sklearn.model_selection.cross_validate`.
    random_state : int, RandomState instance or None, default=None
        Determines the folds, and the members of `estimators=None` that are random.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. An iteration is the fit of a member to a fold or
        to all rows.

    Attributes
    ----------
    weights_ : ndarray of shape (n_estimators,)
        Weights of the members, which sum to 1.
    estimators_ : list of density
        The members, fitted to all rows.
    named_estimators_ : :class:`~sklearn.utils.Bunch`
        The members by name.
    cv_score_ : float
        Mean log-density of the rows left out, for the weights, in nats per row. It is
        slightly too high, since the weights are those that make it highest.
    held_out_log_density_ : ndarray of shape (n_samples,)
        Log-density of each training row, by members fitted without its fold and with
        `weights_`, in nats. Outliers among the training rows are those where it is
        lowest: `score_samples` of a training row is too high, since the row is among
        those of the fit. NaN for rows that `cv` never leaves out.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    TransformedDensity : A density of transformed rows, which can be a member.
    sklearn.ensemble.StackingRegressor : Stacking of regressors.

    Notes
    -----
    The members see the columns that vary. A constant column has no scale, so that no
    density is comparable there: it is sampled as the constant, and another value in it
    divides the density by n + 1, with n the number of rows.

    Missing entries and sample weights are taken if all members take them. Rows left out
    to which no member gives a density do not influence the weights.

    References
    ----------
    .. [1] P. Smyth and D. Wolpert (1999). Linearly combining density estimators via
       stacking. Machine Learning 36, 59-83. Section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.density import GaussianMixture, KernelDensity, StackedDensity
    >>> X, _ = load_iris(return_X_y=True)
    >>> members = [
    ...     ("mixture", GaussianMixture(2, random_state=0)),
    ...     ("kernels", KernelDensity("loo")),
    ... ]
    >>> stack = StackedDensity(members, random_state=0).fit(X)
    >>> stack.weights_.round(1)
    array([0.9, 0.1])
    >>> stack.sample(5, random_state=0).shape
    (5, 4)
    """

    _parameter_constraints = {
        "estimators": [list, None],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(self, estimators=None, *, cv=5, random_state=None, verbose=0):
        self.estimators = estimators
        self.cv = cv
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep=True):
        """Get the parameters, those of the members included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the members and their parameters.

        Returns
        -------
        params : dict
            Parameters by name, such as "mixture" and "mixture__n_components".

        Examples
        --------
        >>> from sklatent.density import KernelDensity, StackedDensity
        >>> stack = StackedDensity([("kernels", KernelDensity("scott"))])
        >>> stack.get_params()["kernels__bandwidth"]
        'scott'
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, of this estimator and of the members.

        Parameters
        ----------
        **params : dict
            Parameters by name; a member's name replaces the member, or drops it.

        Returns
        -------
        self : object
            This estimator.

        Examples
        --------
        >>> from sklatent.density import KernelDensity, StackedDensity
        >>> stack = StackedDensity([("kernels", KernelDensity("scott"))])
        >>> stack.set_params(kernels__bandwidth=0.5).estimators
        [('kernels', KernelDensity(bandwidth=0.5))]
        """
        self._set_params("estimators", **params)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        members = [] if self.estimators is None else self.estimators
        # What is no pair is refused by `fit`.
        members = [pair[-1] for pair in members if isinstance(pair, tuple)]
        members = [e for e in members if hasattr(e, "__sklearn_tags__")]
        tags.input_tags.allow_nan = take_missing(members)
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Find the weights on rows left out, and fit the members to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : array-like of shape (n_samples,), default=None
            Passed to the members, to `cv`, which may stratify by it, and to
            scikit-learn's callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, for the members and for the weights of these.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If a member is a pipeline.
        ValueError
            If all rows are equal, there is no member, two have the same name, a member
            fails on a fold, weights are given and a member takes none, or no member
            gives any row that is left out a density.

        Examples
        --------
        Adding a member that is useless does no harm:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import GaussianMixture, KernelDensity, StackedDensity
        >>> X, _ = load_iris(return_X_y=True)
        >>> members = [("good", GaussianMixture(2)), ("useless", KernelDensity(1000.0))]
        >>> StackedDensity(members, random_state=0).fit(X).weights_.round(2)
        array([1., 0.])
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True)
            weight = check_weight(sample_weight, X)
            self._columns, self._n_rows = self._varying_columns(X, weight)
            X = self._columns.others(X)
            rng = random_generator(self.random_state)
            members = self._checked_members(X, rng)
            splits = self._splits(X, y, rng)
            n_fits = len(members) * (len(splits) + 1)
            with warnings.catch_warnings(), reported_fit(self, X, y, n_fits) as fit:
                if self.estimators is None:
                    # What the default members warn of is in their weights, and asks
                    # for settings that the user has not made.
                    warnings.simplefilter("ignore")
                report = fit.iterations("fit of a member", lambda: None)
                log_densities = _log_densities(members, splits, X, y, weight, report)
                self.estimators_ = []
                for name, member in members:
                    report.begin()
                    fitted = fit_member(clone(member), X, y, weight, name)
                    self.estimators_.append(fitted)
                    report.end(None)
            seen = ~np.isnan(log_densities).any(axis=1)  # those that the splits test
            self.weights_, self.cv_score_ = stacking_weights(
                log_densities[seen], None if weight is None else weight[seen]
            )
            with np.errstate(divide="ignore"):  # a member may have no weight
                shares = log_densities + np.log(self.weights_)
            self.held_out_log_density_ = logsumexp(shares, axis=1)
            names = [name for name, _ in members]
            self.named_estimators_ = Bunch(
                **dict(zip(names, self.estimators_, strict=True))
            )
        return self

    def _varying_columns(self, X, weight):
        """Columns that vary, which the members see, and the number of rows.

        Each kind of density has its own idea of a column without a scale.
        """
        n_rows = len(X) if weight is None else float(weight.sum())
        if any_missing(X):
            return no_constant_columns(X.shape[1]), n_rows
        names = getattr(self, "feature_names_in_", range(X.shape[1]))
        remedy = "leave it out, or give different rows"
        return find_constant_columns(X, names, "a stack", remedy), n_rows

    def _checked_members(self, X, rng):
        """Return the members that are not dropped; default ones in place of None."""
        if self.estimators is None:
            return default_members(X, rng)
        for pair in self.estimators:
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise TypeError(
                    f"estimators must be a list of (name, density) pairs; got {pair!r} "
                    "in it."
                )
        members = [(n, e) for n, e in self.estimators if not isinstance(e, str)]
        if not members:
            raise ValueError(
                "estimators must have a member that is not dropped; got "
                f"{self.estimators!r}."
            )
        self._validate_names([name for name, _ in members])
        for name, member in members:
            if isinstance(member, Pipeline):
                raise TypeError(
                    "estimators must score rows in units of the data, and the pipeline "
                    f"{name!r} scores them in units of its transformer. Use "
                    "TransformedDensity(transformer, density) in its place."
                )
            if not hasattr(member, "score_samples"):
                raise ValueError(
                    f"estimators must have members with score_samples; {name!r} is "
                    f"{member!r}."
                )
        return members

    def _splits(self, X, y, rng):
        """Training and test rows of each fold."""
        if isinstance(self.cv, Integral):
            return folds_of_distinct_rows(X, self.cv, rng)
        return list(check_cv(self.cv, y).split(X, y))

    def score_samples(self, X):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density, in the units of the data.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture, KernelDensity, StackedDensity
        >>> X = np.random.RandomState(0).normal(size=(200, 1))
        >>> members = [("one", GaussianMixture()), ("kernels", KernelDensity("loo"))]
        >>> stack = StackedDensity(members, random_state=0).fit(X)
        >>> parts = [m.score_samples(X) for m in stack.estimators_]
        >>> mixture = np.exp(np.transpose(parts)) @ stack.weights_
        >>> bool(np.allclose(stack.score_samples(X), np.log(mixture)))
        True
        """
        check_is_fitted(self)
        X = read_rows(self, X)
        varying = self._columns.others(X)
        log_densities = [
            np.log(self.weights_[m]) + self.estimators_[m].score_samples(varying)
            for m in np.flatnonzero(self.weights_)
        ]
        log_density = logsumexp(log_densities, axis=0)
        log_density -= self._columns.count_off(X) * np.log1p(self._n_rows)
        return log_density.astype(X.dtype)

    def _sample(self, n_samples, rng):
        """Sample from each member as many rows as chance gives it, in random order."""
        counts = rng.multinomial(n_samples, self.weights_)
        parts = [
            sample_member(self.estimators_[m], counts[m], rng)
            for m in np.flatnonzero(counts)
        ]
        rows = rng.permutation(np.concatenate(parts))
        return self._columns.widen(rows, self._columns.values)


def default_members(X, rng):
    """Members that differ in shape and in smoothness, none of which is slow.

    Mixtures have no more components than a tenth of the distinct rows. Kernels are left
    out if entries are missing.
    """
    seed = rng.randint(np.iinfo(np.int32).max)
    n_distinct = len(np.unique(X, axis=0))

    mixtures = {
        f"{k}_{reg}": GaussianMixture(k, reg_covar=reg, random_state=seed)
        for k in N_COMPONENTS
        for reg in REG_COVAR
        if k <= max(1, n_distinct / 10)
    }
    members = [(f"mixture_{name}", mixture) for name, mixture in mixtures.items()]
    members += [
        (f"copula_{name}", TransformedDensity(density=mixture))
        for name, mixture in mixtures.items()
    ]
    if not any_missing(X):
        members += [
            ("adaptive_kernels", KernelDensity("loo", adaptive=True)),
            ("local_kernels", KernelDensity("loo", adaptive="covariance")),
            ("kernels", KernelDensity("loo")),
        ]
    return members


def _log_densities(members, splits, X, y, weight, report):
    """Log-density of each row by members that have not seen it; NaN if not tested."""
    log_densities = np.full((len(X), len(members)), np.nan)
    for train, test in splits:
        for m, (name, member) in enumerate(members):
            report.begin()
            log_densities[test, m] = _left_out(
                name, clone(member), X, y, weight, train, test
            )
            report.end(None)
    return log_densities


def _left_out(name, member, X, y, weight, train, test):
    """Log-densities of test rows by a member that is fitted to the training rows."""
    y = None if y is None else np.asarray(y)[train]
    weight = None if weight is None else weight[train]
    try:
        fitted = fit_member(member, X[train], y, weight, name)
        log_density = np.asarray(fitted.score_samples(X[test]))
    except Exception as error:
        raise ValueError(
            f"estimators must fit and score each fold; member {name!r}, a "
            f"{type(member).__name__}, failed on one of {len(train)} training rows: "
            f"{error}"
        ) from error
    if np.isnan(log_density).any():
        raise ValueError(
            f"estimators must give log-densities; member {name!r}, a "
            f"{type(member).__name__}, gave NaN."
        )
    return log_density


def stacking_weights(log_densities, sample_weight=None):
    """Weights of a mixture of given densities, by maximum likelihood.

    EM for the weights alone, w_m <- mean_i w_m p_m(x_i) / sum_k w_k p_k(x_i), whose
    likelihood has no local maxima.

    Parameters
    ----------
    log_densities : ndarray of shape (n_samples, n_members)
        Of rows that the members have not seen.
    sample_weight : ndarray of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        They sum to 1.
    score : float
        Mean log-density for these weights.

    Raises
    ------
    ValueError
        If all densities are 0.
    """
    row_weight = np.ones(len(log_densities)) if sample_weight is None else sample_weight
    best = log_densities.max(axis=1)
    some = np.isfinite(best) & (row_weight > 0)
    if not some.any():
        raise ValueError(
            "estimators must give some rows that are left out a density; got a "
            "log-density of -inf for all of them."
        )
    best, share = best[some], row_weight[some] / row_weight[some].sum()
    densities = np.exp(log_densities[some] - best[:, None])
    weights = np.full(densities.shape[1], 1 / densities.shape[1])
    for _ in range(MAX_STEPS):
        mixed = densities @ weights
        # The derivative of the mean log-density by each weight. It is concave, so that
        # no weights are better by more than the largest derivative minus 1.
        slope = densities.T @ (share / mixed)
        if slope.max() - 1 < TOLERANCE:
            break
        weights = weights * slope
    weights /= weights.sum()
    return weights, float(share @ best + share @ np.log(densities @ weights))
