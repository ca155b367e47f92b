"""The warning for rows far from all training rows."""

import numpy as np

from sklatent.exceptions import FarRowsWarning
from sklatent.utils._warnings import warn


def warn_of_far_rows(far, what):
    """Warn if some rows are far from all training rows.

    Parameters
    ----------
    far : ndarray of shape (n_samples,)
        Which rows of the call are far, as booleans.
    what : str
        Where they were placed, to follow "they were placed".
    """
    n_far = np.count_nonzero(far)
    if n_far:
        rows, were = ("row", "was") if n_far == 1 else ("rows", "were")
        warn(
            f"{n_far} of {len(far)} {'row' if len(far) == 1 else 'rows'} given: far "
            f"from all training rows. The far {rows} {were} placed {what}.",
            FarRowsWarning,
        )
