"""What the estimators that look at nearest neighbors share."""

import functools
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklatent.base import DimensionMixin, SklatentEstimator
from sklatent.dimension._metrics import (
    METRICS,
    TIE,
    check_distances,
    measured,
    merge_equal,
    points,
    rounding_of_distances,
)
from sklatent.dimension._table_warnings import count_duplicates, warn_of_table
from sklatent.exceptions import DiscreteDataWarning, FewRowsWarning
from sklatent.utils._arrays import moved, namespace_of, to_numpy
from sklatent.utils._neighbors import EUCLIDEAN, k_nearest
from sklatent.utils._progress import reported_rows_of_call
from sklatent.utils._row_methods import RowMethods
from sklatent.utils._sklearn import CallbackSupportMixin, Interval, StrOptions
from sklatent.utils._tables import read_rows
from sklatent.utils._warnings import warn

NO_DISTANCE = (
    "metric={!r} must not give a distance of 0 between rows that differ, since the "
    "logarithm of distances is needed."
)
# Shares of the rows that may have ties, before a warning and before an error.
FEW_TIES, MANY_TIES = 0.01, 0.5


class Neighbors(NamedTuple):
    """The nearest neighbors of distinct rows.

    Parameters
    ----------
    log_distances : ndarray of shape (n_distinct, n_neighbors)
        Logarithms of the distances, ascending.
    indices : ndarray of shape (n_distinct, n_neighbors) or None
        Positions of the neighbors among the distinct rows; None of a sample of these.
    rounding : ndarray of shape (n_distinct,)
        Bound on the change of each distance by rounding of the data.
    ranks : ndarray of shape (n_neighbors,)
        Ranks of the neighbors, ascending from 1.
    n_distinct : float
        Number of distinct rows; more than the arrays have if these are of a sample.
    """

    log_distances: np.ndarray
    indices: np.ndarray | None
    rounding: np.ndarray
    ranks: np.ndarray
    n_distinct: float

    @property
    def share(self):
        """Share of the distinct rows whose neighbors these are."""
        return len(self.log_distances) / self.n_distinct

    def log_distance(self, rank):
        """Logarithms of the distances to the neighbors of one rank."""
        return self.log_distances[:, np.searchsorted(self.ranks, rank)]

    def log_ratios(self, nearer=1, farther=2):
        """Logarithms of ratios of the distances to two neighbors.

        Parameters
        ----------
        nearer, farther : int, default=1, 2
            Which neighbors.

        Returns
        -------
        t : ndarray of shape (n_distinct,)
            The logarithms.
        ties : ndarray of bool of shape (n_distinct,)
            Whether the distances are equal, up to rounding.
        """
        near = self.log_distance(nearer)
        t = self.log_distance(farther) - near
        return t, t <= TIE + self.rounding * np.exp(-np.maximum(near, -700))


