"""Dimension from how the distance to a neighbor grows with its rank.

Around a point of a homogeneous Poisson process in d dimensions, the volume within the
distance r_j of the j-th neighbor is Gamma(j) in units of the density, so that

    E log r_j = digamma(j) / d + const,

and the slope of log r_j against digamma(j) is 1 / d on average, for any number of
neighbors. Grassberger (1985), Generalizations of the Hausdorff dimension of fractal
measures, has the digamma function; Pettis et al. (1979) the regression.
"""

from numbers import Integral

import numpy as np
from scipy.integrate import quad
from scipy.special import digamma

from sklatent.dimension._base import (
    TIE,
    LocalDimensionMixin,
    NeighborEstimator,
    available_neighbors,
    check_ties,
)
from sklatent.utils._iterations import reported_rows
from sklatent.utils._sklearn import Interval, _fit_context

# Variance of the mean slope over that of independent rows, by the dimension: from flat
# tori of 500 to 5000 points. Between 3 and 50 neighbors it differs by 8 % at most.
DIMENSIONS = (1, 2, 3, 5, 10)
DEPENDENCE = (1.41, 1.52, 1.52, 1.74, 1.80)


class NeighborScaling(LocalDimensionMixin, NeighborEstimator):
    """Dimension from the growth of neighbor distances with their rank.

    The number of rows within a distance grows as its d-th power. A line is fitted, by
    least squares, to the logarithms of the distances from a row to its nearest
    neighbors; its slope against the rank gives the dimension around this row, and
    the mean of all slopes the dimension of the data. Several neighbors smooth out
    noise that is smaller than their distance; curved data needs few.

    Parameters
    ----------
    n_neighbors : int, default=20
        How many neighbors of each row, itself not counted; at least 3. Where there
        are fewer other rows, all of them are used.
    metric : str or callable, default="euclidean"
        Distance between rows: one of "braycurtis", "canberra", "chebyshev",
        "correlation", "cosine", "euclidean", "haversine" and "manhattan"; a function
        of two rows that is a metric; or "precomputed". Distances have to grow like a
        length: squared distances, or 1 - cos, halve the dimension. So "cosine" and
        "correlation" stand for the chord between directions, sqrt(2 (1 - cos)). A
        function, or precomputed distances, must grow like a length without such help.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all processors.
    confidence_level : float, default=0.95
        Probability that the confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so does `transform`. With 0 they print nothing. An iteration is a
        block of rows whose neighbors are searched for.

    Attributes
    ----------
    dimension_ : float
        The inverse of the mean slope.
    dimension_std_ : float
        Standard error of `dimension_`. It takes into account that neighboring rows
        share neighbors.
    confidence_interval_ : ndarray of shape (2,)
        Lower and upper end, symmetric around the logarithm of the dimension.
    local_dimension_ : ndarray of shape (n_samples,)
        The dimension around each row, corrected for the bias of an inverse. Very
        large, but finite, where all neighbors are equally far.
    mean_log_distances_ : ndarray of shape (n_neighbors,)
        Natural logarithm of the distance to the first, second, ... neighbor, the
        mean of all rows: against `scipy.special.digamma` of the rank a straight line,
        if there is one dimension at these scales.
    n_neighbors_ : int
        How many neighbors were used: `n_neighbors`, unless there are fewer other
        distinct rows.
    n_duplicates_ : int
        Number of rows that repeat others and were left out.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    TwoNN : From two neighbors, where the data is least curved.
    LevinaBickel : From the same distances, by maximum likelihood.

    Notes
    -----
    Let r_ij be the distance from row i to its j-th neighbor, and x_j = digamma(j).
    For k neighbors the slope is

        b_i = sum_j (x_j - mean(x)) log r_ij / sum_j (x_j - mean(x))²

    and where the density is constant E b_i = 1/d, exactly [1]_ [4]_. The usual choice
    of log j [2]_ in the place of digamma(j) makes the dimension 12 % too small for 20
    neighbors and 23 % for 5; log(j - 1/2), advised for power laws [3]_, 2 % and 6 %
    too large. To fit ranks to distances in the place of distances to ranks costs 14 %
    and 32 %, because the noise is in the distances.

    By the representation of Rényi, d b_i is a sum of k - 1 independent exponential
    variables with known means a_j. So Var(d b_i) = sum a_j² and
    E[1 / (d b_i)] = ∫ prod 1 / (1 + a_j t) dt over t > 0, by which local estimates
    are divided. With 20 neighbors the relative standard deviation of a slope is 0.30;
    that of the maximum likelihood estimate is 0.23.

    The variance of the mean slope is the sum of squared deviations of the slopes over
    n_samples², times a factor for what rows near each other have in common. That
    factor is from simulations without boundary: 1.4 in one dimension, 1.8 in ten, and
    the same within 8 % for 3 to 50 neighbors. What the error bar does not know of is
    bias by curvature, by noise, and by the boundary, which in many dimensions most
    rows are next to.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] P. Grassberger (1985). Generalizations of the Hausdorff dimension of
       fractal measures. Physics Letters A 107, 101-105.
    .. [2] K. W. Pettis, T. A. Bailey, A. K. Jain and R. C. Dubes (1979). An intrinsic
       dimensionality estimator from near-neighbor information. IEEE Transactions on
       Pattern Analysis and Machine Intelligence 1, 25-37.
    .. [3] X. Gabaix and R. Ibragimov (2011). Rank - 1/2: a simple way to improve the
       OLS estimation of tail exponents. Journal of Business & Economic Statistics 29,
       24-39.
    .. [4] W. van de Water and P. Schram (1988). Generalized dimensions from
       near-neighbor information. Physical Review A 37, 3118-3125.

    Examples
    --------
    >>> from sklatent.datasets import make_swiss_roll
    >>> from sklatent.dimension import NeighborScaling
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> scaling = NeighborScaling(n_neighbors=10).fit(X)
    >>> round(scaling.dimension_, 1)
    1.9
    >>> scaling.transform(X).shape
    (1000, 1)
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 3, None, closed="left")],
        **NeighborEstimator._parameter_constraints,
    }

    def __init__(
        self,
        n_neighbors=20,
        *,
        metric="euclidean",
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.metric = metric
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the dimension of the data, and that around each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data; the distances, (n_samples, n_samples), if `metric` is
            "precomputed", whose diagonal is 0 up to rounding; distances up to twice
            that count as 0.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are less than four distinct rows, or if the two nearest
            neighbors of most rows are equally far, as on a grid.

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
        The mean logarithms of the distances are on a line of slope 1 / d:

        >>> import numpy as np
        >>> from scipy.special import digamma
        >>> from sklatent.datasets import make_flat_torus
        >>> from sklatent.dimension import NeighborScaling
        >>> X, _ = make_flat_torus(1000, dimension=2, random_state=0)
        >>> scaling = NeighborScaling(n_neighbors=20).fit(X)
        >>> round(scaling.dimension_, 2), scaling.confidence_interval_.round(2)
        (1.98, array([1.94, 2.03]))
        >>> rank = np.arange(1, 21)
        >>> slope, _ = np.polyfit(digamma(rank), scaling.mean_log_distances_, 1)
        >>> bool(np.isclose(1 / slope, scaling.dimension_))
        True
        """
        with self._unchanged_on_error():
            n = self._fit_rows(X, n_needed=4)
            self.n_neighbors_ = available_neighbors(
                "n_neighbors", self.n_neighbors, n - 1, n
            )
            with reported_rows(self, X, y, n) as report:
                neighbors = self._find_neighbors(self.n_neighbors_, report=report)
            check_ties(X, neighbors.log_ratios()[1])
            log_distances = neighbors.log_distances
            b = _slopes(log_distances)
            dimension = 1 / b.mean()
            independent = np.sum((dimension * b - 1) ** 2) / n**2
            dependence = np.interp(np.log(dimension), np.log(DIMENSIONS), DEPENDENCE)
            self.mean_log_distances_ = log_distances.mean(axis=0)
            self.local_dimension_ = _local_dimension(log_distances)[self._inverse]
            self._set_dimension(dimension, np.sqrt(dependence * independent))
        return self

    def _local_dimension(self, X, report):
        return _local_dimension(self._query_neighbors(X, self.n_neighbors_, report)[0])


