"""Report the iterations of an estimator: to scikit-learn's callbacks, and in print."""

import contextlib
from dataclasses import dataclass

from sklatent.utils._progress import (
    Progress,
    blocks_of,
    label,
    path,
    report_of_rows,
)
from sklatent.utils._sklearn import has_callbacks


@contextlib.contextmanager
def reported_fit(estimator, X, y, n_iterations, *, verbose=None):
    """Report that a fit begins and ends, to callbacks and, with `verbose`, in print.

    Parameters
    ----------
    estimator : estimator
        With the parameter `verbose`. `verbose_interval`, if there is one, is the number
        of iterations after which a line may be printed.
    X, y : object
        The data, for callbacks.
    n_iterations : int or None
        Largest number of iterations, None if unknown.
    verbose : int or None, default=None
        In place of the parameter of the estimator, if not None.

    Yields
    ------
    fit : ReportedFit
        Makes reports of iterations.
    """
    context = estimator._init_callback_context(max_subtasks=n_iterations)
    fit_arguments = {"estimator": estimator, "X": X, "y": y}
    context.call_on_fit_task_begin(**fit_arguments)
    progress = None
    if estimator.verbose if verbose is None else verbose:
        progress = Progress(context.estimator_name)
        progress.begin((0,), n_iterations, True)
    try:
        yield ReportedFit(context, fit_arguments, progress)
        if progress is not None:
            progress.end((0,), "")
    finally:
        if progress is not None:
            progress.close()
    context.call_on_fit_task_end(**fit_arguments, reconstruction_attributes={})


@contextlib.contextmanager
def reported_rows(estimator, X, y, n_rows):
    """Report a fit whose iterations are blocks of rows, one hundred at most.

    Parameters
    ----------
    estimator, X, y
        As for `reported_fit`.
    n_rows : int
        Number of rows that will be reported; several times that of the data where each
        row is handled several times.

    Yields
    ------
    report : callable or None
        To be called with numbers of rows, which add up to `n_rows`. None if nobody
        listens.
    """
    if not listens(estimator):
        yield None
        return
    with reported_fit(estimator, X, y, blocks_of(n_rows)[1]) as fit:
        yield fit.report_of_rows(n_rows)


def listens(estimator):
    """Whether anybody is told of the iterations of a fit."""
    return estimator.verbose or has_callbacks(estimator)


@dataclass
class ReportedFit:
    """A fit whose iterations are reported.

    Parameters
    ----------
    context : CallbackContext
        The callback context of the fit.
    fit_arguments : dict
        `estimator`, `X` and `y`, for the callbacks.
    progress : Progress or None
        What prints lines, None if nothing does.
    """

    context: object
    fit_arguments: dict
    progress: Progress | None

    def iterations(self, task_name, fitted_attributes, *, offset=0.0):
        """Return an `IterationReport`."""
        return IterationReport(self, task_name, fitted_attributes, offset=offset)

    def report_of_rows(self, n_rows):
        """Return a function of numbers of rows, whose blocks are the iterations."""
        return report_of_rows(self.report_of("block of rows"), blocks_of(n_rows)[0])

    def report_of(self, task_name):
        """Return a function to call after each iteration of those without a loss.

        There is no estimate before the last one.
        """
        iterations = self.iterations(task_name, lambda: None)

        def report():
            iterations.begin()
            iterations.end(None)

        return report


class IterationReport:
    """Tell callbacks when an iteration begins and ends.

    Parameters
    ----------
    fit : ReportedFit
        The fit.
    task_name : str
        What an iteration is called, such as "epoch".
    fitted_attributes : callable
        fitted_attributes(*state) returns a dict of the attributes that the estimator
        would have if it stopped now. Called only for callbacks that ask.
    offset : float, default=0.0
        Added to the losses, to bring them to the units of the data.
    """

    def __init__(self, fit, task_name, fitted_attributes, *, offset=0.0):
        self.fit = fit
        self.task_name = task_name
        self.fitted_attributes = fitted_attributes
        self.offset = offset

    def begin(self):
        """Report that an iteration begins."""
        self.iteration = self.fit.context.subcontext(task_name=self.task_name)
        self.iteration.call_on_fit_task_begin(**self.fit.fit_arguments)

    def end(self, loss, *state):
        """Report that it has ended; return whether a callback asks to stop.

        The loss is None for iterations that have none.
        """
        if loss is not None:
            # LossMonitor and ProgressLog read only this attribute.
            self.iteration.loss = loss + self.offset
        if self.fit.progress is not None:
            self._print_progress()
        return self.iteration.call_on_fit_task_end(
            **self.fit.fit_arguments,
            reconstruction_attributes=lambda: self.fitted_attributes(*state),
        )

    def _print_progress(self):
        every = getattr(self.fit.fit_arguments["estimator"], "verbose_interval", 1)
        number = self.iteration.task_id
        self.fit.progress.end(
            (0, number),
            label(path(self.iteration)),
            getattr(self.iteration, "loss", None),
            may_print=(number + 1) % every == 0,
        )
