"""Plot of the loss or the log-likelihood during training."""

from dataclasses import dataclass

import numpy as np

from sklatent.inspection._plotting import BLUE, GREY, ORANGE, Display

# Attributes with a log-likelihood for each iteration, and the number of the first one.
LOG_LIKELIHOODS = {"log_likelihood_history_": 0, "lower_bounds_": 1}
HAVE = (
    "AETransformer, VAETransformer, FactorAnalysis, GaussianMixture, or PPCA with "
    'method="em"'
)
STYLES = {"train": {"color": BLUE}, "valid": {"color": ORANGE, "linestyle": "--"}}


@dataclass(kw_only=True, eq=False, repr=False)
class TrainingDisplay(Display):
    """Plot of a training: loss by epoch, or log-likelihood by iteration.

    :meth:`from_estimator` takes the curves from a fitted estimator: the losses of
    an autoencoder, with the epoch whose parameters early stopping restored, or the
    log-likelihood of EM. Read more in the :ref:`user guide <inspection>`.

    Parameters
    ----------
    losses : dict of str to array-like
        Name of each curve, and its value for each step.
    first_step : int, default=1
        Number of the first step.
    best_step : int or None, default=None
        Number of the step to mark.
    xlabel : str, default="epoch"
        Label of the steps.
    ylabel : str, default="loss"
        Label of the values, with their unit.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves, by name.
    best_line_ : matplotlib.lines.Line2D or None
        The vertical line at the best step.

    See Also
    --------
    sklatent.callback.LossMonitor : Records the losses, also within a grid search.

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

    losses: dict
    first_step: int = 1
    best_step: int | None = None
    xlabel: str = "epoch"
    ylabel: str = "loss"

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the training of a fitted estimator.

        With early stopping, the marked epoch is the one whose parameters the estimator
        has: the last one whose validation loss was lower than the best one before by
        more than `tol`, after `warmup_epochs`. No epoch is marked without early
        stopping, or if `partial_fit` continued the training.

        Parameters
        ----------
        estimator : object
            A fitted estimator with `history_`, `log_likelihood_history_` or
            `lower_bounds_`: AETransformer, VAETransformer, PPCA by EM, FactorAnalysis
            or GaussianMixture.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : TrainingDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no record of its training.
        ValueError
            If the record has fewer than two steps, as after a fit in closed form.

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
                "`estimator` must have been fitted in two or more epochs or "
                f"iterations, for a curve; got {type(estimator).__name__} fitted in "
                f"{n_steps} step."
            )
        return cls(**record).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

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
            label = f"best: {self.best_step}"
            self.best_line_ = ax.axvline(
                self.best_step, color=GREY, linestyle=":", label=label
            )
        ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
        ax.xaxis.get_major_locator().set_params(integer=True)
        if len(self.losses) > 1 or self.best_line_ is not None:
            ax.legend()
        return self


def _of_epochs(estimator):
    """Arguments of a display of the losses of a network."""
    losses = {
        name.removesuffix("_loss"): np.array(values)
        for name, values in estimator.history_.items()
    }
    # The class would tell, but its import loads torch.
    nats = hasattr(estimator, "elbo")
    unit = "minus the bound, nats per row" if nats else "squared error per row"
    return {
        "losses": losses,
        "best_step": estimator.best_epoch_,
        "ylabel": f"loss: {unit}",
    }


def _of_iterations(estimator):
    """Arguments of a display of the log-likelihoods of EM."""
    for name, first_step in LOG_LIKELIHOODS.items():
        if hasattr(estimator, name):
            return {
                "losses": {"train": np.array(getattr(estimator, name))},
                "first_step": first_step,
                "xlabel": "iteration",
                "ylabel": "log-likelihood, nats per row",
            }
    raise TypeError(
        "`estimator` must have a history_ or log-likelihoods of its training, such as "
        f"{HAVE}; got {type(estimator).__name__}, which has none."
    )
