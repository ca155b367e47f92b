"""What the tests of several generators ask."""

import numpy as np
from scipy.spatial import KDTree
from scipy.stats import kstest


def assert_follows(sample, distribution):
    """Kolmogorov-Smirnov at the level 1e-4: for a wrong alarm, 10,000 calls."""
    assert kstest(np.ravel(sample), distribution).pvalue > 1e-4


def local_ranks(X, n_queries=20, k=15, share=0.15):
    """How many singular values of each neighborhood exceed a share of the largest.

    The share is above the bend of a neighborhood, and below what the narrowest of 15
    points in a plane may come to.
    """
    _, neighbors = KDTree(X).query(X[:n_queries], k)
    Y = X[neighbors]
    s = np.linalg.svd(Y - Y.mean(axis=1, keepdims=True), compute_uv=False)
    return (s > share * s[:, :1]).sum(axis=1)
