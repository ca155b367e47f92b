"""Linear latent models: principal components, their density, and factors."""

from sklatent.decomposition._factor_analysis import FactorAnalysis
from sklatent.decomposition._pca import PCA
from sklatent.decomposition._ppca import PPCA

__all__ = ["PCA", "PPCA", "FactorAnalysis"]
