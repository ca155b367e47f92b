"""How many components a mixture has, by criteria of information or held-out rows.

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

from sklatent.density.mixture._steps import map_blocks, normalize
from sklatent.utils._warnings import warn


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
            "n_components must be a positive integer or some of them; got "
            f"{n_components!r}."
        )
    return sorted({int(k) for k in numbers})


def information(criterion, mixture, X, weight, n_threads):
    """Value of "aic", "bic" or "icl"; smaller is better.

    Parameters
    ----------
    criterion : {"aic", "bic", "icl"}
        Which.
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
        In nats, twice.
    """

    def terms(L, *_):
        log_density = normalize(L)
        return np.column_stack([log_density, entr(L).sum(axis=0)])

    weight = np.ones(len(X)) if weight is None else weight
    per_row = map_blocks(X, mixture, n_threads, terms)
    log_likelihood, entropy = weight @ per_row
    if criterion == "aic":
        return float(2 * mixture.n_parameters - 2 * log_likelihood)
    bic = mixture.n_parameters * np.log(weight.sum()) - 2 * log_likelihood
    return float(bic + 2 * entropy if criterion == "icl" else bic)


def held_out(estimator, X, sample_weight, splits):
    """Mean log-density of rows under mixtures fitted to others; larger is better.

    Parameters
    ----------
    estimator : GaussianMixture
        With one number of components. It is cloned, without its callbacks.
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
    """Position of the best; warns if it is the last, beyond which none was tried."""
    best = int(np.argmax(values) if criterion == "cv" else np.argmin(values))
    if best == len(numbers) - 1 > 0:
        warn(
            f"criterion='{criterion}' is best at the largest number of components, "
            f"{numbers[best]}; give larger ones.",
            ConvergenceWarning,
        )
    return best
