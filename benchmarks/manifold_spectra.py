"""Diffusion maps where the Laplacian's eigenvalues are known, beside pyDiffMap."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import sklearn.manifold

from benchmarks._harness import compare
from sklatent.manifold import DiffusionMap

N_EIGENVALUES = 8
SIDES = (1.5, 1.0)


def uneven_angles(rng, n):
    """Angles with a density of 1 + 0.8 cos, nine times as high at 0 as at pi."""
    angles = rng.uniform(-np.pi, np.pi, 3 * n)
    keep = rng.uniform(0, 1.8, 3 * n) < 1 + 0.8 * np.cos(angles)
    return angles[keep][:n]


def on_circles(*angles):
    """Cosine and sine of each angle as columns."""
    return np.column_stack([f(a) for a in angles for f in (np.cos, np.sin)])


def circle(rng, n, uneven=False):
    """A unit circle: m^2, twice each."""
    angles = uneven_angles(rng, n) if uneven else rng.uniform(0, 2 * np.pi, n)
    X = on_circles(angles)
    return X, np.repeat(np.arange(1, 5), 2) ** 2, X


def interval(rng, n):
    """An interval of length 1: (m pi)^2, by reflection at its ends."""
    t = rng.uniform(size=n)
    X = np.column_stack([t, np.zeros(n)])
    return X, (np.pi * np.arange(1, 9)) ** 2, np.cos(np.pi * t)[:, None]


def sphere(rng, n):
    """A unit sphere: l (l + 1), 2 l + 1 times."""
    X = rng.standard_normal((n, 3))
    X /= np.sqrt(np.square(X).sum(axis=1, keepdims=True))
    return X, np.repeat([2, 6], [3, 5]), X


def torus(rng, n, uneven=False):
    """A flat torus, the product of two unit circles: i^2 + j^2."""
    first = uneven_angles(rng, n) if uneven else rng.uniform(0, 2 * np.pi, n)
    X = on_circles(first, rng.uniform(0, 2 * np.pi, n))
    return X, np.repeat([1, 2], 4), X


def rectangle(rng, n):
    """A rectangle with sides a and b: (i pi / a)^2 + (j pi / b)^2."""
    X = rng.uniform(size=(n, 2)) * SIDES
    i, j = np.meshgrid(np.arange(9), np.arange(9))
    eigenvalues = (np.pi * i / SIDES[0]) ** 2 + (np.pi * j / SIDES[1]) ** 2
    lowest = np.cos(np.pi * X[:, :1] / SIDES[0])
    return X, np.sort(eigenvalues.ravel())[1:9], lowest


# Functions of a generator and a number of rows that return rows, the first eight
# eigenvalues, and the functions of the lowest.
CASES = {
    "circle": circle,
    "circle 9:1": lambda rng, n: circle(rng, n, uneven=True),
    "interval": interval,
    "sphere": sphere,
    "torus": torus,
    "torus 9:1": lambda rng, n: torus(rng, n, uneven=True),
    "rectangle": rectangle,
}


def fitted(X):
    """Our map, with as many eigenvalues as are compared."""
    return DiffusionMap(n_components=4, n_eigenvalues=N_EIGENVALUES).fit(X)


def spectral(X, n_components):
    """scikit-learn's embedding, in a graph of as many neighbors as pyDiffMap's."""
    embedding = sklearn.manifold.SpectralEmbedding(
        n_components, affinity="nearest_neighbors", n_neighbors=64, random_state=0
    )
    return embedding.fit_transform(X)


def eigenvalue_error(eigenvalues, exact):
    """Mean relative error."""
    return np.abs(np.asarray(eigenvalues)[:N_EIGENVALUES] / exact - 1).mean()


def eigenspace_error(vectors, lowest):
    """Root mean square of what the vectors leave of the true functions, relative."""
    basis = np.column_stack([np.ones(len(vectors)), vectors])
    rest = lowest - basis @ np.linalg.lstsq(basis, lowest, rcond=None)[0]
    return np.sqrt(np.square(rest).mean() / np.square(lowest).mean())


def spectra(n, reach, peers):
    """Errors of the first eight eigenvalues, and of the lowest eigenspace."""
    lines = [
        f"first eight eigenvalues, n = {n:,}: mean relative error "
        "(error of the lowest eigenspace)",
        f"  {'':<14}{'DiffusionMap':>18}{'pyDiffMap':>18}{'scikit-learn':>16}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, make in CASES.items():
            X, exact, lowest = make(np.random.RandomState(0), n)
            q = lowest.shape[1]
            ours = fitted(X)
            cells = [
                f"{eigenvalue_error(ours.eigenvalues_, exact):.3f} "
                f"({eigenspace_error(ours.eigenfunctions_[:, :q], lowest):.3f})"
            ]
            path = Path(folder) / f"{name}.npy"
            np.save(path, X)
            found = None
            if n <= 3000 or name in ("sphere", "rectangle"):  # or it takes minutes
                found = _answer(peers, "pydiffmap_spectrum", path)
            if found is None:
                cells.append("-")
            else:
                values, vectors = map(np.array, found)
                cells.append(
                    f"{eigenvalue_error(values, exact):.3f} "
                    f"({eigenspace_error(vectors[:, :q], lowest):.3f})"
                )
            cells.append(f"({eigenspace_error(spectral(X, q), lowest):.3f})")
            a, b, c = cells
            lines.append(f"  {name:<14}{a:>18}{b:>18}{c:>16}   reach <= {reach}")
    lines.append("  lowest eigenspace, 9:1: reach <= .02")
    return "\n".join(lines)


def _answer(peers, name, path, **arguments):
    """What a peer found, or None where it failed."""
    try:
        return peers(name, path, **arguments)
    except RuntimeError as error:
        warnings.warn(f"{name}: {error}", stacklevel=2)
        return None


def multiplicities():
    """Every eigenvalue of the circle, twice each."""
    X, exact, _ = circle(np.random.RandomState(0), 20_000)
    found = fitted(X).eigenvalues_[:N_EIGENVALUES]
    return "\n".join(
        [
            "circle, n = 20,000: every eigenvalue, each twice",
            "  exact        " + "".join(f"{value:>8.0f}" for value in exact),
            "  DiffusionMap " + "".join(f"{value:>8.2f}" for value in found),
        ]
    )


def coverage(n_samples=100, n=1000):
    """Share of true eigenvalues in their 95 % intervals."""
    lines = [f"95 % intervals of eigenvalues, {n_samples} samples of {n:,} rows"]
    for name in ("circle", "sphere", "rectangle"):
        inside = []
        for seed in range(n_samples):
            X, exact, _ = CASES[name](np.random.RandomState(seed), n)
            low, high = fitted(X).eigenvalues_interval_[:N_EIGENVALUES].T
            inside.append((low <= exact) & (exact <= high))
        each = np.mean(inside, axis=0)
        lines.append(
            f"  {name:<14}{np.mean(inside):>8.1%} inside; eigenvalue by eigenvalue "
            f"{each.min():.0%} to {each.max():.0%}"
            "   reach 90 to 97 %"
        )
    return "\n".join(lines)


def speed(name, learn_reach, peer_reach, peers, repeats=1, n=20_000):
    """Whole fits."""
    X, _, _ = CASES[name](np.random.RandomState(0), n)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, X)
        functions = {
            "DiffusionMap": lambda: fitted(X),
            "scikit-learn, SpectralEmbedding": lambda: spectral(X, 4),
        }
        reach = {"scikit-learn, SpectralEmbedding": f">= {learn_reach}"}
        if peer_reach:
            functions["pyDiffMap"] = lambda: peers("pydiffmap_fit", path)
            reach["pyDiffMap"] = f">= {peer_reach}"
        return compare(f"diffusion map, {name}, n = {n:,}", functions, reach, repeats)


def run(peers):
    """Yield the tables."""
    yield spectra(3000, 0.05, peers)
    yield spectra(20_000, 0.02, peers)
    yield multiplicities()
    yield coverage()
    for name, learn_reach, peer_reach in (
        ("sphere", 6, 1.5),
        ("rectangle", 6, 1.5),
        # pyDiffMap takes minutes, for a gap of some millionths.
        ("circle", 1, None),
    ):
        yield speed(name, learn_reach, peer_reach, peers)
