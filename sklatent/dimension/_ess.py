"""ESS: the dimension from the angles between neighbors.

Johnsson, Soneson and Fontes (2015), Low bias local intrinsic dimension estimation from
expected simplex skewness. Few rows in many dimensions have neighbors that are too far
away, and estimates from distances that are too low; the angles between neighbors stay
what they are.
"""

from numbers import Integral

import numpy as np

from sklatent.dimension._base import (
    LocalDimensionMixin,
    NeighborEstimator,
    available_neighbors,
)
from sklatent.dimension._simplex_skewness import (
    dimension_with_skewness,
    simplex_skewness,
)
from sklatent.utils._iterations import reported_rows
from sklatent.utils._sklearn import Interval, _fit_context


class ESS(LocalDimensionMixin, NeighborEstimator):
    """Intrinsic dimension from expected simplex skewness.

    Two neighbors of a row make a triangle with the mean of the neighborhood. Its area,
    relative to the product of the two sides at the mean, is the sine of the angle
    between them: 0 on a line, and near 1 in many dimensions, where most directions are
    nearly at right angles. The mean of all triangles, the expected simplex skewness,
    gives the dimension [1]_.

    Only angles matter. So few rows in many dimensions, which make estimates from
    distances too low, are no obstacle, and neither are rounded data, where distances
    tie. Axes with unequal variances and the edge of the data make the estimate too low,
    and curvature makes it too high.

    Rows that are equal are merged, with a warning.

    Parameters
    ----------
    n_neighbors : int, default=10
        How many neighbors of each row, itself not counted, make a neighborhood; at
        least 3. Where there are fewer other rows, all of them are used.
    n_jobs : int, default=None
        Number of threads. None uses as many as BLAS would.
    confidence_level : float, default=0.95
        Probability that the confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so does `transform`. With 0 they print nothing. An iteration is a
        block of rows whose neighbors are searched for, and then one of rows whose
        triangles are measured.

    Attributes
    ----------
    dimension_ : float
        Dimension that has the mean skewness of all neighborhoods, between 1 and
        10,000.
    dimension_std_ : float
        Standard error of `dimension_`. It takes into account that neighboring rows
        share neighbors, and does not include bias from edges, curvature or unequal
        variances.
    confidence_interval_ : ndarray of shape (2,)
        Confidence interval of the dimension, symmetric on a logarithmic scale.
    local_dimension_ : ndarray of shape (n_samples,)
        Dimension that has the skewness of the neighborhood of each row.
    skewness_ : float
        Mean skewness of the neighborhoods, as the paper defines it, between 0 and 1.
    n_neighbors_ : int
        Number of neighbors that were used: `n_neighbors`, unless there are fewer other
        distinct rows.
    n_duplicates_ : int
        Number of rows that are duplicates of other rows.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` had string names for all of them.

    See Also
    --------
    DANCo : From angles and distances, by comparison with spheres.
    TwoNN : From the two nearest distances.

    Notes
    -----
    This is version a of the paper, with triangles. Directions that are uniform in d
    dimensions have the expected skewness Γ(d/2)² / (Γ((d + 1)/2) Γ((d - 1)/2)), which
    is solved for d; the paper interpolates between whole dimensions linearly, and gives
    the same at these.

    The mean of k neighbors is not the center of the manifold around them, and makes
    directions repel each other: areas are smaller by the factor sqrt(1 - 1/(k - 1)²),
    exactly so for normal points. This factor is undone, which the paper does not do.
    Without this, k neighbors in d dimensions give about d (1 - d/k²), and it takes a
    hundred of them; with it, ten are enough, over which data are less curved. What
    remains of the effect is about 1/k² of the dimension: with ten neighbors at most
    1.5 % too low for normal points and 1 % too high for uniform ones.

    The variance of the mean skewness is that of independent neighborhoods times k/4,
    for the rows that they share. This is from simulations of an even density without
    boundary in 2 to 10 dimensions, with 10 to 100 neighbors: with ten, the standard
    error is right to 10 %; with more neighbors in more dimensions, it is up to 70 % too
    large.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] K. Johnsson, C. Soneson and M. Fontes (2015). Low bias local intrinsic
       dimension estimation from expected simplex skewness. IEEE Transactions on
       Pattern Analysis and Machine Intelligence 37, 196-202.

    Examples
    --------
    In thirty dimensions a thousand rows are few for distances, and enough for angles:

    >>> from sklatent.datasets import make_hypersphere
    >>> from sklatent.dimension import ESS, TwoNN
    >>> X, _ = make_hypersphere(1000, dimension=30, random_state=0)
    >>> round(ESS().fit(X).dimension_), round(TwoNN().fit(X).dimension_)
    (30, 22)
    """

    metric = "euclidean"
    _n_passes = 2

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 3, None, closed="left")],
        "n_jobs": NeighborEstimator._parameter_constraints["n_jobs"],
        "confidence_level": NeighborEstimator._parameter_constraints[
            "confidence_level"
        ],
        "verbose": NeighborEstimator._parameter_constraints["verbose"],
    }

    def __init__(
        self, n_neighbors=10, *, n_jobs=None, confidence_level=0.95, verbose=0
    ):
        self.n_neighbors = n_neighbors
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the dimension, everywhere and around each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. At least four rows that differ.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are less than four distinct rows.

        Warns
        -----
        DuplicateRowsWarning
            If rows repeat others.
        FewRowsWarning
            If there are not more than `n_neighbors` distinct rows.

        Examples
        --------
        Where all rows are on a grid, distances tie and do not show the dimension.
        Angles do:

        >>> import numpy as np
        >>> from sklatent.dimension import ESS
        >>> grid = np.stack(np.meshgrid(range(40), range(40)), axis=-1).reshape(-1, 2)
        >>> ess = ESS(n_neighbors=28).fit(grid)
        >>> round(ess.dimension_, 1), round(ess.skewness_, 2)
        (2.0, 0.64)
        """
        with self._unchanged_on_error():
            n = self._fit_rows(X, n_needed=4)
            k = self.n_neighbors_ = available_neighbors(
                "n_neighbors", self.n_neighbors, n - 1, n
            )
            with reported_rows(self, X, y, self._n_passes * n) as report:
                indices = self._find_neighbors(k, report=report).indices
                skewness = simplex_skewness(self._rows, indices, self.n_jobs, report)
            self.skewness_ = float(skewness.mean())
            std = skewness.std(ddof=1) * np.sqrt(max(k / 4, 1) / n)
            ends = dimension_with_skewness(self.skewness_ + np.array([-std, std]), k)
            self._set_dimension(
                dimension_with_skewness(self.skewness_, k),
                log_std=np.diff(np.log(ends)).item() / 2,
            )
            self.local_dimension_ = dimension_with_skewness(skewness, k)[self._inverse]
        return self

    def _local_dimension(self, X, report):
        _, indices = self._query_neighbors(X, self.n_neighbors_, report)
        skewness = simplex_skewness(self._rows, indices, self.n_jobs, report)
        return dimension_with_skewness(skewness, self.n_neighbors_)
