"""Isomap: distances along the data, and places at these distances."""

from numbers import Integral, Real

import numpy as np
from sklearn.neighbors import VALID_METRICS
from sklearn.utils.validation import check_is_fitted

from sklatent.exceptions import FewRowsWarning, RankDeficientWarning
from sklatent.manifold._base import GraphEmbedding, has_rows
from sklatent.manifold._far import FAR, warn_of_far_rows
from sklatent.manifold._graph import (
    all_geodesics,
    component_labels,
    edge_graph,
    geodesic_landmarks,
    join_components,
    warn_of_components,
)
from sklatent.manifold._landmark_mds import residual_variance, scale_landmarks
from sklatent.manifold._links import first_of_equal, start_search
from sklatent.utils._blocks import row_slices
from sklatent.utils._iterations import reported_rows
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._warnings import warn

# Up to so many distinct rows all are landmarks, unless a number is given; then so many.
MANY_ROWS, N_LANDMARKS = 1000, 100
BLOCK_ROWS = 4096


class Isomap(CallbackSupportMixin, GraphEmbedding):
    """Isomap: an embedding that keeps the distances along the data.

    Rows are joined to their nearest neighbors. The length of the shortest path from row
    to row is nearly the distance along the surface that the rows lie on, the geodesic
    distance, and the rows are placed so that their distances are the geodesic ones
    [1]_. Above 1000 rows only the distances from some landmarks are computed [2]_.

    Parameters
    ----------
    n_neighbors : int or None, default=5
        Number of nearest rows that each row is joined to, not counting rows equal to
        it. Too few tear the graph; too many join rows across folds of the data. None
        joins rows by `radius`.
    radius : float or None, default=None
        Distance up to which rows are joined, if `n_neighbors` is None.
    n_components : int or estimator, default=2
        Number of components. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded.
    n_landmarks : int, "auto" or None, default="auto"
        Number of landmarks, rows from which the distances along the graph are computed.
        None takes all rows, which needs memory for a number per pair of rows. "auto"
        takes all rows up to 1000 distinct ones, and 100 landmarks above.
    disconnected : {"join", "raise"}, default="join"
        What is done if the graph is not connected: "join" adds the shortest edges that
        connect it, with a warning; "raise" raises a ValueError.
    eigen_solver : {"auto", "arpack", "dense"}, default="auto"
        Method for the eigenvalues. "dense" finds them by LAPACK, "arpack" by
        iterations. "auto" is "dense" up to 200 landmarks, and for many components.
    tol : float, default=0
        Relative error of the eigenvalues with "arpack"; 0 is as exact as rounding
        allows.
    max_iter : int or None, default=None
        Bound on the iterations of "arpack"; None is ten times the number of landmarks.
    path_method : {"auto", "FW", "D"}, default="auto"
        Ignored: shortest paths are found by Dijkstra's algorithm. For compatibility
        with scikit-learn.
    neighbors_algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Method by which scikit-learn finds neighbors in a metric that is not Euclidean.
        Euclidean neighbors are found exactly whatever it is.
    n_jobs : int, default=None
        Number of threads for the search of neighbors. None uses as many as BLAS would.
        The result does not depend on it.
    metric : str or callable, default="minkowski"
        Distance between neighbors, as in :class:`sklearn.neighbors.NearestNeighbors`;
        with the default `p` it is the Euclidean one. With "precomputed" `X` is an array
        of all distances, or a sparse graph of those of near rows.
    p : float, default=2
        Power of the metric "minkowski".
    metric_params : dict or None, default=None
        Further parameters of the metric.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. The first half of the iterations are blocks of
        rows whose neighbors are searched for, and the other half are landmarks, or
        blocks of rows, from which paths are.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the training rows, in units of the distances.
    n_components_ : int
        Number of components.
    n_neighbors_ : int or None
        Number of neighbors used, fewer than `n_neighbors` if there are too few rows.
    eigenvalues_ : ndarray of shape (n_components,)
        Sums over the rows of the squares of each component, in squared units; with
        landmarks the sum over these, each weighted by the rows that it is nearest to.
    landmarks_ : ndarray of shape (n_landmarks,)
        Training rows that are landmarks.
    dist_matrix_ : ndarray of shape (n_samples, n_samples)
        Geodesic distances between all rows, if all distinct rows are landmarks.
    landmark_distances_ : ndarray of shape (n_samples, n_landmarks)
        Geodesic distances to the landmarks, if these are not all rows.
    residual_variance_ : float
        Share of the variance of the geodesic distances that those of the places do not
        explain, 1 - R², over all pairs of a row and a landmark.
    component_labels_ : ndarray of shape (n_samples,)
        Connected component of each row in the graph of neighbors, before components
        are joined.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklatent.decomposition.PCA : For rows near a plane.
    sklatent.dimension.TwoNN : Estimates the number of components.
    sklearn.manifold.Isomap : The estimator whose parameters these are.

    References
    ----------
    .. [1] J. B. Tenenbaum, V. de Silva and J. C. Langford (2000). A global geometric
       framework for nonlinear dimensionality reduction. Science 290, 2319-2323.
    .. [2] V. de Silva and J. B. Tenenbaum (2004). Sparse multidimensional scaling using
       landmark points. Technical report, Stanford University, section 2.

    Examples
    --------
    A roll is unrolled: the first component is the length along it.

    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.manifold import Isomap
    >>> X, t = make_swiss_roll(2000, random_state=0)
    >>> isomap = Isomap(n_neighbors=10).fit(X)
    >>> isomap.landmarks_.shape, isomap.embedding_.shape
    ((100,), (2000, 2))
    >>> bool(isomap.residual_variance_ < 0.01)
    True
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left"), None],
        "radius": [Interval(Real, 0, None, closed="both"), None],
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "n_landmarks": [
            Interval(Integral, 2, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "disconnected": [StrOptions({"join", "raise"})],
        "eigen_solver": [StrOptions({"auto", "arpack", "dense"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "path_method": [StrOptions({"auto", "FW", "D"})],
        "neighbors_algorithm": [StrOptions({"auto", "brute", "kd_tree", "ball_tree"})],
        "n_jobs": [Integral, None],
        "metric": [
            StrOptions({"precomputed"}.union(*VALID_METRICS.values())),
            callable,
        ],
        "p": [Interval(Real, 1, None, closed="left")],
        "metric_params": [dict, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        n_neighbors=5,
        radius=None,
        n_components=2,
        n_landmarks="auto",
        disconnected="join",
        eigen_solver="auto",
        tol=0,
        max_iter=None,
        path_method="auto",
        neighbors_algorithm="auto",
        n_jobs=None,
        metric="minkowski",
        p=2,
        metric_params=None,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.radius = radius
        self.n_components = n_components
        self.n_landmarks = n_landmarks
        self.disconnected = disconnected
        self.eigen_solver = eigen_solver
        self.tol = tol
        self.max_iter = max_iter
        self.path_method = path_method
        self.neighbors_algorithm = neighbors_algorithm
        self.n_jobs = n_jobs
        self.metric = metric
        self.p = p
        self.metric_params = metric_params
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Place the training rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows, at least two. A sparse matrix is made dense. With
            ``metric="precomputed"`` it is an array of all distances, of shape
            (n_samples, n_samples), or a sparse graph, such as
            :class:`sklearn.neighbors.KNeighborsTransformer` gives.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `n_neighbors` and `radius` are both given or both None, if the graph is
            not connected and `disconnected` is "raise", or if `X` or a parameter cannot
            be used.
        RuntimeError
            If a precomputed sparse graph is not connected.

        Warns
        -----
        DisconnectedGraphWarning
            If the graph is not connected, and its components are joined.
        FewRowsWarning
            If there are not more distinct rows than `n_neighbors`.
        RankDeficientWarning
            If a component has no variance.

        Examples
        --------
        Precomputed neighbors, which may be those of another library:

        >>> import numpy as np
        >>> from sklearn.neighbors import KNeighborsTransformer
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.manifold import Isomap
        >>> X, _ = make_swiss_roll(300, random_state=0)
        >>> graph = KNeighborsTransformer(n_neighbors=9).fit_transform(X)
        >>> Z = Isomap(n_neighbors=9, metric="precomputed").fit(graph).embedding_
        >>> bool(np.allclose(Z, Isomap(n_neighbors=9).fit(X).embedding_))
        True
        """
        with self._unchanged_on_error():
            self._check_neighborhoods()
            X = self._read(X, reset=True, ensure_min_samples=2)
            search = start_search(
                X,
                self.metric,
                p=self.p,
                metric_params=self.metric_params,
                algorithm=self.neighbors_algorithm,
                n_jobs=self.n_jobs,
            )
            n = len(search)
            with reported_rows(self, X, y, 2 * n) as report:
                links = self._training_links(search, report)
                graph = edge_graph(links.queries(), links.rows, links.lengths, n)
                graph = self._connect(graph, search)
                self.n_components_ = self._resolve_n_components(X, most=n)
                landmarks, geodesics = self._geodesics_from_landmarks(graph, report)
            places = self._scale(landmarks, geodesics, search.counts)
            self._reach = FAR * graph.data.max(initial=0.0)
            self._keep(X, places[search.inverse])
            self._keep_distances(landmarks, geodesics.astype(X.dtype), search)
        return self

    def _check_neighborhoods(self):
        """Raise unless exactly one of `n_neighbors` and `radius` is given."""
        if (self.n_neighbors is None) != (self.radius is None):
            return
        if self.radius is None:
            raise ValueError(
                "n_neighbors or radius must be a number; got None for both."
            )
        raise ValueError(
            "Both n_neighbors and radius are provided; got "
            f"n_neighbors={self.n_neighbors} and radius={self.radius}. Set "
            "n_neighbors=None to join the rows within the radius."
        )

    def _training_links(self, search, report):
        """Links of the training rows to each other."""
        self.n_neighbors_ = None
        if self.n_neighbors is None:
            return search.within(self.radius).without_own()
        most = len(search) - 1
        self.n_neighbors_ = min(self.n_neighbors, most)
        if self.n_neighbors > most:
            warn(
                f"n_neighbors={self.n_neighbors} needs more rows than the {most + 1} "
                f"distinct ones; n_neighbors={most} is used.",
                FewRowsWarning,
            )
        links = search.nearest(self.n_neighbors_ + 1, report=report).without_own()
        links = links.shortest(self.n_neighbors_)
        fewest = links.counts().min()
        if fewest < self.n_neighbors_:
            warn(
                f"n_neighbors={self.n_neighbors} is more than the sparse graph X has "
                f"for some rows, as few as {fewest}; these have no more neighbors.",
                FewRowsWarning,
            )
        return links

    def _connect(self, graph, search):
        """Return the graph with its components joined, or raise."""
        labels = component_labels(graph)
        self.component_labels_ = labels[search.inverse]
        n_components = labels.max() + 1
        if n_components == 1:
            return graph
        more = "n_neighbors" if self.radius is None else "radius"
        if self.disconnected == "raise":
            raise ValueError(
                "The graph of neighbors must be connected with disconnected='raise'; "
                f"got {n_components} connected components. Raise {more}, now "
                f"{getattr(self, more)}."
            )
        graph = join_components(graph, search)
        warn_of_components(
            n_components,
            f"They were joined by the shortest edges between them. Raise {more}, now "
            f"{getattr(self, more)}, if the data are in one piece.",
        )
        return graph

    def _geodesics_from_landmarks(self, graph, report):
        """Return the landmarks, and the geodesic distances of all rows from them."""
        n, m = graph.shape[0], self.n_landmarks
        if m == "auto":
            m = N_LANDMARKS if n > MANY_ROWS else n
        if m is None or m >= n:
            return np.arange(n), all_geodesics(graph, report)
        return geodesic_landmarks(graph, m, report)

    def _scale(self, landmarks, geodesics, counts):
        """Place the distinct training rows by their distances from the landmarks."""
        n, m = geodesics.shape
        weight = counts
        if m < n:
            weight = np.bincount(geodesics.argmin(axis=1), counts, minlength=m)
        between = geodesics if m == n else geodesics[landmarks]
        self._scaling = scale_landmarks(
            np.minimum(between, between.T),
            weight,
            self.n_components_,
            eigen_solver=self.eigen_solver,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self.eigenvalues_ = self._scaling.eigenvalues * self._scaling.unit**2
        self._error = self._scaling.error() * self._scaling.unit**2 / counts.sum()
        without = np.count_nonzero(self.eigenvalues_ == 0)
        if without:
            warn(
                f"Components without variance, which are 0: {without} of "
                f"{self.n_components_}. Lower n_components.",
                RankDeficientWarning,
            )
        places = np.empty((n, self.n_components_))
        for rows in row_slices(n, BLOCK_ROWS):
            places[rows] = self._scaling.place(geodesics[rows].copy())
        self.residual_variance_ = residual_variance(
            geodesics, places, landmarks, counts, counts if m == n else np.ones(m)
        )
        return places

    def _keep_distances(self, landmarks, geodesics, search):
        """Set the distances as attributes, and what `transform` needs."""
        first = first_of_equal(search)
        self.landmarks_ = first[landmarks]
        repeated = len(first) < len(search.inverse)
        for name in ("dist_matrix_", "landmark_distances_"):
            vars(self).pop(name, None)  # of another fit
        if len(landmarks) < len(first):
            of_rows = geodesics[search.inverse] if repeated else geodesics
            self.landmark_distances_ = of_rows
        else:
            both = np.ix_(search.inverse, search.inverse)
            self.dist_matrix_ = geodesics[both] if repeated else geodesics
        self._geodesics = geodesics
        search.keep_only(self._fit_X)
        self._training_rows = search
        self._distinct_places = self.embedding_[first] if repeated else self.embedding_

    def _links(self, X):
        """Links of rows to training rows, at least one each."""
        search = self._training_rows
        if self.n_neighbors_ is not None:
            links = search.nearest(max(self.n_neighbors_, 1), X)
        else:
            links = search.within(self.radius, X)
            alone = np.flatnonzero(links.counts() == 0)
            if len(alone):
                links = links.with_more(alone, search.nearest(1, X[alone]))
        return links

    def _place(self, X):
        links = self._links(X)
        nearest = links.nearest()
        # Farther out there is no telling where a row belongs, and squares overflow.
        far = nearest > self._reach
        warn_of_far_rows(
            far,
            f"as if at distance {self._reach:.3g} from the nearest, {FAR} times the "
            "longest edge of the graph",
        )
        links = links.shortened(np.where(far, nearest - self._reach, 0.0))
        Z = np.empty((X.shape[0], self.n_components_))
        for rows, lengths in links.paths(self._geodesics):
            Z[rows] = self._scaling.place(lengths)
        # A training row has its place, without rounding.
        same = links.lengths == 0
        known = links.queries()[same]
        Z[known] = self._distinct_places[links.rows[same]]
        if not self._distinct_places.any():  # all places are the same
            Z[:] = 0
        return Z.astype(X.dtype, copy=False)

    def _nearest(self, X, n_neighbors):
        if not self._is_precomputed():
            return self._training_rows.nearest_arrays(n_neighbors, X)
        return super()._nearest(X, n_neighbors)

    def reconstruction_error(self, X=None):
        """Squared error of each row's reconstruction, or the error of the distances.

        Without rows it is scikit-learn's number: with the centered matrix K of scalar
        products that belongs to the geodesic distances of n rows, and that of their
        places, the root of the sum of squares of the difference, over n. With
        landmarks it is estimated: each landmark stands for the rows that it is the
        nearest landmark to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), default=None
            The data; None for the error of the geodesic distances of the training
            rows.

        Returns
        -------
        error : ndarray of shape (n_samples,) or float
            Sum over the features of the squared difference between each row and its
            reconstruction, in squared units of the data; or the error of the distances,
            in squared units of these.

        Raises
        ------
        AttributeError
            If rows are given and the metric is "precomputed".

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import Isomap
        >>> X = load_iris().data
        >>> isomap = Isomap(n_neighbors=30, n_components=3).fit(X)
        >>> isomap.reconstruction_error(X).shape
        (150,)
        >>> bool(isomap.reconstruction_error() < 0.1)
        True
        """
        check_is_fitted(self)
        if X is None:
            return float(self._error)
        has_rows(self)
        return super().reconstruction_error(X)
