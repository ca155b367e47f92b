"""New digits in a map of the others: their accuracy, and whether they disturb it.

In five folds, the digits that are held out are placed by `transform` in a map of the
others, and classified by their ten nearest training digits there. Five of them are
placed again without the rest.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.manifold_maps._data import asking, versions
from sklatent.manifold import TSNE, UMAP
from sklatent.neural import ParametricEmbedding

OURS = {
    "TSNE": lambda: TSNE(random_state=0, n_jobs=2),
    "UMAP": lambda: UMAP(random_state=0, n_jobs=2),
    "ParametricEmbedding": lambda: ParametricEmbedding(random_state=0),
}
# PaCMAP wants the training rows again with each call.
PEERS = ("openTSNE", "umap-learn")


def placed(model, train, new):
    """Places of training rows and new ones, and of five of these by themselves."""
    Z = model.fit_transform(train)
    return Z, model.transform(new), model.transform(new[:5])


def new_digits(n_folds=5):
    """The table."""
    X, y = load_digits(return_X_y=True)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    correct = {name: [] for name in (*OURS, *PEERS)}
    moved = {name: [] for name in correct}
    with asking(X=X) as ask:
        for train, new in folds.split(X, y):
            rows = {"train": train.tolist(), "new": new.tolist()}
            for name in correct:
                if name in OURS:
                    parts = placed(OURS[name](), X[train], X[new])
                else:
                    parts = ask("transformed", package=name, **rows)
                Z, together, alone = map(np.asarray, parts)
                neighbors = KNeighborsClassifier(10).fit(Z, y[train])
                correct[name].append(neighbors.score(together, y[new]))
                moved[name].append(np.abs(together[:5] - alone).max() / Z.std())
    lines = [
        f"digits, {n_folds} folds: accuracy of the held-out ones (its standard error "
        "over folds), and how",
        "far a row moves if others are placed with it, in standard deviations of the "
        "map",
    ]
    for name, found in correct.items():
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        reach = "   reach >= 0.960, 1e-07" if name == "TSNE" else ""
        lines.append(
            f"  {name:<24}{np.mean(found):>8.4f} ({error:.4f})"
            f"{max(moved[name]):>12.1e}{reach}"
        )
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield versions("openTSNE", "umap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield new_digits()
