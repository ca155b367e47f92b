"""Where a latent model puts the rows, and what stands for what."""

import numbers

import numpy as np
from sklearn.utils import check_consistent_length, check_scalar

from sklatent.inspection._images import mosaic, resolve_image_shape
from sklatent.inspection._plotting import BLUE, PALETTE, Display

HAVE = "PCA, PPCA, FactorAnalysis, AETransformer or VAETransformer"
KINDS = ("scatter", "grid")
# The grid spans what all codes but the outermost do, by component.
QUANTILES = (0.01, 0.99)


class LatentSpaceDisplay(Display):
    """Two components of a latent space: the codes of rows, or what a grid decodes to.

    :meth:`from_estimator` has the codes of given rows, colored by class or value;
    or with ``kind="grid"`` the rows that a grid of codes stands for. Read more in the
    :ref:`user guide <inspection>`.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2) or None, default=None
        Codes to draw as dots.
    y : ndarray of shape (n_samples,) or None, default=None
        Labels of classes, or values, that color the dots.
    grid : list of two ndarray of shape (n_grid,) or None, default=None
        Codes along the two components, ascending. With it, `decoded` is drawn.
    decoded : ndarray of shape (n_grid, n_grid, n_features) or None, default=None
        Rows of the data at the codes of the grid; the second component goes down.
    image_shape : tuple of int of length 3 or None, default=None
        Channels, height and width, where rows are images.
    components : tuple of two int, default=(0, 1)
        Which components these are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    scatter_ : matplotlib.collections.PathCollection or None
        The codes.
    legend_ : matplotlib.legend.Legend or None
        The classes.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The values.
    image_ : matplotlib.image.AxesImage or None
        All images of the grid, as one.
    curves_ : matplotlib.collections.LineCollection or None
        The rows of the grid where they are no images.

    See Also
    --------
    ReconstructionDisplay : What is lost on the way to the codes and back.
    DensityDisplay : A density over two features.

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

    And what a grid of codes stands for:

    >>> display = LatentSpaceDisplay.from_estimator(
    ...     pca, X, kind="grid", image_shape=(8, 8), n_grid=5
    ... )
    >>> display.decoded.shape
    (5, 5, 64)
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        codes=None,
        y=None,
        grid=None,
        decoded=None,
        image_shape=None,
        components=(0, 1),
    ):
        self.codes = codes
        self.y = y
        self.grid = grid
        self.decoded = decoded
        self.image_shape = image_shape
        self.components = components

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
            A fitted model with `transform`, for a grid with `inverse_transform` too.
        X : array-like of shape (n_samples, n_features)
            Rows whose codes are drawn, or span the grid.
        y : array-like of shape (n_samples,), default=None
            Colors the codes; used by "scatter" alone. Strings, and up to ten
            different whole numbers, are classes, and have a legend. Other numbers are
            values, and have a color bar.
        components : tuple of two int, default=(0, 1)
            Which components of the code to draw, from 0.
        kind : {"scatter", "grid"}, default="scatter"
            The codes of the rows; or what `inverse_transform` makes of a grid of codes,
            evenly spaced between the 1 % and 99 % quantiles of the codes of `X` along
            the two components. The other components stay at their mean.
        image_shape : tuple of int, default=None
            (channels, height, width) or (height, width) of the images that the rows
            are. None asks the estimator for its parameter `image_shape`; where there
            is none, each row of the grid is a curve over the features.
        n_grid : int, default=12
            Number of codes along each component of the grid.
        cmap : str or matplotlib.colors.Colormap, default=None
            Colors of values or of images with one channel; None takes "viridis" and
            "gray".
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LatentSpaceDisplay
            What has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no codes, or for a grid no way back.
        ValueError
            If a parameter cannot be used; if there are more classes than can be told
            apart; and for a grid if the codes are discrete.

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
        codes = np.asarray(estimator.transform(X))
        components = _check_components(components, codes.shape[1])
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
            Colors of values or of images with one channel; None takes "viridis" and
            "gray".
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

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
        elif self.image_shape is not None:
            ax = self._start(ax, figsize=(6, 6))
            self._plot_images(ax, cmap or "gray")
        else:
            ax = self._start(ax, figsize=(6, 6))
            self._plot_curves(ax)
        i, j = self.components
        ax.set(xlabel=f"component {i}", ylabel=f"component {j}")
        return self

    def _plot_codes(self, ax, cmap):
        """Dots, colored by class or value."""
        dots = {"s": 10, "alpha": 0.8, "linewidth": 0}
        if self.y is None:
            self.scatter_ = ax.scatter(*self.codes.T, color=BLUE, **dots)
        elif _are_labels(self.y):
            labels, number = np.unique(self.y, return_inverse=True)
            colors = [PALETTE[i] for i in number]
            self.scatter_ = ax.scatter(*self.codes.T, c=colors, **dots)
            handles = [
                ax.plot([], [], "o", color=color, label=str(label))[0]
                for label, color in zip(labels, PALETTE, strict=False)
            ]
            # Beside the axes, where there are no dots.
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
        """Images, each at its code."""
        (left, right), (bottom, top) = self._edges()
        limits = (self.decoded.min(), self.decoded.max())
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
        """Rows as small curves over the features, each around its code."""
        from matplotlib.collections import LineCollection

        (left, right), (bottom, top) = self._edges()
        n_down, n_across, p = self.decoded.shape
        width, height = (right - left) / n_across, (top - bottom) / n_down
        low, high = self.decoded.min(), self.decoded.max()
        share = (self.decoded - low) / ((high - low) or 1.0) - 0.5
        x = self.grid[0][:, None] + 0.8 * width * np.linspace(-0.5, 0.5, p)
        y = self.grid[1][:, None, None] + 0.8 * height * share
        x = np.broadcast_to(x, y.shape)
        curves = np.stack([x, y], axis=-1).reshape(-1, p, 2)
        self.curves_ = LineCollection(curves, color=BLUE, linewidth=1)
        ax.add_collection(self.curves_)
        ax.set(xlim=(left, right), ylim=(bottom, top))


def _check_components(components, n_components):
    """Return two positions of components as a list."""
    components = list(components)
    known = all(
        isinstance(i, numbers.Integral) and 0 <= i < n_components for i in components
    )
    if len(components) != 2 or not known or components[0] == components[1]:
        raise ValueError(
            "components must be two different positions in "
            f"[0, {n_components - 1}], since codes have {n_components} components; got "
            f"{tuple(components)}."
        )
    return components


def _check_y(y, codes):
    """Return what colors the codes as an array."""
    if y is None:
        return None
    y = np.asarray(y)
    check_consistent_length(codes, y)
    if y.ndim != 1:
        raise ValueError(f"y must be one number or label per row; got shape {y.shape}.")
    n_labels = len(np.unique(y)) if y.dtype.kind not in "fiu" else 0
    if n_labels > len(PALETTE):
        raise ValueError(
            f"Colors tell {len(PALETTE)} classes apart; y has {n_labels}. Join some, "
            "or leave some out."
        )
    return y


def _are_labels(y):
    """Whether these are classes rather than values."""
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        return True
    return len(np.unique(y)) <= len(PALETTE) and bool((y == np.round(y)).all())


def _decode_grid(estimator, codes, components, n_grid):
    """Codes along two components, and the rows that they stand for."""
    check_scalar(n_grid, "n_grid", numbers.Integral, min_val=2)
    if getattr(estimator, "latent", "normal") != "normal":
        raise ValueError(
            "A grid needs codes that vary continuously; this "
            f"{type(estimator).__name__} has latent={estimator.latent!r}."
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
