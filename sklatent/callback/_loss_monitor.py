"""Record the training loss of iterative estimators."""

from sklatent.utils._sklearn import ScoringMonitor


def _loss(context, X, y):
    return {"loss": context.loss}


class LossMonitor(ScoringMonitor):
    """Callback that records the loss after each iteration of a fit.

    scikit-learn's :class:`~sklearn.callback.ScoringMonitor` records nothing when
    there is no target `y`, and scores the training data anew at every iteration.
    This one records the loss that the estimator has computed already. It works with
    every estimator of sklatent that iterates, also within pipelines and searches,
    and from worker processes.

    The loss of models fitted by EM is minus the log-likelihood per row, in nats for the
    units of the data.

    See Also
    --------
    sklearn.callback.ScoringMonitor : Records a score.
    sklearn.callback.ProgressBar : Shows how far a fit is.

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
        """Record the loss if the task that ended is an iteration.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : CallbackContext
            Which task of the fit has ended; iterations come with their `loss`.

        Examples
        --------
        Estimators call it after each iteration, here of EM:

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
            # The parent scores a fitted estimator on X and y: here, the iteration.
            super().on_fit_task_end(
                estimator, context, X=(), y=(), fitted_estimator=context
            )
