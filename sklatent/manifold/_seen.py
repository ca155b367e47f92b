"""Rows that `fit` has seen."""

import numpy as np


def find_seen(training, X):
    """Find the training row that each row equals.

    Parameters
    ----------
    training : ndarray of shape (n_samples, n_features)
        Training rows, in double precision.
    X : ndarray of shape (n_queries, n_features)
        Rows, in any precision.

    Returns
    -------
    which : ndarray of shape (n_queries,)
        The training row, the first of several, or -1 if there is none.
    """
    as_bytes = [np.ascontiguousarray(A, dtype=np.float64) + 0.0 for A in (training, X)]
    places = {row.tobytes(): i for i, row in reversed(list(enumerate(as_bytes[0])))}
    return np.array([places.get(row.tobytes(), -1) for row in as_bytes[1]], dtype=int)
