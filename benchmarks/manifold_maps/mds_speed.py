"""Metric and non-metric MDS beside scikit-learn's, from the same start.

Stress is computed by one function: the raw one, summed over pairs, of metric maps; and
Kruskal's, with the best monotone function of the distances, of non-metric ones.
"""

import warnings

import numpy as np
import sklearn.manifold
from scipy.spatial.distance import cdist, pdist
from sklearn.isotonic import IsotonicRegression

from benchmarks.manifold_maps._data import digits_like
from benchmarks.manifold_maps._measures import clocked, raw_stress
from sklatent.manifold import MDS


def kruskal_stress(X, Z):
    """Kruskal's stress-1 of places, with ties of the distances left as they are."""
    D, d = pdist(X), pdist(Z)
    fitted = IsotonicRegression().fit_transform(D, d)
    return np.sqrt(np.square(fitted - d).sum() / np.square(d).sum())


def speed(metric_mds, measure, n=2000):
    """A table, of one run each, since scikit-learn's takes a minute."""
    X, _ = digits_like(n)
    D = cdist(X, X)
    common = {"n_init": 1, "random_state": 0, "metric_mds": metric_mds, "n_jobs": 2}
    given = {"init": "classical_mds", "metric": "precomputed"}
    models = {
        "MDS": MDS(**common, **given, n_landmarks=None),
        "scikit-learn": sklearn.manifold.MDS(**common, **given),
    }
    kind = "metric" if metric_mds else "non-metric"
    lines = [f"{kind} MDS, {n:,} rows: seconds, stress, iterations"]
    taken = []
    for name, model in models.items():
        _, (seconds, _) = clocked(lambda model=model: model.fit(D))
        taken.append(seconds)
        lines.append(
            f"  {name:<20}{seconds:>9.2f} s{measure(X, model.embedding_):>14.6g}"
            f"{model.n_iter_:>8}"
        )
    lines[-1] += f"{taken[1] / taken[0]:>9.2f} x   reach >= 5, stress <= scikit-learn's"
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield speed(True, raw_stress)
        yield speed(False, kruskal_stress)
