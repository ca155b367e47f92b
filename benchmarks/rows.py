"""Fits of Dask collections: PCA beside dask-ml and Dask itself, EM beside memory.

PCA runs on two worker processes of one thread each; dask-ml on two others, in the
environment of `_peers.py`. The cost of a pass that does nothing is that of the graph of
Dask.
"""

import contextlib
import operator
import os
import signal
import statistics
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import dask
import dask.array as da
import numpy as np

from benchmarks._clusters import (
    DASK,
    extra_memory,
    held_variances,
    many_rows,
    readings,
    workers,
)
from benchmarks._harness import compare, interleave
from benchmarks._peers import Peers
from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture
from sklatent.density.mixture._em import em_step
from sklatent.utils._rows import row_source

SEED = 0
OURS, THEIRS = "sklatent", "dask_ml"


# --------------------------------------------------------------------------------
# PCA on two workers


def spectrum_rows(n, p):
    """Rows, (n, p), whose standard deviations fall from 1 to about 0."""
    rng = np.random.RandomState(SEED)
    return rng.standard_normal((n, p)) * 0.9 ** np.arange(p)


class SameRows:
    """What each package does with the same rows: ours here, and dask-ml there.

    Parameters
    ----------
    path : path
        Where the rows are, for the other environment.
    X : ndarray of shape (n_samples, n_features)
        The rows.
    peers : Peers
        The other environment.
    """

    def __init__(self, path, X, peers):
        np.save(path, X)
        self.path, self.X, self.peers = path, X, peers

    def __call__(self, function, package, **arguments):
        """Call a function of `_clusters.py` for a package."""
        if package == THEIRS:
            name = f"_clusters.{function.__name__}"
            return self.peers(name, self.path, package=package, **arguments)
        return function(self.X, package, **arguments)


def largest_error(found, exact):
    """Largest relative error of the first variances."""
    return np.abs(np.divide(found, exact[: len(found)]) - 1).max()


def tables_of_pca(n=500_000, p=50, n_components=10, repeats=5):
    """Time, memory, readings and accuracy of PCA of ten chunks."""
    X, peers = spectrum_rows(n, p), Peers()
    packages = (OURS, DASK, THEIRS)
    settings = {"n_components": n_components}
    with tempfile.TemporaryDirectory() as folder:
        rows = SameRows(Path(folder) / "rows.npy", X, peers)
        functions = {
            package: partial(rows, held_variances, package, **settings)
            for package in packages
        }
        title = f"PCA({n_components}), {n:,} x {p}, ten chunks, two workers"
        yield compare(title, functions, {DASK: 4, THEIRS: 7}, repeats)
        columns = {
            "extra MB": [rows(extra_memory, name, **settings) for name in packages],
            "readings": [rows(readings, name, **settings) for name in packages],
        }
        for offset in (0.0, 1e8):
            shifted = SameRows(Path(folder) / f"{offset:g}.npy", X + offset, peers)
            # The offset is exact, so that what is compared is the rows as rounded.
            exact = np.linalg.eigvalsh(np.cov((shifted.X - offset).T))[::-1]
            columns[f"error at {offset:g}"] = [
                largest_error(shifted(held_variances, name, **settings), exact)
                for name in packages
            ]
    lines = [
        "megabytes beyond the rows on both workers, how often each lazy chunk is made, "
        "and\nthe largest relative error of a variance   reach 64, 1, 1e-12, 1e-9",
        " " * 28 + "".join(f"{name:>15}" for name in columns),
    ]
    for i, name in enumerate(packages):
        cells = "".join(f"{values[i]:>15.3g}" for values in columns.values())
        lines.append(f"  {name:<26}{cells}")
    yield "\n".join(lines)


def table_of_many_rows(n=2_000_000, p=50, memory_limit="1.8GB", patience=120):
    """PCA of rows that nearly fill two workers."""
    settings = {
        "n_components": 10,
        "n_rows": n,
        "memory_limit": memory_limit,
        "patience": patience,
    }
    lines = [f"PCA(10), {n:,} x {p}, two workers of {memory_limit}"]
    with tempfile.TemporaryDirectory() as folder:
        rows = SameRows(Path(folder) / "rows.npy", np.empty((0, p)), Peers())
        for package in (OURS, THEIRS):
            found = rows(many_rows, package, **settings)
            said = f"no result in {patience} s, or workers out of memory"
            if found is not None:
                said = "{:.0f} MB beyond the rows, {:.1f} s".format(*found)
            lines.append(f"  {package:<26}{said}   reach 64 MB")
    return "\n".join(lines)


# --------------------------------------------------------------------------------
# Workers that are more, or fewer


def lazy_rows(path, fatal=None):
    """Eight blocks of rows, made when they are needed.

    Parameters
    ----------
    path : path
        Of a file that counts how often a block is made.
    fatal : int or None
        After how many makings a worker is killed, once.
    """
    blocks = [dask.delayed(_make, pure=False)(i, str(path), fatal) for i in range(8)]
    arrays = [da.from_delayed(block, (20_000, 5), np.float64) for block in blocks]
    return da.concatenate(arrays)


