"""Plot of rows and their reconstructions."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array, check_scalar

from sklatent.inspection._images import mosaic, resolve_image_shape
from sklatent.inspection._plotting import ORANGE, Display
from sklatent.utils._random import random_generator
from sklatent.utils._tables import check_in_memory

HAVE = "PCA, PPCA, FactorAnalysis, AETransformer or VAETransformer"
ORDERS = ("worst", "best", "given", "random")


@dataclass(kw_only=True, eq=False, repr=False)
class ReconstructionDisplay(Display):
    """Plot of rows and their reconstructions by a latent model, with the error.

    :meth:`from_estimator` chooses the rows, by default those with the largest
    reconstruction error. Read more in the :ref:`user guide <inspection>`.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Rows to draw.
    reconstructions : ndarray of shape (n_rows, n_features)
        Reconstruction of each row.
    errors : ndarray of shape (n_rows,)
        Squared distance between each row and its reconstruction, in squared units of
        the data.
    indices : ndarray of shape (n_rows,) or None, default=None
        Position of each row in the data.
    image_shape : tuple of int of length 3 or None, default=None
        Channels, height and width, if rows are images.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    image_ : matplotlib.image.AxesImage or None
        All images, as one.
    lines_ : list of matplotlib.lines.Line2D or None
        The curves, if rows are not images: each row, followed by its reconstruction.

    See Also
    --------
    LatentSpaceDisplay : Plot of the codes of rows.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklatent.decomposition import PCA
    >>> from sklatent.inspection import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> pca = PCA(16).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(
    ...     pca, X, n_rows=3, image_shape=(8, 8)
    ... )
    >>> display.errors.round()
    array([606., 555., 555.])
    >>> pca.reconstruction_error(X)[display.indices].round()
    array([606., 555., 555.])
    >>> plt.close(display.figure_)
    """

    rows: np.ndarray
    reconstructions: np.ndarray
    errors: np.ndarray
    indices: np.ndarray | None = None
    image_shape: tuple | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        n_rows=8,
        order="worst",
        image_shape=None,
        random_state=0,
        cmap="gray",
        ax=None,
    ):
        """Draw some rows and their reconstructions.

        Parameters
        ----------
        estimator : object
            A fitted model with `transform` and `inverse_transform`.
        X : array-like of shape (n_samples, n_features)
            The data. Missing entries, if the model takes them, are left out of the
            error, and are blank in the plot.
        n_rows : int, default=8
            Number of rows to draw; all rows if there are fewer.
        order : {"worst", "best", "given", "random"}, default="worst"
            The rows to draw: those with the largest error, those with the smallest
            error, the first ones, or a random choice.
        image_shape : tuple of int, default=None
            Shape of the images in the rows, (channels, height, width) or
            (height, width). None takes the parameter `image_shape` of the estimator; if
            it has none, rows are curves over the features.
        random_state : int, RandomState instance or None, default=0
            Determines the rows for "random".
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Color map of images with one channel.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ReconstructionDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `transform` or no `inverse_transform`.
        ValueError
            If `order`, `n_rows` or `image_shape` is invalid.

        Examples
        --------
        The rows that are reconstructed best have the smallest error:

        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from sklatent.decomposition import PCA
        >>> from sklatent.inspection import ReconstructionDisplay
        >>> X = scale(load_wine().data)
        >>> pca = PCA(4).fit(X)
        >>> display = ReconstructionDisplay.from_estimator(pca, X, order="best")
        >>> bool(np.isclose(display.errors[0], pca.reconstruction_error(X).min()))
        True
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, "transform", "inverse_transform", have=HAVE)
        check_in_memory(X, cls.__name__)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}; got {order!r}.")
        check_scalar(n_rows, "n_rows", int, min_val=1)
        # These rows are drawn; the estimator validates X itself.
        rows = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite=False)
        shape = resolve_image_shape(estimator, image_shape, rows.shape[1])
        reconstructed = np.asarray(estimator.inverse_transform(estimator.transform(X)))
        errors = np.nansum((rows - reconstructed) ** 2, axis=1, dtype=np.float64)
        chosen = _choose(errors, order, random_state)[:n_rows]
        display = cls(
            rows=rows[chosen],
            reconstructions=reconstructed[chosen],
            errors=errors[chosen],
            indices=chosen,
            image_shape=shape,
        )
        return display.plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap="gray", ax=None):
        """Draw the rows and their reconstructions.

        Parameters
        ----------
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Color map of images with one channel.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : ReconstructionDisplay
            This object.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_digits
        >>> from sklatent.decomposition import PCA
        >>> from sklatent.inspection import ReconstructionDisplay
        >>> X, _ = load_digits(return_X_y=True)
        >>> display = ReconstructionDisplay.from_estimator(
        ...     PCA(16).fit(X), X, n_rows=2, image_shape=(8, 8)
        ... )
        >>> plt.close(display.figure_)
        >>> display.plot(cmap="viridis") is display
        True
        >>> plt.close(display.figure_)
        """
        n = len(self.rows)
        self.image_ = self.lines_ = None
        if self.image_shape is not None:
            ax = self._start(ax, figsize=(max(0.9 * n + 1, 3), 2.8))
            width = self._plot_images(ax, cmap)
        else:
            ax = self._start(ax, figsize=(max(1.3 * n + 1, 4), 2.8))
            width = self._plot_curves(ax)
        indices = [""] * n if self.indices is None else [f"{i}\n" for i in self.indices]
        labels = [
            f"{index}{_short(error)}"
            for index, error in zip(indices, self.errors, strict=True)
        ]
        ax.set_xticks(width * (np.arange(n) + 0.5) - 0.5, labels)
        ax.tick_params(axis="x", length=0, labelsize="small")
        number = "" if self.indices is None else "row number, "
        ax.set_xlabel(f"{number}squared error")
        return self

    def _plot_images(self, ax, cmap):
        """Draw images in two lines; return the width of one."""
        pairs = np.stack([self.rows, self.reconstructions])
        limits = (np.nanmin(self.rows), np.nanmax(self.rows))
        image = mosaic(pairs, self.image_shape, limits)
        _, height, width = self.image_shape
        self.image_ = ax.imshow(image, cmap=cmap, vmin=limits[0], vmax=limits[1])
        ax.set_yticks([height / 2 - 0.5, 1.5 * height - 0.5], ["row", "rebuilt"])
        ax.tick_params(axis="y", length=0)
        for edge in width * np.arange(1, len(self.rows)):
            ax.axvline(edge - 0.5, color="white", linewidth=1.5)
        ax.axhline(height - 0.5, color="white", linewidth=1.5)
        ax.spines[:].set_visible(False)
        return width

    def _plot_curves(self, ax):
        """Draw values over features, side by side; return the width of one row."""
        p = self.rows.shape[1]
        width = p + 1  # and a gap
        self.lines_ = []
        for i, pair in enumerate(zip(self.rows, self.reconstructions, strict=True)):
            x = i * width + 0.5 + np.arange(p)
            self.lines_ += ax.plot(x, pair[0], ".-", color="black", markersize=4)
            self.lines_ += ax.plot(x, pair[1], ".--", color=ORANGE, markersize=4)
            if i:
                ax.axvline(i * width - 0.5, color="0.8", linewidth=0.8)
        # Only the first pair has labels, so that the legend has each once.
        for line, label in zip(self.lines_, ["row", "rebuilt"], strict=False):
            line.set_label(label)
        ax.set(
            ylabel="value of each feature", xlim=(-0.5, len(self.rows) * width - 0.5)
        )
        ax.legend(loc="best", fontsize="small")
        return width


def _short(error):
    """Error with few digits, and without a power of ten unless it is large."""
    return f"{error:.0f}" if 100 <= error < 1e5 else f"{error:.3g}"


def _choose(errors, order, random_state):
    """Positions of the rows, in the order in which they are drawn."""
    if order == "given":
        return np.arange(len(errors))
    if order == "random":
        return random_generator(random_state).permutation(len(errors))
    sign = -1 if order == "worst" else 1
    return np.argsort(sign * errors, kind="stable")
