"""Warnings about a table, each given once for it.

Whoever tries six estimators on one table should read once that rows repeat others, not
six times. Python's own filter "default" shows a warning once for each line of code, so
not for six lines; and whenever filters are touched, as scikit-learn does in validating
data, it forgets what it has shown.
"""

import contextlib
import weakref

from sklatent.exceptions import DuplicateRowsWarning
from sklatent.utils._warnings import warn

# The table of the last warning, weakly, and what was said of it. One is enough: what is
# tried on one table is tried in a row.
_last = {"table": lambda: None, "said": frozenset()}


def warn_of_table(table, message, category):
    """Warn, unless the same was said of this table just before.

    Parameters
    ----------
    table : array-like
        What the user gave to `fit`.
    message : str
        What to say.
    category : type
        The class of the warning.
    """
    said = _last["said"] if _last["table"]() is table else frozenset()
    if message in said:
        return
    warn(message, category)  # a filter may make it an error: then it is not said yet
    with contextlib.suppress(TypeError):  # lists, which are told of every time
        _last.update(table=weakref.ref(table), said=said | {message})


def count_duplicates(table, n_distinct, n_samples):
    """Return how many rows of a table repeat others, and warn if there are any."""
    n_duplicates = n_samples - n_distinct
    if n_duplicates:
        warn_of_table(
            table,
            f"{n_duplicates} of {n_samples} rows repeat others; each counts once.",
            DuplicateRowsWarning,
        )
    return n_duplicates
