"""Dimension from the variances along the principal axes.

Globally, or in the neighborhood of each row: Fukunaga and Olsen (1971), An algorithm
for finding intrinsic dimensionality of data, IEEE Transactions on Computers C-20.
"""

import functools
from numbers import Integral, Real

import numpy as np

from sklatent.base import DimensionMixin, SklatentEstimator
from sklatent.dimension import _spectrum_criteria as criteria
from sklatent.dimension._base import (
    LocalDimensionMixin,
    OptionalTransformMixin,
    available_neighbors,
    check_distinct,
)
from sklatent.dimension._metrics import varying, varying_columns
from sklatent.dimension._spectrum_groups import (
    N_GROUPS,
    group_moments,
    merge_groups,
    prepared,
    without_each,
    without_groups,
)
from sklatent.dimension._spectrum_variances import (
    axis_variances,
    principal_coordinates,
    smaller_scatter,
)
from sklatent.dimension._table_warnings import count_duplicates
from sklatent.utils._blocks import row_slices
from sklatent.utils._dask import is_dask
from sklatent.utils._iterations import reported_fit, reported_rows
from sklatent.utils._moments import Moments
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._random import random_generator
from sklatent.utils._rounding import Ranges
from sklatent.utils._rows import DaskRows
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import read_rows

METHODS = {
    "participation_ratio",
    "largest_gap",
    "variance_share",
    "kaiser",
    "broken_stick",
    "parallel_analysis",
    "minka",
}
# Rows that the origin is taken from.
ORIGIN_ROWS = 1000
# Entries of the neighborhoods that are held at a time.
BLOCK_ENTRIES = 2**21


