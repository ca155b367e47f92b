"""A density over one or two features."""

import inspect
import warnings

import numpy as np
from sklearn.utils import check_array, check_scalar, get_tags

from sklatent.inspection._plotting import BLUE, Display

HAVE = "those of sklatent.density, PCA, PPCA, FactorAnalysis or VAETransformer"
# Draws that the levels are quantiles of: masses are right to 0.005 and better.
N_DRAWS = 10_000
# Standard deviations either way: 95 %.
BAND = 1.96


class DensityDisplay(Display):
    """The density of one feature as a curve, of two as contours that hold stated mass.

    :meth:`from_estimator` evaluates a fitted density on a grid. Read more in the
    :ref:`user guide <inspection>`.

    Parameters
    ----------
    grid : list of ndarray
        Values of the one feature, or of each of the two, ascending.
    log_density : ndarray of shape (n_grid,) or (n_grid_1, n_grid_0)
        Log-density on the grid, in nats; of two features, the second goes down the
        rows.
    X : ndarray of shape (n_samples, n_features) or None, default=None
        Rows to draw.
    log_density_std : ndarray of shape (n_grid,) or None, default=None
        Standard error of the log-density of one feature.
    masses : tuple of float or None, default=None
        For two features: the shares of the probability that the contours hold.
    levels : ndarray of shape (n_masses,) or None, default=None
        The log-density on the contours, in nats.
    feature_names : list of str or None, default=None
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    line_ : matplotlib.lines.Line2D or None
        The curve, of one feature.
    band_ : matplotlib.collections.FillBetweenPolyCollection or None
        Its error band: 1.96 standard errors of the log-density either way.
    contours_ : matplotlib.contour.QuadContourSet or None
        The filled contours, of two features.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        What they hold.
    points_ : matplotlib artist or None
        The rows: a rug, or dots.

    See Also
    --------
    LatentSpaceDisplay : Codes of rows with more features.
    sklearn.inspection.DecisionBoundaryDisplay : What a classifier makes of a plane.

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

    def __init__(
        self,
        *,
        grid,
        log_density,
        X=None,
        log_density_std=None,
        masses=None,
        levels=None,
        feature_names=None,
    ):
        self.grid = grid
        self.log_density = log_density
        self.X = X
        self.log_density_std = log_density_std
        self.masses = masses
        self.levels = levels
        self.feature_names = feature_names

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

        A contour of mass m encloses the smallest region with that share of the model's
        own probability: its level is the (1 - m)-quantile of the log-densities of
        10,000 rows that the model draws, which is right to 0.01 in m, whatever the
        grid. A density that cannot be drawn from, such as KNeighborsDensity, has the
        quantile over the rows of `X` in its place: the contour then holds that share of
        these rows.

        Parameters
        ----------
        estimator : object
            A fitted density with `score_samples`, of one or two features.
        X : array-like of shape (n_samples, n_features)
            Rows to draw with it, which the grid covers.
        masses : tuple of float, default=(0.5, 0.9, 0.99)
            What the contours hold, each in (0, 1); used for two features alone.
        n_grid : int, default=None
            Points of the grid along each feature; None takes 400 for one, 150 for two.
        margin : float, default=0.2
            How far beyond the data the grid goes on each side, as a share of its range.
        random_state : int, RandomState instance or None, default=0
            Determines the rows that the model draws.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : DensityDisplay
            What has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no `score_samples`.
        ValueError
            If there are more than two features, or a parameter cannot be used.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from sklatent.density import GaussianMixture
        >>> from sklatent.inspection import DensityDisplay
        >>> X = np.random.RandomState(0).normal(size=(500, 2))
        >>> normal = GaussianMixture(random_state=0).fit(X)
        >>> display = DensityDisplay.from_estimator(normal, X, masses=(0.5, 0.9))

        Of a normal law in two dimensions the contour of mass m lies log(1 - m)
        below the top:

        >>> top = normal.score_samples(normal.means_)
        >>> (display.levels - top).round(1), np.log([0.5, 0.1]).round(1)
        (array([-0.7, -2.3]), array([-0.7, -2.3]))
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, "score_samples", have=HAVE)
        _check_is_density(estimator)
        rows = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan")
        _check_n_features(rows.shape[1])
        names = _feature_names(estimator, X, rows.shape[1])
        if n_grid is None:
            n_grid = 400 if rows.shape[1] == 1 else 150
        check_scalar(n_grid, "n_grid", int, min_val=2)
        grid = [_cover(column, n_grid, margin) for column in rows.T]
        with warnings.catch_warnings():
            # The grid has no column names; its order is that of the features.
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
            Where to draw; None makes a figure.

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
        """Density with its error band, and a tick for each row."""
        (x,) = self.grid
        density = np.exp(self.log_density)
        if self.log_density_std is not None:
            # Where there is no density, the error of its logarithm is infinite.
            known = np.isfinite(self.log_density) & np.isfinite(self.log_density_std)
            spread = BAND * np.where(known, self.log_density_std, 0)
            self.band_ = ax.fill_between(
                x,
                density * np.exp(-spread),
                density * np.exp(spread),
                color=BLUE,
                alpha=0.25,
                linewidth=0,
            )
        (self.line_,) = ax.plot(x, density, color=BLUE)
        ax.set_ylim(bottom=0)
        if self.X is not None:
            (self.points_,) = ax.plot(
                self.X[:, 0],
                np.full(len(self.X), 0.02),
                "|",
                transform=ax.get_xaxis_transform(),
                color="black",
                alpha=0.3,
                markersize=8,
            )

    def _plot_contours(self, ax):
        """Filled contours of the log-density, and a dot for each row."""
        levels, labels = self._distinct_levels()
        finite = self.log_density[np.isfinite(self.log_density)]
        top = max(finite.max(initial=-np.inf), levels[-1] + 1e-6)
        # What has no density is below all levels.
        floor = min(finite.min(initial=np.inf), levels[0]) - 1
        blues = self._blues(len(levels))
        self.contours_ = ax.contourf(
            *self.grid,
            np.maximum(self.log_density, floor),
            levels=[*levels, top],
            colors=blues,
        )
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

        Steps of a density can hold several masses at once; of these the largest is
        named. Levels are lowered a little, since a contour lies around what is above.
        """
        masses, at = np.sort(self.masses)[::-1], np.argsort(self.masses)[::-1]
        levels, first = np.unique(np.asarray(self.levels)[at], return_index=True)
        labels = [
            f"{level:.3g} ({mass:.4g})".replace("-", "\N{MINUS SIGN}")
            for level, mass in zip(levels, masses[first], strict=True)
        ]
        return levels - 1e-9 * np.maximum(1, np.abs(levels)), labels

    @staticmethod
    def _blues(n):
        """Colors from light to dark."""
        from matplotlib import colormaps

        return colormaps["Blues"](np.linspace(0.25, 0.8, n))


