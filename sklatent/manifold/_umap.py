"""UMAP: attraction along a fuzzy graph of neighbors, and complete repulsion.

McInnes, Healy and Melville (2018); the weight of the repulsion Damrich and Hamprecht
(2021).
"""

from numbers import Integral, Real

import numpy as np
from sklearn.neighbors import VALID_METRICS
from sklearn.utils import check_random_state

from sklatent.exceptions import CoarseMeshWarning, FewRowsWarning
from sklatent.manifold._base import GraphEmbedding
from sklatent.manifold._far import FAR, warn_of_far_rows
from sklatent.manifold._given_places import given_places
from sklatent.manifold._links import first_of_equal, start_search
from sklatent.manifold.fuzzy._descent import next_moves
from sklatent.manifold.fuzzy._forces import Forces
from sklatent.manifold.fuzzy._new_rows import NewRows
from sklatent.manifold.fuzzy._similarity import Similarity
from sklatent.manifold.fuzzy._start import scaled_start, spectral_start, spiral
from sklatent.manifold.mesh._starts import principal_start
from sklatent.utils._fuzzy_graph import (
    fit_similarity,
    fuzzy_union,
    memberships,
    smallest_scale,
    sure_distances,
)
from sklatent.utils._iterations import reported_fit
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._threads import count_threads, single_blas_thread
from sklatent.utils._warnings import warn

# What n_epochs=None is, and how many of them are reported as one.
N_EPOCHS, BLOCK_EPOCHS = 200, 10


