"""The warning for rows far from all training rows."""

import numpy as np

from sklatent.exceptions import FarRowsWarning
from sklatent.utils._warnings import warn

# A row is far if its distance to the nearest training row is so many times the largest
# distance between training rows that are neighbors.
FAR = 10


def warn_of_far_rows(far, what):
    """Warn if some rows are far from all training rows.

    Parameters
    ----------
    far : ndarray of shape (n_samples,)
        Which rows of the call are far, as booleans.
    what : str
        Where they were placed, to follow "They were placed".
    """
    n_far = np.count_nonzero(far)
    if n_far:
        are, they = ("is", "It was") if n_far == 1 else ("are", "They were")
        warn(
            f"{n_far} of {len(far)} rows {are} far from all training rows. {they} "
            f"placed {what}.",
            FarRowsWarning,
        )
