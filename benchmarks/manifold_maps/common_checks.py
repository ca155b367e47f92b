"""scikit-learn's checks of the default instances, none expected to fail."""

import warnings

import numpy as np
from sklearn.utils.estimator_checks import check_estimator

from benchmarks.manifold_maps._data import asking, versions
from sklatent.manifold import MDS, TSNE, UMAP, SketchMap
from sklatent.neural import ParametricEmbedding

OURS = (TSNE(), UMAP(), MDS(), SketchMap(), ParametricEmbedding())
PEERS = {
    "openTSNE": "openTSNE.sklearn.TSNE",
    "umap-learn": "umap.UMAP",
    "PaCMAP": "pacmap.PaCMAP",
    "TriMap": "trimap.TRIMAP",
    "PHATE": "phate.PHATE",
    "scikit-matter": "skmatter.decomposition.SketchMap",
}


def failures():
    """The table."""
    lines = ["scikit-learn's common checks of the default instances: failed of run"]
    for model in OURS:
        results = check_estimator(model, on_fail=None)
        failed = sum(result["status"] == "failed" for result in results)
        name = type(model).__name__
        lines.append(f"  {name:<24}{failed:>4} of {len(results)}   reach 0")
    with asking(X=np.zeros((1, 1))) as ask:
        for package, name in PEERS.items():
            lines.append(f"  {package:<24}{ask('failed_checks_of', model=name):>4}")
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    yield versions("openTSNE", "umap", "pacmap", "trimap", "phate")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield failures()