def _check_is_density(estimator):
    """Complain of scores that are no log-densities."""
    tagged = get_tags(estimator).estimator_type == "density_estimator"
    if not tagged and not hasattr(estimator, "sample"):
        raise TypeError(
            f"DensityDisplay draws log-densities, such as those of {HAVE}; what "
            f"score_samples of {type(estimator).__name__} returns is none."
        )


def _check_n_features(n_features):
    """Complain of more features than a picture has."""
    if n_features > 2:
        raise ValueError(
            f"DensityDisplay draws densities of one or two features; got {n_features}. "
            "Fit one to two columns of X, or draw what a GaussianMixture's marginal "
            "method returns for two."
        )


def _check_masses(masses):
    """Return the masses, if they are shares."""
    array = np.asarray(masses, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0 or not ((array > 0) & (array < 1)).all():
        raise ValueError(f"masses must be numbers between 0 and 1; got {masses!r}.")
    if len(np.unique(array)) < len(array):
        raise ValueError(f"masses must differ; got {masses!r}.")
    return array


def _feature_names(estimator, X, n_features):
    """Labels of the features."""
    names = getattr(estimator, "feature_names_in_", getattr(X, "columns", None))
    if names is None or len(names) != n_features:
        return [f"feature {i}" for i in range(n_features)]
    return [str(name) for name in names]


def _cover(column, n_grid, margin):
    """Evenly spaced values over the range of a column and a margin."""
    low, high = np.nanmin(column), np.nanmax(column)
    beyond = margin * ((high - low) or 1.0)
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
    """Log-densities above which the masses are."""
    sample = getattr(estimator, "sample", None)
    if sample is not None and _takes(sample, "random_state"):
        X = sample(N_DRAWS, random_state=random_state)
    # Without interpolation, which cannot do with -inf.
    return np.quantile(estimator.score_samples(X), 1 - masses, method="inverted_cdf")


def _takes(method, name):
    """Whether a method has a parameter."""
    return name in inspect.signature(method).parameters
