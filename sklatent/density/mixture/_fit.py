"""From the parameters of an estimator to a fitted mixture.

The algorithm is in `_em`, its steps in `_steps`.
"""

import contextlib
import sys
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv

from sklatent.density.mixture._covariance import STRUCTURES
from sklatent.density.mixture._em import Ascent, maximize
from sklatent.density.mixture._model import parameter_attributes
from sklatent.density.mixture._parameters import Frame, Mixture
from sklatent.density.mixture._quasi_newton import maximize_observed
from sklatent.density.mixture._rows import Rows
from sklatent.density.mixture._selection import (
    best_candidate,
    candidate_numbers,
    held_out,
    information,
)
from sklatent.density.mixture._start import given_parameters, start
from sklatent.density.mixture._steps import e_step, em_step, m_step
from sklatent.utils._columns import constant_values
from sklatent.utils._iterations import IterationReport
from sklatent.utils._random import random_generator
from sklatent.utils._tables import read_rows
from sklatent.utils._threads import count_threads
from sklatent.utils._warnings import warn
from sklatent.utils._weights import as_counts


@contextlib.contextmanager
def singular_is_value_error():
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


class MixtureFitMixin:
    """What `fit` and `partial_fit` of a mixture are made of."""

    def _check_data(self, X, *, reset):
        """Check rows to fit."""
        return read_rows(
            self,
            X,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )

    def _goes_on(self):
        """Whether `fit` goes on from where the last one ended."""
        return self.warm_start and hasattr(self, "means_")

    def _is_to_choose(self):
        """Whether several numbers of components are given."""
        return not isinstance(self.n_components, Integral)

    def _number_so_far(self):
        """With how many components what is fitted goes on."""
        return self.n_components_ if self._is_to_choose() else int(self.n_components)

    def _fit(self, X, y, sample_weight):
        goes_on = self._goes_on()
        chooses = self._is_to_choose() and not goes_on
        if chooses:
            numbers = candidate_numbers(self.n_components)
        else:
            numbers = [self._number_so_far()]
        rows = Rows.of(X, sample_weight)
        frame = self._make_frame(rows)
        log_jacobian = frame.log_jacobian(rows)
        rows = rows.few_scaled(frame)

        def attributes(ascent):
            """What the estimator has when EM ends so."""
            history = [float(reached - log_jacobian) for reached in ascent.history]
            reached = None if ascent.reached is None else ascent.reached - log_jacobian
            ascent = ascent._replace(history=history, reached=reached)
            return self._attributes(ascent, frame, rows.total)

        n_starts = 1 if goes_on else self.n_init
        n_steps = len(numbers) * n_starts * self.max_iter
        context = self._init_callback_context(max_subtasks=n_steps)
        task = {"estimator": self, "X": X, "y": y}
        context.call_on_fit_task_begin(**task)
        report = _Report(
            context,
            "em",
            lambda *state: attributes(Ascent(*state, converged=False, stopped=False)),
            offset=log_jacobian,
            verbosity=(self.verbose, self.verbose_interval),
            **task,
        )
        first = None
        if goes_on:
            first = self._seen_mixture(numbers[0], X.shape[1], frame, "warm_start")
        fits = []
        for k in numbers:
            fits.append(self._fit_number(k, rows, frame, first, report))
            if fits[-1][0].stopped:
                break
        best = 0
        if chooses:
            mixtures = [frame.leave(ascent.mixture) for ascent, _ in fits]
            best = self._choose(numbers[: len(fits)], mixtures, X, y, sample_weight)
        ascent, n_distinct = fits[best]
        vars(self).update(attributes(ascent))
        self._constants_ = constant_values(X, sample_weight)
        self._warn_of_idle(n_distinct)
        self._warn_of_gain()
        context.call_on_fit_task_end(**task, reconstruction_attributes={})

    def _fit_number(self, k, rows, frame, first, report):
        """Best mixture of k components, and from how many different seeds."""
        reg, n_threads = self._regularization(frame), count_threads(self.n_jobs)

        def ascend(mixture):
            return self._ascend(rows, mixture, frame, reg, n_threads, report)

        best, n_distinct = None, k
        rng = random_generator(self.random_state)
        for _ in range(self.n_init if first is None else 1):
            mixture = first
            if first is None:
                mixture, n_distinct = self._start(k, rows, frame, rng)
            with singular_is_value_error():
                ascent = ascend(mixture)
            if best is None or ascent.log_likelihood > best.log_likelihood:
                best = ascent
            if ascent.stopped:
                break
        return best, n_distinct

    def _choose(self, numbers, mixtures, X, y, sample_weight):
        """Position of the best of several numbers of components."""
        if self.criterion == "cv":
            splits = list(check_cv(self.cv, y).split(X, y))
            values = [
                held_out(
                    clone(self).set_params(n_components=k), X, sample_weight, splits
                )
                for k in numbers
            ]
        else:
            n_threads = count_threads(self.n_jobs)
            if sample_weight is not None:
                what = f"The choice by criterion='{self.criterion}'"
                sample_weight = as_counts(sample_weight, what)
            values = [
                information(self.criterion, mixture, X, sample_weight, n_threads)
                for mixture in mixtures
            ]
        self.candidate_n_components_ = np.array(numbers)
        self.criterion_values_ = np.array(values)
        return best_candidate(self.criterion, numbers, values)

    def _ascend(self, rows, mixture, frame, reg, n_threads, report):
        """Maximize from one start."""
        if self.max_iter == 0:
            return Ascent(mixture, [], False, False)
        options = {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "accelerate": self.accelerate,
            "report": report,
        }
        if not rows.holed:
            return maximize(
                lambda mixture: em_step(rows, mixture, frame, reg, n_threads),
                mixture,
                before=self._reached(frame.log_jacobian(rows)),
                **options,
            )
        return maximize_observed(
            lambda mixture: e_step(
                rows.X, rows.weight, mixture, frame, n_threads, way="holed"
            ),
            lambda statistics, mixture: m_step(statistics, mixture, reg),
            mixture,
            reg,
            **options,
        )

    def _reached(self, log_jacobian):
        """Likelihood, in the units of the frame, that `fit` goes on from."""
        return self.lower_bound_ + log_jacobian if self._goes_on() else -np.inf

    def _make_frame(self, rows):
        """Units to compute in."""
        names = getattr(self, "feature_names_in_", np.arange(rows.X.shape[1]))
        return Frame.of(rows, STRUCTURES[self.covariance_type], names)

    def _regularization(self, frame):
        """What is added to the variances, in the units of the frame."""
        if self.reg_relative:
            return np.full(len(frame.scale), float(self.reg_covar))
        return self.reg_covar / frame.scale / frame.scale

    def _start(self, k, rows, frame, rng):
        """First mixture, of what is given and otherwise of `init_params`.

        Returned with the number of different seeds it is from.
        """
        n, p = rows.X.shape
        if n < k:
            raise ValueError(
                f"n_components must be in [1, {n}], the number of rows; got {k} "
                "instead."
            )
        structure = STRUCTURES[self.covariance_type]
        given = given_parameters(self, k, p, structure)
        found, n_distinct = given, k
        if any(value is None for value in given):
            reg = self._regularization(frame)
            with singular_is_value_error():
                found, n_distinct = start(
                    rows, frame, structure, reg, k, self.init_params, rng
                )
            found = frame.leave(found)
            found = (found.weights, found.means, found.precision_root)
        parameters = [f if g is None else g for g, f in zip(given, found, strict=True)]
        mixture = Mixture.of_precision_root(*parameters, structure)
        return frame.enter(mixture), n_distinct

    def _seen_mixture(self, k, p, frame, what):
        """What was found so far, in the units of the frame; `what` goes on from it."""
        before = (*self.means_.shape, self._covariance_type_)
        if before != (k, p, self.covariance_type):
            raise ValueError(
                f"{what} goes on with as many components and features and with the "
                f"covariance_type as before, {before}; got "
                f"{(k, p, self.covariance_type)} instead."
            )
        return frame.enter(self._mixture())

    def _attributes(self, ascent, frame, n_samples_seen):
        """What is set when fitted; the history is in units of the data."""
        history = ascent.history
        return {
            **parameter_attributes(frame.leave(ascent.mixture)),
            "n_components_": len(ascent.mixture.weights),
            "converged_": ascent.converged or ascent.stopped,
            "n_iter_": len(history),
            "lower_bound_": ascent.log_likelihood,
            "lower_bounds_": history,
            "n_samples_seen_": n_samples_seen,
            "_covariance_type_": self.covariance_type,
            "_frame_": frame,
        }

    def _warn_of_idle(self, n_distinct):
        """Say which components the numbers do not show to be of no use."""
        k = self.n_components_
        if n_distinct < k:
            warn(
                f"The data has {n_distinct} different rows to start from, fewer than "
                f"n_components={k}: some components coincide.",
                ConvergenceWarning,
            )
        n_dead = int((self.weights_ == 0).sum())
        if n_dead:
            warn(
                f"{n_dead} of {k} components lost all their rows and have weight 0; "
                "lower n_components.",
                ConvergenceWarning,
            )

    def _warn_of_gain(self):
        """Say that EM has not converged."""
        if not self.converged_ and self.max_iter > 0:
            warn(
                "Best performing initialization did not converge. Try different init "
                "parameters, or increase max_iter, tol, or check for degenerate data. "
                f"EM still gains more than tol={self.tol:g} nats per row after "
                f"max_iter={self.max_iter} iterations.",
                ConvergenceWarning,
            )
