"""What estimators that are made of others ask of them."""

from inspect import signature

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter


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


def sample_member(member, n_samples, rng):
    """Sample rows from a density of ours or of scikit-learn.

    scikit-learn's mixtures return components too, and have a `random_state` of their
    own, if any.
    """
    options = {}
    if "random_state" in signature(member.sample).parameters:
        options["random_state"] = rng
    rows = member.sample(n_samples, **options)
    return np.asarray(rows[0] if isinstance(rows, tuple) else rows)


def take_missing(members):
    """Whether all members take missing entries."""
    return all(get_tags(member).input_tags.allow_nan for member in members)
