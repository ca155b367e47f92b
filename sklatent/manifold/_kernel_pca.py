"""Principal components in the space of the features of a kernel.

Schölkopf, Smola and Müller (1998). `sklatent.manifold._nystrom` has the formulas.
"""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from sklatent.exceptions import RankDeficientWarning
from sklatent.manifold._base import Embedding
from sklatent.manifold._far import warn_of_far_rows
from sklatent.manifold._kernels import (
    TRANSLATED,
    choose_gamma,
    kernel_diagonal,
    kernel_values,
    median_gamma,
)
from sklatent.manifold._nystrom import exact_components, landmark_components
from sklatent.manifold._pre_images import fixed_points
from sklatent.manifold._ridge import choose_ridge, ridge_coefficients
from sklatent.manifold._seen import find_seen
from sklatent.manifold._signs import signs_of
from sklatent.utils._blocks import row_slices
from sklatent.utils._iterations import reported_rows
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import check_weight, read_rows
from sklatent.utils._warnings import warn

KERNELS = {"linear", "poly", "rbf", "sigmoid", "cosine", "precomputed"}
SOLVERS = {"auto", "dense", "arpack", "randomized"}
# With n_landmarks="auto", all rows are used up to so many, and then so many landmarks.
MANY_ROWS, N_LANDMARKS = 5000, 1000
# Rows whose kernel values are at hand at a time.
BLOCK_ROWS = 1024
# A row whose kernel values are all below this is far from all training rows.
NO_SIMILARITY = np.finfo(np.float64).eps


