"""How often the nominal 95 % interval covers the dimension, and how wide it is."""

import numpy as np
from sklearn.base import clone

from benchmarks.dimensions._sets import common
from sklatent.dimension import Gride, LevinaBickel, TwoNN

N_ROWS, N_REPEATS = 1000, 200

ESTIMATORS = {
    "TwoNN": TwoNN(),
    "ball": TwoNN(correction="ball"),
    "shapes": TwoNN(correction="shapes"),
    "Gride shapes": Gride(max_neighbors=2, correction="shapes"),
    "LevBick shapes": LevinaBickel(correction="shapes"),
}


def intervals(draw, metric, seeds):
    """Intervals of all estimators, of shape (n_repeats, n_estimators, 2)."""
    estimators = [clone(e).set_params(metric=metric) for e in ESTIMATORS.values()]
    samples = (draw(N_ROWS, seed) for seed in seeds)
    return np.array(
        [[e.fit(X).confidence_interval_ for e in estimators] for X in samples]
    )


def table(repeats=N_REPEATS, first_seed=0, sets=None):
    """Coverage and median width, relative to the dimension, of some sets, or all.

    Other seeds give rows that no table, and no choice of a method, was made from.
    """
    seeds = range(first_seed, first_seed + repeats)
    lines = [
        f"coverage of the nominal 95 % interval, and its median width in % of the "
        f"dimension, {N_ROWS} rows, {repeats} repetitions, seeds from {first_seed}",
        "  set                  d" + "".join(f"{name:>17}" for name in ESTIMATORS),
    ]
    coverages, widths = [], []
    for (name, d), (draw, metric) in (common() if sets is None else sets).items():
        low, high = np.moveaxis(intervals(draw, metric, seeds), 2, 0)
        coverages.append(100 * ((low <= d) & (d <= high)).mean(axis=0))
        widths.append(100 * np.median(high - low, axis=0) / d)
        cells = zip(coverages[-1], widths[-1], strict=True)
        lines.append(
            f"  {name:<18}{d:>4}"
            + "".join(f"{share:>10.1f}{width:>7.0f}" for share, width in cells)
        )
    for title, values in (
        ("least coverage", np.min(coverages, axis=0)),
        ("mean coverage", np.mean(coverages, axis=0)),
        ("median width", np.median(widths, axis=0)),
    ):
        lines.append(f"  {title:<22}" + "".join(f"{v:>10.1f}       " for v in values))
    lines.append("  reach: coverage >= 90 of every set, median width <= 35")
    return "\n".join(line.rstrip() for line in lines)


def run():
    """Yield the table."""
    yield table()
