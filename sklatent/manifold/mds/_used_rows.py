"""Rows whose dissimilarities from each other are used: all distinct ones, or some."""

from dataclasses import dataclass

import numpy as np

from sklatent.manifold._landmarks import weighted_landmarks
from sklatent.manifold.mds._dissimilarities import check_linked, merged_weights
from sklatent.utils._neighbors import unique_rows

# Up to so many rows all are used, unless a number of landmarks is given; then so many.
MANY_ROWS, N_LANDMARKS = 5000, 1000


@dataclass(frozen=True)
class UsedRows:
    """Rows that are used.

    Parameters
    ----------
    rows : ndarray of shape (n_used,)
        Which they are.
    inverse : ndarray of shape (n_rows,)
        Which of the distinct rows each row is.
    are_landmarks : bool
        Whether there are distinct rows beside them.
    scaled : ndarray of shape (n_used, n_features) or None
        The rows as a `Measure` takes them; None if only dissimilarities are known.
    counts : ndarray of shape (n_used,)
        How many rows each stands for.
    D : ndarray of shape (n_used, n_used)
        Dissimilarities, 0 where missing.
    weight : ndarray of shape (n_used,)
        Weights of the rows in the stress.
    pair_weight : ndarray of shape (n_used, n_used) or None
        Weights of the pairs, beside those of the rows; None is 1.
    """

    rows: np.ndarray
    inverse: np.ndarray
    are_landmarks: bool
    scaled: np.ndarray | None
    counts: np.ndarray
    D: np.ndarray
    weight: np.ndarray
    pair_weight: np.ndarray | None

    def matrix(self):
        """Dissimilarities of the landmarks, NaN where missing, or else of all rows."""
        D, W = self.D, self.pair_weight
        if self.are_landmarks:
            return D if W is None else np.where((W > 0) | np.eye(len(D)), D, np.nan)
        if len(D) == len(self.inverse):
            return D
        return D[np.ix_(self.inverse, self.inverse)]


def use_rows(X, measure, weight, W, n_landmarks):
    """Choose the rows that are used.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features) or (n_rows, n_rows)
        Rows, or their dissimilarities, NaN where missing.
    measure : Measure or None
        The metric; None if X holds dissimilarities.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, positive.
    W : ndarray of shape (n_rows, n_rows) or None
        Weights of the pairs, beside those of the rows; None is 1.
    n_landmarks : int, "auto" or None
        As in `MDS`.

    Returns
    -------
    used : UsedRows
        The rows.
    """
    # Rows of a matrix that are equal have a distance of 0, and one place.
    missing = measure is None and W is not None
    first, inverse, _ = unique_rows(np.where(np.isnan(X), -1.0, X) if missing else X)
    counts = np.bincount(inverse, weights=weight)
    repeated = len(first) < len(X)
    if n_landmarks == "auto":
        many = len(first) > MANY_ROWS and measure is not None and W is None
        n_landmarks = N_LANDMARKS if many else None
    if n_landmarks is not None and n_landmarks < len(first):
        return _landmarks(X, measure, first, inverse, counts, n_landmarks)
    scaled = None
    if measure is None:
        D = X[np.ix_(first, first)] if repeated else X
    else:
        scaled = measure.scaled(X[first])
        D = measure.between(scaled, scaled)
    in_stress = counts
    if W is not None:
        if repeated:
            W, in_stress = merged_weights(W, weight, inverse), np.ones(len(first))
        if measure is None:
            D = np.where(W > 0, D, 0.0)
    return UsedRows(first, inverse, False, scaled, counts, D, in_stress, W)


def _landmarks(X, measure, first, inverse, counts, n_landmarks):
    """Choose landmarks among distinct rows, each the farthest from those before."""
    share = counts / counts.sum()
    X = X[np.ix_(first, first)] if measure is None else measure.scaled(X[first])

    def distances(i):
        if measure is not None:
            row = share @ X if i is None else X[i]
            return measure.between(row[None], X)[0]
        if i is None:  # the row that is the farthest from the others
            return np.nan_to_num(X, nan=0.0) @ share
        d = X[i].astype(np.float64)
        return np.where(np.isnan(d), np.nanmean(d), d)

    chosen, counts = weighted_landmarks(distances, counts, n_landmarks)
    W, scaled = None, None
    if measure is None:
        D = X[np.ix_(chosen, chosen)]
        if np.isnan(D).any():
            W = (~np.isnan(D)).astype(np.float64)
            check_linked(W > 0, "distances between landmarks in X")
            np.fill_diagonal(W, 0.0)
            D = np.nan_to_num(D, nan=0.0)
    else:
        scaled = X[chosen]
        D = measure.between(scaled, scaled)
    return UsedRows(first[chosen], inverse, True, scaled, counts, D, counts, W)
