"""Gride: the dimension from neighbors that are not the nearest.

Denti, Doimo, Laio and Mira (2022), The generalized ratios intrinsic dimension
estimator: TwoNN for the ratio of the distances to any two neighbors.
"""

from numbers import Integral

import numpy as np

from sklatent.dimension._base import MANY_TIES, available_neighbors, check_ties
from sklatent.dimension._corrections import CorrectedMixin, gride_scale
from sklatent.dimension._sampled import SampledNeighborEstimator
from sklatent.utils._iterations import reported_rows
from sklatent.utils._sklearn import Interval, _fit_context


class Gride(CorrectedMixin, SampledNeighborEstimator):
    """Intrinsic dimension by scale, from ratios of distances to neighbors.

    Where the density is even over the neighborhood, the ratio of the distances to
    neighbors n_2 and n_1 has a distribution that depends only on the dimension, which
    is fitted by maximum likelihood [1]_. Nearer neighbors show a smaller scale: a
    dimension that falls from there to a plateau shows noise, and the plateau what is
    under it.

    Rows that are equal are merged, with a warning.

    Parameters
    ----------
    n1 : int, default=1
        First neighbor of the ratio for `dimension_`; the second is the `2 * n1`-th.
        Where there are fewer other rows, the largest `n1` that they allow is used.
    max_neighbors : int, default=64
        The scales are n1 = 1, 2, 4, ... with ratios up to this neighbor, or up to the
        last that there is.
    correction : {"ball", "shapes"}, default=None
        For the bias of finite samples, which is downward in many dimensions.

        - "ball": the dimension of the ball in which the same number of even points
          gives the same estimate. The interval is that of chance, as without a
          correction.
        - "shapes": the shape of the data is unknown, and how the estimate changes
          from `n1` to 16 or, if that differs too much, a smaller rank
          tells how far off it is, as it does for as many points of ten shapes with
          and without a boundary. The interval has room for the unknown shape, so that
          it covers the dimension itself.

        None reports what the paper defines.
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
        Probability that a confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. An iteration is a block of rows whose
        neighbors are searched for.

    Attributes
    ----------
    dimension_ : float
        The estimate at `n1_`. With the correction "shapes", the median of the posterior
        given this estimate and one at a larger scale.
    dimension_std_ : float
        Standard error of `dimension_`. It takes into account that neighboring rows
        share neighbors, so that their ratios are not independent.
    confidence_interval_ : ndarray of shape (2,)
        Confidence interval of the dimension, symmetric on a logarithmic scale unless
        `correction` is "shapes".
    n1_scales_ : ndarray of shape (n_scales,)
        Value of n1 at each scale: powers of two, and `n1_`. Scales at which most
        distances tie are left out.
    scales_ : ndarray of shape (n_scales,)
        Geometric mean of the distances to neighbor 2 n1, in units of the data.
    dimension_scales_ : ndarray of shape (n_scales,)
        Estimate at each scale. With the correction "shapes", each is corrected by
        itself.
    dimension_std_scales_ : ndarray of shape (n_scales,)
        Standard error of the estimate at each scale.
    confidence_interval_scales_ : ndarray of shape (n_scales, 2)
        Confidence interval of the dimension at each scale.
    n1_ : int
        Rank of the first neighbor of the ratio: `n1`, unless there are too few
        distinct rows.
    n_duplicates_ : int
        Number of rows that are duplicates of other rows; estimated for a Dask
        collection.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string names for all of them.

    See Also
    --------
    TwoNN : The smallest scale, with three methods.

    Notes
    -----
    The standard error is that of independent ratios times a factor for neighbors in
    common, 1.2 to 1.7, from a simulation of an even density without boundary. The
    correction and the factor are tabulated up to n1 = 16; beyond, those of 16 serve.
    The correction is tabulated for 50 to 20,000 rows, and extrapolated from there.

    Of a Dask collection, neighbors are found for 20,000 rows, among all rows. The
    standard error is that of these; see :ref:`scale`.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] F. Denti, D. Doimo, A. Laio and A. Mira (2022). The generalized ratios
       intrinsic dimension estimator. Scientific Reports 12, 20005. Theorem 2.3 and
       section 3.

    Examples
    --------
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import Gride
    >>> X, _ = make_swiss_roll(2000, noise=0.3, random_state=0)
    >>> Gride().fit(X).dimension_scales_.round(1)
    array([2.7, 2.5, 2.2, 2.1, 2. , 2. ])
    """

    _parameter_constraints = {
        **SampledNeighborEstimator._parameter_constraints,
        **CorrectedMixin._parameter_constraints,
        "n1": [Interval(Integral, 1, None, closed="left")],
        "max_neighbors": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n1=1,
        *,
        max_neighbors=64,
        correction=None,
        metric="euclidean",
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.n1 = n1
        self.max_neighbors = max_neighbors
        self.correction = correction
        self.metric = metric
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the dimension at every scale.

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
            If there are not more than 2 `n1` distinct rows.
        DiscreteDataWarning
            If more than 1 % of the rows have two nearest neighbors at one distance,
            or neighbors `n1` and 2 `n1`.

        Examples
        --------
        The dimension at `n1`, beyond the noise, and its interval; at smaller scales
        the noise counts:

        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import Gride
        >>> X, _ = make_swiss_roll(1000, noise=0.3, random_state=0)
        >>> gride = Gride(n1=16).fit(X)
        >>> round(gride.dimension_, 2), gride.confidence_interval_.round(2)
        (1.95, array([1.91, 2.  ]))
        >>> gride.n1_scales_[:5], gride.dimension_scales_[:5].round(1)
        (array([ 1,  2,  4,  8, 16]), array([2.6, 2.2, 2.1, 1.9, 2. ]))
        """
        with self._unchanged_on_error():
            n = self._fit_rows(X, n_needed=3)
            self.n1_ = available_neighbors("n1", self.n1, (n - 1) // 2, n)
            farthest = min(max(2 * self.n1_, self.max_neighbors), n - 1)
            far = self._far_n1(self.n1_, n)
            # n1_ comes last, so that dimension_ stays at its estimate.
            powers = (2 ** np.arange((farthest // 2).bit_length())).tolist()
            n1s = [*(n1 for n1 in powers if n1 != self.n1_), self.n1_]
            ranks = sorted({r for n1 in [1, *n1s, *far] for r in (n1, 2 * n1)})
            k = max(farthest, ranks[-1])
            with reported_rows(self, X, y, n) as report:
                neighbors = self._find_neighbors(k, ranks, report)
            most = self._most()
            self._forget_rows()
            ties = {n1: neighbors.log_ratios(n1, 2 * n1)[1] for n1 in {1, self.n1_}}
            worst = max(ties, key=lambda n1: (ties[n1].mean(), n1))
            check_ties(X, ties[worst], worst, 2 * worst)
            scales = [n1 for n1 in n1s if self._is_usable(neighbors, n1)]
            fits = [self._fit_scale(neighbors, n1, most) for n1 in scales]
            if far:
                self._fit_scale(neighbors, self.n1_, most, far)
            order = np.argsort(scales)
            self.n1_scales_ = np.array(scales)[order]
            dimensions, stds, intervals, sizes = map(np.array, zip(*fits, strict=True))
            self.dimension_scales_ = dimensions[order]
            self.dimension_std_scales_ = stds[order]
            self.confidence_interval_scales_ = intervals[order]
            self.scales_ = sizes[order]
        return self

    def _is_usable(self, neighbors, n1):
        """Whether a scale is `n1_` or has no more ties than it may have."""
        _, ties = neighbors.log_ratios(n1, 2 * n1)
        return n1 == self.n1_ or ties.mean() <= MANY_TIES

    def _fit_scale(self, neighbors, n1, most, far=()):
        """Set the estimate for one scale; return it, its error bar and the scale."""
        scale = gride_scale(neighbors, n1)
        self._set_dimension(scale.dimension, scale.log_std())
        others = (gride_scale(neighbors, other) for other in far)
        self._correct(neighbors.n_distinct, scale, others, most)
        return (
            self.dimension_,
            self.dimension_std_,
            self.confidence_interval_,
            np.exp(neighbors.log_distance(2 * n1).mean()),
        )
