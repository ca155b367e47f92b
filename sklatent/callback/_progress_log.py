"""Print the progress of a fit or a search, a line every few seconds."""

import contextlib
import numbers
import threading
import warnings

from sklearn.utils import check_scalar

from sklatent.utils._progress import (
    INTERVAL,
    LOGGERS,
    Progress,
    is_fit,
    label,
    path,
)
from sklatent.utils._sklearn import (
    close_listener,
    open_listener,
    require_callbacks,
    send,
)

# What ends with a fit and is not pickled, by the identifier of its tree of tasks.
_runs = {}


class ProgressLog:
    """Callback that prints the progress of a fit or a search in single lines.

    Every few seconds a line says which candidate and fold of a search is being fitted,
    the epoch or iteration and its loss, how long the fit has taken, and about how much
    longer it will take. Two lines at the end have the number of fits, the duration, and
    the last and the lowest loss. Lines are printed as iterations end, by no thread of
    their own, and hold no bars, so that they suit log files and notebooks; in a
    terminal a line replaces the one before.

    The callback is set on the outermost estimator, such as the search, and reaches the
    estimators in it, in worker processes too. It works with all iterative estimators of
    sklatent and with those of scikit-learn that support callbacks; only the former have
    a loss. It needs scikit-learn 1.9 or newer.

    Parameters
    ----------
    interval : float, default=5.0
        Least number of seconds between two lines. In a terminal, where the line is
        replaced, at most half a second.
    stream : file-like, logging.Logger or None, default=None
        Where the lines are written: an object with a method `write`, or a logger, at
        the level INFO. None is `sys.stdout`. A pickle keeps loggers, by their
        names; other streams are None in it.

    See Also
    --------
    LossMonitor : Records the losses.
    sklearn.callback.ProgressBar : Shows bars, by rich.

    Notes
    -----
    The time left is that of the iterations that have not ended, at the mean rate of
    those that have; it is unknown until two have, and after the last one, when a fit
    may still do other work. A fit of a search that has not ended counts as many
    iterations as the fits that have ended took on average; before one has ended, as
    many as it may take, so that the first estimates are often too long. The refit
    counts as one of the fits. Other tasks that have not begun, such as later steps of a
    pipeline, count as one iteration.

    The parameter `verbose` of iterative estimators prints the same lines about each
    single fit.

    scikit-learn warns of estimators in a search or pipeline that do not support
    callbacks. While this callback is in use the warning is ignored, since such an
    estimator has no iterations to print.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklatent.callback import ProgressLog
    >>> from sklatent.density import GaussianMixture
    >>> X, _ = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     GaussianMixture(random_state=0), {"n_components": [1, 2, 3]}, cv=5
    ... )
    >>> _ = search.set_callbacks(ProgressLog()).fit(X)
    GridSearchCV: 16 fits in ... s.
    Final loss ...; lowest loss ... (candidate ..., fold ..., GaussianMixture EM ...).
    """

    # Passed on to estimators inside of others, however deep they are.
    max_propagation_depth = None

    def __init__(self, interval=INTERVAL, stream=None):
        require_callbacks("ProgressLog")
        check_scalar(interval, "interval", numbers.Real, min_val=0)
        if not (
            stream is None or isinstance(stream, LOGGERS) or hasattr(stream, "write")
        ):
            raise TypeError(
                "`stream` must be None, a logger or an object with a method write; got "
                f"{stream!r}."
            )
        self.interval = interval
        self.stream = stream
        self._handles = {}  # of listeners in the main process, for workers

    def __getstate__(self):
        stream = self.stream if isinstance(self.stream, LOGGERS) else None
        return {**vars(self), "stream": stream, "_handles": dict(self._handles)}

    def setup(self, estimator, context):
        """Prepare for a fit.

        Parameters
        ----------
        estimator : estimator instance
            The outermost estimator.
        context : CallbackContext
            The task of its fit.

        Examples
        --------
        Estimators call this method as `fit` begins:

        >>> from sklatent.callback import ProgressLog
        >>> from sklatent.decomposition import PPCA
        >>> ppca = PPCA(n_components=1, method="em", random_state=0)
        >>> log = ProgressLog()
        >>> _ = ppca.set_callbacks(log).fit([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
        PPCA: 1 fit in ...
        Final loss ...
        """
        run = _Run(Progress(context.estimator_name, self.interval, self.stream))
        _runs[context.root_uuid] = run
        self._handles[context.root_uuid] = open_listener(run.take)

    def teardown(self, estimator, context):
        """Print the last lines of a fit that has ended, or that an error has ended.

        Parameters
        ----------
        estimator : estimator instance
            The outermost estimator.
        context : CallbackContext
            The task of its fit.

        Examples
        --------
        Estimators call this method as `fit` ends:

        >>> from sklatent.callback import ProgressLog
        >>> from sklatent.decomposition import PPCA
        >>> ppca = PPCA(n_components=1, method="em", random_state=0)
        >>> log = ProgressLog()
        >>> _ = ppca.set_callbacks(log).fit([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
        PPCA: 1 fit in ...
        Final loss ...
        """
        close_listener(self._handles.pop(context.root_uuid))
        _runs.pop(context.root_uuid).close()

    def on_fit_task_begin(self, estimator, context):
        """Take in that a task begins.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : CallbackContext
            The task that begins.

        Examples
        --------
        Estimators call this method before each fit and iteration:

        >>> from sklatent.callback import ProgressLog
        >>> from sklatent.decomposition import PPCA
        >>> ppca = PPCA(n_components=1, method="em", random_state=0)
        >>> log = ProgressLog()
        >>> _ = ppca.set_callbacks(log).fit([[1.0, 2.0], [2.0, 3.0], [4.0, 4.0]])
        PPCA: 1 fit in ...
        Final loss ...
        """
        if not context.sequential_subtasks and hasattr(estimator, "n_splits_"):
            # Contexts travel to the workers, where fits look for it.
            context.n_splits = estimator.n_splits_
        is_leaf = context.max_subtasks == 0 and context.source_task_name is None
        if context.parent is None or not is_leaf:
            bound, sequential = context.max_subtasks, context.sequential_subtasks
            self._send(context, "begin", bound, sequential)

    def on_fit_task_end(self, estimator, context):
        """Print a line at the end of a task, if it is time.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : CallbackContext
            The task that has ended. An iteration of sklatent has a `loss`.

        Examples
        --------
        Estimators call this method after each iteration. With an interval of 0 there is
        a line for each:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.callback import ProgressLog
        >>> from sklatent.neural import AETransformer
        >>> X, _ = load_iris(return_X_y=True)
        >>> ae = AETransformer(max_epochs=3, random_state=0)
        >>> log = ProgressLog(interval=0)
        >>> _ = ae.set_callbacks(log).fit(X)
        AETransformer epoch 1/3, loss ...
        AETransformer epoch 2/3, loss ..., at most ... s left
        AETransformer epoch 3/3, loss ...
        AETransformer: 1 fit in ... s.
        Final loss ...; lowest loss ... (AETransformer epoch ...).
        """
        loss = getattr(context, "loss", None)
        self._send(context, "end", label(path(context)), loss, is_fit(context))

    def _send(self, context, event, *what):
        """Tell the process of the outermost estimator, which prints."""
        ids = tuple(task.task_id for task in path(context))
        send(self._handles[context.root_uuid], (event, ids, *what))


