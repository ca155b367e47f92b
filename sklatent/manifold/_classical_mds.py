"""Classical multidimensional scaling: of rows, it is PCA; of distances, a Gram matrix.

Torgerson (1952) and Gower (1966). `sklatent.manifold._gower` has the formulas.
"""

from numbers import Integral

import numpy as np

from sklatent.exceptions import RankDeficientWarning
from sklatent.manifold._base import Embedding
from sklatent.manifold._distances import (
    check_distances,
    check_not_negative,
    distances_to,
    fixed_metric_params,
)
from sklatent.manifold._far import warn_of_far_rows
from sklatent.manifold._gower import scale
from sklatent.manifold._graph import farthest_by
from sklatent.manifold._signs import signs_of
from sklatent.utils._blocks import row_slices
from sklatent.utils._iterations import reported_rows
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._progress import report_of_counts, shares
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._threads import single_blas_thread
from sklatent.utils._warnings import warn

# With n_landmarks="auto", all rows are landmarks up to so many, and then so many are.
MANY_ROWS, N_LANDMARKS = 5000, 500
# Components beyond those wanted, among which landmarks find the wanted ones.
SPARE = 10
# Rows whose distances are at hand at a time.
BLOCK_ROWS = 128
# At so many times the largest training distance, differences of squares have no digits.
FAR = 2.0**24


