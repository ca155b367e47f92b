"""Plots of intrinsic dimensions: intervals, dependence on scale, fitted lines."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, ndtri
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sklatent.exceptions import DiscreteDataWarning, DuplicateRowsWarning
from sklatent.inspection._plotting import BLUE, GREY, ORANGE, Display

HAVE = "those of sklatent.dimension"


@dataclass(kw_only=True, eq=False, repr=False)
class DimensionDisplay(Display):
    """Plot of intrinsic dimensions: with intervals, by scale, or as a fitted line.

    :meth:`from_estimator` chooses the plot by the attributes of a fitted estimator;
    :meth:`from_estimators` compares several, and :meth:`from_comparison` draws the
    table of :func:`sklatent.dimension.compare_dimensions`. Read more in the
    :ref:`user guide <inspection>`.

    Parameters
    ----------
    dimension : array-like of shape (n_estimates,)
        Estimates of the dimension.
    confidence_interval : array-like of shape (n_estimates, 2)
        Confidence interval of each estimate.
    names : list of str or None, default=None
        Names of the estimators.
    scales : array-like of shape (n_estimates,) or None, default=None
        Distance between neighbors for each estimate, for a plot by scale.
    fit : Bunch or None, default=None
        The points and the line, for a dimension that is the slope of a line: `x` and
        `y`, the points; `slope` and `intercept`, the line; `x_left_out` and
        `y_left_out`, the points that the fit left out, or None; `xlabel`, `ylabel` and
        `label`.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D or None
        The dimension by scale, or the fitted line.
    band_ : matplotlib.collections.FillBetweenPolyCollection or None
        The confidence intervals by scale.
    points_ : matplotlib.lines.Line2D or None
        The points that a line was fitted to.
    left_out_points_ : matplotlib.lines.Line2D or None
        The points that the fit left out.
    errorbar_ : matplotlib.container.ErrorbarContainer or None
        The estimates with their intervals, by estimator.

    See Also
    --------
    SpectrumDisplay : Plot of the variances of a linear model.
    sklatent.datasets.make_swiss_roll : Rows of a known dimension.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import Gride, LevinaBickel, TwoNN
    >>> from sklatent.inspection import DimensionDisplay
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> gride = Gride().fit(X)
    >>> display = DimensionDisplay.from_estimator(gride)
    >>> bool((display.scales == gride.scales_).all())
    True
    >>> plt.close(display.figure_)

    Several estimators are compared; those that are not fitted are fitted to the data:

    >>> display = DimensionDisplay.from_estimators([gride, TwoNN(), LevinaBickel()], X)
    >>> display.names
    ['Gride', 'TwoNN', 'LevinaBickel']
    >>> plt.close(display.figure_)
    """

    dimension: np.ndarray
    confidence_interval: np.ndarray
    names: list | None = None
    scales: np.ndarray | None = None
    fit: Bunch | None = None

    @classmethod
    def from_estimator(cls, estimator, X=None, *, ax=None, name=None):
        """Draw the dimension of a fitted estimator.

        The plot depends on the estimator:

        - Gride: the dimension against the scale, with confidence intervals.
        - TwoNN: -log(1 - F) against log(r_2 / r_1), with r_1 and r_2 the distances to
          the first two neighbors and F the empirical distribution of their ratio, and a
          line through the origin with slope `dimension_`. If `X` is given, the ratios
          that `discard_fraction` left out are drawn too, in gray.
        - NeighborScaling: the mean logarithm of the distance to a neighbor against
          the digamma function of its rank, and a line with slope 1 / `dimension_`.
        - Any other: the dimension with its confidence interval.

        Parameters
        ----------
        estimator : object
            A fitted dimension estimator.
        X : array-like of shape (n_samples, n_features), default=None
            The data that the estimator was fitted to. Used only for TwoNN.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.
        name : str, default=None
            Name of the estimator; None takes the name of its class.

        Returns
        -------
        display : DimensionDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no dimension with a confidence interval.
        ValueError
            If `X` is not the data that a TwoNN was fitted to.

        Examples
        --------
        TwoNN stores the ratios of distances that its line is fitted to:

        >>> import matplotlib.pyplot as plt
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import TwoNN
        >>> from sklatent.inspection import DimensionDisplay
        >>> X, _ = make_swiss_roll(500, random_state=0)
        >>> display = DimensionDisplay.from_estimator(TwoNN().fit(X))
        >>> display.ax_.get_xlabel() != ""
        True
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, "dimension_", "confidence_interval_", have=HAVE)
        name = name or type(estimator).__name__
        if hasattr(estimator, "dimension_scales_"):
            numbers = _by_scale(estimator)
        else:
            numbers = {
                "dimension": np.array([estimator.dimension_]),
                "confidence_interval": np.array([estimator.confidence_interval_]),
            }
            if hasattr(estimator, "log_ratios_"):
                numbers["fit"] = _pareto_fit(estimator, X)
            elif hasattr(estimator, "mean_log_distances_"):
                numbers["fit"] = _rank_fit(estimator)
        return cls(**numbers, names=[name]).plot(ax=ax)

    @classmethod
    def from_estimators(cls, estimators, X=None, *, ax=None):
        """Draw the dimensions of several estimators.

        Parameters
        ----------
        estimators : list or dict
            Dimension estimators, or a dict of names and estimators. In a list, the name
            is that of the class, with the parameters if a class occurs twice.
        X : array-like of shape (n_samples, n_features), default=None
            The data. Estimators that are not fitted are cloned and fitted to it.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : DimensionDisplay
            The display, which has been drawn.

        Raises
        ------
        TypeError
            If an estimator has no dimension with a confidence interval.
        ValueError
            If `estimators` is empty, or an estimator is not fitted and `X` is None.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklatent.datasets import make_ball
        >>> from sklatent.dimension import TwoNN
        >>> from sklatent.inspection import DimensionDisplay
        >>> X, _ = make_ball(500, dimension=8, random_state=0)
        >>> estimators = {"as it is": TwoNN(), "corrected": TwoNN(correction="ball")}
        >>> display = DimensionDisplay.from_estimators(estimators, X)
        >>> display.names
        ['as it is', 'corrected']
        >>> plt.close(display.figure_)
        """
        if not isinstance(estimators, dict):
            names, estimators = _names(estimators), list(estimators)
        else:
            names, estimators = list(estimators), list(estimators.values())
        if not estimators:
            raise ValueError("`estimators` must hold at least one; got none.")
        fitted = [_fitted(estimator, X) for estimator in estimators]
        for estimator in fitted:
            cls._check(estimator, "dimension_", "confidence_interval_", have=HAVE)
        display = cls(
            dimension=np.array([e.dimension_ for e in fitted]),
            confidence_interval=np.array([e.confidence_interval_ for e in fitted]),
            names=names,
        )
        return display.plot(ax=ax)

    @classmethod
    def from_comparison(cls, comparison, *, ax=None):
        """Draw the table of a comparison.

        Parameters
        ----------
        comparison : DimensionComparison
            What :func:`sklatent.dimension.compare_dimensions` returned.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : DimensionDisplay
            The display, which has been drawn.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import compare_dimensions
        >>> from sklatent.inspection import DimensionDisplay
        >>> X, _ = make_swiss_roll(500, random_state=0)
        >>> comparison = compare_dimensions(X)
        >>> display = DimensionDisplay.from_comparison(comparison)
        >>> display.names == comparison.names
        True
        >>> plt.close(display.figure_)
        """
        display = cls(
            dimension=comparison.dimension,
            confidence_interval=comparison.confidence_interval,
            names=comparison.names,
        )
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the estimates.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : DimensionDisplay
            This object.

        Examples
        --------
        On given axes:

        >>> import matplotlib.pyplot as plt
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import Gride
        >>> from sklatent.inspection import DimensionDisplay
        >>> X, _ = make_swiss_roll(500, random_state=0)
        >>> figure, (left, right) = plt.subplots(1, 2)
        >>> display = DimensionDisplay.from_estimator(Gride().fit(X), ax=left)
        >>> display.plot(ax=right).ax_ is right
        True
        >>> plt.close(figure)
        """
        # None is left of an earlier call that drew something else.
        self.line_ = self.band_ = self.errorbar_ = None
        self.points_ = self.left_out_points_ = None
        if self.fit is not None:
            self._plot_fit(self._start(ax))
        elif self.scales is not None:
            self._plot_scales(self._start(ax))
        else:
            height = 1.2 + 0.4 * len(self.dimension)
            self._plot_values(self._start(ax, figsize=(6.4, height)))
        return self

    def _plot_fit(self, ax):
        """Draw points, and the line whose slope is the dimension or its inverse."""
        fit = self.fit
        x, y = fit.x, fit.y
        if fit.x_left_out is not None:
            (self.left_out_points_,) = ax.plot(
                fit.x_left_out, fit.y_left_out, ".", color=GREY, label="left out"
            )
            x = np.append(x, fit.x_left_out)
            y = np.append(y, fit.y_left_out)
        (self.points_,) = ax.plot(fit.x, fit.y, ".", color=BLUE, label="fitted")
        # The line stays within the range of the points in both directions.
        highest = (y.max() - fit.intercept) / fit.slope
        ends = np.array([x.min(), min(x.max(), highest)])
        (self.line_,) = ax.plot(
            ends, fit.intercept + fit.slope * ends, color=ORANGE, label=fit.label
        )
        ax.set(xlabel=fit.xlabel, ylabel=fit.ylabel)
        ax.legend()

    def _plot_scales(self, ax):
        """Draw the dimension against the distance between neighbors."""
        from matplotlib.ticker import LogFormatter

        name = None if self.names is None else self.names[0]
        (self.line_,) = ax.plot(
            self.scales, self.dimension, "o-", color=BLUE, label=name
        )
        self._plot_band(ax, self.scales, *np.transpose(self.confidence_interval))
        xlabel = "distance, units of the data"
        ax.set(xscale="log", xlabel=xlabel, ylabel="dimension")
        # Numbers, which are read more easily than powers, on a range this short.
        ax.xaxis.set_major_formatter(LogFormatter())
        ax.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.4)))
        if name is not None:
            ax.legend()

    def _plot_values(self, ax):
        """Draw a point with its interval for each estimator, from the top."""
        dimension = np.asarray(self.dimension)
        at = np.arange(len(dimension))
        low, high = np.transpose(self.confidence_interval)
        self.errorbar_ = ax.errorbar(
            dimension,
            at,
            xerr=np.stack([dimension - low, high - dimension]),
            fmt="o",
            color=BLUE,
            capsize=3,
        )
        ax.set_yticks(at, self.names if self.names is not None else [""] * len(at))
        ax.set(xlabel="dimension", ylim=(len(at) - 0.5, -0.5))
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)


def _by_scale(estimator):
    """Arguments of a display by scale."""
    dimension = estimator.dimension_scales_
    if hasattr(estimator, "confidence_interval_scales_"):
        interval = estimator.confidence_interval_scales_
    else:  # an estimator of another package may have standard errors only
        z = ndtri(0.5 + 0.5 * getattr(estimator, "confidence_level", 0.95))
        log_std = estimator.dimension_std_scales_ / dimension
        interval = dimension[:, None] * np.exp(np.outer(log_std, [-z, z]))
    return {
        "dimension": dimension,
        "confidence_interval": interval,
        "scales": estimator.scales_,
    }


def _pareto_fit(estimator, X):
    """The points and the line of TwoNN: Facco et al. (2017), figure 2."""
    corrected = ", corrected" if estimator.correction else ""
    fit = Bunch(
        x=estimator.log_ratios_,
        y=estimator.log_survival_,
        slope=estimator.dimension_,
        intercept=0.0,
        x_left_out=None,
        y_left_out=None,
        xlabel=r"$\log(r_2 / r_1)$",
        ylabel=r"$-\log(1 - F)$",
        label=f"slope {estimator.dimension_:.3g}{corrected}",
    )
    if X is not None:
        fit.x_left_out, fit.y_left_out = _left_out(estimator, X)
    return fit


def _left_out(estimator, X):
    """Ratios that TwoNN left out, and -log(1 - F) for them."""
    with warnings.catch_warnings():
        for warning in (DiscreteDataWarning, DuplicateRowsWarning):
            warnings.simplefilter("ignore", warning)  # the user's fit has warned
        # TwoNN stores only the ratios that it keeps.
        every = clone(estimator)
        every.set_params(discard_fraction=0.0, n_neighbors=None).fit(X)
    n_kept = len(estimator.log_ratios_)
    if not np.array_equal(every.log_ratios_[:n_kept], estimator.log_ratios_):
        raise ValueError(
            "X must be the data that the TwoNN was fitted to; got X with other ratios "
            "of distances."
        )
    return every.log_ratios_[n_kept:], every.log_survival_[n_kept:]


def _rank_fit(estimator):
    """The points of NeighborScaling, and the line through their mean."""
    y = estimator.mean_log_distances_
    x = digamma(np.arange(1, len(y) + 1))
    slope = 1 / estimator.dimension_
    return Bunch(
        x=x,
        y=y,
        slope=slope,
        intercept=y.mean() - slope * x.mean(),
        x_left_out=None,
        y_left_out=None,
        xlabel="digamma(number of neighbor)",
        ylabel="mean log distance",
        label=f"slope 1 / {estimator.dimension_:.3g}",
    )


def _names(estimators):
    """Names of estimators: the class, with parameters if a class occurs twice."""
    names = [type(estimator).__name__ for estimator in estimators]
    return [
        # The representation may have several lines.
        name if names.count(name) == 1 else " ".join(str(estimator).split())
        for name, estimator in zip(names, estimators, strict=True)
    ]


def _fitted(estimator, X):
    """Return the estimator if it is fitted, otherwise a clone fitted to X."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        if X is None:
            raise ValueError(
                f"X must be given, since {type(estimator).__name__} is not fitted; got "
                "X=None."
            ) from None
        return clone(estimator).fit(X)
    return estimator
