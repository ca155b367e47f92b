"""Record the training loss of iterative estimators."""

from sklatent.utils._sklearn import ScoringMonitor


def _loss(context, X, y):
    return {"loss": context.loss}


class LossMonitor(ScoringMonitor):
    """Callback that records the loss after each iteration of a fit.

    scikit-learn's :class:`~sklearn.callback.ScoringMonitor` records nothing without
    a target `y`, and scores the training data again at each iteration. LossMonitor
    records the loss that the estimator has already computed. It works with all
    iterative estimators of sklatent, also in pipelines, searches and worker processes.

    The loss of models fitted by EM is minus the log-likelihood per row, in nats, in the
    units of the data.

    See Also
    --------
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
