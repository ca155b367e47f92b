"""Fifty million rows in a file: time, and memory beyond the pages of the file.

Rows are of four clusters on a space of six dimensions, with noise in all 20 columns,
written once to a temporary file. Each fit has a process of its own that maps the file
into memory. Pages of the file that are read stay in memory only as long as nothing else
needs it, so what counts is anonymous memory, of which the process is asked 50 times a
second how much more it has than before the fit.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1]
N_ROWS, N_FEATURES = 50_000_000, 20
CHUNK = 500_000

# A table each.
FITS = {
    "linear models and densities": {
        "PCA(10)": "PCA(10).fit(X)",
        "PPCA(10)": "PPCA(10).fit(X)",
        "HistogramDensity, 3 columns": "HistogramDensity().fit(X[:, :3])",
        "GaussianMixture(4), 10 iterations": (
            "GaussianMixture(4, max_iter=10, tol=0, random_state=0).fit(X)"
        ),
    },
    "networks, a fifth of the rows": {
        "VAETransformer(6), 1 epoch": (
            "X = X[: len(X) // 5]\n"
            "VAETransformer(6, max_epochs=1, batch_size=4096, random_state=0).fit(X)"
        ),
    },
}

PROGRAM = """
import re, sys, threading, time, warnings
from pathlib import Path
import numpy as np
from sklatent.decomposition import PCA, PPCA
from sklatent.density import GaussianMixture, HistogramDensity
if "VAE" in {fit!r}:
    from sklatent.neural import VAETransformer

def memory():
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 2**10

def watch():
    while not done.wait(0.02):
        peaks.append(memory())

warnings.simplefilter("ignore")
X = np.load(sys.argv[1], mmap_mode="r")
before, peaks, done = memory(), [0.0], threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
start = time.perf_counter()
{fit}
seconds = time.perf_counter() - start
done.set()
watcher.join()
print(seconds, max(peaks) - before)
"""


def write(path, n_rows):
    """Write the rows, and return the seconds that this took."""
    rng = np.random.default_rng(0)
    loadings = rng.standard_normal((6, N_FEATURES))
    centers = 4 * rng.standard_normal((4, 6))
    shape = (n_rows, N_FEATURES)
    start = time.perf_counter()
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=shape)
    for first in range(0, n_rows, CHUNK):
        block = X[first : first + CHUNK]
        n = len(block)
        Z = centers[rng.integers(4, size=n)] + rng.standard_normal((n, 6))
        block[:] = Z @ loadings + 0.5 * rng.standard_normal((n, N_FEATURES))
    X.flush()
    return time.perf_counter() - start


def measure(path, fit):
    """Seconds of a fit, and megabytes beyond the file, in a process of its own."""
    command = [sys.executable, "-c", PROGRAM.format(fit=fit), str(path)]
    answer = subprocess.run(
        command, cwd=HERE, capture_output=True, text=True, check=True
    )
    return map(float, answer.stdout.split())


def run(n_rows=N_ROWS):
    """Yield the tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        seconds = write(path, n_rows)
        yield (
            f"{n_rows:,} x {N_FEATURES} in a memory map of "
            f"{path.stat().st_size / 2**20:,.0f} MB, written in {seconds:.0f} s"
        )
        for family, fits in FITS.items():
            lines = [f"{family:<38}{'seconds':>10}{'MB beyond the file':>20}"]
            for name, fit in fits.items():
                seconds, peak = measure(path, fit)
                lines.append(f"  {name:<36}{seconds:>10.1f}{peak:>20.0f}")
            yield "\n".join(lines)
