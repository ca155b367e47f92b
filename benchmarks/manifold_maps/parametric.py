"""Networks that embed: new digits beside UMAP's, and the digits they are decoded to.

In five folds, the digits that are held out are placed in a map of the others,
classified by their ten nearest training digits there, and reconstructed from their
places. The error is per pixel, of the range 0 to 16.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.manifold_maps._data import asking, versions
from benchmarks.manifold_maps._measures import clocked
from sklatent.neural import ParametricEmbedding

LOSSES = ("umap", "tsne", "infonce")
PEER = "umap-learn"


def methods():
    """Functions that return the model of each row of the table."""
    found = {
        f"ParametricEmbedding({loss!r})": lambda loss=loss: ParametricEmbedding(
            loss=loss, random_state=0
        )
        for loss in LOSSES
    }
    found["the same, 'umap', with a decoder"] = lambda: ParametricEmbedding(
        reconstruction_weight=1.0, random_state=0
    )
    return found


def both_ways(model, train, new):
    """Places of training rows and new ones, and the new ones reconstructed."""
    Z = model.fit_transform(train)
    codes = model.transform(new)
    return Z, codes, model.inverse_transform(codes)


def new_digits(n_folds=5):
    """The table."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    ours = methods()
    scores = {name: [] for name in (*ours, PEER)}
    with asking(X=X) as ask:
        for train, new in folds.split(X, y):
            rows = {"train": train.tolist(), "new": new.tolist()}
            for name in scores:
                seconds = [np.nan]
                if name == PEER:
                    parts = ask("umap_both_ways", **rows)
                else:
                    parts, seconds = clocked(
                        lambda name=name, train=train, new=new: both_ways(
                            ours[name](), X[train], X[new]
                        )
                    )
                Z, codes, rebuilt = map(np.asarray, parts)
                neighbors = KNeighborsClassifier(10).fit(Z, y[train])
                error = np.square(rebuilt - X[new]).mean()
                correct = neighbors.score(codes, y[new])
                scores[name].append([correct, error, seconds[0]])
    lines = [
        f"digits, {n_folds} folds: accuracy of the held-out ones (its standard error), "
        "squared error per",
        "pixel of their reconstructions, seconds of all of it",
    ]
    _, half, _ = np.mean(scores[PEER], axis=0) / 2
    goals = {next(iter(ours)): f"   reach >= {PEER}'s, < {half:.2f}"}
    for name, found in scores.items():
        correct, error, seconds = np.mean(found, axis=0)
        spread = np.std(found, axis=0, ddof=1)[0] / np.sqrt(len(found))
        taken = "" if np.isnan(seconds) else f"{seconds:>9.1f}"
        lines.append(
            f"  {name:<36}{correct:>8.4f} ({spread:.4f}){error:>9.2f}{taken}"
            f"{goals.get(name, '')}"
        )
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield versions("umap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield new_digits()
