"""Manifold learning: embeddings by distances, geodesics, kernels, walks, neighbors."""

from sklatent.manifold import metrics
from sklatent.manifold._classical_mds import ClassicalMDS
from sklatent.manifold._diffusion_map import DiffusionMap
from sklatent.manifold._isomap import Isomap
from sklatent.manifold._kernel_pca import KernelPCA
from sklatent.manifold._mds import MDS
from sklatent.manifold._sketch_map import SketchMap
from sklatent.manifold._tsne import TSNE
from sklatent.manifold._umap import UMAP

__all__ = [
    "MDS",
    "TSNE",
    "UMAP",
    "ClassicalMDS",
    "DiffusionMap",
    "Isomap",
    "KernelPCA",
    "SketchMap",
    "metrics",
]
