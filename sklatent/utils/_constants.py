"""Where `sklatent.decomposition` imports the constant features of `_tables` from."""

from sklatent.utils._tables import constant_values, set_constants

__all__ = ["constant_values", "set_constants"]
