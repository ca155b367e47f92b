"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

__all__ = []
