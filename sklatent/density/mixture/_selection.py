"""Which mixture is the best of several, by information criteria or rows left out.

With log L the log-likelihood of n rows, d the free parameters and r the
responsibilities,

    AIC = 2 d - 2 log L
    BIC = d log n - 2 log L
    ICL = BIC - 2 sum_ik r_ik log r_ik

Schwarz (1978), Estimating the dimension of a model, Annals of Statistics 6, 461-464;
Biernacki, Celeux and Govaert (2000), Assessing a mixture model for clustering with the
integrated completed likelihood, IEEE PAMI 22, 719-725.
"""

import operator
from itertools import product
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.special import entr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, check_cv

from sklatent.density.mixture import _device_passes
from sklatent.density.mixture._densities import map_blocks
from sklatent.density.mixture._model import STRUCTURES
from sklatent.density.mixture._passes import normalize
from sklatent.utils._arrays import are_dispatched
from sklatent.utils._random import random_generator
from sklatent.utils._threads import count_threads
from sklatent.utils._warnings import warn


class Candidate(NamedTuple):
    """Parameters of a mixture that may be chosen, under the names of the estimator."""

    n_components: int
    covariance_type: str
    reg_covar: float


def has_choice(estimator):
    """Whether a parameter is a list, from which `criterion` chooses."""
    return not (
        isinstance(estimator.n_components, Integral)
        and isinstance(estimator.covariance_type, str)
        and isinstance(estimator.reg_covar, Real)
    )


def all_candidates(n_components, covariance_type, reg_covar):
    """All combinations of the values that are given, in the order of a grid search.

    Raises
    ------
    ValueError
        If a list is empty, or has an entry that is no value of its parameter.
    """
    kinds = [covariance_type] if isinstance(covariance_type, str) else covariance_type
    floors = [reg_covar] if isinstance(reg_covar, Real) else reg_covar
    kinds, floors = list(dict.fromkeys(kinds)), list(dict.fromkeys(floors))
    if not kinds or not all(kind in STRUCTURES for kind in kinds):
        raise ValueError(
            f"covariance_type must be one of {sorted(STRUCTURES)} or a non-empty list "
            f"of them; got {covariance_type!r}."
        )
    if not floors or not all(isinstance(reg, Real) and reg >= 0 for reg in floors):
        raise ValueError(
            "reg_covar must be a number of at least 0 or a non-empty list of them; got "
            f"{reg_covar!r}."
        )
    numbers = candidate_numbers(n_components)
    return [
        Candidate(k, kind, float(reg))
        for kind, k, reg in product(kinds, numbers, sorted(floors))
    ]


def candidate_numbers(n_components):
    """Numbers of components to try, ascending.

    Raises
    ------
    ValueError
        If there are none, or one is not a positive integer.
    """
    one = isinstance(n_components, Integral)
    numbers = [n_components] if one else list(n_components)
    if not numbers or not all(isinstance(k, Integral) and k >= 1 for k in numbers):
        raise ValueError(
            "n_components must be a positive integer or a non-empty list of them; got "
            f"{n_components!r}."
        )
    return sorted({int(k) for k in numbers})


def criterion_values(estimator, candidates, mixtures, source, splits, report):
    """Value of `criterion` for each candidate.

    Parameters
    ----------
    estimator : GaussianMixture
        Its parameters say which criterion.
    candidates : list of Candidate
        What may be chosen.
    mixtures : list of Mixture
        The mixtures that were fitted with them, in the units of the data.
    source : ArrayRows or DaskRows
        The data.
    splits : list of (train, test)
        Indices of rows, for "cv".
    report : IterationReport
        Told when a fit without the rows of a fold begins and ends.

    Returns
    -------
    values : ndarray of shape (n_candidates,)
        Mean log-densities of rows left out for "cv", else values of `information`.
    """
    criterion = estimator.criterion
    if criterion == "cv":
        models = [clone(estimator).set_params(**c._asdict()) for c in candidates]
        of_fold = source.X, source.weight, splits, report
        return np.array([held_out(model, *of_fold) for model in models])
    # The criteria depend on the number of rows, not on ratios of weights only.
    n = source.row_count(f"The choice by criterion='{criterion}'")
    n_threads = 1 if source.in_blocks else count_threads(estimator.n_jobs)
    return np.array([information(criterion, m, source, n_threads, n) for m in mixtures])


