"""t-SNE from the same probabilities and the same start: seconds, and divergence.

Both packages get the joint probabilities that openTSNE computes from our exact
neighbors, and two principal components as the start, so that the times are those of the
descent: 250 iterations with the exaggeration 12, and as many after them as the table
says. Each has its own learning rate, as it comes; the divergence, by exact sums, says
what the steps were worth. Times are measured in turn, each in its own process.
"""

import statistics
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
        ask("opentsne_affinities", path=str(path), perplexity=PERPLEXITY)
        parts = np.load(path)
        P = (parts["data"], parts["indices"], parts["indptr"])
    return csr_array(P, shape=(len(X), len(X)))


def descent(n, n_iter, repeats, reach):
    """A table for one number of rows."""
    X, _ = digits_like(n)
    P, begin = joint_probabilities(X), start(X)
    model = TSNE(
        affinity="precomputed", init=begin, max_iter=N_EXAGGERATED + n_iter, n_jobs=2
    )
    settings = {"n_exaggerated": N_EXAGGERATED, "n_iter": n_iter}

    def ours():
        return model.fit_transform(P)

    arrays = {"data": P.data, "indices": P.indices, "indptr": P.indptr}
    methods = {"fft": "FFT", "bh": "Barnes-Hut"}
    if n > BARNES_HUT_ROWS:
        del methods["bh"]
    places, seconds = {}, {name: [] for name in ("ours", *methods)}
    with asking(**arrays, start=begin) as ask:
        for _ in range(repeats):
            places["ours"], taken = clocked(lambda: model.fit_transform(P))
            seconds["ours"].append(taken)
            for name in methods:
                found, taken = ask("opentsne_run", method=name, **settings)
                places[name] = np.array(found)
                seconds[name].append(taken)
    wall = {name: [clock for clock, _ in taken] for name, taken in seconds.items()}
    busy = {name: [cpu for _, cpu in taken] for name, taken in seconds.items()}
    divergence = {name: kl_divergence(P, Z) for name, Z in places.items()}
    lines = [
        f"{n:,} x 64, {N_EXAGGERATED} + {n_iter} iterations, median of {repeats}: "
        "seconds (of processors), divergence",
        f"  {'TSNE':<28}{statistics.median(wall['ours']):>9.1f} s"
        f"{statistics.median(busy['ours']):>9.1f}{divergence['ours']:>9.4f}",
    ]
    best = min(methods, key=lambda name: statistics.median(wall[name]))
    for name, title in methods.items():
        pairs = zip(wall[name], wall["ours"], strict=True)
        ratio = statistics.median(peer / own for peer, own in pairs)
        goal = f"   reach >= {reach}" if name == best else ""
        excess = divergence["ours"] / divergence[name] - 1
        lines.append(
            f"  {f'openTSNE, {title}':<28}{statistics.median(wall[name]):>9.1f} s"
            f"{statistics.median(busy[name]):>9.1f}{divergence[name]:>9.4f}"
            f"{ratio:>9.2f} x{goal}; ours higher by {excess:+.2%}, reach <= 0.5 %"
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
            yield descent(*size)
        yield whole_fits()
