"""Sketch-map: distances that matter, between noise and the far away.

Ceriotti, Tribello and Parrinello (2011). `sklatent.manifold.sketch` has the formulas.
"""

from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklatent.manifold._base import Embedding
from sklatent.manifold._distances import check_distances, check_not_negative
from sklatent.manifold._far import warn_of_far_rows
from sklatent.manifold._given_places import given_places
from sklatent.manifold._landmarks import outerness, weighted_landmarks
from sklatent.manifold._measure import Measure
from sklatent.manifold._seen import find_seen
from sklatent.manifold._signs import signs_of
from sklatent.manifold.sketch._levels import fit_levels, settle
from sklatent.manifold.sketch._moves import place_rows
from sklatent.manifold.sketch._rule import distance_peak
from sklatent.manifold.sketch._sigmoids import MOST_RATIO, Sigmoid
from sklatent.manifold.sketch._stress import Loss, Stress
from sklatent.utils._iterations import reported_fit
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._threads import count_threads, single_blas_thread
from sklatent.utils._warnings import warn

# With n_landmarks="auto", so many rows at most are landmarks.
N_LANDMARKS = 1000
# Longer distances, in units of sigma, are as good as infinite.
FARTHEST = 1e8
# sigma by rule is that share of the most frequent distance.
BELOW_PEAK = 0.5
# What an exponent may be.
POSITIVE = [Interval(Real, 0, None, closed="neither")]


