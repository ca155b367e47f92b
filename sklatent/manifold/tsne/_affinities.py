"""How likely each row is to choose another as a neighbor.

Row i chooses j among its nearest rows with a probability that falls with the distance
d_ij (van der Maaten and Hinton 2008, equation 1),

    p(j | i) = exp(-b_i d_ij²) / sum_k exp(-b_i d_ik²),

where b_i is such that the perplexity, exp of the entropy in nats, is a given number.
The joint probability of a pair is p_ij = (p(j | i) + p(i | j)) / 2n.
"""

import numpy as np
from scipy.sparse import csr_array

from sklatent.utils._blocks import row_slices

# Neighbors for each unit of perplexity; farther ones have hardly any probability.
PER_PERPLEXITY = 3
# Relative error of the perplexity, and the bound on steps toward it.
TOL, MAX_STEPS = 1e-6, 100
# Largest |log b|, in units of the mean squared distance beyond the nearest.
LIMIT = 60.0
# The square of an infinite distance, in these units: it leaves no probability at any b,
# and products with it are numbers.
INFINITE = 1e150
BLOCK_ENTRIES = 2**18


def conditionals(distances, perplexities):
    """Probabilities with which rows choose each of their nearest rows.

    Parameters
    ----------
    distances : ndarray of shape (n_queries, n_neighbors)
        Distances to the nearest rows, infinite where there are fewer; at least one of
        each row is finite.
    perplexities : sequence of float
        Perplexities, at least 1. Of several the mean of the probabilities is taken.

    Returns
    -------
    p : ndarray of shape (n_queries, n_neighbors)
        Rows sum to 1. Where more rows are tied as the nearest than the perplexity
        allows, all of these have the same probability and others none; where there are
        not more rows than the perplexity, all have the same.
    """
    p = np.zeros(distances.shape)
    size = max(1, BLOCK_ENTRIES // distances.shape[1])
    for rows in row_slices(len(p), size):
        there = np.isfinite(distances[rows])
        d = np.where(there, distances[rows], 0.0)
        largest = d.max(axis=1, keepdims=True)
        d = np.square(d / np.where(largest > 0, largest, 1.0))
        d -= d.min(axis=1, keepdims=True, where=there, initial=np.inf)
        d[~there] = 0
        mean = d.sum(axis=1, keepdims=True) / there.sum(axis=1, keepdims=True)
        d /= np.where(mean > 0, mean, 1.0)
        d[~there] = INFINITE
        for perplexity in perplexities:
            p[rows] += _with_perplexity(d, perplexity)
    p /= len(perplexities)
    return p


def _with_perplexity(d, perplexity):
    """Probabilities ~ exp(-b d) of a perplexity, by Newton steps on log b.

    The entropy falls with b. A step that leaves the interval in which the solution is
    known to lie is replaced by halving that, and so is every third.
    """
    target = np.log(perplexity)
    log_b = np.zeros(len(d))
    low, high = np.full(len(d), -LIMIT), np.full(len(d), LIMIT)
    p = np.empty_like(d)
    active = np.arange(len(d))
    for i in range(MAX_STEPS):
        b = np.exp(log_b[active])[:, None]
        part = d[active]
        weights = np.exp(-b * part)
        total = weights.sum(axis=1, keepdims=True)
        weights /= total
        p[active] = weights
        mean = (weights * part).sum(axis=1)
        variance = (weights * np.square(part - mean[:, None])).sum(axis=1)
        b = b[:, 0]
        entropy = np.log(total[:, 0]) + b * mean
        excess = entropy - target
        here = log_b[active]
        low[active] = np.where(excess > 0, here, low[active])
        high[active] = np.where(excess > 0, high[active], here)
        # d entropy / d log b = -b² var
        with np.errstate(all="ignore"):
            step = here + excess / (b * b * variance)
        inside = (step > low[active]) & (step < high[active])
        if i % 3 == 2:  # as steps may go back and forth
            inside[:] = False
        log_b[active] = np.where(inside, step, 0.5 * (low[active] + high[active]))
        active = active[(np.abs(excess) > TOL) & (high[active] - low[active] > TOL)]
        if len(active) == 0:
            break
    return p


def joint(p, starts, rows):
    """Joint probabilities of all pairs, above the diagonal.

    Parameters
    ----------
    p : ndarray of shape (n_links,)
        Probability with which a row chooses another.
    starts : ndarray of shape (n_samples + 1,)
        Where the links of each row start.
    rows : ndarray of shape (n_links,)
        Rows that are chosen.

    Returns
    -------
    P : csr_array of shape (n_samples, n_samples)
        p_ij for i < j; the sum is 1/2.
    """
    n = len(starts) - 1
    own = np.repeat(np.arange(n, dtype=rows.dtype), np.diff(starts))
    above = rows > own
    upper = csr_array((p[above], (own[above], rows[above])), shape=(n, n))
    # Those below the diagonal, turned over.
    np.logical_not(above, out=above)
    upper = upper + csr_array((p[above], (rows[above], own[above])), shape=(n, n))
    upper.eliminate_zeros()
    upper.data *= 0.5 / upper.data.sum(dtype=np.float64)
    return upper
