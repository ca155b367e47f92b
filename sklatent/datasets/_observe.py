"""What all generators share: their parameters, noise and spare features.

They draw the points first, then the rotation into more features, then the noise: with
one seed, the same points are seen in all three ways.
"""

from numbers import Integral, Real

import numpy as np

from sklatent.utils._sklearn import Interval, validate_params

COUNT = [Interval(Integral, 1, None, closed="left")]
CONSTRAINTS = {
    "n_samples": COUNT,
    "dimension": COUNT,
    "n_features": [*COUNT, None],
    "n_turns": COUNT,
    "n_half_twists": [Interval(Integral, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "random_state": ["random_state"],
}


def validated(**constraints):
    """Check the arguments of a generator, as scikit-learn does."""
    return validate_params(
        CONSTRAINTS | constraints, prefer_skip_nested_validation=True
    )


def observe(X, rng, noise, n_features=None):
    """Turn X into the space of `n_features`, and add noise to each of them."""
    needed = X.shape[1]
    if n_features is not None and n_features < needed:
        raise ValueError(
            f"n_features must be at least {needed}, which the points take; got "
            f"{n_features} instead."
        )
    if n_features is not None and n_features > needed:
        # The first columns of a random rotation: the others meet zeros.
        Q, R = np.linalg.qr(rng.standard_normal((n_features, needed)))
        X = X @ (Q * np.sign(np.diag(R))).T
    return X + noise * rng.standard_normal(X.shape) if noise else X
