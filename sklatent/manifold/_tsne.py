"""t-SNE: a map in which the neighbors of each row are neighbors again."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array, issparse

from sklatent.exceptions import (
    CoarseMeshWarning,
    FewRowsWarning,
    RankDeficientWarning,
)
from sklatent.manifold._base import GraphEmbedding
from sklatent.manifold._classical_mds import ClassicalMDS
from sklatent.manifold._far import FAR, warn_of_far_rows
from sklatent.manifold._given_places import given_places
from sklatent.manifold._links import Links, first_of_equal, start_search
from sklatent.manifold.mesh._descent import Descent
from sklatent.manifold.mesh._starts import (
    principal_start,
    scaled_start,
    spectral_start,
)
from sklatent.manifold.tsne._choices import (
    Choices,
    check_perplexities,
    given_choices,
    given_joint,
)
from sklatent.manifold.tsne._divergence import Divergence, Kernel
from sklatent.manifold.tsne._new_rows import NewRows
from sklatent.utils._iterations import reported_fit
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._threads import count_threads
from sklatent.utils._warnings import warn

# Iterations between two computations of the divergence.
CHECK = 50
# Standard deviation of the start, small against the reach of the kernel.
START = 1e-4
# Momentum with exaggeration, and after it.
MOMENTA = (0.5, 0.8)
# New rows choose among fewer neighbors, so that they come to lie between these.
NEW_PERPLEXITY = 5.0


class TSNE(CallbackSupportMixin, GraphEmbedding):
    """T-distributed stochastic neighbor embedding (t-SNE), for visualization.

    Each row chooses its neighbors with probabilities that fall with the distance. In
    the map, of two components for a picture, pairs of rows have probabilities too, and
    the rows are moved until the two agree [1]_. t-SNE shows groups of rows that are
    alike. Sizes of groups, and distances between them, mean little.

    All rows repel each other. Their forces are computed on a mesh in a time that is
    nearly proportional to the number of rows [2]_, and are the same to the bit for any
    number of threads. New rows are placed in the finished map, each by itself, and
    places are turned back into rows. Equal rows have one place, and count once.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components. Above three, all pairs of rows are summed one by one,
        which is quick up to some thousand rows. An estimator of the intrinsic dimension
        (with `fit` and `dimension_`) is fitted first, and its dimension is rounded.
    perplexity : float or array-like of float, default=30.0
        About how many neighbors a row chooses: the exponential of the entropy of its
        probabilities. Larger ones show coarser structure. Of several, the mean of the
        probabilities is used, which shows fine and coarse structure together [3]_. With
        few rows, of which it would be more than half, it is lowered to a third of the
        others, with a warning.
    early_exaggeration : float, default=12.0
        Factor of all attractions in the first `early_exaggeration_iter` iterations, in
        which rows move through each other and groups form.
    learning_rate : float or "auto", default="auto"
        Length of the steps, to that of the gradient. "auto" is the number of rows over
        four times the exaggeration, and at least 50 [4]_, or the number of rows where
        that is less.
    max_iter : int, default=1000
        Largest number of iterations.
    n_iter_without_progress : int, default=300
        Number of iterations without a smaller divergence after which the descent stops.
        It is checked every 50 iterations; with -1 the descent stops at the first of
        these at which the divergence is not smaller.
    min_grad_norm : float, default=1e-07
        Length of the gradient at which the descent stops.
    metric : str or callable, default="euclidean"
        Distance between rows, as in :class:`sklearn.neighbors.NearestNeighbors`. With
        "precomputed" `X` is an array of all distances, or a sparse graph of those of
        near rows, such as :class:`sklearn.neighbors.KNeighborsTransformer` gives.
    metric_params : dict or None, default=None
        Further parameters of the metric.
    init : {"pca", "spectral", "random"} or array-like of shape \
            (n_samples, n_components), default="pca"
        Places at the start: the principal components (classical multidimensional
        scaling of precomputed distances); Laplacian eigenmaps of the graph of
        neighbors, which "pca" means for a sparse graph and for affinities too; random
        ones; or those of an array, which are used as they are. The first two keep how
        groups lie to each other, and are scaled to a standard deviation of 1e-4.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing. The loss
        is the divergence, every 50 iterations.
    random_state : int, RandomState instance or None, default=None
        Determines the places at the start with ``init="random"``; nothing else is
        random.
    method : {"mesh", "exact", "barnes_hut"}, default="mesh"
        How repulsions are summed. "mesh" has errors of about 1 %. "exact" sums all
        pairs in double precision, with a choice among all rows. Its time grows with the
        square of their number, and so does its memory, about 160 bytes for each pair of
        rows. "barnes_hut" is the same as "mesh", for
        compatibility with scikit-learn.
    angle : float, default=0.5
        Ignored, for compatibility with scikit-learn.
    n_jobs : int, default=None
        Number of threads. None uses as many as BLAS would. The result does not depend
        on it.
    affinity : {"perplexity", "uniform", "precomputed"}, default="perplexity"
        How rows choose their neighbors: with probabilities of the given perplexity; or
        each of as many nearest rows as the perplexity says with the same; or with
        "precomputed" `X` is a symmetric matrix, an array or sparse, of the joint
        probabilities of all pairs, up to a factor.
    early_exaggeration_iter : int, default=250
        Number of iterations with `early_exaggeration`.
    exaggeration : float, default=1.0
        Factor of all attractions after these. More than 1 packs groups more densely,
        which helps to see those of very many rows.
    degrees_of_freedom : float or "auto", default="auto"
        Degrees of freedom of the t distribution of distances in the map. Less than 1
        shows finer groups. "auto" is the number of components less one, and at least 1.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the training rows. The map has no units.
    n_components_ : int
        Number of components.
    kl_divergence_ : float
        Kullback-Leibler divergence of the probabilities in the map, in nats.
    learning_rate_ : float
        Learning rate used, after the early exaggeration.
    n_iter_ : int
        Number of iterations.
    perplexity_ : float or list of float
        Perplexity used, smaller than `perplexity` if there are too few rows. None with
        ``affinity="precomputed"``.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklatent.manifold.UMAP : Draws more compact groups, in less time.
    sklatent.manifold.Isomap : Keeps distances along the data, with their units.
    sklatent.neural.ParametricEmbedding : A network that places rows as t-SNE or UMAP.
    sklatent.manifold.metrics.trustworthiness : How far a map can be trusted.
    sklearn.manifold.TSNE : The estimator whose parameters these are.

    References
    ----------
    .. [1] L. van der Maaten and G. Hinton (2008). Visualizing data using t-SNE. Journal
       of Machine Learning Research 9, 2579-2605, equations 1 to 5.
    .. [2] G. C. Linderman, M. Rachh, J. G. Hoskins, S. Steinerberger and Y. Kluger
       (2019). Fast interpolation-based t-SNE for improved visualization of single-cell
       RNA-seq data. Nature Methods 16, 243-245.
    .. [3] D. Kobak and P. Berens (2019). The art of using t-SNE for single-cell
       transcriptomics. Nature Communications 10, 5416.
    .. [4] A. C. Belkina et al. (2019). Automated optimized parameters for T-distributed
       stochastic neighbor embedding improve visualization and analysis of large
       datasets. Nature Communications 10, 5415.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklatent.manifold import TSNE
    >>> X, y = load_digits(return_X_y=True)
    >>> train, new = slice(1000), slice(1000, 1200)
    >>> tsne = TSNE(max_iter=500).fit(X[train])
    >>> tsne.embedding_.shape
    (1000, 2)

    New rows are placed among those of their class:

    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> classifier = KNeighborsClassifier().fit(tsne.embedding_, y[train])
    >>> bool(classifier.score(tsne.transform(X[new]), y[new]) > 0.9)
    True
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "perplexity": [Interval(Real, 0, None, closed="neither"), "array-like"],
        "early_exaggeration": [Interval(Real, 1, None, closed="left")],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_iter_without_progress": [Interval(Integral, -1, None, closed="left")],
        "min_grad_norm": [Interval(Real, 0, None, closed="left")],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "init": [StrOptions({"pca", "spectral", "random"}), "array-like"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "method": [StrOptions({"mesh", "exact", "barnes_hut"})],
        "angle": [Interval(Real, 0, 1, closed="both")],
        "n_jobs": [Integral, None],
        "affinity": [StrOptions({"perplexity", "uniform", "precomputed"})],
        "early_exaggeration_iter": [Interval(Integral, 0, None, closed="left")],
        "exaggeration": [Interval(Real, 0, None, closed="neither")],
        "degrees_of_freedom": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
    }

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30.0,
        early_exaggeration=12.0,
        learning_rate="auto",
        max_iter=1000,
        n_iter_without_progress=300,
        min_grad_norm=1e-7,
        metric="euclidean",
        metric_params=None,
        init="pca",
        verbose=0,
        random_state=None,
        method="mesh",
        angle=0.5,
        n_jobs=None,
        affinity="perplexity",
        early_exaggeration_iter=250,
        exaggeration=1.0,
        degrees_of_freedom="auto",
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_without_progress = n_iter_without_progress
        self.min_grad_norm = min_grad_norm
        self.metric = metric
        self.metric_params = metric_params
        self.init = init
        self.verbose = verbose
        self.random_state = random_state
        self.method = method
        self.angle = angle
        self.n_jobs = n_jobs
        self.affinity = affinity
        self.early_exaggeration_iter = early_exaggeration_iter
        self.exaggeration = exaggeration
        self.degrees_of_freedom = degrees_of_freedom

    def _is_precomputed(self):
        return self.metric == "precomputed" or self.affinity == "precomputed"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Place the training rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows, at least two. A sparse matrix is made dense. With
            ``metric="precomputed"`` or ``affinity="precomputed"`` distances or
            affinities, of shape (n_samples, n_samples).
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If `init` has another shape than the places, or `X` or a parameter cannot be
            used.
        RuntimeError
            If `learning_rate` is so large that moves are no numbers.

        Warns
        -----
        CoarseMeshWarning
            If the map became so wide that its mesh had to be coarser.
        FewRowsWarning
            If there are so few distinct rows that `perplexity` is lowered.
        RankDeficientWarning
            If all rows are equal.

        Examples
        --------
        Precomputed neighbors, which may be those of another library:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import KNeighborsTransformer
        >>> from sklatent.manifold import TSNE
        >>> X = np.unique(load_iris().data, axis=0)
        >>> graph = KNeighborsTransformer(n_neighbors=31).fit_transform(X)
        >>> tsne = TSNE(perplexity=10, metric="precomputed").fit(graph)
        >>> tsne.embedding_.shape
        (149, 2)
        """
        with self._unchanged_on_error():
            X = self._read(X, reset=True, ensure_min_samples=2)
            P, search = self._joint(X)
            n = P.shape[0]
            self.n_components_ = self._resolve_n_components(X, most=n)
            start = self._start(X, P, search)
            if n > 1:
                places = self._descend(X, y, P, start, search)
            else:
                places = self._of_equal_rows(start)
            self._keep(X, self._of_all_rows(places, search))
            self._keep_rows(search)
        return self

    def _joint(self, X):
        """Joint probabilities of distinct rows, and the search among these."""
        if self.affinity == "precomputed":
            self.perplexity_ = None
            return given_joint(X), None
        search = start_search(
            X, self.metric, metric_params=self.metric_params, n_jobs=self.n_jobs
        )
        perplexities = self._perplexities(len(search))
        one = np.ndim(self.perplexity) == 0
        self.perplexity_ = perplexities[0] if one else perplexities
        choices = Choices(
            search,
            perplexities,
            uniform=self.affinity == "uniform",
            all_rows=self.method == "exact",
        )
        P = choices.joint()
        self._reach = FAR * choices.longest
        return P, search

    def _perplexities(self, n):
        """Return the perplexities to use for so many distinct rows."""
        given = check_perplexities(self.perplexity)
        half = max(1.0, n / 2)
        if max(given) <= half:
            return given
        most = max(1.0, (n - 1) / 3)
        warn(
            f"perplexity={self.perplexity} must be at most {half:.4g}, half the number "
            f"of distinct rows; {most:.4g} is used.",
            FewRowsWarning,
        )
        return [min(u, most) for u in given]

    def _start(self, X, P, search):
        """Places of the distinct rows at the start."""
        n, q = P.shape[0], self.n_components_
        if not isinstance(self.init, str):
            places = given_places(self.init, X.shape[0], q).astype(np.float32)
            return places if search is None else places[first_of_equal(search)]
        if self.init == "random":
            rng = random_generator(self.random_state)
            return (START * rng.standard_normal((n, q))).astype(np.float32)
        if n == 1:
            return np.zeros((n, q), dtype=np.float32)
        if self.init == "spectral" or search is None or issparse(X):
            return scaled_start(spectral_start(P, q), START)
        if self.metric == "precomputed":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RankDeficientWarning)
                mds = ClassicalMDS(min(q, n), metric="precomputed").fit(search.data())
            Z = np.zeros((n, q))
            Z[:, : min(q, n)] = mds.embedding_
            return scaled_start(Z, START)
        return scaled_start(principal_start(search.data(), q), START)

    def _of_equal_rows(self, start):
        """Set the attributes for rows that are all equal, which have one place."""
        warn(
            "All rows are equal, so that they have one place, which is 0.",
            RankDeficientWarning,
        )
        self.kl_divergence_, self.n_iter_, self.learning_rate_ = 0.0, 0, 0.0
        return np.zeros_like(start)

    @staticmethod
    def _of_all_rows(places, search):
        """Places of all rows, from those of the distinct ones."""
        return places.copy() if search is None else places[search.inverse]

    def _kernel(self):
        nu = self.degrees_of_freedom
        return Kernel(float(max(self.n_components_ - 1, 1) if nu == "auto" else nu))

    def _descend(self, X, y, P, start, search):
        """Move the rows until the divergence no longer falls."""
        n_threads = count_threads(self.n_jobs)
        exact = self.method == "exact"
        dtype = np.float64 if exact else np.float32
        descent, kernel = Descent(start.astype(dtype)), self._kernel()
        sums = kernel.sums(*start.shape, exact, n_threads)
        n_checks = -(-self.max_iter // CHECK)
        with (
            Divergence(P, kernel, sums, n_threads, dtype) as divergence,
            reported_fit(self, X, y, n_checks) as fit,
        ):
            report = fit.iterations(
                f"block of {CHECK} iterations",
                lambda: {"embedding_": self._of_all_rows(descent.Y, search)},
            )
            # Places that overflow are an error of their own.
            with np.errstate(over="ignore", invalid="ignore"):
                self._iterate(descent, divergence, report)
            divergence.gradient(descent.Y)
            self.kl_divergence_ = divergence.value(descent.Y)
        if sums.is_coarse():
            warn(
                "The map is so wide that its mesh, of nodes at distance "
                f"{sums.geometry.spacing:.3g}, does not resolve the repulsion of near "
                "rows. Outliers or chains of rows may be the cause.",
                CoarseMeshWarning,
            )
        return descent.Y

    def _iterate(self, descent, divergence, report):
        """Take steps, and check and report every so many."""
        lowest, lowest_at = np.inf, 0
        for i in range(self.max_iter):
            early = i < self.early_exaggeration_iter
            exaggeration = self.early_exaggeration if early else self.exaggeration
            if i == self.early_exaggeration_iter > 0:
                # Without exaggeration it is another function that is minimized.
                descent = descent.restarted()
                lowest, lowest_at = np.inf, i
            self.learning_rate_ = self._learning_rate(len(descent.Y), exaggeration)
            if i % CHECK == 0:
                report.begin()
            gradient = divergence.gradient(descent.Y, exaggeration)
            last = i + 1 == self.max_iter
            if checks := (i + 1) % CHECK == 0 or last:
                value = divergence.value(descent.Y)
            descent.move(gradient, self.learning_rate_, MOMENTA[not early])
            self._check_finite(descent)
            self.n_iter_ = i + 1
            if not checks:
                continue
            stop = report.end(value)
            idle = i - lowest_at > self.n_iter_without_progress and value >= lowest
            if value < lowest:
                lowest, lowest_at = value, i
            # A map that has hardly any size yet is flat too, and may still grow.
            flat = np.linalg.norm(gradient) <= self.min_grad_norm
            flat = flat and not descent.has_collapsed()
            if stop or ((idle or flat) and not early):
                return

    def _learning_rate(self, n, exaggeration):
        """The length of the steps for a phase of so much exaggeration."""
        if self.learning_rate == "auto":
            return max(n / exaggeration / 4, min(n, 50.0))
        return self.learning_rate

    def _check_finite(self, descent):
        if not np.isfinite(descent.Y).all():
            raise RuntimeError(
                "The places are no numbers any more. Lower learning_rate, now "
                f"{self.learning_rate_:.4g}."
            )

    def _keep_rows(self, search):
        """Keep what `transform` needs of the training rows."""
        self._choices = None
        if search is not None:
            perplexity = min(NEW_PERPLEXITY, np.max(self.perplexity_))
            self._choices = Choices(search, [perplexity])
            places = self.embedding_[first_of_equal(search)]
            search.keep_only(self._fit_X)
        else:
            places = self.embedding_
        self._field = NewRows(self._kernel(), places, self.method == "exact")

    def _place(self, X):
        places = self._field.places
        if self._choices is None:
            p, rows, nearest = given_choices(X)
        else:
            p, rows, nearest = self._choices.of(X)
            warn_of_far_rows(nearest > self._reach, "among the rows nearest to them")
        if len(places) == 1:
            return np.repeat(places, X.shape[0], axis=0)
        Z = self._field.place(p, rows)
        same = (nearest == 0) & (self._choices is not None)
        Z[same] = places[rows[same, 0]]
        return Z.astype(X.dtype, copy=False)

    def _nearest(self, X, n_neighbors):
        if self.affinity == "precomputed":
            # The strongest affinities are the shortest distances.
            graph = csr_array(X, copy=True)
            graph.eliminate_zeros()
            graph.data = 1 / graph.data
            return Links.of_graph(graph).arrays(n_neighbors)
        if self.metric == "precomputed":
            return super()._nearest(X, n_neighbors)
        return self._choices.search.nearest_arrays(n_neighbors, X)
