"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold._classical_mds import ClassicalMDS
from sklatent.manifold._kernel_pca import KernelPCA

__all__ = ["ClassicalMDS", "KernelPCA"]
