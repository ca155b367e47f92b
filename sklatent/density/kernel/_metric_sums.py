"""Kernel sums for distances that are not Euclidean, by scikit-learn's trees."""

from numbers import Real

import numpy as np
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import BallTree, KDTree

from sklatent.density.kernel._radial import KERNELS
from sklatent.utils._blocks import row_slices
from sklatent.utils._threads import map_threads

TREES = {"kd_tree": KDTree, "ball_tree": BallTree}
METRICS = sorted({*KDTree.valid_metrics, *BallTree.valid_metrics})
# Queries that are handled together.
QUERY_ROWS = 1024
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


def other_metric(
    *, bandwidth, kernel, whiten, adaptive, algorithm, metric, metric_params, **_
):
    """Return scikit-learn's object for a metric; None for Euclidean distances.

    The parameters are those of `KernelDensity`. Raise if they do not go together.
    """
    tree_class(algorithm, metric)
    _check_covariance(bandwidth, kernel, adaptive)
    if norm_exponent(metric, metric_params) == 2:
        return None
    by_loo = isinstance(bandwidth, str) and bandwidth == "loo"
    for name, value, valid in (
        ("bandwidth", bandwidth, isinstance(bandwidth, Real) or by_loo),
        ("kernel", kernel, kernel in TREE_KERNELS),
        ("whiten", whiten, not whiten),
        ("adaptive", adaptive, not adaptive),
    ):
        if not valid:
            raise ValueError(
                f"{name}={value!r} is for Euclidean distances. With metric={metric!r}, "
                "bandwidth must be a number in the units of the metric, or 'loo', "
                f"kernel one of {', '.join(TREE_KERNELS)}, and whiten and adaptive "
                "False."
            )
    try:
        return DistanceMetric.get_metric(metric, **(metric_params or {}))
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"metric_params must be what metric={metric!r} takes; got "
            f"{metric_params!r}: {error}"
        ) from error


def _check_covariance(bandwidth, kernel, adaptive):
    """Raise if local covariances do not go with the other parameters."""
    if adaptive != "covariance":
        return
    if kernel != "gaussian":
        raise ValueError(
            "adaptive='covariance' is for kernel='gaussian', whose shape a covariance "
            f"gives; got kernel={kernel!r}. Use adaptive=True for other kernels."
        )
    by_loo = isinstance(bandwidth, str) and bandwidth == "loo"
    if not (by_loo or isinstance(bandwidth, Real)):
        raise ValueError(
            "With adaptive='covariance' bandwidth must be a number, the factor of the "
            f"scale that is chosen, or 'loo', which is 1; got {bandwidth!r}."
        )


class TreeSums:
    """Log-densities of a kernel over weighted rows in a tree.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, positive.
    bandwidth : float
        The bandwidth in units of the metric.
    parameters : dict
        Parameters of `KernelDensity`, such as "metric".
    """

    def __init__(self, rows, weight, bandwidth, parameters):
        kernel = parameters["kernel"]
        d, total, ours = rows.shape[1], weight.sum(), KERNELS[kernel]
        names = ("algorithm", "metric", "metric_params", "leaf_size")
        self.settings = {name: parameters[name] for name in names}
        self.rows = np.ascontiguousarray(rows, dtype=np.float64)
        self.weight = weight
        self.tree = self._make_tree()
        # A tree divides by scikit-learn's integral of the kernel, which is wrong for
        # the cosine in an even number of dimensions. At the only row of a tree the
        # density is 1 over that integral, and nothing else: ours takes its place.
        origin = np.zeros((1, d))
        (norm,) = KDTree(origin).kernel_density(
            origin, bandwidth, kernel=kernel, return_log=True
        )
        if not np.isfinite(norm):
            raise ValueError(
                f"kernel={kernel!r} has no integral in the trees of scikit-learn for "
                f"{d} features; use another kernel, or metric='euclidean'."
            )
        self.offset = -norm - ours.log_mass(d) - d * np.log(bandwidth) - np.log(total)
        self.bandwidth, self.compact = bandwidth, ours.compact
        self.search = {
            "kernel": kernel,
            "atol": parameters["atol"] * total,  # the tree's sums are not divided by it
            "rtol": parameters["rtol"],
            "breadth_first": parameters["breadth_first"],
            "return_log": True,
        }

    def _make_tree(self):
        metric = self.settings["metric"]
        return tree_class(self.settings["algorithm"], metric)(
            self.rows,
            leaf_size=self.settings["leaf_size"],
            metric=metric,
            sample_weight=self.weight,
            **(self.settings["metric_params"] or {}),
        )

    # A tree is compiled code's own object; the same rows make the same tree.
    def __getstate__(self):
        return {name: v for name, v in vars(self).items() if name != "tree"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.tree = self._make_tree()

    def n_blocks(self, n_queries):
        """Return how many blocks of queries there are."""
        return -(-n_queries // QUERY_ROWS)

    def log_sums(self, queries, n_jobs=None, report=None):
        """Return the log-density of each query; `report` is called after each block.

        `n_jobs` has no effect.
        """
        X = np.ascontiguousarray(queries, dtype=np.float64)

        def log_density(block):
            return self.tree.kernel_density(X[block], self.bandwidth, **self.search)

        blocks = list(row_slices(len(X), QUERY_ROWS))
        logs = np.concatenate(map_threads(log_density, blocks, 1, report)) + self.offset
        if self.compact:  # the tree's bounds leave a little where all kernels are 0
            distances, _ = self.tree.query(X, 1)
            logs[distances[:, 0] >= self.bandwidth] = -np.inf
        return logs.astype(queries.dtype)
