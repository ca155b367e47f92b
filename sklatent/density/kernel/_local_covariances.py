"""Choice of the kernels with local covariances, and their densities in units of X."""

import numpy as np

from sklatent.density.kernel._left_out import lost_weight, weight_left
from sklatent.density.kernel._local_gaussians import (
    LEAST_VARIANCE,
    QUERY_ROWS,
    Neighborhoods,
    log_sums,
    log_sums_of_others,
    rows_of_block,
)
from sklatent.density.kernel._whitening import find_whitening
from sklatent.exceptions import FewRowsWarning
from sklatent.utils._neighbors import k_nearest
from sklatent.utils._warnings import warn

# Candidates: numbers of neighbors, shrinkages, and scales.
NEIGHBORS = (8, 16, 32, 64, 128)
SHRINKAGES = np.array([0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
SCALES = np.geomspace(0.3, 2.0, 12)
# Share of the correlation in the target of the shrinkage.
SHARE = 0.5
# Rows that are left out, at most. Their mean decides between candidates.
LEFT_OUT = 2000
# With fewer distinct rows none can be left out; shrinkage and scale are these then.
FEWEST_ROWS = 3
WITHOUT_CHOICE = (0.8, 1.0)


def n_reports(n_rows, n_features):
    """Largest number of reports while kernels for `n_rows` rows are chosen."""
    others = max(n_rows - 1, 1)
    found = [min(k + 1, others) for k in NEIGHBORS if k <= others] or [others]
    return sum(-(-n_rows // rows_of_block(n_rows, n_features, K)) for K in found)


class LocalCovariances:
    """Kernels with local covariances on the rows of a table.

    Parameters
    ----------
    X : ndarray of shape (n_distinct, n_features)
        The rows, no two of them equal.
    weight : ndarray of shape (n_distinct,)
        Their weights.
    sigma : ndarray of shape (n_features,)
        Standard deviations, positive.
    factor : float
        Factor of the scale with the largest leave-one-out likelihood.
    n_jobs : int, default=None
        Number of threads.
    report : callable, default=None
        Called after each block of kernels that the choice is made from.

    Attributes
    ----------
    n_neighbors, shrinkage, scale : int, float, float
        The choice.
    scores : ndarray of shape (n_scales,)
        Mean log-density of the rows, left out, for each of `SCALES`; None without a
        choice.
    """

    def __init__(self, X, weight, sigma, factor, n_jobs=None, report=None):
        self.weight = weight
        self.whitening = find_whitening(X, weight, sigma, SHARE)
        rows = self.whitening.forward(X)
        # Neighbors by standardized features: whitened ones are noisier distances.
        Z = (X - self.whitening.mean) / sigma
        order = _nearest_others(Z, _candidates(len(X)), n_jobs)
        self.scores = None
        self.n_neighbors = min(order.shape[1], NEIGHBORS[0])
        self.shrinkage, scale = WITHOUT_CHOICE
        if len(X) >= FEWEST_ROWS:
            scale = self._choose(rows, weight, order, n_jobs, report)
        self.scale = float(scale * factor)
        k = self.n_neighbors
        self.hoods = Neighborhoods(rows, weight, order[:, : k + 1], k)

    def _choose(self, rows, weight, order, n_jobs, report):
        """Set the number of neighbors and the shrinkage; return the scale."""
        some = np.arange(0, len(rows), -(-len(rows) // LEFT_OUT))
        share = weight[some] / weight[some].sum()
        scores = []
        sizes = [k for k in NEIGHBORS if k <= order.shape[1]] or [order.shape[1]]
        for k in sizes:
            hoods = Neighborhoods(rows, weight, order[:, : k + 1], k)
            logs = log_sums_of_others(
                hoods, some, weight[some], SHRINKAGES, SCALES, n_jobs, report
            )
            logs -= np.log(weight_left(weight, some, weight[some]))[:, None, None]
            scores.append(np.tensordot(share, logs, axes=1) - self.whitening.log_det)
        scores = np.array(scores)
        k, a, h = np.unravel_index(np.argmax(scores), scores.shape)
        self.n_neighbors, self.shrinkage = sizes[k], float(SHRINKAGES[a])
        self.scores = scores.max(axis=(0, 1))
        return SCALES[h]

    def n_blocks(self, n_queries):
        """Return how many blocks of kernels by blocks of queries there are."""
        return self.n_blocks_of_others(n_queries) * -(-n_queries // QUERY_ROWS)

    def n_blocks_of_others(self, n_queries):
        """Return how many reports `log_sums_of_others` makes."""
        return len(list(self.hoods.blocks())) if n_queries else 0

    def log_sums(self, X, n_jobs=None, report=None):
        """Return the log-density of each row; `report` is called after each block."""
        Y = self.whitening.forward(X)
        logs = log_sums(self.hoods, self.shrinkage, self.scale, Y, n_jobs, report)
        return logs - np.log(self.weight.sum()) - self.whitening.log_det

    def log_sums_of_others(self, rows, n_jobs=None, report=None):
        """Return the log-density of training rows, one copy of each left out."""
        rows, inverse = np.unique(rows, return_inverse=True)
        lost = lost_weight(self.weight, rows)
        logs = log_sums_of_others(
            self.hoods, rows, lost, [self.shrinkage], [self.scale], n_jobs, report
        )[:, 0, 0]
        logs -= np.log(weight_left(self.weight, rows, lost)) + self.whitening.log_det
        return logs[inverse]

    def sample(self, n_samples, rng):
        """Sample rows: a row, a combination of its neighbors, and noise."""
        rows, weight, order, k = self.hoods
        which = rng.choice(len(rows), n_samples, p=weight / weight.sum())
        Y = rows[which]
        a, h, p = self.shrinkage, self.scale, rows.shape[1]
        for i, j in enumerate(which):  # k x p numbers at a time
            D = (rows[order[j, :k]] - rows[j]) / np.sqrt(k)
            t = max(np.einsum("kp,kp->", D, D) / p, LEAST_VARIANCE)
            Y[i] += h * np.sqrt(1 - a) * (rng.standard_normal(len(D)) @ D)
            Y[i] += h * np.sqrt(a * t) * rng.standard_normal(p)
        return self.whitening.back(Y)


def _candidates(n):
    """How many neighbors to find of n distinct rows: one more than candidates."""
    others = n - 1
    if others < NEIGHBORS[0]:
        warn(
            f"adaptive='covariance' takes the covariance of {NEIGHBORS[0]} or more "
            f"neighbors, and X has {n} distinct rows, so all {others} others are used.",
            FewRowsWarning,
        )
        return others
    return min(others, NEIGHBORS[-1] + 1)


def _nearest_others(Z, k, n_jobs):
    """Return the k nearest other rows of each row, the nearest first."""
    _, order = k_nearest(Z, k + 1, n_jobs=n_jobs)
    # A row is first, unless another one coincides with it up to underflow.
    own = order == np.arange(len(Z))[:, None]
    own[~own.any(axis=1), -1] = True
    return order[~own].reshape(len(Z), k)
