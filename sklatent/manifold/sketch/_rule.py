"""A rule for sigma, by the histogram of the distances."""

import numpy as np

# Rows whose distances are counted, and bins up to so many times the median.
MOST_ROWS, N_BINS, UPPER = 500, 200, 5
# Width of the smoothing of the histogram, in bins.
SMOOTHING = 4


def distance_peak(D, weight):
    """Return the most frequent distance.

    Parameters
    ----------
    D : ndarray of shape (n_rows, n_rows)
        Distances, those above 0 finite.
    weight : ndarray of shape (n_rows,)
        Weights of the rows; a pair has their product.

    Returns
    -------
    peak : float
        Where the histogram, smoothed by a Gaussian, is highest. 0 if all distances are.
    """
    d, w = _pairs(D, weight)
    if len(d) == 0:
        return 0.0
    upper = UPPER * _median(d, w)
    counts, edges = np.histogram(d, bins=N_BINS, range=(0, upper), weights=w)
    offsets = np.arange(-3 * SMOOTHING, 3 * SMOOTHING + 1)
    kernel = np.exp(-0.5 * (offsets / SMOOTHING) ** 2)
    smooth = np.convolve(counts, kernel, mode="full")[3 * SMOOTHING :][: len(counts)]
    i = int(smooth.argmax())
    return float((edges[i] + edges[i + 1]) / 2)


def _pairs(D, weight):
    """Return distances above 0, each pair once, and their weights."""
    rows, columns = np.triu_indices(min(len(D), MOST_ROWS), k=1)
    d, w = D[rows, columns], weight[rows] * weight[columns]
    return d[d > 0], w[d > 0]


def _median(d, w):
    """Weighted median."""
    order = np.argsort(d)
    below = np.cumsum(w[order])
    return d[order[np.searchsorted(below, below[-1] / 2)]]
