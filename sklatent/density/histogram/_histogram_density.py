"""Histogram density in any number of dimensions, storing only the occupied cells.

Scott (1992), Multivariate density estimation, chapter 3.
"""

from numbers import Integral

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from sklatent.base import GenerativeModelMixin, ScoreMixin, SklatentEstimator
from sklatent.density.histogram._bin_rules import (
    BIN_RULES,
    ArrayColumn,
    count_bins,
)
from sklatent.density.histogram._blocked_columns import BlockedColumns
from sklatent.density.histogram._cells import Cells, bin_numbers, find_cells
from sklatent.utils._blocks import row_slices
from sklatent.utils._dask import is_dask
from sklatent.utils._rounding import rounding_up_to, whole_numbers
from sklatent.utils._rows import ArrayRows, row_source
from sklatent.utils._sklearn import Interval, StrOptions, _fit_context
from sklatent.utils._tables import read_rows
from sklatent.utils._warnings import warn
from sklatent.utils._weights import as_counts, weighted_rows

# What depends on the number of rows, for a warning.
COUNTED = "The number of bins, or the error bar,"
# Largest number of bins of one column; their edges take 80 MB.
MAX_BINS = 10**7
# Rows whose bin numbers are in memory at a time.
BLOCK_ROWS = 2**16


