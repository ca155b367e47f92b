"""Levina and Bickel's maximum likelihood estimate of the dimension.

Levina and Bickel (2004): around a point, neighbors are a Poisson process with a rate
that grows as the (d - 1)-th power of the distance; given the distance to the k-th
neighbor, the estimate is the inverse of the mean of log(r_k / r_j), j < k.
"""

from numbers import Integral

import numpy as np

from sklatent.dimension import _estimates
from sklatent.dimension._base import (
    TIE,
    LocalDimensionMixin,
    available_neighbors,
    check_ties,
)
from sklatent.dimension._corrections import CorrectedMixin, Scale, gride_scale
from sklatent.dimension._sampled import SampledNeighborEstimator
from sklatent.utils._blocks import row_slices
from sklatent.utils._iterations import reported_rows
from sklatent.utils._sklearn import Interval, _fit_context

# Rows whose local estimates are computed together.
BLOCK_ROWS = 4096


class LevinaBickel(CorrectedMixin, LocalDimensionMixin, SampledNeighborEstimator):
    """Intrinsic dimension by maximum likelihood in neighborhoods.

    The inverse of the local estimate [1]_ is averaged over the rows, which makes it
    the maximum likelihood of all the neighborhoods together [2]_, and the result over
    sizes of the neighborhood, `min_neighbors` to `max_neighbors`. More neighbors make
    for less variance, and for more bias where the dimension is high.

    Rows that are equal are merged, with a warning.

    Parameters
    ----------
    min_neighbors : int, default=10
        Smallest size of the neighborhoods, 3 or more.
    max_neighbors : int, default=20
        Largest size of the neighborhoods. Where there are fewer other rows, all of
        them are used.
    correction : {"ball", "shapes"}, default=None
        For the bias of finite samples, which is downward in many dimensions.

        - "ball": the dimension of the ball in which the same number of even points
          gives the same estimate. The interval is that of chance, as without a
          correction.
        - "shapes": the shape of the data is unknown, and how the estimate changes
          from that of the two nearest neighbors to that of all
          tells how far off it is, as it does for as many points of ten shapes with
          and without a boundary. The interval has room for the unknown shape, so that
          it covers the dimension itself.

        None reports what the papers define.
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
        does, and so does `transform`. With 0 they print nothing. An iteration is a
        block of rows whose neighbors are searched for.

    Attributes
    ----------
    dimension_ : float
        The estimate.
    dimension_std_ : float
        Standard error of `dimension_`. It takes into account that neighboring rows
        share neighbors, so that their estimates are not independent.
    confidence_interval_ : ndarray of shape (2,)
        Confidence interval of the dimension, symmetric on a logarithmic scale unless
        `correction` is "shapes".
    local_dimension_ : ndarray of shape (n_samples,)
        Estimate around each row, unbiased for an even density [1]_, averaged over the
        sizes and never corrected. Very large, but finite, where all neighbors are
        equally far. Not set for a Dask collection.
    min_neighbors_ : int
        Smallest size that was used: `min_neighbors`, unless there are fewer other
        distinct rows.
    max_neighbors_ : int
        Largest size that was used: `max_neighbors`, unless there are fewer.
    n_duplicates_ : int
        Number of rows that are duplicates of other rows; estimated for a Dask
        collection.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string names for all of them.

    See Also
    --------
    TwoNN : The two nearest neighbors only.
    Gride : The dimension by scale.

    Notes
    -----
    The standard error is that of independent neighborhoods times a factor for
    neighbors in common, about 1.3, from a simulation of an even density without
    boundary. The correction and the factor are tabulated up to 32 neighbors; beyond,
    those of 32 serve. The correction is tabulated for 50 to 20,000 rows, and
    extrapolated from there.

    Of a Dask collection, neighbors are found for 20,000 rows, among all rows. The
    standard error is that of these, and there are no local estimates; see :ref:`scale`.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] E. Levina and P. J. Bickel (2004). Maximum likelihood estimation of
       intrinsic dimension. Advances in Neural Information Processing Systems 17,
       777-784. Eq. 8 to 11.
    .. [2] D. J. C. MacKay and Z. Ghahramani (2005). Comments on "Maximum likelihood
       estimation of intrinsic dimension". Note, University of Cambridge.

    Examples
    --------
    >>> from sklatent.datasets import make_line_disk_ball
    >>> from sklatent.dimension import LevinaBickel
    >>> X, dimension = make_line_disk_ball(3000, random_state=0)
    >>> local = LevinaBickel().fit(X).local_dimension_
    >>> [round(float(local[dimension == d].mean()), 1) for d in (1, 2, 3)]
    [1.0, 2.0, 2.9]
    """

    _parameter_constraints = {
        **SampledNeighborEstimator._parameter_constraints,
        **CorrectedMixin._parameter_constraints,
        "min_neighbors": [Interval(Integral, 3, None, closed="left")],
        "max_neighbors": [Interval(Integral, 3, None, closed="left")],
    }

    def __init__(
        self,
        min_neighbors=10,
        max_neighbors=20,
        *,
        correction=None,
        metric="euclidean",
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.min_neighbors = min_neighbors
        self.max_neighbors = max_neighbors
        self.correction = correction
        self.metric = metric
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the dimension, everywhere and around each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data, or distances between all rows with the metric "precomputed", whose
            diagonal is 0 up to rounding; distances up to twice that count as 0. At
            least four rows that differ.
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
            distances tie, or `min_neighbors` is larger than `max_neighbors`.
        TypeError
            If `X` is a Dask collection, and a parameter needs all rows in memory.

        Warns
        -----
        DuplicateRowsWarning
            If rows repeat others.
        FewRowsWarning
            If there are not more than `max_neighbors` distinct rows.
        DiscreteDataWarning
            If more than 1 % of the rows have two nearest neighbors at one distance.

        Examples
        --------
        The dimension of the whole, with its interval, and around each row, with the
        scatter of 20 neighbors:

        >>> from sklatent.datasets import make_flat_torus
        >>> from sklatent.dimension import LevinaBickel
        >>> X, _ = make_flat_torus(1000, dimension=2, random_state=0)
        >>> model = LevinaBickel().fit(X)
        >>> round(model.dimension_, 2), model.confidence_interval_.round(2)
        (1.98, array([1.94, 2.03]))
        >>> round(float(model.local_dimension_.std()), 1)
        0.6
        """
        with self._unchanged_on_error():
            if self.min_neighbors > self.max_neighbors:
                raise ValueError(
                    f"min_neighbors={self.min_neighbors} must not be larger than "
                    f"max_neighbors={self.max_neighbors}."
                )
            n = self._fit_rows(X, n_needed=4)
            self.max_neighbors_ = available_neighbors(
                "max_neighbors", self.max_neighbors, n - 1, n
            )
            self.min_neighbors_ = min(self.min_neighbors, self.max_neighbors_)
            with reported_rows(self, X, y, n) as report:
                neighbors = self._find_neighbors(self.max_neighbors_, report=report)
            check_ties(X, neighbors.log_ratios()[1])
            sizes = range(self.min_neighbors_, self.max_neighbors_ + 1)
            scale = _scale(neighbors, sizes)
            self._set_dimension(scale.dimension, scale.log_std())
            others = (gride_scale(neighbors, n1) for n1 in [1])  # for "shapes" only
            self._correct(neighbors.n_distinct, scale, others, self._most())
            if self._is_of_sample:
                self._forget_rows()
                vars(self).pop("local_dimension_", None)
            else:
                local = self._local(neighbors.log_distances)
                self.local_dimension_ = local[self._inverse]
        return self

    def _local(self, log_distances):
        """(k - 2) / sum over j < k of log(r_k / r_j), averaged over k."""
        k = np.arange(1, log_distances.shape[1] + 1)
        used = slice(self.min_neighbors_ - 1, None)
        local = np.empty(len(log_distances))
        for rows in row_slices(len(local), BLOCK_ROWS):
            sums = (k - 1) * log_distances[rows]
            sums[:, 1:] -= np.cumsum(log_distances[rows], axis=1)[:, :-1]
            # Where all distances tie the estimate is infinite; this keeps it finite.
            sums = np.maximum(sums, TIE)
            local[rows] = np.mean((k - 2)[used] / sums[:, used], axis=1)
        return local

    def _local_dimension(self, X, report):
        log_distances, _ = self._query_neighbors(X, self.max_neighbors_, report)
        return self._local(log_distances)


def _scale(neighbors, sizes):
    """Return the `Scale` of the average over sizes of the neighborhood."""
    fits = [_estimates.levina_bickel(neighbors.log_distances, k) for k in sizes]
    dimension = np.mean([d for d, _ in fits])
    # The influence of each row on the average.
    influence = np.mean([d * each for d, each in fits], axis=0) / dimension
    return Scale("levina_bickel", sizes, dimension, influence, neighbors.share)
