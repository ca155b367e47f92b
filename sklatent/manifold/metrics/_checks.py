"""Checks of the arguments that the measures share."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from sklatent.utils._sklearn import Interval, validate_params
from sklatent.utils._tables import check_in_memory

COUNT = Interval(Integral, 1, None, closed="left")
CONSTRAINTS = {
    "n_neighbors": [COUNT],
    "metric": [str, callable],
    "n_queries": [COUNT, None],
    "return_std": ["boolean"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
}


def _validated(*names):
    """Check the arguments of a measure, as scikit-learn does."""
    constraints = {name: CONSTRAINTS[name] for name in names}
    return validate_params(constraints, prefer_skip_nested_validation=True)


of_ranks = _validated(*CONSTRAINTS.keys() - {"n_neighbors"})
of_neighbors = _validated(*CONSTRAINTS)


def validate(X, X_embedded, metric, n_rows=2):
    """Return the rows and their places as arrays of as many rows."""
    for rows in (X, X_embedded):
        check_in_memory(rows, "This measure")
    X = check_array(X, dtype=np.float64, ensure_min_samples=n_rows, input_name="X")
    Z = check_array(X_embedded, dtype=np.float64, input_name="X_embedded")
    check_consistent_length(X, Z)
    if metric == "precomputed" and X.shape[0] != X.shape[1]:
        raise ValueError(
            "X must be a square matrix of distances with metric='precomputed'; got "
            f"shape {X.shape}."
        )
    return X, Z


def check_half(n_neighbors, n):
    """Refuse numbers of neighbors for which ranks cannot be normalized."""
    if n_neighbors >= n / 2:
        raise ValueError(
            f"n_neighbors must be less than half the number of rows, {n / 2:g}; got "
            f"{n_neighbors}."
        )
