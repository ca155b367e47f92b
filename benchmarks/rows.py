"""Fits of Dask collections: PCA beside dask-ml and Dask itself, EM beside memory.

PCA runs on two worker processes of one thread each. The cost of a pass that does
nothing is that of the graph of Dask. dask-ml is compared where it is installed.
"""

import contextlib
import importlib.util
import operator
import statistics
import time

import dask
import dask.array as da
import numpy as np

from benchmarks._harness import compare, interleave
from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture
from sklatent.density.mixture._em import em_step
from sklatent.utils._rows import row_source

SEED = 0


def spectrum_rows(n, p):
    """Rows, (n, p), whose standard deviations fall from 1 to about 0."""
    rng = np.random.RandomState(SEED)
    return rng.standard_normal((n, p)) * 0.9 ** np.arange(p)


def table_of_pca(n=500_000, p=50, n_components=10, repeats=3):
    """Time and accuracy of PCA on persisted chunks of 50,000 rows."""
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    rows = spectrum_rows(n, p)
    exact = np.linalg.eigvalsh(np.cov(rows.T))[::-1][:n_components]
    found = {}
    with cluster, Client(cluster):
        X = da.from_array(rows, chunks=(n // 10, p)).persist()

        def ours():
            found["sklatent PCA"] = PCA(n_components).fit(X).explained_variance_

        def compressed():
            centered = X - X.mean(axis=0)
            _, s, _ = da.linalg.svd_compressed(centered, n_components, seed=SEED)
            found["da.linalg.svd_compressed"] = s.compute() ** 2 / (n - 1)

        def dask_ml():
            from dask_ml.decomposition import PCA as Theirs

            found["dask_ml PCA"] = Theirs(n_components).fit(X).explained_variance_

        functions = {"sklatent PCA": ours, "da.linalg.svd_compressed": compressed}
        reach = {"da.linalg.svd_compressed": 4, "dask_ml PCA": 7}
        if importlib.util.find_spec("dask_ml"):
            functions["dask_ml PCA"] = dask_ml
        title = f"PCA({n_components}), {n:,} x {p}, two workers"
        yield compare(title, functions, reach, repeats)
    errors = [
        f"  {name:<44}{np.abs(found[name] / exact - 1).max():>12.1e}"
        for name in functions
    ]
    yield "\n".join(["largest relative error of a variance", *errors])


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
    with contextlib.suppress(ModuleNotFoundError):  # without distributed
        yield from table_of_pca()
