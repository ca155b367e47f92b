"""How a training went."""

import numpy as np

from sklatent.inspection._plotting import BLUE, GREY, ORANGE, Display

# Attributes that hold a log-likelihood for each iteration, and the number of the first.
LOG_LIKELIHOODS = {"log_likelihood_history_": 0, "lower_bounds_": 1}
HAVE = (
    "AETransformer, VAETransformer, FactorAnalysis, GaussianMixture, or PPCA with "
    'method="em"'
)
STYLES = {"train": {"color": BLUE}, "valid": {"color": ORANGE, "linestyle": "--"}}


class TrainingDisplay(Display):
    """Loss or log-likelihood by epoch or iteration.

    :meth:`from_estimator` takes the numbers from a fitted estimator: the losses of
    an autoencoder, with the epoch whose parameters early stopping kept, or the
    log-likelihood of EM. Read more in the :ref:`user guide <inspection>`.

    Parameters
    ----------
    losses : dict of str to array-like
        The curves: their names, and a value for each step.
    first_step : int, default=1
        Number of the first step.
    best_step : int or None, default=None
        The step to mark.
    xlabel : str, default="epoch"
        What a step is.
    ylabel : str, default="loss"
        What the values are, with their unit.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves, by name.
    best_line_ : matplotlib.lines.Line2D or None
        The mark of the best step.

    See Also
    --------
    sklatent.callback.LossMonitor : Records the losses inside a grid search.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.density import GaussianMixture
    >>> from sklatent.inspection import TrainingDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> mixture = GaussianMixture(3, random_state=0).fit(X)
    >>> display = TrainingDisplay.from_estimator(mixture)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('iteration', 'log-likelihood, nats per row')
    >>> len(display.losses["train"]) == mixture.n_iter_
    True
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, losses, first_step=1, best_step=None, xlabel="epoch", ylabel="loss"
    ):
        self.losses = losses
        self.first_step = first_step
        self.best_step = best_step
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the training of a fitted estimator.

        With early stopping, the marked epoch is the one whose parameters the estimator
        has: the last whose validation loss fell by more than `tol` below the best
        before it, `warmup_epochs` not counted. Without, or where `partial_fit` went on
        after it, none is marked.

        Parameters
        ----------
        estimator : object
            A fitted estimator with `history_`, `log_likelihood_history_` or
            `lower_bounds_`: AETransformer, VAETransformer, PPCA by EM, FactorAnalysis
            or GaussianMixture.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TrainingDisplay
            What has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it keeps no record of its training.
        ValueError
            If the record is of less than two steps, as after a fit in closed form.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.inspection import TrainingDisplay
        >>> from sklatent.neural import VAETransformer
        >>> X = load_iris().data
        >>> vae = VAETransformer(2, max_epochs=5, random_state=0).fit(X)
        >>> display = TrainingDisplay.from_estimator(vae)
        >>> len(display.losses["train"])
        5
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, have=HAVE)
        if hasattr(estimator, "history_"):
            record = _of_epochs(estimator)
        else:
            record = _of_iterations(estimator)
        n_steps = max(len(values) for values in record["losses"].values())
        if n_steps < 2:
            raise ValueError(
                f"This {type(estimator).__name__} was fitted in {n_steps} step, which "
                "makes no curve: in closed form, or in one epoch or iteration."
            )
        return cls(**record).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : TrainingDisplay
            This object.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.inspection import TrainingDisplay
        >>> ppca = PPCA(2, method="em", random_state=0).fit(load_iris().data)
        >>> figure, (left, right) = plt.subplots(1, 2)
        >>> display = TrainingDisplay.from_estimator(ppca, ax=left)
        >>> display.plot(ax=right).ax_ is right
        True
        >>> plt.close(figure)
        """
        ax = self._start(ax)
        self.lines_ = {}
        for name, values in self.losses.items():
            steps = self.first_step + np.arange(len(values))
            style = STYLES.get(name, {})
            (self.lines_[name],) = ax.plot(steps, values, label=name, **style)
        self.best_line_ = None
        if self.best_step is not None:
            self.best_line_ = ax.axvline(
                self.best_step,
                color=GREY,
                linestyle=":",
                label=f"best: {self.best_step}",
            )
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if len(self.losses) > 1 or self.best_line_ is not None:
            ax.legend()
        return self


def _of_epochs(estimator):
    """Losses of a network, with the unit that its class gives them."""
    losses = {
        name.removesuffix("_loss"): np.array(values)
        for name, values in estimator.history_.items()
    }
    nats = hasattr(estimator, "elbo")
    unit = "minus the bound, nats per row" if nats else "squared error per row"
    return {
        "losses": losses,
        "best_step": _best_epoch(estimator, losses),
        "ylabel": f"loss: {unit}",
    }


def _best_epoch(estimator, losses):
    """Epoch whose parameters early stopping kept, or None."""
    valid = losses.get("valid")
    if valid is None or len(valid) < len(losses["train"]):
        return None
    # While the weight of the divergence rises, losses do not compare.
    n_unsettled = estimator.warmup_epochs if getattr(estimator, "beta", 0) else 0
    best, best_epoch = np.inf, None
    for epoch, loss in enumerate(valid, start=1):
        if epoch > n_unsettled and loss < best - estimator.tol:
            best, best_epoch = loss, epoch
    return best_epoch


def _of_iterations(estimator):
    """Log-likelihoods of EM."""
    for name, first_step in LOG_LIKELIHOODS.items():
        if hasattr(estimator, name):
            return {
                "losses": {"train": np.array(getattr(estimator, name))},
                "first_step": first_step,
                "xlabel": "iteration",
                "ylabel": "log-likelihood, nats per row",
            }
    raise TypeError(
        f"TrainingDisplay needs an estimator that keeps a record of its training, such "
        f"as {HAVE}; {type(estimator).__name__} keeps none."
    )