class UMAP(CallbackSupportMixin, GraphEmbedding):
    """UMAP: an embedding for visualization that keeps neighbors together.

    Rows attract those that are their nearest neighbors, to a degree that is relative to
    the distances around each [1]_, and all places repel each other. Where umap-learn
    draws a sample of the repulsion at each step, here it is complete, with the weight
    that the sample has on average [2]_. So the embedding is the same at each run and
    for any number of threads, and keeps more neighbors; new rows are placed one by one,
    and places are turned back into rows.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of nearest rows that a row is joined to, with itself counted as one. Few
        show the local structure, many the global one.
    n_components : int or estimator, default=2
        Number of components. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded. With more than 3
        the time of a step grows with the square of the number of rows.
    metric : str or callable, default="euclidean"
        Distance between rows, as in :class:`sklearn.neighbors.NearestNeighbors`. With
        "precomputed" `X` is an array of all distances, or a sparse graph of those of
        near rows.
    metric_kwds : dict or None, default=None
        Further parameters of the metric.
    n_epochs : int or None, default=None
        Number of steps of the descent, each on the gradient of the complete loss; None
        is 200.
    learning_rate : float, default=1.0
        Factor of the length of the steps.
    init : {"spectral", "pca", "random"} or array-like of shape \
(n_samples, n_components), default="spectral"
        Where places start: at the eigenvectors of the graph of neighbors, at the
        principal components of the rows, anywhere, or at given places, each component
        of which is scaled.
    min_dist : float, default=0.1
        Distance up to which places of neighbors count as the same. Smaller values make
        denser clumps.
    spread : float, default=1.0
        Scale of the places, at least `min_dist`.
    set_op_mix_ratio : float, default=1.0
        Two rows are joined if either is a neighbor of the other, with 1, or if both
        are, with 0; between them there is a mixture.
    local_connectivity : float, default=1.0
        Number of nearest neighbors that a row is joined to surely.
    repulsion_strength : float, default=1.0
        Factor of the repulsion.
    negative_sample_rate : float, default=5
        Factor of the repulsion: the number of rows drawn for each edge whose repulsion
        has this weight on average.
    a : float or None, default=None
        The similarity of places at distance d is 1 / (1 + a d^(2 b)). None fits a and b
        to `min_dist` and `spread`; neither or both must be given.
    b : float or None, default=None
        Half of the power of the distance in the similarity. Below about 0.8 near rows
        all but coincide, and their repulsion has errors of up to 15 % with two
        components and 35 % with three.
    random_state : int, RandomState instance or None, default=None
        Determines the places with ``init="random"``; otherwise nothing is random.
    n_jobs : int, default=None
        Number of threads. None uses as many as BLAS would. The result does not depend
        on it.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the training rows, with mean 0.
    graph_ : sparse array of shape (n_distinct, n_distinct)
        Memberships of the edges between the distinct training rows, in the order in
        which they occur first.
    a_ : float
        Parameter a of the similarity.
    b_ : float
        Parameter b of the similarity.
    loss_ : float
        Loss before the last step: the mean cross-entropy of an edge, in nats, with the
        repulsion that goes with it.
    n_components_ : int
        Number of components.
    n_neighbors_ : int
        Number of neighbors used, fewer than `n_neighbors` if there are too few rows.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    TSNE : Keeps more neighbors, with less space between groups.
    Isomap : Keeps distances along the data.
    sklatent.neural.ParametricEmbedding : A network trained with this loss.
    DiffusionMap : Coordinates with a meaning, from a graph of neighbors too.

    Notes
    -----
    Neighbors are found exactly. With n rows and k neighbors, up to 3 components, a step
    takes time in proportion to n k, and memory is in proportion to that.

    Rows that are equal are one, as with ``unique=True`` in umap-learn. Distances
    between clusters, and their sizes, have no meaning.

    References
    ----------
    .. [1] L. McInnes, J. Healy and J. Melville (2018). UMAP: Uniform manifold
       approximation and projection for dimension reduction. arXiv:1802.03426,
       algorithms 1 to 5.
    .. [2] S. Damrich and F. A. Hamprecht (2021). On UMAP's true loss function. Advances
       in Neural Information Processing Systems 34, 5798-5809, section 4.

    Examples
    --------
    Pictures of digits; of ten neighbors in 64 dimensions, two dimensions keep half:

    >>> from sklearn.datasets import load_digits
    >>> from sklatent.manifold import UMAP
    >>> X, y = load_digits(return_X_y=True)
    >>> umap = UMAP().fit(X[::2])
    >>> umap.embedding_.shape, umap.transform(X[1::2]).shape
    ((899, 2), (898, 2))
    >>> bool(umap.score(X[1::2]) > 0.5)
    True
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 2, None, closed="left")],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "metric": [
            StrOptions({"precomputed"}.union(*VALID_METRICS.values())),
            callable,
        ],
        "metric_kwds": [dict, None],
        "n_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "init": [StrOptions({"spectral", "pca", "random"}), "array-like"],
        "min_dist": [Interval(Real, 0, None, closed="left")],
        "spread": [Interval(Real, 0, None, closed="neither")],
        "set_op_mix_ratio": [Interval(Real, 0, 1, closed="both")],
        "local_connectivity": [Interval(Real, 0, None, closed="left")],
        "repulsion_strength": [Interval(Real, 0, None, closed="left")],
        "negative_sample_rate": [Interval(Real, 0, None, closed="left")],
        "a": [Interval(Real, 0, None, closed="neither"), None],
        "b": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_neighbors=15,
        n_components=2,
        *,
        metric="euclidean",
        metric_kwds=None,
        n_epochs=None,
        learning_rate=1.0,
        init="spectral",
        min_dist=0.1,
        spread=1.0,
        set_op_mix_ratio=1.0,
        local_connectivity=1.0,
        repulsion_strength=1.0,
        negative_sample_rate=5,
        a=None,
        b=None,
        random_state=None,
        n_jobs=None,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.n_components = n_components
        self.metric = metric
        self.metric_kwds = metric_kwds
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.init = init
        self.min_dist = min_dist
        self.spread = spread
        self.set_op_mix_ratio = set_op_mix_ratio
        self.local_connectivity = local_connectivity
        self.repulsion_strength = repulsion_strength
        self.negative_sample_rate = negative_sample_rate
        self.a = a
        self.b = b
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Place the training rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows. A sparse matrix is made dense. With ``metric="precomputed"`` it is
            an array of all distances, of shape (n_samples, n_samples), or a sparse
            graph, such as :class:`sklearn.neighbors.KNeighborsTransformer` gives.
        y : Ignored
            Passed on to scikit-learn's callbacks.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `min_dist` is above `spread`, if only one of `a` and `b` is given, if
            the array `init` has not a place for each row, or if `X` cannot be used.

        Warns
        -----
        FewRowsWarning
            If there are fewer distinct rows than `n_neighbors`.

        Examples
        --------
        Precomputed neighbors, which may be those of another library:

        >>> import numpy as np
        >>> from sklearn.neighbors import KNeighborsTransformer
        >>> from sklatent.manifold import UMAP
        >>> X = np.random.RandomState(0).standard_normal((100, 5))
        >>> graph = KNeighborsTransformer(n_neighbors=14).fit_transform(X)
        >>> umap, same = UMAP().fit(X), UMAP(metric="precomputed").fit(graph)
        >>> bool(np.allclose(umap.graph_.toarray(), same.graph_.toarray()))
        True
        """
        with self._unchanged_on_error():
            X = self._read(X, reset=True)
            search = start_search(
                X, self.metric, metric_params=self.metric_kwds, n_jobs=self.n_jobs
            )
            self.n_components_ = self._resolve_n_components(X, most=len(search))
            similarity = self._set_similarity()
            self.graph_ = self._fuzzy_graph(search)
            Y = scaled_start(self._start(X, search), similarity.width)
            n_threads = count_threads(self.n_jobs)
            sums = similarity.sums(len(search), self.n_components_, n_threads)
            rate = self.negative_sample_rate * self.repulsion_strength
            with (
                Forces(self.graph_, similarity, sums, rate, n_threads) as forces,
                single_blas_thread,
            ):
                Y = self._descend(forces, Y, X, y, search)
            self._set_fitted(forces, Y, X, search)
        return self

    def _set_similarity(self):
        """Return the similarity, its parameters given or fitted."""
        if (self.a is None) != (self.b is None):
            raise ValueError(
                "a and b must both be numbers or both be None; got "
                f"a={self.a} and b={self.b}."
            )
        if self.min_dist > self.spread:
            raise ValueError(
                f"min_dist must be at most spread={self.spread}; got {self.min_dist}."
            )
        if self.a is None:
            self.a_, self.b_ = fit_similarity(self.spread, self.min_dist)
        else:
            self.a_, self.b_ = float(self.a), float(self.b)
        similarity = Similarity.on_mesh(self.b_, self.n_components_)
        # The distances at which it is one half, of the parameters and here.
        self._unit = self.a_ ** (-0.5 / self.b_) / similarity.width
        return similarity

    def _of_all_rows(self, Y, search):
        """Places of all rows in the units of the parameters, from distinct ones."""
        return (Y.astype(np.float64) * self._unit)[search.inverse]

    def _fuzzy_graph(self, search):
        """Return the graph of memberships of the distinct training rows."""
        n = len(search)
        self.n_neighbors_ = min(self.n_neighbors, n)
        if self.n_neighbors > n:
            warn(
                f"n_neighbors={self.n_neighbors} needs more rows than the {n} distinct "
                f"ones; n_neighbors={n} is used.",
                FewRowsWarning,
            )
        links = search.nearest(self.n_neighbors_).without_own()
        distances, nearest = links.padded(self.n_neighbors_ - 1)
        self._smallest_scale = smallest_scale(distances)
        values = self._memberships(distances)
        there = np.isfinite(distances)
        self._reach = FAR * distances.max(where=there, initial=0.0)
        edges = (np.nonzero(there)[0], nearest[there], values[there])
        return fuzzy_union(*edges, n, self.set_op_mix_ratio)

    def _memberships(self, distances):
        """Memberships of the neighbors at some distances."""
        rho = sure_distances(distances, self.local_connectivity)
        return memberships(distances, rho, self.n_neighbors_, self._smallest_scale)

    def _start(self, X, search):
        """Where the distinct rows start, in any units."""
        n, q = len(search), self.n_components_
        if not isinstance(self.init, str):
            places = given_places(self.init, X.shape[0], q)
            return places[first_of_equal(search)]
        if self.init == "random":
            return check_random_state(self.random_state).uniform(size=(n, q))
        if self.init == "pca":
            return self._principal(search)
        with single_blas_thread:
            return spectral_start(
                self.graph_, q, lambda labels: self._centers(search, labels)
            )

    def _principal(self, search):
        """Principal components of the distinct rows, 0 where there are no more."""
        if self._is_precomputed():
            raise ValueError(
                "init='pca' needs rows; got distances, with metric='precomputed'. "
                "init='spectral' needs only these."
            )
        return principal_start(search.data(), self.n_components_)

    def _centers(self, search, labels):
        """Where the connected components of the graph lie among each other."""
        sizes = np.bincount(labels)
        if self._is_precomputed():
            return spiral(len(sizes), self.n_components_)
        sums = np.zeros((len(sizes), search.data().shape[1]))
        np.add.at(sums, labels, search.data() / sizes[labels][:, None])
        return principal_start(sums, self.n_components_)

    def _descend(self, forces, Y, X, y, search):
        """Return the places of the distinct rows after the descent."""
        n_epochs = N_EPOCHS if self.n_epochs is None else self.n_epochs
        n_blocks = -(-n_epochs // BLOCK_EPOCHS)
        degrees = forces.smoothed_degrees()[:, None]
        moves = np.zeros_like(Y)
        with reported_fit(self, X, y, n_blocks) as fit:
            report = fit.iterations(
                f"block of {BLOCK_EPOCHS} epochs",
                lambda: {"embedding_": self._of_all_rows(Y, search)},
            )
            for epoch in range(n_epochs):
                if epoch % BLOCK_EPOCHS == 0:
                    report.begin()
                gradient = forces.gradient(Y) / degrees
                last = epoch + 1 == n_epochs
                if ends := (epoch + 1) % BLOCK_EPOCHS == 0 or last:
                    self.loss_ = forces.value(Y)
                left = self.learning_rate * (1 - epoch / n_epochs)
                moves = next_moves(moves, gradient, left, forces.similarity.width)
                Y = Y + moves
                if ends and report.end(self.loss_):
                    break
        return Y - Y.mean(axis=0)

    def _set_fitted(self, forces, Y, X, search):
        """Set the places of the training rows, and the field for new ones."""
        if forces.sums.is_coarse():
            warn(
                "The map is so wide that its mesh does not resolve the repulsion of "
                "near rows. Lower repulsion_strength or negative_sample_rate.",
                CoarseMeshWarning,
            )
        self._field = NewRows(
            forces.similarity, Y, forces.degrees, float(forces.strength)
        )
        self._keep(X, self._of_all_rows(Y, search))
        search.keep_only(getattr(self, "_fit_X", None))
        self._search = search

    def _place(self, X):
        if len(self._field.places) == 1:
            return np.zeros((X.shape[0], self.n_components_), dtype=X.dtype)
        k = self.n_neighbors_ - 1
        distances, nearest = self._search.nearest(k, X).padded(k)
        far = distances[:, 0] > self._reach
        warn_of_far_rows(far, "by their nearest training rows all the same")
        Z = self._field.place(self._memberships(distances), nearest)
        # A training row keeps its place.
        seen = distances[:, 0] == 0
        Z[seen] = self._field.places[nearest[seen, 0]]
        return (Z * self._unit).astype(X.dtype, copy=False)

    def _nearest(self, X, n_neighbors):
        if not self._is_precomputed():
            return self._search.nearest_arrays(n_neighbors, X)
        return super()._nearest(X, n_neighbors)
