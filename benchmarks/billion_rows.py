"""What a billion rows of 20 columns would take, computed from rates measured on fewer.

A fit of lazy chunks is asked how often it makes each chunk, and how much processor time
it takes for a row. All rows then take, on machines of equal cores,

    passes * bytes / (reading rate * machines) + rate * rows / (cores * machines),

as if nothing were computed while a machine reads. Networks are trained by one process.
"""

import statistics
import tempfile
import time
import warnings
from pathlib import Path

import dask
import dask.array as da
import numpy as np

from benchmarks.memory_map import N_FEATURES, write
from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, HistogramDensity
from sklatent.neural import VAETransformer

N_MEASURED, CHUNK, N_REPEATS = 400_000, 20_000, 3
N_ROWS = 1_000_000_000
# Bytes that each machine reads in a second: an assumption.
READING_RATE = 1e9
# Machines, and cores of each.
CLUSTERS = {"1 x 2 cores": (1, 2), "10 x 16 cores": (10, 16)}

MIXTURE = GaussianMixture(8, max_iter=20, tol=0, random_state=0)
NETWORK = VAETransformer(6, max_epochs=1, batch_size=4096, random_state=0)
# Each of lazy rows and of a sample of them, which some models are fitted to.
JOBS = {
    "PCA(10).fit": lambda X, _: PCA(10).fit(X),
    "PPCA(10).fit": lambda X, _: PPCA(10).fit(X),
    "FactorAnalysis(10).fit": lambda X, _: FactorAnalysis(10).fit(X),
    "GaussianMixture(8).fit, 20 steps": lambda X, _: MIXTURE.fit(X),
    "HistogramDensity().fit, 3 columns": lambda X, _: HistogramDensity().fit(X[:, :3]),
    "PCA(10).transform, summed": lambda X, Z: summed(PCA(10).fit(Z).transform(X)),
    "PCA(10).score": lambda X, Z: PCA(10).fit(Z).score(X),
    "GaussianMixture(8).score": lambda X, Z: MIXTURE.fit(Z).score(X),
    "VAETransformer(6).fit, 1 epoch": lambda X, _: NETWORK.fit(X),
}


def summed(X):
    """Sum of all entries."""
    return dask.compute(X.sum())


def lazy(X, made):
    """Lazy chunks of rows, whose numbers of rows are listed as they are made."""

    def make(block):
        made.append(len(block))
        return block

    chunks = da.from_array(X, chunks=(CHUNK, -1))
    return chunks.map_blocks(make, dtype=X.dtype, meta=np.empty((0, 0)))


def cost(job, X):
    """How often a job reads each row, and its processor time for a row, in seconds.

    What does not depend on the number of rows is left out.
    """
    sample, rates = X[:: len(X) // 1000], []
    for _ in range(N_REPEATS):
        seconds = []
        for rows in (X[:CHUNK], X):
            made = []
            start = time.process_time()
            job(lazy(rows, made), sample)
            seconds.append(time.process_time() - start)
        rates.append((seconds[1] - seconds[0]) / (len(X) - CHUNK))
    return round(sum(made) / len(X), 1), statistics.median(rates)


def minutes(passes, rate, machines, cores):
    """What all rows take."""
    read = passes * N_ROWS * N_FEATURES * 8 / (READING_RATE * machines)
    return (read + rate * N_ROWS / (machines * cores)) / 60


def run():
    """Yield the table."""
    size = N_ROWS * N_FEATURES * 8 / 1e9
    lines = [
        f"{N_ROWS:,} x {N_FEATURES} in double precision, {size:.0f} GB, each machine "
        f"reading {READING_RATE / 1e9:g} GB/s",
        f"{'':<36}{'passes':>8}{'us a row':>10}"
        + "".join(f"{name + ', min':>20}" for name in CLUSTERS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        write(path, N_MEASURED)
        X = np.load(path)
    with dask.config.set(scheduler="synchronous"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of reading often, and not to convergence
        for name, job in JOBS.items():
            passes, rate = cost(job, X)
            times = [
                minutes(passes, rate, *((1, 2) if "VAE" in name else cluster))
                for cluster in CLUSTERS.values()
            ]
            cells = "".join(f"{value:>20.1f}" for value in times)
            lines.append(f"  {name:<34}{passes:>8g}{1e6 * rate:>10.2f}{cells}")
    yield "\n".join(lines)
