"""Make the tables of `_calibration.npz` by simulation.

``python -m sklatent.dimension._calibrate`` takes about an hour on two cores. For every
function and setting:

- the bias, log of the mean of d^ / d, for n even points of a d-ball, whose boundary and
  size in relation to the distances is what makes estimates too low;
- the same for other shapes;
- the dependence, by which factor the standard deviation of log d^ exceeds that of
  independent points, for an even sample without a boundary;
- quantiles of the misfit to the Pareto distribution, for the same.
"""

import itertools
import pathlib
from functools import partial
from multiprocessing import Pool

import numpy as np
from scipy.spatial import cKDTree

from sklatent.dimension import _estimates
from sklatent.dimension._calibrate_shapes import SHAPES
from sklatent.utils._neighbors import k_nearest

TABLE = pathlib.Path(__file__).with_name("_calibration.npz")

N_NEIGHBORS = 32
SETTINGS = {
    "pareto_mle": [0.0, 0.1, 0.25, 0.5],  # discard_fraction
    "pareto_line": [0.0, 0.1, 0.25, 0.5],
    "gride": [1, 2, 4, 8, 16],  # n1, with n2 = 2 n1
    "levina_bickel": [2, 3, 5, 8, 12, 20, 32],  # k
}
SAMPLES = [50, 100, 250, 500, 1000, 2500, 5000, 10_000, 20_000]
BALLS = [1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40, 60, 90, 130]
# The ball is a correction by itself.
POINTS = dict.fromkeys(SHAPES, 50_000) | {"ball": 150_000}
# Dimension, points and repetitions without a boundary; so many points that no ball of
# 32 of them reaches around the torus.
TORI = [
    (1, 1000, 4000),
    (2, 1000, 4000),
    (3, 1000, 4000),
    (5, 1000, 4000),
    (8, 4000, 600),
]
LEVELS = np.r_[np.arange(0.0, 0.99, 0.01), 0.99, 0.995, 0.999, 1.0]


def estimates(log_distances):
    """Yield function, setting, estimate and influence, for all of them."""
    ratio = log_distances[:, 1] - log_distances[:, 0]
    for name, settings in SETTINGS.items():
        function = getattr(_estimates, name)
        for setting in settings:
            if name == "gride":
                t = log_distances[:, 2 * setting - 1] - log_distances[:, setting - 1]
                yield name, setting, *function(t, setting, 2 * setting)
            elif name == "levina_bickel":
                yield name, setting, *function(log_distances, setting)
            else:
                yield name, setting, *function(ratio, setting)


def shape_bias(cell):
    """Logarithm of the mean of d^ / d, over samples of a shape."""
    shape, n, d = cell
    means = []
    for seed in range(max(POINTS[shape] // n, 4)):
        X = SHAPES[shape](n, d, np.random.RandomState(seed))
        distances, _ = k_nearest(X, N_NEIGHBORS + 1, n_jobs=1)
        log_distances = np.log(distances[:, 1:])
        means.append([dimension for *_, dimension, _ in estimates(log_distances)])
    return np.log(np.mean(means, axis=0) / d)


def torus_sample(d, n, seed):
    """Error in standard deviations of independent points; and the misfits."""
    X = np.random.RandomState(seed).uniform(size=(n, d))
    distances, _ = cKDTree(X, boxsize=1).query(X, N_NEIGHBORS + 1)
    log_distances = np.log(distances[:, 1:])
    errors = [
        np.log(dimension / d) / np.sqrt((influence**2).sum()) * n
        for *_, dimension, influence in estimates(log_distances)
    ]
    ratio = log_distances[:, 1] - log_distances[:, 0]
    misfits = [_estimates.pareto_misfit(ratio, q) for q in SETTINGS["pareto_mle"]]
    return errors, misfits


def main():
    """Simulate everything, and write the table."""
    table = {"samples": SAMPLES, "balls": BALLS, "tori": [d for d, *_ in TORI]}
    ends = np.cumsum([len(settings) for settings in SETTINGS.values()])[:-1]
    with Pool() as pool:
        dependence = []
        for d, n, repeats in TORI:
            errors, misfits = zip(
                *pool.map(partial(torus_sample, d, n), range(repeats)), strict=True
            )
            dependence.append(np.std(errors, axis=0))
            if d == 3:
                table["levels"] = LEVELS
                table["misfit"] = np.quantile(misfits, LEVELS, axis=0).T
        cells = list(itertools.product(SHAPES, SAMPLES, BALLS))
        bias = pool.map(shape_bias, cells, chunksize=1)
    bias = np.reshape(bias, (len(SHAPES), len(SAMPLES), len(BALLS), -1))
    for name, b, f in zip(
        SETTINGS,
        np.split(bias, ends, axis=3),
        np.split(np.transpose(dependence), ends),
        strict=True,
    ):
        table[f"{name}_settings"] = SETTINGS[name]
        ball, *others = np.moveaxis(b, 3, 1)
        table[f"{name}_bias"] = ball
        table[f"{name}_shapes"] = np.stack(others, axis=-1).astype(np.float32)
        table[f"{name}_dependence"] = f
    np.savez(TABLE, **table)


if __name__ == "__main__":
    main()
