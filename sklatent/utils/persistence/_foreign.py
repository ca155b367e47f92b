"""Estimators of scikit-learn that files may hold.

These are the ones whose methods are computed by NumPy, SciPy and Python, which check
the shapes of what they get. Code that is compiled for one estimator trusts the
attributes: with others than `fit` sets, it reads and writes where it should not. So
there are no trees, neighbors, support vectors and clusters on the list, and no
estimator that goes on from its attributes in compiled code when it is fitted again.
"""

import itertools
import numbers

import numpy as np

from sklatent.utils.persistence._words import brief

MODULES = {
    "compose": ("ColumnTransformer", "TransformedTargetRegressor"),
    "cross_decomposition": ("CCA", "PLSCanonical", "PLSRegression", "PLSSVD"),
    "decomposition": (
        *("FactorAnalysis", "FastICA", "IncrementalPCA", "PCA", "TruncatedSVD"),
    ),
    "discriminant_analysis": (
        *("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    ),
    "dummy": ("DummyClassifier", "DummyRegressor"),
    "feature_selection": ("RFE", "SelectFromModel", "VarianceThreshold"),
    "impute": ("KNNImputer", "MissingIndicator", "SimpleImputer"),
    "kernel_approximation": ("RBFSampler",),
    "linear_model": (
        *("ARDRegression", "BayesianRidge", "HuberRegressor", "LinearRegression"),
        *("LogisticRegression", "LogisticRegressionCV", "QuantileRegressor"),
        *("Ridge", "RidgeCV", "RidgeClassifier", "RidgeClassifierCV"),
        "TheilSenRegressor",
    ),
    "mixture": ("BayesianGaussianMixture", "GaussianMixture"),
    "naive_bayes": ("BernoulliNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    "pipeline": ("FeatureUnion", "Pipeline"),
    "preprocessing": (
        *("Binarizer", "FunctionTransformer", "KBinsDiscretizer", "KernelCenterer"),
        *("LabelBinarizer", "LabelEncoder", "MaxAbsScaler", "MinMaxScaler"),
        *("Normalizer", "OneHotEncoder", "OrdinalEncoder", "PolynomialFeatures"),
        *("PowerTransformer", "QuantileTransformer", "RobustScaler"),
        *("StandardScaler", "TargetEncoder"),
    ),
    "random_projection": ("GaussianRandomProjection", "SparseRandomProjection"),
}
FOREIGN = {
    f"sklearn.{part}.{name}" for part, names in MODULES.items() for name in names
}


def check_foreign(name, state):
    """Raise if attributes of an estimator of scikit-learn would lead it astray."""
    if name == "sklearn.preprocessing.OneHotEncoder" and "categories_" in state:
        try:
            valid = one_hot(state)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            valid = False
        if not valid:
            raise ValueError(
                f"its {name} has categories or columns that do not fit together: "
                f"categories_={brief(state['categories_'])}."
            )


def one_hot(state):
    """Tell whether all columns that an encoder would fill are there.

    It makes a sparse matrix of the positions of ones, which nobody checks, and whose
    conversion to an array writes there.
    """
    categories, n_outs = state["categories_"], state["_n_features_outs"]
    n = len(categories)
    drop = state["_drop_idx_after_grouping"]
    rare, mappings = [None] * n, [None] * n
    if state["_infrequent_enabled"]:
        rare, mappings = (
            state["_infrequent_indices"],
            state["_default_to_infrequent_mappings"],
        )
    drops = [None] * n if drop is None else drop.tolist()
    if {len(n_outs), len(rare), len(mappings), len(drops)} != {n}:
        return False
    parts = zip(categories, n_outs, rare, mappings, drops, strict=True)
    return all(one_hot_column(*part) for part in parts)


def one_hot_column(levels, n_out, rare, mapping, drop):
    """Tell whether the positions of a column are below their number."""
    if not isinstance(levels, np.ndarray) or levels.ndim != 1 or not in_order(levels):
        return False
    n_groups = len(levels)
    if (rare is None) != (mapping is None):
        return False
    if mapping is not None:
        if any(a.dtype.kind != "i" or a.ndim != 1 for a in (rare, mapping)):
            return False
        if len(mapping) != len(levels) or not 1 <= len(rare) <= len(levels):
            return False
        if min(rare) < 0 or max(rare) >= len(levels) or min(mapping) < 0:
            return False
        n_groups += 1 - len(rare)
        if max(mapping) >= n_groups:
            return False
    if drop is not None:
        if not isinstance(drop, numbers.Integral) or not 0 <= drop < n_groups:
            return False
        n_groups -= 1
    return isinstance(n_out, numbers.Integral) and n_out == n_groups


def in_order(levels):
    """Tell whether numbers among levels ascend, as those that are searched have to."""
    if levels.dtype.kind != "O":
        levels = levels[~(levels != levels)]
        return levels.dtype.kind in "US" or bool((levels[1:] > levels[:-1]).all())
    kinds = (str, bytes, bool, int, float, np.generic, type(None))
    items = levels.tolist()
    found = [v for v in items if isinstance(v, numbers.Real) and v == v]
    ascending = all(a < b for a, b in itertools.pairwise(found))
    return all(isinstance(v, kinds) for v in items) and ascending
