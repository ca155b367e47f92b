"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold._classical_mds import ClassicalMDS

__all__ = ["ClassicalMDS"]
