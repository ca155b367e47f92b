"""Rows of a mixture that have given values in some features.

Given x_o, component c has the weight r_c(x_o) and a Gaussian of its own for the other
features (see `_marginals.conditional`), so that sampling is exact: a component by these
weights, then a row of it.
"""

import numpy as np

from sklatent.density.mixture._densities import log_densities
from sklatent.density.mixture._marginals import conditional, draw, marginal


def condition_values(conditions, parameter):
    """Values of a dict as an array.

    Raises
    ------
    ValueError
        If one is not a finite number; it names the feature.
    """
    values = []
    for feature, value in conditions.items():
        try:
            values.append(float(value))
        except (TypeError, ValueError):
            values.append(np.nan)
        if not np.isfinite(values[-1]):
            raise ValueError(
                f"`{parameter}` must have finite values; got {value!r} for feature "
                f"{feature!r}."
            )
    return np.array(values)


def refuse_other_constants(conditions, values, constants):
    """Raise if a feature that is constant (not NaN) is given another value."""
    for feature, value, constant in zip(conditions, values, constants, strict=True):
        if not np.isnan(constant) and value != constant:
            raise ValueError(
                f"`conditions` must have the value {constant:g} for feature "
                f"{feature!r}, which was constant; got {value:g}."
            )


def draw_conditioned(mixture, known, values, n_samples, rng):
    """Rows with the given values of some features.

    Parameters
    ----------
    mixture : Mixture
        In the units of the data.
    known : ndarray of int
        Positions of the features that are given, at least one.
    values : ndarray of shape (len(known),)
        Their values.
    n_samples : int
        Number of rows.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    X : ndarray of shape (n_samples, p)
        The rows.

    Raises
    ------
    ValueError
        If all features are given, or the density at the values is 0 even as a
        logarithm.
    """
    p = mixture.means.shape[1]
    others = np.setdiff1d(np.arange(p), known)
    if len(others) == 0:
        raise ValueError(
            f"`conditions` must leave at least one feature; got all {p} of them."
        )
    # Where the squared distance to every mean overflows, no component has a weight.
    with np.errstate(over="ignore", invalid="ignore"):
        given = log_densities(values[None], marginal(mixture, known), n_threads=1)
    if not np.isfinite(given[0]):
        raise ValueError(
            f"`conditions` must have values at which the density is positive; got "
            f"{values.tolist()}, which are too far from the training data."
        )
    X = np.empty((n_samples, p))
    X[:, known] = values
    X[:, others] = draw(conditional(mixture, known, values), n_samples, rng)[0]
    return X
