"""What stands for scikit-learn's callbacks where it has none, before version 1.9.

Estimators report their iterations all the same, for `verbose`; no callback listens.
"""

import itertools

import sklearn


def require_callbacks(name):
    """Raise an error, as there are none."""
    raise ImportError(
        f"{name} needs the callbacks of scikit-learn 1.9 or newer; this is version "
        f"{sklearn.__version__}. Without them, verbose=1 prints the progress of a fit."
    )


class CallbackContext:
    """A fit or one of its iterations, of which nobody is told.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.
    task_name : str
        What it is called.
    task_id : int, default=0
        Its number among the subtasks of its parent.
    max_subtasks : int, default=0
        Largest number of subtasks.
    parent : CallbackContext, default=None
        The task that it is part of.
    """

    source_task_name = None
    sequential_subtasks = True

    def __init__(
        self, estimator_name, task_name, task_id=0, max_subtasks=0, parent=None
    ):
        self.estimator_name = estimator_name
        self.task_name = task_name
        self.task_id = task_id
        self.max_subtasks = max_subtasks
        self.parent = parent
        self._numbers = itertools.count()

    def subcontext(self, task_name):
        """Return the next subtask."""
        number = next(self._numbers)
        return CallbackContext(self.estimator_name, task_name, number, parent=self)

    def call_on_fit_task_begin(self, **fit_arguments):
        """Tell nobody that the task begins."""

    def call_on_fit_task_end(self, **fit_arguments):
        """Tell nobody that the task has ended, and return that nobody asks to stop."""
        return False


class CallbackSupportMixin:
    """Base of estimators that would support callbacks."""

    def set_callbacks(self, *callbacks):
        """Set callbacks for the estimator, which needs scikit-learn 1.9 or newer.

        Parameters
        ----------
        *callbacks : callback instances
            The callbacks. None removes those that were set.

        Returns
        -------
        self : estimator instance
            The estimator instance itself.

        Raises
        ------
        ImportError
            If there are callbacks.

        Examples
        --------
        >>> from sklatent.decomposition import PPCA
        >>> PPCA(3).set_callbacks()
        PPCA(n_components=3)
        """
        if callbacks:
            require_callbacks("set_callbacks")
        return self

    def _init_callback_context(self, task_name="fit", max_subtasks=0):
        return CallbackContext(
            type(self).__name__, task_name, max_subtasks=max_subtasks
        )


class ScoringMonitor:
    """Base of callbacks that record numbers, of which there can be none."""

    def __init__(self, **settings):
        require_callbacks(type(self).__name__)


def open_listener(take):
    """Raise, as no callback can be in use."""
    require_callbacks("A callback")


close_listener = send = open_listener
