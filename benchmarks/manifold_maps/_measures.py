"""What maps of several packages are compared by; one function for all of them."""

import time

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklatent.manifold import metrics

# Rows and columns of the blocks of sums over pairs: a few megabytes.
BLOCK = 512


def clocked(function):
    """Return what a function returns, and its seconds: of the clock, of processors."""
    begin = time.perf_counter(), time.process_time()
    result = function()
    end = time.perf_counter(), time.process_time()
    return result, [b - a for a, b in zip(begin, end, strict=True)]


def block_pairs(n):
    """Pairs of slices that cover the pairs of n rows, each once, with their count."""
    starts = range(0, n, BLOCK)
    for i in starts:
        for j in starts:
            if i <= j:
                yield slice(i, i + BLOCK), slice(j, j + BLOCK), 1 if i == j else 2


def squared_distances(A, B):
    """Squared distances, from differences in double precision."""
    total = np.zeros((len(A), len(B)))
    for a, b in zip(A.T, B.T, strict=True):
        difference = a[:, None] - b
        difference *= difference
        total += difference
    return total


def kl_divergence(P, Z):
    """Kullback-Leibler divergence of t-SNE, by exact sums in double precision.

    Parameters
    ----------
    P : csr_array of shape (n, n)
        Joint probabilities, which sum to 1.
    Z : ndarray of shape (n, n_components)
        Places.

    Returns
    -------
    divergence : float
        In nats.
    """
    Z = np.asarray(Z, dtype=np.float64)
    normalizer = -float(len(Z))  # the pairs of a row with itself
    for i, j, times in block_pairs(len(Z)):
        similarities = squared_distances(Z[i], Z[j])
        similarities += 1
        np.reciprocal(similarities, out=similarities)
        normalizer += times * similarities.sum()
    P = P.tocoo()
    there = P.data > 0
    p, i, j = P.data[there].astype(np.float64), P.row[there], P.col[there]
    differences = sum((z[i] - z[j]) ** 2 for z in Z.T)
    return float(p @ (np.log(p) + np.log1p(differences))) + np.log(normalizer) * p.sum()


def sums_over_pairs(X, Z, terms):
    """Sums over all pairs of rows of terms of their two distances.

    Parameters
    ----------
    X, Z : ndarray
        Rows, and their places.
    terms : callable
        Takes distances of rows and of places, and returns several terms.

    Returns
    -------
    sums : ndarray of shape (n_terms,)
        Each pair counts once.
    """
    sums = 0
    for i, j, times in block_pairs(len(X)):
        pairs = (np.sqrt(squared_distances(A[i], A[j])) for A in (X, Z))
        sums = sums + times / 2 * np.array([term.sum() for term in terms(*pairs)])
    return sums


def raw_stress(X, Z):
    """Sum over pairs of the squared difference of their two distances."""
    return sums_over_pairs(X, Z, lambda D, d: [(D - d) ** 2])[0]


def sigmoid(r, sigma, a, b):
    """Sketch-map's sigmoid, 1 - (1 + (2^(a/b) - 1) (r / sigma)^a)^(-b/a)."""
    return 1 - (1 + (2 ** (a / b) - 1) * (r / sigma) ** a) ** (-b / a)


def sketch_stress(X, Z, sigma, high, low):
    """Mean over pairs of the squared difference of their sigmoids.

    Parameters
    ----------
    X, Z : ndarray
        Rows, and their places.
    sigma : float
        Distance at which both sigmoids are one half.
    high, low : tuple of 2 floats
        Exponents a and b for rows, and for places.

    Returns
    -------
    stress : float
        Without weights.
    """

    def terms(D, d):
        return [(sigmoid(D, sigma, *high) - sigmoid(d, sigma, *low)) ** 2]

    return sums_over_pairs(X, Z, terms)[0] / (len(X) * (len(X) - 1) / 2)


def accuracy(Z, y):
    """Accuracy of ten nearest neighbors in the map, in five folds."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_score(KNeighborsClassifier(10), Z, y, cv=folds).mean()


QUALITY_HEAD = (
    f"  {'':<34}{'trust':>7}{'contin':>8}{'recall':>8}{'AUC':>7}{'global':>8}"
    f"{'accur':>8}{'seconds':>9}"
)


def quality_row(name, X, y, Z, seconds):
    """A line of a table of the quality of maps."""
    Z = np.asarray(Z, dtype=np.float64)
    numbers = (
        f"{metrics.trustworthiness(X, Z, n_neighbors=5):>7.4f}"
        f"{metrics.continuity(X, Z, n_neighbors=5):>8.4f}"
        f"{metrics.neighbor_recall(X, Z, n_neighbors=10):>8.3f}"
        f"{metrics.auc_r_nx(X, Z):>7.3f}"
        f"{metrics.global_score(X, Z):>8.3f}"
    )
    return f"  {name:<34}{numbers}{accuracy(Z, y):>8.3f}{seconds:>9.1f}"
