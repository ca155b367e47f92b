"""What tests of the neural estimators share."""

import pytest

from sklatent.neural import AETransformer, ParametricEmbedding, VAETransformer
from tests.instances import TINY

__all__ = ["ALL", "BOTH", "STEADY", "TINY"]

ALL = pytest.mark.parametrize(
    "cls", [AETransformer, VAETransformer, ParametricEmbedding]
)
# Those that always have a decoder, which reads rows block by block.
BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])

# Epochs that do not depend on how many are to follow.
STEADY = {
    AETransformer: {"lr_schedule": "constant"},
    ParametricEmbedding: {"lr_schedule": "constant"},
    VAETransformer: {"lr_schedule": "constant", "warmup_epochs": 0},
}
