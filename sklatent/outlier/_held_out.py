"""Scores of the training rows by the models that have not seen them.

A row with missing entries is compared with training rows of which the same entries are
hidden. Those that lack more are completed by draws of the model that has not seen them,
if it can, and else are not compared.
"""

import numpy as np

from sklatent.outlier._contributions import surprise
from sklatent.outlier._rows import keep_columns, observed_entries, take
from sklatent.outlier._trimming import scores_of

# Rows, chosen at random, whose scores give the median and the spread for a pattern of
# missing entries, and the share of them below which the tail begins.
SOME_ROWS = 250
TAIL = 0.1


class HeldOut:
    """Training rows, and for each of them a model that has not seen it.

    Parameters
    ----------
    models : list of estimator
        A model for each fold.
    fold : ndarray of shape (n_samples,)
        The fold of each row, which its model has not seen.
    X : ndarray or data frame of shape (n_samples, n_features)
        The rows.
    rng : RandomState
        For draws of missing entries, and the choice of some rows.
    """

    def __init__(self, models, fold, X, rng):
        self.models, self.fold = models, fold
        observed = observed_entries(X)
        self.complete = bool(observed.all())
        self.rows, self.observed, self.known = X, observed, observed
        if not self.complete and hasattr(models[0], "sample_missing"):
            self.rows = self._completed(X, rng)
            self.observed = observed_entries(self.rows)
        self.some = np.sort(rng.permutation(len(fold))[:SOME_ROWS])

    def _completed(self, X, rng):
        """Rows with a draw for each missing entry; data frames stay as they are."""
        if not isinstance(X, np.ndarray):
            return X
        X = X.copy()
        for k, model in enumerate(self.models):
            rows = np.flatnonzero(self.fold == k)
            X[rows] = model.sample_missing(X[rows], random_state=rng)[0]
        return X

    def by_own_model(self, X, fold):
        """Scores of rows, each by the model of its fold."""
        scores = None
        for k in np.unique(fold):
            rows = np.flatnonzero(fold == k)
            found = scores_of(self.models[k], take(X, rows))
            if scores is None:
                scores = np.empty(len(fold), found.dtype)
            scores[rows] = found
        return scores

    def comparable(self, pattern, among=None):
        """Training rows for a pattern of observed entries, and their scores.

        Parameters
        ----------
        pattern : ndarray of bool of shape (n_features,)
            The entries that are not hidden.
        among : ndarray of int, default=None
            Rows to choose from; all if None.

        Returns
        -------
        rows : ndarray of int
            Those of which all these entries are there.
        scores : ndarray
            Scores, all other entries hidden.
        """
        rows = np.arange(len(self.fold)) if among is None else among
        rows = rows[self.observed[rows][:, pattern].all(axis=1)]
        if len(rows) == 0:
            return rows, np.empty(0)
        X = take(self.rows, rows)
        if self.observed[rows][:, ~pattern].any():
            X = keep_columns(X, pattern)
        return rows, self.by_own_model(X, self.fold[rows])

    def mean_surprise(self):
        """Mean over some training rows of what `surprise` says of each column."""
        found = np.full((len(self.some), self.observed.shape[1]), np.nan)
        for k in np.unique(self.fold[self.some]):
            at = np.flatnonzero(self.fold[self.some] == k)
            rows = self.some[at]
            X, known = take(self.rows, rows), self.known[rows]
            if isinstance(X, np.ndarray):  # without the draws
                X = keep_columns(X, known)
            found[at] = surprise(self.models[k], X, known)
        count = (~np.isnan(found)).sum(axis=0)
        return np.nansum(found, axis=0) / np.maximum(count, 1)

    def middle_and_spread(self, pattern):
        """Median of the scores for a pattern, and how far below it the tail begins.

        None if no row can be compared, or the scores have no spread.
        """
        _, scores = self.comparable(pattern, self.some)
        if len(scores) == 0:
            _, scores = self.comparable(pattern)
        if len(scores) == 0:
            return None
        # No interpolation, which is not defined where a score is -inf.
        shares = [TAIL, 0.5]
        tail, middle = np.quantile(scores.astype(np.float64), shares, method="nearest")
        if not np.isfinite([tail, middle]).all() or not tail < middle:
            return None
        return middle, middle - tail


def in_units_of_complete_rows(scores, own, complete):
    """Scores moved and stretched from one median and spread to others.

    Scores of rows with different missing entries are log-densities of different
    numbers of entries, which do not compare.
    """
    if own is None or complete is None:
        return scores
    (middle, spread), (to_middle, to_spread) = own, complete
    return to_middle + (scores - middle) * (to_spread / spread)
