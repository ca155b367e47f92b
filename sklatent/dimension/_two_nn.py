"""TwoNN: the dimension from the two nearest neighbors of each row.

Facco, d'Errico, Rodriguez and Laio (2017): the ratio mu = r_2 / r_1 of the distances
to the second and the first neighbor has a Pareto distribution,

    P(mu > x) = x^-d

where the density is even over the neighborhood, whatever it is elsewhere.
"""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import gammaincinv
from sklearn.base import clone
from sklearn.utils import Bunch, check_array, check_scalar

from sklatent.dimension import _estimates
from sklatent.dimension._base import (
    TIE,
    LocalDimensionMixin,
    OptionalTransformMixin,
    available_neighbors,
    check_ties,
)
from sklatent.dimension._calibration import misfit_pvalue
from sklatent.dimension._corrections import CorrectedMixin, Scale, gride_scale
from sklatent.dimension._sampled import SampledNeighborEstimator
from sklatent.exceptions import DiscreteDataWarning, DuplicateRowsWarning
from sklatent.utils._arrays import to_numpy
from sklatent.utils._iterations import reported_rows
from sklatent.utils._neighbors import EUCLIDEAN
from sklatent.utils._progress import reported_blocks
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import Interval, StrOptions, _fit_context
from sklatent.utils._tables import FLOAT_DTYPES, check_in_memory

FUNCTIONS = {"mle": "pareto_mle", "linear": "pareto_line", "bayes": "pareto_mle"}
# Subsets of fewer rows are not looked at.
MIN_SUBSET = 20


