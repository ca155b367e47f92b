"""Densities beside scikit-learn and SciPy."""

import time
import warnings

import numpy as np
import sklearn.mixture
import sklearn.neighbors
from KDEpy import TreeKDE
from KDEpy.bw_selection import improved_sheather_jones
from scipy.special import logsumexp
from scipy.stats import gaussian_kde
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from benchmarks import density_kernels
from benchmarks._harness import compare
from benchmarks._mixture_rows import mixture
from sklatent.datasets import make_flat_torus
from sklatent.density import (
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
)


def kernel_speed(d, dtype, learn_reach, scipy_reach):
    """20,000 rows scored under as many."""
    rng = np.random.RandomState(0)
    X, Q = rng.standard_normal((2, 20_000, d)).astype(dtype)
    h = 20_000 ** (-1 / (d + 4))
    ours = KernelDensity(h).fit(X)
    learn = sklearn.neighbors.KernelDensity(bandwidth=h).fit(X)
    functions = {
        "KernelDensity.score_samples": lambda: ours.score_samples(Q),
        "scikit-learn": lambda: learn.score_samples(Q),
    }
    reach = {"scikit-learn": f">= {learn_reach}"}
    if scipy_reach:
        scipy = gaussian_kde(X.T, bw_method=h)
        functions["SciPy, gaussian_kde.pdf"] = lambda: scipy.pdf(Q.T)
        reach["SciPy, gaussian_kde.pdf"] = f">= {scipy_reach}"
    title = f"Gaussian kernels, 20,000 and 20,000 x {d}, {np.dtype(dtype).name}"
    return compare(title, functions, reach, 1)


def kernel_accuracy():
    """Largest error of log-densities against sums of differences."""
    lines = ["largest error of log-densities against direct sums, relative beyond 1"]
    for d in (2, 10, 50):
        rng = np.random.RandomState(0)
        X, Q = rng.standard_normal((2, 2000, d))
        h = 0.5
        for offset, dtype, reach in (
            (0.0, np.float64, 1e-9),
            (1e8, np.float64, 1e-9),
            (0.0, np.float32, 1e-4),
        ):
            A, B = (X + offset).astype(dtype), (Q + offset).astype(dtype)
            a, b = A.astype(np.float64), B.astype(np.float64)
            squares = np.array([((row - a) ** 2).sum(axis=1) for row in b])
            exact = logsumexp(-0.5 * squares / h**2, axis=1)
            exact -= np.log(2000) + d * np.log(h) + 0.5 * d * np.log(2 * np.pi)
            got = KernelDensity(h).fit(A).score_samples(B)
            error = np.abs(got - exact) / np.maximum(np.abs(exact), 1)
            lines.append(
                f"  d = {d:<4} offset {offset:<8.0e}{np.dtype(dtype).name:<9}"
                f"{error.max():>10.1e}   reach {reach:.0e}"
            )
    return "\n".join(lines)


def kdepy():
    """At points; KDEpy's FFTKDE knows grids alone."""
    tables = []
    for d in (1, 2):
        rng = np.random.RandomState(0)
        X, Q = rng.standard_normal((20_000, d)), rng.standard_normal((2000, d))
        h = 20_000 ** (-1 / (d + 4))
        ours = KernelDensity(h).fit(X)
        tree = TreeKDE("gaussian", bw=h).fit(X)
        table = compare(
            f"Gaussian kernels at points, 20,000 rows and 2,000 queries x {d}",
            {
                "KernelDensity.score_samples": lambda m=ours, Q=Q: m.score_samples(Q),
                "KDEpy, TreeKDE.evaluate": lambda m=tree, Q=Q: m.evaluate(Q),
            },
            {"KDEpy, TreeKDE.evaluate": ">= 5"},
            3,
        )
        squares = np.array([((row - X) ** 2).sum(axis=1) for row in Q])
        exact = logsumexp(-0.5 * squares / h**2, axis=1)
        exact -= np.log(20_000) + d * np.log(h) + 0.5 * d * np.log(2 * np.pi)
        errors = (
            np.abs(logs - exact).max()
            for logs in (ours.score_samples(Q), np.log(tree.evaluate(Q)))
        )
        errors = " and ".join(f"{error:.1e}" for error in errors)
        tables.append(f"{table}\n  largest error of log-densities {errors}")
    return "\n".join(tables)


def plug_in():
    """The improved Sheather-Jones bandwidth of two bumps, in three units."""
    rules = {
        "KernelDensity('isj')": lambda x: KernelDensity("isj").fit(x).bandwidth_[0],
        "KDEpy": improved_sheather_jones,
    }
    means, scales, shares = [0.0, 12.0], [1.0, 0.5], [0.6, 0.4]
    t = np.linspace(-8, 20, 4000)
    z = (t[:, None] - means) / scales
    truth = np.exp(-0.5 * z**2) @ np.divide(shares, scales) / np.sqrt(2 * np.pi)
    lines = ["plug-in bandwidth in one dimension, mean of 10 samples of 500; x unit"]
    lines.append(f"  {'':<24}{'unit':>8}{'h':>10}{'squared error':>16}")
    for name, rule in rules.items():
        for unit in (1e-3, 1.0, 1e3):
            widths, errors = [], []
            for seed in range(10):
                rng = np.random.RandomState(seed)
                bump = rng.choice(2, size=500, p=shares)
                x = rng.normal(np.take(means, bump), np.take(scales, bump))[:, None]
                widths.append(rule(x * unit) / unit)
                density = KernelDensity(widths[-1]).fit(x).score_samples(t[:, None])
                errors.append(np.trapezoid((np.exp(density) - truth) ** 2, t))
            width, error = np.mean(widths), np.mean(errors)
            lines.append(f"  {name:<24}{unit:>8g}{width:>10.4f}{error:>16.2e}")
    return "\n".join(lines)


