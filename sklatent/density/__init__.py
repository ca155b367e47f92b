"""Densities: how likely a row is, and new rows."""

from sklatent.density._histogram import HistogramDensity
from sklatent.density._kneighbors import KNeighborsDensity
from sklatent.density.kernel._bandwidth_path import kl_bandwidth_path
from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.mixture._gaussian_mixture import GaussianMixture

__all__ = [
    "GaussianMixture",
    "HistogramDensity",
    "KNeighborsDensity",
    "KernelDensity",
    "kl_bandwidth_path",
]