class HistogramDensity(
    GenerativeModelMixin, ScoreMixin, DensityMixin, SklatentEstimator
):
    """Density estimation by a histogram: a constant density in each cell of a grid.

    The density is p(x) = w / (n V), with n the sum of the weights of the rows, w the
    sum of those in the cell of x, and V the volume of the cell. Only occupied cells are
    stored, so there may be any number of features. With more than a few features,
    however, most new rows are in empty cells.

    Parameters
    ----------
    bins : str, int, or list of length n_features, default="fd"
        The number, the edges or the rule of the bins. A list has an entry for each
        feature; otherwise all features have the same.

        - int: the number of bins of equal width, from the smallest to the largest
          value.
        - array: the edges of the bins, ascending. Training rows outside are left out.
        - "fd": the rule of Freedman and Diaconis [2]_, width h = 2 IQR / n^(1/(d+2))
          with d features. If the quartiles are equal up to rounding, it is "scott". If
          they are so close that the number of bins would be too large, it is "scott"
          too, with a warning.
        - "scott": the best width for a Gaussian with the standard deviation of the
          column [1]_, 3.49 sigma / n^(1/3) for one feature. This rule and "fd" equal
          NumPy's for d = 1, and have the best rate for d features.
        - "auto", "doane", "rice", "sqrt", "stone", "sturges": the rules of
          :func:`numpy.histogram_bin_edges` for each column; "auto" uses "fd" as above.

        In a column of whole numbers, of any type, no rule makes bins narrower than 1,
        as in NumPy for integers.

    Attributes
    ----------
    bin_edges_ : list of ndarray of shape (n_bins + 1,)
        Edges of the bins of each feature, ascending.
    cells_ : ndarray of int of shape (n_cells, n_features)
        Bin numbers of the occupied cells, from 0, in lexicographic order.
    cell_weight_ : ndarray of shape (n_cells,)
        Number of training rows in each occupied cell, or the sum of their weights.
    cell_log_density_ : ndarray of shape (n_cells,)
        Log-density in each occupied cell, in nats.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KNeighborsDensity : Density from the distance to the k-th nearest neighbor.
    KernelDensity : Smooth density, with a kernel on every row.
    numpy.histogramdd : Counts in all cells of a grid, occupied or not.
    sklearn.preprocessing.KBinsDiscretizer : Bin numbers of each feature by itself.

    Notes
    -----
    A column that is constant up to rounding has one bin of no width, unless its edges
    are given. The density is then that of the other columns, and rows with another
    value have a log-density of -inf. If all columns are constant there is no density,
    and `fit` raises an error.

    References
    ----------
    .. [1] D. W. Scott (1992). Multivariate density estimation. Wiley. Sections 3.2
       and 3.4.
    .. [2] D. Freedman and P. Diaconis (1981). On the histogram as a density estimator:
       L2 theory. Zeitschrift fuer Wahrscheinlichkeitstheorie und verwandte Gebiete 57,
       453-476.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.density import HistogramDensity
    >>> X = np.random.RandomState(0).uniform(size=(1000, 2))
    >>> histogram = HistogramDensity(bins=4).fit(X)
    >>> log_p, std = histogram.score_samples([[0.3, 0.6], [0.3, 1.6]], return_std=True)
    >>> log_p.round(2), std.round(2)
    (array([-0.07,  -inf]), array([0.13,  inf]))
    >>> histogram.sample(500, random_state=0).shape
    (500, 2)
    """

    _parameter_constraints = {
        "bins": [
            StrOptions(set(BIN_RULES)),
            Interval(Integral, 1, MAX_BINS, closed="both"),
            "array-like",
        ],
    }

    def __init__(self, bins="fd"):
        self.bins = bins

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Count the rows in each cell.

        Parameters
        ----------
        X : array-like, dask array or dask data frame of shape \
                (n_samples, n_features)
            The data. The blocks of a Dask collection are read where they are, a few
            times: quantiles are exact.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like or dask array of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows, for the
            widths of the bins and for error bars too. If the weights sum to about 1 or
            less, the number of rows is the effective sample size (sum w)^2 / sum w^2,
            with a warning.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If all rows are equal, no row is within the edges, `bins` is invalid, or a
            rule gives more than ten million bins in a column, or bins too narrow for
            floating point.
        TypeError
            If the rule is "stone", and `X` is a Dask collection.

        Warns
        -----
        UserWarning
            If "fd" gives too many bins, and "scott" is used in its place. Also if the
            weights sum to about 1 or less.

        Examples
        --------
        Two of three rows are in a cell of length 0.5, which has a density of 4/3:

        >>> import numpy as np
        >>> from sklatent.density import HistogramDensity
        >>> histogram = HistogramDensity(bins=[[0.0, 0.5, 1.0]])
        >>> histogram = histogram.fit([[0.1], [0.2], [0.7]])
        >>> histogram.cell_weight_
        array([2., 1.])
        >>> np.exp(histogram.cell_log_density_).round(2)
        array([1.33, 0.67])
        """
        with self._unchanged_on_error():
            if is_dask(X):
                rows = row_source(self, X, sample_weight, with_scatter=False)
                n_rows = rows.row_count(COUNTED)
                columns = BlockedColumns(rows, n_rows)
            else:
                X = read_rows(self, X, reset=True)
                rows = ArrayRows(*weighted_rows(X, sample_weight))
                counts = as_counts(rows.weight, COUNTED)
                n_rows = counts.sum()
                # By their values: the dtype may be that of another column.
                columns = (
                    ArrayColumn(x, counts, whole)
                    for x, whole in zip(rows.X.T, whole_numbers(rows.X), strict=True)
                )
            # Error bars count rows, also where weights are shares.
            self._rows_per_weight = n_rows / rows.total
            self.bin_edges_ = self._edges(columns, rows)
            self._count(rows)
        return self

    def _edges(self, columns, rows):
        """Return the edges of each column."""
        d = rows.n_features
        bins = self.bins
        if isinstance(bins, (str, Integral)):
            bins = [bins] * d
        if len(bins) != d:
            raise ValueError(
                f"bins must have an entry for each of {d} features; got {len(bins)}."
            )
        names = getattr(self, "feature_names_in_", range(d))
        found = [
            _column_edges(*column, d)
            for column in zip(bins, columns, names, strict=True)
        ]
        edges, problems = map(list, zip(*found, strict=True))
        if any(problems):
            warn(
                f"{'; '.join(filter(None, problems))}: the quartiles are too close to "
                "each other for the range, so 'scott' is used in place of 'fd'."
            )
        if all(e[0] == e[-1] for e in edges):
            raise ValueError(
                f"X must have distinct rows; got n_samples={rows.n_rows}, all equal, "
                "which have no density. Give `bins` as edges."
            )
        return edges

    def _count(self, rows):
        """Find the occupied cells, and set their weights and densities."""
        found = rows.reduce(Cells.of, Cells.merge, self.bin_edges_)
        if len(found.cells) == 0:
            raise ValueError(
                f"bins must have edges around some rows of X; got n_samples="
                f"{rows.n_rows}, all outside."
            )
        self.cells_, self.cell_weight_, self._levels = found
        log_volume = np.zeros(len(self.cells_))
        for j, e in enumerate(self.bin_edges_):
            if (
                e[0] < e[-1]
            ):  # a constant column has no width, and no part in the volume
                log_volume += np.log(np.diff(e))[self.cells_[:, j]]
        log_share = np.log(self.cell_weight_) - np.log(self.cell_weight_.sum())
        self.cell_log_density_ = log_share - log_volume

    def score_samples(self, X, return_std=False):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        return_std : bool, default=False
            Whether to return the standard error too.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density, in the units and the precision of the
            data; -inf outside the edges and in empty cells.
        std : ndarray of shape (n_samples,)
            Standard error of the log-density in nats, sqrt(1 / w - 1 / n) for a cell
            with w of n rows. An interval for the mean density of the cell is from
            exp(log_density - 2 std) to exp(log_density + 2 std). It is inf where
            `log_density` is -inf. Only if `return_std`.

        Examples
        --------
        With 25 of 100 rows in each cell of length 1/4, the density is 1, and the error
        of its logarithm is sqrt(1 / 25 - 1 / 100). Outside the edges the density is 0:

        >>> import numpy as np
        >>> from sklatent.density import HistogramDensity
        >>> X = np.linspace(0.0, 1.0, 100)[:, None]
        >>> histogram = HistogramDensity(bins=4).fit(X)
        >>> log_p, std = histogram.score_samples([[0.3], [2.0]], return_std=True)
        >>> np.exp(log_p).round(2), std.round(2)
        (array([1., 0.]), array([0.17,  inf]))
        """
        check_is_fitted(self)
        X = read_rows(self, X)
        # In blocks, since bin numbers take as much memory as the rows.
        cell = np.concatenate(
            [
                find_cells(self._levels, bin_numbers(X[rows], self.bin_edges_))
                for rows in row_slices(len(X), BLOCK_ROWS)
            ]
        )
        # The last entry, found at -1, is for empty cells.
        log_density = np.append(self.cell_log_density_, -np.inf)[cell].astype(X.dtype)
        if not return_std:
            return log_density
        share = self.cell_weight_ / self.cell_weight_.sum()
        std = np.sqrt((1 - share) / (self.cell_weight_ * self._rows_per_weight))
        return log_density, np.append(std, np.inf)[cell].astype(X.dtype)

    def _sample(self, n_samples, rng):
        """Sample cells by their weight, and points uniformly within them."""
        share = self.cell_weight_ / self.cell_weight_.sum()
        cells = self.cells_[rng.choice(len(share), n_samples, p=share)]
        X = np.empty(cells.shape)
        for j, e in enumerate(self.bin_edges_):
            low, high = e[cells[:, j]], e[cells[:, j] + 1]
            x = low + rng.uniform(size=n_samples) * (high - low)
            # Rounding must not move a point into the next cell.
            X[:, j] = np.minimum(x, np.nextafter(high, low))
        return X