def _slope_weights(k):
    """Weights, shape (k,), of the logarithms of k distances in the slope."""
    x = digamma(np.arange(1, k + 1))
    x -= x.mean()
    return x / (x @ x)


def _spacing_means(k):
    """Means a_j, shape (k - 1,), of the exponential variables that d b_i adds up.

    j d log(r_{j+1} / r_j) are independent and exponential with mean 1 (Rényi), and
    this spacing is in the logarithms of all distances after the j-th.
    """
    after = np.cumsum(_slope_weights(k)[::-1])[::-1][1:]
    return after / np.arange(1, k)


def _mean_inverse_slope(k):
    """E[1 / (d b_i)]: the integral of the Laplace transform of d b_i."""
    a = _spacing_means(k)
    return quad(lambda t: np.exp(-np.log1p(a * t).sum()), 0, np.inf)[0]


def _slopes(log_distances):
    """Slopes b_i, shape (n,), of logarithms of distances, (n, k), against the rank."""
    weights = _slope_weights(log_distances.shape[1])
    # Relative to the nearest, distances of any unit have the same slope to all digits.
    return (log_distances - log_distances[:, :1]) @ weights


def _local_dimension(log_distances):
    """Unbiased estimates of the dimension around each row, shape (n,)."""
    # Where all distances tie the estimate is infinite; this keeps it finite.
    slopes = np.maximum(_slopes(log_distances), TIE)
    return 1 / (_mean_inverse_slope(log_distances.shape[1]) * slopes)
