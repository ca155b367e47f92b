"""Embeddings beside scikit-learn, pyDiffMap and UMAP."""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import sklearn.decomposition
import sklearn.manifold
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.utils.estimator_checks import check_estimator

from benchmarks import manifold_spectra
from benchmarks._harness import compare
from benchmarks._peers import Peers
from sklatent.decomposition import PCA
from sklatent.manifold import ClassicalMDS, DiffusionMap, Isomap, KernelPCA
from sklatent.utils._decoder import Decoder
from sklatent.utils._neighbors import k_nearest

HERE = Path(__file__).parents[1]


def mds_accuracy():
    """Places from rows, and from their distances, against the scores of PCA."""
    lines = ["classical MDS, 500 x 10: Procrustes disparity to the scores of PCA"]
    rng = np.random.RandomState(0)
    rows = rng.standard_normal((500, 10)) * np.linspace(1.2, 1, 10)
    for offset in (0.0, 1e8):
        X = rows + offset
        centered = X - X[0]
        scores = sklearn.decomposition.PCA(2, svd_solver="full").fit_transform(centered)
        ours = {"rows": ClassicalMDS(2).fit_transform(X)}
        learn = {"rows": sklearn.manifold.ClassicalMDS(2).fit_transform(X)}
        D = cdist(X, X)
        ours["distances"] = ClassicalMDS(2, metric="precomputed").fit_transform(D)
        precomputed = sklearn.manifold.ClassicalMDS(2, metric="precomputed")
        learn["distances"] = precomputed.fit_transform(D)
        for given in ours:
            a, b = (procrustes(scores, Z[given])[2] for Z in (ours, learn))
            lines.append(
                f"  offset {offset:<8.0e}{given:<12}ClassicalMDS {a:>8.1e}   "
                f"scikit-learn {b:>8.1e}   reach 1e-09"
            )
    return "\n".join(lines)


def mds_speed():
    """Few components of many distances."""
    rows = np.random.RandomState(0).standard_normal((5000, 10)) * np.linspace(3, 1, 10)
    D = cdist(rows, rows)
    ours = ClassicalMDS(2, metric="precomputed")
    peer = sklearn.manifold.ClassicalMDS(2, metric="precomputed")
    return compare(
        "classical MDS, 5,000 x 5,000 distances, 2 components",
        {"ClassicalMDS": lambda: ours.fit(D), "scikit-learn": lambda: peer.fit(D)},
        {"scikit-learn": ">= 20"},
        1,
    )


def swiss_roll(n, seed=0):
    """A swiss roll, and the sheet that it is rolled from."""
    X, t = make_swiss_roll(n, random_state=seed)
    length = (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2
    return X, np.column_stack([length, X[:, 1]])


def rigid_error(Z, truth):
    """Relative error after the best rotation and shift, without a change of scale."""
    Z, truth = (A - A.mean(axis=0) for A in (Z, truth))
    R, _ = orthogonal_procrustes(Z, truth)
    return np.linalg.norm(Z @ R - truth) / np.linalg.norm(truth)


def isomap():
    """A swiss roll: fits, new rows, and how flat it lies."""
    X, sheet = swiss_roll(4000)
    new, _ = swiss_roll(1000, seed=1)
    ours, peer = Isomap(n_neighbors=10), sklearn.manifold.Isomap(n_neighbors=10)
    fits = compare(
        "Isomap, swiss roll, 4,000 rows, 10 neighbors",
        {"Isomap": lambda: ours.fit(X), "scikit-learn": lambda: peer.fit(X)},
        {"scikit-learn": ">= 20"},
        1,
    )
    transforms = compare(
        "Isomap, 1,000 new rows",
        {
            "Isomap.transform": lambda: ours.transform(new),
            "scikit-learn": lambda: peer.transform(new),
        },
        {"scikit-learn": ">= 10"},
        3,
    )
    a, b = (rigid_error(model.embedding_, sheet) for model in (ours, peer))
    errors = f"  rigid Procrustes error to the sheet: {a:.4f}, scikit-learn {b:.4f}"
    return f"{fits}\n{errors}   reach <= scikit-learn's\n{transforms}"


PROGRAM = """
import re, time
from pathlib import Path
from benchmarks.manifold import swiss_roll
from sklatent.manifold import Isomap, KernelPCA
X, _ = swiss_roll({n})
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
# Of this process only: getrusage would begin with the memory of its parent.
status = Path("/proc/self/status").read_text()
print(seconds, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024)
"""


def in_a_process(code, n):
    """Seconds and peak memory, in MB, of code in a process of its own."""
    program = PROGRAM.format(code=code, n=n)
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=HERE,
    )
    return map(float, process.stdout.split())


def many_rows():
    """Time and memory where n^2 is too much."""
    lines = ["swiss roll of many rows: time, and peak memory of the whole process"]
    for name, n, code, reach in (
        ("Isomap", 100_000, "Isomap(n_neighbors=10).fit(X)", "< 600 s, < 1,000 MB"),
        ("KernelPCA", 50_000, "KernelPCA(10, kernel='rbf').fit(X)", "without n^2"),
    ):
        seconds, megabytes = in_a_process(code, n)
        lines.append(
            f"  {name:<12}{n:>8,} rows{seconds:>8.1f} s{megabytes:>8.0f} MB   "
            f"reach {reach} (8 n^2 is {8 * n**2 / 1e6:,.0f} MB)"
        )
    return "\n".join(lines)


