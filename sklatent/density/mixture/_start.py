"""Where EM starts: components from a clustering of some of the rows."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import check_array

from sklatent.density.mixture._covariance import STRUCTURES
from sklatent.density.mixture._parameters import Frame, Mixture
from sklatent.density.mixture._rows import Rows
from sklatent.density.mixture._steps import (
    MixtureStatistics,
    em_step,
    expected,
    m_step,
)

# Rows that are clustered.
MOST_ROWS = 5_000
ROWS_PER_COMPONENT = 500
KMEANS_ITERATIONS = 100
# Squared distances below this share of the squared lengths are computed again.
CLOSE = 1e-3
# EM steps of the one Gaussian that completes rows for the start, and the number of
# features up to which it has a full covariance.
COMPLETING_STEPS = 10
COMPLETING_FEATURES = 64
COMPLETING_REG = 1e-6


def some_rows(rows, frame, n_rows, rng):
    """Draw rows by their weight; all of them if there are not more.

    Parameters
    ----------
    rows : Rows
        The data.
    frame : Frame
        Units to compute in.
    n_rows : int
        How many to draw.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    Z : ndarray of shape (n_drawn, p)
        Rows in the units of the frame, in double precision and an order that is
        their own: that of a projection.
    w : ndarray of shape (n_drawn,)
        Their weights.
    """
    X = rows.X if rows.scaled is None else rows.scaled
    w = np.ones(len(X)) if rows.weight is None else rows.weight
    drawn = np.flatnonzero(w)
    if len(drawn) > n_rows:
        # One from each of as many stretches of equal weight.
        cumulated = np.cumsum(w[drawn])
        quantiles = (np.arange(n_rows) + rng.uniform(size=n_rows)) / n_rows
        drawn = drawn[_at_quantiles(cumulated, quantiles)]
        w = np.ones(len(X))
    if len(drawn) < len(X):
        X, w = X[drawn], w[drawn]
    Z = X if rows.scaled is not None else frame.rows(X, np.empty(X.shape, X.dtype).T).T
    Z = Z.astype(np.float64, copy=False)
    direction = np.random.RandomState(0).standard_normal(X.shape[1])
    seen = np.nan_to_num(Z) if rows.holed else Z
    # Unlike a product of matrices, einsum does the same to equal rows.
    order = np.argsort(np.einsum("ij,j->i", seen, direction), kind="stable")
    return Z[order], w[order]


def completed(Z, w):
    """Rows in the units of a frame, their holes filled as one Gaussian expects.

    So that a clustering sees what the features have in common; many features are
    taken to have nothing.
    """
    p = Z.shape[1]
    kind = "full" if p <= COMPLETING_FEATURES else "diag"
    gaussian = _standard(1, p, STRUCTURES[kind])
    frame = Frame(np.zeros(p), np.ones(p))
    rows, reg = Rows.of(Z, w), np.full(p, COMPLETING_REG)
    for _ in range(COMPLETING_STEPS):
        gaussian, _ = em_step(rows, gaussian, frame, reg, 1)
    return expected(Z, gaussian, 1)[0]


def _standard(k, p, structure):
    """Components of mean 0 and variance 1."""
    shape = structure.shape(k, p)
    root = np.ones(shape) if structure.diagonal else np.broadcast_to(np.eye(p), shape)
    return Mixture(np.full(k, 1 / k), np.zeros((k, p)), root, structure)


def _at_quantiles(cumulated, quantiles):
    """Indices at which cumulated weights reach shares of their total."""
    indices = np.searchsorted(cumulated, quantiles * cumulated[-1], side="right")
    return np.minimum(indices, len(cumulated) - 1)


def _squared_distances(Z, square, points):
    """Of some rows to all, (n_points, n); `square` is the squared length of each.

    By a product of matrices, and by direct differences where that has few digits: so
    rows that coincide are 0 apart.
    """
    distance2 = square[points, None] + square - 2 * (Z[points] @ Z.T)
    for point, row in zip(points, distance2, strict=True):
        (close,) = np.nonzero(row < CLOSE * (square[point] + square))
        row[close] = ((Z[close] - Z[point]) ** 2).sum(axis=1)
    return distance2


def seeds(Z, w, k, rng):
    """Distant rows, by greedy k-means++.

    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding. Of
    2 + log k candidates that are drawn by weight times squared distance to the nearest
    seed, the one that reduces these most becomes a seed.

    Returns
    -------
    chosen : ndarray of shape (n_chosen,)
        Different rows of `Z`; fewer than `k` if there are not as many.
    """
    n_candidates = 2 + int(np.log(k))
    first = int(_at_quantiles(np.cumsum(w), rng.uniform(size=1))[0])
    if k == 1:
        return np.array([first])
    square = np.einsum("ij,ij->i", Z, Z)
    chosen, distance2 = [first], _squared_distances(Z, square, [first])[0]
    while len(chosen) < k and (w * distance2).any():
        quantiles = rng.uniform(size=n_candidates)
        candidates = _at_quantiles(np.cumsum(w * distance2), quantiles)
        to_candidates = _squared_distances(Z, square, candidates)
        np.minimum(to_candidates, distance2, out=to_candidates)
        best = int(np.argmin(to_candidates @ w))
        chosen.append(int(candidates[best]))
        distance2 = to_candidates[best]
    return np.array(chosen)


def _shares(Z, w, k, init_params, rng):
    """Shares of the components in some rows, (n, k), and how many differ."""
    n = len(Z)
    if init_params == "random":
        R = rng.uniform(size=(n, k))
        return R / R.sum(axis=1, keepdims=True), k
    if init_params == "random_from_data":
        chosen = _at_quantiles(np.cumsum(w), (np.arange(k) + rng.uniform(size=k)) / k)
    else:
        chosen = seeds(Z, w, k, rng)
    centers = _different_rows(Z[chosen])
    if init_params == "kmeans":
        labels = _kmeans_labels(Z, w, centers)
    else:
        labels = pairwise_distances_argmin(Z, centers)
    # With fewer different seeds than components, some components coincide.
    cluster_of = np.arange(k) % len(centers)
    R = (labels[:, None] == cluster_of).astype(np.float64)
    return R / R.sum(axis=1, keepdims=True), len(centers)


def _different_rows(Z):
    """The different rows, sorted; np.unique takes long where they have many entries."""
    keys = Z.tolist()
    Z = Z[sorted(range(len(Z)), key=keys.__getitem__)]
    differs = (Z[1:] != Z[:-1]).any(axis=1)
    return Z[np.append(True, differs)]


def _kmeans_labels(Z, w, centers):
    if len(centers) == 1:
        return np.zeros(len(Z), dtype=np.intp)
    if len(Z) < Z.shape[1]:
        return _kmeans_of_few_rows(Z, w, centers)
    kmeans = KMeans(len(centers), init=centers, n_init=1, max_iter=KMEANS_ITERATIONS)
    return kmeans.fit(Z, sample_weight=w).labels_


def _kmeans_of_few_rows(Z, w, centers):
    """Lloyd's iterations as two products of matrices.

    Of rows with more features than there are rows, scikit-learn's take most of their
    time to prepare, several passes over all the entries.
    """
    labels = None
    for _ in range(KMEANS_ITERATIONS):
        half_square = 0.5 * np.einsum("ij,ij->i", centers, centers)
        nearest = np.argmax(Z @ centers.T - half_square, axis=1)
        if labels is not None and (nearest == labels).all():
            break
        labels = nearest
        shares = w * (labels == np.arange(len(centers))[:, None])
        counts = shares.sum(axis=1, keepdims=True)
        # A center that lost its rows stays where it is.
        centers = np.where(counts > 0, shares @ Z / np.maximum(counts, 1e-300), centers)
    return labels


def start(rows, frame, structure, reg, k, init_params, rng):
    """First mixture, in the units of the frame.

    All drawing is by quantiles of the weights, so that a row of weight 2 does the same
    as two rows, as long as all rows take part.

    Parameters
    ----------
    rows : Rows
        The data.
    frame : Frame
        Units to compute in.
    structure : Structure
        Of the covariances.
    reg : ndarray of shape (p,)
        Added to the variances.
    k : int
        Number of components.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
        Where the components come from.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    mixture : Mixture
        The start.
    n_distinct : int
        Number of different seeds; below `k` if the data has too few different rows.
    """
    n_rows = max(MOST_ROWS, ROWS_PER_COMPONENT * k)
    Z, w = some_rows(rows, frame, n_rows, rng)
    if rows.holed:
        Z = completed(Z, w)
    R, n_distinct = _shares(Z, w, k, init_params, rng)
    statistics = _statistics(Z, w[:, None] * R, structure)
    return m_step(statistics, _standard(k, Z.shape[1], structure), reg), n_distinct


def _statistics(Z, R, structure):
    """Weights, means and covariances of rows with given shares."""
    N = R.sum(axis=0)
    safe = np.where(N > 0, N, 1.0)
    means = R.T @ Z / safe[:, None]
    S = []
    for mean, share in zip(means, (R / safe).T, strict=True):
        held = share > 0
        if held.all():
            centered = Z - mean
        else:
            centered, share = Z[held], share[held]
            centered -= mean
        if structure.diagonal:
            S.append(share @ np.square(centered, out=centered))
        else:
            S.append((centered.T * share) @ centered)
    return MixtureStatistics(N, means, np.array(S), np.nan, float(N.sum()))


def given_parameters(estimator, k, p, structure):
    """Weights, means and precision factors that the user gave; None for the others.

    Raises
    ------
    ValueError
        If one has the wrong shape or no admissible values.
    """
    shapes = {
        "weights_init": ("weights", (k,)),
        "means_init": ("means", (k, p)),
        "precisions_init": (
            f"{estimator.covariance_type} precision",
            structure.shape(k, p),
        ),
    }
    given = []
    for name, (parameter, shape) in shapes.items():
        value = getattr(estimator, name)
        if value is not None:
            value = check_array(
                value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name
            )
            if value.shape != shape:
                raise ValueError(
                    f"{name}: The parameter '{parameter}' should have the shape of "
                    f"{shape}, but got {value.shape}."
                )
        given.append(value)
    weights, means, precisions = given
    if weights is not None:
        if (weights < 0).any():
            raise ValueError(
                "weights_init: The parameter 'weights' should be in the range [0, 1], "
                f"but got a minimum of {weights.min():g}."
            )
        if not np.isclose(weights.sum(), 1.0, atol=1e-6):
            raise ValueError(
                "weights_init: The parameter 'weights' should be normalized, but got "
                f"sum(weights) = {weights.sum():.5f}; divide them by their sum."
            )
        weights = weights / weights.sum()
    if precisions is not None:
        kind = f"{estimator.covariance_type} precision"
        precisions = _factors(precisions, structure, kind)
    return weights, means, precisions


def _factors(precisions, structure, kind):
    try:
        if not structure.diagonal and not np.allclose(
            precisions, np.swapaxes(precisions, -1, -2)
        ):
            raise np.linalg.LinAlgError("not symmetric")
        return structure.factor_precision(precisions)
    except np.linalg.LinAlgError as error:
        needed = "positive" if structure.diagonal else "symmetric, positive-definite"
        raise ValueError(f"precisions_init: '{kind}' should be {needed}.") from error
