"""Sketch-map beside scikit-matter's, with the same sigmoids.

Stress is the mean over all pairs, computed by one function for both. Ours runs with all
rows as landmarks, as scikit-matter's does, and with its default number of them.
"""

import warnings

import numpy as np

from benchmarks.manifold_maps._data import asking, digits_like
from benchmarks.manifold_maps._measures import clocked, sketch_stress
from sklatent.manifold import SketchMap

HIGH, LOW = (4.0, 4.0), (2.0, 2.0)


def speed(n=2000):
    """The table; one run each, since scikit-matter's takes minutes."""
    X, _ = digits_like(n)
    # At the median distance of pairs, the sigmoid is one half.
    rows = np.random.RandomState(0).randint(n, size=(2, 10_000))
    distances = np.linalg.norm(X[rows[0]] - X[rows[1]], axis=1)
    sigma = float(np.median(distances[distances > 0]))
    exponents = dict(
        zip(("a_high", "b_high", "a_low", "b_low"), HIGH + LOW, strict=True)
    )
    settings = {"sigma": sigma, **exponents}
    lines = [
        f"sketch-map, {n:,} x 64, sigma {sigma:.1f}, exponents {HIGH} and {LOW}:",
        f"  {'':<36}{'seconds':>11}{'stress':>12}",
    ]
    with asking(X=X) as ask:
        Z, (peer, _) = ask("skmatter_sketch_map", **settings)
    stress = sketch_stress(X, np.array(Z), sigma, HIGH, LOW)
    for name, landmarks in (
        ("SketchMap, all rows as landmarks", {"n_landmarks": None}),
        ("SketchMap, default landmarks", {}),
    ):
        model = SketchMap(**settings, **landmarks)
        Z, (own, _) = clocked(lambda model=model: model.fit_transform(X))
        found = sketch_stress(X, Z, sigma, HIGH, LOW)
        lines.append(
            f"  {name:<36}{own:>9.2f} s{found:>12.6f}{peer / own:>9.1f} x   "
            "reach >= 10, stress <= scikit-matter's"
        )
    lines.append(f"  {'scikit-matter':<36}{peer:>9.2f} s{stress:>12.6f}")
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield "peers: skmatter==0.4.1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield speed()
