"""Where outliers begin: a share of the rows, or a false discovery rate.

Ranks alone cannot tell how many training rows are outliers: there is always one that is
the least likely. What can tell is the tail of the scores. If p is the density of the
rows, minus log p has an exponential tail, or nearly so, for most of them: minus log p
grows like (v + d) log r for a tail that falls like r^-(v + d), and r^-v of the rows are
farther out; it is r for exponential tails; it is half of a chi-squared variable for
Gaussians. But only nearly so: for a Gaussian in one column the mean excess in the far
tail is larger by a fifth than nearer the middle, and held-out scores of an estimated
density have heavier tails than those of the true one. So a tail that begins as an
exponential one, and is heavier farther out, is fitted to the scores between the middle
and the outer rows, of which outliers may be some, and tells how likely these are.
"""

import numpy as np

# The tail is fitted to the scores between these shares of the rows.
FROM, TO = 0.65, 0.85
# Shape of the tail, a generalized Pareto distribution. It cannot be estimated from so
# few rows. At level 0.1 a quarter of Gaussian tables of one column had a discovery with
# 0, the exponential tail, and none with this one, which also leaves room for densities
# that are estimated.
SHAPE = 0.2


def tail_pvalues(scores):
    """Probability that a row that is no outlier is as unlikely as each of the rows.

    The tail of a generalized Pareto distribution of the shape `SHAPE` + 1 / count. With
    `SHAPE` = 0 it is the distribution of a further exponential variable given others
    (Lawless 2003, Statistical models and methods for lifetime data, section 4.1), which
    is wider than one of known mean: it counts that the mean is estimated.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores of the training rows, held out.

    Returns
    -------
    pvalues : ndarray of shape (n_samples,)
        Below the threshold of the fit; 1 for the likelier half.
    """
    excess, time, count, share = fit_tail(scores)
    with np.errstate(invalid="ignore"):
        shape = SHAPE + 1 / count
        mean = time / count
        tail = share * (1 + shape * np.maximum(excess, 0) / mean) ** (-1 / shape)
    return np.where(excess > 0, tail, 1.0)


def fit_tail(scores):
    """Excess of each row over the start of the tail, and the fit.

    Returns
    -------
    excess : ndarray of shape (n_samples,)
        How much less likely a row is than where the tail begins.
    time : float
        Sum of the excesses, those beyond the end counted as the end.
    count : int
        Number of rows between start and end.
    share : float
        Share of the rows beyond the start.
    """
    unlikely = -scores.astype(np.float64)
    start, end = np.quantile(unlikely, [FROM, TO], method="lower")
    if not np.isfinite([start, end]).all() or start == end:
        return np.zeros(len(scores)), 1.0, 1, 1.0  # many equal scores: no tail
    excess = unlikely - start
    beyond = excess > 0
    count = int((beyond & (unlikely <= end)).sum())
    time = float(np.minimum(excess[beyond], end - start).sum())
    return excess, time, count, float(beyond.mean())


def count_discoveries(pvalues, level):
    """Number of rows that the procedure of Benjamini and Hochberg (1995) declares."""
    ordered = np.sort(pvalues)
    ranks = np.arange(1, len(ordered) + 1)
    below = np.flatnonzero(ordered <= level * ranks / len(ordered))
    return int(below[-1] + 1) if len(below) else 0


def threshold_between(scores, count):
    """A number above the `count` lowest scores, and not above the others.

    Halfway to the next one. Rows as likely as the next one are no outliers.
    """
    ordered = np.sort(scores.astype(np.float64))
    low, high = ordered[count - 1], ordered[min(count, len(ordered) - 1)]
    if np.isfinite(low) and np.isfinite(high):
        return float(low + (high - low) / 2)
    # Scores of -inf are outliers, whatever their number.
    return float(high) if np.isfinite(high) else float(-np.finfo(np.float64).max)
