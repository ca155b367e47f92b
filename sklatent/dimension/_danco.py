"""Dimension from the concentration of distances and angles.

Ceruti et al. (2014), DANCo: an intrinsic dimensionality estimator exploiting angle and
norm concentration, Pattern Recognition 47. What distances and angles between neighbors
are like in d dimensions is found by simulation: it is biased for the data just as for
the simulated points.
"""

import functools
from numbers import Integral

import numpy as np
from scipy.optimize import minimize_scalar

from sklatent.dimension._base import (
    NeighborEstimator,
    available_neighbors,
    check_ties,
)
from sklatent.dimension._metrics import varying_columns
from sklatent.dimension._norms_and_angles import Statistics, divergence, statistics
from sklatent.utils._iterations import reported_fit
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._sklearn import Interval, _fit_context

# Samples whose mean statistics stand for a dimension, and further ones whose
# estimates show the error.
N_MEAN, N_SPREAD = 4, 20


class DANCo(NeighborEstimator):
    """Dimension from the concentration of distances and angles of neighbors.

    In high dimension, all neighbors are at about the same distance, and at right angles
    to each other. The distances and the angles of the data are compared with those of
    as many points on spheres of each dimension; the dimension with the smallest
    divergence is the estimate. This cancels the small-sample bias that other estimators
    suffer from in high dimension.

    Parameters
    ----------
    n_neighbors : int, default=10
        How many neighbors of each row, itself not counted, have their angles taken;
        at least 3. One more gives the scale of the distances. Where there are fewer
        other rows, all of them are used.
    max_dimension : int, default=None
        Largest dimension to be found; the number of features that vary if None.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would, -1 all processors.
    confidence_level : float, default=0.95
        Probability that the confidence interval covers the dimension.
    verbose : int, default=0
        With 1 or more, `fit` prints a line every few seconds, with the iteration, its
        loss and the time left, and two lines at the end, as
        :class:`~sklatent.callback.ProgressLog` does. With 0 it prints nothing.
        Iterations are the dimensions that are tried, with the divergence as loss, and
        then the spheres for the error bar.

    Attributes
    ----------
    dimension_ : float
        The dimension, not more than `max_dimension`. Between whole dimensions the
        statistics of the spheres are interpolated.
    dimension_std_ : float
        Standard error of `dimension_`: the standard deviation of the estimates of 20
        samples of the sphere of this dimension, and the error of the simulation. It
        does not include effects of curvature, boundaries, uneven density or noise.
    confidence_interval_ : ndarray of shape (2,)
        Lower and upper end, symmetric around the logarithm of the dimension. It may
        reach beyond `max_dimension`.
    norm_dimension_ : float
        Maximum likelihood estimate from the distances only, not compared with spheres.
    angle_mean_ : float
        Mean angle between two neighbors, in radians: nu.
    angle_concentration_ : float
        Concentration of these angles, as of a von Mises distribution: tau.
    divergence_ : float
        Kullback-Leibler divergence of the best sphere from the data, in nats.
    n_neighbors_ : int
        How many neighbors had their angles taken: `n_neighbors`, unless there are too
        few distinct rows.
    n_duplicates_ : int
        Number of rows that repeat others and were left out.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features seen during `fit`, if all of them are strings.

    See Also
    --------
    TwoNN : From two distances: faster, and without simulation.

    Notes
    -----
    For k = `n_neighbors` the steps are [1]_

    1. rho_i = r_1 / r_{k+1}, the nearest over the farthest distance of row i, with
       the density k d rho^(d-1) (1 - rho^d)^(k-1); maximum likelihood gives
       `norm_dimension_` [2]_.
    2. The k (k - 1) / 2 angles between neighbors of row i, as a von Mises sample:
       its direction nu_i and resultant length; their means over i give nu and tau.
       The paper averages tau_i, which at the ends of a curve grows without bound.
    3. The same for points that are uniform on the unit sphere of dimension d, until
       the divergence from the data to these points, the sum of those of the
       densities of rho and of the angles, is smallest.

    Spheres are simulated with a fixed seed and the number of rows rounded to two
    digits, four times for each dimension; their statistics are remembered as long as
    Python runs, so that the first fit takes longer. Only those dimensions are looked
    at that lead downhill from `norm_dimension_`: the smallest of all if there is one
    minimum.

    Unlike spheres, cubes and balls of many dimensions have most points next to their
    boundary, and are still underestimated: for 2500 points a cube of 20 dimensions
    has 18.6.

    Neighbors have to be independent, which rows that are consecutive in time are not:
    they tell how fast a series moves. Thin it, as in ``X[::20]``, until consecutive
    rows are farther apart than neighbors from other times.

    References
    ----------
    .. [1] C. Ceruti et al. (2014). DANCo: an intrinsic dimensionality estimator
       exploiting angle and norm concentration. Pattern Recognition 47, 2569-2581.
    .. [2] A. Rozza, G. Lombardi, C. Ceruti, E. Casiraghi and P. Campadelli (2012).
       Novel high intrinsic dimensionality estimators. Machine Learning 89, 37-65.

    Examples
    --------
    >>> from sklatent.datasets import make_hypersphere
    >>> from sklatent.dimension import DANCo
    >>> X, _ = make_hypersphere(500, dimension=12, n_features=20, random_state=0)
    >>> round(DANCo().fit(X).dimension_)
    12
    """

    metric = "euclidean"

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 3, None, closed="left")],
        "max_dimension": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": NeighborEstimator._parameter_constraints["n_jobs"],
        "confidence_level": NeighborEstimator._parameter_constraints[
            "confidence_level"
        ],
        "verbose": NeighborEstimator._parameter_constraints["verbose"],
    }

    def __init__(
        self,
        n_neighbors=10,
        *,
        max_dimension=None,
        n_jobs=None,
        confidence_level=0.95,
        verbose=0,
    ):
        self.n_neighbors = n_neighbors
        self.max_dimension = max_dimension
        self.n_jobs = n_jobs
        self.confidence_level = confidence_level
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Compare distances and angles with those on spheres.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are less than five distinct rows, or if the two nearest
            neighbors of most rows are equally far, as on a grid.

        Warns
        -----
        DuplicateRowsWarning
            If rows repeat others.
        FewRowsWarning
            If there are less than `n_neighbors` + 2 distinct rows.
        DiscreteDataWarning
            If more than 1 % of the rows have two nearest neighbors at one distance.

        Examples
        --------
        The distances by themselves underestimate high dimensions, and the comparison
        does not:

        >>> from sklatent.datasets import make_hypersphere
        >>> from sklatent.dimension import DANCo
        >>> X, _ = make_hypersphere(500, dimension=12, n_features=20, random_state=1)
        >>> danco = DANCo().fit(X)
        >>> round(danco.norm_dimension_, 1), round(danco.dimension_, 1)
        (10.5, 12.4)
        >>> danco.confidence_interval_.round(1)
        array([11.8, 12.9])
        """
        with self._unchanged_on_error():
            n_distinct = self._fit_rows(X, n_needed=5)
            k = self.n_neighbors_ = available_neighbors(
                "n_neighbors", self.n_neighbors, n_distinct - 2, n_distinct
            )
            neighbors = self._find_neighbors(k + 1)
            check_ties(X, neighbors.log_ratios()[1])
            rows = self._rows.astype(np.float64)
            self._forget_rows()
            observed = statistics(rows, neighbors.log_distances, neighbors.indices)
            n = max(int(float(f"{n_distinct:.2g}")), k + 2)
            most = self.max_dimension or max(len(varying_columns(rows)), 1)
            # How many dimensions will be tried is not known beforehand.
            with reported_fit(self, X, y, None) as fit:
                log_dimension, log_std = self._compare(observed, n, most, fit)
            self.norm_dimension_ = float(np.exp(observed.log_d))
            self.angle_mean_ = float(observed.nu)
            self.angle_concentration_ = float(np.exp(observed.log_tau))
            self._set_dimension(min(np.exp(log_dimension), most), log_std)
        return self

    def _compare(self, observed, n, most, fit):
        """Logarithm of the dimension of the best spheres of n rows, and its error."""
        k = self.n_neighbors_
        mean_of = functools.partial(_sphere_mean, n, k, n_jobs=self.n_jobs)
        dimensions = fit.iterations("dimension", dict)

        @functools.cache
        def misfit(d):
            dimensions.begin()
            value = divergence(observed, mean_of(d), k)
            dimensions.end(value)
            return value

        start = min(max(round(np.exp(observed.log_d)), 1), most)
        near = _downhill(misfit, start, most)
        log_dimension, self.divergence_ = _between(observed, mean_of, k, near)
        spheres, spread = fit.iterations("sphere", dict), []
        for seed in range(N_SPREAD):
            spheres.begin()
            draw = _sphere(n, k, near, N_MEAN + seed, n_jobs=self.n_jobs)
            spread.append(_between(draw, mean_of, k, near)[0])
            spheres.end(self.divergence_)
        return log_dimension, np.std(spread, ddof=1) * np.sqrt(1 + 1 / N_MEAN)


@functools.cache
def _sphere(n, k, d, seed, *, n_jobs=None):
    """Statistics of n points that are uniform on the unit sphere of dimension d.

    With one seed, spheres of more dimensions have the same coordinates and further
    ones, so that they differ by their dimension rather than by chance.
    """
    X = np.random.RandomState(seed).standard_normal((d + 1, n)).T
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    distances, indices = k_nearest(X, k + 2, n_jobs=n_jobs)
    return statistics(X, np.log(distances[:, 1:]), indices[:, 1:])


@functools.cache
def _sphere_mean(n, k, d, *, n_jobs=None):
    """Mean statistics of spheres of dimension d."""
    draws = [_sphere(n, k, d, seed, n_jobs=n_jobs) for seed in range(N_MEAN)]
    return Statistics(*np.mean(draws, axis=0))


def _downhill(f, start, stop):
    """Whole number from 1 to `stop` whose neighbors have no smaller `f`.

    Steps double while they lead down, and halve where they do not.
    """
    best, step = start, 1
    while step:
        others = [i for i in (best - step, best + step) if 1 <= i <= stop]
        lower = min(others, key=f, default=best)
        if f(lower) < f(best):
            best, step = lower, 2 * step
        else:
            step //= 2
    return best


def _between(observed, mean_of, k, near):
    """Logarithm of the dimension next to a whole one, and its divergence.

    The statistics of spheres, `mean_of(d)`, are parabolas of log d through three of
    them.
    """
    nodes = np.arange(3) + max(near - 1, 1)
    values = np.array([mean_of(d) for d in nodes])
    curve = np.polyfit(np.log(nodes / near), values, 2)

    def misfit(x):
        return divergence(
            observed, Statistics(*(x * (x * curve[0] + curve[1]) + curve[2])), k
        )

    bounds = np.log([max(near - 1.5, 0.5) / near, (near + 1.5) / near])
    best = minimize_scalar(misfit, bounds=bounds, method="bounded")
    return float(np.log(near) + best.x), float(best.fun)
