"""Threads of our own, with one BLAS thread each."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

from joblib import effective_n_jobs
from threadpoolctl import ThreadpoolController


@functools.cache
def _blas():
    """Return the BLAS libraries of this process, under one control."""
    return ThreadpoolController().select(user_api="blas")


def blas_threads():
    """Return how many threads BLAS would take here."""
    return max((lib.num_threads for lib in _blas().lib_controllers), default=1)


class _SingleBlasThread:
    """Context in which BLAS takes one thread, for work too small to share.

    The setting belongs to the process. Where several threads are inside, the first
    to come makes it and the last to go undoes it.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = 0
        self.before = []

    def __enter__(self):
        with self.lock:
            if self.inside == 0:
                # `limit` of threadpoolctl reads the versions of all libraries too,
                # which takes longer than a product of small matrices.
                self.before = [library.num_threads for library in self._libraries()]
                self._set([1] * len(self.before))
            self.inside += 1

    def __exit__(self, *exception):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self._set(self.before)

    def _libraries(self):
        return _blas().lib_controllers

    def _set(self, numbers):
        for library, number in zip(self._libraries(), numbers, strict=True):
            # threadpoolctl lets only the thread that was first set the number again.
            # Here another thread may be the last to go, and all are counted anyway.
            release = getattr(library, "clear_controlling_thread", lambda force: None)
            release(force=True)
            library.set_num_threads(number)
            release(force=True)


single_blas_thread = _SingleBlasThread()


def count_threads(n_jobs):
    """Return how many threads `n_jobs` means; None is as many as BLAS would take."""
    return blas_threads() if n_jobs is None else effective_n_jobs(n_jobs)


def map_threads(function, items, n_threads, report=None):
    """Return the results for all items, in order, with one BLAS thread each.

    `report`, if there is one, is called after each of them, by the calling thread.
    """
    with single_blas_thread:
        if min(n_threads, len(items)) == 1:
            return _reported(map(function, items), report)
        with ThreadPoolExecutor(n_threads) as threads:
            return _reported(threads.map(function, items), report)


def _reported(results, report):
    if report is None:
        return list(results)
    collected = []
    for result in results:
        collected.append(result)
        report()
    return collected
