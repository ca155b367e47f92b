"""Bandwidths by cross-validation: the score of each candidate, in one pass over pairs.

All functions take rows of positive weight, no two of them equal; weights are counts of
rows.
"""

import numpy as np
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

from sklatent.density.kernel._bandwidth import normal_reference
from sklatent.density.kernel._leave_one_out import LeaveOneOut
from sklatent.density.kernel._left_out import sums_of_others
from sklatent.utils._warnings import warn

# Smallest and largest candidate, in units of the rule of thumb.
CANDIDATE_RANGE = (0.02, 8.0)
# Factor by which a single row moves the best candidate if it is called an outlier.
OUTLIER_FACTOR = 10.0
# Rows whose distances give the scale of a metric.
SCALE_ROWS = 500


def cross_validated(
    X,
    weight,
    sigma,
    kernel,
    candidates,
    criterion,
    n_jobs=None,
    metric=None,
    report=None,
):
    """Return the candidate with the best score.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows, no two of them equal.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    sigma : ndarray of shape (n_features,)
        Standard deviation of each feature.
    kernel : Kernel
        Radial function, one of `sklatent.density.kernel._radial`.
    candidates : int or ndarray of shape (n_candidates,)
        Number of candidates, in units of the spread of each feature, or bandwidths.
    criterion : {"loo", "lscv"}
        Name of the score.
    n_jobs : int, default=None
        Number of threads.
    metric : DistanceMetric, default=None
        The metric; None is Euclidean. With another one `sigma` is not used.
    report : callable, default=None
        Called for each part of the work that is done.

    Returns
    -------
    width : float or ndarray of shape (n_features,)
        The best candidate.
    widths : ndarray of shape (n_candidates,) or (n_candidates, n_features)
        The candidates, ascending.
    scores : ndarray of shape (n_candidates,)
        Score of each candidate, larger is better.
    """
    if len(X) < 2:
        raise ValueError(
            f"bandwidth='{criterion}' needs X to have two distinct rows, since it "
            "leaves out each row and its copies in turn; got 1 sample, or several that "
            "are equal."
        )
    d = X.shape[1]
    if metric is not None:
        unit, Z, scale = np.ones(1), X, _scale(X, metric)
    else:  # each feature in its own unit, or all of them in the same
        unit = sigma if np.ndim(candidates) == 0 else np.full(d, sigma.max())
        Z, scale = (X - X.mean(axis=0)) / unit, 1.0
    pairs = LeaveOneOut(Z, weight, n_jobs, metric, report)
    if np.ndim(candidates) == 0:
        factors = _grid(pairs, weight, kernel, candidates, d, scale)
        widths = factors[:, None] * unit if metric is None else factors
    else:
        widths = np.unique(candidates)
        factors = widths / unit[0]
    if criterion == "loo":
        logs = _left_out_logs(pairs, weight, kernel, factors, d)
        scores = weight @ logs / weight.sum() - np.log(unit).sum()
        best = int(np.argmax(scores))
        if not np.isfinite(scores[best]):
            raise ValueError(
                "bandwidth='loo' found no candidate with a finite score: with each of "
                "them some rows have no neighbor within the support of the kernel. "
                "Give larger `candidates`, or a kernel that is positive everywhere."
            )
        _check_outlier(logs, weight, best, widths)
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
            "bandwidth='loo' needs rows of X at a distance from each other, and by "
            "`metric` the distance is 0; give bandwidth as a number."
        )
    return scale


def _grid(pairs, weight, kernel, k, d, scale):
    """Candidates, evenly spaced on a logarithmic scale around the rule of thumb."""
    # Kernels of equal bandwidth differ in width; those of equal variance smooth alike.
    unit = scale * normal_reference(weight.sum(), d) / np.sqrt(kernel.variance(d))
    low, high = unit * np.array(CANDIDATE_RANGE)
    if kernel.compact:  # the largest candidates must give every row a neighbor
        high = max(high, 2 * pairs.nearest().max())
    return np.geomspace(low, high, k)


def _left_out_logs(pairs, weight, kernel, factors, d):
    """Log-density of each row in the estimate from the others, for each candidate.

    Habbema, Hermans and van den Broek (1974); Duin (1976).
    """
    logs = pairs.log_sums(kernel, factors) - np.log(sums_of_others(weight))[:, None]
    return logs - kernel.log_mass(d) - d * np.log(factors)


def _squared_errors(pairs, weight, factors, d):
    """Return 2 mean p_(-i)(x_i) - int p^2, and numbers with the same ranks.

    Rudemo (1982); Bowman (1984). The integral of the product of two Gaussian kernels
    is one of twice the variance. In many dimensions both terms leave the range of
    numbers, and only their logarithms tell which candidate is best.
    """
    total = weight.sum()
    log_share = np.log(weight / total)[:, None]
    sums, wider = pairs.log_gaussian_sums(factors)
    left_out = logsumexp(
        log_share + sums - np.log(sums_of_others(weight))[:, None], axis=0
    )
    square = logsumexp(log_share + wider, axis=0) - np.log(total) - 0.5 * d * np.log(2)
    larger = np.maximum(left_out, square)
    difference = 2 * np.exp(left_out - larger) - np.exp(square - larger)
    with np.errstate(divide="ignore", over="ignore"):
        logs = larger + np.log(np.abs(difference))
        logs -= 0.5 * d * np.log(2 * np.pi) + d * np.log(factors)
        signs = np.sign(difference)
        return signs * np.exp(logs), signs * (1 + logs - logs[signs != 0].min())


def _check_inside(criterion, best, widths):
    """Warn if the best candidate is the smallest or the largest one."""
    if 0 < best < len(widths) - 1 or len(widths) == 1:
        return
    end, advice = "largest", "Give larger `candidates`."
    if best == 0:
        end, advice = (
            "smallest",
            "It grows without bound as the bandwidth goes to 0 if all rows nearly "
            "coincide with others; round X so that these rows coincide, or give other "
            "`candidates`.",
        )
    warn(
        f"The score of bandwidth='{criterion}' still rises at the {end} candidate, "
        f"{np.min(widths[best]):.3g}. {advice}",
        ConvergenceWarning,
    )


def _check_outlier(logs, weight, best, widths):
    """Warn if a single row, the least likely one, decides which candidate is best."""
    row = np.argmin(logs[:, best])
    others = np.delete(weight, row) @ np.delete(logs, row, axis=0)
    without = widths[np.argmax(others)]
    if np.max(widths[best] / without) < OUTLIER_FACTOR:
        return
    warn(
        "A single outlier decides the score of bandwidth='loo': without the row that "
        f"is least likely the best candidate would be {np.min(without):.3g}, not "
        f"{np.min(widths[best]):.3g}. Remove the outlier, or give `bandwidth` or "
        "`candidates`.",
        ConvergenceWarning,
    )
