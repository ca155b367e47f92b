"""Kernel sums for distances that are not Euclidean, by scikit-learn's trees."""

import numpy as np
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import BallTree, KDTree

TREES = {"kd_tree": KDTree, "ball_tree": BallTree}
METRICS = sorted({*KDTree.valid_metrics, *BallTree.valid_metrics})
# Kernels that the trees know.
TREE_KERNELS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")


def norm_exponent(metric, metric_params):
    """Return the p of a metric that is an l_p norm of the difference, else None."""
    params = dict(metric_params or {})
    names = {"euclidean": 2, "l2": 2, "manhattan": 1, "cityblock": 1, "l1": 1}
    names |= {"chebyshev": np.inf, "infinity": np.inf}
    if metric in {"minkowski", "p"} and params.keys() <= {"p"}:
        return params.get("p", 2)
    return names.get(metric) if not params else None


def distance_metric(metric, metric_params):
    """Return scikit-learn's object for a metric; raise where parameters are wrong."""
    try:
        return DistanceMetric.get_metric(metric, **(metric_params or {}))
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"metric_params must be what metric={metric!r} takes; got "
            f"{metric_params!r}: {error}"
        ) from error


def tree_class(algorithm, metric):
    """Return the tree for a metric; "auto" is the k-d tree where it can be."""
    if algorithm == "auto":
        algorithm = "kd_tree" if metric in KDTree.valid_metrics else "ball_tree"
    if metric not in TREES[algorithm].valid_metrics:
        raise ValueError(
            f"algorithm={algorithm!r} got an invalid metric, {metric!r}; use 'auto' or "
            "'ball_tree'."
        )
    return TREES[algorithm]


class TreeSums:
    """Log-densities of a kernel over the weighted rows of a tree.

    Parameters
    ----------
    tree : KDTree or BallTree
        The rows and their weights.
    kernel : Kernel
        See `sklatent.density._kernels`.
    name : str
        What scikit-learn calls it.
    width : float
        Bandwidth.
    total : float
        Sum of the weights.
    **tolerances : dict
        `atol`, `rtol` and `breadth_first` of scikit-learn.
    """

    def __init__(self, tree, kernel, name, width, total, **tolerances):
        d = tree.data.shape[1]
        origin = np.zeros((1, d))
        # At the only row of a tree there is nothing but scikit-learn's integral of the
        # kernel. It is not that of the cosine in an even number of dimensions.
        (norm,) = KDTree(origin).kernel_density(
            origin, width, kernel=name, return_log=True
        )
        if not np.isfinite(norm):
            raise ValueError(
                f"kernel={name!r} has no integral in the trees of scikit-learn for {d} "
                "features; use another kernel, or Euclidean distances."
            )
        self.offset = -norm - kernel.log_mass(d) - d * np.log(width) - np.log(total)
        self.tree, self.width, self.compact = tree, width, kernel.degree is None
        tolerances["atol"] = tolerances["atol"] * total
        self.options = {"kernel": name, "return_log": True, **tolerances}

    def log_sums(self, queries, n_jobs=None):
        """Return the log-density of each query; `n_jobs` has no effect."""
        X = np.ascontiguousarray(queries, dtype=np.float64)
        logs = self.tree.kernel_density(X, self.width, **self.options) + self.offset
        if self.compact:  # bounds leave something where the kernels have ended
            distances, _ = self.tree.query(X, 1)
            logs[distances[:, 0] >= self.width] = -np.inf
        return logs.astype(queries.dtype)
