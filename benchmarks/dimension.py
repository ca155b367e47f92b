"""Intrinsic dimension beside scikit-dimension and DADApy; neighbors beside others."""

import itertools
import pathlib
import tempfile
import tracemalloc

import numpy as np
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors

from benchmarks._harness import compare
from benchmarks._peers import Peers
from sklatent.datasets import benchmark_manifolds, make_manifold
from sklatent.dimension import DANCo, Gride, LevinaBickel, TwoNN, _estimates
from sklatent.utils._neighbors import k_nearest

N_REPEATS = 300
SCALES = (1, 2, 4, 8, 16)


class Files:
    """Rows as files, for the peers in the other environment."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.paths = (
            pathlib.Path(self.folder.name) / f"{i}.npy" for i in itertools.count()
        )

    def path(self, X):
        """Write rows; return where they are."""
        path = next(self.paths)
        np.save(path, X)
        return path


# --------------------------------------------------------------------------------
# Error bars


class TorusMixin:
    """Finds neighbors on the torus; everything else is the estimator's own."""

    def _nearest(self, n_neighbors, ranks):
        tree = cKDTree(self._rows, boxsize=1)
        distances, indices = tree.query(self._rows, n_neighbors + 1)
        return distances[:, ranks], indices[:, ranks]


def on_torus(estimator):
    """Return the estimator, on the torus."""
    cls = type(estimator)
    torus = type(cls.__name__, (TorusMixin, cls), {"__init__": cls.__init__})
    return torus(**estimator.get_params())


def coverage(peers, files):
    """How often the nominal 95 % interval covers the dimension of a flat torus."""
    rows = [f"TwoNN({method!r})" for method in ("mle", "linear", "bayes")]
    rows += [f"Gride, n1 = {n1}" for n1 in SCALES] + ["LevinaBickel"]
    rows += ["DADApy 2NN, with prior"] + [f"DADApy Gride, n1 = {n1}" for n1 in SCALES]
    cells = [(d, n) for d in (1, 2, 5) for n in (500, 5000)]
    table = np.zeros((len(rows), len(cells)))
    for column, (d, n) in enumerate(cells):
        for seed in range(N_REPEATS):
            X = np.random.RandomState(seed).uniform(size=(n, d))
            table[:, column] += covered(X, d, peers, files)
    share = 100 * table / N_REPEATS
    error = 100 * np.sqrt(0.95 * 0.05 / N_REPEATS)
    lines = [
        f"coverage of the nominal 95 % interval in %, flat torus, {N_REPEATS} "
        f"repetitions (standard error {error:.1f}); reach 93 to 97",
        "  d, n" + " " * 22 + "".join(f"{f'{d}, {n}':>10}" for d, n in cells),
    ]
    for name, values in zip(rows, share, strict=True):
        lines.append(f"  {name:<26}" + "".join(f"{value:>10.1f}" for value in values))
    lines.append("  scikit-dimension: gives no interval")
    return "\n".join(lines)


def covered(X, d, peers, files):
    """Which of the intervals cover d."""
    intervals = [
        on_torus(TwoNN(method)).fit(X).confidence_interval_
        for method in ("mle", "linear", "bayes")
    ]
    gride = on_torus(Gride(max_neighbors=2 * SCALES[-1])).fit(X)
    intervals += list(gride.confidence_interval_scales_)
    intervals.append(on_torus(LevinaBickel()).fit(X).confidence_interval_)
    path = files.path(X)
    bayes, error = peers("dadapy_bayes", path, period=1.0)
    scales, errors = peers("dadapy_gride", path, period=1.0)
    path.unlink()
    for estimate, std in zip([bayes, *scales[:5]], [error, *errors[:5]], strict=True):
        intervals.append([estimate - 1.96 * std, estimate + 1.96 * std])
    return [low <= d <= high for low, high in intervals]


# --------------------------------------------------------------------------------
# Accuracy

ESTIMATORS = {
    "TwoNN": TwoNN(),
    "linear": TwoNN("linear"),
    "Gride": Gride(max_neighbors=2),
    "LevBick": LevinaBickel(),
    "TwoNN*": TwoNN(correction="ball"),
    "Gride2*": Gride(2, max_neighbors=2, correction="ball"),
    "Gride4*": Gride(4, max_neighbors=2, correction="ball"),
    "LevBick*": LevinaBickel(5, 10, correction="ball"),
    "shapes": TwoNN(correction="shapes"),
    "DANCo": DANCo(),
}


