"""Fits that outliers among the training rows do not mask."""

import numpy as np
from sklearn.base import clone

from sklatent.outlier._rows import take

# How often the rows to leave out are chosen.
N_REFITS = 3


def fit_trimmed(estimator, X, observed, trim, report):
    """Fit, leave out the rows that are the least likely, and fit again.

    The concentration steps of the minimum covariance determinant (Rousseeuw and Van
    Driessen, 1999, Technometrics 41, 212-223), for any density.

    Parameters
    ----------
    estimator : estimator
        With `fit` and `score_samples`; a clone is fitted.
    X : ndarray or data frame of shape (n_samples, n_features)
        The rows.
    observed : ndarray of bool of shape (n_samples, n_features)
        Which entries are there.
    trim : float
        Share of the rows that is left out.
    report : callable
        Called after each fit.

    Returns
    -------
    estimator : estimator
        The last fit.
    """
    fitted = clone(estimator).fit(X)
    report()
    n_missing = (~observed).sum(axis=1)
    before = None
    for _ in range(most_fits(trim) - 1):
        kept = kept_rows(scores_of(fitted, X), n_missing, trim)
        if len(kept) == len(n_missing) or np.array_equal(kept, before):
            break
        if (observed.any(axis=0) & ~observed[kept].any(axis=0)).any():
            break  # a column would be left without entries
        fitted, before = clone(estimator).fit(take(X, kept)), kept
        report()
    return fitted


def most_fits(trim):
    """Largest number of fits of `fit_trimmed`."""
    return 1 + N_REFITS if trim > 0 else 1


def kept_rows(scores, n_missing, trim):
    """Rows but for the least likely, among those with as many missing entries.

    Densities of different numbers of entries do not compare.
    """
    kept = np.ones(len(scores), bool)
    for number in np.unique(n_missing):
        rows = np.flatnonzero(n_missing == number)
        order = np.argsort(scores[rows], kind="stable")
        kept[rows[order[: int(trim * len(rows))]]] = False
    return np.flatnonzero(kept)


def scores_of(model, X):
    """`score_samples` of a model, none of which may be NaN."""
    scores = np.asarray(model.score_samples(X))
    if np.isnan(scores).any():
        raise ValueError(
            f"estimator must give scores; {type(model).__name__} gave NaN for "
            f"{np.isnan(scores).sum()} rows of X."
        )
    return scores
