"""Where the places of the training rows start."""

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.spatial.distance import cdist

from sklatent.manifold._graph import component_labels
from sklatent.manifold._spectral import largest_eigenpairs

# Side of the square in which places start, in widths of the similarity.
SIDE = 13.0
# Standard deviation of what is added to them, as a share of the side, so that no two
# places coincide, which would not repel each other.
NOISE = 1e-5
# Distance of the middles of two components, in sums of their radii, which corners stick
# out of; and the smallest, relative to the largest, at which distances are kept.
GAP, SMALLEST_GAP = 2.0, 0.01
# Components of the graph beyond so many are placed side by side and not by distance.
MOST_CENTERS = 1000


def spectral_start(graph, n_axes, centers):
    """Eigenvectors of the graph, of each connected component by itself.

    Parameters
    ----------
    graph : csr_array of shape (n_samples, n_samples)
        Symmetric, with weights above 0.
    n_axes : int
        How many.
    centers : callable
        centers(labels) returns places of shape (n_labels, n_axes) for the components;
        only called if there are several.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_axes)
        Places, in any units.
    """
    labels = component_labels(graph)
    if not labels.any():
        return _of_component(graph, n_axes)
    sizes = np.bincount(labels)
    radii = np.sqrt(sizes / len(labels))
    middles = _apart(centers(labels), radii)
    Z = middles[labels]
    order = np.argsort(labels, kind="stable")
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        own = _of_component(csr_array(graph[rows][:, rows]), n_axes)
        Z[rows] += radii[labels[rows[0]]] * own
    return Z


def _of_component(graph, n_axes):
    """Eigenvectors of the normalized Laplacian, between -1 and 1."""
    n = graph.shape[0]
    Z = np.zeros((n, n_axes))
    if n < 3:
        Z[:, 0] = np.linspace(-1, 1, n) if n > 1 else 0.0
        return Z
    roots = np.sqrt(graph.sum(axis=1))
    scale = diags_array(1 / roots)
    walk = csr_array(scale @ graph @ scale - eye_array(n))
    known = (roots / np.linalg.norm(roots))[:, None]
    vectors = largest_eigenpairs(walk, n_axes, known).vectors
    vectors -= vectors.mean(axis=0)
    largest = np.abs(vectors).max(axis=0)
    Z[:, : vectors.shape[1]] = vectors / np.where(largest > 0, largest, 1.0)
    return Z


def _apart(centers, radii):
    """Scale the places of components until these do not overlap."""
    distances = cdist(centers, centers) if len(centers) <= MOST_CENTERS else None
    if distances is not None:
        np.fill_diagonal(distances, np.inf)
        closest = (distances / np.add.outer(radii, radii)).min()
        if closest > SMALLEST_GAP * distances[np.isfinite(distances)].max():
            return GAP * centers / closest
    return GAP * 2 * radii.max() * spiral(len(centers), centers.shape[1])


def spiral(n_points, n_axes):
    """Points at about a distance of 1 from each other, around the origin."""
    i = np.arange(n_points)
    points = np.zeros((n_points, n_axes))
    if n_axes == 1:
        points[:, 0] = i - i.mean()
        return points
    angles = i * np.pi * (3 - np.sqrt(5))
    points[:, 0], points[:, 1] = np.cos(angles), np.sin(angles)
    return np.sqrt(i)[:, None] * points


def scaled_start(Z, width):
    """Scale places to the square in which they start, and part those that coincide.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_axes)
        Places, in any units.
    width : float
        Width of the similarity.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_axes)
        Places around the origin, in single precision.
    """
    largest = np.abs(Z).max()
    Z = Z / (largest if largest > 0 else 1.0)
    Z = Z - Z.mean(axis=0)
    spans = np.ptp(Z, axis=0)
    Z = Z * (SIDE * width / np.where(spans > 1e-9, spans, np.inf))
    noise = np.random.RandomState(0).standard_normal(Z.shape)
    return (Z + NOISE * SIDE * width * noise).astype(np.float32)
