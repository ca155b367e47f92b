"""Kernel PCA of weighted rows, exactly or by landmarks.

With the kernel values k(x) of a row with m training rows, a row is placed at

    z = P' (k(x) - mu),   mu the weighted mean of k over the training rows.

Exactly, all rows are used: with the centered kernel matrix
B = W^1/2 J K J' W^1/2 = U Lambda U', P = W^1/2 U Lambda^-1/2. By landmarks (Nyström;
Williams and Seeger 2001), with the matrix K_m = V S V' of their kernel values, rows
have the features phi(x) = S^-1/2 V' k(x), whose products are the kernel where x is a
landmark; with the principal axes A of the features of all rows, P = V S^-1/2 A.
"""

from typing import NamedTuple

import numpy as np

from sklatent.manifold._kernel_eigen import kernel_eigenpairs
from sklatent.utils._blocks import row_slices

# Rows whose kernel values are at hand at a time.
BLOCK_ROWS = 1024
# Eigenvalues of the landmarks' kernel below this, relative to the largest, are dropped.
ROUNDING = 1e-11


class Components(NamedTuple):
    """Eigenvalues, eigenvectors or None, P, mu, and the sum of all eigenvalues.

    `center` has the coefficients of the mean of the features, as P of the axes.
    """

    values: np.ndarray
    vectors: np.ndarray | None
    projection: np.ndarray
    mean: np.ndarray
    total: float
    center: np.ndarray


def inverse_root(values):
    """Return 1 / sqrt of eigenvalues, and 0 where they are 0."""
    root = np.zeros_like(values)
    np.divide(1.0, np.sqrt(values), out=root, where=values > 0)
    return root


def exact_components(K, weight, n_pairs, **solver):
    """Find the components from all kernel values, of which a copy is made.

    Parameters
    ----------
    K : ndarray of shape (n_samples, n_samples)
        Kernel values, symmetric up to rounding or made so by centering.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    n_pairs : int
        How many components, at most n_samples.
    **solver : dict
        Arguments of `kernel_eigenpairs`.

    Returns
    -------
    components : Components
        Of the rows.
    """
    share, root = weight / weight.sum(), np.sqrt(weight)
    mean = share @ K
    floor = np.finfo(np.float64).eps * float(weight @ np.abs(np.diagonal(K)))
    B = K - mean
    B -= (B @ share)[:, None]
    B *= root
    B *= root[:, None]
    values, vectors = kernel_eigenpairs(B, n_pairs, floor=floor, **solver)
    projection = root[:, None] * vectors * inverse_root(values)
    # Of columns whose sum is 0 but for rounding, which large values would multiply.
    projection -= share[:, None] * projection.sum(axis=0)
    return Components(values, vectors, projection, mean, float(np.trace(B)), share)


def landmark_components(K_m, values_of, diagonal, weight, n_pairs, report, **solver):
    """Find the components from the kernel values with landmarks.

    Parameters
    ----------
    K_m : ndarray of shape (n_landmarks, n_landmarks)
        Kernel values of the landmarks.
    values_of : callable
        Returns the kernel values of a slice of rows with the landmarks.
    diagonal : ndarray of shape (n_samples,)
        Kernel values of rows with themselves.
    weight : ndarray of shape (n_samples,)
        Positive weights.
    n_pairs : int
        How many components, at most n_landmarks.
    report : callable or None
        To be called with numbers of rows that are done.
    **solver : dict
        Arguments of `kernel_eigenpairs`.

    Returns
    -------
    components : Components
        Of the rows, without vectors.
    """
    S, V = np.linalg.eigh((K_m + K_m.T) / 2)
    S = np.where(ROUNDING * S[-1] < S, S, 0.0)
    features = V * inverse_root(S)
    # Moments about the mean of the landmarks, which is near that of the rows.
    guess = K_m.mean(axis=0)
    total, m = weight.sum(), len(K_m)
    first, second = np.zeros(m), np.zeros((m, m))
    for rows in row_slices(len(weight), BLOCK_ROWS):
        k = values_of(rows) - guess
        first += weight[rows] @ k
        phi = np.sqrt(weight[rows])[:, None] * (k @ features)
        second += phi.T @ phi
        if report is not None:
            report(len(phi))
    phi = first @ features / total
    second -= total * np.outer(phi, phi)
    floor = np.finfo(np.float64).eps * float(weight @ np.abs(diagonal))
    values, axes = kernel_eigenpairs(second, n_pairs, floor=floor, **solver)
    mean = guess + first / total
    all_eigenvalues = weight @ diagonal - total * np.square(mean @ features).sum()
    center = features @ (mean @ features)
    projection = features @ (axes * (values > 0))
    return Components(values, None, projection, mean, float(all_eigenvalues), center)
