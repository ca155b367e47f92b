"""Kernel sums: kernels of bounded support, tolerances, outliers beside "loo"."""

import contextlib
import time
import warnings
from unittest import mock

import numpy as np
import sklearn.neighbors

from benchmarks._harness import compare
from sklatent.density import KernelDensity
from sklatent.density.kernel import _grid_sums
from sklatent.density.kernel._sums import KernelSums


def narrow_kernels():
    """Few of the pairs matter: 200,000 rows scored at 2,000."""
    rng = np.random.RandomState(0)
    X, Q = rng.standard_normal((200_000, 2)), rng.standard_normal((2000, 2))
    cases = [("gaussian", 0.01, 1)]
    for kernel in ("epanechnikov", "tophat", "linear", "cosine"):
        cases += [(kernel, h, 2) for h in (0.05, 0.1, 0.3)]
    tables = []
    for kernel, h, reach in cases:
        ours = KernelDensity(h, kernel=kernel).fit(X)
        learn = sklearn.neighbors.KernelDensity(bandwidth=h, kernel=kernel).fit(X)
        functions = {
            "KernelDensity.score_samples": lambda m=ours: m.score_samples(Q),
            "scikit-learn": lambda m=learn: m.score_samples(Q),
        }
        title = f"{kernel}, h = {h}, 200,000 rows and 2,000 queries x 2"
        tables.append(compare(title, functions, {"scikit-learn": f">= {reach}"}, 1))
    return "\n".join(tables)


def with_tolerance(d):
    """100,000 rows scored at as many, by tiles and on a grid."""
    n = 100_000
    X, Q = np.random.RandomState(0).standard_normal((2, n, d))
    h = n ** (-1 / (d + 4))
    grid = KernelDensity(h, rtol=1e-6).fit(X)
    tiles = KernelDensity(h).fit(X)
    table = compare(
        f"Gaussian kernels, rtol=1e-6, 100,000 rows and queries x {d}",
        {
            "KernelDensity(rtol=1e-6).score_samples": lambda: grid.score_samples(Q),
            "KernelDensity().score_samples": lambda: tiles.score_samples(Q),
        },
        {"KernelDensity().score_samples": ">= 10"},
        1,
    )
    error = np.abs(np.expm1(grid.score_samples(Q) - tiles.score_samples(Q))).max()
    return f"{table}\n  largest relative error {error:.1e}   reach 1e-06"


@contextlib.contextmanager
def counted_work():
    """Count what `score_samples` does, in pairs of a query and a row.

    A point on a grid counts as many pairs as the code that chooses between the grid and
    pairs takes it for.
    """
    work = []
    near, factors = KernelSums.near, _grid_sums._factors

    def count_pairs(sums, X, tolerance):
        runs, terms = near(sums, X, tolerance)
        work.append(len(X) * sum(run.stop - run.start for run in runs))
        return runs, terms

    def count_nodes(z, grid):
        nodes = (3 * grid.side) ** z.shape[1]
        pairs = _grid_sums.POINT_PAIRS + _grid_sums.NODE_PAIRS * nodes
        work.append(len(z) * pairs)
        return factors(z, grid)

    with (
        mock.patch.object(KernelSums, "near", count_pairs),
        mock.patch.object(_grid_sums, "_factors", count_nodes),
    ):
        yield work


def growth():
    """How time and work of `score_samples` grow with the number of rows and queries.

    The work is counted, so that it does not depend on what else the machine does.
    """
    sizes = (125_000, 250_000, 500_000, 1_000_000)
    n_log_n = [n * np.log(n) for n in sizes]
    lines = [
        "Gaussian kernels, rtol=1e-6, n rows and queries; CPU time, and work as if in "
        "1e9 pairs",
        f"  {'n =':<14}" + "".join(f"{n:>12,}" for n in sizes) + f"{'growth':>10}",
    ]

    def add(name, values):
        numbers = "".join(f"{value:>12.2f}" for value in values)
        lines.append(f"  {name:<14}{numbers}{values[-1] / values[0]:>10.1f}")

    for d in (1, 2, 3):
        seconds, pairs = [], []
        for n in sizes:
            X, Q = np.random.RandomState(0).standard_normal((2, n, d))
            model = KernelDensity(n ** (-1 / (d + 4)), rtol=1e-6).fit(X)
            with counted_work() as work:
                start = time.process_time()
                model.score_samples(Q)
                seconds.append(time.process_time() - start)
            pairs.append(sum(work) / 1e9)
        add(f"d = {d}, seconds", seconds)
        add(f"d = {d}, work", pairs)
    lines.append(f"  reach: growth {n_log_n[-1] / n_log_n[0]:.1f}, as of n log n")
    return "\n".join(lines)


def outlier():
    """The choice of the bandwidth where a row is at 1e9."""
    X = np.random.RandomState(0).standard_normal((20_000, 1))
    X[7] = 1e9
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.perf_counter()
        KernelDensity("loo").fit(X)
        seconds = time.perf_counter() - start
    warned = any("single outlier" in str(w.message) for w in caught)
    return (
        "KernelDensity('loo').fit, 20,000 x 1 with an outlier at 1e9\n"
        f"  {seconds:.2f} s   reach <= 3   warning of the outlier: {warned}"
    )


def run():
    """Yield the tables."""
    yield narrow_kernels()
    for d in (1, 2, 3):
        yield with_tolerance(d)
    yield growth()
    yield outlier()
