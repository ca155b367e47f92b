"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold import metrics
from sklatent.manifold._classical_mds import ClassicalMDS
from sklatent.manifold._diffusion_map import DiffusionMap
from sklatent.manifold._isomap import Isomap
from sklatent.manifold._kernel_pca import KernelPCA
from sklatent.manifold._sketch_map import SketchMap

__all__ = [
    "ClassicalMDS",
    "DiffusionMap",
    "Isomap",
    "KernelPCA",
    "SketchMap",
    "metrics",
]
