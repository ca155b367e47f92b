"""Bandwidths from the data: rules of thumb, cross-validation, and a plug-in.

All take rows, of which no weight is 0; weights are counts of rows. The bandwidth h is
the unit in which the argument of the kernel is measured, along each feature.
"""

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

from sklatent.utils._leave_one_out import LeaveOneOut
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._warnings import warn

# Smallest and largest candidate, in units of the rule of thumb.
CANDIDATE_RANGE = (0.02, 8.0)
# Cells of the histogram whose cosine transform the plug-in takes.
CELLS = 2**14


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
        If a feature is constant.
    """
    constant = np.flatnonzero(np.ptp(X, axis=0) == 0)
    if len(constant):
        rows = "1 sample" if len(X) == 1 else f"{len(X)} samples"
        raise ValueError(
            f"{what} found relative to the spread of the data, and in {rows} feature "
            f"{constant[0]} has none; leave constant features out, or give the "
            "bandwidth as a number with whiten=False."
        )
    difference = X - np.average(X, axis=0, weights=weight)
    largest = np.abs(difference).max(axis=0)
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
    low, high = np.quantile(
        X[:, 0].astype(np.float64),
        [0.25, 0.75],
        weights=weight,
        method="inverted_cdf",
    )
    robust = (high - low) / 1.34 or np.inf
    return 0.9 * np.minimum(sigma, robust) * n**-0.2


def cross_validated(X, weight, sigma, kernel, candidates, criterion, n_jobs=None):
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
        See `sklatent.density._kernels`.
    candidates : int or ndarray of shape (n_candidates,)
        How many, in units of the spread of each feature, or the bandwidths.
    criterion : {"loo", "lscv"}
        Which score.
    n_jobs : int, default=None
        Number of threads.

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
    # Along features of their own units, or along all in the same.
    unit = sigma if np.ndim(candidates) == 0 else np.full(d, sigma.max())
    Z = (X - X.mean(axis=0)) / unit
    if np.ndim(candidates) == 0:
        factors = _grid(Z, weight, kernel, candidates, n_jobs)
        widths = factors[:, None] * unit
    else:
        widths = np.unique(candidates)
        factors = widths / unit[0]
    pairs = LeaveOneOut(Z, weight, n_jobs)
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


def _grid(Z, weight, kernel, k, n_jobs):
    """Even on a logarithmic scale, about the rule of thumb."""
    d = Z.shape[1]
    # What a kernel means by its bandwidth differs; its variance does not.
    unit = normal_reference(weight.sum(), d) / np.sqrt(kernel.variance(d))
    low, high = unit * np.array(CANDIDATE_RANGE)
    if kernel.degree is None:  # every row is to have a neighbour, well before the end
        distances, _ = k_nearest(Z, 2, n_jobs=n_jobs)
        high = max(high, 2 * distances[:, 1].max())
    return np.geomspace(low, high, k)


def _log_likelihoods(pairs, weight, kernel, factors, d):
    """Mean log-density of each row in the estimate from the others.

    Habbema, Hermans and van den Broek (1974); Duin (1976).
    """
    logs = pairs.log_sums(kernel, factors) - np.log(weight.sum() - weight)[:, None]
    scores = weight @ logs / weight.sum()
    return scores - kernel.log_mass(d) - d * np.log(factors)


def _squared_errors(pairs, weight, factors, d):
    """Return 2 mean p_(-i)(x_i) - int p^2, and numbers in the same order.

    Rudemo (1982); Bowman (1984). The integral of the product of two Gaussian kernels
    is one of twice the variance. In many dimensions both terms leave the range of
    numbers, and only their logarithms tell which candidate is best.
    """
    total = weight.sum()
    log_share = np.log(weight / total)[:, None]
    sums, wider = pairs.log_gaussian_sums(factors)
    left_out = logsumexp(log_share + sums - np.log(total - weight)[:, None], axis=0)
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
            "rows without a neighbour. Give larger candidates, or a kernel that is "
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
        Their weights.

    Returns
    -------
    width : float or None
        In units of the data; None if there is no root.
    """
    span = np.ptp(x)
    # As wide again, so that what is mirrored at the ends does not matter.
    u = 0.25 + 0.5 * ((x - x.min()) / span)
    cells = np.minimum((u * CELLS).astype(int), CELLS - 1)
    share = np.bincount(cells, weight / weight.sum(), minlength=CELLS)
    k2 = np.arange(1, CELLS) ** 2.0
    power = (0.5 * dct(share)[1:]) ** 2

    def excess(t):
        with np.errstate(all="ignore"):  # far from the root norms may vanish
            return t - _stages(t, k2, power, len(x))

    grid = np.geomspace(1e-9, 0.1, 100)
    signs = np.array([excess(t) > 0 for t in grid])
    up = np.flatnonzero(~signs[:-1] & signs[1:])
    if len(up) == 0:
        return None
    t = brentq(excess, grid[up[0]], grid[up[0] + 1], xtol=1e-18, rtol=1e-12)
    return float(2 * span * np.sqrt(t))


def _stages(t, k2, power, n):
    """Return xi gamma^[5](t) of Botev et al. (2010), five stages of plug-in."""

    def squared_norm(s, time):
        """Of the derivative of order s of the estimate at a time."""
        terms = np.exp(s * np.log(k2) - k2 * np.pi**2 * time)
        return 2 * np.pi ** (2 * s) * (terms @ power)

    norm = squared_norm(7, t)
    for s in range(6, 1, -1):
        odd = np.prod(np.arange(1.0, 2 * s, 2)) / np.sqrt(2 * np.pi)
        factor = (1 + 0.5 ** (s + 0.5)) / 3
        time = (2 * factor * odd / (n * norm)) ** (2 / (3 + 2 * s))
        norm = squared_norm(s, time)
    return (2 * n * np.sqrt(np.pi) * norm) ** -0.4
