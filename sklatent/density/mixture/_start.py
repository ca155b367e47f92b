"""Where EM starts: what the user gave, and components from a clustering of some rows.

All sampling is by quantiles of the weights, so that a row of weight 2 does the same as
two rows, as long as all rows take part.
"""

import numpy as np
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils import check_array

from sklatent.density.mixture._densities import expected
from sklatent.density.mixture._em import MixtureStatistics, em_step, m_step
from sklatent.density.mixture._model import (
    STRUCTURES,
    Frame,
    Mixture,
    TrainingRows,
    at_quantiles,
)

# Rows that are clustered: more of them would not move the centers by much, and k-means
# would take longer than EM.
MOST_ROWS = 5_000
ROWS_PER_COMPONENT = 500
KMEANS_ITERATIONS = 100
# Squared distances below this share of the squared lengths are computed again.
CLOSE = 1e-3
# EM steps of the one Gaussian that imputes rows for the start, and the number of
# features up to which it has a full covariance.
IMPUTING_STEPS = 10
IMPUTING_FEATURES = 64
IMPUTING_REG = 1e-6


def first_mixture(rows, k, covariance_type, reg, given, init_params, rng):
    """Mixture that EM starts from, in the units of the rows' frame.

    Parameters
    ----------
    rows : TrainingRows or BlockedRows
        The data.
    k : int
        Number of components.
    covariance_type : str
        One of `STRUCTURES`.
    reg : ndarray of shape (p,)
        Added to the variances.
    given : tuple
        The parameters weights_init, means_init and precisions_init, in the units of
        the data; None for what a clustering finds.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}
        Where the components come from otherwise.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    mixture : Mixture
        The start.
    n_distinct : int
        Number of different seeds; below `k` if the data has too few different rows.

    Raises
    ------
    ValueError
        If there are fewer rows than components, or what is given has the wrong shape or
        no admissible values.
    """
    n, p = rows.shape
    if n < k:
        raise ValueError(
            f"n_components must be in [1, {n}], the number of rows; got {k}."
        )
    structure, n_distinct = STRUCTURES[covariance_type], k
    weights, means, root = _checked(given, k, p, covariance_type)
    if weights is None or means is None or root is None:
        found, n_distinct = _clustered(rows, k, structure, reg, init_params, rng)
        found = rows.frame.destandardize(found)
        weights = found.weights if weights is None else weights
        means = found.means if means is None else means
        root = found.precision_root if root is None else root
    mixture = Mixture.of_precision_root(weights, means, root, structure)
    return rows.frame.standardize(mixture), n_distinct


def _checked(given, k, p, covariance_type):
    """Weights, means and precision factors from the user; None for the others."""
    structure = STRUCTURES[covariance_type]
    kind = f"{covariance_type} precision"
    weights, means, precisions = given
    # The messages are those of scikit-learn, whose tests match on them.
    if weights is not None:
        weights = _of_shape(weights, "weights", (k,), "weights_init")
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
    if means is not None:
        means = _of_shape(means, "means", (k, p), "means_init")
    if precisions is not None:
        shape = structure.shape(k, p)
        precisions = _of_shape(precisions, kind, shape, "precisions_init")
        precisions = _factors(precisions, structure, kind)
    return weights, means, precisions


def _of_shape(value, parameter, shape, name):
    """The parameter `name` as an array of a shape."""
    value = check_array(
        value, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name=name
    )
    if value.shape != shape:
        raise ValueError(
            f"{name}: The parameter '{parameter}' should have the shape of {shape}, "
            f"but got {value.shape}."
        )
    return value


def _factors(precisions, structure, kind):
    """Upper factors of precisions from the user."""
    try:
        if not structure.diagonal and not np.allclose(
            precisions, np.swapaxes(precisions, -1, -2)
        ):
            raise np.linalg.LinAlgError("not symmetric")
        return structure.factor_precision(precisions)
    except np.linalg.LinAlgError as error:
        needed = "positive" if structure.diagonal else "symmetric, positive-definite"
        raise ValueError(f"precisions_init: '{kind}' should be {needed}.") from error


def _clustered(rows, k, structure, reg, init_params, rng):
    """M-step of a clustering, in standardized units, and the number of seeds."""
    n_rows = max(MOST_ROWS, ROWS_PER_COMPONENT * k)
    Z, w = some_rows(rows, n_rows, rng)
    # Where a component is that has no rows.
    standard = Mixture.standard(k, Z.shape[1], structure)
    if rows.has_missing:
        Z = _imputed(Z, w)
    R, n_distinct = _memberships(Z, w, k, init_params, rng)
    statistics = _statistics(Z, w[:, None] * R, structure)
    return m_step(statistics, standard, reg), n_distinct


