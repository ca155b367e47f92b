"""What all generators share: checks of parameters, noise, and additional features.

Generators draw the points first, then the rotation into more features, and then the
noise. So the points of one seed are the same with and without rotation and noise.
"""

from numbers import Integral, Real

import numpy as np

from sklatent.utils._sklearn import Interval, validate_params

COUNT = [Interval(Integral, 1, None, closed="left")]
CONSTRAINTS = {
    "n_samples": COUNT,
    "dimension": COUNT,
    "n_features": [*COUNT, None],
    "side_lengths": ["array-like", None],
    "density_ratio": [Interval(Real, 1, None, closed="left")],
    "n_branches": COUNT,
    "depth": COUNT,
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


def sides_of_box(side_lengths, dimension):
    """Lengths of the sides as an array."""
    sides = np.ones(dimension) if side_lengths is None else np.asarray(side_lengths)
    if sides.shape != (dimension,) or not ((sides > 0) & (sides < np.inf)).all():
        raise ValueError(
            f"side_lengths must be {dimension} positive numbers, one for each "
            f"dimension; got {side_lengths!r}."
        )
    return sides


def observe(X, rng, noise, n_features=None):
    """Rotate X into the space of `n_features`, and add noise to each feature."""
    needed = X.shape[1]
    if n_features is not None and n_features < needed:
        raise ValueError(
            f"n_features must be at least {needed}, the number of features of the "
            f"points; got {n_features}."
        )
    if n_features is not None and n_features > needed:
        # The first columns of a random rotation; the others would multiply zeros.
        # Uniform only if R has a positive diagonal, which `qr` does not promise.
        Q, R = np.linalg.qr(rng.standard_normal((n_features, needed)))
        X = X @ (Q * np.sign(np.diag(R))).T
    return X + noise * rng.standard_normal(X.shape) if noise else X
