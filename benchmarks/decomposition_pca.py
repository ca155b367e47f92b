"""Principal components beside scikit-learn's, at its fastest solver for each shape."""

import tracemalloc

import numpy as np
import sklearn.decomposition

from benchmarks._harness import compare
from sklatent.decomposition import PCA

SHAPES = [(100_000, 100), (10_000, 1_000), (2_000, 5_000), (1_000_000, 20)]
SOLVERS = ["auto", "covariance_eigh", "randomized"]


def rows(shape, dtype):
    """Rows with a decaying spectrum."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal(shape).astype(dtype)
    X[:, :50] *= np.geomspace(10, 1, min(50, shape[1])).astype(dtype)
    return X


def compare_fits(shape, dtype):
    """Ten components by the default solver."""
    X = rows(shape, dtype)
    peers = {
        f"scikit-learn, {solver}": sklearn.decomposition.PCA(
            10, svd_solver=solver, random_state=0
        )
        for solver in SOLVERS
        if not (solver == "covariance_eigh" and shape[1] > shape[0])
    }
    ours = PCA(10, random_state=0)
    table = compare(
        f"PCA(10).fit, {shape[0]:,} x {shape[1]:,}, {np.dtype(dtype).name}",
        {"PCA": lambda: ours.fit(X)}
        | {name: lambda peer=peer: peer.fit(X) for name, peer in peers.items()},
        dict.fromkeys(peers, ">= 0.95"),
        5,
    )
    return f"{table}\n  {extra_memory(ours, X)}"


def extra_memory(estimator, X):
    """Peak of what a fit allocates, as a share of X."""
    tracemalloc.start()
    estimator.fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n, p = X.shape
    reach = "reach <= 5 %" if n >= 10 * p else "no reach"
    square = 8 * p * p / X.nbytes
    return (
        f"peak extra memory {peak / X.nbytes:.1%} of X ({reach}; p x p is {square:.1%})"
    )


def accuracy():
    """Explained variances on data far from the origin, against centered data."""
    lines = ["largest relative error of explained variances, default solvers"]
    rng = np.random.RandomState(0)
    noise = rng.standard_normal((2000, 50))
    for offset, dtype, reach in [(1e8, np.float64, 1e-9), (1e4, np.float32, 1e-3)]:
        X = (offset + noise).astype(dtype)
        centered = X.astype(np.longdouble) - X.mean(axis=0, dtype=np.longdouble)
        exact = np.linalg.svd(centered.astype(np.float64), compute_uv=False) ** 2 / 1999
        for name, cls in [("PCA", PCA), ("scikit-learn", sklearn.decomposition.PCA)]:
            error = np.abs(cls().fit(X).explained_variance_ / exact - 1).max()
            lines.append(
                f"  {offset:.0e} + randn, {np.dtype(dtype).name:<8} {name:<14}"
                f"{error:>10.1e}   reach {reach:.0e}"
            )
    return "\n".join(lines)


def run():
    """Yield the tables."""
    for shape in SHAPES:
        for dtype in (np.float32, np.float64):
            yield compare_fits(shape, dtype)
    yield accuracy()
