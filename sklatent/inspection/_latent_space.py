"""Plot of a latent space: codes of rows, or reconstructions on a grid of codes."""

import numbers
from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar

from sklatent.inspection._images import mosaic, resolve_image_shape
from sklatent.inspection._plotting import BLUE, PALETTE, Display, check_components
from sklatent.utils._tables import check_in_memory

HAVE = "PCA, PPCA, FactorAnalysis, AETransformer or VAETransformer"
KINDS = ("scatter", "grid")
# The grid spans the codes between these quantiles, along each component.
QUANTILES = (0.01, 0.99)


@dataclass(kw_only=True, eq=False, repr=False)
class LatentSpaceDisplay(Display):
    """Plot of two latent components: codes of rows, or a decoded grid of codes.

    :meth:`from_estimator` draws the codes of given rows, colored by class or value;
    or, with ``kind="grid"``, the rows that a grid of codes is decoded to. Read more in
    the :ref:`user guide <inspection>`.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2) or None, default=None
        Codes to draw as dots.
    y : ndarray of shape (n_samples,) or None, default=None
        Labels of classes, or values, for the colors of the dots.
    grid : list of two ndarray of shape (n_grid,) or None, default=None
        Codes along the two components, ascending. If given, `decoded` is drawn.
    decoded : ndarray of shape (n_grid, n_grid, n_features) or None, default=None
        Reconstructed rows at the codes of the grid. The second component changes along
        the first axis.
    image_shape : tuple of int of length 3 or None, default=None
        Channels, height and width, if rows are images.
    components : tuple of two int, default=(0, 1)
        Positions of the two components.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    scatter_ : matplotlib.collections.PathCollection or None
        The dots at the codes.
    legend_ : matplotlib.legend.Legend or None
        The legend of the classes.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The color bar of the values.
    image_ : matplotlib.image.AxesImage or None
        All images of the grid, as one.
    curves_ : matplotlib.collections.LineCollection or None
        The reconstructed rows as curves, if rows are not images.

    See Also
    --------
    ReconstructionDisplay : Plot of rows and their reconstructions.
    DensityDisplay : Plot of a density of two features.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.inspection import LatentSpaceDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> pca = PCA(2).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(pca, X, y)
    >>> bool((display.codes == pca.transform(X)).all())
    True
    >>> plt.close(display.figure_)

    The rows that a grid of codes is decoded to:

    >>> display = LatentSpaceDisplay.from_estimator(
    ...     pca, X, kind="grid", image_shape=(8, 8), n_grid=5
    ... )
    >>> display.decoded.shape
    (5, 5, 64)
    >>> plt.close(display.figure_)
    """

    codes: np.ndarray | None = None
    y: np.ndarray | None = None
    grid: list | None = None
    decoded: np.ndarray | None = None
    image_shape: tuple | None = None
    components: tuple = (0, 1)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        components=(0, 1),
        kind="scatter",
        image_shape=None,
        n_grid=12,
        cmap=None,
        ax=None,
    ):
        """Draw the latent space of a fitted model.

        Parameters
        ----------
        estimator : object
            A fitted model with `transform`, and for a grid with `inverse_transform`.
        X : array-like of shape (n_samples, n_features)
            Rows whose codes are drawn, or whose codes determine the grid.
        y : array-like of shape (n_samples,), default=None
            Colors of the codes; used only by "scatter". Strings, and up to ten
            different whole numbers, are classes, and have a legend. Other numbers are
            values, and have a color bar.
        components : tuple of two int, default=(0, 1)
            Positions of the components to draw, from 0.
        kind : {"scatter", "grid"}, default="scatter"
            The kind of the plot. "scatter" draws the codes of the rows. "grid" draws
            the `inverse_transform` of a grid of codes, evenly spaced between the 1 %
            and 99 % quantiles of the codes of `X` along the two components, with the
            other components at their mean.
        image_shape : tuple of int, default=None
            Shape of the images in the rows, (channels, height, width) or
            (height, width). None takes the parameter `image_shape` of the estimator; if
            it has none, each row of the grid is a curve over the features.
        n_grid : int, default=12
            Number of codes along each component of the grid.
        cmap : str or matplotlib.colors.Colormap, default=None
            Color map of values, or of images with one channel. None takes "viridis"
            for values and "gray" for images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `transform`, or for a grid no `inverse_transform`.
        ValueError
            If a parameter is invalid, there are more classes than colors, or the codes
            of a grid are discrete.

        Examples
        --------
        The second and the third of four components:

        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from sklatent.decomposition import PPCA
        >>> from sklatent.inspection import LatentSpaceDisplay
        >>> X, y = load_wine(return_X_y=True)
        >>> X = scale(X)
        >>> ppca = PPCA(4).fit(X)
        >>> display = LatentSpaceDisplay.from_estimator(ppca, X, y, components=(1, 2))
        >>> bool((display.codes == ppca.transform(X)[:, 1:3]).all())
        True
        >>> plt.close(display.figure_)
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}; got {kind!r}.")
        needed = ("transform", "inverse_transform")[: 1 + (kind == "grid")]
        cls._check(estimator, *needed, have=HAVE)
        check_in_memory(X, cls.__name__)
        codes = np.asarray(estimator.transform(X))
        components = check_components(components, codes.shape[1])
        if kind == "grid":
            grid, decoded = _decode_grid(estimator, codes, components, n_grid)
            numbers = {
                "grid": grid,
                "decoded": decoded,
                "image_shape": resolve_image_shape(
                    estimator, image_shape, decoded.shape[2]
                ),
            }
        else:
            numbers = {"codes": codes[:, components], "y": _check_y(y, codes)}
        return cls(**numbers, components=components).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap=None, ax=None):
        """Draw the codes or the grid.

        Parameters
        ----------
        cmap : str or matplotlib.colors.Colormap, default=None
            Color map of values, or of images with one channel. None takes "viridis"
            for values and "gray" for images.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : LatentSpaceDisplay
            This object.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.decomposition import PCA
        >>> from sklatent.inspection import LatentSpaceDisplay
        >>> X, y = load_iris(return_X_y=True)
        >>> figure, (left, right) = plt.subplots(1, 2)
        >>> display = LatentSpaceDisplay.from_estimator(PCA(2).fit(X), X, y, ax=left)
        >>> display.plot(ax=right).ax_ is right
        True
        >>> plt.close(figure)
        """
        self.scatter_ = self.legend_ = self.colorbar_ = None
        self.image_ = self.curves_ = None
        if self.grid is None:
            ax = self._start(ax)
            self._plot_codes(ax, cmap or "viridis")
        else:
            ax = self._start(ax, figsize=(6, 6))
            if self.image_shape is not None:
                self._plot_images(ax, cmap or "gray")
            else:
                self._plot_curves(ax)
        i, j = self.components
        ax.set(xlabel=f"component {i}", ylabel=f"component {j}")
        return self

    def _plot_codes(self, ax, cmap):
        """Draw dots, colored by class or value."""
        dots = {"s": 10, "alpha": 0.8, "linewidth": 0}
        if self.y is None:
            self.scatter_ = ax.scatter(*self.codes.T, color=BLUE, **dots)
        elif _are_labels(self.y):
            labels, number = np.unique(self.y, return_inverse=True)
            colors = [PALETTE[i] for i in number]
            self.scatter_ = ax.scatter(*self.codes.T, c=colors, **dots)
            # Empty plots, since a scatter of several colors has one legend entry.
            handles = [
                ax.plot([], [], "o", color=color, label=str(label))[0]
                for label, color in zip(labels, PALETTE, strict=False)
            ]
            # Beside the axes, so that it hides no dots.
            self.legend_ = ax.legend(
                handles=handles,
                loc="upper left",
                bbox_to_anchor=(1, 1),
                borderaxespad=0,
                frameon=False,
            )
        else:
            self.scatter_ = ax.scatter(*self.codes.T, c=self.y, cmap=cmap, **dots)
            self.colorbar_ = self.figure_.colorbar(self.scatter_, ax=ax, label="y")

    def _edges(self):
        """Ends of the cells around the codes of the grid, for each component."""
        half = [0.5 * (z[-1] - z[0]) / (len(z) - 1) for z in self.grid]
        return [(z[0] - h, z[-1] + h) for z, h in zip(self.grid, half, strict=True)]

    def _plot_images(self, ax, cmap):
        """Draw images, each at its code."""
        (left, right), (bottom, top) = self._edges()
        limits = (self.decoded.min(), self.decoded.max())
        # The first row of an image is at the top, that of the axes at the bottom.
        image = mosaic(self.decoded[::-1], self.image_shape, limits)
        n_down, n_across = image.shape[:2]
        n1, n0, _ = self.decoded.shape
        ax.hlines(np.linspace(bottom, top, n1 + 1), left, right, "white", linewidth=0.8)
        ax.vlines(np.linspace(left, right, n0 + 1), bottom, top, "white", linewidth=0.8)
        self.image_ = ax.imshow(
            image,
            cmap=cmap,
            extent=(left, right, bottom, top),
            # Pixels are square, whatever the units of the codes.
            aspect=(right - left) / (top - bottom) * n_down / n_across,
        )

    def _plot_curves(self, ax):
        """Draw rows as small curves over the features, each around its code."""
        from matplotlib.collections import LineCollection

        (left, right), (bottom, top) = self._edges()
        n_down, n_across, p = self.decoded.shape
        width, height = (right - left) / n_across, (top - bottom) / n_down
        low, high = self.decoded.min(), self.decoded.max()
        share = (self.decoded - low) / ((high - low) or 1.0) - 0.5
        x = self.grid[0][:, None] + 0.8 * width * np.linspace(-0.5, 0.5, p)
        y = self.grid[1][:, None, None] + 0.8 * height * share
        x = np.broadcast_to(x, y.shape)
        # One collection draws much faster than a line for each row.
        curves = np.stack([x, y], axis=-1).reshape(-1, p, 2)
        self.curves_ = LineCollection(curves, color=BLUE, linewidth=1)
        ax.add_collection(self.curves_)
        ax.set(xlim=(left, right), ylim=(bottom, top))


def _check_y(y, codes):
    """Return labels or values as an array."""
    if y is None:
        return None
    y = np.asarray(y)
    check_consistent_length(codes, y)
    if y.ndim != 1:
        raise ValueError(
            f"y must have one number or label per row; got shape {y.shape}."
        )
    # More whole numbers than colors are values; more strings are an error.
    n_labels = len(np.unique(y)) if y.dtype.kind not in "fiu" else 0
    if n_labels > len(PALETTE):
        raise ValueError(
            f"y must have at most {len(PALETTE)} classes, for as many colors; got "
            f"{n_labels}. Merge some, or leave some out."
        )
    return y


def _are_labels(y):
    """Whether these are classes rather than values."""
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        return True
    return len(np.unique(y)) <= len(PALETTE) and bool((y == np.round(y)).all())


def _decode_grid(estimator, codes, components, n_grid):
    """Codes along two components, and the rows that they are decoded to."""
    check_scalar(n_grid, "n_grid", numbers.Integral, min_val=2)
    # Codes of the VAE may be discrete; other estimators have no parameter `latent`.
    if getattr(estimator, "latent", "normal") != "normal":
        raise ValueError(
            "kind='grid' needs codes that vary continuously; got "
            f"{type(estimator).__name__} with latent={estimator.latent!r}."
        )
    low, high = np.quantile(codes[:, components], QUANTILES, axis=0)
    grid = [
        np.linspace(*ends, n_grid, dtype=codes.dtype)
        for ends in zip(low, high, strict=True)
    ]
    Z = np.tile(codes.mean(axis=0), (n_grid, n_grid, 1))
    Z[:, :, components] = np.stack(np.meshgrid(*grid), axis=-1)
    rows = np.asarray(estimator.inverse_transform(Z.reshape(n_grid**2, -1)))
    return grid, rows.reshape(n_grid, n_grid, -1)
