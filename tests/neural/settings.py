"""What tests of the neural estimators share."""

import pytest

from sklatent.neural import AETransformer, VAETransformer
from tests.instances import TINY

__all__ = ["BOTH", "TINY"]

BOTH = pytest.mark.parametrize("cls", [AETransformer, VAETransformer])
