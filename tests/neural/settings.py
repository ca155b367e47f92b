"""What tests of the neural estimators share."""

import pytest

from sklatent.neural import AETransformer, VAETransformer
from tests.instances import TINY

__all__ = ["BOTH", "STEADY", "TINY"]

BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])

# Epochs that do not depend on how many are to follow.
STEADY = {
    AETransformer: {"lr_schedule": "constant"},
    VAETransformer: {"lr_schedule": "constant", "warmup_epochs": 0},
}
