"""How many of the eigenvalues of a covariance count.

Every criterion takes variances along the principal axes, decreasing and not all 0, as
an array of shape (..., m), and gives an array of shape (...). All but the first count
whole axes, and at least 1, since the rows differ.
"""

import numpy as np

from sklatent.utils._evidence import minka_evidence

# Variances, and ratios of them, that differ by a smaller share are equal: what rounding
# makes of them must not decide.
TIE = 1e-9


def participation_ratio(variances):
    """(sum lambda)² / sum lambda²: m for m equal variances, 1 for a single one."""
    return variances.sum(axis=-1) ** 2 / (variances**2).sum(axis=-1)


def largest_gap(variances):
    """Where the ratio of a variance to the next is first largest; a 0 ends it."""
    if variances.shape[-1] == 1:
        return np.ones(variances.shape[:-1])
    before, after = variances[..., :-1], variances[..., 1:]
    ratio = np.divide(before, after, out=np.full(before.shape, np.inf), where=after > 0)
    ratio[before == 0] = 0
    largest = ratio.max(axis=-1, keepdims=True)
    return 1.0 + np.argmax(ratio >= largest * (1 - TIE), axis=-1)


def variance_share(variances, share):
    """Fewest axes that have this share of the variance."""
    sums = np.cumsum(variances, axis=-1)
    # The last sum is all of it, however it rounds; so may the others.
    rounding = 4 * variances.shape[-1] * np.finfo(np.float64).eps
    enough = share * sums[..., -1:] * (1 - rounding)
    return 1.0 + (sums[..., :-1] < enough).sum(axis=-1)


def leading(variances, reference):
    """Axes before the first whose variance does not exceed its reference."""
    above = variances > reference * (1 + TIE)
    exceeds = np.logical_and.accumulate(above, axis=-1)
    return np.maximum(exceeds.sum(axis=-1), 1.0)


def broken_stick_lengths(n_pieces):
    """Mean lengths, decreasing, of the pieces of a stick of length 1 broken at random.

    The k-th is sum_{i >= k} 1 / i over the number of pieces.
    """
    return np.cumsum(1 / np.arange(n_pieces, 0, -1))[::-1] / n_pieces


def minka(variances, n_samples):
    """Number of axes with the largest evidence; all of them if the others have none.

    Where variances are 0 there is no noise beside the others, and the evidence for
    just these has no bound.
    """
    m = variances.shape[-1]
    rows = variances.reshape(-1, m)
    best = [
        1.0 + np.argmax(minka_evidence(row, n_samples)) if 1 < rank == m else rank
        for row, rank in zip(rows, (rows > 0).sum(axis=1), strict=True)
    ]
    return np.reshape(best, variances.shape[:-1]).astype(np.float64)
