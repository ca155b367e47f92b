"""Sums of Gaussians in one to three dimensions, to a relative error, on a grid.

A product of Gaussians around x and y is one around their midpoint m,

    exp(-|x - u|^2) exp(-|u - y|^2) = exp(-|x - y|^2 / 2) exp(-2 |u - m|^2),

and the trapezoidal rule integrates it over u nearly exactly. With u the nodes of a grid
of spacing D in d dimensions,

    exp(-|x - y|^2 / 2) = (D sqrt(2 / pi))^d sum_u exp(-|x - u|^2) exp(-|u - y|^2),

up to a relative error of 2 d exp(-pi^2 / (2 D^2)) (Poisson summation), whatever the
distance of x from y. So the weights of the rows are spread to the nodes once, and each
query collects them from there: the cost grows with the number of rows plus that of
queries. This is the gridding of Greengard and Lee (2004), Accelerating the nonuniform
fast Fourier transform, SIAM Review 46, without a transform. No term is negative, so
that no digits cancel, and small sums have as many as large ones.

Nodes farther than a window from x or y along a feature are left out. Per unit of weight
this lacks at most 3 d exp(-window^2). The weight of the rows around a query is known,
and so whether its sum is large enough for what it may lack.

Nodes are kept in bricks as wide as the window, so that only the bricks next to that of
a point are reached from it. Where few rows or queries are near each other, the sum over
pairs is faster, and is left to others.
"""

from typing import NamedTuple

import numpy as np

from sklatent.density.kernel._bricks import Lattice, find
from sklatent.utils._blocks import row_slices
from sklatent.utils._progress import report_of_parts
from sklatent.utils._threads import map_threads

# Largest number of features.
MOST_FEATURES = 3
# Least relative error, which rounding allows, and largest, in place of any above it.
LEAST_RTOL, LARGEST_RTOL = 1e-10, 0.1
# Share of the error that is for nodes beyond windows.
LACKING = 0.4
# Share of the weight nearby down to which sums are sure to have their digits, or the
# smaller one of this part of a row's: where a row is alone, so that few sums are left.
SMALLEST_SHARE, PART_OF_ROW = 3e-6, 0.3
# Largest coordinate in widths of a brick: their numbers must be integers.
FARTHEST_BRICK = 2**18
# Entries of the factors of rows or queries that are computed at a time.
BLOCK_ENTRIES = 2**16
# Queries of a brick below which it is not looked at, and bricks that are at a time.
FEWEST_QUERIES, BLOCK_BRICKS = 4, 4096
# Bricks whose rows are spread before the results are added.
BATCH_BRICKS = 32
# Pairs that cost as much as a brick, as a row or query in it, and as a node for it.
BRICK_PAIRS, POINT_PAIRS, NODE_PAIRS = 1e5, 300, 0.08


class Grid(NamedTuple):
    """Spacing of a grid, and its limits.

    Parameters
    ----------
    spacing : float
        D, in units of the bandwidth.
    side : int
        Nodes along the side of a brick.
    limit : float
        Largest coordinate at which rounding leaves enough digits.
    """

    spacing: float
    side: int
    limit: float

    @property
    def window(self):
        """Width of a brick, and how far nodes are reached."""
        return self.spacing * self.side


def grid_for(n, d, rtol):
    """Grid for a relative error: half by the rule, 0.4 by windows, some by rounding."""
    rtol = min(rtol, LARGEST_RTOL)
    share = min(SMALLEST_SHARE, PART_OF_ROW / n)
    spacing = np.pi / np.sqrt(2 * np.log(4 * d / rtol))
    window = np.sqrt(np.log(3 * d / (LACKING * rtol * share)))
    side = int(np.ceil(window / spacing))
    # Rounding of x and y moves exponents by 8 eps |x| window along each feature.
    limit = 0.1 * rtol / (8 * d * window * np.finfo(float).eps)
    return Grid(spacing, side, min(limit, FARTHEST_BRICK * spacing * side))


def grid_sums(rows, weight, queries, rtol, n_threads, report=None):
    """Sums of weights times exp(-|x - y|^2 / 2) over rows y, for queries x.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The y, near the origin, of up to three features.
    weight : ndarray of shape (n_samples,)
        The weights, not negative.
    queries : ndarray of shape (n_queries, n_features)
        The x.
    rtol : float
        Relative error of a sum.
    n_threads : int
        Number of threads.
    report : callable, default=None
        Called after each brick with the number of its queries that are sure.

    Returns
    -------
    sums : ndarray of shape (n_queries,)
        The sums.
    sure : ndarray of bool of shape (n_queries,)
        Whether the error of the sum is at most `rtol`, relative to it.
    """
    sums, sure = np.zeros(len(queries)), np.zeros(len(queries), bool)
    grid = grid_for(*rows.shape, rtol)
    # Rows beyond the limit are out of reach of queries that are not near it.
    y = np.flatnonzero(np.abs(rows).max(axis=1) < grid.limit)
    x = np.flatnonzero(np.abs(queries).max(axis=1) < grid.limit - 2 * grid.window)
    if len(x) == 0 or len(y) == 0:
        return sums, sure
    lattice = Lattice([rows[y], queries[x]], grid.window)
    sources, targets = lattice.bricks(rows, y), lattice.bricks(queries, x)
    targets, nearby = _worthwhile(lattice, sources, targets, weight, grid)
    if len(targets.numbers) == 0:
        return sums, sure
    numbers, nodes = _spread(lattice, sources, targets, rows, weight, grid, n_threads)
    lacks = _lacking(nearby, weight.sum(), grid, rows.shape[1])

    def collect(i):
        at = find(numbers, targets.numbers[i] + lattice.around(1))
        field = _window(nodes[at], grid.side)
        x = targets.points(i)
        for part in _parts(len(x), field):
            factors = _factors(queries[x[part]] - targets.corners[i], grid)
            sums[x[part]] = _contracted(field, factors)
        sure[x] = LACKING * rtol * sums[x] >= lacks[i]

    bricks = range(len(targets.numbers))
    report_brick = report_of_parts(report, map(targets.points, bricks), sure)
    map_threads(collect, bricks, n_threads, report_brick)
    return sums, sure


