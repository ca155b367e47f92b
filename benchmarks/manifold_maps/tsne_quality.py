"""What maps in the plane keep, for every method on three tables.

Each runs with its defaults. Trustworthiness and continuity are of 5 neighbors, recall
of 10, AUC is the area under R_NX over a logarithmic axis, global is the global score,
and accuracy that of 10 nearest neighbors in the map, in 5 folds. Seconds are of one
run, with two threads where a package uses them; with a seed, UMAP and PaCMAP do not.
"""

import warnings

import numpy as np
import sklearn.manifold
from sklearn.datasets import load_digits

from benchmarks.manifold_maps._data import asking, digits_like, tree, versions
from benchmarks.manifold_maps._measures import QUALITY_HEAD, clocked, quality_row
from sklatent.decomposition import PCA
from sklatent.manifold import MDS, TSNE, UMAP, DiffusionMap, Isomap, SketchMap
from sklatent.neural import ParametricEmbedding

TABLES = {
    "digits, 1,797 x 64": lambda: load_digits(return_X_y=True),
    "images like digits, 5,000 x 64": lambda: digits_like(5000),
    "tree of 12 branches, 2,000 x 50": tree,
}
OURS = {
    "TSNE": lambda: TSNE(random_state=0, n_jobs=2),
    "UMAP": lambda: UMAP(random_state=0, n_jobs=2),
    "ParametricEmbedding": lambda: ParametricEmbedding(random_state=0),
    "SketchMap": SketchMap,
    "MDS": lambda: MDS(random_state=0, n_jobs=2),
    "Isomap, 10 neighbors": lambda: Isomap(n_neighbors=10, n_jobs=2),
    "DiffusionMap": DiffusionMap,
    "PCA": lambda: PCA(2),
}
PEERS = ("openTSNE", "umap-learn", "PaCMAP", "TriMap", "PHATE")
REACH = "reach, for TSNE on digits: trust >= .9944, recall >= .58, accuracy >= .965"


def table(name):
    """Return the table of all methods on one set of rows."""
    X, y = TABLES[name]()
    lines = [name, QUALITY_HEAD]
    learn = sklearn.manifold.TSNE(random_state=0, n_jobs=2)
    models = OURS | {"scikit-learn, TSNE": lambda: learn}
    for method, make in models.items():
        model = make()
        Z, (seconds, _) = clocked(lambda model=model: model.fit_transform(X))
        lines.append(quality_row(method, X, y, Z, seconds))
    with asking(X=X) as ask:
        for package in PEERS:
            Z, (seconds, _) = ask("places", package=package)
            lines.append(quality_row(package, X, y, np.array(Z), seconds))
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield versions("openTSNE", "umap", "pacmap", "trimap", "phate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in TABLES:
            yield table(name)
    yield REACH
