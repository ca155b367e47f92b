"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold._isomap import Isomap

__all__ = ["Isomap"]
