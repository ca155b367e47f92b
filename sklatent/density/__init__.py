"""Density estimation: log-densities of rows, and samples."""

from sklatent.density.composite._normal_score_transformer import NormalScoreTransformer
from sklatent.density.composite._stacked_density import StackedDensity
from sklatent.density.composite._transformed_density import TransformedDensity
from sklatent.density.histogram._histogram_density import HistogramDensity
from sklatent.density.kernel._bandwidth_path import kl_bandwidth_path
from sklatent.density.kernel._kernel_density import KernelDensity
from sklatent.density.mixture._gaussian_mixture import GaussianMixture
from sklatent.density.neighbors._kneighbors_density import KNeighborsDensity

__all__ = [
    "GaussianMixture",
    "HistogramDensity",
    "KNeighborsDensity",
    "KernelDensity",
    "NormalScoreTransformer",
    "StackedDensity",
    "TransformedDensity",
    "kl_bandwidth_path",
]
