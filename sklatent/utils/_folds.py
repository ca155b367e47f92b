"""Folds of rows, in which equal rows stay together."""

import numpy as np


def folds_of_distinct_rows(X, n_folds, rng):
    """Split rows at random, equal rows into the same fold.

    A copy of a row that is left out must not be among the training rows, where a narrow
    kernel would find it. Since equal rows stay together, integer weights do the same as
    repeated rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows; NaN where an entry is missing.
    n_folds : int
        Number of folds; fewer if there are fewer distinct rows.
    rng : RandomState
        Where the order of the distinct rows comes from.

    Returns
    -------
    splits : list of (train, test)
        Indices of rows.

    Raises
    ------
    ValueError
        If all rows are equal.
    """
    # Bytes, in which NaN equals NaN. Adding 0.0 makes -0.0 equal to 0.0.
    rows = np.ascontiguousarray(X + 0.0)
    keys = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel()
    _, group = np.unique(keys, return_inverse=True)
    return folds_of_groups(group, n_folds, rng)


def folds_of_groups(group, n_folds, rng):
    """Split rows at random, those of a group into the same fold.

    Parameters
    ----------
    group : ndarray of int of shape (n_samples,)
        Number of the group of each row: 0, 1, ... with none left out.
    n_folds : int
        Number of folds; fewer if there are fewer groups.
    rng : RandomState
        Where the order of the groups comes from.

    Returns
    -------
    splits : list of (train, test)
        Indices of rows.

    Raises
    ------
    ValueError
        If there is one group.
    """
    n_groups = group.max() + 1
    n_folds = min(n_folds, n_groups)
    if n_folds < 2:
        raise ValueError(
            f"X must have distinct rows; got n_samples={len(group)}, all equal, of "
            "which none can be left out."
        )
    fold = (rng.permutation(n_groups) % n_folds)[group]
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)
    ]