def _make(i, path, fatal):
    with open(path, "ab") as file:
        file.write(b".")
    if fatal and os.path.getsize(path) >= fatal:
        with contextlib.suppress(FileExistsError):  # another worker was first
            open(f"{path}.killed", "xb").close()
            os.kill(os.getpid(), signal.SIGKILL)
    rng = np.random.RandomState(i)
    return rng.standard_normal((20_000, 5)) + rng.choice([-3.0, 3.0], size=(20_000, 1))


def bits(model):
    """All numbers of a fitted mixture, or PCA."""
    return b"".join(
        np.asarray(value).tobytes()
        for name, value in sorted(vars(model).items())
        if name.endswith("_") and np.asarray(value).dtype.kind == "f"
    )


def table_of_workers(n_iter=6):
    """Bits of fits by one, two and three workers, and by two of which one dies."""
    mixture = GaussianMixture(2, max_iter=n_iter, tol=0, random_state=SEED)
    found, n_made = [], []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of reading often, and not to convergence
        # In the third step, after the overview and the sample.
        for n_workers, fatal in ((1, None), (2, None), (3, None), (2, 8 * 4 + 3)):
            path = Path(folder) / f"{len(found)}"
            X = lazy_rows(path, fatal)
            with workers(n_workers):
                # PCA last, so that the numbers of the blocks are those of EM.
                models = [mixture.fit(X), PCA(2).fit(X)]
                found.append([bits(model) for model in models])
            n_made.append(path.stat().st_size)
    same = "the same bits" if found[0] == found[1] == found[2] else "NOT THE SAME BITS"
    lost = "the same bits" if found[3] == found[0] else "NOT THE SAME BITS"
    passes = (n_made[3] - n_made[0]) / 8
    return (
        "PCA(2) and GaussianMixture(2), 160,000 x 5, eight lazy chunks\n"
        f"  one, two and three workers: {same}\n"
        f"  two workers, kill -9 of one in step 3 of EM: {lost}, {passes:.2f} of a "
        "pass made again   reach 1"
    )


# --------------------------------------------------------------------------------
# EM, and what a pass costs


def table_of_em(n=400_000, p=10, k=8, size=20_000, repeats=7):
    """Time of an EM step of GaussianMixture over chunks, per row, beside memory."""
    rng = np.random.RandomState(SEED)
    X = rng.standard_normal((n, p)) + 4 * rng.standard_normal((k, p))[np.arange(n) % k]
    mixture = GaussianMixture(k, random_state=SEED)
    array = row_source(mixture, X, None, with_scatter=False)
    chunks = row_source(mixture, da.from_array(X, chunks=(size, p)), None)
    rows = {
        "in chunks": mixture._training_rows(chunks, "full"),
        "in memory": mixture._training_rows(array, "full"),
    }
    [candidate] = mixture._candidates(False)
    reg = np.full(p, 1e-6)
    start, _ = mixture._start(candidate, rows["in memory"], reg, rng)
    functions = {
        name: lambda rows=rows: em_step(start, rows, reg, n_threads=1)
        for name, rows in rows.items()
    }
    with dask.config.set(scheduler="synchronous"):
        seconds = interleave(functions, repeats)
    per_row = {name: 1e9 * statistics.median(s) / n for name, s in seconds.items()}
    ratios = map(operator.truediv, seconds["in chunks"], seconds["in memory"])
    return (
        f"EM step, GaussianMixture({k}), {n:,} x {p}, chunks of {size:,}, one thread\n"
        f"  in memory {per_row['in memory']:.0f} ns a row, in chunks "
        f"{per_row['in chunks']:.0f} ns a row, ratio {statistics.median(ratios):.2f}"
        "   reach 1.3"
    )


def table_of_passes():
    """Processor time of passes that do nothing, over chunks that are made each time."""
    lines = ["Pass that does nothing, over lazy chunks, seconds of processor time"]
    for scheduler in ("synchronous", "threads"):
        for n, reach in ((100, 0.05), (10_000, 5.0)):
            X = da.random.default_rng(SEED).standard_normal((8 * n, 4), chunks=(8, 4))
            rows = row_source(PCA(), X, None)
            times = []
            with dask.config.set(scheduler=scheduler):
                for _ in range(4):
                    start = time.process_time()
                    rows.reduce(_nothing, operator.add)
                    times.append(time.process_time() - start)
            lines.append(
                f"  {scheduler:<14}{n:>8,} chunks{statistics.median(times[1:]):>9.3f} s"
                f"   reach {reach}"
            )
    return "\n".join(lines)


def _nothing(X, weight):
    return 0.0


def run():
    """Yield the tables."""
    yield table_of_passes()
    yield table_of_em()
    yield from tables_of_pca()
    yield table_of_many_rows()
    yield table_of_workers()
