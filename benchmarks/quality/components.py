"""A choice of the number of components: held-out densities, and outliers ranked."""

import warnings

import numpy as np
import sklearn.mixture
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from benchmarks.quality._data import SEEDS
from benchmarks.quality._report import Scores
from sklatent.density import GaussianMixture


def scikit_learn(numbers, X):
    """The mixture of scikit-learn with the lowest BIC, as its user guide chooses it."""
    models = [
        sklearn.mixture.GaussianMixture(k, random_state=0).fit(X) for k in numbers
    ]
    return min(models, key=lambda model: model.bic(X))


METHODS = {
    "GaussianMixture(1)": lambda X: GaussianMixture(1).fit(X),
    "GaussianMixture(range(1, 21))": lambda X: GaussianMixture(
        range(1, 21), random_state=0
    ).fit(X),
    "the same, criterion='cv'": lambda X: GaussianMixture(
        range(1, 21), criterion="cv", random_state=0
    ).fit(X),
    "the same, cv, reg_covar=[1e-6, .03, .1, .3]": lambda X: GaussianMixture(
        range(1, 21), reg_covar=[1e-6, 0.03, 0.1, 0.3], criterion="cv", random_state=0
    ).fit(X),
    "scikit-learn, lowest BIC of 1 to 20": lambda X: scikit_learn(range(1, 21), X),
}


def held_out():
    """Mean and worst difference from one component over ten splits."""
    lines = [
        "held-out log-density minus that of one component, nats per row, ten splits of",
        "75 / 25 of standardized tables: mean (worst)",
    ]
    loads = [load_wine, load_iris, load_breast_cancer]
    lines.append(f"  {'':<46}" + "".join(f"{f.__name__[5:]:>20}" for f in loads))
    cells = {method: [] for method in METHODS}
    for load in loads:
        gains = {method: [] for method in METHODS}
        for seed in range(10):
            train, test = train_test_split(scale(load().data), random_state=seed)
            found = {
                m: np.mean(fit(train).score_samples(test)) for m, fit in METHODS.items()
            }
            for method, value in found.items():
                gains[method].append(value - found["GaussianMixture(1)"])
        for method, gain in gains.items():
            cells[method].append(f"{np.mean(gain):.2f} ({np.min(gain):.2f})")
    for method, row in cells.items():
        lines.append(f"  {method:<46}" + "".join(f"{cell:>20}" for cell in row))
    return "\n".join(lines)


def contaminated(load, inlier, share, seed):
    """Rows of one class with a share of others, and which are the others."""
    rng = np.random.RandomState(seed)
    X, y = load(return_X_y=True)
    inside, others = X[y == inlier], X[y != inlier]
    n_others = round(share / (1 - share) * len(inside))
    others = others[rng.permutation(len(others))[:n_others]]
    outlier = np.repeat([0, 1], [len(inside), len(others)])
    return scale(np.vstack([inside, others])), outlier


def ranking():
    """How well the lowest densities of a contaminated table are the outliers."""
    scores = Scores(
        "a class with 10 % of rows from others, all rows fitted and ranked: area under "
        "the ROC curve"
    )
    for name, load, inlier in [
        ("breast_cancer", load_breast_cancer, 1),
        ("wine", load_wine, 1),
    ]:
        for seed in SEEDS:
            X, outlier = contaminated(load, inlier, 0.1, seed)
            for method, fit in METHODS.items():
                area = roc_auc_score(outlier, -fit(X).score_samples(X))
                scores.add(method, name, area)
    return scores.table()


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield held_out()
        yield ranking()
