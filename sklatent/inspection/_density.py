"""Plot of a density of one or two features."""

import inspect
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array, check_scalar, get_tags

from sklatent.inspection._plotting import BLUE, Display
from sklatent.utils._tables import check_in_memory

HAVE = "those of sklatent.density, PCA, PPCA, FactorAnalysis or VAETransformer"
# Samples whose quantiles are the levels: the standard error of a mass is 0.005 or less.
N_LEVEL_SAMPLES = 10_000
# Half-width of a 95 % interval, in standard errors.
BAND = 1.96


@dataclass(kw_only=True, eq=False, repr=False)
class DensityDisplay(Display):
    """Plot of a density: a curve for one feature, contours for two.

    :meth:`from_estimator` evaluates a fitted density on a grid. A contour encloses a
    given share of the probability. Read more in the :ref:`user guide <inspection>`.

    Parameters
    ----------
    grid : list of ndarray
        Values of each feature at the points of the grid, ascending.
    log_density : ndarray of shape (n_grid,) or (n_grid_1, n_grid_0)
        Log-density on the grid, in nats. With two features, the second one changes
        along the first axis.
    X : ndarray of shape (n_samples, n_features) or None, default=None
        Rows to draw.
    log_density_std : ndarray of shape (n_grid,) or None, default=None
        Standard error of the log-density, for one feature.
    masses : tuple of float or None, default=None
        Share of the probability that each contour encloses, for two features.
    levels : ndarray of shape (n_masses,) or None, default=None
        Log-density on each contour, in nats, for two features.
    feature_names : list of str or None, default=None
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    line_ : matplotlib.lines.Line2D or None
        The curve, for one feature.
    band_ : matplotlib.collections.FillBetweenPolyCollection or None
        The error band, for one feature: 1.96 standard errors of the log-density to
        either side.
    contours_ : matplotlib.contour.QuadContourSet or None
        The filled contours, for two features.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The color bar with the level and the mass of each contour, for two features.
    points_ : matplotlib artist or None
        The rows of `X`, as ticks on the axis for one feature and as dots for two.

    See Also
    --------
    LatentSpaceDisplay : Plot of the codes of rows with more features.
    sklearn.inspection.DecisionBoundaryDisplay : Plot of the decisions of a classifier.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.density import GaussianMixture
    >>> from sklatent.inspection import DensityDisplay
    >>> X = load_iris().data[:, :2]
    >>> mixture = GaussianMixture(2, random_state=0).fit(X)
    >>> display = DensityDisplay.from_estimator(mixture, X, masses=(0.5, 0.9))
    >>> inside = mixture.score_samples(X)[:, None] > display.levels
    >>> inside.mean(axis=0).round(1)
    array([0.5, 0.9])
    >>> plt.close(display.figure_)
    """

    grid: list
    log_density: np.ndarray
    X: np.ndarray | None = None
    log_density_std: np.ndarray | None = None
    masses: tuple | None = None
    levels: np.ndarray | None = None
    feature_names: list | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        masses=(0.5, 0.9, 0.99),
        n_grid=None,
        margin=0.2,
        random_state=0,
        ax=None,
    ):
        """Draw a fitted density.

        A contour of mass m encloses the smallest region with that share of the
        probability of the model. Its level is the (1 - m)-quantile of the log-densities
        of 10,000 samples of the model, which is accurate to 0.01 in m for any grid. For
        a density without `sample`, such as KNeighborsDensity, the level is the quantile
        over the rows of `X`, so the contour encloses that share of these rows.

        Parameters
        ----------
        estimator : object
            A fitted density of one or two features, with `score_samples`.
        X : array-like of shape (n_samples, n_features)
            Rows to draw. The grid covers their range.
        masses : tuple of float, default=(0.5, 0.9, 0.99)
            Share of the probability that each contour encloses, in (0, 1). Used only
            for two features.
        n_grid : int, default=None
            Number of points of the grid along each feature; None takes 400 for one
            feature and 150 for two.
        margin : float, default=0.2
            Margin of the grid beyond the data on each side, as a share of their range.
        random_state : int, RandomState instance or None, default=0
            Determines the samples of the model, for the levels of the contours.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : DensityDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `score_samples`, or one that is not a log-density.
        ValueError
            If there are more than two features, or a parameter is invalid.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.inspection import DensityDisplay
        >>> X = np.random.RandomState(0).normal(size=(500, 2))
        >>> normal = GaussianMixture(random_state=0).fit(X)
        >>> display = DensityDisplay.from_estimator(normal, X, masses=(0.5, 0.9))

        For a normal distribution in two dimensions, the log-density on the contour of
        mass m is that of the mean plus log(1 - m):

        >>> top = normal.score_samples(normal.means_)
        >>> (display.levels - top).round(1), np.log([0.5, 0.1]).round(1)
        (array([-0.7, -2.3]), array([-0.7, -2.3]))
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, "score_samples", have=HAVE)
        check_in_memory(X, cls.__name__)
        # Latent models with a density are not tagged, but have `sample`. Autoencoders
        # and outlier detectors have neither, and scores that are not log-densities.
        tagged = get_tags(estimator).estimator_type == "density_estimator"
        if not tagged and not hasattr(estimator, "sample"):
            raise TypeError(
                "`estimator` must have a score_samples that returns a log-density, "
                f"such as {HAVE}; got {type(estimator).__name__}."
            )
        rows = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
        if rows.shape[1] > 2:
            raise ValueError(
                f"X must have one or two features; got {rows.shape[1]}. Fit a density "
                "to one or two columns of X, or draw the `marginal` of a "
                "GaussianMixture."
            )
        names = _feature_names(estimator, X, rows.shape[1])
        if n_grid is None:
            n_grid = 400 if rows.shape[1] == 1 else 150
        check_scalar(n_grid, "n_grid", int, min_val=2)
        grid = [_cover(column, n_grid, margin) for column in rows.T]
        with warnings.catch_warnings():
            # The grid has no column names; its columns are in the order of X.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            if len(grid) == 1:
                log_density, std = _with_error(estimator, grid[0][:, None])
                numbers = {"log_density": log_density, "log_density_std": std}
            else:
                masses = _check_masses(masses)
                numbers = {
                    "log_density": _on_plane(estimator, grid),
                    "masses": masses,
                    "levels": _levels(estimator, rows, masses, random_state),
                }
        return cls(grid=grid, X=rows, feature_names=names, **numbers).plot(ax=ax)

    def plot(self, ax=None):
        """Draw the density.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : DensityDisplay
            This object.

        Examples
        --------
        Without the rows:

        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.density import KNeighborsDensity
        >>> from sklatent.inspection import DensityDisplay
        >>> X = load_iris().data[:, :1]
        >>> density = KNeighborsDensity(40).fit(X)
        >>> display = DensityDisplay.from_estimator(density, X)
        >>> plt.close(display.figure_)
        >>> display.X = None
        >>> display.plot().points_ is None
        True
        >>> plt.close(display.figure_)
        """
        ax = self._start(ax)
        # None is left of an earlier call that drew more.
        self.line_ = self.band_ = self.contours_ = None
        self.colorbar_ = self.points_ = None
        names = self.feature_names or [f"feature {i}" for i in range(len(self.grid))]
        if len(self.grid) == 1:
            self._plot_curve(ax)
            ax.set(xlabel=names[0], ylabel="density, per unit of the feature")
        else:
            self._plot_contours(ax)
            ax.set(xlabel=names[0], ylabel=names[1])
        return self

    def _plot_curve(self, ax):
        """Draw the density with its error band, and a tick for each row."""
        (x,) = self.grid
        density = np.exp(self.log_density)
        if self.log_density_std is not None:
            # Where the density is 0, the error of its logarithm is infinite.
            known = np.isfinite(self.log_density) & np.isfinite(self.log_density_std)
            spread = BAND * np.where(known, self.log_density_std, 0)
            low, high = density * np.exp(-spread), density * np.exp(spread)
            self._plot_band(ax, x, low, high)
        (self.line_,) = ax.plot(x, density, color=BLUE)
        ax.set_ylim(bottom=0)
        if self.X is not None:
            (self.points_,) = ax.plot(
                self.X[:, 0],
                np.full(len(self.X), 0.02),
                "|",
                transform=ax.get_xaxis_transform(),  # at the bottom, at any zoom
                color="black",
                alpha=0.3,
                markersize=8,
            )

    def _plot_contours(self, ax):
        """Draw filled contours of the log-density, and a dot for each row."""
        from matplotlib import colormaps

        levels, labels = self._distinct_levels()
        finite = self.log_density[np.isfinite(self.log_density)]
        top = max(finite.max(initial=-np.inf), levels[-1] + 1e-6)
        # A log-density of -inf is below all levels.
        floor = min(finite.min(initial=np.inf), levels[0]) - 1
        self.contours_ = ax.contourf(
            *self.grid,
            np.maximum(self.log_density, floor),
            levels=[*levels, top],
            colors=colormaps["Blues"](np.linspace(0.25, 0.8, len(levels))),
        )
        # Uniform, since labels of levels that are close would overlap.
        self.colorbar_ = self.figure_.colorbar(
            self.contours_, ax=ax, spacing="uniform", label="log-density, nats (mass)"
        )
        self.colorbar_.set_ticks(levels, labels=labels)
        if self.X is not None:
            self.points_ = ax.scatter(
                *self.X.T, s=4, color="black", alpha=0.5, linewidth=0
            )

    def _distinct_levels(self):
        """Levels to draw, ascending, each with its label.

        A density with steps can have the same level for several masses; the label has
        the largest. Levels are lowered a little, since a contour encloses only what is
        above it.
        """
        # From the largest mass: `unique` returns the first of equal levels.
        masses, at = np.sort(self.masses)[::-1], np.argsort(self.masses)[::-1]
        levels, first = np.unique(np.asarray(self.levels)[at], return_index=True)
        labels = [
            f"{level:.3g} ({mass:.4g})".replace("-", "\N{MINUS SIGN}")
            for level, mass in zip(levels, masses[first], strict=True)
        ]
        return levels - 1e-9 * np.maximum(1, np.abs(levels)), labels


def _check_masses(masses):
    """Return the masses as an array, if they are valid."""
    array = np.asarray(masses, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not ((array > 0) & (array < 1)).all():
        raise ValueError(f"masses must be numbers between 0 and 1; got {masses!r}.")
    if len(np.unique(array)) < len(array):
        raise ValueError(f"masses must differ; got {masses!r}.")
    return array


def _feature_names(estimator, X, n_features):
    """Names of the features, for the axes."""
    names = getattr(estimator, "feature_names_in_", getattr(X, "columns", None))
    if names is None or len(names) != n_features:
        return [f"feature {i}" for i in range(n_features)]
    return [str(name) for name in names]


def _cover(column, n_grid, margin):
    """Evenly spaced values over the range of a column, and a margin."""
    low, high = np.nanmin(column), np.nanmax(column)
    beyond = margin * ((high - low) or 1.0)  # also for a constant column
    return np.linspace(low - beyond, high + beyond, n_grid)


def _with_error(estimator, rows):
    """Log-densities, and their standard errors or None."""
    if _takes(estimator.score_samples, "return_std"):
        return estimator.score_samples(rows, return_std=True)
    return estimator.score_samples(rows), None


def _on_plane(estimator, grid):
    """Log-densities on a grid over two features."""
    x, y = np.meshgrid(*grid)
    rows = np.column_stack([x.ravel(), y.ravel()])
    return estimator.score_samples(rows).reshape(x.shape)


def _levels(estimator, X, masses, random_state):
    """Log-density on the contour of each mass."""
    sample = getattr(estimator, "sample", None)
    if sample is not None and _takes(sample, "random_state"):
        X = sample(N_LEVEL_SAMPLES, random_state=random_state)
    # Without interpolation, which gives NaN next to -inf.
    return np.quantile(estimator.score_samples(X), 1 - masses, method="inverted_cdf")


def _takes(method, name):
    """Whether a method has a parameter."""
    return name in inspect.signature(method).parameters
