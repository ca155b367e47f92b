"""Tools that more than one subpackage uses."""

from sklatent.utils import discovery
from sklatent.utils._show_versions import show_versions

__all__ = ["discovery", "show_versions"]
