"""The only file that imports scikit-learn's private or experimental names.

What another version of scikit-learn may move or rename is mended here.
"""

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._array_api import (
    _convert_to_numpy,
    _max_precision_float_dtype,
    get_namespace_and_device,
)
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    RealNotInt,
    validate_params,
)
from sklearn.utils._param_validation import StrOptions as _StrOptions
from sklearn.utils._set_output import (
    _get_output_config,
    _wrap_data_with_container,
)
from sklearn.utils.metaestimators import _BaseComposition
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, ScoringMonitor
    from sklearn.callback._transport import close_listener, open_listener, send
except ModuleNotFoundError:  # before scikit-learn 1.9
    from sklatent.utils._no_callbacks import (
        CallbackSupportMixin,
        ScoringMonitor,
        close_listener,
        open_listener,
        require_callbacks,
        send,
    )
else:

    def require_callbacks(name):
        """Do nothing, as there are callbacks."""


__all__ = [
    "CALLBACK_ATTRIBUTES",
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "RealNotInt",
    "ScoringMonitor",
    "StrOptions",
    "_BaseComposition",
    "_convert_to_numpy",
    "_fit_context",
    "_get_output_config",
    "_max_precision_float_dtype",
    "_safe_indexing",
    "_wrap_data_with_container",
    "check_sample_weight",
    "close_listener",
    "get_namespace_and_device",
    "has_callbacks",
    "open_listener",
    "require_callbacks",
    "send",
    "validate_params",
]

# What scikit-learn keeps on an estimator while `fit` runs, and needs to tell callbacks
# that it has ended.
CALLBACK_ATTRIBUTES = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


class StrOptions(_StrOptions):
    """Strings to choose from; messages name them in alphabetical order."""

    def __str__(self):
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


def has_callbacks(estimator):
    """Whether callbacks are told of a fit: its own, or those of one around it."""
    return hasattr(estimator, "_skl_callbacks")


def check_sample_weight(sample_weight, X, xp=np):
    """Return weights in double precision, none negative and not all zero.

    They and X are arrays of one library, whose namespace is `xp`.
    """
    weight = _check_sample_weight(
        sample_weight, X, dtype=xp.float64, ensure_non_negative=True
    )
    if not xp.any(weight):  # which scikit-learn refuses from version 1.9 on
        raise ValueError("sample_weight must be positive for some row; all are zero.")
    return weight
