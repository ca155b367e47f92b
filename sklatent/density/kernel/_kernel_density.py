"""Kernel density estimation, exactly, with bandwidths from the data.

`fit` stores the rows and finds the bandwidth; `score_samples` is a sum of kernels over
the rows (`sklatent.density.kernel._sums`).
"""

from numbers import Integral, Real

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.kernel._bandwidth import plug_in, rule_of_thumb, spreads
from sklatent.density.kernel._cross_validation import cross_validated
from sklatent.density.kernel._metric_sums import (
    METRICS,
    TREES,
    TreeSums,
    norm_exponent,
    other_metric,
)
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._sphere import sample_on_sphere
from sklatent.density.kernel._sums import KernelSums
from sklatent.exceptions import RankDeficientWarning
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._sklearn import Interval, StrOptions, _fit_context
from sklatent.utils._tables import read_rows
from sklatent.utils._warnings import warn
from sklatent.utils._weights import as_counts, weighted_rows

RULES = {"scott", "silverman", "loo", "lscv", "isj"}
# Bound on the eigenvalues of the correlation of whitened data.
SMALLEST_EIGENVALUE = 1e-6
# Fitted attributes that only some parameters set.
OPTIONAL_ATTRIBUTES = (
    "bandwidth_factors_",
    "candidate_bandwidths_",
    "candidate_scores_",
    "covariance_",
    "tree_",
)


