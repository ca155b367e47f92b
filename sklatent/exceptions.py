"""Warnings of sklatent."""

__all__ = [
    "CoarseMeshWarning",
    "DisconnectedGraphWarning",
    "DiscreteDataWarning",
    "DuplicateRowsWarning",
    "FarRowsWarning",
    "FewRowsWarning",
    "HeywoodWarning",
    "InconsistentVersionWarning",
    "PosteriorCollapseWarning",
    "RankDeficientWarning",
    "RepeatedReadingWarning",
]


class CoarseMeshWarning(UserWarning):
    """A map is so wide that the mesh for its forces had to be coarser.

    Repulsions of rows nearer than a node of the mesh are too small then. Most often one
    row, or a chain of rows, has moved far away from the others.

    See Also
    --------
    sklatent.manifold.TSNE : Gives the warning, after the last iteration.
    sklatent.manifold.UMAP : Gives it too.

    Examples
    --------
    Rows that start at distances for which the mesh cannot have enough nodes:

    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklatent.manifold import TSNE
    >>> X = load_digits().data[:600]
    >>> start = 1e5 * np.random.RandomState(0).standard_normal((600, 2))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     tsne = TSNE(init=start, max_iter=1).fit(X)
    >>> [warning.category.__name__ for warning in caught]
    ['CoarseMeshWarning']
    """


class DisconnectedGraphWarning(UserWarning):
    """The graph of neighbors has several connected components.

    No path leads from one component to another. The fitted attribute
    `component_labels_` has the component of each row.

    See Also
    --------
    sklatent.manifold.Isomap : Gives the warning, and joins the components.

    Examples
    --------
    Two groups of rows that are not among each other's nearest:

    >>> import warnings
    >>> from sklatent.manifold import Isomap
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     isomap = Isomap(n_neighbors=1, n_components=1).fit([[0], [1], [8], [9]])
    >>> [warning.category.__name__ for warning in caught]
    ['DisconnectedGraphWarning']
    >>> isomap.component_labels_
    array([0, 0, 1, 1], dtype=int32)
    """


class DiscreteDataWarning(UserWarning):
    """Many distances are equal, as on a grid: the data is discrete or rounded.

    It is given where more than 1 % of the rows have two neighbors at the same distance.
    Where more than half of them do, `fit` raises a ValueError.

    See Also
    --------
    DuplicateRowsWarning : Given for rows at distance 0.

    Examples
    --------
    >>> import warnings
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import LevinaBickel
    >>> X, _ = make_swiss_roll(200, random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = LevinaBickel().fit(X.round())
    >>> [warning.category.__name__ for warning in caught]
    ['DuplicateRowsWarning', 'DiscreteDataWarning']
    """


class DuplicateRowsWarning(UserWarning):
    """Some rows repeat others, and equal rows count once.

    It is given by the estimators of the dimension, most of which take logarithms of
    distances. Their attribute `n_duplicates_` is the number of such rows. Where several
    estimators are fitted to one table in turn, only the first of them warns.

    See Also
    --------
    DiscreteDataWarning : Given for equal distances.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import TwoNN
    >>> X, _ = make_swiss_roll(200, random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     two_nn = TwoNN().fit(np.vstack([X, X[:5]]))
    >>> print(caught[0].message)
    5 of 205 rows repeat others; each counts once.
    >>> two_nn.dimension_ == TwoNN().fit(X).dimension_
    True
    """


class FarRowsWarning(UserWarning):
    """Some rows are far from all training rows, so that their places tell little.

    Embeddings place a new row by the training rows near it. A row with none near it has
    a finite place all the same, and there is one warning for all such rows of a call.

    See Also
    --------
    FewRowsWarning : Given if there are too few rows.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.manifold import Isomap
    >>> X = load_iris().data
    >>> isomap = Isomap(n_neighbors=50).fit(X)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     Z = isomap.transform(X[:2] + [[0.0], [1000.0]])
    >>> [warning.category.__name__ for warning in caught]
    ['FarRowsWarning']
    """


