"""Latent structure for scikit-learn.

Estimators live in the subpackages and can also be imported from here, as can
`show_versions`. All are loaded on first use: ``import sklatent`` itself loads nothing
heavy.
"""

import importlib

from sklatent._version import __version__

_SUBPACKAGES = (
    "base",
    "callback",
    "datasets",
    "decomposition",
    "density",
    "deploy",
    "dimension",
    "exceptions",
    "impute",
    "inspection",
    "manifold",
    "neural",
    "outlier",
    "pipeline",
    "utils",
)

# Where each name that can be imported from the top lives.
_MEMBERS = {
    "AETransformer": "neural",
    "ClassicalMDS": "manifold",
    "DANCo": "dimension",
    "DiffusionMap": "manifold",
    "ESS": "dimension",
    "FactorAnalysis": "decomposition",
    "GaussianMixture": "density",
    "Gride": "dimension",
    "HistogramDensity": "density",
    "Isomap": "manifold",
    "KNeighborsDensity": "density",
    "KernelDensity": "density",
    "KernelPCA": "manifold",
    "LatentImputer": "impute",
    "LevinaBickel": "dimension",
    "MDS": "manifold",
    "NeighborScaling": "dimension",
    "NormalScoreTransformer": "density",
    "OutlierDetector": "outlier",
    "PCA": "decomposition",
    "PCASpectrum": "dimension",
    "PPCA": "decomposition",
    "ParametricEmbedding": "neural",
    "Pipeline": "pipeline",
    "SketchMap": "manifold",
    "StackedDensity": "density",
    "TSNE": "manifold",
    "TransformedDensity": "density",
    "TwoNN": "dimension",
    "UMAP": "manifold",
    "VAETransformer": "neural",
    "show_versions": "utils",
}

__all__ = ["__version__", *_SUBPACKAGES, *_MEMBERS]


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"sklatent.{name}")
    if name in _MEMBERS:
        subpackage = importlib.import_module(f"sklatent.{_MEMBERS[name]}")
        return getattr(subpackage, name)
    raise AttributeError(f"module 'sklatent' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
