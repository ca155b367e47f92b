"""Bandwidths from the data: rules of thumb, cross-validation, and a plug-in.

All take rows, of which no weight is 0; weights are counts of rows. The bandwidth h is
the unit in which the argument of the kernel is measured, along each feature.
"""

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

from sklatent.density.kernel._leave_one_out import LeaveOneOut
from sklatent.utils._rounding import rounding, rounding_up_to
from sklatent.utils._warnings import warn

# Smallest and largest candidate, in units of the rule of thumb.
CANDIDATE_RANGE = (0.02, 8.0)
# Cells of the histogram whose cosine transform the plug-in takes.
CELLS = 2**14
# Share of the rows from which on rows that coincide, and have few others within reach
# of the kernel, are what determines a plug-in.
LARGEST_SHARE_ALONE = 0.05
# Rows whose distances give the scale of a metric.
SCALE_ROWS = 500


def spreads(X, weight, what="A bandwidth is"):
    """Standard deviation of each feature, about 1/n.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,)
        Their weights.
    what : str, default="A bandwidth is"
        What is measured by them, for the error.

    Returns
    -------
    sigma : ndarray of shape (n_features,)
        In units of the data.

    Raises
    ------
    ValueError
        If a feature is constant, but for rounding.
    """
    mean = np.average(X, axis=0, weights=weight)
    difference = X - mean
    largest = np.abs(difference).max(axis=0)
    at_most = rounding_up_to(np.abs(mean) + largest, False, X.dtype)
    constant = np.flatnonzero(largest <= at_most)
    if len(constant):  # or whole numbers far out
        few = X[:, constant]
        constant = constant[np.ptp(few, axis=0) <= rounding(few)]
    if len(constant):
        rows = "1 sample" if len(X) == 1 else f"{len(X)} samples"
        raise ValueError(
            f"{what} found relative to the spread of the data, and in {rows} feature "
            f"{constant[0]} has none; leave constant features out, or give the "
            "bandwidth as a number with whiten=False."
        )
    difference /= largest
    return largest * np.sqrt(np.average(difference**2, axis=0, weights=weight))


def normal_reference(n, d):
    """Bandwidth that is best for a standard normal density and a Gaussian kernel.

    Silverman (1986), Density estimation for statistics and data analysis, eq. 4.14.
    """
    return (4 / ((d + 2) * n)) ** (1 / (d + 4))


def rule_of_thumb(X, weight, sigma, rule):
    """Scott's or Silverman's rule, for a Gaussian kernel.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,)
        Their weights.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.
    rule : {"scott", "silverman"}
        Which.

    Returns
    -------
    width : ndarray of shape (n_features,)
        In units of the data.
    """
    n, d = weight.sum(), X.shape[1]
    if rule == "scott":
        return sigma * n ** (-1 / (d + 4))
    if d > 1:
        return sigma * normal_reference(n, d)
    # Silverman (1986), eq. 3.31; quartiles that tie say nothing about the spread.
    low, high = _quantiles(X[:, 0].astype(np.float64), weight, [0.25, 0.75])
    tied = high - low <= rounding(X)[0]
    robust = np.inf if tied else (high - low) / 1.34
    return 0.9 * np.minimum(sigma, robust) * n**-0.2


def _quantiles(x, weight, q):
    """Return the smallest numbers up to which there are shares q of the weight."""
    order = np.argsort(x)
    cumulative = np.cumsum(weight[order])
    # Rounding of the sums must not move a quantile that is at a step to the next row.
    steps = np.multiply(q, cumulative[-1]) * (1 - 1e-12)
    return x[order][np.searchsorted(cumulative, steps)]


