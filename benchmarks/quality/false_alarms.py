"""False alarms of the detector: conformal p-values, and the false discovery rate.

Rows of 99 are fitted, so that a p-value can be exactly 1, 5 and 10 %, and new rows of
the same distribution are tested. The rate is the mean over the repetitions, each with
its own training rows, and its standard error is that between them. Densities with many
ties, such as histograms, are not among them: they give fewer false alarms than asked
for.
"""

import warnings

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import make_moons
from sklearn.ensemble import IsolationForest

from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.density import GaussianMixture, KernelDensity
from sklatent.outlier import OutlierDetector

N_TRAIN, N_NEW, REPETITIONS = 99, 20, 1000
LEVELS = (0.01, 0.05, 0.1)


def gaussian(rng, n):
    """Three columns that depend on each other."""
    return rng.normal(size=(n, 3)) @ [[1.0, 0.8, 0.0], [0.0, 0.6, 0.5], [0.0, 0.0, 0.2]]


def student(rng, n):
    """The same with heavy tails."""
    return gaussian(rng, n) / np.sqrt(rng.chisquare(3, size=(n, 1)) / 3)


def moons(rng, n):
    """Two half circles; independent rows, which make_moons spaces evenly by itself."""
    rows = make_moons(50 * n, noise=0.1, random_state=rng)[0]
    return rows[rng.permutation(len(rows))[:n]]


DISTRIBUTIONS = {
    "Gaussian": gaussian,
    "Student t, 3": student,
    "moons": moons,
    "cube": lambda rng, n: rng.uniform(size=(n, 4)),
    "lognormal": lambda rng, n: np.exp(gaussian(rng, n)),
}
DENSITIES = {
    "default": lambda: None,
    "GaussianMixture(2)": lambda: GaussianMixture(2, reg_covar=0.01, random_state=0),
    'KernelDensity("scott")': lambda: KernelDensity("scott"),
    "PPCA(1)": lambda: PPCA(1),
    "FactorAnalysis(1)": lambda: FactorAnalysis(1, tol=1e-3),
    "IsolationForest": lambda: IsolationForest(n_estimators=10, random_state=0),
}


def false_alarms(make, draw, repetitions=REPETITIONS):
    """Rates at the levels, and their standard errors."""
    rates = np.empty((repetitions, len(LEVELS)))
    for r in range(repetitions):
        rng = np.random.RandomState(r)
        rows = draw(rng, N_TRAIN + N_NEW)
        rows = rows[rng.permutation(len(rows))]
        detector = OutlierDetector(make(), random_state=r).fit(rows[:N_TRAIN])
        pvalues = detector.pvalues(rows[N_TRAIN:])
        # Rounding must not move a p-value of exactly the level.
        rates[r] = [(pvalues <= level + 1e-9).mean() for level in LEVELS]
    return rates.mean(axis=0), rates.std(axis=0, ddof=1) / np.sqrt(repetitions)


def cell(density, name, repetitions):
    """Return a line of the table of false alarms."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rates, errors = false_alarms(
            DENSITIES[density], DISTRIBUTIONS[name], repetitions
        )
    cells = [
        f"{100 * rate:9.2f} +- {100 * error:.2f}"
        for rate, error in zip(rates, errors, strict=True)
    ]
    return f"  {density:<24}{name:<14}{''.join(cells)}"


def alarms_table(repetitions=REPETITIONS):
    """Rates of false alarms in %, by density and distribution."""
    head = "False alarms in % where 1, 5 and 10 are asked for, and standard errors"
    lines = Parallel(n_jobs=-1)(
        delayed(cell)(density, name, repetitions)
        for density in DENSITIES
        for name in DISTRIBUTIONS
    )
    return "\n".join([head, *lines])


def discoveries(draw, share, repetitions, n=300, level=0.1):
    """False discovery proportion, share found, and marked rows where none is found."""
    false, found, none = [], [], []
    for r in range(repetitions):
        rng = np.random.RandomState(r)
        X = draw(rng, n)
        outlier = np.arange(n) < round(share * n)
        X[outlier] += 8 * X.std(axis=0) * rng.choice([-1, 1], size=X.shape[1])
        detector = OutlierDetector(level=level, random_state=r).fit(X)
        marked = detector.predict(X) == -1
        if detector.n_outliers_ == 0:
            marked[:] = False
        false.append((marked & ~outlier).sum() / max(1, marked.sum()))
        found.append(marked[outlier].mean() if share else np.nan)
        none.append(detector.n_outliers_ == 0)
    return np.mean(false), np.mean(found), np.mean(none)


def discoveries_table(repetitions=200):
    """False discovery rates of `contamination="auto"` on training rows."""
    lines = [
        'contamination="auto" at level 0.1, 300 rows, and a share of them 8 standard',
        "deviations away: false discovery rate, share found, tables with no discovery",
    ]
    for name, draw in DISTRIBUTIONS.items():
        for share in (0.0, 0.02, 0.1):
            numbers = discoveries(draw, share, repetitions)
            cells = "".join(f"{number:9.3f}" for number in numbers)
            lines.append(f"  {name:<14}{share:6.2f}{cells}")
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield alarms_table()
        yield discoveries_table()