class KernelPCA(CallbackSupportMixin, Embedding):
    """Kernel principal component analysis, exactly or with Nyström landmarks.

    Principal components of the features that a kernel stands for, from the centered
    matrix of kernel values [1]_. The linear kernel gives the principal components of
    the rows, a Gaussian one curved components. Many rows are described by their kernel
    values with landmarks (Nyström), so that there is no matrix of all kernel values.

    Parameters
    ----------
    n_components : int, estimator or None, default=None
        Number of components, at most as many as there are rows or landmarks. None is
        all whose eigenvalue is not zero. An estimator of the intrinsic dimension (with
        `fit` and `dimension_`) is fitted first, and its dimension is rounded.
    kernel : {"linear", "poly", "rbf", "sigmoid", "cosine", "precomputed"} or \
callable, default="linear"
        The kernel, as in :func:`sklearn.metrics.pairwise.pairwise_kernels`. With
        "precomputed", `X` holds the kernel values of all rows with each other in `fit`,
        and those of new rows with the rows of `fit` in `transform`.
    gamma : float, "median", "loo" or None, default="median"
        Coefficient of the kernels "rbf", "poly" and "sigmoid".

        - "median": for "rbf" one over the median squared distance of rows that differ,
          so that it does not depend on the units. For the other kernels as None.
        - "loo": for "rbf" the factor of the median rule, between 0.1 and 10, with the
          smallest leave-one-out error of pre-images by ridge regression, among up to
          500 rows. For the other kernels as None.
        - None: one over the number of features, as in scikit-learn.
    degree : float, default=3
        Degree of the kernel "poly".
    coef0 : float, default=1
        Independent term of the kernels "poly" and "sigmoid".
    kernel_params : dict, default=None
        Parameters of a kernel that is a callable.
    alpha : float or "loo", default=1.0
        Ridge of the regression with `fit_inverse_transform`. With "loo" the ridge, and
        the width of a Gaussian kernel of the places, are those with the smallest
        leave-one-out error; this removes noise from rows.
    fit_inverse_transform : bool, default=False
        Whether `inverse_transform` is a kernel ridge regression of the rows on their
        places [2]_, as in scikit-learn. Otherwise it is the local regression that all
        embeddings have in common.
    eigen_solver : {"auto", "dense", "arpack", "randomized"}, default="auto"
        How eigenvalues are found: all by LAPACK ("dense"), the largest by ARPACK, or by
        random projections. "auto" takes Krylov spaces of blocks for few components of
        more than 500 rows, which miss none of several equal eigenvalues, and else
        LAPACK.
    tol : float, default=0
        Relative error of the eigenvalues with "arpack"; 0 is rounding.
    max_iter : int, default=None
        Bound on the iterations of "arpack".
    iterated_power : int or "auto", default="auto"
        Number of power iterations of "randomized". "auto" is 7 for few components, and
        else 4.
    remove_zero_eig : bool, default=False
        Whether components whose eigenvalue is zero are left out. They always are if
        `n_components` is None.
    random_state : int, RandomState instance or None, default=None
        For the choice of landmarks, and the start of "arpack" and "randomized". Pass an
        int for the same results at every call.
    copy_X : bool, default=True
        Whether `X_fit_` is a copy. If not, it may be the data given, which must then
        not be changed.
    n_jobs : int, default=None
        Number of jobs for kernels that are callables, as in scikit-learn.
    n_landmarks : int, "auto" or None, default="auto"
        Number of rows, drawn at random by their weights, whose kernel values describe
        all rows. None is all rows. "auto" is all up to 5000 rows, and 1000 above. It
        has no effect for a precomputed kernel.
    pre_image : {"local", "fixed_point"}, default="local"
        How `inverse_transform` reconstructs rows without `fit_inverse_transform`.
        "local" is the local regression that all embeddings have in common.
        "fixed_point", for the kernel "rbf", is the row whose features are the nearest
        to those that the place stands for [4]_, by iterations from the local
        regression. It is a weighted mean of many rows, which removes noise.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does. With 0 it prints nothing. An iteration is a block of rows whose
        kernel values with landmarks are computed, first for the components and then for
        the places. There are none where all rows are used.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        Places of the rows.
    eigenvalues_ : ndarray of shape (n_components,)
        Eigenvalues of the centered kernel matrix, descending: the sum of the weighted
        squares of each component. Those that are rounding errors are 0.
    eigenvectors_ : ndarray of shape (n_rows, n_components)
        Eigenvectors of the centered kernel matrix, for rows of positive weight. The
        entry with the largest absolute value of each is positive.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Each eigenvalue over the sum of all, the trace of the centered kernel matrix.
    landmarks_ : ndarray of shape (n_landmarks,)
        Which rows are landmarks. None if all rows are used.
    dual_coef_ : ndarray of shape (n_rows, n_features)
        Coefficients of the ridge regression. Only with `fit_inverse_transform`.
    X_transformed_fit_ : ndarray of shape (n_rows, n_components)
        Places that the ridge regression is fitted on: those of `X_fit_`. Only with
        `fit_inverse_transform`.
    X_fit_ : ndarray of shape (n_rows, n_features)
        Rows whose kernel values place others: those of positive weight, or the
        landmarks. None with a precomputed kernel.
    gamma_ : float
        Coefficient of the kernels "rbf", "poly" and "sigmoid".
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    ClassicalMDS : The same for distances in place of kernels.
    sklatent.decomposition.PCA : The same for the linear kernel, at much less cost.
    sklearn.decomposition.KernelPCA : The estimator whose parameters these are.

    Notes
    -----
    The kernels "linear" and "rbf" are computed from centered rows. This changes no
    component, but keeps the digits of rows far from the origin. A row of the training
    set has its place in `embedding_` exactly.

    References
    ----------
    .. [1] B. Schölkopf, A. Smola and K.-R. Müller (1998). Nonlinear component analysis
       as a kernel eigenvalue problem. Neural Computation 10, 1299-1319. Section 2.
    .. [2] G. H. Bakır, J. Weston and B. Schölkopf (2004). Learning to find pre-images.
       Advances in Neural Information Processing Systems 16, 449-456. Section 3.
    .. [3] C. K. I. Williams and M. Seeger (2001). Using the Nyström method to speed up
       kernel machines. Advances in Neural Information Processing Systems 13, 682-688.
    .. [4] S. Mika, B. Schölkopf, A. Smola, K.-R. Müller, M. Scholz and G. Rätsch
       (1999). Kernel PCA and de-noising in feature spaces. Advances in Neural
       Information Processing Systems 11, 536-542. Eq. 10.

    Examples
    --------
    Two rings, which the first component of a Gaussian kernel separates:

    >>> import numpy as np
    >>> from sklearn.datasets import make_circles
    >>> from sklatent.manifold import KernelPCA
    >>> X, ring = make_circles(400, factor=0.3, noise=0.05, random_state=0)
    >>> Z = KernelPCA(n_components=1, kernel="rbf", gamma=2.0).fit_transform(X)
    >>> bool(Z[ring == 0].max() < Z[ring == 1].min())
    True
    """

    _precomputed_parameter = "kernel"

    _parameter_constraints = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            HasMethods(["fit", "get_params"]),
            None,
        ],
        "kernel": [StrOptions(KERNELS), callable],
        "gamma": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"median", "loo"}),
            None,
        ],
        "degree": [Interval(Real, 0, None, closed="left")],
        "coef0": [Interval(Real, None, None, closed="neither")],
        "kernel_params": [dict, None],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"loo"})],
        "fit_inverse_transform": ["boolean"],
        "eigen_solver": [StrOptions(SOLVERS)],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "iterated_power": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "remove_zero_eig": ["boolean"],
        "random_state": ["random_state"],
        "copy_X": ["boolean"],
        "n_jobs": [Integral, None],
        "n_landmarks": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "pre_image": [StrOptions({"local", "fixed_point"})],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components=None,
        *,
        kernel="linear",
        gamma="median",
        degree=3,
        coef0=1,
        kernel_params=None,
        alpha=1.0,
        fit_inverse_transform=False,
        eigen_solver="auto",
        tol=0,
        max_iter=None,
        iterated_power="auto",
        remove_zero_eig=False,
        random_state=None,
        copy_X=True,
        n_jobs=None,
        n_landmarks="auto",
        pre_image="local",
        verbose=0,
    ):
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.alpha = alpha
        self.fit_inverse_transform = fit_inverse_transform
        self.eigen_solver = eigen_solver
        self.tol = tol
        self.max_iter = max_iter
        self.iterated_power = iterated_power
        self.remove_zero_eig = remove_zero_eig
        self.random_state = random_state
        self.copy_X = copy_X
        self.n_jobs = n_jobs
        self.n_landmarks = n_landmarks
        self.pre_image = pre_image
        self.verbose = verbose

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Find the components.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows, two or more; sparse ones are made dense. With a precomputed
            kernel, the kernel values, of shape (n_samples, n_samples).
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
            If the kernel has a negative eigenvalue among those asked for, or `X` or a
            parameter cannot be used.

        Warns
        -----
        RankDeficientWarning
            If components have no variance, and are not left out.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklatent.manifold import KernelPCA
        >>> X = load_iris().data
        >>> kernel_pca = KernelPCA(n_components=2, kernel="rbf").fit(X)
        >>> kernel_pca.explained_variance_ratio_.round(2)
        array([0.58, 0.21])
        """
        with self._unchanged_on_error():
            if self.fit_inverse_transform and self._is_precomputed():
                raise ValueError(
                    "Cannot fit_inverse_transform with a precomputed kernel: "
                    "fit_inverse_transform must be False, since there are no rows to "
                    "reconstruct; got True."
                )
            if self.pre_image == "fixed_point" and self.kernel != "rbf":
                raise ValueError(
                    "pre_image must be 'local' with a kernel that is not 'rbf'; got "
                    f"'fixed_point' with kernel={self.kernel!r}."
                )
            X = _dense(
                read_rows(
                    self, X, accept_sparse="csr", ensure_min_samples=2, reset=True
                )
            )
            weight = check_weight(sample_weight, X)
            weight = np.ones(len(X)) if weight is None else weight
            n_rows = np.count_nonzero(weight) + len(X)
            with reported_rows(self, X, y, n_rows) as report:
                self._fit_components(X, weight, report)
                self._set_places(X, weight, report)
        return self

    def _fit_components(self, X, weight, report):
        """Set the eigenvalues, and what places rows."""
        rng = random_generator(self.random_state)
        self._held = held = np.flatnonzero(weight)
        self._set_gamma(X[held], weight[held])
        self._shift = 0.0
        if self.kernel in TRANSLATED:
            # About the first row, so that the mean has digits.
            origin = X[held[0]].astype(np.float64)
            share = weight[held] / weight[held].sum()
            self._shift = origin + share @ (X[held] - origin)
        self.landmarks_ = self._draw_landmarks(held, weight, rng)
        self.X_fit_ = None
        if not self._is_precomputed():
            used = held if self.landmarks_ is None else self.landmarks_
            self.X_fit_ = X if len(used) == len(X) else X[used]
            if self.copy_X and self.X_fit_ is X:
                self.X_fit_ = X.copy()
            K = self._values(self.X_fit_)
        elif len(X) != X.shape[1]:
            raise ValueError(
                "X with kernel='precomputed' must hold the kernel values of all rows "
                f"with each other, as a square matrix; got shape {X.shape}."
            )
        else:
            K = X[np.ix_(held, held)].astype(np.float64)
        n_pairs = len(K)
        if self.n_components is not None:
            n_pairs = min(self._resolve_n_components(X[held]), n_pairs)
        solver = {"solver": self.eigen_solver, "rng": rng, "tol": self.tol}
        solver |= {"max_iter": self.max_iter, "iterated_power": self.iterated_power}
        if self.landmarks_ is None:
            self._diagonal = np.diagonal(K).copy()
            found = exact_components(K, weight[held], n_pairs, **solver)
        else:
            found = landmark_components(
                K,
                lambda rows: self._values(X[held[rows]]),
                kernel_diagonal(self._centered(X[held]), self.kernel, self._params()),
                weight[held],
                n_pairs,
                report,
                **solver,
            )
        self._set_components(found)

    def _set_components(self, found):
        """Keep the components that are asked for."""
        keep = np.ones(len(found.values), dtype=bool)
        if self.remove_zero_eig or self.n_components is None:
            keep = found.values > 0
        self.n_components_ = int(keep.sum())
        self.eigenvalues_ = found.values[keep]
        total = found.total
        self.explained_variance_ratio_ = (
            self.eigenvalues_ / total if total > 0 else np.zeros(self.n_components_)
        )
        self._feature_mean = found.center
        self._mean, self._projection = found.mean, found.projection[:, keep]
        self.eigenvectors_ = None if found.vectors is None else found.vectors[:, keep]
        none = np.count_nonzero(self.eigenvalues_ == 0)
        if none:
            warn(
                f"n_components={self.n_components} is more than the "
                f"{self.n_components_ - none} eigenvalues that are not zero. Of the "
                f"{self.n_components_} components the others are 0.",
                RankDeficientWarning,
            )

    def _set_places(self, X, weight, report):
        """Place the rows, and keep what the other methods need."""
        held = self._held
        if self.eigenvectors_ is None:
            Z = self._by_kernel(X, report)[0]
            scale = np.zeros(self.n_components_)
            positive = self.eigenvalues_ > 0
            scale[positive] = 1 / np.sqrt(self.eigenvalues_[positive])
            self.eigenvectors_ = np.sqrt(weight[held])[:, None] * Z[held] * scale
        else:
            Z = np.empty((len(X), self.n_components_))
            Z[held] = self.eigenvectors_ * np.sqrt(self.eigenvalues_)
            Z[held] /= np.sqrt(weight[held])[:, None]
            others = np.flatnonzero(weight == 0)
            if len(others):
                Z[others] = self._by_kernel(X[others])[0]
        signs = signs_of(Z[held])
        self._projection, Z = self._projection * signs, Z * signs
        self.eigenvectors_ = self.eigenvectors_ * signs
        if not self._is_precomputed():  # equal rows have one place, to the last bit
            Z[held] = Z[held][find_seen(X[held], X[held])]
        Z = Z.astype(X.dtype, copy=False)
        self._keep(X[held], _padded(Z[held]), weight[held])
        self.embedding_ = Z
        for name in ("dual_coef_", "X_transformed_fit_"):
            vars(self).pop(name, None)  # of another fit
        if self.fit_inverse_transform:
            used = held if self.landmarks_ is None else self.landmarks_
            self._fit_ridge(Z[used], X[used], weight[used])

    def _fit_ridge(self, Z, X, weight):
        """Regress rows on their places, by kernel ridge regression."""
        Z, X = Z.astype(np.float64), X.astype(np.float64)
        self._ridge_mean, self._ridge_gamma, alpha = 0.0, None, self.alpha
        if alpha == "loo":
            self._ridge_mean = weight @ X / weight.sum()
            X = X - self._ridge_mean
            # Equal rows are left out together.
            first, inverse, _ = unique_rows(X)
            count = np.bincount(inverse, weights=weight)
            chosen = choose_ridge(_padded(Z)[first], X[first], count)
            _, self._ridge_gamma, alpha = chosen
        K = self._kernel_of_places(Z, Z)
        self.dual_coef_ = ridge_coefficients(K, X, weight, alpha)
        self.X_transformed_fit_ = Z

    def _kernel_of_places(self, Z, rows):
        if self._ridge_gamma is None:
            return kernel_values(Z, rows, self.kernel, self._params())
        return kernel_values(Z, rows, "rbf", {"gamma": self._ridge_gamma})

    def _set_gamma(self, X, weight):
        """Set the coefficient of the kernel, by a rule or as given."""
        rule = self.gamma
        if isinstance(rule, str) and self.kernel != "rbf":
            rule = None
        if rule is None:
            self.gamma_ = 1.0 / X.shape[1]
        elif rule == "median":
            self.gamma_ = median_gamma(X, weight)
        elif rule == "loo":
            q = self.n_components if isinstance(self.n_components, Integral) else 10
            first, inverse, _ = unique_rows(X)
            count = np.bincount(inverse, weights=weight)
            self.gamma_ = choose_gamma(X[first], count, int(q))
        else:
            self.gamma_ = float(rule)

    def _draw_landmarks(self, held, weight, rng):
        """Return landmarks among the rows, or None if all are used."""
        m = self.n_landmarks
        if m == "auto":
            m = N_LANDMARKS if len(held) > MANY_ROWS else None
        if m is None or m >= len(held) or self._is_precomputed():
            return None
        share = weight[held] / weight[held].sum()
        return np.sort(rng.choice(held, m, replace=False, p=share))

    def _params(self):
        """Parameters of the kernel."""
        if callable(self.kernel):
            return self.kernel_params or {}
        return {"gamma": self.gamma_, "degree": self.degree, "coef0": self.coef0}

    def _centered(self, X):
        return X.astype(np.float64) - self._shift

    def _values(self, X):
        """Return the kernel values of rows with those that place others."""
        params = dict(self._params())
        if callable(self.kernel):
            params["n_jobs"] = self.n_jobs
        rows = self._centered(self.X_fit_)
        return kernel_values(self._centered(X), rows, self.kernel, params)

    def _by_kernel(self, X, report=None):
        """Return the places by kernel values, and the largest of these."""
        Z, largest = np.empty((len(X), self.n_components_)), np.empty(len(X))
        for rows in row_slices(len(X), BLOCK_ROWS):
            if self._is_precomputed():
                K = X[rows][:, self._held].astype(np.float64)
            else:
                K = self._values(X[rows])
            largest[rows] = K.max(axis=1)
            Z[rows] = (K - self._mean) @ self._projection
            if report is not None:
                report(len(K))
        return Z, largest

    def _validate_rows(self, X):
        check_is_fitted(self)
        return _dense(read_rows(self, X, accept_sparse="csr"))

    def _place(self, X):
        Z, largest = self._by_kernel(X)
        Z = Z.astype(X.dtype, copy=False)
        if not self._is_precomputed():
            seen = find_seen(self._fit_X, X)
            Z[seen >= 0] = self._places[seen[seen >= 0]][:, : self.n_components_]
        if self.kernel == "rbf":
            warn_of_far_rows(
                largest < NO_SIMILARITY, "where a row similar to none of them is"
            )
        return Z

    def _nearest(self, X, n_neighbors):
        if not self._is_precomputed():
            return super()._nearest(X, n_neighbors)
        # Squared distances but for k(x, x).
        K = X[:, self._held].astype(np.float64)
        squares = self._diagonal - 2 * K
        order = np.argsort(squares, axis=1, kind="stable")[:, :n_neighbors]
        nearest = np.take_along_axis(squares, order, axis=1)
        nearest = nearest - nearest[:, :1] + 1
        # A training row has its own kernel value with itself, and is at distance 0.
        first = order[:, 0]
        nearest[K[np.arange(len(K)), first] == self._diagonal[first], 0] = 0.0
        return nearest, order

    def _decode(self, Z):
        if self.fit_inverse_transform:
            K = self._kernel_of_places(Z.astype(np.float64), self.X_transformed_fit_)
            return (K @ self.dual_coef_ + self._ridge_mean).astype(Z.dtype)
        X = super()._decode(_padded(Z))
        if self.pre_image == "local":
            return X
        coefficients = Z @ self._projection.T + self._feature_mean
        rows, start = self._centered(self.X_fit_), self._centered(X)
        found = fixed_points(coefficients, rows, self.gamma_, start)
        return (found + self._shift).astype(Z.dtype)


def _dense(X):
    """Rows as an array."""
    return X.toarray() if issparse(X) else X


def _padded(Z):
    """Places with a column of zeros where there is no component."""
    return Z if Z.shape[1] else np.zeros((len(Z), 1), dtype=Z.dtype)