class ClassicalMDS(CallbackSupportMixin, Embedding):
    """Classical multidimensional scaling: places whose distances are those given.

    The squared distances of rows determine their Gram matrix,
    B = -1/2 H (D * D) H with the centering H, whose largest eigenvalues and
    eigenvectors give the places. Also called principal coordinates analysis, or
    Torgerson scaling [1]_. The Euclidean distances of rows give the principal
    components of these rows; they are then computed from the rows, without any
    distance. For other metrics, and precomputed distances, B is only multiplied by
    vectors. New rows are placed by their distances from the training rows, with Gower's
    formula [2]_.

    Parameters
    ----------
    n_components : int or estimator, default=2
        Number of components. Those beyond the number of positive eigenvalues are 0,
        with a warning. An estimator of the intrinsic dimension (with `fit` and
        `dimension_`) is fitted first, and its dimension is rounded.
    metric : str or callable, default="euclidean"
        The distance, as in :func:`sklearn.metrics.pairwise_distances`. With
        "precomputed", `X` holds the distances of all rows from each other in `fit`, and
        those of new rows from the rows of `fit` in `transform`.
    metric_params : dict, default=None
        Parameters of the metric, such as {"p": 3} for "minkowski".
    n_landmarks : int, "auto" or None, default="auto"
        Number of rows whose distances from each other are used [3]_, each the farthest
        from those before. The other rows are placed as new ones are. None is all rows.
        "auto" is all rows for precomputed distances and up to 5000 rows, and 500
        above. It has no effect for the Euclidean distances of rows.
    n_jobs : int, default=None
        Number of threads for products with matrices of distances; None takes as many as
        BLAS would, -1 all cores.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. An iteration is a block of rows whose
        distances from landmarks are computed: to choose these, to find the components
        and for the places. Where all rows are used there are only the last of these,
        and for the Euclidean distances of rows none.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the rows, in units of the distances. The entry with the largest
        absolute value of each component is positive.
    eigenvalues_ : ndarray of shape (n_components,)
        Sum of the weighted squares of each component, in squared units: the largest
        eigenvalues of B, descending, or 0 where these are not positive.
    negative_inertia_ : float
        The most negative eigenvalue of B over the largest, without its sign: 0 for
        Euclidean distances, and large where no Euclidean space has such distances. With
        landmarks, that of their distances.
    landmarks_ : ndarray of shape (n_landmarks,)
        Which rows are landmarks, in the order in which they were chosen. None if all
        rows are used.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    KernelPCA : The same for kernels in place of distances.
    sklatent.decomposition.PCA : The same for Euclidean distances of rows.
    sklearn.manifold.ClassicalMDS : The estimator whose parameters these are.

    Notes
    -----
    With landmarks, the places of all rows are turned so that the components are
    uncorrelated and in the order of decreasing variance. For Euclidean distances of
    rows in q dimensions the places are exact if the landmarks span these dimensions.

    Beside a matrix of distances, memory holds 24 (n_components + 6) vectors. A block of
    the matrix is squared at a time.

    References
    ----------
    .. [1] W. S. Torgerson (1952). Multidimensional scaling: I. Theory and method.
       Psychometrika 17, 401-419.
    .. [2] J. C. Gower (1968). Adding a point to vector diagrams in multivariate
       analysis. Biometrika 55, 582-585. Eq. 10.
    .. [3] V. de Silva and J. B. Tenenbaum (2004). Sparse multidimensional scaling using
       landmark points. Stanford University. Section 2.

    Examples
    --------
    Places from the distances of flowers from each other, also for a new one:

    >>> import numpy as np
    >>> from scipy.spatial.distance import cdist
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.manifold import ClassicalMDS
    >>> X = load_iris().data
    >>> mds = ClassicalMDS(n_components=4, metric="precomputed").fit(cdist(X, X))
    >>> bool(np.allclose(cdist(mds.embedding_, mds.embedding_), cdist(X, X)))
    True
    >>> new = [[5.0, 3.0, 2.0, 1.0]]
    >>> place = mds.transform(cdist(new, X))
    >>> bool(np.allclose(cdist(place, mds.embedding_), cdist(new, X)))
    True
    """

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
        ],
        "metric": [str, callable],
        "metric_params": [dict, None],
        "n_landmarks": [
            Interval(Integral, 2, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=2,
        *,
        metric="euclidean",
        metric_params=None,
        n_landmarks="auto",
        n_jobs=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.metric = metric
        self.metric_params = metric_params
        self.n_landmarks = n_landmarks
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the places of the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows, two or more; with precomputed distances, those from each other, of
            shape (n_samples, n_samples).
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row; an integer weight counts as that many rows. A row of
            weight 0 has no influence, and is placed as a new one.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If precomputed distances are not symmetric, or negative, or not zero on the
            diagonal, or if `X` or a parameter cannot be used.

        Warns
        -----
        RankDeficientWarning
            If there are fewer positive eigenvalues than components.

        Examples
        --------
        Distances along the streets of a city are not Euclidean:

        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import ClassicalMDS
        >>> X = load_iris().data
        >>> mds = ClassicalMDS(metric="manhattan").fit(X)
        >>> round(mds.negative_inertia_, 3)
        0.031
        """
        with self._unchanged_on_error():
            X = read_rows(self, X, ensure_min_samples=2, reset=True)
            weight = check_weight(sample_weight, X)
            weight = np.ones(len(X)) if weight is None else weight
            if self._is_precomputed():
                check_distances(X)
            self._held = np.flatnonzero(weight)
            self.n_components_ = self._resolve_n_components(self._known(X, self._held))
            self.landmarks_, self._training = None, None
            with reported_rows(self, X, y, 3 * len(X)) as report:
                if self._is_euclidean():
                    self._fit_rows(X, weight)
                else:
                    self._fit_distances(X, weight, report)
                self._set_places(X, weight, report)
        return self

    def _is_euclidean(self):
        """Whether distances are Euclidean ones of rows, so that this is PCA."""
        return self.metric in ("euclidean", "l2") and not self.metric_params

    def _fit_rows(self, X, weight):
        """Find the principal axes of rows."""
        from sklatent.decomposition import PCA

        n, p = X.shape
        held = np.flatnonzero(weight)
        if len(held) == 1:  # a single row has its place in the middle
            center, axes, squares = X[held[0]].astype(np.float64), np.zeros((0, p)), []
        else:
            q = min(self.n_components_, len(held), p)
            solver = "covariance_eigh" if len(held) >= p else "full"
            pca = PCA(n_components=q, svd_solver=solver)
            # Weights up to 1 together would be shares of the rows to PCA.
            unit = weight[held].min()
            pca.fit(X[held].astype(np.float64), sample_weight=weight[held] / unit)
            center, axes = pca.mean_, pca.components_
            squares = unit * pca.singular_values_**2
            rounding = max(n, p) * np.finfo(np.float64).eps * pca.singular_values_[0]
            varies = pca.singular_values_ > rounding
            axes, squares = axes * varies[:, None], squares * varies
        self._rest = weight @ (X.astype(np.float64) - center) / weight.sum()
        absent = self.n_components_ - len(axes)
        self._center, self._axes = center, np.pad(axes, ((0, absent), (0, 0)))
        self.eigenvalues_ = np.pad(np.asarray(squares, dtype=np.float64), (0, absent))
        self.negative_inertia_ = 0.0

    def _fit_distances(self, X, weight, report):
        """Find the classical scaling of all rows or of landmarks."""
        held = np.flatnonzero(weight)
        if not self._is_precomputed():
            self._params = fixed_metric_params(
                self.metric, self.metric_params, X[held], weight[held]
            )
        n_landmarks = self._count_landmarks(len(held))
        used = held
        if n_landmarks is not None:
            used = self.landmarks_ = self._choose(X, held, weight, n_landmarks, report)
        self._used = None if len(used) == len(X) else used
        if self._is_precomputed():
            D = X if self._used is None else X[np.ix_(used, used)]
        else:
            self._training = X[used].astype(np.float64)
            D = distances_to(X[used], X[used], self.metric, self._params)
        by = weight[used] if self.landmarks_ is None else np.ones(len(used))
        q = self.n_components_
        if self.landmarks_ is None:
            scaling = scale(D, by, q, self.n_jobs)
        else:
            self._scaling = scale(D, by, q + SPARE, self.n_jobs)
            Z = self._by_distances(X, report)[0][held]
            scaling = self._scaling.turned(Z, weight[held], q)
        self._scaling = scaling
        self._largest = float(D.max())
        self.eigenvalues_ = scaling.eigenvalues * scaling.unit**2
        self.negative_inertia_ = scaling.negative

    def _count_landmarks(self, n_rows):
        """Return the number of landmarks, or None if all rows are used."""
        n_landmarks = self.n_landmarks
        if n_landmarks == "auto":
            many = n_rows > MANY_ROWS and not self._is_precomputed()
            n_landmarks = N_LANDMARKS if many else None
        return None if n_landmarks is None or n_landmarks >= n_rows else n_landmarks

    def _choose(self, X, held, weight, n_landmarks, report):
        """Choose landmarks among rows, each the farthest from those before."""
        share = weight[held] / weight[held].sum()

        def distances(i):
            if i is not None and self._is_precomputed():
                return X[held[i], held]
            if not self._is_precomputed():
                row = share @ X[held].astype(np.float64) if i is None else X[held[i]]
                return distances_to(row[None], X[held], self.metric, self._params)[0]
            return np.concatenate(
                [
                    np.square(X[held[rows]][:, held], dtype=np.float64) @ share
                    for rows in row_slices(len(held), BLOCK_ROWS)
                ]
            )

        report_landmark = report_of_counts(report, shares(len(X), n_landmarks - 1))
        return held[farthest_by(distances, n_landmarks, report_landmark)]

    def _set_places(self, X, weight, report):
        """Place the rows, fix the signs, and keep what other methods need."""
        held = weight > 0
        if self._is_euclidean():
            Z = self._by_rows(X)
        else:
            Z = self._by_distances(X, report)[0]
        signs = signs_of(Z[held])
        if self._is_euclidean():
            self._axes = self._axes * signs[:, None]
        else:
            self._scaling = self._scaling.flipped(signs)
        Z = (Z * signs).astype(X.dtype)
        self._keep(self._known(X, self._held), Z[held], weight[held])
        self.embedding_ = Z
        none = np.count_nonzero(self.eigenvalues_ == 0)
        if none:
            warn(
                f"n_components={self.n_components_} is more than the "
                f"{self.n_components_ - none} positive eigenvalues. The last "
                f"{none} components are 0.",
                RankDeficientWarning,
            )

    def _nearest(self, X, n_neighbors):
        if self._is_precomputed():
            return k_nearest(X[:, self._held], n_neighbors, metric="precomputed")
        if self._is_euclidean():
            return super()._nearest(X, n_neighbors)
        blocks = [
            k_nearest(
                distances_to(X[rows], self._fit_X, self.metric, self._params),
                n_neighbors,
                metric="precomputed",
            )
            for rows in row_slices(len(X), BLOCK_ROWS)
        ]
        return tuple(map(np.concatenate, zip(*blocks, strict=True)))

    def _by_rows(self, X):
        """Return the places of rows along the principal axes."""
        # Far from the origin rounding moves the center, by more than it does the rows.
        return (X.astype(np.float64) - self._center - self._rest) @ self._axes.T

    def _by_distances(self, X, report=None):
        """Return the places by distances, and the nearest distances and rows."""
        places, nearest, which = [], [], []
        for rows in row_slices(len(X), BLOCK_ROWS):
            if self._is_precomputed():
                D = X[rows] if self._used is None else X[rows][:, self._used]
            else:
                D = distances_to(X[rows], self._training, self.metric, self._params)
            with single_blas_thread:  # as there are few columns
                places.append(self._scaling.place(D))
            which.append(D.argmin(axis=1))
            nearest.append(D.min(axis=1))
            if report is not None:
                report(len(D))
        return tuple(map(np.concatenate, (places, nearest, which)))

    def _place(self, X):
        if self._is_euclidean():
            return self._by_rows(X).astype(X.dtype)
        if self._is_precomputed():
            check_not_negative(X)
        with np.errstate(over="ignore", invalid="ignore"):
            Z, nearest, which = self._by_distances(X)
        Z = Z.astype(X.dtype)
        rows = which if self._used is None else self._used[which]
        far = nearest > FAR * self._largest
        known = (nearest == 0) | far
        Z[known] = self.embedding_[rows[known]]
        warn_of_far_rows(far, "where the training row nearest to each is")
        return Z
