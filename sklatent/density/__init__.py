"""Densities: how likely a row is, and new rows."""

from sklatent.density._bandwidth_path import kl_bandwidth_path
from sklatent.density._gaussian_mixture import GaussianMixture
from sklatent.density._histogram import HistogramDensity
from sklatent.density._kernel_density import KernelDensity
from sklatent.density._kneighbors import KNeighborsDensity

__all__ = [
    "GaussianMixture",
    "HistogramDensity",
    "KNeighborsDensity",
    "KernelDensity",
    "kl_bandwidth_path",
]
