"""Bandwidths by formula: rules of thumb, and the improved Sheather-Jones plug-in.

All functions take rows of positive weight; weights are counts of rows. The bandwidth h
is the unit in which the argument of the kernel is measured, along each feature.
"""

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning

from sklatent.utils._rounding import first_of_equal, rounding
from sklatent.utils._warnings import warn

# Where the quartiles lie.
QUARTILES = (0.25, 0.75)
# Cells of the histogram whose cosine transform the plug-in takes.
CELLS = 2**14
# Largest share of rows that coincide and have few others within reach of the kernel.
# With more of them the plug-in describes these values, not a density.
LARGEST_SHARE_ALONE = 0.05


def spreads(X, weight):
    """Standard deviation of each feature, about 1/n; no feature is constant.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,)
        Weight of each row.

    Returns
    -------
    sigma : ndarray of shape (n_features,)
        Standard deviations in units of the data.
    """
    difference = X - np.average(X, axis=0, weights=weight)
    largest = np.abs(difference).max(axis=0)
    difference /= largest  # so that no square overflows or underflows
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
        Weight of each row.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.
    rule : {"scott", "silverman"}
        Name of the rule.

    Returns
    -------
    width : ndarray of shape (n_features,)
        Bandwidth in units of the data.
    """
    quartile_range = 0.0
    if rule == "silverman" and X.shape[1] == 1:
        low, high = _quantiles(X[:, 0].astype(np.float64), weight, QUARTILES)
        tied = high - low <= rounding(X)[0]
        quartile_range = 0.0 if tied else high - low
    return rule_by_spread(weight.sum(), sigma, rule, quartile_range)


def rule_by_spread(n, sigma, rule, quartile_range):
    """Return what `rule_of_thumb` does, for n rows of that spread.

    Parameters
    ----------
    n : float
        Number of rows.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.
    rule : {"scott", "silverman"}
        Name of the rule.
    quartile_range : float
        Difference of the quartiles of one feature, 0 if they tie.

    Returns
    -------
    width : ndarray of shape (n_features,)
        Bandwidth in units of the data.
    """
    d = len(sigma)
    if rule == "scott":
        return sigma * n ** (-1 / (d + 4))
    if d > 1:
        return sigma * normal_reference(n, d)
    # Silverman (1986), eq. 3.31; quartiles that tie say nothing about the spread.
    robust = quartile_range / 1.34 if quartile_range > 0 else np.inf
    return 0.9 * np.minimum(sigma, robust) * n**-0.2


def _quantiles(x, weight, q):
    """Return the smallest numbers up to which there is a share q of the weight."""
    order = np.argsort(x)
    cumulative = np.cumsum(weight[order])
    # Rounding of the sums must not move a quantile that is at a step to the next row.
    steps = np.multiply(q, cumulative[-1]) * (1 - 1e-12)
    return x[order][np.searchsorted(cumulative, steps)]


def plug_in(rows, weight, sigma):
    """Bandwidth of the improved Sheather-Jones rule; Silverman's if it has none.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Rows, no two of them equal.
    weight : ndarray of shape (n_samples,)
        Number of rows that each one stands for.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.

    Returns
    -------
    width : ndarray of shape (1,)
        In units of the data, for a Gaussian kernel.
    """
    if rows.shape[1] != 1:
        raise ValueError(
            f"bandwidth='isj' needs X to have one feature; got {rows.shape[1]} "
            "features. Use 'loo' or 'silverman'."
        )
    width = improved_sheather_jones(rows[:, 0], weight)
    if width is not None:
        return np.array([width])
    warn(
        "The equation of bandwidth='isj' has no solution for X, or one that describes "
        f"rows that coincide ({len(rows)} distinct values in {weight.sum():g} rows); "
        "Silverman's rule is used.",
        ConvergenceWarning,
    )
    return rule_of_thumb(rows, weight, sigma, "silverman")


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
        Number of rows that each one stands for.

    Returns
    -------
    width : float or None
        Bandwidth in units of the data. None if there is no root, or if kernels of
        this width around rows that coincide reach few others: then the equation
        describes these values, not a density.
    """
    x, weight = _merged(x, weight)
    n, span = weight.sum(), np.ptp(x)
    # The interval is twice as wide as the data: the cosine transform mirrors the
    # density at its ends, and the image must not reach the data.
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
    # If rows coincide, the smaller roots take each value for a mode of its own.
    i = up[0] if len(x) >= n else up[-1]
    t = brentq(excess, grid[i], grid[i + 1], xtol=1e-18, rtol=1e-12)
    width = float(2 * span * np.sqrt(t))
    alone = _share_alone(x, weight, 3 * width)
    return width if alone < LARGEST_SHARE_ALONE else None


def _merged(x, weight):
    """Ascending numbers, with those merged that differ by rounding only."""
    order = np.argsort(x)
    x, weight = x[order], weight[order]
    first = first_of_equal(x)
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
        """Squared norm of the derivative of order s of the estimate at a time."""
        terms = np.exp(s * log_k2 - k2 * (np.pi**2 * time))
        # A sum, not a product: BLAS would wake its threads for one this short.
        return 2 * np.pi ** (2 * s) * (terms * power).sum()

    norm = squared_norm(7, t)
    for s in range(6, 1, -1):
        odd = np.prod(np.arange(1.0, 2 * s, 2)) / np.sqrt(2 * np.pi)
        factor = (1 + 0.5 ** (s + 0.5)) / 3
        time = (2 * factor * odd / (n * norm)) ** (2 / (3 + 2 * s))
        norm = squared_norm(s, time)
    return (2 * n * np.sqrt(np.pi) * norm) ** -0.4
