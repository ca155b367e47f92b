"""Scores of the training rows by the models that have not seen them.

A row with missing entries is compared with training rows of which the same entries are
hidden. Those that lack more are completed by draws of the model that has not seen them,
if it can, and else are not compared.
"""

import numpy as np

from sklatent.outlier._contributions import surprisal
from sklatent.outlier._plain_frames import from_plain, to_plain
from sklatent.outlier._rows import keep_columns, observed_entries, take
from sklatent.outlier._trimming import scores_of
from sklatent.utils._columns import group_patterns

# Rows, chosen at random, whose scores say what is usual for a pattern of missing
# entries: by their quantiles at these shares, of which one is the median.
SOME_ROWS = 250
SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
MIDDLE = 5
# Scores computed twice may differ by rounding, and count as equal.
ROUNDING = 1e-9


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
        X = take(X, np.arange(len(fold)))  # a copy, as the caller may change X
        observed = observed_entries(X)
        self.complete = bool(observed.all())
        self.rows, self.observed, self.known = X, observed, observed
        if not self.complete and hasattr(models[0], "sample_missing"):
            self.rows = self._completed(X, rng)
            self.observed = observed_entries(self.rows)
        self.some = np.sort(rng.permutation(len(fold))[:SOME_ROWS])

    def __getstate__(self):
        return vars(self) | {"rows": to_plain(self.rows)}

    def __setstate__(self, state):
        vars(self).update(state, rows=from_plain(state["rows"]))

    def _completed(self, X, rng):
        """Rows with a draw for each missing entry; data frames stay as they are."""
        if not isinstance(X, np.ndarray):
            return X
        X = X.copy()
        for k, model in enumerate(self.models):
            rows = np.flatnonzero(self.fold == k)
            X[rows] = model.sample_missing(X[rows], random_state=rng)[0]
        return X

    def by_own_model(self, X, fold, report=None):
        """Scores of rows, each by the model of its fold, after which is a report."""
        scores = None
        for k in np.unique(fold):
            rows = np.flatnonzero(fold == k)
            found = scores_of(self.models[k], take(X, rows))
            if scores is None:
                scores = np.empty(len(fold), found.dtype)
            scores[rows] = found
            if report is not None:
                report()
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

    def mean_surprisal(self):
        """Mean over some training rows of what `surprisal` says of each column."""
        found = np.full((len(self.some), self.observed.shape[1]), np.nan)
        for k in np.unique(self.fold[self.some]):
            at = np.flatnonzero(self.fold[self.some] == k)
            rows = self.some[at]
            X, known = take(self.rows, rows), self.known[rows]
            if isinstance(X, np.ndarray):  # without the draws
                X = keep_columns(X, known)
            found[at] = surprisal(self.models[k], X, known)
        count = (~np.isnan(found)).sum(axis=0)
        return np.nansum(found, axis=0) / np.maximum(count, 1)

    def quantiles(self, pattern):
        """Quantiles of the scores of training rows for a pattern of observed entries.

        None if no row can be compared, or most scores are equal or not finite.
        """
        _, scores = self.comparable(pattern, self.some)
        if len(scores) == 0:
            _, scores = self.comparable(pattern)
        if len(scores) == 0:
            return None
        # No interpolation, which is not defined where a score is -inf.
        found = np.quantile(scores.astype(np.float64), SHARES, method="nearest")
        rises = found[0] < found[MIDDLE] < found[-1]
        return found if np.isfinite(found).all() and rises else None


def in_units_of_complete_rows(scores, own, complete):
    """Scores with the ranks they have among some rows, in the units of others.

    Scores of rows with different missing entries are log-densities of different
    numbers of entries, which do not compare. Quantiles are mapped to quantiles, and
    what is below the lowest by the line through that and the median.

    Parameters
    ----------
    scores : ndarray
        The scores.
    own, complete : ndarray of shape (n_shares,) or None
        Quantiles of the scores of rows with the same missing entries and of complete
        rows; with None the scores are returned as they are.
    """
    if own is None or complete is None:
        return scores
    mapped = np.interp(scores, own, complete)
    for end in (0, -1):
        slope = (complete[end] - complete[MIDDLE]) / (own[end] - own[MIDDLE])
        beyond = scores < own[0] if end == 0 else scores > own[-1]
        mapped[beyond] = complete[end] + slope * (scores[beyond] - own[end])
    return mapped


def patterns(observed):
    """Yield each pattern of observed entries, and the rows that have it."""
    first, group = group_patterns(observed)
    for g, i in enumerate(first):
        yield observed[i], np.flatnonzero(group == g)


def count_up_to(scores, values):
    """How many scores are at most each of the values, or above by rounding only."""
    margin = ROUNDING * np.maximum(1, np.abs(values))
    margin = np.where(np.isfinite(values), margin, 0)
    return np.searchsorted(np.sort(scores), values + margin, side="right")
