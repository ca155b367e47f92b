"""Errors on sets that the benchmark manifolds do not name, beside scikit-dimension."""

import numpy as np

from benchmarks._peers import Peers
from benchmarks.dimension import Files
from benchmarks.dimensions._sets import variants
from sklatent.dimension import DANCo, Gride, LevinaBickel, TwoNN

N_ROWS, N_SAMPLES = 1000, 3

ESTIMATORS = {
    "TwoNN": TwoNN(),
    "ball": TwoNN(correction="ball"),
    "shapes": TwoNN(correction="shapes"),
    "Gride shapes": Gride(max_neighbors=2, correction="shapes"),
    "LevBick shapes": LevinaBickel(correction="shapes"),
    "DANCo": DANCo(),
}


def estimates(draw, first_seed, peers, files):
    """Estimates of all, of shape (n_samples, n_estimators)."""
    rows = []
    for seed in range(first_seed, first_seed + N_SAMPLES):
        X = draw(N_ROWS, seed)
        path = files.path(X)
        row = [estimator.fit(X).dimension_ for estimator in ESTIMATORS.values()]
        rows.append([*row, peers("dimensions._peers.skdim_danco", path)])
        path.unlink()
    return np.array(rows)


def run():
    """Yield the table."""
    peers, files = Peers(), Files()
    names = [*ESTIMATORS, "skdim DANCo"]
    lines = [
        f"estimates of the dimension, {N_ROWS} rows, mean of {N_SAMPLES} samples; "
        "errors are means of those of samples",
        "  set              d" + "".join(f"{name:>16}" for name in names),
    ]
    errors = []
    for i, ((name, d), draw) in enumerate(variants().items()):
        found = estimates(draw, N_SAMPLES * i, peers, files)
        errors.append(100 * np.abs(found / d - 1).mean(axis=0))
        cells = "".join(f"{v:>16.2f}" for v in found.mean(axis=0))
        lines.append(f"  {name:<14}{d:>4}{cells}")
    error = np.mean(errors, axis=0)
    lines.append("  mean error, %     " + "".join(f"{v:>16.1f}" for v in error))
    ratios = "".join(f"{v:>16.2f}" for v in error / error[-1])
    lines.append(f"  of the peer's     {ratios}")
    lines.append("  reach: at most 0.8 of the peer's")
    yield "\n".join(lines)
