"""ESS beside estimators from distances, and beside scikit-dimension's ESS."""

import time

import numpy as np

from benchmarks._peers import Peers
from benchmarks.dimension import Files
from sklatent.datasets import make_hypersphere, make_swiss_roll
from sklatent.dimension import ESS, DANCo, LevinaBickel, TwoNN

N_ROWS, N_SEEDS = 1000, 5
ESTIMATORS = {
    "ESS": ESS(),
    "DANCo": DANCo(),
    "TwoNN": TwoNN(),
    "LevinaBickel": LevinaBickel(),
}


def spheres():
    """Errors on spheres, where distances are too large for so few rows."""
    lines = [
        f"error on spheres of {N_ROWS:,} rows in %, mean of {N_SEEDS} samples; reach "
        "of ESS: 1",
        "    d" + "".join(f"{name:>15}" for name in ESTIMATORS),
    ]
    for d in (3, 5, 10, 20, 30, 50):
        sets = [
            make_hypersphere(N_ROWS, dimension=d, random_state=seed)[0]
            for seed in range(N_SEEDS)
        ]
        means = [
            np.mean([estimator.fit(X).dimension_ for X in sets])
            for estimator in ESTIMATORS.values()
        ]
        errors = 100 * (np.array(means) / d - 1)
        lines.append(f"  {d:>3}" + "".join(f"{error:>15.1f}" for error in errors))
    return "\n".join(lines)


def beside_peer(peers, files):
    """The skewness of the same neighborhoods, the dimension, and the time."""
    sets = {
        "swiss roll": make_swiss_roll(N_ROWS, random_state=0)[0],
        "sphere, 10": make_hypersphere(N_ROWS, dimension=10, random_state=0)[0],
    }
    lines = [
        f"ESS on {N_ROWS:,} rows: skewness, dimension and seconds of CPU, one thread; "
        "scikit-dimension interpolates between whole dimensions",
        f"  set          neighbors{'skewness':>12}{'peer':>10}{'dimension':>12}"
        f"{'peer':>8}{'seconds':>10}{'peer':>8}{'ratio':>8}",
    ]
    for name, X in sets.items():
        path = files.path(X)
        for k in (10, 100):
            dimension, skewness, seconds = peers(
                "dimensions._ess_peer.skdim_ess", path, n_neighbors=k
            )
            start = time.process_time()
            ess = ESS(k, n_jobs=1).fit(X)
            ours = time.process_time() - start
            lines.append(
                f"  {name:<13}{k:>9}{ess.skewness_:>12.8f}{skewness:>10.6f}"
                f"{ess.dimension_:>12.3f}{dimension:>8.3f}{ours:>10.2f}{seconds:>8.2f}"
                f"{seconds / ours:>8.0f}"
            )
        path.unlink()
    return "\n".join(lines)


def run():
    """Yield the tables."""
    yield spheres()
    yield beside_peer(Peers(), Files())
