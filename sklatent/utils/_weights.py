"""Weights of rows: how many rows each counts for, or the share that it is."""

import numpy as np

# Shares may have been divided by their sum in single precision.
SHARES_ROUNDING = 1e-6


def are_shares(weight):
    """Whether weights, or their sum, are shares of the rows and count none.

    Then they sum to about 1, or to less where they are those of a part of the rows.
    """
    return bool(np.sum(weight) <= 1 + SHARES_ROUNDING)
