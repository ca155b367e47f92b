"""How much each entry of a row adds to its being an outlier."""

import numpy as np

from sklatent.outlier._default_density import NeighborsOrGaussian
from sklatent.outlier._rows import keep_columns, take
from sklatent.outlier._trimming import scores_of


def surprisal(model, X, observed):
    """Minus the log-density of each entry given the other entries of its row.

    It is log p(x without j) - log p(x), which is exact for a density that takes missing
    entries by integrating over them.

    Parameters
    ----------
    model : estimator
        That takes missing entries.
    X : ndarray or data frame of shape (n_samples, n_features)
        The rows.
    observed : ndarray of bool of shape (n_samples, n_features)
        Which entries are there.

    Returns
    -------
    surprisal : ndarray of shape (n_samples, n_features)
        In nats; NaN where an entry is missing.
    """
    if isinstance(model, NeighborsOrGaussian):
        model = model.gaussian_  # neighbors say nothing of single columns
    found = np.full(observed.shape, np.nan)
    whole = scores_of(model, X).astype(np.float64)
    for j in range(observed.shape[1]):
        rows = np.flatnonzero(observed[:, j])
        if len(rows) == 0:
            continue
        others = np.arange(observed.shape[1]) != j
        without = scores_of(model, keep_columns(take(X, rows), others))
        found[rows, j] = without - whole[rows]
    return found