class PCASpectrum(
    OptionalTransformMixin,
    LocalDimensionMixin,
    CallbackSupportMixin,
    DimensionMixin,
    SklatentEstimator,
):
    """Dimension from the eigenvalues of the covariance.

    The covariance is that of all rows together, or of the neighborhood of each row, in
    which curved data is flat. Axes are counted by one of seven criteria.

    Parameters
    ----------
    method : str, default="participation_ratio"
        How the eigenvalues lambda_1 >= lambda_2 >= ... give the dimension. All
        methods but the first count whole axes.

        - "participation_ratio": (sum lambda)² / sum lambda².
        - "largest_gap": the k with the largest lambda_k / lambda_{k+1}.
        - "variance_share": the fewest axes with the share `variance_share`.
        - "kaiser": the eigenvalues above the mean variance of a feature, which is 1
          if these are standardized [1]_ [2]_.
        - "broken_stick": the leading eigenvalues whose share is above that of the
          pieces of a stick that is broken at random [3]_.
        - "parallel_analysis": the leading eigenvalues above those of the same data
          with each column permuted by itself [4]_ [5]_.
        - "minka": the number with the largest Bayesian evidence [6]_, as
          `PCA(n_components="mle")`.
    standardize : bool, default=False
        Whether to divide each column by its standard deviation first: the
        eigenvalues are those of the correlations.
    variance_share : float, default=0.95
        What share of the variance is enough, for the method "variance_share".
    n_permutations : int, default=50
        How often columns are permuted for "parallel_analysis".
    quantile : float, default=0.95
        Quantile of the eigenvalues of permuted data to compare with, for
        "parallel_analysis"; 0.5 is about Horn's choice.
    n_neighbors : int, default=None
        How many nearest rows make up the neighborhood of a row, together with it;
        at least 2. Where there are fewer other rows, all of them do. If None, all rows
        are one neighborhood.
    random_state : int, RandomState instance or None, default=None
        Determines the permutations. Pass an int for the same results at every fit.
    n_jobs : int, default=None
        Number of threads that look for neighbors; None takes as many as BLAS would,
        -1 all processors.
    confidence_level : float, default=0.95
        Probability that the confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so does `transform`. With 0 they print nothing. An iteration is a
        permutation, or with `n_neighbors` a block of rows whose neighbors are searched
        for, and then one of rows whose neighborhoods are decomposed. There are none
        otherwise.

    Attributes
    ----------
    dimension_ : float
        The dimension; with `n_neighbors` the mean of `local_dimension_` over the
        distinct rows. At least 1: that the first eigenvalue is nothing special shows in
        `reference_eigenvalues_`.
    dimension_std_ : float
        Standard error of `dimension_`, from estimates with 1/25 of the rows left out in
        turn, or with `n_neighbors` that of the mean. It is 0 if leaving out rows does
        not change the number of axes that are counted.
    confidence_interval_ : ndarray of shape (2,)
        Lower and upper end, symmetric around the logarithm of the dimension.
    eigenvalues_ : ndarray of shape (n_eigenvalues,)
        Variances along the principal axes, decreasing, in squared units of the data,
        with the divisor n_samples - 1. As many as features, or as can be more than 0:
        one less than rows. With `n_neighbors` the mean over the neighborhoods.
    explained_variance_ratio_ : ndarray of shape (n_eigenvalues,)
        Share of each eigenvalue in the sum of all.
    reference_eigenvalues_ : ndarray of shape (n_eigenvalues,) or None
        What "kaiser", "broken_stick" and "parallel_analysis" compare `eigenvalues_`
        with; None for other methods, and with `n_neighbors`.
    local_dimension_ : ndarray of shape (n_samples,)
        The dimension around each row. Only with `n_neighbors`.
    n_neighbors_ : int or None
        How many neighbors were used: `n_neighbors`, unless there are fewer other
        distinct rows.
    n_duplicates_ : int
        Number of rows that repeat others; each counts once.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    sklatent.decomposition.PCA : The axes themselves.
    NeighborScaling : For curved data, without a threshold.

    Notes
    -----
    The participation ratio of a sample is too small: for normal rows its inverse is
    larger by about 1 / n_samples. Columns that are constant do not count as features.

    Left out are rows i, i + 25, i + 50, ... in turn, or each row if they are fewer
    than 25: the grouped jackknife. The standard error of the participation ratio is
    known to 15 % this way. For whole numbers of axes it measures stability rather than
    being an estimate. In "parallel_analysis" the permuted data stays the same, and so
    do standard deviations. With `n_neighbors` the standard error is that of a mean of
    n_samples / (n_neighbors + 1) independent neighborhoods: the mean overlap of two
    neighborhoods, summed over one of them, is n_neighbors + 1 rows.

    With fewer rows than features "minka" is not told of the axes without variance.
    Otherwise, where variances are 0 up to rounding, it finds as many axes as are left:
    without noise the evidence for these has no bound.

    References
    ----------
    .. [1] H. F. Kaiser (1960). The application of electronic computers to factor
       analysis. Educational and Psychological Measurement 20, 141-151.
    .. [2] I. T. Jolliffe (2002). Principal Component Analysis, 2nd edition. Springer.
       Section 6.1.2, where for covariances the mean takes the place of 1.
    .. [3] D. A. Jackson (1993). Stopping rules in principal components analysis: a
       comparison of heuristical and statistical approaches. Ecology 74, 2204-2214.
    .. [4] J. L. Horn (1965). A rationale and test for the number of factors in factor
       analysis. Psychometrika 30, 179-185.
    .. [5] A. Buja and N. Eyuboglu (1992). Remarks on parallel analysis. Multivariate
       Behavioral Research 27, 509-540.
    .. [6] T. P. Minka (2000). Automatic choice of dimensionality for PCA. Advances in
       Neural Information Processing Systems 13, 598-604. Eq. 30.

    Examples
    --------
    >>> from sklatent.datasets import make_affine, make_swiss_roll
    >>> from sklatent.dimension import PCASpectrum
    >>> X, _ = make_affine(dimension=3, n_features=10, noise=0.01, random_state=0)
    >>> PCASpectrum("largest_gap").fit(X).dimension_
    3.0
    >>> X, _ = make_swiss_roll(1000, random_state=0)
    >>> local = PCASpectrum("variance_share", n_neighbors=20).fit(X)
    >>> round(local.dimension_, 1)
    2.0
    """

    _parameter_constraints = {
        "method": [StrOptions(METHODS)],
        "standardize": ["boolean"],
        "variance_share": [Interval(Real, 0, 1, closed="right")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "quantile": [Interval(Real, 0, 1, closed="both")],
        "n_neighbors": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "verbose": ["verbose"],
    }

    _n_passes = 2

    def __init__(
        self,
        method="participation_ratio",
        *,
        standardize=False,
        variance_share=0.95,
        n_permutations=50,
        quantile=0.95,
        n_neighbors=None,
        random_state=None,
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.method = method
        self.standardize = standardize
        self.variance_share = variance_share
        self.n_permutations = n_permutations
        self.quantile = quantile
        self.n_neighbors = n_neighbors
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the eigenvalues, and count them.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data. The blocks of a Dask collection are read where they are. Rows
            that repeat others are not looked for in it, and count each time.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If all rows are equal, if there are less than 4, or less than 3 distinct
            ones with `n_neighbors`, and for "parallel_analysis" of neighborhoods.
        TypeError
            If `X` is a Dask collection, and neighborhoods or permutations of all rows
            are asked for.

        Warns
        -----
        DuplicateRowsWarning
            If rows repeat others.
        FewRowsWarning
            If there are not more than `n_neighbors` distinct rows.

        Examples
        --------
        >>> from sklatent.datasets import make_affine
        >>> from sklatent.dimension import PCASpectrum
        >>> X, _ = make_affine(500, dimension=3, n_features=10, random_state=0)
        >>> model = PCASpectrum().fit(X)
        >>> round(model.dimension_, 2), model.confidence_interval_.round(2)
        (2.98, array([2.94, 3.02]))
        >>> model.explained_variance_ratio_[:4].round(2)
        array([0.37, 0.33, 0.3 , 0.  ])
        """
        with self._unchanged_on_error():
            if self.method == "parallel_analysis" and self.n_neighbors:
                raise ValueError(
                    "`n_neighbors` must be None for method='parallel_analysis', which "
                    "permutes the columns of all rows and has no local form; got "
                    f"n_neighbors={self.n_neighbors}."
                )
            if is_dask(X):
                with reported_fit(self, X, y, 0):
                    variances = self._fit_blocks(X)
                self.explained_variance_ratio_ = variances / variances.sum()
                self.eigenvalues_ = self._in_units(variances)
                return self
            table = X
            X = read_rows(self, X, ensure_min_samples=4, reset=True)
            first, inverse, _ = unique_rows(X)
            n = len(first)
            rows = self._set_scales(X[first])
            self.n_duplicates_ = count_duplicates(table, n, len(X))
            check_distinct(3 if self.n_neighbors else 2, n, len(X))
            self.n_neighbors_ = self.n_neighbors and available_neighbors(
                "n_neighbors", self.n_neighbors, n - 1, n
            )
            vars(self).pop("local_dimension_", None)
            if self.n_neighbors is None:
                permuted = self.method == "parallel_analysis"
                with reported_fit(self, X, y, permuted * self.n_permutations) as fit:
                    variances = self._fit_rows(rows, fit.report_of("permutation"))
            else:
                with reported_rows(self, X, y, self._n_passes * n) as report:
                    variances = self._fit_neighborhoods(rows, report)
                self.local_dimension_ = self.local_dimension_[inverse]
            self.explained_variance_ratio_ = variances / variances.sum()
            self.eigenvalues_ = self._in_units(variances)
        return self

    # ----------------------------------------------------------------------------
    # Units

    def _set_scales(self, X):
        """Choose the columns, origin and scales; return the rows in these."""
        self._columns = varying_columns(X)
        self._check_varying(len(X))
        some = X[:: -(-len(X) // ORIGIN_ROWS), self._columns]
        self._origin = np.median(some, axis=0).astype(np.float64)
        self._exponent, self._scale = 0, 1.0
        self._exponent = int(np.frexp(np.abs(self._prepare(X)).max())[1])
        rows = self._prepare(X)
        if self.standardize:
            self._scale = rows.std(axis=0, ddof=1)
            rows /= self._scale
        self._set_rounding(X.dtype)
        return rows

    def _check_varying(self, n):
        if len(self._columns) == 0:
            raise ValueError(
                f"X must have distinct rows; got {n} rows that are equal up to "
                "rounding, without variance to tell the dimension from."
            )

    def _set_rounding(self, dtype):
        step = np.ldexp(np.finfo(dtype).eps * self._origin, -self._exponent)
        self._rounding = float(((step / self._scale) ** 2).max())

    def _prepare(self, X):
        """Rows in double precision, near the origin, with squares within range."""
        return prepared(X, *self._units())

    def _units(self):
        return self._columns, self._origin, self._exponent, self._scale

    def _in_units(self, variances):
        """Variances in squared units of the data, or of standardized data."""
        if self.standardize:
            return variances
        return np.ldexp(variances, 2 * self._exponent)

    # ----------------------------------------------------------------------------
    # All rows together

    def _fit_rows(self, rows, report):
        n, p = rows.shape
        if self.method == "parallel_analysis":
            self._permuted = self._permuted_variances(rows, report)
        if n <= p:
            rows = principal_coordinates(rows)
        moments = Moments.of(rows)
        return self._of_moments(n, moments, without_groups(rows, moments))

    def _of_moments(self, n, moments, without_groups):
        """Variances; the dimension is set from them, and from those without groups."""
        variances = axis_variances(moments.scatter, n, self._rounding)
        reference = self._reference(variances)
        self.reference_eigenvalues_ = (
            None if reference is None else self._in_units(reference)
        )
        dimension = float(self._count(variances, n))
        parts = [
            float(self._count(axis_variances(S, m, self._rounding), m))
            if S.any()
            else 1.0
            for S, m in without_groups
        ]
        std = np.sqrt((len(parts) - 1) * np.var(parts))
        self._set_dimension(dimension, std / dimension)
        return variances

    def _fit_blocks(self, X):
        """Variances of the rows of a Dask collection."""
        rows = DaskRows(self, X, None, False, 4)
        if self.n_neighbors or self.method == "parallel_analysis":
            what = f"n_neighbors={self.n_neighbors}"
            if self.n_neighbors is None:
                what = f"method={self.method!r}"
            rows.require_array(f"PCASpectrum with {what}", "choose another method")
        self._set_units(rows)
        self.n_duplicates_, self.n_neighbors_ = 0, None
        vars(self).pop("local_dimension_", None)
        n_groups = min(rows.n_rows, N_GROUPS)
        groups = rows.reduce_numbered(
            group_moments, merge_groups, n_groups, self._units()
        )
        moments = functools.reduce(Moments.merge, groups)
        return self._of_moments(rows.n_rows, moments, without_each(groups))

    def _set_units(self, rows):
        """Choose the columns, origin and scales of rows in blocks."""
        n, (low, high, _) = rows.n_rows, rows.reduce(Ranges.of, Ranges.merge)
        columns = self._columns = varying(low, high, rows.dtype)
        self._check_varying(n)
        moments = rows.overview.columns
        self._origin = mean = moments.mean[columns]
        farthest = np.maximum(high[columns] - mean, mean - low[columns]).max()
        self._exponent, self._scale = int(np.frexp(farthest)[1]), 1.0
        if self.standardize:
            self._scale = np.ldexp(
                np.sqrt(moments.squares[columns] / (n - 1)), -self._exponent
            )
        self._set_rounding(rows.dtype)

    def _permuted_variances(self, rows, report):
        """Quantile of each variance when columns are permuted, shape (m,)."""
        rng = random_generator(self.random_state)
        permuted, samples = rows.copy(), []
        for _ in range(self.n_permutations):
            for column in permuted.T:
                rng.shuffle(column)
            scatter = smaller_scatter(permuted)
            samples.append(axis_variances(scatter, len(rows), self._rounding))
            report()
        return np.quantile(samples, self.quantile, axis=0)

    # ----------------------------------------------------------------------------
    # Neighborhoods

    def _fit_neighborhoods(self, rows, report):
        n, k = len(rows), self.n_neighbors_
        self._rows = rows
        variances = self._neighborhood_variances(rows, report)
        self.local_dimension_ = self._count(variances, k + 1)
        self.reference_eigenvalues_ = None
        dimension = self.local_dimension_.mean()
        std = self.local_dimension_.std() * np.sqrt((k + 1) / n)
        self._set_dimension(dimension, std / dimension)
        return variances.mean(axis=0)

    def _local_dimension(self, X, report):
        variances = self._neighborhood_variances(self._prepare(X), report)
        return self._count(variances, self.n_neighbors_ + 1)

    def _neighborhood_variances(self, queries, report):
        """Variances around each query, shape (n_queries, m)."""
        k, p = self.n_neighbors_, queries.shape[1]
        distances, indices = k_nearest(
            self._rows, k + 1, queries=queries, n_jobs=self.n_jobs, report=report
        )
        blocks = []
        for rows in row_slices(len(queries), max(BLOCK_ENTRIES // ((k + 1) * p), 1)):
            points = self._rows[indices[rows]] - queries[rows, None]
            # A new row is one of the k + 1 itself, and replaces the farthest.
            points[distances[rows, 0] > 0, -1] = 0
            size = np.abs(points).max(axis=(1, 2), keepdims=True)
            scatter = smaller_scatter(points / size)
            square = size[:, :, 0] ** 2
            rounding = self._rounding / square
            blocks.append(axis_variances(scatter, k + 1, rounding) * square)
            if report is not None:
                report(len(square))
        return np.concatenate(blocks)

    # ----------------------------------------------------------------------------
    # Counting

    def _reference(self, variances):
        """What variances, shape (..., m), are compared with, if with anything."""
        total, m = variances.sum(axis=-1, keepdims=True), variances.shape[-1]
        if self.method == "kaiser":
            return np.repeat(total / len(self._columns), m, axis=-1)
        if self.method == "broken_stick":
            return total * criteria.broken_stick_lengths(m)
        if self.method == "parallel_analysis":
            return self._permuted[:m]
        return None

    def _count(self, variances, n_samples):
        """Dimensions, shape (...), by variances, (..., m), of n_samples rows."""
        reference = self._reference(variances)
        if reference is not None:
            return criteria.leading(variances, reference)
        if self.method == "variance_share":
            return criteria.variance_share(variances, self.variance_share)
        if self.method == "minka":
            return criteria.minka(variances, n_samples)
        return getattr(criteria, self.method)(variances)