def folds(estimator, X, y):
    """Training and test rows of each fold; a number of folds is one of shuffled rows.

    Rows are often sorted, by a class or by time.
    """
    cv = estimator.cv
    if isinstance(cv, Integral):
        cv = KFold(
            cv, shuffle=True, random_state=random_generator(estimator.random_state)
        )
    return list(check_cv(cv, y).split(X, y))


def information(criterion, mixture, source, n_threads, n_samples=None):
    """Value of "aic", "bic" or "icl"; smaller is better.

    Parameters
    ----------
    criterion : {"aic", "bic", "icl"}
        Which of the three.
    mixture : Mixture
        In the units of the data.
    source : ArrayRows or DaskRows
        The data.
    n_threads : int
        How many threads share the rows.
    n_samples : float, default=None
        How many rows the weights count for; their sum if None.

    Returns
    -------
    value : float
        In units of half a nat.
    """
    sums = source.reduce(_sums_of_terms, operator.add, mixture, n_threads)
    n = source.total if n_samples is None else n_samples
    log_likelihood, entropy = sums * (n / source.total)
    if criterion == "aic":
        return float(2 * mixture.n_parameters - 2 * log_likelihood)
    bic = mixture.n_parameters * np.log(n) - 2 * log_likelihood
    return float(bic + 2 * entropy if criterion == "icl" else bic)


def _sums_of_terms(X, weight, mixture, n_threads):
    """Log-likelihood of rows, and sum of the entropies of their responsibilities."""
    if are_dispatched(X):
        return _device_passes.sums_of_terms(X, weight, mixture)

    def terms(L, *_):
        log_density = normalize(L)
        return np.column_stack([log_density, entr(L).sum(axis=0)])

    weight = np.ones(len(X)) if weight is None else weight
    return weight @ map_blocks(terms, X, mixture, n_threads)


def held_out(estimator, X, sample_weight, splits, report):
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
    report : IterationReport
        Told when a fit begins and ends.

    Returns
    -------
    score : float
        In nats per row.
    """
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    total = share = 0.0
    for train, test in splits:
        report.begin()
        fold = clone(estimator)
        fold.set_callbacks().set_params(verbose=0)
        fold.fit(X[train], sample_weight=weight[train])
        total += weight[test] @ fold.score_samples(X[test])
        share += weight[test].sum()
        report.end(None)
    return float(total / share)


def best_candidate(criterion, candidates, values, at_floor):
    """Position of the best candidate, with warnings where the choice is doubtful.

    Parameters
    ----------
    criterion : {"aic", "bic", "icl", "cv"}
        What the values are.
    candidates : list of Candidate
        What may be chosen.
    values : ndarray of shape (n_candidates,)
        Values of the criterion.
    at_floor : ndarray of bool of shape (n_candidates,)
        Which of the candidates owe their likelihood to `reg_covar`. They are left out
        of the choice, unless all do; of that by "cv" too, since rows left out lie on
        the ties of the data as well, where a column is rounded.

    Returns
    -------
    best : int
        Position of the candidate.
    """
    losses = -values if criterion == "cv" else values
    if at_floor.all() and len(candidates) > 1:
        warn(
            f"{_told(candidates)}: all have a component with next to no variance in "
            "some direction, whose likelihood is one that reg_covar decides. The "
            "smallest is taken, with the largest reg_covar; give smaller numbers, or a "
            "larger reg_covar.",
            ConvergenceWarning,
        )
        return min(
            range(len(candidates)),
            key=lambda i: (candidates[i].n_components, -candidates[i].reg_covar),
        )
    elif at_floor.any():
        dropped = [c for c, low in zip(candidates, at_floor, strict=True) if low]
        warn(
            f"{_told(dropped)}: these have a component with next to no variance in "
            "some direction, whose likelihood is one that reg_covar decides. They are "
            f"left out of the choice by criterion='{criterion}'; a larger reg_covar "
            "would let them take part.",
            ConvergenceWarning,
        )
    best = int(np.argmin(np.where(at_floor, np.inf, losses)))
    numbers = {c.n_components for c in candidates}
    if len(numbers) > 1 and candidates[best].n_components == max(numbers):
        warn(
            f"criterion='{criterion}' is best at the largest number of components, "
            f"{max(numbers)}; give larger ones.",
            ConvergenceWarning,
        )
    return best


def _told(candidates):
    """Name candidates by their numbers of components, for each of the other values."""
    numbers = {}
    for k, kind, reg in candidates:
        numbers.setdefault((kind, reg), []).append(k)
    return " and ".join(
        f"n_components={of_both} with reg_covar={reg:g} and covariance_type={kind!r}"
        for (kind, reg), of_both in numbers.items()
    )