class KernelDensity(GenerativeModelMixin, ScoreMixin, DensityMixin, SklatentEstimator):
    """Kernel density estimation with bandwidths from the data, computed exactly.

    The density is a sum of kernels, one on each row:

    p(x) = sum_j w_j K(r_j / h) / (M h^d sum_j w_j), with r_j the distance from x to
    row j, K the kernel, M its integral in d dimensions, h the bandwidth and w the
    weights.

    All pairs of a query and a row that matter in double precision are taken into
    account, in matrix products on tiles that fit the cache. The parameters of
    :class:`sklearn.neighbors.KernelDensity` have the same meaning here. For Euclidean
    distances results are exact, so the parameters for tolerance and search have no
    effect. Other metrics use the trees of scikit-learn. `score` is the mean
    log-density, not the sum.

    Parameters
    ----------
    bandwidth : float, array-like of shape (n_features,) or str, default=1.0
        The bandwidth in units of the data, one for all features or one for each. If
        `whiten` is True, a number in units of the standard deviation of the whitened
        data. A string is a rule that finds the bandwidth:

        - "scott" and "silverman": rules of thumb, relative to the standard deviation
          of each feature; in one dimension Silverman's rule is the robust
          0.9 min(sigma, IQR / 1.34) n**(-1/5) [1]_. Kernels other than the Gaussian
          get the bandwidth at which they have the standard deviation of the rule.
        - "loo": the candidate with the largest leave-one-out likelihood. Rows that
          coincide are left out together, since otherwise the likelihood would grow
          without bound as the bandwidth goes to 0.
        - "lscv": the candidate with the smallest least-squares cross-validation error,
          for the Gaussian kernel.
        - "isj": the improved Sheather-Jones plug-in [2]_, for one feature, also if the
          density has several modes.
    kernel : {"gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine", \
"biweight", "triweight", "tricube"}, default="gaussian"
        The kernel as a function of r = r_j / h. In this order: exp(-r**2 / 2), 1,
        1 - r**2, exp(-r), 1 - r, cos(pi r / 2), (1 - r**2)**2, (1 - r**2)**3 and
        (1 - r**3)**3. All but "gaussian" and "exponential" are 0 for r >= 1.
    whiten : bool, default=False
        Whether to use the Mahalanobis distance for the covariance of the data.
        Eigenvalues of the correlation below 1e-6 are raised to that.
    adaptive : bool, default=False
        Whether each row has its own bandwidth, by the square root law [3]_: h is
        multiplied by (p(x_j) / g)**(-1/2), with p the estimate with the fixed bandwidth
        and g its geometric mean over the rows.
    candidates : int or array-like of shape (n_candidates,), default=30
        Bandwidths that "loo" and "lscv" choose from. An int is the number of
        candidates, evenly spaced on a logarithmic scale from 0.02 to 8 times the rule
        of thumb, in units of the standard deviation of each feature. For a kernel of
        bounded support the largest candidate is larger where rows would otherwise have
        no neighbor. An array holds the bandwidths, the same for all features.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all cores. The trees of
        other metrics take one.
    algorithm : {"auto", "kd_tree", "ball_tree"}, default="auto"
        The tree for a metric that is not Euclidean. "auto" is the k-d tree for the
        metrics that it supports, and the ball tree for others.
    metric : str, default="euclidean"
        The distance: a metric of :class:`sklearn.neighbors.KDTree` or
        :class:`sklearn.neighbors.BallTree`, such as "manhattan", or "haversine" for
        latitude and longitude in radians. With a metric that is not Euclidean,
        `bandwidth` must be a number in the units of the metric or "loo", `kernel` one
        of the first six, and `whiten` and `adaptive` False. "l2", and "minkowski" with
        a p of 2, are Euclidean.
    metric_params : dict, default=None
        Parameters of the metric, such as {"p": 3} for "minkowski".
    atol : float, default=0
        Absolute error of the density that is tolerated, for more speed. It has no
        effect for Euclidean distances.
    rtol : float, default=0
        Relative error of the density that is tolerated, for more speed. It has no
        effect for Euclidean distances.
    breadth_first : bool, default=True
        Whether the tree is searched level by level. It has no effect for Euclidean
        distances.
    leaf_size : int, default=40
        Number of rows of a leaf of the tree. It has no effect for Euclidean distances.

    Attributes
    ----------
    bandwidth_ : float or ndarray of shape (n_features,)
        The bandwidth, one for all features or one for each.
    bandwidth_factors_ : ndarray of shape (n_rows,)
        Factor of the bandwidth for each row of positive weight. Only if `adaptive`.
    candidate_bandwidths_ : ndarray of shape (n_candidates,) or \
(n_candidates, n_features)
        Bandwidths that "loo" or "lscv" chose from, ascending.
    candidate_scores_ : ndarray of shape (n_candidates,)
        Score of each candidate, larger is better. For "loo", the mean log-density of
        the rows, each left out, in nats, to six digits. For "lscv", minus the
        least-squares error up to a constant, for data scaled so that each feature (for
        an array of candidates: the feature of largest spread) has a standard deviation
        of 1. In hundreds of dimensions the error may be 0 or infinite in floating
        point; the choice is then made by logarithms.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariance of the data, about 1/n. Only if `whiten`.
    tree_ : KDTree or BallTree
        Tree of the rows of positive weight. Only if `metric` is not Euclidean.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KNeighborsDensity : Density from nearest neighbors, with error bars.
    HistogramDensity : Density that is constant within the cells of a grid.
    GaussianMixture : A few Gaussians instead of one kernel for each row.
    kl_bandwidth_path : How much the density depends on the bandwidth.
    sklearn.neighbors.KernelDensity : Kernel density estimation with a given bandwidth.

    Notes
    -----
    Log-densities equal those computed from differences, term by term, to 1e-9 in double
    precision and to 1e-4 in single precision, also far from the origin and far from the
    rows. The error is relative, but absolute where the logarithm of the sum is below 1.
    The density differs from scikit-learn's for the cosine kernel in an even number of
    dimensions, where scikit-learn's does not integrate to 1.

    With a metric that is not Euclidean the integral of the kernel is that of Euclidean
    distances, as in scikit-learn. So the density is right up to a factor that depends
    only on the metric and the number of features. `sample` works where the metric is a
    norm of the difference ("manhattan", "chebyshev", "minkowski"), and on the sphere
    ("haversine").

    References
    ----------
    .. [1] B. W. Silverman (1986). Density estimation for statistics and data analysis.
       Chapman and Hall. Eq. 3.31 and 4.14.
    .. [2] Z. I. Botev, J. F. Grotowski and D. P. Kroese (2010). Kernel density
       estimation via diffusion. Annals of Statistics 38, 2916-2957.
    .. [3] I. S. Abramson (1982). On bandwidth variation in kernel estimates: a square
       root law. Annals of Statistics 10, 1217-1223.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.density import KernelDensity
    >>> X = np.random.RandomState(0).standard_normal((500, 2)) * [1.0, 1000.0]
    >>> density = KernelDensity(bandwidth="loo").fit(X)
    >>> density.score_samples([[0.0, 0.0], [8.0, 0.0]]).round(1)
    array([  -8.8, -127.6])
    >>> density.sample(3, random_state=0).shape
    (3, 2)

    Locations on the globe, with a bandwidth of 500 km:

    >>> places = np.radians([[52.5, 13.4], [48.9, 2.4], [40.7, -74.0]])
    >>> density = KernelDensity(500 / 6371, metric="haversine").fit(places)
    >>> hamburg, london, sydney = np.radians([[53.6, 10], [51.5, -0.1], [-33.9, 151]])
    >>> density.score_samples([hamburg, london, sydney]).round(1)
    array([   2.3,    2.1, -510.4])
    """

    _parameter_constraints = {
        "bandwidth": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions(RULES),
            "array-like",
        ],
        "kernel": [StrOptions(set(KERNELS))],
        "whiten": ["boolean"],
        "adaptive": ["boolean"],
        "candidates": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "n_jobs": [Integral, None],
        "algorithm": [StrOptions({"auto", *TREES})],
        "metric": [StrOptions(set(METRICS))],
        "metric_params": [dict, None],
        "atol": [Interval(Real, 0, None, closed="left")],
        "rtol": [Interval(Real, 0, None, closed="left")],
        "breadth_first": ["boolean"],
        "leaf_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        bandwidth=1.0,
        *,
        kernel="gaussian",
        whiten=False,
        adaptive=False,
        candidates=30,
        n_jobs=None,
        algorithm="auto",
        metric="euclidean",
        metric_params=None,
        atol=0,
        rtol=0,
        breadth_first=True,
        leaf_size=40,
    ):
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.whiten = whiten
        self.adaptive = adaptive
        self.candidates = candidates
        self.n_jobs = n_jobs
        self.algorithm = algorithm
        self.metric = metric
        self.metric_params = metric_params
        self.atol = atol
        self.rtol = rtol
        self.breadth_first = breadth_first
        self.leaf_size = leaf_size

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Store the rows and find the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. Rules for
            the bandwidth take the sum of the weights as the number of rows. If the sum
            is about 1 or less, they take the effective sample size
            (sum w)^2 / sum w^2, with a warning.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a feature is constant and the bandwidth is relative to its standard
            deviation, or if `X` or a parameter is invalid.

        Warns
        -----
        RankDeficientWarning
            If `whiten` finds features that are linear functions of others.
        ConvergenceWarning
            If the best bandwidth is the smallest or the largest candidate. Also if the
            equation of "isj" has no solution, or only one that describes rows that
            coincide; Silverman's rule is used then.
        UserWarning
            If a rule needs the number of rows, and the weights sum to about 1 or less.

        Examples
        --------
        Scott's rule treats two modes as one wide Gaussian. "loo" finds a narrower
        kernel, which gives rows that are left out a higher likelihood:

        >>> import numpy as np
        >>> from sklatent.density import KernelDensity
        >>> rng = np.random.RandomState(0)
        >>> X = rng.standard_normal((200, 1)) + rng.choice([-5, 5], size=(200, 1))
        >>> scott = KernelDensity(bandwidth="scott").fit(X)
        >>> loo = KernelDensity(bandwidth="loo").fit(X)
        >>> bool(loo.bandwidth_ < 0.5 * scott.bandwidth_[0])
        True
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True)
            X, weight = weighted_rows(X, sample_weight)
            for name in OPTIONAL_ATTRIBUTES:  # an earlier fit may have set them
                vars(self).pop(name, None)
            metric = other_metric(**self.get_params())
            self._log_det = 0.0
            if self.whiten:
                self._set_covariance(X, weight)
            self._rows, self._weight = self._whitened(X), weight
            self.bandwidth_ = self._find_bandwidth(X, metric)
            if metric is None:
                self._sums = self._kernel_sums()
            else:
                self._sums = TreeSums(
                    self._rows, weight, self.bandwidth_, self.get_params()
                )
                self.tree_ = self._sums.tree
            if self.adaptive:
                logs = self._sums.log_sums(self._rows, self.n_jobs).astype(np.float64)
                logs -= np.average(logs, weights=weight)
                self.bandwidth_factors_ = np.exp(-0.5 * logs)
                self._sums = self._kernel_sums(self.bandwidth_factors_)
        return self

    def score_samples(self, X):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density, in the units of the data and the precision
            of `X`; -inf where all kernels are 0.

        Examples
        --------
        The kernel on each of two rows has a density of 1/4 within a distance of 2, and
        a weight of 1/2:

        >>> import numpy as np
        >>> from sklatent.density import KernelDensity
        >>> density = KernelDensity(bandwidth=2.0, kernel="tophat")
        >>> density = density.fit([[0.0], [1.0]])
        >>> np.exp(density.score_samples([[-1.5], [0.5], [9.0]])).round(3)
        array([0.125, 0.25 , 0.   ])
        """
        check_is_fitted(self)
        X = read_rows(self, X)
        return self._sums.log_sums(self._whitened(X), self.n_jobs)

    def _spreads(self, X, weight, what, remedy):
        """Standard deviation of each feature; raise where one is constant."""
        names = getattr(self, "feature_names_in_", range(X.shape[1]))
        return spreads(X, weight, names, what, remedy)

    def _set_covariance(self, X, weight):
        """Set the covariance and its root, from the correlation."""
        sigma = self._spreads(X, weight, "whiten=True", "use whiten=False")
        self._mean = np.average(X, axis=0, weights=weight)
        # Eigenvalues of the correlation, since their bound must not depend on units.
        Z = (X - self._mean) / sigma
        values, axes = np.linalg.eigh((Z.T * (weight / weight.sum())) @ Z)
        if values[0] < SMALLEST_EIGENVALUE:
            warn(
                "Features are linear functions of others, or X has too few rows to "
                f"tell: {np.sum(values < SMALLEST_EIGENVALUE)} of {len(values)} "
                "eigenvalues of the correlation are raised to "
                f"{SMALLEST_EIGENVALUE}. Use whiten=False or fewer features.",
                RankDeficientWarning,
            )
        lengths = np.sqrt(np.maximum(values, SMALLEST_EIGENVALUE))
        self._root = sigma[:, None] * axes * lengths
        self._inverse_root = (axes / lengths) / sigma[:, None]
        self._log_det = float(np.log(sigma).sum() + np.log(lengths).sum())
        self.covariance_ = self._root @ self._root.T

    def _whitened(self, X):
        """Rows in the coordinates in which the kernels are spherical."""
        if not self.whiten:
            return X.copy()  # the user may overwrite X after `fit`
        return ((X - self._mean) @ self._inverse_root).astype(X.dtype)

    def _find_bandwidth(self, X, metric):
        """Return the bandwidth, a float or one for each feature."""
        rule, d = self.bandwidth, X.shape[1]
        if not isinstance(rule, str):
            return self._given_bandwidth(d)
        kernel, rows, weight = KERNELS[self.kernel], self._rows, self._weight
        # A whitened feature has spread 1, and other metrics have no features.
        sigma = np.ones(d)
        if not self.whiten and metric is None:
            what = f"bandwidth={rule!r}"
            sigma = self._spreads(X, weight, what, "give bandwidth as a number")
        candidates = self._given_candidates()
        if rule not in {"loo", "lscv"} or np.ndim(candidates) == 0:
            weight = as_counts(weight, f"bandwidth={rule!r}")
        # The rules are for Gaussian kernels; others take the same standard deviation.
        scale = np.sqrt(kernel.variance(d))
        if rule in {"scott", "silverman"}:
            return rule_of_thumb(rows, weight, sigma, rule) / scale
        first, inverse, _ = unique_rows(X)
        rows, weight = rows[first], np.bincount(inverse, weight)
        if rule == "isj":
            return plug_in(rows, weight, sigma) / scale
        if rule == "lscv" and self.kernel != "gaussian":
            raise ValueError(
                "bandwidth='lscv' has a closed form for kernel='gaussian' only; got "
                f"kernel={self.kernel!r}. Use 'loo'."
            )
        width, self.candidate_bandwidths_, self.candidate_scores_ = cross_validated(
            rows.astype(np.float64),
            weight,
            sigma,
            kernel,
            candidates,
            rule,
            self.n_jobs,
            metric,
        )
        if rule == "loo":
            self.candidate_scores_ -= self._log_det  # in the units of X
        return float(width) if np.ndim(width) == 0 else width

    def _given_bandwidth(self, d):
        if isinstance(self.bandwidth, Real):
            return float(self.bandwidth)
        width = check_array(self.bandwidth, dtype=np.float64, ensure_2d=False)
        if width.shape != (d,) or width.min() <= 0 or self.whiten:
            raise ValueError(
                f"bandwidth must be a positive number, or {d} of them, one for each "
                f"feature, if whiten=False; got {self.bandwidth!r} with "
                f"whiten={self.whiten}."
            )
        return width

    def _given_candidates(self):
        if isinstance(self.candidates, Integral):
            return int(self.candidates)
        candidates = check_array(self.candidates, dtype=np.float64, ensure_2d=False)
        if candidates.ndim != 1 or candidates.min() <= 0:
            raise ValueError(
                "candidates must be a number of bandwidths or a list of positive "
                f"bandwidths; got {self.candidates!r}."
            )
        return candidates

    def _kernel_sums(self, factor=None):
        """Sums whose logarithms are log-densities of whitened rows."""
        kernel, d = KERNELS[self.kernel], self.n_features_in_
        width = np.broadcast_to(self.bandwidth_, d)
        log_weight = np.log(self._weight / self._weight.sum())
        if factor is not None:
            log_weight -= d * np.log(factor)
        log_weight -= kernel.log_mass(d) + np.log(width).sum() + self._log_det
        return KernelSums(self._rows, kernel, width, log_weight, factor)

    def _sample(self, n_samples, rng):
        kernel, d = KERNELS[self.kernel], self.n_features_in_
        p = norm_exponent(self.metric, self.metric_params)
        if p is None and self.metric != "haversine":
            raise NotImplementedError(
                "sample is for metric='haversine' and for metrics that are a norm of "
                "the difference: euclidean, manhattan, chebyshev, minkowski without "
                f"weights; got metric={self.metric!r}."
            )
        share = self._weight / self._weight.sum()
        which = rng.choice(len(share), n_samples, p=share)
        if self.metric == "haversine":
            return sample_on_sphere(kernel, self._rows[which], self.bandwidth_, rng)
        X = kernel.sample(d, n_samples, rng, p) * self.bandwidth_
        if hasattr(self, "bandwidth_factors_"):
            X *= self.bandwidth_factors_[which, None]
        X += self._rows[which]
        return X @ self._root.T + self._mean if self.whiten else X