def leave_one_out():
    """The choice among 30 bandwidths."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((10_000, 5)) * rng.choice([0.3, 1.0], size=(10_000, 1))
    new = rng.standard_normal((10_000, 5)) * rng.choice([0.3, 1.0], size=(10_000, 1))
    widths = np.geomspace(0.02, 2, 30)
    start = time.perf_counter()
    ours = KernelDensity("loo", candidates=widths).fit(X)
    middle = time.perf_counter()
    search = GridSearchCV(
        sklearn.neighbors.KernelDensity(), {"bandwidth": widths}, cv=5
    ).fit(X)
    end = time.perf_counter()
    theirs = KernelDensity(search.best_params_["bandwidth"]).fit(X)
    return (
        "30 bandwidths, n = 10,000, d = 5; one run each\n"
        f"  bandwidth='loo'           {middle - start:>8.2f} s   h = "
        f"{ours.bandwidth_:.4f}, held out {ours.score(new):.5f} nats\n"
        f"  GridSearchCV, 5 folds     {end - middle:>8.2f} s   h = "
        f"{theirs.bandwidth_:.4f}, held out {theirs.score(new):.5f} nats"
        f"{(end - middle) / (middle - start):>9.1f} x   reach >= 30"
    )


def mixture_speed(d, dtype, reach):
    """Twenty iterations from the same start."""
    X, start = mixture(100_000, d)
    X = X.astype(dtype)
    start = {name: value.astype(dtype) for name, value in start.items()}
    options = {"max_iter": 20, "tol": 0.0, **start}
    ours = GaussianMixture(10, reg_relative=False, accelerate=False, **options)
    theirs = sklearn.mixture.GaussianMixture(10, **options)
    table = compare(
        f"GaussianMixture(10), 100,000 x {d}, full, 20 iterations, "
        f"{np.dtype(dtype).name}",
        {"GaussianMixture": lambda: ours.fit(X), "scikit-learn": lambda: theirs.fit(X)},
        {"scikit-learn": f">= {reach}"},
        2,
    )
    gap = max(
        np.abs(getattr(ours, name) / getattr(theirs, name) - 1).max()
        for name in ("weights_", "means_")
    )
    return f"{table}\n  largest relative difference of weights and means {gap:.1e}"


def mixture_convergence():
    """Until convergence from the same start."""
    X, start = mixture(100_000, 10)
    options = {"max_iter": 2000, "tol": 1e-6, **start}
    ours = GaussianMixture(10, reg_relative=False, **options)
    theirs = sklearn.mixture.GaussianMixture(10, **options)
    table = compare(
        "GaussianMixture(10), 100,000 x 10, to convergence at tol 1e-6",
        {"GaussianMixture": lambda: ours.fit(X), "scikit-learn": lambda: theirs.fit(X)},
        {"scikit-learn": ">= 6"},
        1,
    )
    return (
        f"{table}\n  steps {ours.n_iter_} and {theirs.n_iter_}; mean log-likelihood "
        f"{ours.score(X):.6f} and {theirs.score(X):.6f}"
    )


def mixture_default():
    """With default parameters, the start included."""
    X, _ = mixture(100_000, 10)
    ours = GaussianMixture(10, random_state=0)
    theirs = sklearn.mixture.GaussianMixture(10, random_state=0)
    table = compare(
        "GaussianMixture(10).fit, 100,000 x 10, as it comes",
        {"GaussianMixture": lambda: ours.fit(X), "scikit-learn": lambda: theirs.fit(X)},
        {"scikit-learn": ">= 3"},
        3,
    )
    return (
        f"{table}\n  mean log-likelihood {ours.score(X):.6f} and {theirs.score(X):.6f}"
    )


def coverage():
    """Intervals of nearest-neighbor and histogram densities on a flat torus."""
    z = 1.96
    lines = ["coverage of nominal 95 % intervals of the log-density; reach 93 to 97"]
    for d, k in ((1, 5), (2, 5), (2, 20)):
        hits = []
        truth = -d * np.log(2 * np.pi)
        for seed in range(100):
            X, _ = make_flat_torus(5000, dimension=d, random_state=seed)
            new, _ = make_flat_torus(20, dimension=d, random_state=10_000 + seed)
            model = KNeighborsDensity(k, dimension=d).fit(X)
            log_density, std = model.score_samples(new, return_std=True)
            hits.append(np.abs(log_density - truth) < z * std)
        lines.append(f"  KNeighborsDensity({k}), d = {d:<4}{100 * np.mean(hits):>8.1f}")
    hits = []
    for seed in range(200):
        rng = np.random.RandomState(seed)
        model = HistogramDensity([np.linspace(0, 1, 9)] * 2).fit(
            rng.uniform(size=(6400, 2))
        )
        log_density, std = model.score_samples(
            rng.uniform(size=(10, 2)), return_std=True
        )
        hits.append(np.abs(log_density) < z * std)
    lines.append(f"  HistogramDensity, d = 2    {100 * np.mean(hits):>8.1f}")
    return "\n".join(lines)


def run():
    """Yield the tables of the family."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for d, learn, scipy in ((2, 10, 2), (10, 15, 4), (50, 25, 10)):
            yield kernel_speed(d, np.float64, learn, scipy)
        for d, learn in ((2, 25), (10, 40), (50, 50)):
            yield kernel_speed(d, np.float32, learn, None)
        yield kernel_accuracy()
        yield from density_kernels.run()
        yield kdepy()
        yield plug_in()
        yield leave_one_out()
        for d in (10, 50):
            yield mixture_speed(d, np.float64, 4)
            yield mixture_speed(d, np.float32, 3)
        yield mixture_convergence()
        yield mixture_default()
        yield coverage()
