"""The tables that more than one part looks at, and how peers are given them."""

import contextlib
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from benchmarks._peers import Peers
from sklatent.datasets import make_tree
from sklatent.decomposition import PCA

VERSIONS = Path(__file__).parents[1] / "peers.txt"


def digits_like(n, seed=0):
    """As many rows as wanted that are like the digits, and their classes.

    Each is the mean, with a weight between a half and one, of two digits of a class,
    both shifted by at most a pixel in the same way, with noise of a sixteenth of the
    range of a pixel.

    Parameters
    ----------
    n : int
        Number of rows.
    seed : int, default=0
        Seed of the choice.

    Returns
    -------
    X : ndarray of shape (n, 64)
        Images.
    y : ndarray of shape (n,)
        Classes.
    """
    rng = np.random.RandomState(seed)
    digits, classes = load_digits(return_X_y=True)
    # Digits in the order of their classes, so that others of a class are a range.
    order = np.argsort(classes, kind="stable")
    digits, classes = digits[order], classes[order]
    starts = np.searchsorted(classes, np.arange(11))
    first = rng.randint(len(digits), size=n)
    y = classes[first]
    second = rng.randint(starts[y], starts[y + 1])
    share = rng.uniform(0.5, 1, n)[:, None]
    images = share * digits[first] + (1 - share) * digits[second]
    framed = np.pad(images.reshape(n, 8, 8), ((0, 0), (1, 1), (1, 1)))
    down, right = rng.randint(3, size=(2, n, 1, 1))
    pixels = np.arange(8)
    rows = (down + pixels[:, None], right + pixels)
    images = framed[np.arange(n)[:, None, None], *rows]
    return images.reshape(n, 64) + rng.standard_normal((n, 64)), y


def tree(n=2000, seed=0):
    """A tree of twelve branches in 50 dimensions with noise, and the branch of a row.

    Features are the branches in the order in which these are made, from the root on,
    and a row on a branch has 0 in the later ones.
    """
    X, _ = make_tree(n, n_branches=3, depth=2, random_state=seed)
    y = X.shape[1] - 1 - np.argmax(X[:, ::-1] > 0, axis=1)
    rng = np.random.RandomState(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((50, X.shape[1])))
    return X @ rotation.T + 0.05 * rng.standard_normal((n, 50)), y


def start(X):
    """Two principal components, the first with the standard deviation 1e-4."""
    Z = PCA(2).fit_transform(X)
    return 1e-4 * Z / Z[:, 0].std()


@contextlib.contextmanager
def asking(**arrays):
    """Give a function that asks peers about rows, or about arrays by their names.

    Parameters
    ----------
    **arrays : dict of str to ndarray
        `X` alone is what a job gets; several are the entries of a dict.
    """
    peers = Peers()
    with tempfile.TemporaryDirectory() as folder:
        if set(arrays) == {"X"}:
            path = Path(folder) / "rows.npy"
            np.save(path, arrays["X"])
        else:
            path = Path(folder) / "arrays.npz"
            np.savez(path, **arrays)
        yield lambda job, **kwargs: peers(f"_map_peers.{job}", path, **kwargs)


def versions(*packages):
    """A line with the versions of peers."""
    found = [v for v in VERSIONS.read_text().split() if v.startswith(packages)]
    return f"peers: {', '.join(found)}"
