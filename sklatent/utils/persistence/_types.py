"""Types of values that files hold, beside JSON's own, estimators and objects."""

import re

import numpy as np
from scipy import sparse
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import BallTree, KDTree

from sklatent.utils.persistence._words import NotPlainError, brief

TREES = {"KDTree": KDTree, "BallTree": BallTree}
SPARSE = {
    cls.__name__: cls
    for cls in (
        sparse.csr_array,
        sparse.csc_array,
        sparse.csr_matrix,
        sparse.csc_matrix,
    )
}
# Types that scikit-learn's encoders have as parameters.
TYPES = {"float": float, "int": int, "str": str, "bool": bool, "object": object}
TYPES |= {
    f"numpy.{t.__name__}": t for t in (np.float32, np.float64, np.int32, np.int64)
}

# Metrics of trees that take arrays or functions, and a second name of one.
NEED_MORE = {"seuclidean", "mahalanobis", "wminkowski", "pyfunc", "p"}

# Kinds of arrays: numbers and strings of a size that does not depend on the machine.
ARRAY_DTYPE = re.compile(
    r"[<|](?:b1|[iu][1248]|f[248]|c(?:8|16)|U\d{1,9}|[mM]8\[\w+\])"
)


def tree_settings(tree, path):
    """Return what builds a search tree of scikit-learn again."""
    state = tree.__getstate__()
    metric, weights = state[-2:]
    p, *arrays = metric.__getstate__()
    # Metrics with vectors and matrices: their form is scikit-learn's own.
    if weights is None and not any(np.any(a) for a in arrays):
        for name in sorted({*type(tree).valid_metrics} - NEED_MORE):
            # With p = 2 the metric is another class, the Euclidean one.
            params = {"p": float(p)} if name == "minkowski" and p != 2 else {}
            if type(metric) is type(DistanceMetric.get_metric(name, **params)):
                return {
                    "kind": type(tree).__name__,
                    "data": np.asarray(tree.data),
                    "leaf_size": int(state[4]),
                    "metric": name,
                    "params": params,
                }
    raise NotPlainError(tree, path)


def plain_dtype(text):
    """Return the type of numbers or strings that has a name."""
    if not isinstance(text, str) or not ARRAY_DTYPE.fullmatch(text):
        raise TypeError(f"its type is {brief(text)}, not one of numbers or strings")
    return np.dtype(text)
