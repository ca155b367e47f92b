"""Rows, and what a model makes of them."""

import numpy as np
from sklearn.utils import check_array, check_scalar

from sklatent.inspection._images import mosaic, resolve_image_shape
from sklatent.inspection._plotting import ORANGE, Display
from sklatent.utils._random import random_generator

HAVE = "PCA, PPCA, FactorAnalysis, AETransformer or VAETransformer"
ORDERS = ("worst", "best", "given", "random")


class ReconstructionDisplay(Display):
    """Rows above what a latent model rebuilds of their codes, with the error.

    :meth:`from_estimator` chooses the rows, by default those that are rebuilt worst.
    Read more in the :ref:`user guide <inspection>`.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        The rows shown.
    reconstructions : ndarray of shape (n_rows, n_features)
        What the model rebuilds.
    errors : ndarray of shape (n_rows,)
        Squared distance between the two, in squared units of the data.
    indices : ndarray of shape (n_rows,) or None, default=None
        Which rows of the data they are.
    image_shape : tuple of int of length 3 or None, default=None
        Channels, height and width, where rows are images.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage or None
        All images, as one.
    lines_ : list of matplotlib.lines.Line2D or None
        Where rows are no images: the rows and the reconstructions, one after the
        other.

    See Also
    --------
    LatentSpaceDisplay : The codes themselves.

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

    def __init__(
        self, *, rows, reconstructions, errors, indices=None, image_shape=None
    ):
        self.rows = rows
        self.reconstructions = reconstructions
        self.errors = errors
        self.indices = indices
        self.image_shape = image_shape

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
            The data. Missing entries, where the model takes them, do not count in
            the error, and are left blank.
        n_rows : int, default=8
            How many to draw; all, if there are fewer.
        order : {"worst", "best", "given", "random"}, default="worst"
            Which: those with the largest error, with the smallest, the first, or any.
        image_shape : tuple of int, default=None
            (channels, height, width) or (height, width) of the images that the rows
            are. None asks the estimator for its parameter `image_shape`; rows are
            curves over the features where there is none.
        random_state : int, RandomState instance or None, default=0
            Determines the rows for "random".
        cmap : str or matplotlib.colors.Colormap, default="gray"
            Colors of images with one channel.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ReconstructionDisplay
            What has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no way back from codes to rows.
        ValueError
            If `order`, `n_rows` or `image_shape` cannot be used.

        Examples
        --------
        The rows that are rebuilt best have the smallest error:

        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from sklatent.decomposition import PCA
        >>> from sklatent.inspection import ReconstructionDisplay
        >>> X = scale(load_wine().data)
        >>> pca = PCA(4).fit(X)
        >>> display = ReconstructionDisplay.from_estimator(pca, X, order="best")
        >>> bool(display.errors[0] == pca.reconstruction_error(X).min())
        True
        >>> plt.close(display.figure_)
        """
        cls._check(estimator, "transform", "inverse_transform", have=HAVE)
        if order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}; got {order!r}.")
        check_scalar(n_rows, "n_rows", int, min_val=1)
        rows = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite=False)
        shape = resolve_image_shape(estimator, image_shape, rows.shape[1])
        rebuilt = np.asarray(estimator.inverse_transform(estimator.transform(X)))
        errors = np.nansum((rows - rebuilt) ** 2, axis=1, dtype=np.float64)
        chosen = _choose(errors, order, random_state)[:n_rows]
        display = cls(
            rows=rows[chosen],
            reconstructions=rebuilt[chosen],
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
            Colors of images with one channel.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

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
        """Images in two lines; return the width of one."""
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
        """Values over features, side by side; return the width of one row."""
        p = self.rows.shape[1]
        width = p + 1  # and a gap
        self.lines_ = []
        for i, pair in enumerate(zip(self.rows, self.reconstructions, strict=True)):
            x = i * width + 0.5 + np.arange(p)
            self.lines_ += ax.plot(x, pair[0], ".-", color="black", markersize=4)
            self.lines_ += ax.plot(x, pair[1], ".--", color=ORANGE, markersize=4)
            if i:
                ax.axvline(i * width - 0.5, color="0.8", linewidth=0.8)
        for line, label in zip(self.lines_, ["row", "rebuilt"], strict=False):
            line.set_label(label)
        ax.set(
            ylabel="value of each feature", xlim=(-0.5, len(self.rows) * width - 0.5)
        )
        ax.legend(loc="best", fontsize="small")
        return width


def _short(error):
    """Write an error with few digits, and without a power of ten if it is common."""
    return f"{error:.0f}" if 100 <= error < 1e5 else f"{error:.3g}"


def _choose(errors, order, random_state):
    """Positions of the rows, those to be shown first."""
    if order == "given":
        return np.arange(len(errors))
    if order == "random":
        return random_generator(random_state).permutation(len(errors))
    sign = -1 if order == "worst" else 1
    return np.argsort(sign * errors, kind="stable")
