"""Manifold learning: embeddings of rows by distances, geodesics, kernels and walks."""

from sklatent.manifold import metrics
from sklatent.manifold._diffusion_map import DiffusionMap
from sklatent.manifold._isomap import Isomap

__all__ = ["DiffusionMap", "Isomap", "metrics"]
