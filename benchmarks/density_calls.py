"""Densities fitted to many rows at once, and to few at a time."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks._harness import compare
from benchmarks._mixture_rows import mixture
from sklatent.density import GaussianMixture, HistogramDensity
from sklatent.density.mixture._em import e_step
from sklatent.density.mixture._model import TrainingRows


def histogram():
    """The rule for the bins, and the counts; NumPy is given the bins."""
    X = np.random.RandomState(0).standard_normal((2_000_000, 3))
    ours = HistogramDensity().fit(X)
    edges = ours.bin_edges_
    return compare(
        "HistogramDensity().fit, 2,000,000 x 3; reach <= 1,000 ms",
        {
            "HistogramDensity": lambda: HistogramDensity().fit(X),
            "NumPy, histogramdd with the same edges": lambda: np.histogramdd(X, edges),
        },
        {"NumPy, histogramdd with the same edges": "none"},
        3,
    )


def expectation_steps():
    """Statistics of all rows at once, and of a fifth at a time."""
    X, start = mixture(100_000, 10, k=8)
    model = GaussianMixture(8, max_iter=3, tol=0.0, **start).fit(X)
    rows = TrainingRows.of(X, None, model._frame_)
    fifths = [TrainingRows.of(part, None, rows.frame) for part in np.split(X, 5)]
    theta = rows.frame.standardize(model._mixture())
    tables = []
    for method in ("expanded", "whitened"):
        five = "five of 20,000 rows each"
        table = compare(
            f"e_step, {method}, 8 components, 10 features",
            {
                "one of 100,000 rows": lambda m=method: e_step(theta, rows, 2, m),
                five: lambda m=method: [e_step(theta, part, 2, m) for part in fifths],
            },
            {five: "<= 1.2"},
            9,
        )
        tables.append(table)
    return "\n".join(tables)


def batches():
    """One call of `partial_fit`, and the same rows in many."""
    X, start = mixture(100_000, 10, k=8)
    model = GaussianMixture(8, **start).partial_fit(X)
    parts = {size: np.split(X, len(X) // size) for size in (10_000, 1000)}
    calls = {
        f"batches of {size:,}": lambda p=p: [model.partial_fit(rows) for rows in p]
        for size, p in parts.items()
    }
    return compare(
        "GaussianMixture(8).partial_fit, 100,000 x 10 in all",
        {"one batch": lambda: model.partial_fit(X), **calls},
        dict.fromkeys(calls, "<= 1.2"),
        5,
    )


def run():
    """Yield the tables of the family."""
    yield histogram()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield expectation_steps()
        yield batches()
