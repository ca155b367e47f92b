"""Record the training loss of iterative estimators."""

from sklatent.utils._sklearn import ScoringMonitor


def _training_loss(estimator, X, y):
    return {"loss": estimator.loss_}


class LossMonitor(ScoringMonitor):
    """Callback that records the loss after each iteration of a fit.

    scikit-learn's :class:`~sklearn.callback.ScoringMonitor` records nothing when
    there is no target `y`, and scores the training data anew at every iteration.
    This one reads the `loss_` that the estimator has computed already. It works
    with every estimator that reports its iterations to callbacks and has a
    `loss_`, also within pipelines and searches, and from worker processes.

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
        super().__init__(scoring=_training_loss)

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        """Record the loss if the task that ended is an iteration.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : CallbackContext
            Which task of the fit has ended.
        X : array-like of shape (n_samples, n_features), default=None
            The training data.
        fitted_estimator : estimator instance, default=None
            The estimator as if the fit had stopped here; its `loss_` is recorded.
        """
        is_iteration = context.max_subtasks == 0
        if is_iteration and hasattr(fitted_estimator, "loss_"):
            # The parent scores only where there is a target, so X stands in for it.
            super().on_fit_task_end(
                estimator, context, X=X, y=X, fitted_estimator=fitted_estimator
            )