def _column_edges(bins, column, name, d):
    """Return the edges of one column, and the problem if "scott" is used for "fd"."""
    if not isinstance(bins, (str, Integral)):
        return _given_edges(bins, name), None
    if bins not in BIN_RULES and (isinstance(bins, str) or bins < 1):
        raise ValueError(
            f"bins of feature {name!r} must be one of {sorted(BIN_RULES)}, a positive "
            f"int, or edges; got {bins!r}."
        )
    (first, last), whole = column.ends(), column.whole
    tolerance = float(rounding_up_to(max(-first, last), whole, column.dtype))
    if last / 2 - first / 2 > np.finfo(np.float64).max / 2:  # the range overflows
        raise ValueError(
            f"The range of feature {name!r}, from {first:g} to {last:g}, is beyond the "
            "largest number in double precision; divide the feature by a number."
        )
    if first == last or (not whole and last - first <= tolerance):
        return np.array([first, first]), None

    problem = None
    for rule in [bins, "scott"] if bins == "fd" else [bins]:
        n_bins = rule
        if rule in BIN_RULES:
            n_bins = count_bins(rule, column.on_unit(d, tolerance))
            if whole:  # bins narrower than 1 would only add empty ones
                n_bins = int(min(n_bins, last - first))
        if n_bins <= MAX_BINS:
            edges = np.linspace(first, last, n_bins + 1)
            if (np.diff(edges) > 0).all():
                return edges, problem
        problem = problem or (
            f"bins={bins!r} asks for {n_bins} bins between {first:g} and {last:g} in "
            f"feature {name!r}, more than {MAX_BINS} or than floating point tells apart"
        )
    raise ValueError(f"{problem}; give `bins` as a number, or as edges.")


def _given_edges(edges, name):
    """Return edges in double precision, checked."""
    edges = np.array(edges, dtype=np.float64)
    ascending = edges.ndim == 1 and len(edges) >= 2 and (np.diff(edges) > 0).all()
    if not ascending or not np.isfinite(edges).all():
        raise ValueError(
            f"bins of feature {name!r} must be a number, or edges: two or more finite "
            f"numbers in ascending order; got {edges}."
        )
    return edges
