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
    """Kernel density estimate: a kernel on every row, computed exactly and fast.

    p(x) = sum_j w_j K(r_j / h) / (M h^d sum_j w_j), with r_j the distance from x to
    row j, K the kernel, M its integral in d dimensions, h the bandwidth and w the
    weights.

    All pairs of a query and a row that matter to the sum in double precision are looked
    at, in matrix products on tiles that fit the cache. All parameters of
    :class:`sklearn.neighbors.KernelDensity` are taken with the same meaning; for
    Euclidean distances results are exact, within any tolerance, and those that say how
    to search have no effect. Other metrics are left to the trees of scikit-learn.
    `score` is the mean log-density, not the sum.

    Parameters
    ----------
    bandwidth : float, array-like of shape (n_features,) or str, default=1.0
        The bandwidth in units of the data, one for all features or one for each. If
        `whiten` is True, a number, in units of the spread of the data. Or how to find
        it:

        - "scott" and "silverman": rules of thumb, relative to the standard deviation
          of each feature; in one dimension Silverman's is the robust
          0.9 min(sigma, IQR / 1.34) n**(-1/5) [1]_. Other kernels than the Gaussian
          get the bandwidth at which their standard deviation is that of the rule.
        - "loo": the largest likelihood of rows that are left out one by one, among
          `candidates`. Rows that coincide are left out together, since otherwise the
          likelihood would grow without bound as the bandwidth goes to 0.
        - "lscv": the smallest least-squares cross-validation error among
          `candidates`, for the Gaussian kernel.
        - "isj": the improved Sheather-Jones plug-in [2]_, in one dimension, where the
          density may have several modes.
    kernel : {"gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine", \
"biweight", "triweight", "tricube"}, default="gaussian"
        The kernel as a function of r = r_j / h: exp(-r**2 / 2), and exp(-r), and
        in the unit ball 1, 1 - r**2, 1 - r, cos(pi r / 2), (1 - r**2)**2,
        (1 - r**2)**3, (1 - r**3)**3.
    whiten : bool, default=False
        Whether distances are those of Mahalanobis, for the covariance of the data. The
        eigenvalues of the correlation are not less than 1e-6.
    adaptive : bool, default=False
        Whether each row has its own bandwidth, by the square root law [3]_: h is
        multiplied by (p(x_j) / g)**(-1/2), with p the estimate of the fixed bandwidth
        and g its geometric mean over the rows.
    candidates : int or array-like of shape (n_candidates,), default=30
        Bandwidths to choose from for "loo" and "lscv". An int is how many, on a
        logarithmic scale from 0.02 to 8 times the rule of thumb, for each feature in
        units of its standard deviation; further where a kernel of bounded support
        would leave rows alone. An array is the bandwidths, the same for all features.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all cores. The trees of
        other metrics take one.
    algorithm : {"auto", "kd_tree", "ball_tree"}, default="auto"
        The tree for a metric that is not Euclidean; "auto" is the k-d tree for the
        metrics that it knows.
    metric : str, default="euclidean"
        What stands for the distance: a metric of :class:`sklearn.neighbors.KDTree` or
        :class:`sklearn.neighbors.BallTree`, such as "manhattan", or "haversine" for
        latitude and longitude in radians. `bandwidth` is then a number in the units of
        the metric, or "loo", and `kernel` one of the first six; `whiten` and
        `adaptive` are for Euclidean distances, to which "l2", and "minkowski" with a p
        of 2, belong.
    metric_params : dict, default=None
        Parameters of the metric, such as {"p": 3} of "minkowski".
    atol : float, default=0
        Absolute error of the density that is tolerated, for more speed. It has no
        effect for Euclidean distances.
    rtol : float, default=0
        Relative error that is tolerated, likewise.
    breadth_first : bool, default=True
        Whether the tree is searched level by level. It has no effect for Euclidean
        distances.
    leaf_size : int, default=40
        Rows of a leaf of the tree. It has no effect for Euclidean distances.

    Attributes
    ----------
    bandwidth_ : float or ndarray of shape (n_features,)
        The bandwidth, one for all features or one for each.
    bandwidth_factors_ : ndarray of shape (n_rows,)
        What multiplies the bandwidth of each row of positive weight, if `adaptive`.
    candidate_bandwidths_ : ndarray of shape (n_candidates,) or \
(n_candidates, n_features)
        For "loo" and "lscv": the bandwidths, ascending.
    candidate_scores_ : ndarray of shape (n_candidates,)
        Their scores, larger is better: mean log-density of the rows left out, in nats,
        to six digits; or minus the least-squares error, its constant left out, where
        the spread of each feature is 1 (for an array of candidates: the largest
        spread). In hundreds of dimensions the latter may be beyond the range of
        numbers, 0 or infinite; the choice is made by logarithms.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariance of the data, about 1/n, if `whiten`.
    tree_ : KDTree or BallTree
        Tree of the rows of positive weight, if `metric` is not Euclidean.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KNeighborsDensity : Balls that are larger where rows are few, with error bars.
    HistogramDensity : Even within the cells of a grid.
    GaussianMixture : A few Gaussians instead of one kernel for each row.
    kl_bandwidth_path : How much the density depends on the bandwidth.
    sklearn.neighbors.KernelDensity : The same with a bandwidth that is given.

    Notes
    -----
    Log-densities in double precision equal sums of differences to 1e-9, also far from
    the origin and far from the rows; in single precision to 1e-4. This is relative,
    but absolute where the logarithm of the sum is below 1. It does not hold for
    scikit-learn's cosine kernel in an even number of dimensions, whose integral is
    not 1 there.

    With a metric that is not Euclidean the integral of the kernel is that of Euclidean
    distances, as in scikit-learn, so that the density is right up to a factor that
    depends on the metric and the number of features only. Rows can be drawn where the
    metric is a norm of the difference ("manhattan", "chebyshev", "minkowski"), and on
    the sphere ("haversine").

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

    Places on the globe, with a bandwidth of 500 km:

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
        """Keep the rows and find the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. Rules for
            the bandwidth take the sum of the weights as the number of rows; where that
            is about 1 or less, the weights are shares, and the effective sample size
            (sum w)^2 / sum w^2 stands in, with a warning.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a feature is constant and the bandwidth would be relative to its
            spread, or `X` or a parameter cannot be used.

        Warns
        -----
        RankDeficientWarning
            If `whiten` finds features that are functions of others.
        ConvergenceWarning
            If a criterion for the bandwidth is best at either end of the candidates, or
            the equation of "isj" has no solution but one that describes rows that
            coincide: then Silverman's rule stands in.
        UserWarning
            If a rule needs the number of rows, and the weights are shares.

        Examples
        --------
        Scott's rule takes two modes for one wide Gaussian; "loo" finds a narrower
        kernel, under which rows left out are more likely:

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
        """Log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats, for the units of the data and in the precision of `X`; -inf
            beyond the support of the kernels.

        Examples
        --------
        Each of two rows is an even density of 1/4 within a distance of 2, times 1/2:

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
