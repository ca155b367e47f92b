"""The random walk on rows whose generator tends to a Laplacian.

The kernel has a width at each row (Berry and Harlim 2016),

    K_ij = exp(-|x_i - x_j|^2 / (4 epsilon rho_i rho_j)),  rho proportional to q^beta,

with the density q of the rows and beta = -1/2, or -1 / d above two dimensions, where
the width is then the distance to near rows, or beta = 0 for one width. Dividing by
densities (Coifman and Lafon 2006) makes the walk W, and

    L f_i = (sum_j W_ij f_j / sum_j W_ij - f_i) / m_i

tends to the Laplacian if m_i is how far a step goes: its mean square over 2 d. It is
epsilon rho_i^2 if the kernel is not cut off, the rows are many and lie flat. What is
taken here is measured, m_i = c rho_i^2 with c such that the coordinates themselves have
the Dirichlet energy d that they have on a manifold of d dimensions.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, eye_array

# Kinds of width.
BANDWIDTHS = ("variable", "fixed")
# Neighbors by which the density at a row is estimated for the width.
WIDTH_NEIGHBORS = 16
# The typical last neighbor has the weight exp(-LAST), so that the cut does not matter.
LAST = 5.0
# Kernels below this are lost beside the 1 of the row itself.
LEAST_KERNEL = 1e-16


class Kernel(NamedTuple):
    """Settings of the kernel: dimension, exponents, scale, and its numbers at rows."""

    dimension: float
    alpha: float
    beta: float
    epsilon: float
    unit: float
    """Typical distance to the neighbors of the width, in which widths are 1."""

    def width(self, distances):
        """Return rho from the distances to the nearest other rows."""
        near = distances[:, :WIDTH_NEIGHBORS] / self.unit
        spread = np.sqrt(np.mean(near * near, axis=1))
        return spread ** (-self.beta * self.dimension)

    def logarithm(self, squares, rho, other_rho):
        """Return log K for squared distances."""
        return -squares / (4 * self.epsilon * rho * other_rho)

    @property
    def exponent(self):
        """Power of the densities to divide by, for the limit that `alpha` asks for.

        With widths, the generator tends to that of one width and the power
        alpha - beta (1 + d / 2) (Berry and Harlim 2016, equation 12).
        """
        return self.alpha + self.beta * (1 + self.dimension / 2)


class Walk(NamedTuple):
    """A walk between n rows.

    Its generator, similar to A, is symmetric in the inner product with the weights
    `mass`; eigenvectors of A over the root of the mass are its eigenfunctions.
    """

    A: csr_array
    mass: np.ndarray
    step: np.ndarray
    rho: np.ndarray
    inflow: np.ndarray
    """What the kernel of a new row is multiplied by, for the walk from it."""

    def at_rows(self):
        """Return the walk without its edges, which new rows do not need."""
        return self._replace(A=None)


def make_kernel(distances, dimension, alpha, bandwidth, epsilon):
    """Return the kernel for distances to the nearest other rows, ascending.

    `epsilon="auto"` is as large as the number of neighbors allows.
    """
    # With -1/2 in many dimensions widths would differ out of all measure.
    beta = -min(0.5, 1 / dimension) if bandwidth == "variable" else 0.0
    near = distances[:, :WIDTH_NEIGHBORS]
    logs = 0.5 * np.log(np.mean(near * near, axis=1))
    kernel = Kernel(dimension, alpha, beta, np.nan, float(np.exp(np.mean(logs))))
    if epsilon == "auto":
        last = distances[:, -1] / kernel.width(distances)
        epsilon = float(np.median(last * last)) / (4 * LAST)
    return kernel._replace(epsilon=epsilon)


def make_walk(kernel, graph, rho, weight):
    """Return the walk along the edges of a graph of distances.

    Parameters
    ----------
    kernel : Kernel
        What the weights of the edges are.
    graph : csr_array of shape (n_samples, n_samples)
        Symmetric, distances of neighbors, without the diagonal.
    rho : ndarray of shape (n_samples,)
        Width at each row.
    weight : ndarray of shape (n_samples,)
        How many rows each stands for.

    Returns
    -------
    walk : Walk
        Edges too weak to count are left out.
    """
    n = len(rho)
    # Each row is its own neighbor too, at distance 0.
    graph = graph + eye_array(n, format="csr")
    row, column = np.repeat(np.arange(n), np.diff(graph.indptr)), graph.indices
    squares = graph.data**2
    squares[row == column] = 0.0
    K = np.exp(kernel.logarithm(squares, rho[row], rho[column]))
    K[K < LEAST_KERNEL] = 0.0

    def sparse(values):
        return csr_array((values, column, graph.indptr), shape=(n, n))

    density = (sparse(K) @ weight) / rho**kernel.dimension
    # Widths follow the rows as they are, whatever these weigh.
    unweighted = np.bincount(row, K, minlength=n) / rho**kernel.dimension
    by_width = kernel.exponent - kernel.alpha
    inflow = weight * density**-kernel.alpha * unweighted**-by_width
    W = K * inflow[row] * inflow[column]
    degree = np.bincount(row, W, minlength=n)
    moved = np.bincount(row, W * squares, minlength=n)
    goes = moved > 0  # an outlier far from all rows stays, and says nothing of steps
    expected = kernel.dimension * (degree[goes] @ rho[goes] ** 2)
    step = rho**2 * (moved.sum() / (2 * expected) if goes.any() else kernel.epsilon)
    mass = degree * step
    root = 1 / np.sqrt(mass)
    A = W * root[row] * root[column]
    A[row == column] -= 1 / step
    A = sparse(A)
    A.eliminate_zeros()
    return Walk(A, mass, step, rho, inflow)
