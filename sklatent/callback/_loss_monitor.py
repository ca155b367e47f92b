"""Record the training loss of iterative estimators."""

from sklatent.utils._sklearn import ScoringMonitor


def _loss(context, X, y):
    return {"loss": context.loss}


class LossMonitor(ScoringMonitor):
    """Callback that records the loss after each iteration of a fit.

    scikit-learn's :class:`~sklearn.callback.ScoringMonitor` records nothing without
    a target `y`, and scores the training data again at each iteration. LossMonitor
    records the loss that the estimator has already computed. It works with all
    iterative estimators of sklatent, also in pipelines, searches and worker processes,
    and needs scikit-learn 1.9 or newer.

    Set it on the iterative estimator itself, also where that is inside of a pipeline or
    a search, which copies the callback with it. On the pipeline or search it records
    nothing, unlike :class:`ProgressLog`, as these have no loss.

    The loss of models fitted by EM is minus the log-likelihood per row, in nats, in the
    units of the data.

    See Also
    --------
    ProgressLog : Prints the progress; set on the outermost estimator.
    sklearn.callback.ScoringMonitor : Records a score.
    sklearn.callback.ProgressBar : Shows the progress of a fit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.callback import LossMonitor
    >>> from sklatent.neural import AETransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> monitor = LossMonitor()
    >>> ae = AETransformer(max_epochs=3, random_state=0).set_callbacks(monitor)
    >>> _ = ae.fit(X)
    >>> [row["loss"] for row in monitor.get_logs().data] == ae.history_["train_loss"]
    True

    In a search it is set on the model, and records 2 epochs of the 3 fits of 2 folds
    and the refit:

    >>> from sklearn.model_selection import GridSearchCV
    >>> monitor = LossMonitor()
    >>> ae = AETransformer(max_epochs=2, random_state=0).set_callbacks(monitor)
    >>> _ = GridSearchCV(ae, {"n_components": [1]}, cv=2).fit(X)
    >>> len(monitor.get_logs().data)
    6
    """

    def __init__(self):
        super().__init__(scoring=_loss)

    def on_fit_task_end(self, estimator, context):
        """Record the loss at the end of an iteration.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : CallbackContext
            The task of the fit that has ended. An iteration has a `loss`.

        Examples
        --------
        Estimators call this method after each iteration, here of EM:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.callback import LossMonitor
        >>> from sklatent.decomposition import PPCA
        >>> X, _ = load_iris(return_X_y=True)
        >>> monitor = LossMonitor()
        >>> ppca = PPCA(n_components=2, method="em", random_state=0)
        >>> _ = ppca.set_callbacks(monitor).fit(X)
        >>> len(monitor.get_logs().data) == ppca.n_iter_
        True
        """
        if hasattr(context, "loss"):
            # The base class calls `scoring` with a fitted estimator, X and y. Ours
            # needs only the loss, so the context takes the place of the estimator.
            super().on_fit_task_end(
                estimator, context, X=(), y=(), fitted_estimator=context
            )
