"""Divergence between kernel density estimates of neighboring bandwidths."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.kernel._radial import KERNELS
from sklatent.utils._random import random_generator
from sklatent.utils._sklearn import StrOptions, validate_params
from sklatent.utils._tables import FLOAT_DTYPES, check_in_memory
from sklatent.utils._weights import weighted_rows


@validate_params(
    {
        "X": ["array-like"],
        "bandwidths": ["array-like"],
        "kernel": [StrOptions(set(KERNELS))],
        "sample_weight": ["array-like", None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=True,
)
def kl_bandwidth_path(
    X,
    bandwidths,
    *,
    kernel="gaussian",
    sample_weight=None,
    random_state=None,
    n_jobs=None,
):
    """Kullback-Leibler divergence between density estimates of successive bandwidths.

    Where the divergence is small, the density hardly depends on the bandwidth. Where it
    has a maximum, structure of that size is smoothed away. A row plus a sample of the
    kernel is a sample of the estimate. With r = p_h2 / p_h1 at such samples,

        KL(p_h1 || p_h2) = E[r - 1 - log r] = E[-log r],

    and the mean over the rows is unbiased. The first form is used for kernels that are
    positive everywhere, since none of its terms is negative; the second for kernels of
    bounded support, for which E[r] is less than 1.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data.
    bandwidths : array-like of shape (n_bandwidths,)
        Two or more bandwidths, ascending, in units of the data.
    kernel : str, default="gaussian"
        Name of the kernel, as in :class:`sklatent.density.KernelDensity`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    random_state : int, RandomState instance or None, default=None
        Determines the samples of the kernel: one for each row, the same for all
        bandwidths. Pass an int for the same result at every call.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.

    Returns
    -------
    divergences : ndarray of shape (n_bandwidths - 1,)
        Divergence KL(p_h1 || p_h2) between each bandwidth h1 and the next one h2, in
        nats.

    Raises
    ------
    ValueError
        If `bandwidths` are not positive and ascending, or fewer than two.

    See Also
    --------
    KernelDensity : The kernel density estimate, with rules for the bandwidth.

    Examples
    --------
    Two clusters have standard deviation 1. Between bandwidths well below 1 the density
    changes little. It changes most from 2 to 4, where the clusters are smoothed away:

    >>> import numpy as np
    >>> from sklatent.density import kl_bandwidth_path
    >>> rng = np.random.RandomState(0)
    >>> X = rng.standard_normal((200, 1)) + rng.choice([-10, 10], size=(200, 1))
    >>> bandwidths = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    >>> divergences = kl_bandwidth_path(X, bandwidths, random_state=1)
    >>> bool(divergences[0] < 0.02), bandwidths[divergences.argmax()]
    (True, 2.0)
    """
    check_in_memory(X, "kl_bandwidth_path")
    X = check_array(X, dtype=FLOAT_DTYPES)
    bandwidths = check_array(bandwidths, dtype=np.float64, ensure_2d=False)
    ascending = bandwidths.ndim == 1 and (np.diff(bandwidths, prepend=0) > 0).all()
    if not ascending or len(bandwidths) < 2:
        raise ValueError(
            "bandwidths must be two or more positive numbers in ascending order; got "
            f"{bandwidths!r}."
        )
    X, weight = weighted_rows(X, sample_weight)
    rng = random_generator(random_state)
    noise = KERNELS[kernel].sample(X.shape[1], len(X), rng)
    models = [
        KernelDensity(h, kernel=kernel, n_jobs=n_jobs).fit(X, sample_weight=weight)
        for h in bandwidths
    ]
    divergences = []
    for narrow, wide in pairwise(models):
        samples = (X + narrow.bandwidth_ * noise).astype(X.dtype)
        difference = wide.score_samples(samples) - narrow.score_samples(samples)
        terms = -difference.astype(np.float64)
        if not KERNELS[kernel].compact:
            terms += np.expm1(-terms)
        divergences.append(np.average(terms, weights=weight))
    return np.array(divergences)
