"""Random numbers that do not change the global generators."""

import numpy as np
from sklearn.utils import check_random_state


def random_generator(random_state):
    """Return a RandomState, as scikit-learn does, but fresh for None.

    scikit-learn draws from NumPy's global generator where `random_state` is None,
    so that fitting changes what the caller draws afterwards.
    """
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)
