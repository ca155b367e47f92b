"""Scatter of rows without one group of them after the other, for a standard error."""

import functools

import numpy as np

from sklatent.utils._moments import Moments

# Groups of rows that are left out in turn, for the error bar.
N_GROUPS = 25
# A difference of scatters that is a smaller share of them has lost too many digits.
MANY_DIGITS = 1e-3


def without_groups(X, moments):
    """Yield scatter, and number of rows, without each N_GROUPS-th row in turn."""
    n, total = len(X), moments.scatter.trace()
    n_groups = min(n, N_GROUPS)
    for g in range(n_groups):
        group = Moments.of(X[g::n_groups])
        rest = n - group.weight
        delta = group.mean - moments.mean
        between = np.outer(delta, delta) * (n * group.weight / rest)
        scatter = moments.scatter - group.scatter - between
        if scatter.trace() < MANY_DIGITS * total:
            scatter = Moments.of(np.delete(X, np.s_[g::n_groups], axis=0)).scatter
        yield scatter, int(rest)


def prepared(X, columns, origin, exponent, scale):
    """Some columns of rows, less an origin, over powers of 2 and scales."""
    rows = X[:, columns].astype(np.float64) - origin
    return np.ldexp(rows, -exponent) / scale


def group_moments(X, weight, n_groups, units, start):
    """Moments of each n_groups-th row, for blocks that begin with row `start`."""
    rows = prepared(X, *units)
    return [
        Moments.of(rows[(g - start) % n_groups :: n_groups]) for g in range(n_groups)
    ]


def merge_groups(groups, others):
    """Moments of the groups of both sets of rows."""
    return list(map(Moments.merge, groups, others))


def without_each(groups):
    """Yield scatter, and number of rows, without each group in turn."""
    for g in range(len(groups)):
        rest = functools.reduce(Moments.merge, groups[:g] + groups[g + 1 :])
        yield rest.scatter, int(rest.weight)
