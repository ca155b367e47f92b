"""How many principal components: by their share of the variance, or by evidence."""

import numpy as np

from sklatent.utils._evidence import minka_evidence

# Shares that differ by less are equal, in units of rounding of the data.
SHARE_ERROR = 16.0


def by_share(spectrum, share, dtype):
    """Fewest components whose share of the variance exceeds `share`.

    A share equal to that of k components, but for rounding, takes k + 1, if that many
    have any variance.
    """
    if spectrum.total == 0:
        return 1
    shares = np.cumsum(spectrum.squares) / spectrum.total
    share = share + SHARE_ERROR * np.finfo(dtype).eps
    k = int(np.searchsorted(shares, share, side="right")) + 1
    n_alive = int(np.sum(spectrum.squares > spectrum.bound(None, dtype)))
    return max(min(k, n_alive), 1)


def by_evidence(spectrum, dtype):
    """Return the number of components of the largest evidence; at least 1.

    Of rows of deficient rank it is the rank, for which the likelihood is infinite.
    """
    p = len(spectrum.mean)
    if spectrum.total == 0 or p < 2:
        return 1
    rank = spectrum.rank(dtype)
    if rank < p:
        return rank
    return 1 + int(np.argmax(minka_evidence(spectrum.squares, spectrum.weight)))