def cross_validated(
    X, weight, sigma, kernel, candidates, criterion, n_jobs=None, metric=None
):
    """Bandwidth of the best score, in one pass over the pairs of rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, no two of them equal.
    weight : ndarray of shape (n_samples,)
        Their weights.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.
    kernel : Kernel
        See `sklatent.density.kernel._radial`.
    candidates : int or ndarray of shape (n_candidates,)
        How many, in units of the spread of each feature, or the bandwidths.
    criterion : {"loo", "lscv"}
        Which score.
    n_jobs : int, default=None
        Number of threads.
    metric : DistanceMetric, default=None
        None is Euclidean. With another one `sigma` is not used.

    Returns
    -------
    width : float or ndarray of shape (n_features,)
        The best candidate.
    widths : ndarray of shape (n_candidates,) or (n_candidates, n_features)
        All of them, ascending.
    scores : ndarray of shape (n_candidates,)
        Their scores, larger is better.
    """
    if len(X) < 2:
        raise ValueError(
            f"bandwidth='{criterion}' leaves out one row at a time, and those that "
            "coincide with it, and needs two distinct rows; got 1 sample or several "
            "that are equal."
        )
    d = X.shape[1]
    if metric is not None:
        unit, Z, scale = np.ones(1), X, _scale(X, metric)
    else:  # along features of their own units, or along all in the same
        unit = sigma if np.ndim(candidates) == 0 else np.full(d, sigma.max())
        Z, scale = (X - X.mean(axis=0)) / unit, 1.0
    pairs = LeaveOneOut(Z, weight, n_jobs, metric)
    if np.ndim(candidates) == 0:
        factors = _grid(pairs, weight, kernel, candidates, d, scale)
        widths = factors[:, None] * unit if metric is None else factors
    else:
        widths = np.unique(candidates)
        factors = widths / unit[0]
    if criterion == "loo":
        scores = _log_likelihoods(pairs, weight, kernel, factors, d)
        scores -= np.log(unit).sum()
        best = int(np.argmax(scores))
        _check_finite(scores[best])
    else:
        scores, ranks = _squared_errors(pairs, weight, factors, d)
        best = int(np.argmax(ranks))
    _check_inside(criterion, best, widths)
    return widths[best], widths, scores


