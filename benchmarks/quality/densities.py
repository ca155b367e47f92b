"""Densities of new rows, in nats, beside scikit-learn, zuko and arfpy."""

import warnings

import numpy as np
import sklearn.decomposition
import sklearn.mixture
import sklearn.neighbors
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._peers import Peers
from benchmarks.quality._data import DENSITY_TABLES, SEEDS, ask, density_splits
from benchmarks.quality._report import Scores
from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    NormalScoreTransformer,
    StackedDensity,
    TransformedDensity,
)

REG_COVAR = [1e-6, 0.03, 0.1, 0.3]


def mixture():
    """Return our mixture with settings chosen by rows left out."""
    return GaussianMixture(
        range(1, 11), reg_covar=REG_COVAR, criterion="cv", random_state=0
    )


OURS = {
    'KernelDensity("loo")': lambda: KernelDensity("loo"),
    "the same, adaptive": lambda: KernelDensity("loo", adaptive=True),
    'the same, adaptive="covariance"': lambda: KernelDensity(
        "loo", adaptive="covariance"
    ),
    "GaussianMixture, cv": lambda: GaussianMixture(
        range(1, 11), criterion="cv", random_state=0
    ),
    "the same, reg_covar by cv": mixture,
    "normal scores, then that": lambda: TransformedDensity(
        NormalScoreTransformer(), mixture()
    ),
    "StackedDensity()": lambda: StackedDensity(random_state=0),
}
STACK = "StackedDensity()"


def mean_log_density(model, X, y=None):
    """Return the mean; `score` of scikit-learn's kernels adds the rows up."""
    return model.score_samples(X).mean()


def searched(model, grid):
    """Return the model with settings chosen by five folds."""
    return GridSearchCV(model, grid, scoring=mean_log_density)


SCIKIT_LEARN = {
    "scikit-learn mixture, grid search": lambda: searched(
        sklearn.mixture.GaussianMixture(random_state=0),
        {"n_components": range(1, 11), "reg_covar": REG_COVAR},
    ),
    "scikit-learn kernels, grid search": lambda: searched(
        sklearn.neighbors.KernelDensity(), {"bandwidth": np.geomspace(0.05, 2, 20)}
    ),
}
PEERS = {
    "zuko, neural spline flow": "zuko_log_density",
    "arfpy, its leaves' densities": "arfpy_log_density",
}


def compare():
    """Return the numbers of every method."""
    scores = Scores(
        "held-out log-density, nats per row, five splits of 75 / 25, standardized",
        decimals=2,
    )
    members = Scores("members of StackedDensity()")
    peers = Peers()
    for table in DENSITY_TABLES:
        for train, test, truth in density_splits(table):
            if not np.isnan(truth):
                scores.add("truth", table, truth)
            for method, make in {**OURS, **SCIKIT_LEARN}.items():
                model = make().fit(train)
                scores.add(method, table, mean_log_density(model, test))
                if method == STACK:
                    members.add("the stack", table, mean_log_density(model, test))
                    for name, member in model.named_estimators_.items():
                        members.add(name, table, mean_log_density(member, test))
            rows = np.vstack([train, test])
            for method, name in PEERS.items():
                value = ask(peers, name, rows, n_test=len(test))
                scores.add(method, table, np.nan if value is None else value)
    return scores, members


def after_pca():
    """Mean log-density of new rows, by what cross-validation of the others chooses."""
    widths = np.geomspace(0.2, 2, 10)
    mixtures = {
        "n_components": [1, 2, 4, 8, 12],
        "covariance_type": ["full", "tied", "diag", "spherical"],
        "reg_covar": [1e-6, 0.03, 0.1],
    }
    bandwidths = {"bandwidth": [*widths, "loo"], "adaptive": [False, True]}
    kernels = [
        bandwidths,
        {**bandwidths, "whiten": [True]},
        {"bandwidth": ["loo"], "adaptive": ["covariance"]},
    ]
    sides = {
        "sklatent": [
            (KernelDensity(), kernels),
            (GaussianMixture(random_state=0, n_init=3), mixtures),
        ],
        "scikit-learn": [
            (sklearn.neighbors.KernelDensity(), {"bandwidth": widths}),
            (sklearn.mixture.GaussianMixture(random_state=0, n_init=3), mixtures),
        ],
    }
    lines = [
        "held-out log-density in nats per row, after PCA(8); family and settings are "
        f"chosen by 5 folds, mean of {len(SEEDS)} splits"
    ]
    lines.append(f"  {'':<16}{'sklatent':>12}{'scikit-learn':>14}{'difference':>12}")
    for load in (load_digits, load_wine, load_breast_cancer):
        X = load().data
        X = X[:, X.std(axis=0) > 0]
        scores = []
        for seed in SEEDS:
            train, test = train_test_split(X, random_state=seed)
            prepare = make_pipeline(
                StandardScaler(), sklearn.decomposition.PCA(8), StandardScaler()
            )
            train, test = prepare.fit_transform(train), prepare.transform(test)
            row = []
            for side, families in sides.items():
                searches = [
                    GridSearchCV(*family, scoring=mean_log_density).fit(train)
                    for family in families
                ]
                scored = [(search.best_score_, search) for search in searches]
                if side == "sklatent":  # which has been cross-validated by its own fit
                    stack = StackedDensity(random_state=0).fit(train)
                    scored.append((stack.cv_score_, stack))
                best = max(scored, key=lambda item: item[0])[1]
                row.append(mean_log_density(best, test))
            scores.append(row)
        ours, theirs = np.mean(scores, axis=0)
        difference = np.subtract(*np.transpose(scores))
        error = difference.std(ddof=1) / np.sqrt(len(SEEDS))
        lines.append(
            f"  {load.__name__[5:]:<16}{ours:>12.4f}{theirs:>14.4f}"
            f"{difference.mean():>12.4f} +- {error:.4f}"
        )
    return "\n".join(lines)


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores, members = compare()
        table_after_pca = after_pca()
    yield scores.table()
    local = 'the same, adaptive="covariance"'
    lines = ["kernels with local covariances minus adaptive ones, nats per row"]
    for table, reach in [
        ("wine", 0.9),
        ("breast_cancer", 20),
        ("digits PCA(8)", 0.3),
        ("moons", -0.02),
    ]:
        lines.append(scores.difference(local, "the same, adaptive", table, reach))
    yield "\n".join(lines)
    lines = ["the stack minus its best member, nats per row"]
    for table in DENSITY_TABLES:
        reach = {"wine": 0.5, "breast_cancer": 1}.get(table, -0.02)
        member = members.best(members.methods[1:], table)
        lines.append(members.difference("the stack", member, table, reach))
    yield "\n".join(lines)
    others = [*SCIKIT_LEARN, *PEERS]
    lines = [
        "StackedDensity(), as it comes, minus the best of the others, nats per row"
    ]
    for table in DENSITY_TABLES:
        other = scores.best(others, table)
        lines.append(scores.difference(STACK, other, table, 0))
    yield "\n".join(lines)
    lines = ["skewed margins: the best of ours minus the truth, nats per row"]
    best = scores.best(list(OURS), "copula6")
    lines.append(scores.difference(best, "truth", "copula6", -0.27))
    yield "\n".join(lines)
    yield table_after_pca
