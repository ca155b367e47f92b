"""Visualization: plots of fitted estimators, with matplotlib."""

from sklatent.inspection._density import DensityDisplay
from sklatent.inspection._dimension import DimensionDisplay
from sklatent.inspection._embedding import EmbeddingDisplay
from sklatent.inspection._latent_space import LatentSpaceDisplay
from sklatent.inspection._reconstruction import ReconstructionDisplay
from sklatent.inspection._spectrum import SpectrumDisplay
from sklatent.inspection._training import TrainingDisplay

__all__ = [
    "DensityDisplay",
    "DimensionDisplay",
    "EmbeddingDisplay",
    "LatentSpaceDisplay",
    "ReconstructionDisplay",
    "SpectrumDisplay",
    "TrainingDisplay",
]
