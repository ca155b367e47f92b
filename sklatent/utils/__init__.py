"""Tools that more than one subpackage stands on."""

from sklatent.utils import discovery

__all__ = ["discovery"]
