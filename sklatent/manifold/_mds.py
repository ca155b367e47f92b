"""MDS: metric and ordinal multidimensional scaling by majorization of the stress."""

from numbers import Integral, Real

import numpy as np

from sklatent.manifold._base import Embedding
from sklatent.manifold._given_places import given_places
from sklatent.manifold._measure import Measure
from sklatent.manifold.mds._descent import descend
from sklatent.manifold.mds._disparities import Disparities
from sklatent.manifold.mds._dissimilarities import (
    at_zero,
    check_linked,
    check_pair_weight,
    completed,
    known_distances,
)
from sklatent.manifold.mds._fixed_map import FixedMap
from sklatent.manifold.mds._new_rows import NewRows
from sklatent.manifold.mds._old_parameters import read_old_parameters
from sklatent.manifold.mds._start import classical_places, principal_places, spread
from sklatent.manifold.mds._stress import MetricStress, OrdinalStress
from sklatent.manifold.mds._used_rows import use_rows
from sklatent.utils._iterations import reported_fit
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._threads import count_threads, single_blas_thread


class MDS(CallbackSupportMixin, Embedding):
    """Multidimensional scaling: places whose distances are the dissimilarities.

    The sum of the squared differences between distances and dissimilarities, the
    stress, is reduced by majorization (SMACOF) [1]_, whose steps are corrected by those
    before, so that it never increases and falls faster. Non-metric (ordinal) scaling
    uses only the order of the dissimilarities [2]_. Rows and pairs of rows may have
    weights, and dissimilarities may be missing. New rows are placed one by one, where
    their own stress is least.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded.
    metric_mds : bool, default=True
        Whether distances are to be equal to the dissimilarities. If False, they are to
        have their order. Dissimilarities of 0 between rows that differ are then taken
        for missing, as in scikit-learn.
    n_init : int, default=1
        Number of starts. The one with the least stress is kept. Those after the first
        are random, also where this is classical scaling.
    init : {"classical_mds", "random"}, default="classical_mds"
        Where to start: the places of classical scaling, or independent uniform ones.
        Missing dissimilarities are estimated for classical scaling, by the triangle
        inequality. An array of places may be given to `fit`, and is the only start.
    max_iter : int, default=300
        Largest number of steps from one start.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing. The loss
        is the stress.
    eps : float, default=1e-06
        Steps end when two in a row reduce the stress by less than this, relative to the
        sum of the squared distances, or to the stress itself if `metric_mds` is False.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all cores. The result
        does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of random starts.
    dissimilarity : {"euclidean", "precomputed"}, default="deprecated"
        The former name of `metric`, with a `FutureWarning` as in scikit-learn.
    metric : str or callable, default="euclidean"
        The dissimilarity, as in :func:`sklearn.metrics.pairwise_distances`. With
        "precomputed", `X` holds the dissimilarities of all rows from each other in
        `fit`, and those of new rows from the rows of `fit` in `transform`, NaN where
        one is missing.
    metric_params : dict, default=None
        Parameters of the metric, such as {"p": 3} for "minkowski".
    normalized_stress : bool or "auto", default="auto"
        Whether `stress_` is Kruskal's stress of the first kind and not the sum of
        squares. "auto" is True if `metric_mds` is False.
    n_landmarks : int, "auto" or None, default="auto"
        Number of rows whose dissimilarities from each other are used, each the farthest
        from those before and with the weight of the rows nearest to it. The other rows
        are placed as new ones are. None is all rows. "auto" is all rows for precomputed
        dissimilarities and up to 5000 rows, and 1000 above.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the rows, centered. They are in units of the dissimilarities if
        `metric_mds` is True; if not, the mean square of the fitted distances is 1.
    stress_ : float
        Stress of the places: sum over the pairs of rows of the squared differences, in
        squared units of the places. If normalized, the root of its ratio to the sum of
        the squared distances: 0 for a perfect fit, and for rules of thumb 0.025
        excellent, 0.05 good, 0.1 fair, 0.2 poor [2]_. With landmarks, of the pairs of
        these, with their weights.
    dissimilarity_matrix_ : ndarray of shape (n_rows, n_rows)
        Dissimilarities of the rows of positive weight, or of the landmarks. Precomputed
        ones are those of all rows.
    n_iter_ : int
        Number of steps from the start that was kept.
    landmarks_ : ndarray of shape (n_landmarks,)
        Which rows are landmarks, in the order in which they were chosen. None if all
        rows are used.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    ClassicalMDS : Keeps squared distances in a least squares sense, without iterations.
    Isomap : Keeps the distances along the data.
    sklearn.manifold.MDS : The estimator whose parameters these are.

    Notes
    -----
    With places z, distances d, dissimilarities δ and weights w of pairs, the stress is
    the sum over pairs of w (δ - d)². The step of SMACOF, the Guttman transform, is one
    along the gradient, whose length is known: limited-memory BFGS starts from it.

    Non-metric scaling reduces the sum of w (d - h)² over that of w d², where h are the
    numbers in the order of δ that are the nearest to d, by isotonic regression. Equal
    δ have equal h (the secondary approach to ties). It is Kruskal's stress of the first
    kind, squared, which scikit-learn's iterations reduce indirectly. A new row has its
    dissimilarities translated by the line through (δ, h), and in proportion beyond the
    largest δ, with a warning if all are. Of them too those of 0 are missing, but where
    a row is a training row.

    Memory holds the dissimilarities of the rows that are used, and for non-metric
    scaling four times as much. Rows that are equal have one place and the sum of their
    weights. All is computed in double precision: the stress of a good fit is a sum of
    squares of small differences.

    References
    ----------
    .. [1] J. de Leeuw (1977). Applications of convex analysis to multidimensional
       scaling. Recent Developments in Statistics, 133-145. The algorithm as in I. Borg
       and P. J. F. Groenen (2005). Modern multidimensional scaling. Springer. Eq. 8.25.
    .. [2] J. B. Kruskal (1964). Multidimensional scaling by optimizing goodness of fit
       to a nonmetric hypothesis. Psychometrika 29, 1-27.

    Examples
    --------
    A third of the distances between points of the plane is missing, and the points are
    found all the same, up to a rotation:

    >>> import numpy as np
    >>> from scipy.spatial.distance import cdist
    >>> from sklatent.manifold import MDS
    >>> rng = np.random.RandomState(0)
    >>> X = rng.standard_normal((100, 2))
    >>> D = cdist(X, X)
    >>> D[rng.uniform(size=D.shape) < 0.58] = np.nan  # in one direction or both
    >>> missing = np.isnan(D) & np.isnan(D.T)
    >>> round(float(missing.mean()), 2)
    0.35
    >>> mds = MDS(metric="precomputed", eps=1e-12).fit(D)
    >>> Z = mds.embedding_
    >>> bool(np.allclose(cdist(Z, Z), cdist(X, X), atol=1e-4))
    True
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "metric_mds": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"random", "classical_mds"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
        "eps": [Interval(Real, 0.0, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "dissimilarity": [StrOptions({"euclidean", "precomputed", "deprecated"})],
        "metric": [str, callable, "boolean"],
        "metric_params": [dict, None],
        "normalized_stress": ["boolean", StrOptions({"auto"})],
        "n_landmarks": [
            Interval(Integral, 2, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
    }

    def __init__(
        self,
        n_components=2,
        *,
        metric_mds=True,
        n_init=1,
        init="classical_mds",
        max_iter=300,
        verbose=0,
        eps=1e-6,
        n_jobs=None,
        random_state=None,
        dissimilarity="deprecated",
        metric="euclidean",
        metric_params=None,
        normalized_stress="auto",
        n_landmarks="auto",
    ):
        self.n_components = n_components
        self.metric_mds = metric_mds
        self.n_init = n_init
        self.init = init
        self.max_iter = max_iter
        self.verbose = verbose
        self.eps = eps
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.dissimilarity = dissimilarity
        self.metric = metric
        self.metric_params = metric_params
        self.normalized_stress = normalized_stress
        self.n_landmarks = n_landmarks

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._is_precomputed()
        return tags

    def _is_precomputed(self):
        return "precomputed" in (self.metric, self.dissimilarity)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, init=None, sample_weight=None, pair_weight=None):
        """Find the places of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, two or more; with precomputed dissimilarities, those from each
            other, of shape (n_samples, n_samples), NaN where missing. One that is known
            in one direction is taken for both.
        y : Ignored
            Present for API consistency.
        init : array-like of shape (n_samples, n_components), default=None
            Places to start from, in place of those of the parameter `init`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. A row of
            weight 0 has no influence, and is placed as a new one.
        pair_weight : array-like of shape (n_samples, n_samples), default=None
            Weight of each pair of rows in the stress, symmetric, beside those of the
            rows. The diagonal has no influence.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If precomputed dissimilarities are not symmetric, or negative, or not zero
            on the diagonal, or do not link all rows, or if `X` or a parameter cannot be
            used.

        Examples
        --------
        Errors relative to the distances, which keep small distances better:

        >>> import numpy as np
        >>> from scipy.spatial.distance import cdist
        >>> from sklatent.manifold import MDS
        >>> X = np.random.RandomState(0).standard_normal((50, 5))
        >>> D = cdist(X, X)
        >>> relative = MDS().fit(X, pair_weight=1 / (D + np.eye(50)) ** 2)
        >>> relative.embedding_.shape
        (50, 2)
        """
        with self._unchanged_on_error():
            self._metric, self._is_metric = read_old_parameters(self)
            X = read_rows(self, X, ensure_min_samples=2, reset=True)
            known = None
            if self._is_precomputed():
                X, known = known_distances(X)
            weight = check_weight(sample_weight, X)
            weight = np.ones(len(X)) if weight is None else weight
            self._held = np.flatnonzero(weight)
            held = self._known(X, self._held)
            self.n_components_ = self._resolve_n_components(held)
            if init is not None:
                init = given_places(init, len(X), self.n_components_)
            self._measure = None
            if not self._is_precomputed():
                self._measure = Measure.of(
                    self._metric,
                    self.metric_params,
                    held,
                    weight[self._held],
                    self.n_jobs,
                )
            W = self._pair_weights(pair_weight, known, X)
            used = use_rows(
                held, self._measure, weight[self._held], W, self.n_landmarks
            )
            self._used = self._held[used.rows]
            self.landmarks_ = self._used if used.are_landmarks else None
            self._training, self._map_weight = used.scaled, used.counts
            self.dissimilarity_matrix_ = used.matrix()
            if self._is_precomputed() and not used.are_landmarks:
                self.dissimilarity_matrix_ = X
            init = None if init is None else init[self._used]
            self._fit_stress(X, y, used, init)
            self._set_places(X, weight, used.inverse)
        return self

    def _pair_weights(self, pair_weight, known, X):
        """Weights of the pairs of rows with weight, or None if all are 1."""
        if pair_weight is None and known is None:
            return None
        W = np.ones((len(X), len(X)))
        if pair_weight is not None:
            W = check_pair_weight(pair_weight, len(X))
            if self.n_landmarks not in ("auto", None):
                raise ValueError(
                    "n_landmarks must be None with pair_weight, which says how much "
                    f"each pair of all rows counts; got {self.n_landmarks}."
                )
        if known is not None:
            W = W * known
        np.fill_diagonal(W, 0.0)
        W = W[np.ix_(self._held, self._held)]
        check_linked(W > 0, "pairs of positive weight")
        return W

    # ------------------------------------------------------------------------------
    # Places of the training rows.

    def _fit_stress(self, X, y, used, init):
        """Find the places of the rows that are used."""
        D, weight, W = used.D, used.weight, used.pair_weight
        largest = float(D.max())
        # Dissimilarities in a unit in which their squares are numbers.
        unit = 2.0 ** np.frexp(largest)[1] if largest > 0 else 1.0
        self._unit = 1.0 if 1e-60 < largest < 1e60 else float(unit)
        # The order of dissimilarities says nothing about a scale.
        self._out_unit = self._unit if self._is_metric else 1.0
        self._largest = largest
        if self._unit != 1.0:
            D = D.astype(np.float64) / self._unit
        # Weights whose sum does not matter for what is found.
        self._weight = weight / weight.mean()
        self._weight_unit = weight.mean()
        n_threads = count_threads(self.n_jobs)
        kind = MetricStress if self._is_metric else OrdinalStress
        stress = kind(D, self._weight, W, n_threads)
        self._disparities = None
        if largest == 0 or len(D) < 2:
            self._map = np.zeros((len(D), self.n_components_))
            self.stress_, self.n_iter_ = 0.0, 1
            return
        starts = self._starts(stress, D, W, init)
        best = None
        n_steps = self.max_iter * len(starts)
        with single_blas_thread, reported_fit(self, X, y, n_steps) as fit:
            for start in starts:
                found = self._run(stress, start, fit)
                if best is None or found[1].stress < best[1].stress:
                    best = found
        Z, value, self.n_iter_ = best
        self._map, self.stress_ = self._finish(stress, Z, value)
        if not self._is_metric:
            # A place moves to where its stress is least if the others stay.
            delta, h = stress.knots(self._map)
            h /= max(1.0 - value.stress, np.finfo(float).eps)
            self._disparities = Disparities(delta, h)

    def _starts(self, stress, D, W, init):
        """Places to start from."""
        n, q = len(D), self.n_components_
        rng = random_generator(self.random_state)
        if init is not None:
            starts = [init]
        else:
            starts = []
            if self.init == "classical_mds":
                starts = [self._classical_start(D, W)]
            n_random = self.n_init - len(starts)
            random = [rng.uniform(size=(n, q)) for _ in range(n_random)]
            if not self._is_metric:
                # Their distances have no order, of which there would be nothing to
                # begin with.
                metric = MetricStress(D, self._weight, W, stress.n_threads)
                random = [metric.after_step(Z) for Z in random]
            starts += random
        share = self._map_weight / self._map_weight.sum()
        means = (share @ Z for Z in starts)
        centered = [Z - mean for Z, mean in zip(starts, means, strict=True)]
        return [spread(stress, Z, rng) for Z in centered]

    def _classical_start(self, D, W):
        """Places of classical scaling."""
        weight, q = self._map_weight, self.n_components_
        if self._by_rows() and self._training.shape[1] <= len(D):
            Z = principal_places(self._training, weight, q)
            return Z * (self._measure.width / self._unit)
        if W is not None:
            known = W > 0
            np.fill_diagonal(known, True)
            D = completed(D, known)
        return classical_places(D, weight, q, self.n_jobs)

    def _by_rows(self):
        """Whether distances are Euclidean ones of rows."""
        return self._measure is not None and self._measure.is_euclidean

    def _run(self, stress, start, fit):
        """Reduce the stress from one start."""

        def attributes(Z, value, n_iter):
            found = self._finish(stress, Z, value)
            return {
                "embedding_": found[0] * self._out_unit,
                "stress_": found[1],
                "n_iter_": n_iter,
            }

        report = fit.iterations("step", attributes)
        steps = descend(stress, start, self.eps)
        for n_iter in range(1, self.max_iter + 1):
            report.begin()
            Z, value, converged = next(steps)
            loss = self._stress_of(value)
            if report.end(loss, Z, value, n_iter) or converged:
                break
        return Z, value, n_iter

    def _stress_of(self, value):
        """Stress as it is reported."""
        normalized = self.normalized_stress
        if normalized == "auto":
            normalized = not self._is_metric
        share = value.stress
        if self._is_metric:
            share = value.stress / value.squares if value.squares > 0 else 1.0
        if normalized:
            return float(np.sqrt(share))
        with np.errstate(over="ignore"):
            pair_unit = np.square(self._out_unit * self._weight_unit)
            return float(share * value.squares * pair_unit)

    def _finish(self, stress, Z, value):
        """Return places in their scale, and the stress."""
        if not self._is_metric:
            factor = stress.scale(value)
            Z, value = Z * factor, value._replace(squares=value.squares * factor**2)
        return Z, self._stress_of(value)

    def _set_places(self, X, weight, inverse):
        """Place all rows, and keep what other methods need."""
        matrix = None
        if self._is_precomputed() and not self._is_metric:
            matrix = self.dissimilarity_matrix_
            if self.landmarks_ is None and len(self._used) < len(X):
                matrix = matrix[np.ix_(self._used, self._used)]
        self._new_rows = NewRows(
            self._used,
            FixedMap(self._map, self._map_weight),
            self._training,
            self._measure,
            matrix,
            self._disparities,
            self._unit,
            self._largest,
        )
        Z = np.empty((len(X), self.n_components_))
        other = np.ones(len(X), dtype=bool)
        if self.landmarks_ is None:
            Z[self._held] = self._map[inverse] * self._out_unit
            other[self._held] = False
        else:
            Z[self._used] = self._map * self._out_unit
            other[self._used] = False
        if other.any():
            Z[other] = self._new_rows.place(X[other], self.n_jobs)[0] * self._out_unit
        Z, held = Z.astype(X.dtype), self._held
        self._keep(self._known(X, held), Z[held], weight[held])
        self.embedding_ = Z

    # ------------------------------------------------------------------------------
    # Places of new rows.

    def _nearest(self, X, n_neighbors):
        if self._is_precomputed():
            D = X[:, self._held]
            D = np.where(np.isnan(D), np.inf, D)
            return k_nearest(D, n_neighbors, metric="precomputed")
        return self._measure.nearest(X, self._fit_X, n_neighbors)

    def _place(self, X):
        if self._is_precomputed():
            what = "training rows" if self.landmarks_ is None else "landmarks"
            self._new_rows.check_known(X, what)
        Z, nearest = self._new_rows.place(X, self.n_jobs)
        Z = (Z * self._out_unit).astype(X.dtype)
        self._new_rows.warn_if_far(nearest)
        if self._is_precomputed():
            full = None if self.landmarks_ is not None else self.dissimilarity_matrix_
            rows, which = at_zero(X, full, only_equal=not self._is_metric)
            Z[rows] = self.embedding_[which]
        return Z
