"""Plot of the variance of each component of a linear model."""

from dataclasses import dataclass

import numpy as np

from sklatent.inspection._plotting import BLUE, GREY, RED, Display

# Space above the bars for the legend, as a share of their height.
LEGEND_SPACE = 0.3
HAVE = "PCA, PPCA, FactorAnalysis or PCASpectrum"
# Of principal components; kernel PCA has shares without variances.
VARIANCES = ("explained_variance_", "explained_variance_ratio_", "noise_variance_")


@dataclass(kw_only=True, eq=False, repr=False)
class SpectrumDisplay(Display):
    """Scree plot: variance of each component, and cumulative share of the variance.

    :meth:`from_estimator` takes the variances from a fitted linear model. Read more in
    the :ref:`user guide <inspection>`.

    Parameters
    ----------
    variance : array-like of shape (n_components,)
        Variance of the rows along each component.
    variance_share : array-like of shape (n_components,)
        Variance along each component as a share of the variance of all features.
    noise_variance : float or None, default=None
        Variance of the noise, drawn as a horizontal line.
    reference : array-like of shape (n_components,) or None, default=None
        Variances to compare with, drawn as a line.
    n_chosen : float or None, default=None
        Number of components that was chosen, drawn as a vertical line.
    unit : str, default="squared units"
        Unit of the variances.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    bars_ : matplotlib.container.BarContainer
        The bars with the variances.
    share_ax_ : matplotlib.axes.Axes or None
        The axes of the cumulative share, on the right.
    share_line_ : matplotlib.lines.Line2D or None
        The line of the cumulative share.
    noise_line_, reference_line_, chosen_line_ : matplotlib.lines.Line2D or None
        The lines of the noise, the reference, and the chosen number of components.

    See Also
    --------
    sklatent.dimension.PCASpectrum : Number of components by one of seven criteria.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.inspection import SpectrumDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> display = SpectrumDisplay.from_estimator(PCA().fit(X))
    >>> display.variance.round(2)
    array([4.23, 0.24, 0.08, 0.02])
    >>> display.share_line_.get_ydata().round(3)
    array([0.925, 0.978, 0.995, 1.   ])
    >>> plt.close(display.figure_)
    """

    variance: np.ndarray
    variance_share: np.ndarray
    noise_variance: float | None = None
    reference: np.ndarray | None = None
    n_chosen: float | None = None
    unit: str = "squared units"

    @classmethod
    def from_estimator(cls, estimator, *, cumulative=True, log=False, ax=None):
        """Draw the spectrum of a fitted linear model.

        The variances depend on the model:

        - PCA: `explained_variance_`, and `explained_variance_ratio_` as its share. The
          noise is `noise_variance_`, the mean variance of the discarded components, if
          there are any.
        - PPCA: the squared length of each column of `W_` plus `noise_variance_`, which
          is the variance of the model along the column, as a share of the trace of the
          model's covariance.
        - FactorAnalysis: the squared length of each row of `components_`, without noise
          and in the order of the model, as a share of the trace of the model's
          covariance. The noise is the mean of `noise_variance_`.
        - PCASpectrum: `eigenvalues_`, with `reference_eigenvalues_` if the criterion
          has them, and `dimension_` as the chosen number of components.

        Parameters
        ----------
        estimator : object
            A fitted PCA, PPCA, FactorAnalysis or PCASpectrum; also PCA and
            FactorAnalysis of scikit-learn.
        cumulative : bool, default=True
            Whether to draw the cumulative share, on a second axis.
        log : bool, default=False
            Whether the axis of the variances is logarithmic.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : SpectrumDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no variances of components.
        ValueError
            If the estimator has 0 components.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.inspection import SpectrumDisplay
        >>> ppca = PPCA(2).fit(load_iris().data)
        >>> display = SpectrumDisplay.from_estimator(ppca, cumulative=False)
        >>> len(display.variance)
        2
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, have=HAVE)
        spectrum = _spectrum(estimator)
        if len(spectrum["variance"]) == 0:
            raise ValueError(
                "`estimator` must have n_components of 1 or more; got "
                f"{type(estimator).__name__} with no components."
            )
        return cls(**spectrum).plot(cumulative=cumulative, log=log, ax=ax)

    def plot(self, *, cumulative=True, log=False, ax=None):
        """Draw the spectrum.

        Parameters
        ----------
        cumulative : bool, default=True
            Whether to draw the cumulative share, on a second axis.
        log : bool, default=False
            Whether the axis of the variances is logarithmic.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : SpectrumDisplay
            This object.

        Examples
        --------
        A logarithmic scale shows small eigenvalues:

        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklatent.decomposition import PCA
        >>> from sklatent.inspection import SpectrumDisplay
        >>> display = SpectrumDisplay.from_estimator(PCA().fit(load_wine().data))
        >>> plt.close(display.figure_)
        >>> display.plot(cumulative=False, log=True).ax_.get_yscale()
        'log'
        >>> plt.close(display.figure_)
        """
        ax = self._start(ax)
        number = np.arange(1, len(self.variance) + 1)
        self.bars_ = ax.bar(number, self.variance, color=BLUE)
        self.reference_line_ = self.noise_line_ = self.chosen_line_ = None
        if self.reference is not None:
            (self.reference_line_,) = ax.plot(
                number, self.reference, "x--", color="black", label="reference"
            )
        if self.noise_variance is not None:
            self.noise_line_ = ax.axhline(
                self.noise_variance, color="black", linestyle=":", label="noise"
            )
        if self.n_chosen is not None:
            # At the right edge of the last bar that is chosen.
            self.chosen_line_ = ax.axvline(
                self.n_chosen + 0.5,
                color=GREY,
                linestyle="-.",
                label=f"chosen: {self.n_chosen:.3g}",
            )
        ax.set(xlabel="component", ylabel=f"variance, {self.unit}")
        ax.set_xlim(0.4, len(number) + 0.8)
        ax.set_yscale("log" if log else "linear")
        _add_space(ax)
        # No ticks between components.
        ax.xaxis.get_major_locator().set_params(integer=True)
        if ax.get_legend_handles_labels()[0]:
            legend = ax.legend(loc="upper center", ncols=2, fontsize="small")
            legend.set_in_layout(False)  # it must not shrink small axes
        self._plot_share(ax, number, cumulative)
        return self

    def _plot_share(self, ax, number, cumulative):
        """Draw the cumulative share on a second axis, if `cumulative`."""
        self.share_ax_ = self.share_line_ = None
        if not cumulative:
            return
        self.share_ax_ = ax.twinx()
        (self.share_line_,) = self.share_ax_.plot(
            number, np.cumsum(self.variance_share), "o-", color=RED, markersize=3
        )
        self.share_ax_.set(ylim=(0, 1 + LEGEND_SPACE), yticks=np.linspace(0, 1, 6))
        # The color says which axis the line belongs to.
        self.share_ax_.set_ylabel("cumulative share", color=RED)
        self.share_ax_.tick_params(axis="y", colors=RED)


def _add_space(ax):
    """Raise the upper end of the vertical axis, for the legend."""
    # In pixels, so that the share is the same on a logarithmic axis.
    bottom, top = ax.transData.transform([(0, end) for end in ax.get_ylim()])[:, 1]
    _, raised = ax.transData.inverted().transform(
        (0, top + LEGEND_SPACE * (top - bottom))
    )
    ax.set_ylim(top=raised)


def _spectrum(estimator):
    """Arguments of a display of an estimator, by its attributes."""
    # Embeddings have eigenvalues too, but of other matrices.
    if hasattr(estimator, "reference_eigenvalues_"):
        unit = "standardized data" if estimator.standardize else "squared units"
        return {
            "unit": unit,
            "variance": estimator.eigenvalues_,
            "variance_share": estimator.explained_variance_ratio_,
            "reference": estimator.reference_eigenvalues_,
            "n_chosen": estimator.dimension_,
        }
    if all(hasattr(estimator, name) for name in VARIANCES):
        discards = estimator.n_components_ < estimator.n_features_in_
        return {
            "variance": estimator.explained_variance_,
            "variance_share": estimator.explained_variance_ratio_,
            "noise_variance": estimator.noise_variance_ if discards else None,
            "n_chosen": estimator.n_components_,
        }
    # The noise of a variational autoencoder has no components beside it.
    linear = hasattr(estimator, "W_") or hasattr(estimator, "components_")
    if not (linear and hasattr(estimator, "noise_variance_")):
        raise TypeError(
            f"`estimator` must be a linear model, such as {HAVE}; got "
            f"{type(estimator).__name__}, which has no variances of components. For a "
            "pipeline, pass the fitted step."
        )
    return _loadings_spectrum(estimator)


def _loadings_spectrum(estimator):
    """Arguments of a display of PPCA or factor analysis."""
    isotropic = hasattr(estimator, "W_")
    W = estimator.W_ if isotropic else estimator.components_.T
    squares = np.einsum("ij,ij->j", W, W)
    # One number for PPCA, and one for each feature for factor analysis.
    noise = np.broadcast_to(estimator.noise_variance_, len(W))
    variance = squares + noise[0] if isotropic else squares
    return {
        "variance": variance,
        "variance_share": variance / (squares.sum() + noise.sum()),
        "noise_variance": float(noise.mean()),
        "n_chosen": W.shape[1],
    }