class SketchMap(CallbackSupportMixin, Embedding):
    r"""Sketch-map: an embedding that keeps which rows are near and which are far.

    Short distances are often noise, such as thermal fluctuations, and long ones say
    little in many dimensions. Sketch-map compares distances after a sigmoid, which
    makes all short ones 0 and all long ones 1, and in between keeps the structure
    [1]_. With the distances :math:`d_{ij}` of rows and :math:`z_{ij}` of their places
    it minimizes the stress

    .. math::

        \frac{1}{W^2} \sum_{ij} w_i w_j
        \left( s_{AB}(d_{ij}) - s_{ab}(z_{ij}) \right)^2, \qquad
        s_{ab}(r) = 1 - \left( 1 + (2^{a/b} - 1) (r / \sigma)^a \right)^{-b/a},

    in which W is the sum of the weights. Both sigmoids are 1/2 at the distance
    :math:`\sigma`. Some rows are landmarks, each the farthest from those before, and
    stand for the rows nearest to them. All other rows, and new ones, have the place
    where their own stress against the landmarks is smallest.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded.
    sigma : "auto" or float, default="auto"
        Distance at which both sigmoids are 1/2, in units of the distances. "auto" is
        half of the most frequent distance, the highest point of their smoothed
        histogram, with each pair of landmarks weighted.
    a_high : float, default=4.0
        Exponent of the sigmoid of the distances of rows for short distances: the larger
        it is, the less do distances below `sigma` matter.
    b_high : float, default=4.0
        Exponent for long distances: the larger it is, the less do distances above
        `sigma` matter.
    a_low : float, default=2.0
        Exponent of the sigmoid of the distances of places for short distances. If it is
        smaller than `a_high`, noise takes less room in the map.
    b_low : float, default=2.0
        Exponent for long distances. If it is smaller than `b_high`, groups lie farther
        apart in the map.
    n_landmarks : int, "auto" or None, default="auto"
        Number of landmarks. None is all rows, which needs memory for some numbers per
        pair of rows. "auto" is all rows up to 1000 distinct ones, and 1000 above.
    global_opt_steps : int, default=3
        Number of rounds in which landmarks are moved to places anywhere in the map, if
        their stress is smaller there. After each round all are moved downhill.
    max_iter : int, default=1000
        Largest number of iterations of the last minimization.
    tol : float, default=1e-06
        Relative fall of the stress in an iteration that ends it.
    init : array-like of shape (n_samples, n_components), default=None
        Places at which the minimization starts, in units of the distances. None starts
        from a few landmarks, in places by classical scaling, metric scaling, and at
        random, and adds landmarks to the best map of these.
    metric : str or callable, default="euclidean"
        The distance, as in :func:`sklearn.metrics.pairwise_distances`. With
        "precomputed", `X` holds the distances of all rows from each other in `fit`, and
        those of new rows from the rows of `fit` in `transform`.
    metric_params : dict, default=None
        Parameters of the metric, such as {"p": 3} for "minkowski".
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing. The loss
        is the stress in the last minimization.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all cores. The result
        does not depend on it.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the rows, in units of the distances, along the axes in which the
        landmarks vary most. The entry with the largest absolute value of each component
        is positive among the landmarks.
    stress_ : float
        Stress of the landmarks, a mean over all pairs, so that it is between 0 and 1.
    params_ : dict
        The sigmoids: "sigma", "a_high", "b_high", "a_low" and "b_low".
    landmarks_ : ndarray of shape (n_landmarks,)
        Which rows are landmarks, in the order in which they were chosen.
    landmark_weights_ : ndarray of shape (n_landmarks,)
        Sum of the weights of the rows that each landmark stands for.
    n_iter_ : int
        Number of iterations of the last minimization.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    ClassicalMDS : Keeps all distances, long ones most.
    MDS : Keeps all distances as they are.
    Isomap : Keeps distances along the data.
    sklatent.dimension.TwoNN : Estimates the number of components.

    Notes
    -----
    The sum runs over all pairs, a row with itself included. For n rows of weight 1 it
    is the mean over pairs of different rows, times (n - 1) / n.

    The result is deterministic; the starts at random have a fixed seed. It does not
    depend on the order of the rows, but where rows are equally far from landmarks.
    Memory holds about 12 bytes per pair of landmarks and 30 kB for each of them,
    beside the rows or the distances given, and grows in proportion to the rows.

    The ratio of `a_high` to `b_high`, and of `a_low` to `b_low`, is at most 48: a
    sigmoid has the power of 2 to it as a factor.

    References
    ----------
    .. [1] M. Ceriotti, G. A. Tribello and M. Parrinello (2011). Simplifying the
       representation of complex free-energy landscapes using sketch-map. PNAS 108,
       13023-13028. Eqs. 1 and 2.
    .. [2] M. Ceriotti, G. A. Tribello and M. Parrinello (2013). Demonstrating the
       transferability and the descriptive power of sketch-map. Journal of Chemical
       Theory and Computation 9, 1521-1532.

    Examples
    --------
    Three groups on a line, with noise in 30 dimensions. The noise hardly matters:

    >>> import numpy as np
    >>> from sklatent.manifold import SketchMap
    >>> rng = np.random.RandomState(0)
    >>> X = rng.standard_normal((300, 30))
    >>> group = np.repeat([0, 1, 2], 100)
    >>> X[:, 0] += 12 * group
    >>> sketch = SketchMap(sigma=9.0, a_high=8.0).fit(X)
    >>> sketch.embedding_.shape, bool(sketch.stress_ < 0.01)
    ((300, 2), True)
    >>> sketch.transform(rng.standard_normal((5, 30))).shape
    (5, 2)
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "sigma": [StrOptions({"auto"}), *POSITIVE],
        "a_high": POSITIVE,
        "b_high": POSITIVE,
        "a_low": POSITIVE,
        "b_low": POSITIVE,
        "n_landmarks": [
            Interval(Integral, 2, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "global_opt_steps": [Interval(Integral, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "init": ["array-like", None],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "verbose": ["verbose"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_components=2,
        *,
        sigma="auto",
        a_high=4.0,
        b_high=4.0,
        a_low=2.0,
        b_low=2.0,
        n_landmarks="auto",
        global_opt_steps=3,
        max_iter=1000,
        tol=1e-6,
        init=None,
        metric="euclidean",
        metric_params=None,
        verbose=0,
        n_jobs=None,
    ):
        self.n_components = n_components
        self.sigma = sigma
        self.a_high = a_high
        self.b_high = b_high
        self.a_low = a_low
        self.b_low = b_low
        self.n_landmarks = n_landmarks
        self.global_opt_steps = global_opt_steps
        self.max_iter = max_iter
        self.tol = tol
        self.init = init
        self.metric = metric
        self.metric_params = metric_params
        self.verbose = verbose
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the places of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, two or more; with precomputed distances, those from each other, of
            shape (n_samples, n_samples).
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. A row of
            weight 0 has no influence, and is placed as a new one.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If precomputed distances are not symmetric, or negative, or not zero on the
            diagonal, or an exponent for short distances is more than 48 times that for
            long ones, or if `X`, `init` or a parameter cannot be used.

        Warns
        -----
        ConvergenceWarning
            If the last minimization did not end within `max_iter` iterations.

        Examples
        --------
        A tighter sigmoid makes short distances matter less:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import SketchMap
        >>> X = load_iris().data
        >>> sketch = SketchMap(sigma=1.0, a_high=4.0).fit(X)
        >>> sketch.params_["a_high"], bool(sketch.stress_ < 0.01)
        (4.0, True)
        """
        with self._unchanged_on_error():
            self._check_exponents()
            X = read_rows(self, X, ensure_min_samples=2, reset=True)
            weight = check_weight(sample_weight, X)
            weight = np.ones(len(X)) if weight is None else weight
            if self._is_precomputed():
                check_distances(X)
            self._held = np.flatnonzero(weight)
            known = self._known(X, self._held)
            self.n_components_ = self._resolve_n_components(known)
            init = self.init
            if init is not None:
                init = given_places(init, len(X), self.n_components_)
            self._measure = None
            if not self._is_precomputed():
                of = self.metric, self.metric_params, known, weight[self._held]
                self._measure = Measure.of(*of, self.n_jobs)
            first, inverse, share = self._merge(known, weight[self._held])
            landmarks, D = self._choose_landmarks(X, first, share)
            start = None if init is None else init[self.landmarks_]
            self._fit_landmarks(X, y, D, start)
            del D
            self._set_places(X, weight, landmarks, first, inverse)
        return self

    def _check_exponents(self):
        """Raise if a sigmoid cannot be computed."""
        for a, b in (("a_high", "b_high"), ("a_low", "b_low")):
            if getattr(self, a) > MOST_RATIO * getattr(self, b):
                raise ValueError(
                    f"{a} must be at most {MOST_RATIO:g} times {b}; got "
                    f"{a}={getattr(self, a)!r} and {b}={getattr(self, b)!r}."
                )

    def _merge(self, known, weight):
        """Return the distinct rows, and the sum of the weights of each, as shares.

        They are in an order of their own, so that the order of the rows of `X` does not
        matter.
        """
        first, inverse, _ = unique_rows(known)
        if not self._is_precomputed():
            order = np.lexsort(known[first].T)
            first = first[order]
            inverse = np.argsort(order)[inverse]
        share = np.bincount(inverse, weights=weight)
        self._total = share.sum()
        return self._held[first], inverse, share / self._total

    def _choose_landmarks(self, X, first, share):
        """Return which of the distinct rows are landmarks, and their distances."""
        n = len(first)
        m = N_LANDMARKS if self.n_landmarks == "auto" else self.n_landmarks
        m = n if m is None else min(m, n)
        A = None if self._measure is None else self._measure.scaled(X[first])

        def distances(i):
            if A is not None:
                i = i or 0
                return self._measure.between(A[i : i + 1], A)[0]
            if i is None:
                return outerness(X, first, share)
            return X[first[i], first]

        chosen, stands_for = weighted_landmarks(distances, share, m)
        if m == n:  # rows may differ and be at distance 0
            rest = np.setdiff1d(np.arange(n), chosen)
            chosen = np.concatenate([chosen, rest])
            stands_for = share[chosen]
        self.landmarks_, self._share = first[chosen], stands_for
        self.landmark_weights_ = self._share * self._total
        if A is None:
            self._landmark_rows = None
            both = np.ix_(self.landmarks_, self.landmarks_)
            return chosen, X[both].astype(np.float64, copy=False)
        self._landmark_rows = A[chosen]
        return chosen, self._measure.between(A[chosen], A[chosen])

    def _fit_landmarks(self, X, y, D, start):
        """Find the places of the landmarks, by distances that are overwritten."""
        self.params_ = self._choose_sigmoids(D)
        self._sigma = self.params_["sigma"]
        D /= self._sigma
        np.minimum(D, FARTHEST, out=D)
        self._diameter = D.max()
        names = [("a_high", "b_high"), ("a_low", "b_low")]
        high, low = (Sigmoid(self.params_[a], self.params_[b]) for a, b in names)
        self._loss = Loss(high, low, 0.0)
        start = None if start is None else start / self._sigma
        Z = self._minimize(X, y, D, start)
        Z = Z - self._share @ Z
        _, axes = np.linalg.eigh(Z.T @ (self._share[:, None] * Z))
        Z = Z @ axes[:, ::-1]
        self._landmark_places = Z * signs_of(Z)

    def _to_landmarks(self, X):
        """Return distances of rows from the landmarks."""
        if self._is_precomputed():
            return X[:, self.landmarks_].astype(np.float64)
        return self._measure.between(self._measure.scaled(X), self._landmark_rows)

    def _choose_sigmoids(self, D):
        """Return the parameters of both sigmoids, sigma by rule unless it is given."""
        names = ("sigma", "a_high", "b_high", "a_low", "b_low")
        params = {name: getattr(self, name) for name in names}
        if params["sigma"] == "auto":
            peak = BELOW_PEAK * distance_peak(D, self._share)
            params["sigma"] = peak if peak > 0 else 1.0
        return {name: float(value) for name, value in params.items()}

    def _minimize(self, X, y, D, start):
        """Return the places of the landmarks, in units of sigma."""
        n_threads = count_threads(self.n_jobs)
        q, steps = self.n_components_, self.global_opt_steps
        with single_blas_thread, reported_fit(self, X, y, self.max_iter) as fit:
            if start is None:
                start = fit_levels(D, self._share, self._loss, q, steps, n_threads)
            else:
                coarse = Stress(D, self._share, self._loss, np.float32, n_threads)
                start, _, _ = settle(start, coarse, steps, self.max_iter, self.tol)
                del coarse
            of_all = self._share, self._loss, np.float64, n_threads
            stress = Stress(D, *of_all, overwrite=True)
            after = self._reports(fit)
            Z, self.stress_, n_iter = stress.minimize(
                start, self.max_iter, self.tol, after
            )
            if n_iter == 0:
                after(Z, self.stress_)
        self.n_iter_ = max(n_iter, 1)
        if n_iter >= self.max_iter:
            warn(
                f"max_iter={self.max_iter} iterations were not enough to minimize the "
                "stress. Increase max_iter, or tol.",
                ConvergenceWarning,
            )
        return Z

    def _reports(self, fit):
        """Return a function that reports an iteration, after it."""

        def attributes(Z, stress):
            return {"embedding_": Z * self._sigma, "stress_": stress}

        report = fit.iterations("iteration", attributes)

        def after(Z, stress):
            report.begin()
            return report.end(stress, Z, stress)

        return after

    def _set_places(self, X, weight, landmarks, first, inverse):
        """Place all rows, and keep what other methods need."""
        places = np.empty((len(first), self.n_components_))
        others = np.setdiff1d(np.arange(len(first)), landmarks)
        places[landmarks] = self._landmark_places
        if len(others):
            places[others] = self._by_distances(X, first[others])[0]
        Z = np.empty((len(X), self.n_components_))
        Z[self._held] = places[inverse]
        rest = np.setdiff1d(np.arange(len(X)), self._held)
        if len(rest):
            Z[rest] = self._by_distances(X, rest)[0]
        Z = (Z * self.params_["sigma"]).astype(X.dtype)
        held = self._held
        self._keep(self._known(X, held), Z[held], weight[held])
        self.embedding_ = Z

    def _by_distances(self, X, which=None):
        """Return places in units of sigma, and the distances from the nearest."""
        which = np.arange(len(X)) if which is None else which
        self_places = self._landmark_places

        def distances(rows):
            with np.errstate(over="ignore"):
                D = self._to_landmarks(X[which[rows]]) / self._sigma
            return np.minimum(D, FARTHEST)

        Z, nearest, landmark = place_rows(
            distances,
            len(which),
            self_places,
            self._share,
            self._loss,
            count_threads(self.n_jobs),
        )
        same = nearest == 0
        Z[same] = self_places[landmark[same]]
        return Z, nearest

    def _nearest(self, X, n_neighbors):
        if self._is_precomputed():
            return k_nearest(X[:, self._held], n_neighbors, metric="precomputed")
        return self._measure.nearest(X, self._fit_X, n_neighbors)

    def _place(self, X):
        Z = np.empty((len(X), self.n_components_), dtype=X.dtype)
        if self._is_precomputed():
            check_not_negative(X)
            held = X[:, self._held]
            which = np.where(held.min(axis=1) == 0, held.argmin(axis=1), -1)
        else:
            which = find_seen(self._fit_X, X)
        seen = which >= 0
        Z[seen] = self._places[which[seen]]
        new = np.flatnonzero(~seen)
        if len(new):
            places, nearest = self._by_distances(X, new)
            Z[new] = places * self.params_["sigma"]
            far = np.zeros(len(X), dtype=bool)
            far[new] = nearest > max(self._diameter, 1.0)
            warn_of_far_rows(far, "at the edge of the map")
        return Z
