"""t-SNE of up to a million rows from given neighbors: time per iteration, memory.

Rows are uniform in a cube, and their neighbors, as many as the default perplexity asks
for, are given as a sparse graph. The map starts as wide as one that is finished, so
that the mesh has its final size, and is stopped after some iterations. Each size has a
process of its own, whose peak of memory includes the graph and the libraries.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from sklatent.manifold.mesh._descent import Descent

HERE = Path(__file__).parents[2]
SIZES = (100_000, 300_000, 1_000_000)
# The width of maps of tens of thousands of digits and more, of clusters and gaps.
SPAN = 250.0

PROGRAM = """
import re, time, warnings
from pathlib import Path
import numpy as np
from benchmarks.manifold_maps.many_rows import SPAN, graph, stopped
from sklatent.manifold import TSNE
warnings.simplefilter("ignore")
X = np.random.RandomState(0).uniform(size=({n}, 3)).astype(np.float32)
start = (SPAN * X[:, :2]).astype(np.float32)
G = graph(X)
del X
begin = time.perf_counter()
moves = stopped(TSNE(init=start, metric="precomputed", n_jobs=2), G, {n_iter})
# Of this process only: getrusage would begin with the memory of its parent.
status = Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 2**20
print(moves[0] - begin, float(np.median(np.diff(moves))), peak)
"""


def graph(X, n_neighbors=91):
    """Distances to the nearest rows, as a sparse array, in single precision."""
    n = len(X)
    data = np.empty((n, n_neighbors), dtype=np.float32)
    indices = np.empty((n, n_neighbors), dtype=np.int32)
    tree = cKDTree(X)
    for begin in range(0, n, 50_000):
        rows = slice(begin, begin + 50_000)
        distances, nearest = tree.query(X[rows], n_neighbors + 1, workers=2)
        data[rows], indices[rows] = distances[:, 1:], nearest[:, 1:]
    starts = np.arange(0, n * n_neighbors + 1, n_neighbors, dtype=np.int32)
    return csr_array((data.ravel(), indices.ravel(), starts), shape=(n, n))


class Enough(Exception):
    """There were as many iterations as wanted."""


def stopped(model, X, n_iter):
    """Fit, stop after some iterations, and return the time at the end of each."""
    moves, move = [], Descent.move

    def timed(*args, **kwargs):
        move(*args, **kwargs)
        moves.append(time.perf_counter())
        if len(moves) > n_iter:
            raise Enough

    Descent.move = timed
    try:
        model.fit(X)
    except Enough:
        return moves
    finally:
        Descent.move = move
    raise RuntimeError("The fit ended before it was stopped.")


def sizes(n_iter=30):
    """The table."""
    lines = [
        f"t-SNE from given neighbors, start as wide as {SPAN:.0f}, two threads: before "
        "the first iteration,",
        "each of them, and the peak of memory of the process",
    ]
    for n in SIZES:
        program = PROGRAM.format(n=n, n_iter=n_iter)
        process = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            cwd=HERE,
        )
        before, each, peak = map(float, process.stdout.split())
        goal = "   reach < 4 GB" if n == SIZES[-1] else ""
        lines.append(
            f"  {n:>9,} rows{before:>9.1f} s{each:>9.3f} s"
            f"{1e6 * each / n:>9.2f} us a row"
            f"{peak:>9.2f} GB{goal}"
        )
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield sizes()
