"""Eigenvalues of the Laplacian on manifolds, in closed form.

Boundaries reflect (Neumann): the derivative across them is 0.
"""

from functools import reduce
from itertools import count
from math import comb

import numpy as np
from scipy.optimize import brentq
from scipy.special import jv, jvp

from sklatent.datasets._observe import COUNT, sides_of_box, validated
from sklatent.datasets._trees import tree_parents
from sklatent.utils._sklearn import StrOptions

# In more dimensions Bessel functions underflow.
MAX_BALL = 100


def n_harmonics(degree, n_features):
    """Number of independent spherical harmonics of a degree."""
    lower = comb(degree + n_features - 3, n_features - 1) if degree >= 2 else 0
    return comb(degree + n_features - 1, n_features - 1) - lower


def product(spectra, n):
    """The n smallest sums of one eigenvalue of each factor of a product."""
    return reduce(lambda a, b: np.sort(np.add.outer(a, b), axis=None)[:n], spectra)


def box(n, sides):
    """Cosines along each side: (i pi / side)^2, added up."""
    return product([(np.arange(n) * np.pi / side) ** 2 for side in sides], n)


def flat_torus(n, dimension):
    """Waves around each circle: i^2 for whole numbers i, added up."""
    return product(dimension * [((np.arange(n) + 1) // 2) ** 2.0], n)


def hypersphere(n, dimension):
    """Spherical harmonics of degree l: l (l + d - 1)."""
    found = []
    for degree in range(n):
        times = min(n_harmonics(degree, dimension + 1), n)
        found += times * [float(degree * (degree + dimension - 1))]
        if len(found) >= n:
            break
    return np.array(found[:n])


def ball(n, dimension):
    """Spherical harmonics times Bessel functions whose derivative at 1 is 0."""
    if dimension > MAX_BALL:
        raise ValueError(
            f"dimension must be at most {MAX_BALL} for a ball; got {dimension}."
        )
    top, found = 4.0, []
    while len(found) < n:
        top *= 1.5
        found = ball_below(top, dimension, n)
    return np.sort(found)[:n] ** 2


def ball_below(top, dimension, n):
    """Roots of the eigenvalues below a bound, each at most n times."""
    nu = dimension / 2 - 1
    found = [0.0]
    for degree in count():
        order = degree + nu
        # Angles alone have the eigenvalue l (l + d - 2) on the unit sphere, and more
        # inside of it. Bessel functions far below would underflow.
        least = np.sqrt(degree * max(degree + dimension - 2, 0))
        grid = np.arange(max(least, 0.05), top, 0.1)
        if len(grid) < 2:
            return found

        def slope(k, order=order):
            """Derivative of r^-nu J(k r) at r = 1."""
            return k * jvp(order, k) - nu * jv(order, k)

        turns = np.flatnonzero(np.diff(np.sign(slope(grid))))
        roots = [brentq(slope, grid[i], grid[i + 1], xtol=1e-13) for i in turns]
        found += min(n_harmonics(degree, dimension), n) * roots


def tree(n, n_branches, depth):
    """Waves on edges of length 1, whose slopes add up to 0 at each vertex.

    At the vertices a wave cos(w s) is an eigenvector of the mean over adjacent
    vertices, with the eigenvalue cos w (von Below 1985). Where w is a multiple of pi
    there is one wave.
    """
    parents = tree_parents(n_branches, depth)
    n_vertices = len(parents) + 1
    A = np.zeros((n_vertices, n_vertices))
    A[np.arange(1, n_vertices), parents + 1] = 1
    A += A.T
    degree = A.sum(axis=0)
    cosines = np.linalg.eigvalsh(A / np.sqrt(np.outer(degree, degree)))
    # The first and the last are -1 and 1, since a tree is bipartite.
    w = np.arccos(cosines[1:-1])
    turns = np.pi * np.arange(n)
    waves = np.concatenate(
        [turns, *(2 * np.pi * m + s * w for m in range(n) for s in (1, -1))]
    )
    return np.sort(waves[waves >= 0])[:n] ** 2


@validated(
    manifold=[StrOptions({"affine", "ball", "flat_torus", "hypersphere", "tree"})],
    n_eigenvalues=COUNT,
)
def laplacian_eigenvalues(
    manifold,
    n_eigenvalues=8,
    *,
    dimension=2,
    side_lengths=None,
    n_branches=3,
    depth=2,
):
    r"""Compute the smallest eigenvalues of the Laplacian on a manifold.

    The eigenvalues are those of -Δ, the Laplace-Beltrami operator, with reflecting
    boundaries (Neumann). They are the rates at which heat evens out, and what
    diffusion maps estimate. The constant, whose eigenvalue is 0, is left out.

    Parameters
    ----------
    manifold : str
        Name of the generator without `make_`: "affine", "ball", "flat_torus",
        "hypersphere" or "tree".
    n_eigenvalues : int, default=8
        Number of eigenvalues.
    dimension : int, default=2
        Dimension, as the generator takes it, for a ball at most 100. A tree has none.
    side_lengths : array-like of shape (dimension,) or None, default=None
        Length of each side, as `make_affine` takes it. None takes 1 for each.
    n_branches : int, default=3
        Number of edges at the root and below each edge, as `make_tree` takes it.
    depth : int, default=2
        Number of edges from the root to an end, as `make_tree` takes it.

    Returns
    -------
    eigenvalues : ndarray of shape (n_eigenvalues,)
        Ascending, each as often as there are independent eigenfunctions, in 1 / squared
        units of the points.

    Raises
    ------
    ValueError
        If there is no such manifold, or another parameter is invalid.

    See Also
    --------
    geodesic_distances : Distances along such manifolds.

    Notes
    -----
    With whole numbers i, and harmonics of degree l, which are
    :math:`\binom{l + p - 1}{p - 1} - \binom{l + p - 3}{p - 1}` in p dimensions; for the
    ball see [1]_, for the tree [2]_:

    ===========  ================================  ===================================
    manifold     eigenvalues                       each is there
    ===========  ================================  ===================================
    affine       Σ (i π / side)², i ≥ 0            once for each tuple
    flat_torus   Σ i²                              once for each tuple
    hypersphere  l (l + d - 1)                     once for each harmonic in p = d + 1
    ball         k², where the derivative of       once for each harmonic in p = d
                 r^(1 - d/2) J(k r) is 0 at 1,
                 J of order l + d/2 - 1
    tree         w², where cos w is an eigenvalue  once for each eigenvalue
                 of the mean over adjacent
                 vertices
    ===========  ================================  ===================================

    References
    ----------
    .. [1] D. S. Grebenkov and B.-T. Nguyen (2013). Geometrical structure of Laplacian
       eigenfunctions. SIAM Review 55, 601-667.
    .. [2] J. von Below (1985). A characteristic equation associated to an eigenvalue
       problem on c²-networks. Linear Algebra and its Applications 71, 309-325.

    Examples
    --------
    On the sphere:

    >>> from sklatent.datasets import laplacian_eigenvalues
    >>> laplacian_eigenvalues("hypersphere", 8, dimension=2)
    array([2., 2., 2., 6., 6., 6., 6., 6.])

    The disk, whose first two eigenfunctions are one wave across:

    >>> laplacian_eigenvalues("ball", 3, dimension=2).round(3)
    array([3.39 , 3.39 , 9.328])
    """
    n = n_eigenvalues + 1
    spectra = {
        "affine": lambda: box(n, sides_of_box(side_lengths, dimension)),
        "ball": lambda: ball(n, dimension),
        "flat_torus": lambda: flat_torus(n, dimension),
        "hypersphere": lambda: hypersphere(n, dimension),
        "tree": lambda: tree(n, n_branches, depth),
    }
    return spectra[manifold]()[1:]