class NeighborEstimator(CallbackSupportMixin, DimensionMixin, SklatentEstimator):
    """Estimates that are functions of the distances to the nearest neighbors.

    Equal rows are merged: what counts is where the rows are, not how often.
    Subclasses call `_fit_rows` and then `_find_neighbors`, and have the parameters
    `metric`, `n_jobs`, `confidence_level` and `verbose`.
    """

    _parameter_constraints = {
        "metric": [StrOptions(METRICS), callable],
        "n_jobs": [Integral, None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    def _fit_rows(self, X, n_needed):
        """Validate the rows, merge those that are equal, and remember the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data as the user gave it.
        n_needed : int
            How many distinct rows there have to be.

        Returns
        -------
        n_distinct : int
            How many there are.
        """
        table = X
        X = read_rows(self, X, ensure_min_samples=2, reset=True)
        if self.metric == "precomputed":
            rows, rounding = X, check_distances(X)
        else:
            rows, rounding = points(X, self.metric)
        self._first, self._inverse = merge_equal(rows, self.metric, rounding)
        n = len(self._first)
        self.n_duplicates_ = count_duplicates(table, n, X.shape[0])
        check_distinct(n_needed, n, X.shape[0])
        if self.metric == "precomputed":
            self._rows, self._rounding = X[np.ix_(self._first, self._first)], rounding
        else:
            first = moved(self._first, rows)
            self._rows = namespace_of(rows).take(rows, first, axis=0)
            self._rounding = rounding[self._first]
        return n

    def _nearest(self, n_neighbors, ranks, report):
        """Distances to neighbors of some ranks, and which they are.

        A comparison of estimators puts one search for all of them in this place.
        """
        metric = measured(self.metric)
        search = functools.partial(
            k_nearest,
            self._rows,
            n_neighbors + 1,
            metric=metric,
            n_jobs=self.n_jobs,
            report=report,
        )
        if metric in EUCLIDEAN:
            # At rank 0 is the row itself, or another one at a distance of 0; then so
            # is rank 1, which is an error.
            return [to_numpy(found) for found in search(ranks=ranks)]
        distances, indices = search()
        own = indices == np.arange(len(indices))[:, None]
        return [A[:, ranks - 1] for A in _without(own, distances, indices)]

    def _find_neighbors(self, n_neighbors, ranks=None, report=None):
        """Find neighbors of the distinct rows, themselves not counted.

        Parameters
        ----------
        n_neighbors : int
            How many.
        ranks : sequence of int, default=None
            Which of them to keep, ascending from 1, if not all.
        report : callable, default=None
            As for `k_nearest`.

        Returns
        -------
        neighbors : Neighbors
            The neighbors.
        """
        ranks = np.arange(1, n_neighbors + 1) if ranks is None else np.asarray(ranks)
        distances, indices = self._nearest(n_neighbors, ranks, report)
        check_apart(distances[:, 0], self.metric)
        if self.metric == "precomputed":
            rounding = 4 * np.finfo(self._rows.dtype).eps * distances[:, 0]
            self._rows = None  # `transform` reads its distances from X
        else:
            rounding = self._rounding + rounding_of_distances(
                self._rows, indices[:, 0], distances[:, 0], self.metric
            )
        n = len(distances)
        return Neighbors(np.log(distances), indices, rounding, ranks, n)

    def _query_neighbors(self, X, n_neighbors, report):
        """Neighbors of new rows among those of `fit`; a row itself is left out.

        Returns
        -------
        log_distances, indices : ndarray of shape (n_samples, n_neighbors)
            As from `_find_neighbors`.
        """
        if self.metric == "precomputed":
            Q = X[:, self._first]
            if (Q < 0).any():
                raise ValueError(
                    "X must not have negative distances with metric='precomputed'; "
                    f"got {Q.min():.6g}."
                )
        else:
            Q, rounding = points(X, self.metric)
        distances, indices = k_nearest(
            self._rows,
            n_neighbors + 1,
            queries=Q,
            metric=measured(self.metric),
            n_jobs=self.n_jobs,
            report=report,
        )
        if self.metric == "precomputed":
            itself = distances <= self._rounding
        elif measured(self.metric) != self.metric:
            itself = distances <= rounding[:, None] + self._rounding[indices]
        else:
            # Not all metrics give exactly 0 for equal rows, so rows are compared.
            itself = [(self._rows[column] == X).all(axis=1) for column in indices.T]
            itself = np.transpose(itself)
        distances, indices = _without(itself, distances, indices)
        check_apart(distances, self.metric)
        return np.log(distances), indices

    def _forget_rows(self):
        """Drop what only `transform` needs."""
        del self._rows, self._rounding, self._first, self._inverse


def check_apart(distances, metric):
    """Raise if a row is at distance 0 from another one that differs from it."""
    if not distances.all():
        raise ValueError(NO_DISTANCE.format(metric))


def check_distinct(n_needed, n_distinct, n_samples):
    """Raise if there are fewer distinct rows than are needed."""
    if n_distinct < n_needed:
        raise ValueError(
            f"X must have at least {n_needed} distinct rows; got "
            f"n_samples={n_samples}, of which {n_distinct} "
            f"{'is' if n_distinct == 1 else 'are'} distinct."
        )


def available_neighbors(name, asked, most, n_distinct):
    """Limit a number of neighbors to what the rows allow, with a warning.

    Parameters
    ----------
    name : str
        Name of the parameter.
    asked : int
        Value of the parameter.
    most : int
        Largest value that the rows allow.
    n_distinct : int
        Number of distinct rows, for the warning.

    Returns
    -------
    used : int
        The smaller of `asked` and `most`.
    """
    if asked > most:
        warn(
            f"{name}={asked} needs more rows than the {n_distinct} distinct ones; "
            f"{name}={most} is used.",
            FewRowsWarning,
        )
    return min(asked, most)


class LocalDimensionMixin(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, metaclass=RowMethods
):
    """The dimension around each row, as a feature.

    Subclasses implement `_local_dimension(X, report) -> (n_samples,)` for validated
    rows, and have the parameter `verbose`.
    """

    # How often `report` is told of each row.
    _n_passes = 1

    @property
    def _n_features_out(self):
        check_is_fitted(self)
        return 1

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def transform(self, X):
        """Estimate the dimension around each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, whose neighbors are found among the rows of `fit`, without the row
            itself. With the metric "precomputed", distances to the rows of `fit`, one
            column for each.

        Returns
        -------
        local_dimension : ndarray of shape (n_samples, 1)
            Local estimates, in the precision of `X`.

        Examples
        --------
        New points of a line, a disk and a ball, which their local dimension tells
        apart:

        >>> import numpy as np
        >>> from sklatent.datasets import make_line_disk_ball
        >>> from sklatent.dimension import LevinaBickel
        >>> X, dimension = make_line_disk_ball(3000, random_state=0)
        >>> seen, new = X[:1500], X[1500:]
        >>> model = LevinaBickel().fit(seen)
        >>> local = model.transform(new)
        >>> local.shape
        (1500, 1)
        >>> [local[dimension[1500:] == d].mean().round(1).item() for d in (1, 2, 3)]
        [1.0, 1.9, 2.8]
        >>> np.allclose(model.transform(seen)[:, 0], model.local_dimension_)
        True
        """
        check_is_fitted(self)
        X = read_rows(self, X)
        name, n_rows = f"{type(self).__name__}.transform", self._n_passes * len(X)
        with reported_rows_of_call(name, n_rows, self.verbose) as report:
            return self._local_dimension(X, report).astype(X.dtype)[:, None]


def _has_neighborhoods(estimator):
    """Whether there are local estimates."""
    return estimator.n_neighbors is not None


def _needs_neighborhoods(estimator):
    """Raise if there are no local estimates, with what to set."""
    if not _has_neighborhoods(estimator):
        name = type(estimator).__name__
        raise AttributeError(
            f"{name} has local estimates, and methods of transformers, only if "
            f"n_neighbors is set, as in {name}(n_neighbors=100). Without it there is "
            "one dimension for all rows, which latent models take, as in "
            f"PCA(n_components={name}())."
        )
    return True


class OptionalTransformMixin(metaclass=RowMethods):
    """A transformer with `n_neighbors`, and none without.

    It must come before `LocalDimensionMixin`, whose methods it hides. A subclass could
    not hide them itself, since scikit-learn wraps the methods that a class defines.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not _has_neighborhoods(self):
            tags.transformer_tags = None
        return tags

    @available_if(_needs_neighborhoods)
    def transform(self, X):
        """Estimate the dimension around each row; only with `n_neighbors`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, whose neighbors are found among the rows of `fit`, without the row
            itself. With the metric "precomputed", distances to the rows of `fit`, one
            column for each.

        Returns
        -------
        local_dimension : ndarray of shape (n_samples, 1)
            Local estimates, in the precision of `X`.

        Raises
        ------
        NotFittedError
            If `fit` was called without `n_neighbors`.

        Examples
        --------
        One column is enough to tell points of a line, a disk and a ball apart:

        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> from sklatent.datasets import make_line_disk_ball
        >>> from sklatent.dimension import PCASpectrum
        >>> X, dimension = make_line_disk_ball(1000, random_state=0)
        >>> model = make_pipeline(
        ...     PCASpectrum(n_neighbors=10), DecisionTreeClassifier(max_leaf_nodes=3)
        ... )
        >>> accuracy = model.fit(X[:500], dimension[:500]).score(
        ...     X[500:], dimension[500:]
        ... )
        >>> bool(accuracy > 0.9)
        True
        """
        check_is_fitted(
            self,
            "local_dimension_",
            msg="This %(name)s instance was not fitted with n_neighbors.",
        )
        return super().transform(X)

    @available_if(_needs_neighborhoods)
    def fit_transform(self, X, y=None):
        """Fit, and return the dimension around each row; only with `n_neighbors`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        local_dimension : ndarray of shape (n_samples, 1)
            Local estimates, in the precision of `X`: `local_dimension_` as a column.

        Examples
        --------
        >>> import numpy as np
        >>> from sklatent.datasets import make_line_disk_ball
        >>> from sklatent.dimension import PCASpectrum
        >>> X, dimension = make_line_disk_ball(600, random_state=0)
        >>> model = PCASpectrum("variance_share", n_neighbors=10)
        >>> local = model.fit_transform(X)
        >>> [np.median(local[dimension == d]).item() for d in (1, 2, 3)]
        [1.0, 2.0, 3.0]
        """
        return super().fit_transform(X, y)

    @available_if(_needs_neighborhoods)
    def get_feature_names_out(self, input_features=None):
        """Name the column that `transform` gives; only with `n_neighbors`.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features: only compared with those that `fit` has seen.

        Returns
        -------
        names : ndarray of shape (1,)
            The name of the class in lower case, and 0.

        Raises
        ------
        ValueError
            If `input_features` are not as many as in `fit`, or other names.

        Examples
        --------
        >>> from sklatent.datasets import make_swiss_roll
        >>> from sklatent.dimension import TwoNN
        >>> X, _ = make_swiss_roll(random_state=0)
        >>> TwoNN(n_neighbors=10).fit(X).get_feature_names_out().tolist()
        ['twonn0']
        >>> hasattr(TwoNN(), "get_feature_names_out")
        False
        """
        return super().get_feature_names_out(input_features)


def _without(flags, distances, indices):
    """Drop the one flagged column of each row, or else the last."""
    order = np.argsort(flags, axis=1, kind="stable")[:, :-1]
    return [np.take_along_axis(A, order, axis=1) for A in (distances, indices)]


def check_ties(table, ties, nearer=1, farther=2):
    """Warn or raise where two neighbors are equally far from a row, as on a grid.

    Parameters
    ----------
    table : array-like
        The data as the user gave it.
    ties : ndarray of bool
        Whether these neighbors are equally far, for each row.
    nearer, farther : int, default=1, 2
        Which neighbors.
    """
    share = ties.mean()
    message = (
        f"Neighbors {nearer} and {farther} are at the same distance from {share:.0%} "
        "of the rows of X, as on a grid: the data is discrete or rounded, and its "
        "distances do not show its dimension at this scale."
    )
    if share > MANY_TIES:
        raise ValueError(message)
    if share > FEW_TIES:
        warn_of_table(table, message, DiscreteDataWarning)
