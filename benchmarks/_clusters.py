"""PCA by two worker processes of one thread: ours here, others in their environment.

`_peers.py` calls these functions there by name, so that both do the same.
"""

import atexit
import contextlib
import importlib
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from distributed import Client, KilledWorker, LocalCluster, wait

N_CHUNKS, CHUNK_ROWS = 10, 50_000
DASK = "da.linalg.svd_compressed"


@contextlib.contextmanager
def workers(n_workers=2, **settings):
    """Give a client of worker processes of one thread each."""
    settings |= {
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": "127.0.0.1:0",
    }
    settings["silence_logs"] = logging.CRITICAL  # of workers that end, or are killed
    with (
        LocalCluster(n_workers=n_workers, **settings) as cluster,
        Client(cluster) as client,
    ):
        yield client


def variances(X, package, n_components):
    """Variances along the first axes of a collection, by PCA of a package."""
    if package == DASK:
        _, s, _ = da.linalg.svd_compressed(X - X.mean(axis=0), n_components, seed=0)
        return (s.compute() ** 2 / (len(X) - 1)).tolist()
    PCA = importlib.import_module(f"{package}.decomposition").PCA
    return PCA(n_components).fit(X).explained_variance_.tolist()


_stays, _held = contextlib.ExitStack(), []
atexit.register(_stays.close)


@cache
def _client():
    """Two workers that stay."""
    return _stays.enter_context(workers())


def held(X):
    """Rows in ten chunks that the workers hold."""
    if not _held or _held[0] is not X:
        _client()
        _held[:] = X, da.from_array(X, chunks=(len(X) // N_CHUNKS, -1)).persist()
        wait(_held[1])
    return _held[1]


def held_variances(X, package, n_components):
    """Variances of rows that the workers hold."""
    return variances(held(X), package, n_components)


def extra_memory(X, package, n_components):
    """Megabytes that PCA takes beyond the rows, on both workers together."""
    rows = held(X)
    with watched(_client()) as extra:
        variances(rows, package, n_components)
    return extra[0]


def readings(X, package, n_components):
    """How often PCA makes each chunk of lazy rows."""
    made = []

    def make(block):
        made.append(len(block))
        return block

    lazy = da.from_array(X, chunks=(len(X) // N_CHUNKS, -1))
    lazy = lazy.map_blocks(make, dtype=X.dtype, meta=np.empty((0, 0)))
    with dask.config.set(scheduler="synchronous"):
        variances(lazy, package, n_components)
    return sum(made) / len(X)


def many_rows(X, package, n_components, n_rows, memory_limit, patience):
    """Megabytes beyond rows that fill most of the workers, and the seconds of a fit.

    None if it does not end within seconds of patience, or the workers end first.
    """
    with workers(memory_limit=memory_limit) as client:
        rng, shape = da.random.default_rng(0), (n_rows, X.shape[1])
        rows = rng.standard_normal(shape, chunks=(CHUNK_ROWS, -1)).persist()
        wait(rows)
        client.run(importlib.import_module, f"{package}.decomposition")
        executor, seconds = ThreadPoolExecutor(1), None
        with watched(client) as extra, contextlib.suppress(TimeoutError, KilledWorker):
            start = time.perf_counter()
            executor.submit(variances, rows, package, n_components).result(patience)
            seconds = time.perf_counter() - start
        # What still runs ends with the cluster.
        executor.shutdown(wait=False)
    return None if seconds is None else [extra[0], seconds]


# --------------------------------------------------------------------------------
# Memory of the workers


def _memory():
    """Megabytes of this process that are no pages of files."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 2**10


@contextlib.contextmanager
def watched(client):
    """Give a list, which gets the megabytes that all workers took in the meantime."""
    extra = []
    client.run(_start)
    yield extra
    extra.append(sum(client.run(_stop).values()))


def _start(dask_worker):
    """Look 200 times a second how much memory this worker has."""
    seen, done = [_memory()], threading.Event()

    def look():
        while not done.wait(0.005):
            seen.append(_memory())

    threading.Thread(target=look, daemon=True).start()
    dask_worker.watch = seen, done


def _stop(dask_worker):
    """Return by how much the most of it was more than the first."""
    if not hasattr(dask_worker, "watch"):  # in the place of one that has ended
        return float("nan")
    seen, done = dask_worker.watch
    done.set()
    return max(seen) - seen[0]
