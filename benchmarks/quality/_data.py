"""The tables that more than one part looks at."""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_moons
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from benchmarks._tables import copula6, pinwheel, rings

SEEDS = range(5)


def dequantized(X, seed):
    """Rows with uniform noise of each column's rounding step, so that none is discrete.

    The step is the smallest difference between two values that occur.
    """
    rng = np.random.RandomState(seed)
    X = np.array(X, dtype=np.float64)
    for column in X.T:
        steps = np.diff(np.unique(column))
        if len(steps):
            column += steps.min() * rng.uniform(-0.5, 0.5, len(column))
    return X


def real_table(load, n_components=None):
    """Return a function of the seed: the standardized, dequantized table, and None."""

    def rows(seed):
        X = dequantized(load().data, seed)
        X = scale(X[:, X.std(axis=0) > 0])
        X = X if n_components is None else PCA(n_components).fit_transform(X)
        return X, None

    return rows


# Functions of the seed that return rows, and their true log-density if it is known.
DENSITY_TABLES = {
    "wine": real_table(load_wine),
    "breast_cancer": real_table(load_breast_cancer),
    "digits PCA(8)": real_table(load_digits, 8),
    "moons": lambda seed: (make_moons(1000, noise=0.1, random_state=seed)[0], None),
    "rings": lambda seed: rings(1000, seed),
    "pinwheel": lambda seed: pinwheel(1000, seed),
    "copula6": lambda seed: copula6(1000, seed),
}


def density_splits(name):
    """Yield training and test rows, and the truth of the test rows or NaN.

    Rows are standardized by the training rows; the truth is the mean log-density.
    """
    for seed in SEEDS:
        X, log_density = DENSITY_TABLES[name](seed)
        train, test = train_test_split(np.arange(len(X)), random_state=seed)
        mean, std = X[train].mean(axis=0), X[train].std(axis=0)
        truth = np.nan
        if log_density is not None:
            truth = log_density[test].mean() + np.log(std).sum()
        X = (X - mean) / std
        yield X[train], X[test], truth


def ask(peers, name, X, **arguments):
    """Call a peer with rows; None where it fails, which the table says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, X)
        try:
            return peers(name, path, **arguments)
        except RuntimeError as error:
            print(f"{name} failed: {error}")
            return None