def _lacking(nearby, total, grid, d):
    """What sums may lack: by nodes beyond windows, and by rows two bricks away."""
    beyond = 3 * d * np.exp(-(grid.window**2))
    return beyond * nearby + np.exp(-2 * grid.window**2) * total


def _worthwhile(lattice, sources, targets, weight, grid):
    """Bricks of queries that cost less than their pairs, and the weight around them."""
    per_point = POINT_PAIRS + NODE_PAIRS * (3 * grid.side) ** sources.corners.shape[1]
    targets = targets.some(targets.counts >= FEWEST_QUERIES)
    total = np.add.reduceat(weight[sources.members], sources.starts)
    n_rows, nearby = np.zeros((2, len(targets.numbers)))
    for block in row_slices(len(n_rows), BLOCK_BRICKS):
        at = find(sources.numbers, targets.numbers[block, None] + lattice.around(2))
        n_rows[block] = np.where(at < 0, 0, sources.counts[at]).sum(axis=1)
        nearby[block] = np.where(at < 0, 0, total[at]).sum(axis=1)
    pairs = targets.counts * n_rows
    kept = pairs > per_point * targets.counts + BRICK_PAIRS
    # All rows may have to be spread for them, if only once.
    spread = np.minimum(n_rows[kept].sum(), len(sources.members)) * per_point
    kept &= pairs[kept].sum() > spread
    return targets.some(kept), nearby[kept]


def _spread(lattice, sources, targets, rows, weight, grid, n_threads):
    """Spread rows to the nodes of the bricks that are next to those of the queries.

    Returns
    -------
    numbers : ndarray of int of shape (n_bricks,)
        Numbers of the bricks of nodes, ascending.
    nodes : ndarray of shape (n_bricks, side**d)
        Sums over the rows at the nodes.
    """
    d, steps = rows.shape[1], lattice.around(1)
    numbers = np.unique(targets.numbers[:, None] + steps)
    nodes = np.zeros((len(numbers), grid.side**d))
    at = find(numbers, sources.numbers[:, None] + steps)
    reached = np.flatnonzero((at >= 0).any(axis=1))
    scale = (grid.spacing * np.sqrt(2 / np.pi)) ** d

    def spread(i):
        y = sources.points(i)
        window = np.zeros((3 * grid.side, (3 * grid.side) ** (d - 1)))
        for part in _parts(len(y), window):
            first, *others = _factors(rows[y[part]] - sources.corners[i], grid)
            first *= scale * weight[y[part], None]
            window += first.T @ _products(others, len(first))
        return _bricks_of(window, grid.side, d)

    for batch in row_slices(len(reached), BATCH_BRICKS):
        windows = map_threads(spread, reached[batch], n_threads)
        # One after the other: the sums must not depend on the threads.
        for i, window in zip(reached[batch], windows, strict=True):
            found = at[i] >= 0
            nodes[at[i][found]] += window[found]
    return numbers, nodes


def _factors(z, grid):
    """exp(-(z - u)^2) along each feature, for points in a brick.

    Returns
    -------
    factors : list of ndarray of shape (n_points, 3 side)
        For the nodes u of the brick and of the ones next to it.
    """
    u = np.arange(-grid.side, 2 * grid.side) * grid.spacing
    factors = [column[:, None] - u for column in z.T]
    for factor in factors:
        factor *= factor
        np.exp(np.negative(factor, out=factor), out=factor)
    return factors


def _products(factors, n_points):
    """Products of the factors of several features, for all pairs of their nodes."""
    product = np.ones((n_points, 1))
    for factor in factors:
        product = np.einsum("ij,ik->ijk", product, factor).reshape(n_points, -1)
    return product


def _contracted(field, factors):
    """Sums over the nodes of a window, feature by feature."""
    first, *others = factors
    values = first @ field
    for factor in others:
        by_node = values.reshape(*factor.shape, -1)
        values = np.matmul(factor[:, None], by_node)[:, 0]
    return values[:, 0]


def _parts(n_points, window):
    """Slices of points whose factors for the nodes of a window fit the cache."""
    return row_slices(n_points, BLOCK_ENTRIES // sum(window.shape))


def _bricks_of(window, side, d):
    """Nodes of a window, brick by brick."""
    window = window.reshape((3, side) * d)
    axes = (*range(0, 2 * d, 2), *range(1, 2 * d, 2))
    return window.transpose(axes).reshape(3**d, side**d)


def _window(bricks, side):
    """Nodes of the window that bricks make up, the first feature along the rows."""
    d = round(np.log(len(bricks)) / np.log(3))
    bricks = bricks.reshape((3,) * d + (side,) * d)
    axes = [axis for k in range(d) for axis in (k, d + k)]
    return bricks.transpose(axes).reshape(3 * side, -1)