class TwoNN(
    OptionalTransformMixin,
    CorrectedMixin,
    LocalDimensionMixin,
    SampledNeighborEstimator,
):
    """Intrinsic dimension from the two nearest neighbors of each row.

    With mu the ratio of the distances to the second and the first neighbor, log mu is
    exponential with rate d, the dimension [1]_. Only the smallest scale that the
    sample resolves is looked at: noise that is larger than the distance between
    neighbors counts as dimensions. See :class:`Gride` for larger scales.

    Rows that are equal are merged, with a warning.

    Parameters
    ----------
    method : {"mle", "linear", "bayes"}, default="mle"
        How the distribution of the ratios is fitted.

        - "mle": maximum likelihood, with the discarded ratios known to be larger than
          the others (censored) [2]_; unbiased if mu has a Pareto distribution.
        - "linear": least squares of -log(1 - F) against log mu through the origin,
          with F the empirical distribution, as in [1]_.
        - "bayes": posterior mean, with a gamma prior on d [2]_.
    discard_fraction : float, default=0.1
        Share of the largest ratios to leave out, less than 1. Large ratios come from
        neighborhoods of uneven density.
    correction : {"ball", "shapes"}, default=None
        For the bias of finite samples, which is downward in many dimensions.

        - "ball": the dimension of the ball in which the same number of even points
          gives the same estimate. The interval is that of chance, as without a
          correction.
        - "shapes": the shape of the data is unknown, and how the estimate changes
          up to the 32nd neighbor
          tells how far off it is, as it does for as many points of ten shapes with
          and without a boundary. The interval has room for the unknown shape, so that
          it covers the dimension itself.

        None reports what the paper defines.
    n_neighbors : int, default=None
        Neighbors whose ratios make the local estimates; None makes none. Where there
        are fewer other rows, all of them are used.
    prior_shape : float, default=0.0
        Shape of the gamma prior. Used only by "bayes". With shape and rate 0, the prior
        is 1 / d, which has no scale.
    prior_rate : float, default=0.0
        Rate of the gamma prior. Used only by "bayes".
    metric : str or callable, default="euclidean"
        Distance between rows: one of "braycurtis", "canberra", "chebyshev",
        "correlation", "cosine", "euclidean", "haversine" and "manhattan"; a function
        of two rows that is a metric; or "precomputed". Distances have to grow like a
        length: squared distances, or 1 - cos, would halve the dimension. Therefore
        "cosine" and "correlation" use the chord between directions,
        sqrt(2 (1 - cos)). A function and precomputed distances must grow like a length
        too.
    n_jobs : int, default=None
        Number of threads. None uses as many as BLAS would.
    confidence_level : float, default=0.95
        Probability that the confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so do `transform` and `scaling`. With 0 they print nothing. An
        iteration is a block of rows whose neighbors are searched for.

    Attributes
    ----------
    dimension_ : float
        The estimate.
    dimension_std_ : float
        Standard error of `dimension_`. It takes into account that neighboring rows
        share neighbors, so that their ratios are not independent.
    confidence_interval_ : ndarray of shape (2,)
        Confidence interval of the dimension, symmetric on a logarithmic scale. For
        "bayes" and with the correction "shapes" it consists of quantiles of the
        posterior.
    log_ratios_ : ndarray of shape (n_kept,)
        Logarithms of the ratios mu of the rows that are kept, in ascending order,
        without the largest one.
    log_survival_ : ndarray of shape (n_kept,)
        -log(1 - F) at each of `log_ratios_`, with F the share of the rows up to it. As
        a function of `log_ratios_` it is a straight line of slope d if the distribution
        of the ratios is that of a dimension d.
    pvalue_ : float
        Probability of a fit that is no better, if the density is even. It is small if
        the distribution of the ratios is not that of any dimension. If more than half
        of the ratios are discarded, the smaller half is used. The p-value comes from
        simulation: near 0.01 its error is about 0.006, elsewhere at most 0.06.
    scale_ : float
        Geometric mean of the distances to the second neighbor, in units of the data.
    n_neighbors_ : int or None
        Number of neighbors of the local estimates: `n_neighbors`, unless there are
        fewer other distinct rows.
    n_duplicates_ : int
        Number of rows that are duplicates of other rows; estimated for a Dask
        collection.
    local_dimension_ : ndarray of shape (n_samples,)
        Estimate around each row, from its ratio and those of its neighbors, without
        correction. It is `dimension_` if all these ratios are 1. Only with
        `n_neighbors`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string names for all of them.

    See Also
    --------
    Gride : From ratios of distances at larger scales.
    LevinaBickel : From more neighbors, with less variance and more bias.

    Notes
    -----
    The standard error is that of independent ratios times a factor for neighbors in
    common, 1.0 to 1.4, about 1.2 by default, from a simulation of an even density
    without boundary. That and the correction are tabulated up to a discarded share of
    0.5, whose values serve beyond; the corrections for 50 to 20,000 rows, and
    extrapolated from there.

    With the correction "shapes", `dimension_` is the median of a posterior of the
    dimension, and `dimension_std_` is the standard deviation of its logarithm, times
    the dimension; see :ref:`dimension_shapes`.

    Of a Dask collection, neighbors are found for 20,000 rows, among all rows. The
    standard error is that of these, and there are no local estimates; see :ref:`scale`.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] E. Facco, M. d'Errico, A. Rodriguez and A. Laio (2017). Estimating the
       intrinsic dimension of datasets by a minimal neighborhood information.
       Scientific Reports 7, 12140. Eq. 4 to 6.
    .. [2] F. Denti, D. Doimo, A. Laio and A. Mira (2022). The generalized ratios
       intrinsic dimension estimator. Scientific Reports 12, 20005. Section 2.

    Examples
    --------
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import TwoNN
    >>> X, _ = make_swiss_roll(2000, random_state=0)
    >>> two_nn = TwoNN().fit(X)
    >>> round(two_nn.dimension_, 2), two_nn.confidence_interval_.round(2)
    (1.94, array([1.83, 2.06]))
    """

    _parameter_constraints = {
        **SampledNeighborEstimator._parameter_constraints,
        **CorrectedMixin._parameter_constraints,
        "method": [StrOptions(set(FUNCTIONS))],
        "discard_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_neighbors": [Interval(Integral, 2, None, closed="left"), None],
        "prior_shape": [Interval(Real, 0, None, closed="left")],
        "prior_rate": [Interval(Real, 0, None, closed="left")],
    }

    @property
    def _on_device(self):
        """The search for neighbors at Euclidean distances."""
        return frozenset({"fit"} if str(self.metric) in EUCLIDEAN else ())

    def __init__(
        self,
        method="mle",
        *,
        discard_fraction=0.1,
        correction=None,
        n_neighbors=None,
        prior_shape=0.0,
        prior_rate=0.0,
        metric="euclidean",
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.method = method
        self.discard_fraction = discard_fraction
        self.correction = correction
        self.n_neighbors = n_neighbors
        self.prior_shape = prior_shape
        self.prior_rate = prior_rate
        self.metric = metric
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the dimension.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data, or distances between all rows with the metric "precomputed", whose
            diagonal is 0 up to rounding; distances up to twice that count as 0. At
            least three rows that differ.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are too few distinct rows, or they lie on a grid on which nearest
            distances tie.
        TypeError
            If `X` is a Dask collection, and a parameter needs all rows in memory.

        Warns
        -----
        DuplicateRowsWarning
            If rows repeat others.
        FewRowsWarning
            If there are not more than `n_neighbors` distinct rows.
        DiscreteDataWarning
            If more than 1 % of the rows have two nearest neighbors at one distance.

        Examples
        --------
        In four dimensions the boundary makes the estimate too low. Only with the
        correction does the interval cover the dimension:

        >>> from sklatent.datasets import make_ball
        >>> from sklatent.dimension import TwoNN
        >>> X, _ = make_ball(1000, dimension=4, n_features=20, random_state=0)
        >>> TwoNN().fit(X).confidence_interval_.round(1)
        array([3.4, 3.9])
        >>> TwoNN(correction="ball").fit(X).confidence_interval_.round(1)
        array([3.5, 4.1])

        That for data of any shape ends at the four dimensions that the rows span:

        >>> TwoNN(correction="shapes").fit(X).confidence_interval_.round(1)
        array([3.3, 4. ])
        """
        with self._unchanged_on_error():
            if self.n_neighbors:
                check_in_memory(X, "TwoNN with n_neighbors")
            n = self._fit_rows(X, n_needed=3)
            self.n_neighbors_ = self.n_neighbors and available_neighbors(
                "n_neighbors", self.n_neighbors, n - 1, n
            )
            far = self._far_n1(1, n)
            k = max([self.n_neighbors_ or 2, *(2 * n1 for n1 in far)])
            with reported_rows(self, X, y, n) as report:
                neighbors = self._find_neighbors(k, report=report)
            t, ties = neighbors.log_ratios()
            kept, bounded = _estimates.censored(t, self.discard_fraction)
            check_ties(X, ties[kept])
            self._fit_ratios(t, neighbors, far)
            self.scale_ = float(np.exp(neighbors.log_distances[:, 1].mean()))
            self.log_ratios_, self.log_survival_ = _estimates.pareto_plot(
                t[kept], len(t)
            )
            looked_at = min(self.discard_fraction, 0.5)
            misfit = _estimates.pareto_misfit(t, looked_at)
            self.pvalue_ = misfit_pvalue(misfit, looked_at)
            if self.n_neighbors is None:
                self._forget_rows()
                vars(self).pop("local_dimension_", None)
            else:
                self._ratios = np.column_stack([kept, bounded])
                self._rows = to_numpy(self._rows)
                indices = neighbors.indices[:, : self.n_neighbors_]
                members = self._ratios[indices].sum(axis=1) + self._ratios
                self.local_dimension_ = self._local(members)[self._inverse]
        return self

    def _fit_ratios(self, t, neighbors, far):
        """Set the estimate and its error bar; `far` are n1 of larger scales."""
        function = FUNCTIONS[self.method]
        fitted = getattr(_estimates, function)(t, self.discard_fraction)
        scale = Scale(function, [self.discard_fraction], *fitted, neighbors.share)
        if self.method == "bayes":
            self._set_posterior(t, scale.log_std())
        else:
            self._set_dimension(scale.dimension, scale.log_std())
        others = (gride_scale(neighbors, n1) for n1 in far)
        self._correct(neighbors.n_distinct, scale, others, self._most())

    def _set_posterior(self, t, log_std):
        """Set the moments and quantiles of the posterior.

        The likelihood of independent ratios, d^m exp(-d total), is raised to the power
        that makes it as wide as the standard error is.
        """
        kept, bounded = _estimates.censored(t, self.discard_fraction)
        power = 1 / (kept.sum() * log_std**2)
        shape = self.prior_shape + power * kept.sum()
        rate = self.prior_rate + power * bounded.sum()
        tail = 0.5 - 0.5 * self.confidence_level
        self.dimension_ = float(shape / rate)
        self.dimension_std_ = float(np.sqrt(shape) / rate)
        self.confidence_interval_ = gammaincinv(shape, [tail, 1 - tail]) / rate

    def _local(self, members):
        """Estimates from numbers of kept ratios, and totals of bounded ones."""
        n_kept, total = members.T
        even = total > 0
        # A neighborhood where all distances tie says nothing.
        local = np.full(len(total), self.dimension_)
        local[even] = np.maximum(n_kept[even] - 1, 1) / total[even]
        return local

    def _local_dimension(self, X, report):
        log_distances, indices = self._query_neighbors(X, self.n_neighbors_, report)
        t = log_distances[:, 1] - log_distances[:, 0]
        largest = self._ratios[:, 1].max()
        kept = t <= largest * (1 + TIE)  # a row of `fit` may come with other rounding
        own = np.column_stack([kept, np.minimum(t, largest)])
        return self._local(self._ratios[indices].sum(axis=1) + own)

    def scaling(self, X, *, n_levels=6, random_state=None):
        """Estimate the dimension by scale, on ever smaller parts of the data.

        At each level the rows are divided at random into twice as many parts, whose
        neighbors are farther apart; the estimate is the average over the parts. Facco
        et al. (2017) call it decimation. This needs no `fit`, and leaves the estimator
        as it is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data, or distances between all rows with the metric "precomputed".
        n_levels : int, default=6
            Number of levels, the whole data among them; fewer where a part would have
            less than 20 rows.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same parts at every call.

        Returns
        -------
        scaling : Bunch
            Arrays with an entry for each level.

            n_samples : ndarray of shape (n_levels,)
                Mean number of rows in a part.
            scale : ndarray of shape (n_levels,)
                Geometric mean of the distances to the second neighbor, in units of
                the data.
            dimension, dimension_std : ndarray of shape (n_levels,)
                Estimate and standard error.

        Raises
        ------
        ValueError
            If `fit` does, of the data or of a part of it.

        Examples
        --------
        A rolled-up plane with noise is nearly three-dimensional at the scale of the
        noise, and a plane beyond:

        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import TwoNN
        >>> X, _ = make_swiss_roll(2000, noise=0.3, random_state=0)
        >>> parts = TwoNN().scaling(X, n_levels=5, random_state=0)
        >>> bool((parts.scale[1:] > parts.scale[:-1]).all())
        True
        >>> parts.dimension.round(1)
        array([2.6, 2.5, 2.4, 2.2, 2.1])
        """
        check_in_memory(X, type(self).__name__)
        X = check_array(X, dtype=FLOAT_DTYPES)
        check_scalar(n_levels, "n_levels", Integral, min_val=1)
        order = random_generator(random_state).permutation(len(X))
        large = [k for k in range(1, n_levels) if len(X) // 2**k >= MIN_SUBSET]
        levels, name = [], f"{type(self).__name__}.scaling"
        with reported_blocks(name, 1 + len(large), self.verbose, "level") as report:
            for level in [0, *large]:
                levels.append(self._level(X, np.array_split(order, 2**level)))
                if report is not None:
                    report()
        return Bunch(
            **{name: np.array([at[name] for at in levels]) for name in levels[0]}
        )

    def _level(self, X, parts):
        """Estimates of `scaling` for one division of the rows."""
        plain = clone(self).set_callbacks().set_params(n_neighbors=None, verbose=0)
        with warnings.catch_warnings():
            # The first level, which is all of the data, has given these warnings.
            for warning in (DiscreteDataWarning, DuplicateRowsWarning):
                if len(parts) > 1:
                    warnings.simplefilter("ignore", warning)
            fits = [clone(plain).fit(self._part(X, rows)) for rows in parts]
        variance = np.mean([fit.dimension_std_**2 for fit in fits])
        return {
            "n_samples": len(X) / len(parts),
            "scale": np.exp(np.mean([np.log(fit.scale_) for fit in fits])),
            "dimension": np.mean([fit.dimension_ for fit in fits]),
            "dimension_std": np.sqrt(variance / len(parts)),
        }

    def _part(self, X, rows):
        """Return some rows; of precomputed distances those between them."""
        return X[np.ix_(rows, rows)] if self.metric == "precomputed" else X[rows]