def kernel_pca():
    """Digits with noise: pre-images of new rows, and scores without landmarks."""
    X = load_digits().data / 16
    rng = np.random.RandomState(0)
    X = X[rng.permutation(len(X))]
    noisy = X + 0.25 * rng.standard_normal(X.shape)
    train, new, clean = noisy[:1000], noisy[1000:], X[1000:]

    def error(model):
        rebuilt = model.fit(train).inverse_transform(model.transform(new))
        return np.square(rebuilt - clean).mean()

    settings = {"n_components": 32, "kernel": "rbf"}
    peer = sklearn.decomposition.KernelPCA(**settings, fit_inverse_transform=True)
    theirs = error(peer)
    lines = [
        "kernel PCA, digits with noise of standard deviation 0.25 (of 1), 32 "
        "components:",
        "  squared error per pixel of pre-images of 797 new rows to the clean ones",
        f"  {'noise itself':<36}{np.square(new - clean).mean():.5f}",
        f"  {'scikit-learn':<36}{theirs:.5f}",
    ]
    for name, chosen in (
        ("KernelPCA, defaults", {}),
        ("the same, gamma='loo'", {"gamma": "loo"}),
        ("the same, pre_image='fixed_point'", {"pre_image": "fixed_point"}),
    ):
        found = error(KernelPCA(**settings, **chosen))
        lines.append(f"  {name:<36}{found:.5f}{found / theirs:>8.2f}   reach <= 0.5")
    exact = peer.transform(new)
    same = KernelPCA(**settings, gamma=peer.gamma_, n_landmarks=None).fit(train)
    Z = same.transform(new)
    signs = np.sign((Z * exact).sum(axis=0))
    gap = np.abs(Z * signs - exact).max() / np.abs(exact).max()
    lines.append(
        f"  without landmarks, largest difference to scikit-learn's scores {gap:.1e}"
        "   reach 1e-08"
    )
    return "\n".join(lines)


def mean_of_ten(Z, X, new):
    """The trivial decoder."""
    _, nearest = k_nearest(Z, 10, queries=new)
    return X[nearest].mean(axis=1)


def decoders(peers):
    """Digits from two UMAP components, where these are a row's own and where not."""
    X = load_digits().data
    lines = [
        "digits from two UMAP components: squared error per pixel",
        f"  {'':<34}{'UMAP':>8}{'mean of ten':>14}{'ours':>8}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.npy"
        np.save(path, X)
        for n in (200, 1000):
            found = peers("umap_inverse", path, n_train=n, n_decoded=200)
            Z, new, *inverse = (np.array(part) for part in found)
            decoder = Decoder().fit(Z, X[:n], np.ones(n))
            for what, codes, rows, theirs in (
                ("training", Z[:200], X[:200], inverse[0]),
                ("new", new, X[n : n + 200], inverse[1]),
            ):
                rebuilt = (theirs, mean_of_ten(Z, X[:n], codes), decoder.decode(codes))
                errors = [np.square(R - rows).mean() for R in rebuilt]
                reach = "   reach <= 5.0" if what == "training" else ""
                lines.append(
                    f"  {f'200 {what} rows, fit on {n:,}':<34}{errors[0]:>8.2f}"
                    f"{errors[1]:>14.2f}{errors[2]:>8.2f}{reach}"
                )
    return "\n".join(lines)


def held_out_decoders():
    """New rows from the places that smooth embeddings give them."""
    X = load_digits().data
    X = X[np.random.RandomState(0).permutation(len(X))]
    train, new = X[:1000], X[1000:]
    lines = [
        "797 new digits from the places that transform gives them: squared error per "
        "pixel",
        f"  {'':<20}{'mean of ten':>14}{'ours':>8}",
    ]
    for q in (2, 8, 32):
        for model in (PCA(q), sklearn.manifold.Isomap(n_neighbors=10, n_components=q)):
            Z = model.fit(train).transform(train)
            codes = model.transform(new)
            decoder = Decoder().fit(Z, train, np.ones(len(Z)))
            rebuilt = (mean_of_ten(Z, train, codes), decoder.decode(codes))
            a, b = (np.square(R - new).mean() for R in rebuilt)
            name = f"{type(model).__name__}, {q}"
            lines.append(f"  {name:<20}{a:>14.2f}{b:>8.2f}   reach <= mean of ten")
    return "\n".join(lines)


def common_checks(peers):
    """scikit-learn's checks, none expected to fail."""
    lines = ["scikit-learn's common checks of the default instances: failed of run"]
    for model in (ClassicalMDS(), Isomap(), KernelPCA(), DiffusionMap()):
        results = check_estimator(model, on_fail=None)
        failed = sum(result["status"] == "failed" for result in results)
        name = type(model).__name__
        lines.append(f"  {name:<16}{failed:>4} of {len(results)}   reach 0")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "none.npy"
        np.save(path, np.zeros((1, 1)))
        for package, name in (("umap", "UMAP"), ("pydiffmap", "DiffusionMap")):
            answer = peers("failed_checks", path, package=package, class_name=name)
            lines.append(f"  {package + '.' + name:<24}{answer}")
    return "\n".join(lines)


def run():
    """Yield the tables of the family."""
    peers = Peers()
    versions = Path(__file__).with_name("peers.txt").read_text().split()
    versions = [v for v in versions if v.startswith(("pydiffmap", "umap"))]
    yield f"peers: {', '.join(versions)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield mds_accuracy()
        yield mds_speed()
        yield isomap()
        yield many_rows()
        yield kernel_pca()
        yield decoders(peers)
        yield held_out_decoders()
        yield from manifold_spectra.run(peers)
        yield common_checks(peers)
