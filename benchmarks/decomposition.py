"""The linear-Gaussian family beside scikit-learn and ppca-py."""

import warnings

import numpy as np
import ppca
import sklearn.decomposition
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from benchmarks import decomposition_pca
from benchmarks._harness import compare
from sklatent.decomposition import PPCA, FactorAnalysis
from sklatent.decomposition._linear_gaussian import LinearGaussian
from sklatent.decomposition._missing import MissingData
from sklatent.exceptions import HeywoodWarning


def linear_gaussian(n, p, q, seed=0):
    """Rows of a linear-Gaussian model."""
    rng = np.random.RandomState(seed)
    W = rng.normal(size=(q, p))
    return rng.normal(size=(n, q)) @ W + rng.normal(size=(n, p))


def with_missing(X, share, seed=1):
    """Remove entries at random."""
    X = X.copy()
    X[np.random.RandomState(seed).uniform(size=X.shape) < share] = np.nan
    return X


def em_step_by_rows(X, model):
    """One EM step as one would write it first: a loop over the rows."""
    W, mu, psi = model.W, model.mu, model.psi
    p, q = W.shape
    A, target = np.zeros((p, q + 1, q + 1)), np.zeros((p, q + 1))
    square = np.zeros(p)
    for x in X:
        o = ~np.isnan(x)
        B = W[o] / psi[o, None]
        covariance = np.linalg.inv(np.eye(q) + W[o].T @ B)
        z1 = np.append(covariance @ B.T @ (x[o] - mu[o]), 1.0)
        second = np.outer(z1, z1)
        second[:q, :q] += covariance
        A[o] += second
        target[o] += x[o, None] * z1
        square[o] += x[o] ** 2
    solution = np.linalg.solve(A, target[:, :, None])[:, :, 0]
    sigma2 = (square - (solution * target).sum(axis=1)).sum() / (~np.isnan(X)).sum()
    return LinearGaussian(solution[:, :q], solution[:, q], np.full(p, sigma2))


def compare_em_on_moments():
    """EM beside the closed form, on many rows."""
    X = linear_gaussian(1_000_000, 20, 5)
    em = "PPCA, method='em'"
    return compare(
        "complete data, 1,000,000 x 20, 5 components",
        {
            em: lambda: PPCA(5, method="em", random_state=0).fit(X),
            "PPCA, method='closed_form'": lambda: PPCA(5, method="closed_form").fit(X),
        },
        {"PPCA, method='closed_form'": ">= 0.67"},
        5,
    )


def compare_missing_steps():
    """Ten EM steps on data with missing entries, every row a pattern of its own."""
    X = with_missing(linear_gaussian(5000, 20, 5), 0.3)
    rng = np.random.RandomState(0)
    start = LinearGaussian(rng.normal(size=(20, 5)), np.zeros(20), np.ones(20))

    data = MissingData(X, np.ones(len(X)), True)

    def ours():
        model = start
        for _ in range(10):
            e = data.expectations(model)
            change = np.linalg.solve(e.normal, e.target[:, :, None])[:, :, 0]
            residual = (e.residual - (change * e.target).sum(axis=1)).sum()
            W, mu = model.W + change[:, :-1], model.mu + change[:, -1]
            model = LinearGaussian(W, mu, np.full(20, residual / data.count.sum()))

    def loop():
        model = start
        for _ in range(10):
            model = em_step_by_rows(X, model)

    def peer():
        ppca.PPCA(5, min_iter=10, rtol=1e9, random_state=0).fit(X)

    return compare(
        "10 EM steps, 5,000 x 20, 30 % missing, 5 components",
        {"PPCA": ours, "a loop over the rows": loop, "ppca-py": peer},
        {"a loop over the rows": ">= 50", "ppca-py": ">= 1"},
        5,
    )


def compare_missing_fits():
    """Whole fits on data with missing entries, and where they end."""
    lines = []
    for name, X, q in [
        ("5,000 x 20", linear_gaussian(5000, 20, 5), 5),
        ("digits", standardized(load_digits().data), 8),
        ("breast_cancer", standardized(load_breast_cancer().data), 5),
    ]:
        incomplete = with_missing(X, 0.3)
        ours = PPCA(q, random_state=0)
        peer = ppca.PPCA(q, random_state=0)
        table = compare(
            f"fit with 30 % missing, {name}, {q} components",
            {
                "PPCA": lambda o=ours, h=incomplete: o.fit(h),
                "ppca-py": lambda p=peer, h=incomplete: p.fit(h),
            },
            {"ppca-py": "> 1"},
            3,
        )
        lines += [
            table,
            f"  log-likelihood per row: PPCA {ours.score(incomplete):.6f}, "
            f"ppca-py {float(np.mean(peer.score_samples(incomplete))):.6f}",
        ]
    return "\n".join(lines)


