"""The bandwidth that is given, or that a rule finds."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array

from sklatent.density.kernel import _leave_one_out, _local_covariances
from sklatent.density.kernel._bandwidth import plug_in, rule_of_thumb, spreads
from sklatent.density.kernel._cross_validation import cross_validated
from sklatent.density.kernel._radial import KERNELS
from sklatent.density.kernel._sums import BLOCK_ROWS
from sklatent.utils._neighbors import unique_rows
from sklatent.utils._weights import as_counts

RULES = {"scott", "silverman", "loo", "lscv", "isj"}


def find_bandwidth(
    X,
    rows,
    weight,
    distance,
    report=None,
    *,
    bandwidth,
    kernel,
    whiten,
    candidates,
    n_jobs,
    **_,
):
    """Return the bandwidth, and the candidates if there are some.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows in their own units; none of the features is constant if `bandwidth` is
        a rule.
    rows : ndarray of shape (n_samples, n_features)
        The rows in the coordinates in which kernels are spherical.
    weight : ndarray of shape (n_samples,)
        Weight of each row.
    distance : DistanceMetric or None
        The metric; None is Euclidean.
    report : callable, default=None
        Called for each part of a cross-validation that is done.
    bandwidth, kernel, whiten, candidates, n_jobs
        Parameters of `KernelDensity`.

    Returns
    -------
    width : float or ndarray of shape (n_features,)
        The bandwidth.
    widths : ndarray of shape (n_candidates,) or (n_candidates, n_features), or None
        The candidates, ascending.
    scores : ndarray of shape (n_candidates,) or None
        Their scores, for `rows`.
    """
    d = X.shape[1]
    if not isinstance(bandwidth, str):
        return given_bandwidth(bandwidth, d, whiten), None, None
    # A whitened feature has spread 1, and other metrics have no features.
    sigma = np.ones(d)
    if not whiten and distance is None:
        sigma = spreads(X, weight)
    candidates = _given_candidates(candidates)
    if bandwidth not in {"loo", "lscv"} or np.ndim(candidates) == 0:
        weight = as_counts(weight, f"bandwidth={bandwidth!r}")
    # The rules are for Gaussian kernels; others take the same standard deviation.
    scale = np.sqrt(KERNELS[kernel].variance(d))
    if bandwidth in {"scott", "silverman"}:
        return rule_of_thumb(rows, weight, sigma, bandwidth) / scale, None, None
    first, inverse, _ = unique_rows(X)
    rows, weight = rows[first], np.bincount(inverse, weight)
    if bandwidth == "isj":
        return plug_in(rows, weight, sigma) / scale, None, None
    if bandwidth == "lscv" and kernel != "gaussian":
        raise ValueError(
            "bandwidth='lscv' has a closed form for kernel='gaussian' only; got "
            f"kernel={kernel!r}. Use 'loo'."
        )
    width, widths, scores = cross_validated(
        rows.astype(np.float64),
        weight,
        sigma,
        KERNELS[kernel],
        candidates,
        bandwidth,
        n_jobs,
        distance,
        report,
    )
    return float(width) if np.ndim(width) == 0 else width, widths, scores


def most_reports(n_rows, n_features, *, bandwidth, adaptive, candidates, **_):
    """Return the largest number of reports while `KernelDensity` is fitted."""
    if adaptive == "covariance":
        return _local_covariances.n_reports(n_rows, n_features)
    # Factors of the bandwidth come from the density at each row.
    n = -(-n_rows // BLOCK_ROWS) if adaptive else 0
    if isinstance(bandwidth, str) and bandwidth in {"loo", "lscv"}:
        k = candidates if isinstance(candidates, Integral) else np.size(candidates)
        n += _leave_one_out.n_reports(n_rows, k)
    return n


def given_bandwidth(bandwidth, d, whiten):
    """Return a bandwidth that is not a rule, checked for d features."""
    if isinstance(bandwidth, Real):
        return float(bandwidth)
    width = _numbers(bandwidth)
    if width.shape != (d,) or width.min() <= 0 or whiten:
        raise ValueError(
            f"bandwidth must be a positive number, or {d} of them, one for each "
            f"feature, if whiten=False; got {bandwidth!r} with whiten={whiten}."
        )
    return width


def _given_candidates(candidates):
    if isinstance(candidates, Integral):
        return int(candidates)
    widths = _numbers(candidates)
    if widths.ndim != 1 or widths.min() <= 0:
        raise ValueError(
            "candidates must be a number of bandwidths or a list of positive "
            f"bandwidths; got {candidates!r}."
        )
    return widths


def _numbers(values):
    """Numbers of an array or list, in double precision."""
    # scikit-learn 1.8 takes no lists while array_api_dispatch is on.
    return check_array(np.asarray(values), dtype=np.float64, ensure_2d=False)
