"""What may be asked of rows: values of some features that a mixture can have."""

import numpy as np

from sklatent.density.mixture._densities import log_densities
from sklatent.density.mixture._marginals import marginal


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


def refuse_outside_support(mixture, constants, known, conditions):
    """Raise if no row of a mixture can have the given values of some features.

    Parameters
    ----------
    mixture : Mixture
        In the units of the data.
    constants : ndarray of shape (p,)
        Value of each constant feature, NaN for the others.
    known : ndarray of int
        Positions of the features that are given.
    conditions : dict
        Their finite values.

    Raises
    ------
    ValueError
        If nothing is left to sample, a constant feature has another value, or the
        density is 0 even as a logarithm.
    """
    p = len(constants)
    if len(known) == p:
        raise ValueError(
            f"`conditions` must leave at least one feature; got all {p} of them."
        )
    values = condition_values(conditions, "conditions")
    for feature, value, one in zip(conditions, values, constants[known], strict=True):
        if not np.isnan(one) and value != one:
            raise ValueError(
                f"`conditions` must have the value {one:g} for feature {feature!r}, "
                f"which was constant; got {value:g}."
            )
    # Where the squared distance to every mean overflows, no component has a weight.
    with np.errstate(over="ignore", invalid="ignore"):
        given = log_densities(values[None], marginal(mixture, known), n_threads=1)
    if not np.isfinite(given[0]):
        raise ValueError(
            "`conditions` must have values at which the density is positive; got "
            f"{values.tolist()}, which are too far from the training data."
        )
