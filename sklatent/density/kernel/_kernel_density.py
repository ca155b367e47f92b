"""Kernel density estimation, exactly, with bandwidths from the data.

`fit` stores the rows and finds the bandwidth; `score_samples` is a sum of kernels over
the rows (`sklatent.density.kernel._sums`).
"""

import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.kernel._bandwidth import spreads
from sklatent.density.kernel._blocked_spread import BlockedSpread, check_by_blocks
from sklatent.density.kernel._choose_bandwidth import (
    RULES,
    find_bandwidth,
    most_reports,
)
from sklatent.density.kernel._constant_columns import (
    constant_columns,
    no_constant_columns,
)
from sklatent.density.kernel._device_sums import DeviceSums, fit_in_tiles
from sklatent.density.kernel._found_sums import FoundSums
from sklatent.density.kernel._left_out import (
    blocks_left_out,
    find_matches,
    log_sums_left_out,
)
from sklatent.density.kernel._local_covariances import SCALES, LocalCovariances
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
from sklatent.density.kernel._whitening import Whitening, find_whitening
from sklatent.utils._arrays import is_of_other_library, moved, through_numpy
from sklatent.utils._dask import is_dask
from sklatent.utils._iterations import reported_fit
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._progress import reported_blocks
from sklatent.utils._rounding import Ranges
from sklatent.utils._rows import ArrayRows, DaskRows
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import read_rows
from sklatent.utils._training_blocks import TrainingBlocks
from sklatent.utils._weights import weighted_rows

# Fitted attributes that only some parameters set.
OPTIONAL_ATTRIBUTES = (
    "bandwidth_factors_",
    "candidate_bandwidths_",
    "candidate_scores_",
    "covariance_",
    "n_neighbors_",
    "shrinkage_",
    "tree_",
    "_total",
)


