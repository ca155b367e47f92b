"""Rows that mixtures are timed on."""

import numpy as np


def mixture(n, d, k=10):
    """Rows of a Gaussian mixture, and a start for EM."""
    rng = np.random.RandomState(0)
    means = 3 * rng.standard_normal((k, d))
    X = means[rng.randint(k, size=n)]
    X = X + rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) / np.sqrt(d)
    start = {
        "weights_init": np.full(k, 1 / k),
        "means_init": X[rng.choice(n, k, replace=False)],
        "precisions_init": np.tile(np.eye(d), (k, 1, 1)),
    }
    return X, start
