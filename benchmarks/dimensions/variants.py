"""Errors on sets that the benchmark manifolds do not name, beside scikit-dimension."""

import numpy as np

from benchmarks._peers import Peers
from benchmarks.dimension import Files
from benchmarks.dimensions._sets import variants
from sklatent.dimension import DANCo, Gride, LevinaBickel, TwoNN

N_ROWS = 1000

ESTIMATORS = {
    "TwoNN": TwoNN(),
    "ball": TwoNN(correction="ball"),
    "shapes": TwoNN(correction="shapes"),
    "Gride shapes": Gride(max_neighbors=2, correction="shapes"),
    "LevBick shapes": LevinaBickel(correction="shapes"),
    "DANCo": DANCo(),
}


def run():
    """Yield the table."""
    peers, files = Peers(), Files()
    names = [*ESTIMATORS, "skdim DANCo"]
    lines = [
        f"estimates of the dimension, {N_ROWS} rows, one sample a set",
        "  set              d" + "".join(f"{name:>16}" for name in names),
    ]
    errors = []
    for seed, ((name, d), draw) in enumerate(variants().items()):
        X = draw(N_ROWS, seed)
        path = files.path(X)
        row = [e.fit(X).dimension_ for e in ESTIMATORS.values()]
        row.append(peers("dimensions._peers.skdim_danco", path))
        path.unlink()
        errors.append(100 * np.abs(np.array(row) / d - 1))
        lines.append(f"  {name:<14}{d:>4}" + "".join(f"{v:>16.2f}" for v in row))
    error = np.mean(errors, axis=0)
    lines.append("  mean error, %     " + "".join(f"{v:>16.1f}" for v in error))
    lines.append(
        "  of the peer's     " + "".join(f"{v:>16.2f}" for v in error / error[-1])
    )
    lines.append("  reach: at most 0.8 of the peer's")
    yield "\n".join(lines)
