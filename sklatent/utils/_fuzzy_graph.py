"""The fuzzy graph of neighbors: how surely each row is a neighbor of another.

With distances d_j of a row to its k - 1 nearest others, a distance rho up to which
neighbors are sure, and a scale sigma, the membership of a neighbor is

    v_j = exp(-max(0, d_j - rho) / sigma),  with  sum_j v_j = log2(k)

(McInnes, Healy and Melville 2018, "UMAP: Uniform manifold approximation and projection
for dimension reduction", arXiv:1802.03426, algorithms 2 and 3). The similarity of
places in the embedding is fitted to a curve (section 3.2 there).
"""

import numpy as np
from scipy.optimize import curve_fit
from scipy.sparse import csr_array

# Bounds on sigma, as multiples of a row's largest distance beyond rho, and halvings of
# their logarithmic interval, after which they differ by rounding.
BOUNDS, N_HALVINGS = (1e-10, 1e4), 56
# Smallest sigma, as a share of the mean distance to the neighbors.
SMALLEST_SHARE = 1e-3
# The similarity is fitted at so many distances, up to so many spreads.
N_POINTS, RANGE = 300, 3


def sure_distances(distances, local_connectivity):
    """Distance rho of each row, up to which its neighbors are sure.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_neighbors)
        Distances to the nearest others, ascending; infinite where there are fewer.
    local_connectivity : float
        How many neighbors at a distance above 0 are sure; between two whole numbers
        rho is interpolated.

    Returns
    -------
    rho : ndarray of shape (n_samples,)
        Distances, 0 for a row without neighbors at a distance above 0.
    """
    known = np.isfinite(distances)
    first = (distances == 0).sum(axis=1)
    last = known.sum(axis=1) - 1
    with_zero = np.column_stack([np.zeros(len(distances)), distances])
    whole = int(np.floor(local_connectivity))

    def at(number):
        """Distance to the neighbor of a number, counted from 1; 0 for none."""
        column = np.minimum(first + number - 1, last)
        # Neighbors at distance 0 are not counted.
        column = np.where((column < first) | (number == 0), -1, column)
        return np.take_along_axis(with_zero, column[:, None] + 1, axis=1)[:, 0]

    below, above = at(whole), at(whole + 1)
    return below + (local_connectivity - whole) * (above - below)


def memberships(distances, rho, n_neighbors, smallest_scale):
    """Membership of each neighbor of a row.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_neighbors - 1)
        Distances to the nearest others, infinite where there are fewer.
    rho : ndarray of shape (n_samples,)
        Distances up to which neighbors are sure.
    n_neighbors : int
        Their number k, in which the row itself is counted.
    smallest_scale : float
        Smallest sigma of rows whose rho is 0.

    Returns
    -------
    memberships : ndarray of shape (n_samples, n_neighbors - 1)
        Between 0 and 1.
    """
    known = np.isfinite(distances)
    beyond = np.maximum(distances - rho[:, None], 0.0)
    largest = np.where(known, beyond, 0.0).max(axis=1, initial=0.0)
    # The larger of the two, so that the quotients are numbers at any scale.
    unit = np.where(largest > 0, largest, 1.0)
    beyond = beyond / unit[:, None]
    low, high = (np.full(len(distances), np.log(bound)) for bound in BOUNDS)
    target = np.log2(n_neighbors)
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        too_large = np.exp(-beyond * np.exp(-middle)[:, None]).sum(axis=1) > target
        high = np.where(too_large, middle, high)
        low = np.where(too_large, low, middle)
    # Divided first, as a sum may be too large a number.
    number = known.sum(axis=1, keepdims=True) + 1
    mean = np.where(known, distances / number, 0.0).sum(axis=1)
    smallest = np.where(rho > 0, SMALLEST_SHARE * mean, smallest_scale) / unit
    sigma = np.maximum(np.exp(low), np.maximum(smallest, BOUNDS[0]))
    return np.exp(-beyond / sigma[:, None])


def smallest_scale(distances):
    """Smallest sigma of rows without a distance up to which neighbors are sure."""
    known = distances[np.isfinite(distances)]
    return SMALLEST_SHARE * float((known / (len(known) + len(distances))).sum())


def fuzzy_union(rows, columns, values, n_samples, mix=1.0):
    """Join the memberships in both directions of each pair of rows.

    Parameters
    ----------
    rows, columns : ndarray of shape (n_edges,)
        Rows, and their neighbors.
    values : ndarray of shape (n_edges,)
        Memberships v_ij.
    n_samples : int
        Number of rows.
    mix : float, default=1.0
        Share of the union v_ij + v_ji - v_ij v_ji; the rest is the intersection
        v_ij v_ji.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        Symmetric, without zeros.
    """
    directed = csr_array((values, (rows, columns)), shape=(n_samples, n_samples))
    both = directed.multiply(directed.T)
    graph = csr_array(mix * (directed + directed.T - both) + (1 - mix) * both)
    graph.eliminate_zeros()
    graph.sort_indices()
    return graph


def fuzzy_graph(distances, indices):
    """Return the graph in which each row is joined to its nearest rows.

    Parameters
    ----------
    distances, indices : ndarray of shape (n_samples, n_neighbors - 1)
        Distances to the nearest other rows, ascending, and which they are. A row that
        is among its own is not joined to itself.

    Returns
    -------
    graph : csr_array of shape (n_samples, n_samples)
        Memberships, symmetric, without zeros.
    """
    n, k = distances.shape
    rho = sure_distances(distances, 1.0)
    values = memberships(distances, rho, k + 1, smallest_scale(distances))
    rows = np.repeat(np.arange(n), k)
    others = indices.ravel() != rows
    edges = (rows[others], indices.ravel()[others], values.ravel()[others])
    return fuzzy_union(*edges, n)


def fit_similarity(spread, min_dist):
    """Fit 1 / (1 + a d^(2 b)) to 1 up to `min_dist`, and then a decay.

    Parameters
    ----------
    spread : float
        The decay is exp(-(d - min_dist) / spread).
    min_dist : float
        Where it begins, at most `spread`.

    Returns
    -------
    a, b : float
        The parameters of least squares between 0 and three times the spread.
    """
    # In units of the spread, so that the fit does not depend on it.
    x = np.linspace(0, RANGE, N_POINTS)
    y = np.exp(-np.maximum(x - min_dist / spread, 0.0))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), x, y)
    return float(a * spread ** (-2 * b)), float(b)