class FewRowsWarning(UserWarning):
    """There are fewer rows than `fit` needs for the neighbors asked for; all are used.

    Rows that repeat others do not count. How many neighbors are used is a fitted
    attribute with the name of the parameter, such as `n_neighbors_`.

    See Also
    --------
    DuplicateRowsWarning : Given for rows that repeat others.

    Examples
    --------
    >>> import warnings
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import NeighborScaling
    >>> X, _ = make_swiss_roll(15, random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     scaling = NeighborScaling(n_neighbors=20).fit(X)
    >>> print(caught[0].message)
    n_neighbors=20 needs more rows than the 15 distinct ones; n_neighbors=14 is used.
    >>> scaling.n_neighbors_
    14
    """


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another version of sklatent than loads it.

    Fitted attributes may have another meaning in this version.

    See Also
    --------
    sklearn.exceptions.InconsistentVersionWarning : The one of scikit-learn.

    Examples
    --------
    The state of an estimator holds the version of sklatent:

    >>> import warnings
    >>> from sklatent.dimension import TwoNN
    >>> state = TwoNN().__getstate__() | {"_sklatent_version": "0.0.0"}
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     TwoNN().__setstate__(state)
    >>> print(caught[0].message)
    This TwoNN was saved by sklatent 0.0.0 and is loaded by ...
    """


class RankDeficientWarning(UserWarning):
    """Components or noise have no variance; their variance is kept at a lower bound.

    See Also
    --------
    HeywoodWarning : Given for a single feature without noise.

    Examples
    --------
    Rows in a plane, for which two components leave no noise:

    >>> import warnings
    >>> from sklatent.datasets import make_affine
    >>> from sklatent.decomposition import PPCA
    >>> X, _ = make_affine(dimension=2, n_features=5, random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = PPCA(n_components=2).fit(X)
    >>> print(caught[0].message)
    2 components explain the data entirely; noise_variance_ is kept at its bound...
    """


class HeywoodWarning(UserWarning):
    """A factor analysis may explain a feature entirely, without noise of its own.

    The likelihood would not decrease if the noise variance of the feature were 0. The
    loadings are then poorly determined, and the noise variance may be at its bound.

    See Also
    --------
    RankDeficientWarning : Given if no feature has noise.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.decomposition import FactorAnalysis
    >>> X, _ = load_iris(return_X_y=True, as_frame=True)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = FactorAnalysis(n_components=1).fit(X)
    >>> print(caught[0].message)
    The factors may explain features ['petal length (cm)'] entirely (a Heywood case)...
    """


class PosteriorCollapseWarning(UserWarning):
    """The codes of a variational autoencoder tell nothing about the rows.

    It is given after a training of 100 steps or more, if the rows differ and
    `n_active_units_` is 0.

    See Also
    --------
    sklatent.neural.VAETransformer : Gives the warning.

    Examples
    --------
    A `beta` of 1000 makes the code so costly that it is not used:

    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.neural import VAETransformer
    >>> X, _ = load_iris(return_X_y=True)
    >>> vae = VAETransformer(
    ...     hidden_layer_sizes=(4,), beta=1000, lr=0.03, batch_size=25, max_epochs=20
    ... ).set_params(random_state=0)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = vae.fit(X)
    >>> print(caught[0].message)
    The posterior has collapsed: no component of the code depends on the row...
    >>> vae.n_active_units_
    0
    """


class RepeatedReadingWarning(UserWarning):
    """A lazy collection is read again in each step of a fit.

    What is not in memory is computed, or read from where it lies, every time. The
    message says how often at most. The result does not depend on it.

    See Also
    --------
    sklatent.density.GaussianMixture, sklatent.neural.VAETransformer : Estimators that
        give the warning for lazy Dask collections.

    Examples
    --------
    The blocks of a Dask array that are computed are in memory after `persist`:

    >>> import warnings
    >>> import dask.array as da
    >>> from sklatent.density import GaussianMixture
    >>> X = da.random.default_rng(0).standard_normal((1000, 2), chunks=(250, 2))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     mixture = GaussianMixture(random_state=0).fit(X)
    ...     mixture = GaussianMixture(random_state=0).fit(X.persist())
    >>> [warning.category.__name__ for warning in caught]
    ['RepeatedReadingWarning']
    """
