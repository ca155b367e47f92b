"""How many components a mixture has, by information criteria or rows left out.

With log L the log-likelihood of n rows, d the free parameters and r the
responsibilities,

    AIC = 2 d - 2 log L
    BIC = d log n - 2 log L
    ICL = BIC - 2 sum_ik r_ik log r_ik

Schwarz (1978), Estimating the dimension of a model, Annals of Statistics 6, 461-464;
Biernacki, Celeux and Govaert (2000), Assessing a mixture model for clustering with the
integrated completed likelihood, IEEE PAMI 22, 719-725.
"""

from numbers import Integral

import numpy as np
from scipy.special import entr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv

from sklatent.density.mixture._densities import map_blocks
from sklatent.density.mixture._passes import normalize
from sklatent.utils._threads import count_threads
from sklatent.utils._warnings import warn
from sklatent.utils._weights import as_counts


def candidate_numbers(n_components):
    """Numbers of components to try, ascending.

    Raises
    ------
    ValueError
        If there are none, or one is not a positive integer.
    """
    numbers = list(n_components)
    if not numbers or not all(isinstance(k, Integral) and k >= 1 for k in numbers):
        raise ValueError(
            "n_components must be a positive integer or a non-empty list of them; got "
            f"{n_components!r}."
        )
    return sorted({int(k) for k in numbers})


def criterion_values(estimator, numbers, mixtures, X, y, sample_weight):
    """Value of `criterion` for each candidate.

    Parameters
    ----------
    estimator : GaussianMixture
        Its parameters say which criterion, and how rows are left out.
    numbers : list of int
        Numbers of components.
    mixtures : list of Mixture
        The mixtures that were fitted with them, in the units of the data.
    X : ndarray of shape (n_samples, n_features)
        The data.
    y : array-like or None
        Passed to the cross-validation generator.
    sample_weight : ndarray of shape (n_samples,) or None
        Weight of each row.

    Returns
    -------
    values : ndarray of shape (n_candidates,)
        Mean log-densities of rows left out for "cv", else values of `information`.
    """
    criterion = estimator.criterion
    if criterion == "cv":
        splits = list(check_cv(estimator.cv, y).split(X, y))
        folds = [clone(estimator).set_params(n_components=k) for k in numbers]
        return np.array([held_out(fold, X, sample_weight, splits) for fold in folds])
    if sample_weight is not None:
        # The criteria depend on the number of rows, not on ratios of weights only.
        what = f"The choice by criterion='{criterion}'"
        sample_weight = as_counts(sample_weight, what)
    n_threads = count_threads(estimator.n_jobs)
    values = [information(criterion, m, X, sample_weight, n_threads) for m in mixtures]
    return np.array(values)


def information(criterion, mixture, X, weight, n_threads):
    """Value of "aic", "bic" or "icl"; smaller is better.

    Parameters
    ----------
    criterion : {"aic", "bic", "icl"}
        Which of the three.
    mixture : Mixture
        In the units of the data.
    X : ndarray of shape (n_samples, p)
        The data.
    weight : ndarray of shape (n_samples,) or None
        How many rows each row stands for.
    n_threads : int
        How many threads share the rows.

    Returns
    -------
    value : float
        In units of half a nat.
    """

    def terms(L, *_):
        log_density = normalize(L)
        return np.column_stack([log_density, entr(L).sum(axis=0)])

    weight = np.ones(len(X)) if weight is None else weight
    per_row = map_blocks(terms, X, mixture, n_threads)
    log_likelihood, entropy = weight @ per_row
    if criterion == "aic":
        return float(2 * mixture.n_parameters - 2 * log_likelihood)
    bic = mixture.n_parameters * np.log(weight.sum()) - 2 * log_likelihood
    return float(bic + 2 * entropy if criterion == "icl" else bic)


def held_out(estimator, X, sample_weight, splits):
    """Mean log-density of rows left out of the fit; larger is better.

    Parameters
    ----------
    estimator : GaussianMixture
        With a single number of components. It is cloned, without its callbacks.
    X : ndarray of shape (n_samples, n_features)
        The data.
    sample_weight : ndarray of shape (n_samples,) or None
        Weight of each row.
    splits : list of (train, test)
        Indices of rows.

    Returns
    -------
    score : float
        In nats per row.
    """
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    total = share = 0.0
    for train, test in splits:
        fold = clone(estimator)
        fold.set_callbacks()
        fold.fit(X[train], sample_weight=weight[train])
        total += weight[test] @ fold.score_samples(X[test])
        share += weight[test].sum()
    return float(total / share)


def best_candidate(criterion, numbers, values):
    """Position of the best value; warns if no larger number of components was tried."""
    best = int(np.argmax(values) if criterion == "cv" else np.argmin(values))
    if best == len(numbers) - 1 > 0:
        warn(
            f"criterion='{criterion}' is best at the largest number of components, "
            f"{numbers[best]}; give larger ones.",
            ConvergenceWarning,
        )
    return best
