"""What estimators that are made of others ask of them."""

import warnings
from inspect import signature

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

# How often rows are sampled in place of those that no row is transformed to.
MOST_DRAWS = 100


def fit_member(member, X, y, sample_weight, name):
    """Fit a member, with the weights of the rows if there are any.

    Raises
    ------
    ValueError
        If there are weights and the member takes none.
    """
    if sample_weight is None:
        return member.fit(X, y)
    if not has_fit_parameter(member, "sample_weight"):
        raise ValueError(
            f"sample_weight is not taken by {name}, {type(member).__name__}; fit "
            "without it, or leave that out."
        )
    return member.fit(X, y, sample_weight=sample_weight)


def sampled_rows(member, n_samples, rng):
    """Return the rows that a model of ours or of scikit-learn samples, as it does.

    scikit-learn's mixtures return components too, and have a `random_state` of their
    own, if any.
    """
    options = {}
    if "random_state" in signature(member.sample).parameters:
        options["random_state"] = rng
    rows = member.sample(n_samples, **options)
    return rows[0] if isinstance(rows, tuple) else rows


def sample_member(member, n_samples, rng):
    """Sample rows from a density, as an array."""
    return np.asarray(sampled_rows(member, n_samples, rng))


def take_missing(members):
    """Whether all members take missing entries."""
    return all(get_tags(member).input_tags.allow_nan for member in members)


def sample_transformed(member, inverse, n_samples, rng, name):
    """Sample transformed rows, and transform them back.

    What no row is transformed to becomes NaN, and is sampled again.

    Parameters
    ----------
    member : estimator
        What samples the transformed rows.
    inverse : callable
        From transformed rows to rows.
    n_samples : int
        How many rows.
    rng : RandomState
        Where the random numbers come from.
    name : str
        What the user calls what has the inverse.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows.

    Raises
    ------
    ValueError
        If there are rows without an inverse after many tries.
    """

    def rows(n):
        Z = sample_member(member, n, rng)
        with np.errstate(invalid="ignore"), warnings.catch_warnings():
            # What has no inverse is sampled again: scikit-learn need not tell.
            warnings.simplefilter("ignore")
            return inverse(Z)

    X = rows(n_samples)
    if X.dtype.kind != "f":  # no number marks what is lost
        return X
    for _ in range(MOST_DRAWS):
        lost = np.isnan(X).any(axis=1)
        if not lost.any():
            return X
        X[lost] = rows(int(lost.sum()))
    lost = np.isnan(X).any(axis=1)
    if lost.any():
        raise ValueError(
            f"{name} must have an inverse for the rows that density samples; "
            f"got none for {lost.mean():.0%} of them after {MOST_DRAWS} tries. Use "
            "another transformer, or a density with less spread."
        )
    return X
