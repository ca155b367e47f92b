"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold import metrics
from sklatent.manifold._classical_mds import ClassicalMDS
from sklatent.manifold._diffusion_map import DiffusionMap
from sklatent.manifold._isomap import Isomap
from sklatent.manifold._kernel_pca import KernelPCA
from sklatent.manifold._tsne import TSNE
from sklatent.manifold._umap import UMAP

__all__ = [
    "TSNE",
    "UMAP",
from sklatent.manifold._sketch_map import SketchMap

__all__ = [
    "ClassicalMDS",
    "DiffusionMap",
    "Isomap",
    "KernelPCA",
    "metrics",
]
from sklatent.manifold._mds import MDS

__all__ = ["MDS", "ClassicalMDS", "DiffusionMap", "Isomap", "KernelPCA", "metrics"]
    "SketchMap",
    "metrics",
]