class _Quiet:
    """Ignores scikit-learn's warning while any fit runs.

    The filters of warnings belong to the process, and fits in threads do not end in
    the order in which they began: the first that begins keeps the filters, and the last
    that ends restores them.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.n_open = 0
        self.kept = contextlib.ExitStack()

    def open(self):
        """Take in that a fit begins."""
        with self.lock:
            if not self.n_open:
                self.kept.enter_context(warnings.catch_warnings())
            self.n_open += 1
            warnings.filterwarnings(
                "ignore", r"The estimator \w+ does not support callbacks", UserWarning
            )

    def close(self):
        """Take in that a fit has ended."""
        with self.lock:
            self.n_open -= 1
            if not self.n_open:
                self.kept.close()


_quiet = _Quiet()


class _Run:
    """A fit of an outermost estimator. Threads take turns."""

    def __init__(self, progress):
        self.progress = progress
        self.lock = threading.Lock()
        _quiet.open()

    def take(self, message):
        """Take in a message of a task."""
        event, ids, *what = message
        with self.lock:
            if event == "begin":
                self.progress.begin(ids, *what)
            else:
                text, loss, is_fit = what
                self.progress.end(ids, text, loss, is_fit=is_fit)

    def close(self):
        """Print the last lines."""
        _quiet.close()
        with self.lock:
            self.progress.close()
