"""Estimates of the dimension as functions of distances to neighbors.

Around a point of a sample with d dimensions and an even density, the volumes of the
balls that reach its neighbors are the arrival times of a Poisson process. So with
t = log(r_n2 / r_n1), exp(-d t) has a beta distribution with parameters n1 and
n2 - n1; for neighboring n1 = n2 - 1, t is exponential with rate n1 d.

Each function returns the estimate d^, and what each point contributes to log d^ - log d
times the number of points, to first order (its influence). If the points were
independent, the variance of log d^ would be sum(influence^2) / n^2.
"""

import numpy as np
from scipy.special import digamma


def censored(t, discard_fraction):
    """Censor the largest ratios: all that stays known is that they are larger.

    Parameters
    ----------
    t : ndarray of shape (n,)
        Logarithms of ratios.
    discard_fraction : float
        Share to discard; the number of points that are kept is rounded down, and at
        least two.

    Returns
    -------
    kept : ndarray of bool of shape (n,)
        False for the ratios that are discarded.
    t : ndarray of shape (n,)
        The ratios, with the largest kept one in place of the discarded ones.
    """
    n_kept = max(int((1 - discard_fraction) * len(t)), 2)
    kept = np.zeros(len(t), dtype=bool)
    # By rank rather than by a threshold, so that ties do not keep more than n_kept.
    kept[np.argpartition(t, n_kept - 1)[:n_kept]] = True
    return kept, np.minimum(t, t[kept].max())


def pareto_mle(t, discard_fraction=0.0):
    """Maximum likelihood of exponential t = log(r_2 / r_1), the largest censored.

    With m kept, the total of the censored t has a gamma distribution with
    shape m and rate d, so that (m - 1) / total is unbiased.

    Parameters
    ----------
    t : ndarray of shape (n,)
        Logarithms of ratios.
    discard_fraction : float, default=0.0
        Share of the largest to censor.

    Returns
    -------
    dimension : float
        The estimate.
    influence : ndarray of shape (n,)
        See the head of the file.
    """
    kept, t = censored(t, discard_fraction)
    m, total = kept.sum(), t.sum()
    return (m - 1) / total, (kept - m * t / total) * (len(t) / m)


def pareto_plot(t, n):
    """Ascending t, and -log(1 - F) for them: a line of slope d for Pareto ratios.

    Parameters
    ----------
    t : ndarray of shape (n_kept,)
        The smallest logarithms of ratios.
    n : int
        Number of all ratios. The largest of all, with F = 1, is left out.

    Returns
    -------
    x, y : ndarray of shape (n_kept,) or (n - 1,)
        Coordinates of the points.
    """
    rank = np.arange(1, min(len(t), n - 1) + 1)
    return np.sort(t)[: len(rank)], -np.log1p(-rank / n)


def pareto_line(t, discard_fraction=0.0):
    """Least squares of -log(1 - F) = d t through the origin, the largest left out.

    F is the share of the points with t up to this one; where it is 1 the point is left
    out. To first order the estimate is a function of sums of t^2, censored: integrate
    by parts over the kept quantiles.

    Parameters
    ----------
    t : ndarray of shape (n,)
        Logarithms of ratios.
    discard_fraction : float, default=0.0
        Share of the largest to leave out.

    Returns
    -------
    dimension : float
        The estimate.
    influence : ndarray of shape (n,)
        See the head of the file.
    """
    n = len(t)
    kept, bounded = censored(t, discard_fraction)
    x, y = pareto_plot(t[kept], n)
    square = bounded**2
    return x @ y / (x @ x), (square.mean() - square) * (n / 2) / (x @ x)


def gride(t, n1, n2):
    """Maximum likelihood for ratios of any two neighbors.

    Denti et al. (2022): with u = exp(-d t), the log-likelihood of d is, up to terms
    without d, the sum of

        log d - n1 d t + (n2 - n1 - 1) log(1 - u)

    which is concave in log d. Its derivative is set to 1 instead of 0, which makes the
    estimate unbiased for n2 = n1 + 1, and less biased for others; see also
    `pareto_mle`.

    Parameters
    ----------
    t : ndarray of shape (n,)
        log(r_n2 / r_n1).
    n1, n2 : int
        Which neighbors, n1 < n2.

    Returns
    -------
    dimension : float
        The estimate.
    influence : ndarray of shape (n,)
        See the head of the file.
    """
    between = n2 - n1 - 1
    # Start from the method of moments: the numerator is the mean of d t.
    d = (digamma(n2) - digamma(n1)) / t.mean()
    for _ in range(100):
        x = d * t
        with np.errstate(invalid="ignore", over="ignore"):
            share = np.where(x > 0, x / np.expm1(x), 1.0)  # its limit at 0
        score = 1 - n1 * x + between * share
        information = n1 * x - between * (share - share * (x + share))
        step = (score.sum() - 1) / information.sum()
        # A Newton step in log d on a concave function can only be too long.
        d *= np.exp(np.clip(step, -1, 1))
        if abs(step) < 1e-12:
            break
    return d, score * (len(t) / information.sum())


def levina_bickel(log_distances, k):
    """Maximum likelihood within the distance to the k-th neighbor.

    MacKay and Ghahramani (2005): with s = sum over j < k of log(r_k / r_j), which has a
    gamma distribution with shape k - 1 and rate d, all the s together give

        d^ = (n (k - 1) - 1) / sum(s)

    Parameters
    ----------
    log_distances : ndarray of shape (n, k_max)
        Logarithms of the distances to the neighbors, ascending.
    k : int
        Which neighbor bounds, at least 2.

    Returns
    -------
    dimension : float
        The estimate.
    influence : ndarray of shape (n,)
        See the head of the file.
    """
    s = (k - 1) * log_distances[:, k - 1] - log_distances[:, : k - 1].sum(axis=1)
    n, total = len(s), s.sum()
    return (n * (k - 1) - 1) / total, 1 - n * s / total


def pareto_misfit(t, discard_fraction=0.0):
    """Largest distance of the distribution of t from the exponential fitted to it.

    Parameters
    ----------
    t : ndarray of shape (n,)
        Logarithms of ratios.
    discard_fraction : float, default=0.0
        Share of the largest that is not looked at.

    Returns
    -------
    misfit : float
        Kolmogorov and Smirnov's statistic times the root of n.
    """
    n = len(t)
    kept, _ = censored(t, discard_fraction)
    dimension, _ = pareto_mle(t, discard_fraction)
    fitted = -np.expm1(-dimension * np.sort(t[kept]))
    steps = np.arange(len(fitted) + 1) / n
    return np.sqrt(n) * max((fitted - steps[:-1]).max(), (steps[1:] - fitted).max())
