"""Report the iterations of an estimator to scikit-learn's callbacks."""


class IterationReport:
    """Tell callbacks when an iteration begins and ends.

    Parameters
    ----------
    context : CallbackContext
        The callback context of the fit.
    task_name : str
        What an iteration is called, such as "epoch".
    fitted_attributes : callable
        fitted_attributes(*state) returns a dict of the attributes that the estimator
        would have if it stopped now. Called only for callbacks that ask.
    offset : float, default=0.0
        Added to the losses, to bring them to the units of the data.
    **fit_arguments
        `estimator`, `X` and `y`, for the callbacks.
    """

    def __init__(
        self, context, task_name, fitted_attributes, *, offset=0.0, **fit_arguments
    ):
        self.context = context
        self.task_name = task_name
        self.fitted_attributes = fitted_attributes
        self.offset = offset
        self.fit_arguments = fit_arguments

    def begin(self):
        """Report that an iteration begins."""
        self.iteration = self.context.subcontext(task_name=self.task_name)
        self.iteration.call_on_fit_task_begin(**self.fit_arguments)

    def end(self, loss, *state):
        """Report that it has ended; return whether a callback asks to stop."""
        # LossMonitor reads only this attribute.
        self.iteration.loss = loss + self.offset
        return self.iteration.call_on_fit_task_end(
            **self.fit_arguments,
            reconstruction_attributes=lambda: self.fitted_attributes(*state),
        )
