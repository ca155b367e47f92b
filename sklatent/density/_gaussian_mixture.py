"""Mixture of Gaussian densities.

The algorithm is in `_mixture_em`, its steps in `_mixture_steps`.
"""

import contextlib
import sys
import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from sklatent.base import FLOAT_DTYPES, SklatentEstimator
from sklatent.callback._iterations import IterationReport
from sklatent.decomposition._em_estimator import check_weight
from sklatent.density._mixture_covariance import STRUCTURES
from sklatent.density._mixture_em import Ascent, maximize
from sklatent.density._mixture_init import given_parameters, start
from sklatent.density._mixture_model import MixtureModelMixin, parameter_attributes
from sklatent.density._mixture_parameters import Frame, Mixture
from sklatent.density._mixture_steps import em_step
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._threads import count_threads


class GaussianMixture(CallbackSupportMixin, MixtureModelMixin, SklatentEstimator):
    """Mixture of Gaussian densities, fitted by accelerated EM.

    p(x) = sum_k w_k N(x | mu_k, Sigma_k), by maximum likelihood [1]_. Takes the
    parameters of :class:`sklearn.mixture.GaussianMixture` and has its attributes.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : {"full", "tied", "diag", "spherical", "tied_diag"}, \
            default="full"
        What the covariances have in common: nothing; one matrix for all components;
        a diagonal matrix each; one variance each; one diagonal matrix for all.
    tol : float, default=0.001
        EM stops when a step gains less, in nats per row.
    reg_covar : float, default=1e-06
        Added to the variances in every step, so that no component shrinks to a
        point. Relative to the variance of each feature (of their mean where
        `covariance_type` is "spherical"), so that the units of the data do not
        matter. A constant feature counts as having the mean variance of the others.
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
        nats per row. The likelihood increases either way, and is mostly the larger
        at the end; where there are several maxima it can be another one. Without,
        the iterations are those of scikit-learn.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.

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
    converged_ : bool
        Whether a step gained less than `tol`.
    n_iter_ : int
        Number of EM steps.
    lower_bound_ : float
        Mean log-likelihood of the training rows at the last of them, in nats, the
        largest over `n_init`.
    lower_bounds_ : list of float
        The same at each of them.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklearn.mixture.GaussianMixture : Its `sample` returns component labels too; here
        `sample_components` does.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird and D. B. Rubin (1977). Maximum likelihood from
       incomplete data via the EM algorithm. Journal of the Royal Statistical Society
       B 39, 1-38. Section 4.3.
    .. [2] H. F. Walker and P. Ni (2011). Anderson acceleration for fixed-point
       iterations. SIAM Journal on Numerical Analysis 49, 1715-1735. Eq. 2.1.

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
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
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

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sample_weight=None):
        """Estimate the mixture by maximum likelihood.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; at least two rows, and as many as components.
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
            zero, or if `X` or a parameter cannot be used.
        """
        with self._as_it_was_on_error():
            X = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_min_samples=2)
            sample_weight = check_weight(sample_weight, X)
            if len(X) < self.n_components:
                raise ValueError(
                    f"n_components must be in [1, {len(X)}], the number of rows; got "
                    f"{self.n_components} instead."
                )
            self._fit(X, y, sample_weight)
        return self

    @contextlib.contextmanager
    def _as_it_was_on_error(self):
        """Leave nothing half-fitted when the body raises; what goes on, as it was."""
        if not self.warm_start:
            with self._unfitted_on_error():
                yield
            return
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def _fit(self, X, y, sample_weight):
        structure = STRUCTURES[self.covariance_type]
        if sample_weight is not None:
            sample_weight = sample_weight / sample_weight[sample_weight > 0].mean()
        frame = Frame.of(X, sample_weight, structure)
        reg = self._regularization(frame)
        n_threads = count_threads(self.n_jobs)
        rng = random_generator(self.random_state)
        goes_on = self.warm_start and hasattr(self, "means_")
        n_init = 1 if goes_on else self.n_init
        context = self._init_callback_context(max_subtasks=n_init * self.max_iter)
        task = {"estimator": self, "X": X, "y": y}
        context.call_on_fit_task_begin(**task)
        report = _Report(
            context,
            "em",
            lambda mixture, history: self._attributes(
                frame, Ascent(mixture, history, False, False)
            ),
            offset=frame.log_jacobian,
            verbosity=(self.verbose, self.verbose_interval),
            **task,
        )

        def step(mixture):
            return em_step(X, sample_weight, mixture, frame, reg, n_threads)

        best, n_distinct = None, self.n_components
        for _ in range(n_init):
            if goes_on:
                mixture = self._seen_mixture(X.shape[1], frame)
            else:
                mixture, n_distinct = self._start(
                    X, sample_weight, frame, structure, reg, rng
                )
            with _singular_is_value_error():
                ascent = self._ascend(step, mixture, report)
            if best is None or ascent.history[-1:] > best.history[-1:]:
                best = ascent
            if ascent.stopped:
                break
        vars(self).update(self._attributes(frame, best))
        self._warn(best, n_distinct)
        context.call_on_fit_task_end(**task, reconstruction_attributes={})

    def _ascend(self, step, mixture, report):
        """Maximize from one start."""
        if self.max_iter == 0:
            return Ascent(mixture, [], False, False)
        return maximize(
            step,
            mixture,
            tol=self.tol,
            max_iter=self.max_iter,
            accelerate=self.accelerate,
            report=report,
        )

    def _regularization(self, frame):
        """What is added to the variances, in the units of the frame."""
        if self.reg_relative:
            return np.full(len(frame.scale), float(self.reg_covar))
        return self.reg_covar / frame.scale / frame.scale

    def _start(self, X, sample_weight, frame, structure, reg, rng):
        """First mixture, of what is given and otherwise of `init_params`."""
        given = given_parameters(self, X.shape[1], structure)
        k = self.n_components
        found, n_distinct = None, k
        if any(value is None for value in given):
            with _singular_is_value_error():
                found, n_distinct = start(
                    X, sample_weight, frame, structure, reg, k, self.init_params, rng
                )
            found = frame.leave(found)
            found = (found.weights, found.means, found.precision_root)
        else:
            found = given
        parameters = [f if g is None else g for g, f in zip(given, found, strict=True)]
        mixture = Mixture.of_precision_root(*parameters, structure)
        return frame.enter(mixture), n_distinct

    def _seen_mixture(self, n_features, frame):
        """What the last fit found, in the units of the frame."""
        if self.means_.shape != (self.n_components, n_features):
            raise ValueError(
                "warm_start goes on with as many components and features as before, "
                f"{self.means_.shape}; got {(self.n_components, n_features)} instead."
            )
        return frame.enter(self._mixture())

    def _attributes(self, frame, ascent):
        """What `fit` sets."""
        history = [float(reached - frame.log_jacobian) for reached in ascent.history]
        return {
            **parameter_attributes(frame.leave(ascent.mixture)),
            "converged_": ascent.converged or ascent.stopped,
            "n_iter_": len(history),
            "lower_bound_": history[-1] if history else -np.inf,
            "lower_bounds_": history,
        }

    def _warn(self, ascent, n_distinct):
        """Say what the numbers do not show."""
        if n_distinct < self.n_components:
            warnings.warn(
                f"The data has {n_distinct} different rows to start from, fewer than "
                f"n_components={self.n_components}: some components coincide.",
                ConvergenceWarning,
                stacklevel=5,
            )
        n_dead = int((self.weights_ == 0).sum())
        if n_dead:
            warnings.warn(
                f"{n_dead} of {self.n_components} components lost all their rows and "
                "have weight 0; lower n_components.",
                ConvergenceWarning,
                stacklevel=5,
            )
        if not self.converged_ and self.max_iter > 0:
            warnings.warn(
                f"EM still gains more than tol={self.tol:g} nats per row after "
                f"max_iter={self.max_iter} iterations; raise one of them.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def fit_predict(self, X, y=None, sample_weight=None):
        """Fit the mixture, and tell the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Passed on to scikit-learn's callbacks.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The same as `fit(X).predict(X)`.
        """
        return self.fit(X, y, sample_weight).predict(X)


class _Report(IterationReport):
    """Callbacks, and lines on the standard output where `verbose` asks for them."""

    def __init__(self, *args, verbosity, **options):
        super().__init__(*args, **options)
        self.verbose, self.interval = verbosity

    def end(self, loss, mixture, history):
        """Report the end of an iteration; return whether a callback asks to stop."""
        if self.verbose and len(history) % self.interval == 0:
            log_likelihood = -(loss + self.offset)
            sys.stdout.write(f"  EM step {len(history)}: {log_likelihood:.6f} nats\n")
        return super().end(loss, mixture, history)


@contextlib.contextmanager
def _singular_is_value_error():
    """Say what to do about a covariance that has no Cholesky factor."""
    try:
        yield
    except np.linalg.LinAlgError as error:
        raise ValueError(
            "The covariance of a component is singular, as that of a single row or of "
            "dependent features is; raise reg_covar, or lower n_components."
        ) from error
