"""The only file that imports scikit-learn's private or experimental names.

What another version of scikit-learn may move or rename is mended here.
"""

from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin, ScoringMonitor
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    validate_params,
)
from sklearn.utils._param_validation import StrOptions as _StrOptions
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "ScoringMonitor",
    "StrOptions",
    "_BaseComposition",
    "_check_sample_weight",
    "_fit_context",
    "_safe_indexing",
    "validate_params",
]


class StrOptions(_StrOptions):
    """Strings to choose from; messages name them in alphabetical order."""

    def __str__(self):
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"
