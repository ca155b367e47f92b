"""Warnings that point at the line of the user that led to them."""

import contextlib
import inspect
import warnings
from pathlib import Path

import sklearn

import sklatent

# Frames in between: of the packages, and of context managers that wrap their methods.
INSIDE = (
    *(str(Path(package.__file__).parent) for package in (sklatent, sklearn)),
    contextlib.__file__,
)


def warn(message, category=UserWarning):
    """Warn at the innermost line outside of sklatent and scikit-learn."""
    frame, level = inspect.currentframe().f_back, 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