def some_rows(rows, n_rows, rng):
    """Sample rows by their weight; all of them if there are not more.

    Parameters
    ----------
    rows : TrainingRows or BlockedRows
        The data.
    n_rows : int
        How many rows to sample.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    Z : ndarray of shape (n_sampled, p)
        Standardized rows, in double precision and the order of their projection on a
        fixed direction, so that the order of the data does not matter.
    w : ndarray of shape (n_sampled,)
        Their weights.
    """
    Z, w = rows.sample(n_rows, rng)
    Z = Z.astype(np.float64, copy=False)
    direction = np.random.RandomState(0).standard_normal(Z.shape[1])
    observed = np.nan_to_num(Z) if rows.has_missing else Z
    # Unlike a product of matrices, einsum does the same to equal rows.
    order = np.argsort(np.einsum("ij,j->i", observed, direction), kind="stable")
    return Z[order], w[order]


def _imputed(Z, w):
    """Standardized rows with missing entries as one Gaussian expects them.

    So that a clustering sees what the features have in common. Many features are taken
    to have nothing, since a full covariance of them would take longer than EM.
    """
    p = Z.shape[1]
    kind = "full" if p <= IMPUTING_FEATURES else "diag"
    gaussian = Mixture.standard(1, p, STRUCTURES[kind])
    rows = TrainingRows.of(Z, w, Frame(np.zeros(p), np.ones(p)))
    for _ in range(IMPUTING_STEPS):
        gaussian, _ = em_step(gaussian, rows, np.full(p, IMPUTING_REG), n_threads=1)
    return expected(Z, gaussian, 1)[0]


def _memberships(Z, w, k, init_params, rng):
    """To which component rows belong, (n, k), as shares, and how many differ."""
    n = len(Z)
    if init_params == "random":
        R = rng.uniform(size=(n, k))
        return R / R.sum(axis=1, keepdims=True), k
    if init_params == "random_from_data":
        chosen = at_quantiles(np.cumsum(w), (np.arange(k) + rng.uniform(size=k)) / k)
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


def seeds(Z, w, k, rng):
    """Distant rows, by greedy k-means++.

    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding. Of
    2 + log k candidates that are sampled by weight times squared distance to the
    nearest seed, the one that reduces these most becomes a seed.

    Returns
    -------
    chosen : ndarray of shape (n_chosen,)
        Different rows of `Z`; fewer than `k` if there are not as many.
    """
    n_candidates = 2 + int(np.log(k))
    first = int(at_quantiles(np.cumsum(w), rng.uniform(size=1))[0])
    if k == 1:
        return np.array([first])
    square = np.einsum("ij,ij->i", Z, Z)
    chosen, distance2 = [first], _squared_distances(Z, square, [first])[0]
    while len(chosen) < k and (w * distance2).any():
        quantiles = rng.uniform(size=n_candidates)
        candidates = at_quantiles(np.cumsum(w * distance2), quantiles)
        to_candidates = _squared_distances(Z, square, candidates)
        np.minimum(to_candidates, distance2, out=to_candidates)
        best = int(np.argmin(to_candidates @ w))
        chosen.append(int(candidates[best]))
        distance2 = to_candidates[best]
    return np.array(chosen)


def _squared_distances(Z, square, points):
    """Squared distances of some rows to all, (n_points, n).

    `square` is the squared length of each row. By a product of matrices, and by direct
    differences where that has few digits: so rows that coincide are 0 apart.
    """
    distance2 = square[points, None] + square - 2 * (Z[points] @ Z.T)
    for point, row in zip(points, distance2, strict=True):
        (close,) = np.nonzero(row < CLOSE * (square[point] + square))
        row[close] = ((Z[close] - Z[point]) ** 2).sum(axis=1)
    return distance2


def _different_rows(Z):
    """The different rows, sorted; np.unique takes long where they have many entries."""
    keys = Z.tolist()
    Z = Z[sorted(range(len(Z)), key=keys.__getitem__)]
    differs = (Z[1:] != Z[:-1]).any(axis=1)
    return Z[np.append(True, differs)]


def _kmeans_labels(Z, w, centers):
    """Clusters to which k-means assigns rows, from given centers."""
    if len(centers) == 1:
        return np.zeros(len(Z), dtype=np.intp)
    if len(Z) < Z.shape[1]:
        return _kmeans_of_few_rows(Z, w, centers)
    kmeans = KMeans(len(centers), init=centers, n_init=1, max_iter=KMEANS_ITERATIONS)
    # With the option, scikit-learn before 1.9 takes its own centers for foreign arrays.
    with config_context(array_api_dispatch=False):
        return kmeans.fit(Z, sample_weight=w).labels_


def _kmeans_of_few_rows(Z, w, centers):
    """Lloyd's iterations as two products of matrices.

    With fewer rows than features, scikit-learn's k-means spends most of its time on
    preparations, several passes over all the entries.
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


def _statistics(Z, R, structure):
    """Weights, means and covariances of rows with given memberships R, (n, k)."""
    N = R.sum(axis=0)
    safe = np.where(N > 0, N, 1.0)
    means = R.T @ Z / safe[:, None]
    S = []
    for mean, share in zip(means, (R / safe).T, strict=True):
        # Of a clustering, most memberships are 0: leave these rows out.
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
