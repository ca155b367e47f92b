"""t-SNE from the same probabilities and the same start: seconds, and divergence.

Both packages get the joint probabilities that openTSNE computes from our exact
neighbors, and two principal components as the start, so that the times are those of the
descent: 250 iterations with the exaggeration 12, and as many after them as the table
says. Each has its own learning rate, as it comes; the divergence, by exact sums, says
what the steps were worth. Times are measured in turn, each in its own process.
"""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import sklearn.manifold
from scipy.sparse import csr_array

from benchmarks._harness import compare
from benchmarks.manifold_maps._data import asking, digits_like, start, versions
from benchmarks.manifold_maps._measures import clocked, kl_divergence
from sklatent.manifold import TSNE
from sklatent.utils._neighbors import k_nearest

METHODS = {
    "ours": "TSNE",
    "fft": "openTSNE, FFT",
    "bh": "openTSNE, Barnes-Hut",
}
PERPLEXITY = 30
N_EXAGGERATED = 250
# Rows, iterations after the exaggeration, repeats, and what is to be reached.
SIZES = [
    (4000, 500, 3, 1.5),
    (12_000, 500, 2, 2.0),
    (30_000, 250, 1, 2.0),
    (50_000, 250, 1, 2.0),
]
# Barnes-Hut takes minutes where it is far behind the other method.
BARNES_HUT_ROWS = 30_000


def joint_probabilities(X):
    """Return openTSNE's joint probabilities of rows, from exact neighbors."""
    # A row is the nearest to itself, or one of those that coincide with it.
    distances, indices = k_nearest(X, 3 * PERPLEXITY + 1)
    arrays = {"indices": indices[:, 1:], "distances": distances[:, 1:]}
    with tempfile.TemporaryDirectory() as folder, asking(**arrays) as ask:
        path = Path(folder) / "probabilities.npz"
        ask("opentsne_affinities", to=str(path), perplexity=PERPLEXITY)
        parts = np.load(path)
        P = (parts["data"], parts["indices"], parts["indptr"])
    return csr_array(P, shape=(len(X), len(X)))


def descents(P, begin, n_iter, repeats):
    """Places and seconds, of the clock and of processors, of every method in turn."""
    n = len(begin)
    model = TSNE(
        affinity="precomputed", init=begin, max_iter=N_EXAGGERATED + n_iter, n_jobs=2
    )
    settings = {"n_exaggerated": N_EXAGGERATED, "n_iter": n_iter}
    arrays = {"data": P.data, "indices": P.indices, "indptr": P.indptr}
    names = [name for name in METHODS if name != "bh" or n <= BARNES_HUT_ROWS]
    places, seconds = {}, {name: [] for name in names}
    with asking(**arrays, start=begin) as ask:
        for _ in range(repeats):
            for name in names:
                if name == "ours":
                    Z, taken = clocked(lambda: model.fit_transform(P))
                else:
                    Z, taken = ask("opentsne_run", method=name, **settings)
                places[name] = np.array(Z)
                seconds[name].append(taken)
    return places, {name: np.array(taken) for name, taken in seconds.items()}


def table(n, n_iter, repeats, reach):
    """The table for one number of rows."""
    X, _ = digits_like(n)
    P, begin = joint_probabilities(X), start(X)
    places, seconds = descents(P, begin, n_iter, repeats)
    divergence = {name: kl_divergence(P, Z) for name, Z in places.items()}
    lines = [
        f"{n:,} x 64, {N_EXAGGERATED} + {n_iter} iterations, median of {repeats}: "
        "seconds, of processors, divergence"
    ]
    wall, busy = ({k: t[:, i] for k, t in seconds.items()} for i in (0, 1))
    best = min((k for k in wall if k != "ours"), key=lambda k: np.median(wall[k]))
    for name in wall:
        line = (
            f"  {METHODS[name]:<28}{np.median(wall[name]):>9.1f} s"
            f"{np.median(busy[name]):>9.1f}{divergence[name]:>9.4f}"
        )
        if name != "ours":
            line += f"{np.median(wall[name] / wall['ours']):>9.2f} x"
        if name == best:
            line += f"   reach >= {reach}"
        lines.append(line)
    lowest = min(divergence[name] for name in wall if name != "ours")
    excess = divergence["ours"] / lowest - 1
    lines.append(
        f"  divergence higher than the lower of openTSNE's by {excess:+.2%}   "
        "reach <= 0.5 %"
    )
    return "\n".join(lines)


def whole_fits(n=4000, repeats=1):
    """Fits of rows, neighbors included, beside scikit-learn's."""
    X, _ = digits_like(n)
    settings = {"max_iter": 750, "random_state": 0, "n_jobs": 2}
    ours, peer = TSNE(**settings), sklearn.manifold.TSNE(**settings)
    table = compare(
        f"t-SNE, fit of {n:,} x 64, 750 iterations",
        {"TSNE": lambda: ours.fit(X), "scikit-learn": lambda: peer.fit(X)},
        {"scikit-learn": ">= 3"},
        repeats,
    )
    P = joint_probabilities(X)
    a, b = (kl_divergence(P, model.embedding_) for model in (ours, peer))
    return f"{table}\n  divergence {a:.4f}, scikit-learn {b:.4f}"


def run():
    """Yield the tables of the part."""
    yield versions("openTSNE")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for size in SIZES:
            yield table(*size)
        yield whole_fits()
