"""Intrinsic dimension: how many numbers each row really needs."""

from sklatent.dimension._comparison import compare_dimensions
from sklatent.dimension._danco import DANCo
from sklatent.dimension._dimension_comparison import DimensionComparison
from sklatent.dimension._ess import ESS
from sklatent.dimension._gride import Gride
from sklatent.dimension._levina_bickel import LevinaBickel
from sklatent.dimension._neighbor_scaling import NeighborScaling
from sklatent.dimension._pca_spectrum import PCASpectrum
from sklatent.dimension._two_nn import TwoNN

__all__ = [
    "ESS",
    "DANCo",
    "DimensionComparison",
    "Gride",
    "LevinaBickel",
    "NeighborScaling",
    "PCASpectrum",
    "TwoNN",
    "compare_dimensions",
]
