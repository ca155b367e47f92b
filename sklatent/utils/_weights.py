"""Weights of rows: how many rows each counts for, or the share that it is."""

import numpy as np

# Largest sum of weights that are taken for shares: published shares are rounded, and
# so are their sums.
LARGEST_SHARE = 1.01


def are_shares(weight):
    """Whether weights, or their sum, are shares of the rows and count none."""
    return bool(np.sum(weight) <= LARGEST_SHARE)
