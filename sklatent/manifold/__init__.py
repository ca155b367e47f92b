"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold import metrics

__all__ = ["metrics"]