def compare_factor_analysis():
    """Factor analysis at the size of the claim, and likelihoods on small tables."""
    X = linear_gaussian(20_000, 100, 10)
    ours = FactorAnalysis(10)
    peer = sklearn.decomposition.FactorAnalysis(10)
    lines = [
        compare(
            "factor analysis, 20,000 x 100, 10 factors",
            {
                "FactorAnalysis": lambda: ours.fit(X),
                "scikit-learn": lambda: peer.fit(X),
            },
            {"scikit-learn": ">= 10"},
            3,
        ),
        "  log-likelihood per row    ours           scikit-learn   difference >= 0",
    ]
    tables = [("20,000 x 100", X, 10)] + [
        (load.__name__[5:], standardized(load().data), q)
        for load, q in [
            (load_iris, 1),
            (load_wine, 4),
            (load_breast_cancer, 5),
            (load_digits, 7),
        ]
    ]
    for name, table, q in tables:
        a = FactorAnalysis(q).fit(table).score(table)
        b = sklearn.decomposition.FactorAnalysis(q).fit(table).score(table)
        lines.append(f"  {name:<24}{a:>14.6f} {b:>14.6f} {a - b:>14.2e}")
    return "\n".join(lines)


def standardized(X):
    """Features with variance, divided by it."""
    X = X[:, X.std(axis=0) > 0]
    return (X - X.mean(axis=0)) / X.std(axis=0)


def removed(X, seed=1234):
    """Half of the entries, by the recipe of the MIWAE paper's experiments."""
    X = X.copy()
    np.random.seed(seed)  # noqa: NPY002
    n, p = X.shape
    incomplete = np.random.choice(n * p, int(np.floor(0.5 * n * p)), replace=False)  # noqa: NPY002
    X.flat[incomplete] = np.nan
    return X


def imputation():
    """Mean squared error of removed entries; models chosen by held-out likelihood."""
    X = load_breast_cancer().data
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    incomplete = removed(X)
    missing = np.isnan(incomplete)
    lines = ["breast_cancer, z-scored, half removed: mean squared error of imputation"]

    def error(imputed):
        return ((imputed - X)[missing] ** 2).mean()

    # A tenth of what is observed is held out to choose the model.
    rng = np.random.RandomState(0)
    held = ~missing & (rng.uniform(size=X.shape) < 0.1)
    train = np.where(held, np.nan, incomplete)
    best = (-np.inf, None)
    for make in (
        lambda q: PPCA(q, random_state=0),
        lambda q: FactorAnalysis(q, tol=1e-6, max_iter=300),
    ):
        for q in range(1, 16):
            model = make(q).fit(train)
            # log p(held out | rest) = log p(all observed) - log p(rest)
            score = model.score(incomplete) - model.score(train)
            fitted = make(q).fit(incomplete)
            mse = error(fitted.impute(incomplete))
            name = f"{type(model).__name__}({q})"
            lines.append(f"  {name:<28} held-out {score:>9.4f} nats   {mse:.4f}")
            best = max(best, (score, f"{name}: {mse:.4f}"))
    lines.append(f"  chosen by held-out likelihood: {best[1]}")
    for peer in (
        SimpleImputer(),
        KNNImputer(),
        IterativeImputer(random_state=0),
        IterativeImputer(max_iter=100, random_state=0),
    ):
        name = repr(peer).replace("random_state=0", "").replace(", )", ")")
        lines.append(
            f"  scikit-learn {name:<38} {error(peer.fit_transform(incomplete)):.4f}"
        )
    lines.append("  published for a non-linear model (MIWAE)            0.2867")
    return "\n".join(lines)


def run():
    """Yield the tables of the family."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", HeywoodWarning)
        yield from decomposition_pca.run()
        yield compare_em_on_moments()
        yield compare_missing_steps()
        yield compare_missing_fits()
        yield compare_factor_analysis()
        yield imputation()
