"""Plot of an embedding's errors: neighbors that are lost, and distances."""

import numbers
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr
from sklearn.utils import check_array, check_scalar

from sklatent.inspection._plotting import BLUE, Display, check_components
from sklatent.utils._random import random_generator
from sklatent.utils._tables import check_in_memory

HAVE = "ClassicalMDS, DiffusionMap, Isomap or KernelPCA"
KINDS = ("neighbors", "shepard")


@dataclass(kw_only=True, eq=False, repr=False)
class EmbeddingDisplay(Display):
    """Plot of an embedding's errors: lost neighbors, or a Shepard diagram.

    :meth:`from_estimator` draws the places of rows, colored by the share of each row's
    neighbors that its place keeps; or, with ``kind="shepard"``, the distances of pairs
    of rows against those of their places. Read more in the
    :ref:`user guide <embedding_display>`.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, 2) or None, default=None
        Places to draw as dots.
    recall : ndarray of shape (n_samples,) or None, default=None
        Share of the neighbors that each place keeps, corrected for chance, for the
        colors of the dots.
    distances : ndarray of shape (n_pairs,) or None, default=None
        Distances of pairs of rows. If given, they are drawn instead of the places.
    embedded_distances : ndarray of shape (n_pairs,) or None, default=None
        Distances of the places of these pairs.
    components : tuple of two int, default=(0, 1)
        Positions of the two components.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.
    scatter_ : matplotlib.collections.PathCollection
        The dots at the places, or at the pairs of distances.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        The color bar of the shares.
    line_ : matplotlib.lines.Line2D or None
        The line of equal distances in a Shepard diagram.

    See Also
    --------
    LatentSpaceDisplay : Plot of codes colored by class or value.
    sklatent.manifold.metrics.auc_r_nx : The neighbors that are kept, as one number.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.inspection import EmbeddingDisplay
    >>> from sklatent.manifold import ClassicalMDS
    >>> X = load_iris().data
    >>> mds = ClassicalMDS(n_components=2).fit(X)
    >>> display = EmbeddingDisplay.from_estimator(mds, X)
    >>> bool((display.recall == mds.score_samples(X)).all())
    True
    >>> plt.close(display.figure_)

    Distances of 500 pairs of rows, and of their places:

    >>> display = EmbeddingDisplay.from_estimator(mds, X, kind="shepard", n_pairs=500)
    >>> bool((display.embedded_distances <= display.distances + 1e-12).all())
    True
    >>> plt.close(display.figure_)
    """

    codes: np.ndarray | None = None
    recall: np.ndarray | None = None
    distances: np.ndarray | None = None
    embedded_distances: np.ndarray | None = None
    components: tuple = (0, 1)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        kind="neighbors",
        components=(0, 1),
        n_pairs=2000,
        random_state=0,
        cmap="viridis",
        ax=None,
    ):
        """Draw the errors of a fitted embedding.

        Parameters
        ----------
        estimator : object
            A fitted embedding of `sklatent.manifold`.
        X : array-like of shape (n_samples, n_features)
            Rows, which need not be those of the training; with precomputed distances
            those from the training rows, of shape (n_samples, n_samples_fit).
        kind : {"neighbors", "shepard"}, default="neighbors"
            The kind of the plot. "neighbors" draws the places of the rows, colored by
            `score_samples`: 1 where all neighbors are kept, and about 0 where as few as
            by chance. "shepard" draws Euclidean distances of random pairs of rows, or
            those that were precomputed, against the distances of their places.
        components : tuple of two int, default=(0, 1)
            Positions of the components to draw, from 0; a Shepard diagram uses all of
            them.
        n_pairs : int, default=2000
            Number of pairs in a Shepard diagram.
        random_state : int, RandomState instance or None, default=0
            Determines which pairs are drawn.
        cmap : str or matplotlib.colors.Colormap, default="viridis"
            Color map of the shares.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display, which has been drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no `embedding_`, `transform` or `score_samples`.
        ValueError
            If a parameter is invalid, there is only one row, or a Shepard diagram is
            asked for where kernel values are precomputed.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.preprocessing import scale
        >>> from sklatent.inspection import EmbeddingDisplay
        >>> from sklatent.manifold import Isomap
        >>> X = scale(load_wine().data)
        >>> isomap = Isomap(n_components=3, n_neighbors=15).fit(X)
        >>> display = EmbeddingDisplay.from_estimator(isomap, X, components=(1, 2))
        >>> display.codes.shape
        (178, 2)
        >>> plt.close(display.figure_)
        """
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}; got {kind!r}.")
        cls._check(estimator, "embedding_", "transform", "score_samples", have=HAVE)
        check_in_memory(X, cls.__name__)
        codes = np.asarray(estimator.transform(X))
        if kind == "shepard":
            drawn = _distances(estimator, X, codes, n_pairs, random_state)
        else:
            components = check_components(components, codes.shape[1])
            drawn = {
                "codes": codes[:, components],
                "recall": np.asarray(estimator.score_samples(X)),
                "components": components,
            }
        return cls(**drawn).plot(cmap=cmap, ax=ax)

    def plot(self, *, cmap="viridis", ax=None):
        """Draw the places or the distances.

        Parameters
        ----------
        cmap : str or matplotlib.colors.Colormap, default="viridis"
            Color map of the shares.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        display : EmbeddingDisplay
            This object.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.inspection import EmbeddingDisplay
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> mds = ClassicalMDS(n_components=2).fit(X)
        >>> figure, (left, right) = plt.subplots(1, 2)
        >>> display = EmbeddingDisplay.from_estimator(mds, X, ax=left)
        >>> display.plot(cmap="magma", ax=right).ax_ is right
        True
        >>> plt.close(figure)
        """
        self.colorbar_ = self.line_ = None
        ax = self._start(ax)
        dots = {"s": 10, "linewidth": 0}
        if self.distances is None:
            color = {"c": self.recall, "cmap": cmap, "vmin": min(0, self.recall.min())}
            self.scatter_ = ax.scatter(*self.codes.T, **color, vmax=1, **dots)
            self.colorbar_ = self.figure_.colorbar(
                self.scatter_, ax=ax, label="neighbors kept, corrected for chance"
            )
            i, j = self.components
            ax.set(xlabel=f"component {i}", ylabel=f"component {j}")
            return self
        pairs = (self.distances, self.embedded_distances)
        self.scatter_ = ax.scatter(*pairs, color=BLUE, alpha=0.4, **dots)
        end = max(self.distances.max(), self.embedded_distances.max())
        self.line_ = ax.plot([0, end], [0, end], "--", color="0.4", linewidth=1)[0]
        rho = spearmanr(*pairs).statistic
        ax.set(
            xlabel="distance of the rows",
            ylabel="distance of their places",
            title=f"rank correlation {rho:.2f}",
        )
        return self


def _distances(estimator, X, codes, n_pairs, random_state):
    """Distances of random pairs of rows, and of their places."""
    check_scalar(n_pairs, "n_pairs", numbers.Integral, min_val=2)
    rng = random_generator(random_state)
    if getattr(estimator, "kernel", None) == "precomputed":
        raise ValueError(
            "kind='shepard' needs rows or distances; got an estimator with "
            "kernel='precomputed', which has neither."
        )
    if getattr(estimator, "metric", None) == "precomputed":
        # Sparse distances hold no more than those of neighbors.
        D = check_array(X, dtype=np.float64)
        i, j = (rng.randint(size, size=n_pairs) for size in D.shape)
        distances, others = D[i, j], np.asarray(estimator.embedding_)
    else:
        rows = check_array(X, dtype=np.float64, ensure_min_samples=2)
        i = rng.randint(len(rows), size=n_pairs)
        j = (i + rng.randint(1, len(rows), size=n_pairs)) % len(rows)
        distances = np.linalg.norm(rows[i] - rows[j], axis=1)
        others = codes
    embedded = np.linalg.norm(codes[i] - others[j], axis=1)
    return {"distances": distances, "embedded_distances": embedded}
