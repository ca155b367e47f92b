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


def dependence(kernel, setting, dimension):
    """Factor by which neighbors in common increase a standard deviation.

    Points that share neighbors have estimates that go together. How much depends on
    the dimension and on how many neighbors a point has, and hardly on anything else
    where the density is even over the neighborhood; so it is read off a simulation
    instead of the sample at hand, in which it shows with much noise.

    Parameters
    ----------
    kernel : str
        Name of a function of `sklatent.dimension._kernels`.
    setting : float
        Its setting; beyond the table the nearest of it.
    dimension : float
        The estimate; beyond the table the nearest of it.

    Returns
    -------
    factor : float
        At least 1.
    """
    table = _table()
    factors = RegularGridInterpolator(
        (_even(kernel, table[f"{kernel}_settings"]), np.log(table["tori"])),
        table[f"{kernel}_dependence"],
    )
    at = _clip(factors.grid, (_even(kernel, setting), np.log(dimension)))
    return max(float(factors(at)[0]), 1.0)


def correct(kernel, settings, n_samples, *dimensions):
    """Dimensions of the balls in which that many points give these estimates.

    Parameters
    ----------
    kernel : str
        Name of a function of `sklatent.dimension._kernels`.
    settings : sequence of float
        Its settings, over which the estimate is an average.
    n_samples : int
        Number of distinct points; beyond the table, extrapolated in its logarithm.
    *dimensions : float
        Estimates. Those up to that of a line are divided by the same as a line's.

    Returns
    -------
    corrected : ndarray of shape (n_dimensions,)
        Dimension of the ball for each of the estimates.
    """
    table = _table()
    balls = np.log(table["balls"])
    bias = RegularGridInterpolator(
        (_even(kernel, table[f"{kernel}_settings"]), np.log(table["samples"])),
        table[f"{kernel}_bias"],
        bounds_error=False,
        fill_value=None,  # that is, extrapolate
    )
    within = np.clip(_even(kernel, settings), bias.grid[0][0], bias.grid[0][-1])
    biases = [bias((setting, np.log(n_samples))) for setting in within]
    # Of the averages over the settings, as the estimate is one.
    estimates = balls + np.log(np.mean(np.exp(biases), axis=0)).ravel()
    # Rounding of a simulation must not make it go back.
    estimates = np.maximum.accumulate(estimates + 1e-9 * np.arange(len(balls)))
    inverse = PchipInterpolator(estimates, balls)
    log_d = np.log(dimensions)
    inside = np.clip(log_d, estimates[0], estimates[-1])
    # Outside the ratio is that of the end.
    return np.exp(inverse(inside) + (log_d - inside))


def misfit_pvalue(misfit, discard_fraction):
    """Share of samples of an even density whose ratios fit no better.

    Parameters
    ----------
    misfit : float
        From `sklatent.dimension._kernels.pareto_misfit`.
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


def _even(kernel, setting):
    """Return settings on a scale on which the tables are even."""
    counts = kernel in {"gride", "levina_bickel"}
    return np.log(setting) if counts else np.asarray(setting, dtype=np.float64)


def _clip(grid, at):
    """Return a point of the grid's range next to the given one."""
    return [np.clip(x, axis[0], axis[-1]) for axis, x in zip(grid, at, strict=True)]
