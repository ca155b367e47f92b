"""Corrections that come from simulation: dependence, finite samples, misfit.

The tables are made by ``python -m sklatent.dimension._calibrate``.
"""

import functools
from importlib import resources

import numpy as np
from scipy.interpolate import PchipInterpolator, RegularGridInterpolator


@functools.cache
def _table():
    """Read the tables."""
    path = resources.files(__package__) / "_calibration.npz"
    with path.open("rb") as file, np.load(file) as table:
        return dict(table)


def dependence(function, setting, dimension):
    """Factor by which neighbors in common increase a standard deviation.

    Points that share neighbors have estimates that go together. How much depends on
    the dimension and on how many neighbors a point has, and hardly on anything else
    where the density is even over the neighborhood; so it is read off a simulation
    instead of the sample at hand, in which it shows with much noise.

    Parameters
    ----------
    function : str
        Name of a function of `sklatent.dimension._estimates`.
    setting : float
        Setting of the function; beyond the table its nearest entry counts.
    dimension : float
        The estimate; beyond the table its nearest entry counts.

    Returns
    -------
    factor : float
        At least 1.
    """
    table = _table()
    factors = RegularGridInterpolator(
        (_even(function, table[f"{function}_settings"]), np.log(table["tori"])),
        table[f"{function}_dependence"],
    )
    at = _clip(factors.grid, (_even(function, setting), np.log(dimension)))
    return max(float(factors(at)[0]), 1.0)


def correct(function, settings, n_samples, *dimensions):
    """Dimensions of the balls in which that many points give these estimates.

    Parameters
    ----------
    function : str
        Name of a function of `sklatent.dimension._estimates`.
    settings : sequence of float
        Its settings, over which the estimate is an average.
    n_samples : int
        Number of distinct points; beyond the table, extrapolated in its logarithm.
    *dimensions : float
        Estimates. Those up to that of a line are divided by the same as a line's.

    Returns
    -------
    corrected : ndarray of shape (n_dimensions,)
        The corrected dimensions.
    """
    balls = np.log(_table()["balls"])
    estimates = balls + _biases("bias", function, settings, n_samples)
    # The noise of the simulation must not make the curve fall: it is inverted.
    estimates = np.maximum.accumulate(estimates + 1e-9 * np.arange(len(balls)))
    inverse = PchipInterpolator(estimates, balls)
    log_d = np.log(dimensions)
    inside = np.clip(log_d, estimates[0], estimates[-1])
    # Beyond the table the correction is the factor at its end.
    return np.exp(inverse(inside) + (log_d - inside))


def shape_biases(function, settings, n_samples, dimensions):
    """Logarithms of the ratio of estimate and dimension, for points of every shape.

    Parameters
    ----------
    function : str
        Name of a function of `sklatent.dimension._estimates`.
    settings : sequence of float
        Its settings, over which the estimate is an average.
    n_samples : int
        Number of distinct points; beyond the table, extrapolated in its logarithm.
    dimensions : ndarray of shape (n_dimensions,)
        Dimensions; beyond the table its nearest entry counts.

    Returns
    -------
    biases : ndarray of shape (n_dimensions, n_shapes)
        The logarithms.
    """
    balls = np.log(_table()["balls"])
    of_ball = _biases("bias", function, settings, n_samples)
    others = _biases("shapes", function, settings, n_samples)
    return np.transpose(
        [
            np.interp(np.log(dimensions), balls, bias)
            for bias in np.column_stack([of_ball, others]).T
        ]
    )


def _biases(name, function, settings, n_samples):
    """Read log(estimate / dimension), averaged over settings, at the tabulated ones."""
    table = _table()
    bias = RegularGridInterpolator(
        (_even(function, table[f"{function}_settings"]), np.log(table["samples"])),
        table[f"{function}_{name}"],
        bounds_error=False,
        fill_value=None,  # that is, extrapolate
    )
    within = np.clip(_even(function, settings), bias.grid[0][0], bias.grid[0][-1])
    biases = bias([(setting, np.log(n_samples)) for setting in within])
    # The estimate is an average over the settings, so the biases are averaged too.
    return np.log(np.mean(np.exp(biases), axis=0))


def misfit_pvalue(misfit, discard_fraction):
    """Share of samples of an even density that fit the Pareto distribution no better.

    Parameters
    ----------
    misfit : float
        From `sklatent.dimension._estimates.pareto_misfit`.
    discard_fraction : float
        The setting it was computed with.

    Returns
    -------
    pvalue : float
        Between 0 and 1. The quantiles are of 4,000 samples of 1,000 points in three
        dimensions. For 50 to 5,000 points in one to eight dimensions p-values near
        0.01 are right to about 0.006, near 0.1 to 0.03, and elsewhere to 0.06.
    """
    table = _table()
    grid = table["pareto_mle_settings"]
    quantiles = [
        np.interp(discard_fraction, grid, at_level) for at_level in table["misfit"].T
    ]
    return float(1 - np.interp(misfit, quantiles, table["levels"]))


def _even(function, setting):
    """Return settings on a scale on which the tables are even."""
    counts = function in {"gride", "levina_bickel"}
    return np.log(setting) if counts else np.asarray(setting, dtype=np.float64)


def _clip(grid, at):
    """Return a point of the grid's range next to the given one."""
    return [np.clip(x, axis[0], axis[-1]) for axis, x in zip(grid, at, strict=True)]
