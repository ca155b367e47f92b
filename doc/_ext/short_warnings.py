"""Shows the warnings of an example by what they say, without the place in a folder."""

import warnings


def format_warning(message, category, filename, lineno, line=None):
    """Return the kind of the warning, and its text."""
    return f"{category.__name__}: {message}\n"


def reset(gallery_conf, fname):
    """Set this before each example, as sphinx-gallery's `reset_modules` does."""
    warnings.formatwarning = format_warning