class KernelDensity(
    CallbackSupportMixin,
    GenerativeModelMixin,
    ScoreMixin,
    DensityMixin,
    SklatentEstimator,
):
    """Kernel density estimation with bandwidths from the data, computed exactly.

    The density is a sum of kernels, one on each row:

    p(x) = sum_j w_j K(r_j / h) / (M h^d sum_j w_j), with r_j the distance from x to
    row j, K the kernel, M its integral in d dimensions, h the bandwidth and w the
    weights.

    All pairs of a query and a row that matter in double precision are taken into
    account, in matrix products on tiles that fit the cache. The parameters of
    :class:`sklearn.neighbors.KernelDensity` have the same meaning here. For Euclidean
    distances results are exact unless `rtol` is given, and the parameters for search
    have no effect. Other metrics use the trees of scikit-learn. `score` is the mean
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
    adaptive : bool or "covariance", default=False
        Whether each row has a kernel of its own.

        - True: its bandwidth, by the square root law [3]_: h is multiplied by
          (p(x_j) / g)**(-1/2), with p the estimate with the fixed bandwidth and g its
          geometric mean over the rows.
        - "covariance": its covariance, that of its nearest other rows [4]_, shrunk
          towards the mean of the correlation and the unit matrix. The number of
          neighbors, the shrinkage and the scale are those of the largest leave-one-out
          likelihood. Then `bandwidth` is a factor of this scale: 1.0, the default, or
          "loo" take it as it is. For the Gaussian kernel.
    candidates : int or array-like of shape (n_candidates,), default=30
        Bandwidths that "loo" and "lscv" choose from. An int is the number of
        candidates, evenly spaced on a logarithmic scale from 0.02 to 8 times the rule
        of thumb, in units of the standard deviation of each feature. For a kernel of
        bounded support the largest candidate is larger where rows would otherwise have
        no neighbor. An array holds the bandwidths, the same for all features. It has no
        effect with `adaptive="covariance"`, which has its own candidates.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all cores. The trees of
        other metrics take one.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so does `score_samples`. With 0 they print nothing. An iteration of
        "loo" or "lscv" is a block of rows whose kernels are added, for all candidates,
        or all of the rows for one candidate where they are added on a grid. With
        `adaptive=True` the rows whose densities set the bandwidths follow, and with
        "covariance" an iteration is a block of kernels for a number of neighbors.
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
        Relative error of each density that is tolerated, for more speed. For Euclidean
        distances it has an effect from 1e-10 on, for the Gaussian kernel in up to three
        dimensions, without `adaptive`: where rows and queries are many, sums are then
        computed on a grid [5]_, in a time proportional to their number.
    breadth_first : bool, default=True
        Whether the tree is searched level by level. It has no effect for Euclidean
        distances.
    leaf_size : int, default=40
        Number of rows of a leaf of the tree. It has no effect for Euclidean distances.

    Attributes
    ----------
    bandwidth_ : float or ndarray of shape (n_features,)
        The bandwidth, one for all features or one for each; 0 for a constant feature.
        With `adaptive="covariance"` the scale h of the kernels, whose covariances are
        h**2 C_j.
    bandwidth_factors_ : ndarray of shape (n_rows,)
        Factor of the bandwidth for each row of positive weight. Only if `adaptive` is
        True.
    candidate_bandwidths_ : ndarray of shape (n_candidates,) or \
(n_candidates, n_features)
        Bandwidths that "loo" or "lscv" chose from, ascending; scales that
        `adaptive="covariance"` chose from.
    candidate_scores_ : ndarray of shape (n_candidates,)
        Score of each candidate, larger is better. For "loo", the mean log-density of
        the rows, each left out, in nats, to six digits. For "lscv", minus the
        least-squares error up to a constant, for data scaled so that each feature (for
        an array of candidates: the feature of largest spread) has a standard deviation
        of 1. In hundreds of dimensions the error may be 0 or infinite in floating
        point; the choice is then made by logarithms. For `adaptive="covariance"` as for
        "loo", with the neighbors and shrinkage that are best for each scale.
    covariance_ : ndarray of shape (n_features, n_features)
        Covariance of the data, about 1/n. Only if `whiten`.
    n_neighbors_ : int
        Number of neighbors of a covariance. Only if `adaptive="covariance"`.
    shrinkage_ : float
        The shrinkage a. Only if `adaptive="covariance"`.
    tree_ : KDTree or BallTree
        Tree of the rows of positive weight. Only if `metric` is not Euclidean, and not
        of a Dask collection.
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
    With `rtol` a density has at most this relative error more, in the tails too: the
    rows are spread to the nodes of a grid by Gaussians, from which each query collects
    them, all terms are positive, and what is left out is bounded for each query. One
    whose density is too small for the bound has an exact sum.
    The density differs from scikit-learn's for the cosine kernel in an even number of
    dimensions, where scikit-learn's does not integrate to 1.

    Where the bandwidth is relative to the standard deviation of each feature, or with
    `whiten` or `adaptive="covariance"`, a feature that is constant up to rounding is
    left aside with a warning. The density is that of the other features. A row with
    another value there has its density divided by n + 1 for each such feature, with n
    the sum of the weights: the rule of succession for what n rows did not show. If all
    features are constant there is no density, and `fit` raises an error.

    With `adaptive="covariance"`, standardized features, R their correlation and S_j the
    mean of (x - x_j)(x - x_j)' over the k nearest rows x of row j, the kernels have the
    covariances

    C_j = (1 - a) S_j + a t_j (I + R) / 2,

    with t_j so that the trace in the coordinates where (I + R) / 2 is the unit matrix
    stays the same. Candidates are 8 to 128 neighbors, shrinkages a from 0.005 to 0.8
    and scales h from 0.3 to 2. The row that is left out is left out of the covariances
    of its neighbors too, where the next neighbor takes its place; otherwise the
    likelihood would be largest for few neighbors that are hardly shrunk. Rows that
    coincide are one neighbor. With r = min(k, n_features), `score_samples` takes
    n_features * r operations for each pair of a query and a row, and `fit` as much for
    each k and up to 2,000 rows that are left out, evenly spaced among all of them.
    Memory holds the rows and k + 1 neighbors of each; covariances are decomposed a
    block of rows at a time in each call, and never all of them stored. So one call for
    many rows is faster than many calls.

    A density that is fitted to a Dask collection keeps the collection, not its rows,
    which each call of `score_samples` reads again; see :ref:`scale`. Then `bandwidth`
    is "scott", "silverman" or given, and `adaptive` is False.

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
    .. [4] P. Vincent and Y. Bengio (2003). Manifold Parzen windows. Advances in Neural
       Information Processing Systems 15, 849-856.
    .. [5] L. Greengard and J.-Y. Lee (2004). Accelerating the nonuniform fast Fourier
       transform. SIAM Review 46, 443-454.

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

    Kernels with local covariances lie along the line that the rows follow:

    >>> angle = np.random.RandomState(1).uniform(0, 6, 500)
    >>> X = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
    >>> X += 0.05 * np.random.RandomState(2).standard_normal((500, 2))
    >>> train, test = X[::2], X[1::2]
    >>> round_kernels = KernelDensity("loo", adaptive=True).fit(train)
    >>> flat_kernels = KernelDensity(adaptive="covariance").fit(train)
    >>> bool(flat_kernels.score(test) > round_kernels.score(test) + 0.2)
    True

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
        "adaptive": ["boolean", StrOptions({"covariance"})],
        "candidates": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
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
        verbose=0,
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
        self.verbose = verbose
        self.algorithm = algorithm
        self.metric = metric
        self.metric_params = metric_params
        self.atol = atol
        self.rtol = rtol
        self.breadth_first = breadth_first
        self.leaf_size = leaf_size

    # Of a Dask collection.
    _training_blocks = None

    # The tree is the one that the sums make of their rows again.
    def __getstate__(self):
        return {
            name: v for name, v in super().__getstate__().items() if name != "tree_"
        }

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(getattr(self, "_sums", None), TreeSums):
            self.tree_ = self._sums.tree

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Store the rows and find the bandwidth.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Passed to scikit-learn's callbacks.
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
            If all features are constant and the bandwidth is relative to their standard
            deviation, or if `X` or a parameter is invalid.
        TypeError
            If `X` is a Dask collection, and the bandwidth is chosen by comparing all
            rows with all.

        Warns
        -----
        RankDeficientWarning
            If a feature is constant and the bandwidth is relative to its standard
            deviation, or `whiten` finds features that are linear functions of others.
        ConvergenceWarning
            If the best bandwidth is the smallest or the largest candidate, or if
            without a single outlier "loo" would choose one that is 10 times smaller.
            Also if the equation of "isj" has no solution, or only one that describes
            rows that coincide; Silverman's rule is used then.
        UserWarning
            If a rule needs the number of rows, and the weights sum to about 1 or less.
            Also if `adaptive="covariance"` has fewer than 9 distinct rows.
        RepeatedReadingWarning
            If `X` is a Dask collection that is not in memory.

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
            for name in OPTIONAL_ATTRIBUTES:  # an earlier fit may have set them
                vars(self).pop(name, None)
            metric = other_metric(**self.get_params())
            if is_dask(X):
                return self._fit_blocks(X, sample_weight, metric)
            self._training_blocks = None
            X = read_rows(self, X, reset=True)
            X, weight = weighted_rows(X, sample_weight)
            self._set_columns(ArrayRows(X, weight), metric)
            X = self._columns.others(X)
            self._set_whitening(
                self.whiten and find_whitening(X, weight, spreads(X, weight), 1.0)
            )
            # The user may overwrite X after `fit`.
            self._rows, self._weight = self._whitened(X).copy(), weight
            self._training = X.copy() if self.whiten else self._rows
            n_steps = most_reports(*X.shape, **self.get_params())
            with reported_fit(self, X, y, n_steps) as fit:
                report = fit.report_of("block of rows")
                if self.adaptive == "covariance":
                    self._fit_covariances(report)
                else:
                    self._fit_sums(X, metric, report)
        return self

    def _fit_blocks(self, X, sample_weight, metric):
        """Find the bandwidth of a Dask collection, and keep the collection."""
        rows = DaskRows(self, X, sample_weight, False, 1)
        check_by_blocks(rows, self.bandwidth, self.adaptive)
        self._total = rows.overview.weight
        self._set_columns(rows, metric)
        spread = BlockedSpread(rows, self._columns)
        self._set_whitening(self.whiten and spread.whitening())
        self._set_width(spread.bandwidth(self._whitening, **self.get_params()))
        self._rows = self._weight = self._training = self._sums = None
        self._training_blocks = TrainingBlocks(rows, np.logaddexp, self)
        return self

    def _found_in(self, block, weight, X):
        """Log-sums of the kernels on a block of the training rows, if there are any."""
        if weight is not None and not weight.any():
            return None
        block, weight = weighted_rows(block, weight)
        model = copy.copy(self)
        model._rows = self._whitened(self._columns.others(block))
        model._weight = weight
        queries = self._whitened(self._columns.others(read_rows(self, X)))
        sums = model._kernel_sums(other_metric(**self.get_params()))
        logs = sums.log_sums(queries, self.n_jobs).astype(np.float64)
        return logs + np.log(weight.sum() / self._total)

    def _told(self, found):
        """Copy of this density that knows the log-sums at its next queries."""
        model = copy.copy(self)
        model._sums, model.verbose = FoundSums(found), 0
        return model

    def _fit_sums(self, X, metric, report):
        """Find the bandwidth, and the kernels of one shape."""
        width, widths, scores = find_bandwidth(
            X, self._rows, self._weight, metric, report, **self.get_params()
        )
        self._set_width(width)
        if widths is not None:
            self.candidate_bandwidths_ = self._of_all_columns(widths, 1)
            in_units_of_X = self._log_det if self.bandwidth == "loo" else 0.0
            self.candidate_scores_ = scores - in_units_of_X
        self._sums = self._kernel_sums(metric)
        if metric is not None:
            self.tree_ = self._sums.tree
        elif self.adaptive:
            logs = self._sums.log_sums(self._rows, self.n_jobs, report)
            logs = logs.astype(np.float64)
            logs -= np.average(logs, weights=self._weight)
            self.bandwidth_factors_ = np.exp(-0.5 * logs)
            self._sums = self._kernel_sums(metric, self.bandwidth_factors_)

    def _set_width(self, width):
        """Set the bandwidth of the features that vary, and of all."""
        n_varying = np.count_nonzero(self._columns.varies)
        self._width = np.broadcast_to(width, n_varying)
        self.bandwidth_ = self._of_all_columns(width)

    def _of_all_columns(self, widths, ndim=0):
        """Bandwidths, where there is one for each feature, also of constant ones: 0."""
        return self._columns.widen(widths, 0.0) if np.ndim(widths) > ndim else widths

    def _fit_covariances(self, report):
        """Find the kernels with local covariances."""
        first, inverse, _ = unique_rows(self._training)
        rows = self._rows[first].astype(np.float64)
        weight = np.bincount(inverse, self._weight)
        self._sums = LocalCovariances(
            rows,
            weight,
            spreads(rows, weight),
            1.0 if self.bandwidth == "loo" else float(self.bandwidth),
            self.n_jobs,
            report,
        )
        self.bandwidth_ = self._sums.scale
        self.n_neighbors_ = self._sums.n_neighbors
        self.shrinkage_ = self._sums.shrinkage
        if self._sums.scores is not None:
            self.candidate_bandwidths_ = SCALES.copy()
            self.candidate_scores_ = self._sums.scores - self._log_det

    def score_samples(self, X, leave_one_out=False):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        leave_one_out : bool, default=False
            Whether rows that equal a training row are scored by the other training
            rows, as new ones would be. One copy of the row is left out: a weight of 1,
            or all of its weight if that is less. With `adaptive=True` the bandwidths of
            the others stay as they are; with "covariance" the row is left out of the
            covariances of its neighbors too.

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

        Far from all others a training row has no density but its own, and each of these
        outliers scores the same. Left out they are ranked:

        >>> X = [[0.0], [1.0], [2.0], [50.0], [450.0]]
        >>> density = KernelDensity().fit(X)
        >>> density.score_samples(X).round(1)
        array([-2. , -1.7, -2. , -2.5, -2.5])
        >>> density.score_samples(X, leave_one_out=True).round()
        array([-3.0000e+00, -2.0000e+00, -3.0000e+00, -1.1540e+03, -8.0002e+04])
        """
        check_is_fitted(self)
        if leave_one_out and self._training is None:
            raise TypeError(
                "leave_one_out=True compares the training rows with each other, which "
                "needs these in memory; they are a Dask collection. Fit to X.compute()."
            )
        if self._training_blocks is not None:
            return self._training_blocks.told(X).score_samples(X)
        X = read_rows(self, X)
        name = f"{type(self).__name__}.score_samples"
        if is_of_other_library(X):
            queries = self._whitened_on_device(X)
            if leave_one_out or not fit_in_tiles(self._sums, queries):
                return through_numpy(self.score_samples, X, leave_one_out)
            sums = DeviceSums(self._sums, queries)
            n_blocks = sums.n_blocks(X.shape[0])
            with reported_blocks(name, n_blocks, self.verbose) as report:
                return sums.log_sums(queries, X.dtype, report)
        varying = self._columns.others(X)
        n_blocks = self._sums.n_blocks(len(X))
        if leave_one_out:
            matches = find_matches(self._training, self._weight, varying)
            of_others = getattr(self._sums, "n_blocks_of_others", blocks_left_out)
            n_blocks += of_others(len(matches.queries))
        with reported_blocks(name, n_blocks, self.verbose) as report:
            queries = self._whitened(varying)
            logs = self._sums.log_sums(queries, self.n_jobs, report)
            if self.adaptive == "covariance":
                logs -= self._log_det
            if leave_one_out and len(matches.queries):
                logs[matches.queries] = self._left_out(matches, report)
        logs = logs - self._columns.count_off(X) * np.log1p(self._n_rows)
        return logs.astype(X.dtype)

    def _left_out(self, matches, report):
        """Log-densities of training rows from the others."""
        if self.adaptive == "covariance":
            others = self._sums.log_sums_of_others(matches.rows, self.n_jobs, report)
            return others - self._log_det
        kernel, d, factor = KERNELS[self.kernel], self._rows.shape[1], 1.0
        if self.adaptive:
            factor = self.bandwidth_factors_[matches.first]
        others = log_sums_left_out(
            self._rows[matches.first].astype(np.float64),
            matches,
            kernel,
            self._width,
            factor,
            other_metric(**self.get_params()),
            self.n_jobs,
            report,
        )
        return others - (kernel.log_mass(d) + np.log(self._width).sum() + self._log_det)

    def _set_columns(self, rows, metric):
        """Set which columns of a row source vary, where that matters."""
        self._columns, self._n_rows = no_constant_columns(rows.n_features), 0.0
        what, remedy = f"bandwidth={self.bandwidth!r}", "give bandwidth as a number"
        if self.adaptive == "covariance":
            what, remedy = "adaptive='covariance'", "use adaptive=False and a number"
        elif self.whiten:
            what, remedy = "whiten=True", "use whiten=False"
        elif not isinstance(self.bandwidth, str) or metric is not None:
            return
        names = getattr(self, "feature_names_in_", range(rows.n_features))
        ranges = rows.reduce(Ranges.of, Ranges.merge)
        self._columns = constant_columns(
            ranges, rows.dtype, rows.n_positive, names, what, remedy
        )
        if not self._columns.varies.all():
            self._n_rows = rows.row_count("The density beside a constant feature")

    def _set_whitening(self, whitening):
        """Set the covariance and its root, if they are asked for."""
        self._whitening, self._log_det = whitening or None, 0.0
        if whitening:
            self._log_det = whitening.log_det
            root = self._columns.widen(self._whitening.root.T, 0.0)
            self.covariance_ = root.T @ root

    def _whitened(self, X):
        """Rows in the coordinates in which the kernels are spherical."""
        if self._whitening is None:
            return X
        return self._whitening.forward(X).astype(X.dtype)

    @property
    def _on_device(self):
        """What sums kernels at Euclidean distances."""
        sums = isinstance(getattr(self, "_sums", None), KernelSums)
        if sums and self._columns.varies.all():
            return frozenset({"score", "score_samples"})
        return frozenset()

    def _whitened_on_device(self, X):
        """Rows on a device in the same coordinates."""
        if self._whitening is None:
            return X
        parts = (moved(part, X) for part in self._whitening)
        return Whitening(*parts).forward(X)

    def _kernel_sums(self, metric, factor=None):
        """Sums whose logarithms are log-densities of whitened rows."""
        if metric is not None:
            parameters = self.get_params()
            return TreeSums(self._rows, self._weight, self.bandwidth_, parameters)
        kernel, d, width = KERNELS[self.kernel], self._rows.shape[1], self._width
        log_weight = np.log(self._weight / self._weight.sum())
        if factor is not None:
            log_weight -= d * np.log(factor)
        log_weight -= kernel.log_mass(d) + np.log(width).sum() + self._log_det
        # The bandwidths of rows that have their own are those of an exact estimate.
        rtol = 0.0 if self.adaptive else self.rtol
        return KernelSums(self._rows, kernel, width, log_weight, factor, rtol)

    def _sample(self, n_samples, rng):
        if self.adaptive == "covariance":
            return self._unwhitened(self._sums.sample(n_samples, rng))
        kernel, d = KERNELS[self.kernel], len(self._width)
        p = norm_exponent(self.metric, self.metric_params)
        if p is None and self.metric != "haversine":
            raise NotImplementedError(
                "sample is for metric='haversine' and for metrics that are a norm of "
                "the difference: euclidean, manhattan, chebyshev, minkowski without "
                f"weights; got metric={self.metric!r}."
            )
        centers, factors = self._centers(n_samples, rng)
        if self.metric == "haversine":
            return sample_on_sphere(kernel, centers, self.bandwidth_, rng)
        X = kernel.sample(d, n_samples, rng, p) * self._width
        X *= factors
        X += centers
        return self._unwhitened(X)

    def _centers(self, n_samples, rng):
        """Training rows chosen by their weight, and factors of their bandwidths."""
        if self._training_blocks is not None:
            rows = self._training_blocks.rows.choose(n_samples, rng)
            return self._whitened(self._columns.others(rows)), 1.0
        share = self._weight / self._weight.sum()
        which = rng.choice(len(share), n_samples, p=share)
        if hasattr(self, "bandwidth_factors_"):
            return self._rows[which], self.bandwidth_factors_[which, None]
        return self._rows[which], 1.0

    def _unwhitened(self, Z):
        """Rows with these coordinates, constant columns included."""
        X = Z if self._whitening is None else self._whitening.back(Z)
        return self._columns.widen(X, self._columns.values)
