"""Classical multidimensional scaling.

Torgerson (1952), Gower (1966); with landmarks de Silva and Tenenbaum (2004).
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.metrics import pairwise_distances

from sklatent.exceptions import RankDeficientWarning
from sklatent.manifold._base import Embedding
from sklatent.manifold._distance_scaling import scale_distances
from sklatent.manifold._graph import farthest_by
from sklatent.manifold._landmark_mds import scale_landmarks
from sklatent.manifold._links import check_distances, check_not_negative, is_euclidean
from sklatent.utils._blocks import row_slices
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._warnings import warn

# Above so many rows, unless a number is given, so many are landmarks.
MANY_ROWS, N_LANDMARKS = 5000, 500
# Entries of a block of distances of new rows.
BLOCK_ENTRIES = 2**20


@dataclass
class ByAxes:
    """Places of rows with Euclidean distances: their scores of PCA."""

    pca: object
    n_components: int

    def place(self, X):
        """Place rows; components beyond the rank are 0."""
        Z = np.zeros((len(X), self.n_components), dtype=X.dtype)
        scores = self.pca.transform(X)
        Z[:, : scores.shape[1]] = scores
        return Z

    def decode(self, Z):
        """Return the rows at places."""
        return self.pca.inverse_transform(Z[:, : self.pca.n_components_])


@dataclass
class ByDistances:
    """Places of rows by their distances from landmarks (Gower's formula)."""

    scaling: object
    distances_of: object

    def place(self, X):
        """Place rows, block by block."""
        n_landmarks = len(self.scaling.mean)
        blocks = [np.empty((0, self.scaling.projection.shape[1]))]
        for rows in row_slices(len(X), max(1, BLOCK_ENTRIES // n_landmarks)):
            D = np.array(self.distances_of(X[rows]), dtype=np.float64)
            blocks.append(self.scaling.place(D))
        return np.concatenate(blocks).astype(X.dtype)


@dataclass
class DistancesFrom:
    """Distances of rows from landmarks, computed or selected."""

    landmarks: np.ndarray
    metric: object
    metric_params: dict

    def __call__(self, X):
        if self.metric == "precomputed":
            return X[:, self.landmarks]
        return pairwise_distances(
            X, self.landmarks, metric=self.metric, **self.metric_params
        )


class ClassicalMDS(Embedding):
    """Classical multidimensional scaling (MDS), or principal coordinates analysis.

    Rows are placed so that the scalar products of their places are those that belong to
    their distances [1]_ [2]_. Of Euclidean distances these are the scores of a principal
    component analysis, which is what is computed from rows. Distances of any other kind
    are read as they are, without a copy.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components, or an unfitted estimator of the dimension such as
        :class:`~sklatent.dimension.TwoNN`, whose `dimension_` is rounded.
    metric : str or callable, default="euclidean"
        Distance between rows, as in :func:`sklearn.metrics.pairwise_distances`, or
        "precomputed".
    metric_params : dict or None, default=None
        Further arguments of the metric.
    n_landmarks : int, "auto" or None, default="auto"
        Number of rows from which distances are computed [3]_; they are chosen one by
        one, each farthest from those before it. None takes all rows. "auto" takes 500
        if there are more than 5,000 rows and the distances are neither Euclidean nor
        precomputed, and all otherwise. Rows with Euclidean distances need none.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components_)
        Places of the training rows.
    n_components_ : int
        Number of components.
    eigenvalues_ : ndarray of shape (n_components_,)
        Sums of the squares of the components, under the weights, in squared units of
        the distances; with landmarks each of these stands for the rows nearest to it. 0
        where a component has no variance.
    negative_inertia_ : float
        Share of the sum of the absolute eigenvalues that is of negative ones: 0 for
        Euclidean distances, and the larger the less can places in a space have such
        distances. Above 1,000 rows it is a lower bound, from the largest eigenvalues and
        the sum of all. With landmarks it is that of the landmarks.
    landmarks_ : ndarray of shape (n_landmarks_,) or None
        Training rows that are landmarks; None if there are none.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    Isomap : Classical scaling of distances along the data.
    sklatent.decomposition.PCA : The same for rows, with a density.
    sklearn.manifold.MDS : Keeps the distances themselves rather than scalar products.

    Notes
    -----
    A new row has its place by Gower's formula [2]_,

        z = 1/2 Lambda^-1 Z' W (mu - s),

    with its squared distances s from the training rows, their means mu, places Z and
    weights W. A row equal to a training row has the place of that.

    Precomputed distances of n rows take n² numbers, which are read some ten times and
    not copied.

    References
    ----------
    .. [1] W. S. Torgerson (1952). Multidimensional scaling: I. Theory and method.
       Psychometrika 17, 401-419.
    .. [2] J. C. Gower (1966). Some distance properties of latent root and vector methods
       used in multivariate analysis. Biometrika 53, 325-338.
    .. [3] V. de Silva and J. B. Tenenbaum (2004). Sparse multidimensional scaling using
       landmark points. Technical report, Stanford University.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.metrics import pairwise_distances
    >>> from sklatent.manifold import ClassicalMDS
    >>> X = load_iris().data
    >>> Z = ClassicalMDS(n_components=2).fit_transform(X)
    >>> from_distances = ClassicalMDS(n_components=2, metric="precomputed")
    >>> again = from_distances.fit_transform(pairwise_distances(X))
    >>> bool(np.allclose(np.abs(Z), np.abs(again)))
    True
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left"), HasMethods("fit")],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "n_landmarks": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
    }

    def __init__(
        self,
        n_components=2,
        *,
        metric="euclidean",
        metric_params=None,
        n_landmarks="auto",
    ):
        self.n_components = n_components
        self.metric = metric
        self.metric_params = metric_params
        self.n_landmarks = n_landmarks

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Place the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, two or more; with ``metric="precomputed"`` their distances, of
            shape (n_samples, n_samples).
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the means and scalar products.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X holds no distances with ``metric="precomputed"``.

        Warns
        -----
        RankDeficientWarning
            If a component has no variance; it is 0.

        Examples
        --------
        A weight of 2 counts a row twice:

        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data[:20]
        >>> weight = np.repeat([1, 2], 10)
        >>> weighted = ClassicalMDS(1).fit(X, sample_weight=weight)
        >>> repeated = ClassicalMDS(1).fit(np.repeat(X, weight, axis=0))
        >>> bool(np.allclose(weighted.eigenvalues_, repeated.eigenvalues_))
        True
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, reset=True, ensure_min_samples=2)
            if self._is_precomputed():
                check_distances(X)
            weight = np.ones(len(X))
            if sample_weight is not None:
                weight = check_weight(sample_weight, X)
            rows = np.flatnonzero(weight > 0)
            known = self._known(X, rows)
            self.n_components_ = self._resolve_n_components(known)
            self._rows = rows
            self._map = self._scale(known, weight[rows], rows)
            self._warn_of_rank()
            places = self._map.place(X if not self._is_precomputed() else X[:, rows])
            self._keep(known, places[rows], weight[rows])
            self.embedding_ = places
        return self

    def _known(self, X, rows):
        """Return the rows of positive weight, or the distances between them."""
        if len(rows) == len(X):
            return X
        return X[np.ix_(rows, rows)] if self._is_precomputed() else X[rows]

    def _is_euclidean(self):
        params = self.metric_params or {}
        p = params.get("p", 2)
        return is_euclidean(
            self.metric, p, {k: v for k, v in params.items() if k != "p"}
        )

    def _scale(self, X, weight, rows):
        """Return the map from rows to places, and set what it is made of."""
        self.landmarks_ = None
        if self._is_euclidean():
            return self._scale_by_axes(X, weight)
        metric = (self.metric, self.metric_params or {})
        n, m = len(X), self.n_landmarks
        if m == "auto":
            m = N_LANDMARKS if n > MANY_ROWS and not self._is_precomputed() else None
        if m is not None and m < n:
            return self._scale_by_landmarks(X, weight, m, metric, rows)
        distances = X
        if not self._is_precomputed():
            distances = pairwise_distances(X, metric=self.metric, **metric[1])
            check_distances(distances)
        scaling, self.negative_inertia_ = scale_distances(
            distances, weight, self.n_components_
        )
        self.eigenvalues_ = scaling.eigenvalues * scaling.unit**2
        every = np.arange(n) if self._is_precomputed() else X
        return ByDistances(scaling, DistancesFrom(every, *metric))

    def _scale_by_axes(self, X, weight):
        """Principal component analysis in place of distances."""
        from sklatent.decomposition import PCA

        q = min(self.n_components_, *X.shape)
        pca = PCA(q).fit(X, sample_weight=weight)
        self.eigenvalues_ = np.zeros(self.n_components_)
        self.eigenvalues_[:q] = pca.singular_values_**2
        self.negative_inertia_ = 0.0
        return ByAxes(pca, self.n_components_)

    def _scale_by_landmarks(self, X, weight, n_landmarks, metric, rows):
        """Scale landmarks, each of which stands for the rows nearest to it."""

        def distances_from(i):
            if i is None:  # how far out rows are
                if self._is_precomputed():
                    return X @ weight
                center = np.average(X, axis=0, weights=weight)
                return np.square(X - center).sum(axis=1)
            if self._is_precomputed():
                return X[i]
            return pairwise_distances(X[i : i + 1], X, metric=metric[0], **metric[1])[0]

        landmarks = farthest_by(distances_from, n_landmarks)
        columns = np.column_stack([distances_from(i) for i in landmarks])
        counts = np.bincount(columns.argmin(axis=1), weight, minlength=len(landmarks))
        between = columns[landmarks]
        scaling = scale_landmarks(
            np.maximum(between, between.T), counts, self.n_components_
        )
        _, self.negative_inertia_ = scale_distances(between, counts, 1)
        self.landmarks_ = rows[landmarks]
        self.eigenvalues_ = scaling.eigenvalues * scaling.unit**2
        known = landmarks if self._is_precomputed() else X[landmarks]
        return ByDistances(scaling, DistancesFrom(known, *metric))

    def _warn_of_rank(self):
        """Warn of components without variance."""
        without = np.count_nonzero(self.eigenvalues_ == 0)
        if without:
            warn(
                f"{without} of {self.n_components_} components have no variance, and "
                "are 0: fewer have the distances, or those are of no space. Lower "
                "n_components.",
                RankDeficientWarning,
            )

    def _nearest(self, X, n_neighbors):
        if self._is_precomputed():
            return k_nearest(X[:, self._rows], n_neighbors, metric="precomputed")
        if self._is_euclidean():
            return k_nearest(self._fit_X, n_neighbors, queries=X)
        D = pairwise_distances(
            X, self._fit_X, metric=self.metric, **(self.metric_params or {})
        )
        return k_nearest(D, n_neighbors, metric="precomputed")

    def _place(self, X):
        if self._is_precomputed():
            check_not_negative(X)
            X = X[:, self._rows]
        return self._map.place(X)

    def _decode(self, Z):
        if isinstance(self._map, ByAxes):
            return self._map.decode(Z)
        return super()._decode(Z)
