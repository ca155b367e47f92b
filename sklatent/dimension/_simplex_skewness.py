"""Expected simplex skewness: how far from parallel vectors are, and in which dimension.

Johnsson, Soneson and Fontes (2015), Low bias local intrinsic dimension estimation from
expected simplex skewness, IEEE Transactions on Pattern Analysis and Machine
Intelligence 37, version a with triangles. Two vectors u and v at an angle theta span
the area |u| |v| sin(theta) with the origin; the skewness is the sum of these over all
pairs, relative to that of |u| |v|. For directions that are uniform in d dimensions
cos(theta)² is Beta(1/2, (d - 1)/2), so that

    s(d) = E sin(theta) = Γ(d/2)² / (Γ((d + 1)/2) Γ((d - 1)/2)).

The vectors are k points less their mean, so that two of them have the correlation
r = -1/(k - 1) in each coordinate. For normal points they are a linear map of
independent ones with the determinant sqrt(1 - r²): the mean area is smaller by exactly
this factor. So is the mean skewness to about 1/k², for normal points more and for
uniform ones less.
"""

import numpy as np
from scipy.special import gammaln

from sklatent.utils._blocks import row_slices
from sklatent.utils._progress import report_of_counts
from sklatent.utils._threads import count_threads, map_threads

# Entries of the neighborhoods, or of the cosines in them, that are formed at a time.
BLOCK_ENTRIES = 2**18
# Dimension of vectors that are all at right angles, as only few can be by chance.
MOST = 1e4
# Steps of which each leaves at most 1 - π/4 of the error.
N_STEPS = 25


def simplex_skewness(X, neighbors, n_jobs=None, report=None):
    """Skewness of the triangles that pairs of neighbors make with the mean.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The points.
    neighbors : ndarray of shape (n_neighborhoods, k)
        Which points make up each neighborhood.
    n_jobs : int, default=None
        Number of threads; None takes as many as BLAS would.
    report : callable, default=None
        To be called with numbers of neighborhoods that have been measured.

    Returns
    -------
    skewness : ndarray of shape (n_neighborhoods,)
        At most sqrt(1 - 1/(k - 1)²), since the vectors add up to 0.
    """
    k = neighbors.shape[1]

    def of_block(rows):
        V = _vectors(X[neighbors[rows]])
        length = np.linalg.norm(V, axis=2)
        V /= np.where(length > 0, length, 1)[:, :, None]
        cosine = V @ V.swapaxes(1, 2)
        sine = np.sqrt(np.maximum(1 - cosine**2, 0))
        sine[:, range(k), range(k)] = 0
        areas = np.einsum("ni,nij,nj->n", length, sine, length, optimize=True)
        return areas / (length.sum(axis=1) ** 2 - (length**2).sum(axis=1))

    size = max(BLOCK_ENTRIES // (k * max(k, X.shape[1])), 1)
    blocks = list(row_slices(len(neighbors), size))
    report_block = report_of_counts(report, (b.stop - b.start for b in blocks))
    skewness = map_threads(of_block, blocks, count_threads(n_jobs), report_block)
    return np.concatenate(skewness)


def _vectors(points):
    """Neighborhoods, (n, k, p), less their means, in units that can be squared."""
    points = points.astype(np.float64)
    V = points - points[:, :1]
    V -= V.mean(axis=1, keepdims=True)
    _, exponent = np.frexp(np.abs(V).max(axis=(1, 2), keepdims=True))
    return np.ldexp(V, -exponent)


def expected_skewness(d):
    """s(d): skewness of directions that are uniform in d >= 1 dimensions."""
    d = np.asarray(d, dtype=np.float64)
    return np.exp(2 * gammaln(d / 2) - gammaln((d + 1) / 2) - gammaln((d - 1) / 2))


def dimension_with_skewness(skewness, k):
    """Dimension in which k points less their mean have a skewness.

    1 / (1 - s(d)) is convex in d, with a slope between π/2 and 2. Steps along the
    slope 2 from a point to the right of the solution so stay there, and converge.

    Parameters
    ----------
    skewness : float or ndarray
        Between 0 and 1.
    k : int
        Number of points, at least 3.

    Returns
    -------
    d : float or ndarray
        Dimensions from 1 to 10,000, in general not whole.
    """
    s = skewness / np.sqrt(1 - 1 / (k - 1) ** 2)
    target = 1 / (1 - np.clip(s, 0, expected_skewness(MOST)))
    d = 1 + (target - 1) * (2 / np.pi)
    for _ in range(N_STEPS):
        d = d - (1 / (1 - expected_skewness(d)) - target) / 2
    return d
