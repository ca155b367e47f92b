"""Density from the distance to the k-th nearest row.

The probability v of the ball up to the k-th of n rows has a Beta(k, n - k + 1)
distribution, whatever the density p. If p is constant within the ball, of volume
V_d r_k^d, then p = v / (V_d r_k^d). So

    log p + log V_d + d log r_k = log v,

which has mean psi(k) - psi(n + 1) and variance psi'(k) - psi'(n + 1). The mean of 1 / v
is n / (k - 1).
"""

import copy
from numbers import Integral, Real

import numpy as np
from scipy.special import gammaln, polygamma, psi
from sklearn.base import DensityMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklatent.base import ScoreMixin, SklatentEstimator
from sklatent.density.neighbors import _kstar
from sklatent.density.neighbors._balls import (
    Nearest,
    Sample,
    balls_within,
    find_balls,
)
from sklatent.utils._arrays import is_of_other_library, moved, numpy_dtype, to_numpy
from sklatent.utils._dask import is_dask
from sklatent.utils._iterations import reported_rows
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._progress import reported_rows_of_call
from sklatent.utils._rows import DaskRows
from sklatent.utils._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from sklatent.utils._tables import read_rows
from sklatent.utils._training_blocks import TrainingBlocks
from sklatent.utils._warnings import warn


