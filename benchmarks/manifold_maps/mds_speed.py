"""Metric and non-metric MDS beside scikit-learn's, from the same start.

Stress is computed by one function: the raw one, summed over pairs, of metric maps; and
Kruskal's, with the best monotone function of the distances, of non-metric ones.
"""

import statistics
import warnings

import numpy as np
import sklearn.manifold
from scipy.spatial.distance import cdist, pdist
from sklearn.isotonic import IsotonicRegression

from benchmarks._harness import interleave
from benchmarks.manifold_maps._data import digits_like
from benchmarks.manifold_maps._measures import raw_stress
from sklatent.manifold import MDS


def kruskal_stress(X, Z):
    """Kruskal's stress-1 of places, with ties of the distances left as they are."""
    D, d = pdist(X), pdist(Z)
    fitted = IsotonicRegression().fit_transform(D, d)
    return np.sqrt(np.square(fitted - d).sum() / np.square(d).sum())


def speed(n=2000, repeats=1):
    """A table for metric and non-metric MDS."""
    X, _ = digits_like(n)
    D = cdist(X, X)
    lines = []
    for metric_mds, measure in ((True, raw_stress), (False, kruskal_stress)):
        common = {"n_init": 1, "random_state": 0, "metric_mds": metric_mds}
        learn = {"init": "classical_mds", "metric": "precomputed"}
        models = {
            "MDS": MDS(**common, metric="precomputed", n_landmarks=None, n_jobs=2),
            "scikit-learn": sklearn.manifold.MDS(**common, **learn, n_jobs=2),
        }
        fits = {name: (lambda m=m: m.fit(D)) for name, m in models.items()}
        seconds = interleave(fits, repeats)
        kind = "metric" if metric_mds else "non-metric"
        lines.append(f"{kind} MDS, {n:,} rows: seconds, stress, iterations")
        pairs = zip(seconds["scikit-learn"], seconds["MDS"], strict=True)
        ratio = statistics.median(peer / own for peer, own in pairs)
        for name, model in models.items():
            goal = ""
            if name != "MDS":
                goal = f"{ratio:>9.2f} x   reach >= 5, and stress <= scikit-learn's"
            lines.append(
                f"  {name:<20}{statistics.median(seconds[name]):>9.2f} s"
                f"{measure(X, model.embedding_):>14.6g}{model.n_iter_:>8}{goal}"
            )
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield warned(speed)


def warned(function):
    """Call a function without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function()
