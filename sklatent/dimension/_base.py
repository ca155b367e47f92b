"""What the estimators that look at nearest neighbours share."""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklatent.base import DimensionMixin, SklatentEstimator
from sklatent.dimension._calibration import correct, dependence
from sklatent.exceptions import DiscreteDataWarning, DuplicateRowsWarning
from sklatent.utils._neighbors import k_nearest, unique_rows
from sklatent.utils._sklearn import Interval, StrOptions
from sklatent.utils._tables import read_rows
from sklatent.utils._warnings import warn

METRICS = {
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "haversine",
    "l1",
    "l2",
    "manhattan",
    "precomputed",
}
# Logarithms of distances that are closer than this are a tie.
TIE = 1e-9
NO_DISTANCE = (
    "metric={!r} gives a distance of 0 between rows that differ; the logarithm of "
    "distances is needed."
)
# Shares of the rows that may have ties, before a warning and before an error.
FEW_TIES, MANY_TIES = 0.01, 0.5


class NeighborEstimator(DimensionMixin, SklatentEstimator):
    """Estimates that are functions of the distances to the nearest neighbours.

    Coinciding rows are merged: what counts is where the rows are, not how often.
    Subclasses call `_fit_neighbors`, and have the parameters `metric`, `n_jobs` and
    `confidence_level`.
    """

    _parameter_constraints = {
        "metric": [StrOptions(METRICS), callable],
        "n_jobs": [Integral, None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags

    def _fit_neighbors(self, X, n_neighbors, most=0):
        """Find the neighbours of the distinct rows, and remember these.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data as the user gave it.
        n_neighbors : int
            How many for each row, itself not counted.
        most : int, default=0
            More, up to so many, if there are as many rows.

        Returns
        -------
        log_distances : ndarray of shape (n_distinct, n_neighbors)
            Logarithms of the distances, ascending.
        indices : ndarray of shape (n_distinct, n_neighbors)
            Which distinct rows the neighbours are.
        """
        X = read_rows(self, X, ensure_min_samples=2, reset=True)
        first, inverse = self._merge_duplicates(X)
        n = len(first)
        if n <= n_neighbors:
            raise ValueError(
                f"{type(self).__name__} looks at {n_neighbors} neighbours of each row "
                f"here, so it needs {n_neighbors + 1} distinct rows; got n_samples="
                f"{len(X)}, of which {n} {'is' if n == 1 else 'are'} distinct."
            )
        n_neighbors = min(max(n_neighbors, most), n - 1)
        self._first, self._inverse = first, inverse
        rows = self._among_distinct(X[first])
        self._rows = None if self.metric == "precomputed" else rows
        distances, indices = k_nearest(
            rows, n_neighbors + 1, metric=self.metric, n_jobs=self.n_jobs
        )
        own = indices == np.arange(n)[:, None]
        distances, indices = _without(own, distances, indices)
        if not distances[:, 0].all():
            raise ValueError(NO_DISTANCE.format(self.metric))
        log_distances = np.log(distances)
        if n_neighbors > 1:
            check_ties(log_distances[:, 1] - log_distances[:, 0])
        return log_distances, indices

    def _log_std(self, kernel, setting, dimension, influence):
        """Standard error of the logarithm of an estimate.

        Parameters
        ----------
        kernel : str
            Name of a function of `sklatent.dimension._kernels`.
        setting : float
            Its setting.
        dimension : float
            What it returned,
        influence : ndarray of shape (n_distinct,)
            and what each row contributes.

        Returns
        -------
        log_std : float
            Of independent rows, times the factor for neighbours in common.
        """
        independent = np.sqrt(influence @ influence) / len(influence)
        return dependence(kernel, setting, dimension) * independent

    def _query_neighbors(self, X, n_neighbors):
        """Neighbours of new rows among those of `fit`; a row itself is left out.

        Returns
        -------
        log_distances, indices : ndarray of shape (n_samples, n_neighbors)
            As from `_fit_neighbors`.
        """
        Q = self._among_distinct(X)
        if self.metric == "precomputed" and (Q < 0).any():
            raise ValueError(f"Distances must not be negative; got {Q.min():.6g}.")
        distances, indices = k_nearest(
            self._rows,
            n_neighbors + 1,
            queries=Q,
            metric=self.metric,
            n_jobs=self.n_jobs,
        )
        itself = distances == 0
        if self.metric != "precomputed":
            # Not all metrics give exactly 0 for that.
            for j, column in enumerate(indices.T):
                itself[:, j] = (self._rows[column] == X).all(axis=1)
        distances, indices = _without(itself, distances, indices)
        if not distances.all():
            raise ValueError(NO_DISTANCE.format(self.metric))
        return np.log(distances), indices

    def _forget_rows(self):
        """Drop what `transform` alone needs."""
        del self._rows, self._first, self._inverse

    def _among_distinct(self, X):
        """Leave of precomputed distances those to distinct rows."""
        return X[:, self._first] if self.metric == "precomputed" else X

    def _merge_duplicates(self, X):
        """First of each set of equal rows, and to which set each row belongs."""
        if self.metric == "precomputed":
            _check_distances(X)
            _, inverse = connected_components(csr_matrix(X == 0), directed=False)
            _, first = np.unique(inverse, return_index=True)
        else:
            first, inverse, _ = unique_rows(X)
        self.n_duplicates_ = count_duplicates(len(first), len(X))
        return first, inverse


def count_duplicates(n_distinct, n_samples):
    """Return how many rows repeat others, and warn if there are any."""
    n_duplicates = n_samples - n_distinct
    if n_duplicates:
        warn(
            f"{n_duplicates} of {n_samples} rows repeat others; each counts once.",
            DuplicateRowsWarning,
        )
    return n_duplicates


class CorrectedMixin:
    """The parameter `correction`, for finite samples."""

    _parameter_constraints = {"correction": [StrOptions({"ball"}), None]}

    def _correct(self, kernel, settings, n_distinct):
        """Correct the estimate and stretch its error bar along."""
        if self.correction is None:
            return
        step = np.exp(self.dimension_std_ / self.dimension_)
        self.dimension_, low, high, *interval = correct(
            kernel,
            settings,
            n_distinct,
            self.dimension_,
            self.dimension_ / step,
            self.dimension_ * step,
            *self.confidence_interval_,
        ).tolist()
        self.dimension_std_ = 0.5 * (high - low)
        self.confidence_interval_ = np.array(interval)


class LocalDimensionMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The dimension around each row, as a feature.

    Subclasses implement `_local_dimension(X) -> (n_samples,)` for validated rows.
    """

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
            Rows. Their neighbours are looked for among the rows that `fit` has seen,
            the row itself left out. With the metric "precomputed", the distances to
            these: as many columns as `fit` has seen rows.

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
        return self._local_dimension(X).astype(X.dtype)[:, None]


def _has_neighborhoods(estimator):
    """Whether there are local estimates."""
    return estimator.n_neighbors is not None


class OptionalTransformMixin:
    """A transformer with `n_neighbors`, and none without.

    To come before `LocalDimensionMixin`, whose methods these hide; a subclass of that
    could not hide them itself, since scikit-learn wraps what it defines.
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not _has_neighborhoods(self):
            tags.transformer_tags = None
        return tags

    @available_if(_has_neighborhoods)
    def transform(self, X):
        """Estimate the dimension around each row; only with `n_neighbors`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows. Their neighbours are looked for among the rows that `fit` has seen,
            the row itself left out. With the metric "precomputed", the distances to
            these: as many columns as `fit` has seen rows.

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

    @available_if(_has_neighborhoods)
    def fit_transform(self, X, y=None):
        """Fit, and give the dimension around each row; only with `n_neighbors`.

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

    @available_if(_has_neighborhoods)
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


def _check_distances(D):
    """Complain of a matrix that does not hold distances between the same rows."""
    need = "metric='precomputed' takes a square matrix of distances"
    if D.shape[0] != D.shape[1]:
        raise ValueError(f"{need}; got shape {D.shape}.")
    if D.min() < 0:
        raise ValueError(f"{need}, which are not negative; got {D.min():.6g}.")
    if np.diagonal(D).any():
        raise ValueError(
            f"{need} with 0 on its diagonal; got {np.diagonal(D).max():.6g}."
        )
    if not np.allclose(D, D.T, rtol=1e-5, atol=0):
        raise ValueError(f"{need} that is symmetric.")


def _without(flags, distances, indices):
    """Drop the one flagged column of each row, or else the last."""
    order = np.argsort(flags, axis=1, kind="stable")[:, :-1]
    return [np.take_along_axis(A, order, axis=1) for A in (distances, indices)]


def tie_share(t):
    """Share of the logarithms of ratios that are those of a tie."""
    return np.mean(t < TIE)


def check_ties(t, nearer=1, farther=2):
    """Complain where two neighbours are equally far from a row, as on a grid."""
    ties = tie_share(t)
    message = (
        f"Neighbours {nearer} and {farther} are at the same distance from {ties:.0%} "
        "of the rows, as on a grid: the data is discrete or rounded, and distances say "
        "nothing about its dimension at this scale."
    )
    if ties > MANY_TIES:
        raise ValueError(message)
    if ties > FEW_TIES:
        warn(message, DiscreteDataWarning)
