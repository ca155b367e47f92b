"""Outlier detection beside scikit-learn and PyOD: areas under the ROC curve."""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from benchmarks._peers import Peers
from benchmarks.quality._data import SEEDS, ask
from benchmarks.quality._report import Scores
from sklatent.decomposition import PPCA
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    KNeighborsDensity,
    StackedDensity,
)
from sklatent.outlier import OutlierDetector

# The class of the inliers.
TABLES = {
    "breast_cancer": (load_breast_cancer, 1),
    "wine": (load_wine, 1),
    "digits": (load_digits, 0),
}
OURS = {
    "OutlierDetector()": lambda: OutlierDetector(random_state=0),
    "the same, trim=0": lambda: OutlierDetector(trim=0, random_state=0),
    "OutlierDetector(IsolationForest)": lambda: OutlierDetector(
        IsolationForest(random_state=0), trim=0, random_state=0
    ),
    "GaussianMixture(range(1, 11))": lambda: GaussianMixture(
        range(1, 11), random_state=0
    ),
    "the same, criterion='cv'": lambda: GaussianMixture(
        range(1, 11), criterion="cv", random_state=0
    ),
    'KernelDensity("loo")': lambda: KernelDensity("loo"),
    "KNeighborsDensity(20)": lambda: KNeighborsDensity(20),
    "PPCA(5)": lambda: PPCA(5),
    "StackedDensity()": lambda: StackedDensity(random_state=0),
    "IsolationForest": lambda: IsolationForest(random_state=0),
    "LocalOutlierFactor": lambda: LocalOutlierFactor(novelty=True),
}
PYOD = ["ECOD", "COPOD", "KNN"]


def scores_of(model, train, rows):
    """Densities of the rows; training rows are left out where that is possible.

    KNeighborsDensity and OutlierDetector always leave them out.
    """
    if rows is train and isinstance(model, StackedDensity):
        return model.fit(train).held_out_log_density_
    if rows is train and isinstance(model, KernelDensity):
        return model.fit(train).score_samples(train, leave_one_out=True)
    if rows is train and isinstance(model, LocalOutlierFactor):
        return model.fit(train).negative_outlier_factor_
    return model.fit(train).score_samples(rows)


def pyod(peers, detector, train, rows):
    """Minus the scores of a detector, or None where it fails."""
    every = train if rows is train else np.vstack([train, rows])
    found = ask(peers, "pyod_scores", every, n_train=len(train), detector=detector)
    return None if found is None else -np.array(found)


def cases(load, inlier, seed):
    """Yield name, training rows, rows to rank, and which of these are outliers.

    Clean: half of the inliers are fitted, the other half and all others are ranked.
    Contaminated: the inliers and a tenth of outliers are fitted and ranked.
    """
    rng = np.random.RandomState(seed)
    X, y = load(return_X_y=True)
    inside, others = (X[y == inlier], X[y != inlier])
    inside = inside[rng.permutation(len(inside))]
    others = others[rng.permutation(len(others))]
    half = len(inside) // 2
    train, rows = inside[:half], np.vstack([inside[half:], others])
    yield "clean", train, rows, np.repeat([0, 1], [len(inside) - half, len(others)])
    n = round(len(inside) / 9)
    both = np.vstack([inside, others[:n]])
    yield "contaminated", both, both, np.repeat([0, 1], [len(inside), n])


def compare():
    """Areas of all methods."""
    tables = {
        case: Scores(f"{case} fit: area under the ROC curve")
        for case in ("clean", "contaminated")
    }
    peers = Peers()
    for name, (load, inlier) in TABLES.items():
        for seed in SEEDS:
            for case, train, rows, outlier in cases(load, inlier, seed):
                mean, std = train.mean(axis=0), train.std(axis=0)
                std[std == 0] = 1
                fitted = (train - mean) / std
                ranked = fitted if rows is train else (rows - mean) / std
                for method, make in OURS.items():
                    found = scores_of(make(), fitted, ranked)
                    area = roc_auc_score(outlier, -found)
                    tables[case].add(method, name, area)
                for detector in PYOD:
                    found = pyod(peers, detector, fitted, ranked)
                    area = np.nan if found is None else roc_auc_score(outlier, -found)
                    tables[case].add(f"PyOD, {detector}", name, area)
    return tables


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for table in compare().values():
            yield table.table()