class KNeighborsDensity(
    CallbackSupportMixin, ScoreMixin, DensityMixin, SklatentEstimator
):
    """Density estimation from the distance to the k-th nearest neighbor, with errors.

    The log-density is log p(x) = psi(k) - psi(n + 1) - log V_d - d log r_k(x), with r_k
    the distance to the k-th nearest of n rows, V_d the volume of the unit ball in d
    dimensions and psi the digamma function. It is unbiased if the density is constant
    up to the k-th neighbor [1]_ [2]_. The density does not integrate to 1, since it
    decreases only as r^-d far from the data; so there is no `sample`.

    A row of the training data is left out when it is scored, in `fit` and in
    `score_samples`: it gets the density of a model fitted to the n - 1 other rows. So
    `score` on the training data is a leave-one-out estimate.

    Parameters
    ----------
    n_neighbors : int, "auto" or "kstar", default=5
        Number of neighbors, k. If there are fewer other rows, all of them are used,
        with a warning.

        - "auto": the k up to `max_neighbors` with the largest leave-one-out likelihood
          of the training rows, computed with (k - 1) / n, for which the density is
          unbiased. In few dimensions long tails make k large.
        - "kstar": for each row the largest k from 3 to `max_neighbors` up to which
          likelihood-ratio tests find no difference between the density around the row
          and around its (k + 1)-th neighbor [3]_.
    dimension : float or estimator, default=None
        Number of dimensions, d, for rows on a manifold of fewer dimensions than
        features. The density is then per volume of the manifold. An estimator with
        `fit` and `dimension_`, such as :class:`sklatent.dimension.TwoNN`, is fitted to
        the data first. None takes the number of features.
    unbiased : {"log_density", "density"}, default="log_density"
        The quantity that is unbiased. "log_density" is the formula above. "density" has
        (k - 1) / n in place of exp(psi(k) - psi(n + 1)), for k of 2 or more [4]_. None
        has k / n, with which neither is unbiased.
    max_neighbors : int, default=100
        Largest k that "auto" and "kstar" consider.
    alpha : float, default=1e-06
        Significance level of each test of "kstar".
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration and
        the time left, and one at the end, as :class:`~sklatent.callback.ProgressLog`
        does, and so does `score_samples`. With 0 they print nothing. An iteration is a
        block of rows whose neighbors are searched for.

    Attributes
    ----------
    n_neighbors_ : int or ndarray of shape (n_samples,)
        Number of neighbors, k; with "kstar" one for each training row.
    dimension_ : float
        Number of dimensions, d.
    log_density_ : ndarray of shape (n_samples,)
        Log-density at each training row, computed from the other rows, in nats. It
        equals `score_samples` of the training data. Not set for a Dask collection.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    HistogramDensity : Normalized density that is constant within the cells of a grid.
    KernelDensity : Normalized density with one bandwidth, unless `adaptive`.
    sklatent.dimension.TwoNN : Estimator of the intrinsic dimension.
    sklearn.neighbors.NearestNeighbors : Nearest neighbors and their distances.

    Notes
    -----
    If k or more other rows equal x, r_k would be 0, and k is increased at x up to the
    first neighbor at a positive distance. With "kstar" the estimator stores the
    distances from each training row to `max_neighbors` neighbors.

    A density that is fitted to a Dask collection keeps the collection, not its rows,
    which each call of `score_samples` reads again; see :ref:`scale`. Then `n_neighbors`
    is a number.

    The mean of `log_density_` with the default `unbiased` is minus the entropy estimate
    of Kozachenko and Leonenko [2]_.

    References
    ----------
    .. [1] D. O. Loftsgaarden and C. P. Quesenberry (1965). A nonparametric estimate of
       a multivariate density function. Annals of Mathematical Statistics 36, 1049-1051.
    .. [2] A. Kraskov, H. Stoegbauer and P. Grassberger (2004). Estimating mutual
       information. Physical Review E 69, 066138. Equation 20.
    .. [3] A. Rodriguez, M. d'Errico, E. Facco and A. Laio (2018). Computing the free
       energy without collective variables. Journal of Chemical Theory and Computation
       14, 1206-1215.
    .. [4] K. Fukunaga and L. D. Hostetler (1973). Optimization of k nearest neighbor
       density estimates. IEEE Transactions on Information Theory 19, 320-326.

    Examples
    --------
    Rows on a torus of dimension 2 have a density of 1 / (2 pi)^2, or -3.68 nats:

    >>> from sklatent.datasets import make_flat_torus
    >>> from sklatent.density import KNeighborsDensity
    >>> X, _ = make_flat_torus(1000, dimension=2, random_state=0)
    >>> density = KNeighborsDensity(30, dimension=2).fit(X)
    >>> log_p, std = density.score_samples([[1, 0, 0, 1]], return_std=True)
    >>> log_p.round(2), std.round(2)
    (array([-3.63]), array([0.18]))
    """

    _parameter_constraints = {
        "n_neighbors": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto", "kstar"}),
        ],
        "dimension": [
            Interval(Real, 0, None, closed="neither"),
            HasMethods(["fit", "get_params"]),
            None,
        ],
        "unbiased": [StrOptions({"log_density", "density"}), None],
        "max_neighbors": [Interval(Integral, 3, None, closed="left")],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    @property
    def _on_device(self):
        """What searches for neighbors among rows in memory."""
        if self._training_blocks is not None:
            return frozenset({"fit"})
        return frozenset({"fit", "score", "score_samples"})

    def __init__(
        self,
        n_neighbors=5,
        *,
        dimension=None,
        unbiased="log_density",
        max_neighbors=100,
        alpha=1e-6,
        n_jobs=None,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.dimension = dimension
        self.unbiased = unbiased
        self.max_neighbors = max_neighbors
        self.alpha = alpha
        self.n_jobs = n_jobs
        self.verbose = verbose

    # Of a Dask collection; what has been found of the next queries in it.
    _training_blocks = _nearest = None

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Estimate the density at each row from the other rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data, with two or more distinct rows.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are too few rows, all rows are equal, `dimension` is not a positive
            number, or `n_neighbors` is 1 with `unbiased="density"`.
        TypeError
            If `X` is a Dask collection, and `n_neighbors` is no number.

        Warns
        -----
        UserWarning
            If `n_neighbors` exceeds the number of other rows; all of them are used.
        ConvergenceWarning
            If "auto" chooses `max_neighbors`, and there are more neighbors.
        RepeatedReadingWarning
            If `X` is a Dask collection that is not in memory.

        Examples
        --------
        Minus the mean log-density is an estimate of the entropy, which is 1.42 nats for
        the standard normal distribution:

        >>> import numpy as np
        >>> from sklatent.density import KNeighborsDensity
        >>> X = np.random.RandomState(0).standard_normal((1000, 1))
        >>> density = KNeighborsDensity(n_neighbors=10).fit(X)
        >>> float(-density.log_density_.mean().round(1))
        1.4

        "kstar" uses more neighbors where the density changes less:

        >>> density = KNeighborsDensity(n_neighbors="kstar").fit(X)
        >>> int(density.n_neighbors_.min()), int(density.n_neighbors_.max())
        (24, 100)
        """
        with self._unchanged_on_error():
            if is_dask(X):
                return self._fit_blocks(X)
            self._training_blocks = None
            given = read_rows(self, X, reset=True)
            X = to_numpy(given)
            self._sizes = self._candidates(len(X))
            first, inverse, counts = unique_rows(X)
            _check_distinct(len(first) > 1, len(X))
            # Coinciding rows are searched once, and counted.
            self._sample = Sample(X[first], counts, len(X))
            self.dimension_ = self._resolve_dimension(given)
            queries = None
            if is_of_other_library(given):  # a search on the device
                queries = moved(self._sample.rows, given)
            with reported_rows(self, X, y, len(first)) as report:
                balls = find_balls(
                    self._sample, self._sizes, queries, self.n_jobs, report
                )
            if self.n_neighbors == "kstar":
                # The tests compare balls around queries with these.
                self._sample_log_radius = balls.log_radius
            if self.n_neighbors == "auto":
                best = self._most_likely(balls)
                self._sizes = self._sizes[[best]]
                balls = balls.column(best)
            else:
                balls = self._choose(balls)
            if self.n_neighbors == "kstar":
                self.n_neighbors_ = balls.k[inverse]
            else:
                self.n_neighbors_ = int(self._sizes[0])
            self.log_density_ = self._log_density(balls)[inverse].astype(X.dtype)
        return self

    def _fit_blocks(self, X):
        """Choose the size of the balls, and keep the Dask collection."""
        rows = DaskRows(self, X, None, False, 1)
        if isinstance(self.n_neighbors, str):
            rows.require_array(
                f"n_neighbors={self.n_neighbors!r}",
                "choose a number, such as the n_neighbors_ of a sample of the rows",
            )
        n = rows.overview.n_rows
        self._sizes = self._candidates(n)
        _check_distinct(np.isnan(rows.constants).any(), n)
        self._sample = Sample(None, None, n)
        self.dimension_ = self._resolve_dimension(X)
        self.n_neighbors_ = int(self._sizes[0])
        vars(self).pop("log_density_", None)
        self._training_blocks = TrainingBlocks(rows, Nearest.merge, self)
        return self

    def _found_in(self, block, weight, X):
        """The nearest of a block of the training rows."""
        first, _, counts = unique_rows(block)
        sample = Sample(block[first], counts, len(block))
        k, queries = self.n_neighbors_, read_rows(self, X)
        return Nearest.of(sample, k, queries, self.n_jobs).wider(k + 1)

    def _told(self, found):
        """Copy of this density that knows the rows nearest to its next queries."""
        model = copy.copy(self)
        model._nearest = found
        return model

    def _candidates(self, n):
        """Sizes of neighborhoods to consider, for n rows."""
        k = self.n_neighbors
        if k == "kstar":  # the tests need the (k + 1)-th neighbor too
            n_needed = _kstar.SMALLEST + 2
            sizes = np.arange(1, min(self.max_neighbors, n - 2) + 2)
        elif k == "auto":
            n_needed = 3
            sizes = np.arange(2, min(self.max_neighbors, n - 1) + 1)
        else:
            n_needed = 3 if self.unbiased == "density" else 2
            sizes = np.array([min(k, n - 1)])
        if self.unbiased == "density" and k == 1:
            raise ValueError(
                "n_neighbors must be 2 or more with unbiased='density'; got 1."
            )
        if n < n_needed:
            raise ValueError(
                f"n_neighbors={k!r} needs n_samples >= {n_needed}, since no row is its "
                f"own neighbor; got n_samples={n}."
            )
        if not isinstance(k, str) and k >= n:
            warn(
                f"n_neighbors={k} is more than the number of other rows "
                f"(n_samples={n}), so all {n - 1} are used."
            )
        return sizes

    def _resolve_dimension(self, X):
        """Return the dimension as a float, asking an estimator for it."""
        dimension = self.dimension
        if dimension is None:
            dimension = X.shape[1]
        elif not isinstance(dimension, Real):
            dimension = getattr(clone(dimension).fit(X), "dimension_", None)
        if not isinstance(dimension, Real) or not 0 < dimension < np.inf:
            raise ValueError(
                "dimension must be a positive number or an estimator whose fitted "
                f"dimension_ is one; got {self.dimension!r} with "
                f"dimension_={dimension}."
            )
        return float(dimension)

    def _most_likely(self, balls):
        """Return the column of the size with the largest leave-one-out likelihood.

        It is that of (k - 1) / n, whatever `unbiased` is. On average this is the
        density, which integrates to 1, so its likelihoods compare; k / n is larger than
        the density by a factor that favors few neighbors.
        """
        gain = np.log(balls.k - 1) - self.dimension_ * balls.log_radius
        best = int(np.argmax(self._sample.counts @ gain))
        if self._sizes[best] == self.max_neighbors < self._sample.n_rows - 1:
            warn(
                "The likelihood of n_neighbors='auto' is largest at the last "
                f"candidate, max_neighbors={self.max_neighbors}; give a larger one.",
                ConvergenceWarning,
            )
        return best

    def _choose(self, balls):
        """Return the one ball that is used for each query."""
        if self.n_neighbors != "kstar":
            return balls.column(0)
        index = _kstar.choose_k(
            balls,
            self._sample_log_radius,
            self._sample.counts,
            self.dimension_,
            self.alpha,
        )
        return balls.column(index)

    def _log_density(self, balls):
        """Log-density in the balls, by `unbiased`."""
        # A query of the sample was left out, which leaves one row less.
        k, n = balls.k, self._sample.n_rows - balls.seen
        if self.unbiased == "log_density":
            log_share = psi(k) - psi(n + 1)
        else:
            log_share = np.log(k - (self.unbiased == "density")) - np.log(n)
        d = self.dimension_
        return log_share - log_unit_ball(d) - d * balls.log_radius

    def score_samples(self, X, return_std=False):
        """Compute the log-density of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data. If a row equals a training row, one copy of that training row is
            left out, as with `leave_one_out=True` of
            :meth:`KernelDensity.score_samples`.
        return_std : bool, default=False
            Whether to return the standard error too.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            Natural logarithm of the density, in the units and the precision of the
            data.
        std : ndarray of shape (n_samples,)
            Standard error of the log-density in nats, sqrt(psi'(k) - psi'(n + 1)), or
            about 1 / sqrt(k). An interval for the density is from
            exp(log_density - 2 std) to exp(log_density + 2 std). The error is that of
            counting rows. It does not include changes of the density within the ball,
            nor the error of an estimated dimension. Only if `return_std`.

        Examples
        --------
        More neighbors give smaller error bars. Training rows are left out when they are
        scored:

        >>> import numpy as np
        >>> from sklatent.density import KNeighborsDensity
        >>> X = np.random.RandomState(0).uniform(size=(1000, 2))
        >>> density = KNeighborsDensity(n_neighbors=100).fit(X)
        >>> log_p, std = density.score_samples([[0.5, 0.5]], return_std=True)
        >>> bool(abs(log_p[0]) < 2 * std[0]), std.round(1)  # the density is 1
        (True, array([0.1]))
        >>> bool((density.score_samples(X) == density.log_density_).all())
        True
        """
        check_is_fitted(self)
        if self._training_blocks is not None:
            return self._training_blocks.told(X).score_samples(X, return_std)
        X = read_rows(self, X)
        if self._nearest is not None:
            balls = balls_within(self._nearest, self._sizes)
        else:
            name = f"{type(self).__name__}.score_samples"
            with reported_rows_of_call(name, X.shape[0], self.verbose) as report:
                balls = find_balls(self._sample, self._sizes, X, self.n_jobs, report)
        balls = self._choose(balls)
        dtype = numpy_dtype(X)
        log_density = self._log_density(balls).astype(dtype)
        if not return_std:
            return moved(log_density, X)
        n = self._sample.n_rows - balls.seen
        variance = polygamma(1, balls.k) - polygamma(1, n + 1)
        return moved((log_density, np.sqrt(variance).astype(dtype)), X)


def _check_distinct(distinct, n_samples):
    """Raise if rows are all equal."""
    if not distinct:
        raise ValueError(
            f"X must have distinct rows; got n_samples={n_samples}, all equal, which "
            "have no density."
        )


def log_unit_ball(d):
    """Log of the volume of the unit ball in d dimensions."""
    return d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)
