"""The only file that imports scikit-learn's private or experimental names.

What another version of scikit-learn may move or rename is mended here.
"""

from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin, ScoringMonitor
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "ScoringMonitor",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "validate_params",
]