def manifolds(peers, files):
    """Mean estimates on the benchmark manifolds."""
    names = [*ESTIMATORS, "skdim", "DADApy"]
    lines = [
        "estimates on the benchmark manifolds, n = 2,500, mean of 3 seeds "
        "(* correction='ball')",
        "  manifold         d" + "".join(f"{name:>9}" for name in names),
    ]
    errors = []
    for name, (d, _) in benchmark_manifolds().items():
        estimates = []
        for seed in range(3):
            X, _ = make_manifold(name, 2500, random_state=seed)
            path = files.path(X)
            row = [e.fit(X).dimension_ for e in ESTIMATORS.values()]
            row.append(peers("skdim_two_nn", path))
            row.append(peers("dadapy_two_nn", path)[0])
            estimates.append(row)
        mean = np.mean(estimates, axis=0)
        errors.append([d, *100 * np.abs(mean / d - 1)])
        lines.append(
            f"  {name:<14}{d:>4}" + "".join(f"{value:>9.2f}" for value in mean)
        )
    errors = np.array(errors)
    for title, part in (
        ("error, all, %", errors),
        ("error, d <= 10, %", errors[errors[:, 0] <= 10]),
    ):
        means = part[:, 1:].mean(axis=0)
        lines.append(f"  {title:<18}" + "".join(f"{value:>9.1f}" for value in means))
    lines.append(
        "  reach: uncorrected no worse than the peers, the best of all <= 6 %, and "
        "<= 4 % for d <= 10"
    )
    return "\n".join(lines)


def pareto_bias():
    """Bias on exact Pareto ratios."""
    lines = [
        "mean relative bias on exact Pareto ratios, n = 1,000, 4,000 samples, in %"
    ]
    for function, reach in (("pareto_mle", 0.3), ("pareto_line", 1.0)):
        for discard_fraction in (0.0, 0.1, 0.25, 0.5):
            estimates = [
                getattr(_estimates, function)(
                    np.random.RandomState(seed).exponential(size=1000), discard_fraction
                )[0]
                for seed in range(4000)
            ]
            error = 100 * np.std(estimates) / np.sqrt(4000)
            lines.append(
                f"  {function:<12} discard_fraction={discard_fraction:<5}"
                f"{100 * (np.mean(estimates) - 1):>8.2f} +- {error:.2f}   "
                f"reach {reach}"
            )
    return "\n".join(lines)


# --------------------------------------------------------------------------------
# Speed


def two_nn_speed(p, skdim_reach, dadapy_reach, peers, files):
    """Whole fits."""
    X = np.random.RandomState(0).standard_normal((20_000, p))
    path = files.path(X)
    functions = {
        "TwoNN().fit": lambda: TwoNN().fit(X),
        "scikit-dimension": lambda: peers("skdim_two_nn", path),
        "DADApy": lambda: peers("dadapy_two_nn", path),
    }
    reach = {"scikit-dimension": f">= {skdim_reach}", "DADApy": f">= {dadapy_reach}"}
    return compare(f"TwoNN, 20,000 x {p}", functions, reach, 3)


def neighbors_speed(p, peers, files):
    """Two nearest rows, and the row itself."""
    X = np.random.RandomState(0).standard_normal((20_000, p))
    path = files.path(X)

    def scikit_learn(algorithm):
        search = NearestNeighbors(n_neighbors=3, algorithm=algorithm, n_jobs=-1)
        return lambda: search.fit(X).kneighbors(X)

    methods = ["brute", "kd_tree"] if p == 10 else ["brute"]
    peer_functions = {f"scikit-learn, {m}": scikit_learn(m) for m in methods}
    functions = {
        "k_nearest, exact": lambda: k_nearest(X, 3),
        **peer_functions,
        "scikit-learn-intelex": lambda: peers("intelex_neighbors", path, k=3),
        "faiss, float32, not exact": lambda: peers("faiss_neighbors", path, k=3),
    }
    reach = dict.fromkeys(peer_functions, ">= 2") | {
        "scikit-learn-intelex": ">= 1",
        "faiss, float32, not exact": "(aim: 1)",
    }
    return compare(f"2 nearest neighbors, 20,000 x {p}", functions, reach, 3)


def memory():
    """Peak of what a fit allocates on top of the data."""
    X = np.random.RandomState(0).standard_normal((100_000, 40))
    tracemalloc.start()
    TwoNN().fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (
        f"TwoNN, 100,000 x 40: peak memory {peak / 1e6:.0f} MB on top of X "
        f"({X.nbytes / 1e6:.0f} MB)   reach < 1,000 MB"
    )


def run():
    """Yield the tables of the family."""
    peers, files = Peers(), Files()
    versions = pathlib.Path(__file__).with_name("peers.txt").read_text().split()
    yield f"peers: {', '.join(versions)}"
    for p in (10, 50, 784):
        yield neighbors_speed(p, peers, files)
    for p, skdim_reach, dadapy_reach in ((10, 3, 1), (40, 20, 3), (784, 1, 1)):
        yield two_nn_speed(p, skdim_reach, dadapy_reach, peers, files)
    yield memory()
    yield pareto_bias()
    yield manifolds(peers, files)
    yield coverage(peers, files)