def _scale(X, metric):
    """Return the standard deviation of each feature of rows as far apart as these.

    The mean squared Euclidean distance of two rows is 2 d sigma^2.
    """
    some = X[:: -(-len(X) // SCALE_ROWS)]
    n, d = some.shape
    scale = np.sqrt((metric.pairwise(some) ** 2).sum() / (n * (n - 1)) / (2 * d))
    if scale == 0:
        raise ValueError(
            "bandwidth='loo' needs rows at a distance from each other, and by this "
            "metric they have none; give the bandwidth as a number."
        )
    return scale


def _grid(pairs, weight, kernel, k, d, scale):
    """Even on a logarithmic scale, about the rule of thumb."""
    # What a kernel means by its bandwidth differs; its variance does not.
    unit = scale * normal_reference(weight.sum(), d) / np.sqrt(kernel.variance(d))
    low, high = unit * np.array(CANDIDATE_RANGE)
    if kernel.degree is None:  # every row is to have a neighbor, well before the end
        high = max(high, 2 * pairs.nearest().max())
    return np.geomspace(low, high, k)


def _log_likelihoods(pairs, weight, kernel, factors, d):
    """Mean log-density of each row in the estimate from the others.

    Habbema, Hermans and van den Broek (1974); Duin (1976).
    """
    logs = pairs.log_sums(kernel, factors) - np.log(_sums_of_others(weight))[:, None]
    scores = weight @ logs / weight.sum()
    return scores - kernel.log_mass(d) - d * np.log(factors)


def _sums_of_others(weight):
    """Sum of all weights but one, which is not lost where that one is large."""
    before, after = np.zeros((2, len(weight)))
    before[1:] = np.cumsum(weight[:-1])
    after[:-1] = np.cumsum(weight[:0:-1])[::-1]
    return before + after


def _squared_errors(pairs, weight, factors, d):
    """Return 2 mean p_(-i)(x_i) - int p^2, and numbers in the same order.

    Rudemo (1982); Bowman (1984). The integral of the product of two Gaussian kernels
    is one of twice the variance. In many dimensions both terms leave the range of
    numbers, and only their logarithms tell which candidate is best.
    """
    total = weight.sum()
    log_share = np.log(weight / total)[:, None]
    sums, wider = pairs.log_gaussian_sums(factors)
    left_out = logsumexp(
        log_share + sums - np.log(_sums_of_others(weight))[:, None], axis=0
    )
    square = logsumexp(log_share + wider, axis=0) - np.log(total) - 0.5 * d * np.log(2)
    larger = np.maximum(left_out, square)
    difference = 2 * np.exp(left_out - larger) - np.exp(square - larger)
    with np.errstate(divide="ignore", over="ignore"):
        logs = larger + np.log(np.abs(difference))
        logs -= 0.5 * d * np.log(2 * np.pi) + d * np.log(factors)
        signs = np.sign(difference)
        return signs * np.exp(logs), signs * (1 + logs - logs[signs != 0].min())


def _check_finite(score):
    """Say so where no candidate will do."""
    if not np.isfinite(score):
        raise ValueError(
            "bandwidth='loo' found no candidate with a finite score: the kernel leaves "
            "rows without a neighbor. Give larger candidates, or a kernel that is "
            "positive everywhere."
        )


def _check_inside(criterion, best, widths):
    """Say so where the score has its maximum beyond the candidates, or none."""
    if 0 < best < len(widths) - 1 or len(widths) == 1:
        return
    if best == 0:
        end, advice = (
            "smallest",
            "It grows without bound as the bandwidth goes to 0 where all rows nearly "
            "coincide with others; round the rows so that these coincide, or give "
            "other candidates.",
        )
    else:
        end, advice = "largest", "Give larger ones."
    warn(
        f"The score of bandwidth='{criterion}' still rises at the {end} candidate, "
        f"{np.min(widths[best]):.3g}. {advice}",
        ConvergenceWarning,
    )


def improved_sheather_jones(x, weight):
    """Plug-in bandwidth in one dimension, for a Gaussian kernel.

    Botev, Grotowski and Kroese (2010), Kernel density estimation via diffusion, Annals
    of Statistics 38, algorithm 1: the root of t = xi gamma^[5](t), with the norms of
    derivatives from the cosine transform of a histogram.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        Numbers, no two of them equal.
    weight : ndarray of shape (n_samples,)
        How many rows each stands for.

    Returns
    -------
    width : float or None
        In units of the data; None if there is no root, or only one with which the
        kernels around rows that coincide reach few others: then the equation describes
        these values, not a density.
    """
    x, weight = _merged(x, weight)
    n, span = weight.sum(), np.ptp(x)
    # As wide again, so that what is mirrored at the ends does not matter.
    u = 0.25 + 0.5 * ((x - x.min()) / span)
    cells = np.minimum((u * CELLS).astype(int), CELLS - 1)
    share = np.bincount(cells, weight / n, minlength=CELLS)
    k2 = np.arange(1, CELLS) ** 2.0
    power = (0.5 * dct(share)[1:]) ** 2

    def excess(t):
        with np.errstate(all="ignore"):  # far from the root norms may vanish
            return t - _stages(t, k2, power, n)

    grid = np.geomspace(1e-9, 0.1, 100)
    signs = np.array([excess(t) > 0 for t in grid])
    up = np.flatnonzero(~signs[:-1] & signs[1:])
    if len(up) == 0:
        return None
    # Of rows that coincide, smaller roots see each value as a mode of its own.
    i = up[0] if len(x) >= n else up[-1]
    t = brentq(excess, grid[i], grid[i + 1], xtol=1e-18, rtol=1e-12)
    width = float(2 * span * np.sqrt(t))
    alone = _share_alone(x, weight, 3 * width)
    return width if alone < LARGEST_SHARE_ALONE else None


def _merged(x, weight):
    """Ascending numbers, with those that differ by rounding made one."""
    order = np.argsort(x)
    x, weight = x[order], weight[order]
    first = np.flatnonzero(np.diff(x, prepend=-np.inf) > rounding(x))
    return x[first].astype(np.float64), np.add.reduceat(weight, first)


def _share_alone(x, weight, reach):
    """Share of rows that coincide and outweigh the others within reach of them."""
    cumulative = np.append(0, np.cumsum(weight))
    low = cumulative[np.searchsorted(x, x - reach)]
    high = cumulative[np.searchsorted(x, x + reach, side="right")]
    alone = (weight > 1) & (weight > 0.5 * (high - low))
    return weight[alone].sum() / weight.sum()


def _stages(t, k2, power, n):
    """Return xi gamma^[5](t) of Botev et al. (2010), five stages of plug-in."""
    log_k2 = np.log(k2)

    def squared_norm(s, time):
        """Of the derivative of order s of the estimate at a time."""
        terms = np.exp(s * log_k2 - k2 * (np.pi**2 * time))
        # A sum, since BLAS would wake its threads for a product this short.
        return 2 * np.pi ** (2 * s) * (terms * power).sum()

    norm = squared_norm(7, t)
    for s in range(6, 1, -1):
        odd = np.prod(np.arange(1.0, 2 * s, 2)) / np.sqrt(2 * np.pi)
        factor = (1 + 0.5 ** (s + 0.5)) / 3
        time = (2 * factor * odd / (n * norm)) ** (2 / (3 + 2 * s))
        norm = squared_norm(s, time)
    return (2 * n * np.sqrt(np.pi) * norm) ** -0.4
