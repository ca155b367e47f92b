"""Samples, marginal and conditional distributions of a mixture, without data."""

import numpy as np
from scipy.linalg import solve_triangular

from sklatent.density.mixture._densities import responsibilities
from sklatent.density.mixture._model import Mixture


def draw(mixture, n_samples, rng):
    """Rows of a mixture, (n_samples, p), and their components, (n_samples,)."""
    k, p = mixture.means.shape
    weights = mixture.weights / mixture.weights.sum()
    labels = rng.choice(k, n_samples, p=weights)
    X = rng.standard_normal((n_samples, p))
    for component in np.unique(labels):
        rows, L = labels == component, mixture.expanded_root[component]
        X[rows] = X[rows] * L if mixture.structure.diagonal else X[rows] @ L.T
    X += mixture.means[labels]
    return X, labels


def marginal(mixture, features):
    """Mixture of some of the features, given by their positions."""
    structure = mixture.structure
    if structure.isotropic:
        root = mixture.root
    elif structure.diagonal:
        root = mixture.root[..., features]
    else:  # rows of L are the features, not triangular any more
        root = _triangular(mixture.root[..., features, :])
    return Mixture(mixture.weights, mixture.means[:, features], root, structure)


def conditional(mixture, known, values):
    """Mixture of the other features, in their order, given the values of some."""
    others = np.setdiff1d(np.arange(mixture.means.shape[1]), known)
    if len(known) == 0:
        return mixture
    weights = responsibilities(values[None], marginal(mixture, known), n_threads=1)[0]
    structure, means = mixture.structure, mixture.means[:, others]
    if structure.isotropic:
        root = mixture.root
    elif structure.diagonal:
        root = mixture.root[..., others]
    else:
        # With the known features first, L = [[A, 0], [B, C]]: the others have mean
        # m + B A^-1 (values - m_known) and covariance C C'.
        L = _triangular(mixture.root[..., np.concatenate([known, others]), :])
        q = len(known)
        root = L[..., q:, q:]
        expanded = structure.expand(L, *mixture.means.shape)
        means = means + [
            L[q:, :q] @ solve_triangular(L[:q, :q], values - m[known], lower=True)
            for L, m in zip(expanded, mixture.means, strict=True)
        ]
    return Mixture(weights, means, root, structure)


def _triangular(root):
    """Lower triangular factors of the same covariances R R'."""
    upper = np.linalg.qr(np.swapaxes(root, -1, -2), mode="r")
    # QR leaves the signs of the diagonal open; those of a Cholesky factor are positive.
    signs = np.sign(np.einsum("...ii->...i", upper))
    return np.swapaxes(upper * signs[..., None], -1, -2)


def feature_positions(columns, names, n_features, parameter):
    """Positions of features that are given by position or by name.

    Parameters
    ----------
    columns : iterable of int or str
        The features; a negative position counts from the last.
    names : list of str
        Names of all features, empty if they have none.
    n_features : int
        Number of all features.
    parameter : str
        What the user calls `columns`, for errors.

    Returns
    -------
    positions : ndarray of int
        In [0, n_features).

    Raises
    ------
    ValueError
        If there is no such feature, or one is given twice.
    """
    positions = []
    for column in columns:
        known = names if isinstance(column, str) else range(-n_features, n_features)
        if column not in known:
            features = names or f"numbered from 0 to {n_features - 1}"
            raise ValueError(
                f"`{parameter}` must be among the features, which are {features}; got "
                f"{column!r}."
            )
        is_name = isinstance(column, str)
        positions.append(names.index(column) if is_name else int(column) % n_features)
    if len(set(positions)) < len(positions):
        raise ValueError(f"`{parameter}` must not repeat; got {columns!r}.")
    return np.array(positions, dtype=np.intp)
