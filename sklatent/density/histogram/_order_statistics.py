"""Exact order statistics of columns whose rows come in blocks.

The value where the cumulated weight exceeds a number is looked for in a bracket, at
first from the smallest to the largest value. A pass adds up the weights in bins of the
bracket, which tells the bin that the value lies in; the next one divides that bin,
until it has few enough rows that they can be sorted.
"""

import operator

import numpy as np

# Bins of a bracket, and rows in it that are sorted instead.
N_BINS = 1024
FEW_ROWS = 10_000


def smallest_above(rows, targets, low, high):
    """For each column, the smallest values whose cumulated weights exceed some numbers.

    Parameters
    ----------
    rows : DaskRows
        The rows.
    targets : ndarray of shape (n_targets,)
        These numbers. The largest value stands for those that no weight exceeds.
    low, high : ndarray of shape (n_features,)
        Smallest and largest values of the columns.

    Returns
    -------
    values : ndarray of shape (n_features, n_targets)
        In double precision.
    """
    shape = (len(low), len(targets))
    start, stop = (
        np.repeat(end.astype(np.float64), len(targets)).reshape(shape)
        for end in (low, high)
    )
    below = np.zeros(shape)  # sum of the weights of the rows before the bracket
    while (start < stop).any():
        edges = np.linspace(start, stop, N_BINS, axis=-1)
        edges[..., -1] = stop
        held, n_rows = rows.reduce(_bin_sums, operator.add, edges)
        cumulated = below[..., None] + np.cumsum(held, axis=-1)
        exceeds = cumulated > targets[:, None]
        exceeds[..., -1] = True
        chosen = exceeds.argmax(axis=-1)[..., None]
        below = np.take_along_axis(cumulated - held, chosen, -1)[..., 0]
        start = np.take_along_axis(edges, chosen, -1)[..., 0]
        # A bin ends before the edge of the next; the last is the end by itself.
        ends = np.nextafter(edges[..., 1:], -np.inf)
        ends = np.concatenate([ends, edges[..., -1:]], axis=-1)
        stop = np.maximum(np.take_along_axis(ends, chosen, -1)[..., 0], start)
        if np.take_along_axis(n_rows, chosen, -1).max() <= FEW_ROWS:
            break
    else:
        return start
    held = rows.reduce(_rows_inside, _joined, start, stop)
    return np.array(
        [
            [_first_above(*of_target) for of_target in zip(*of_column, strict=True)]
            for of_column in zip(held, targets - below, strict=True)
        ]
    )


def _bin_sums(X, weight, edges):
    """Weights and numbers of rows in bins, (2, n_features, n_targets, n_bins)."""
    sums = np.zeros((2, *edges.shape))
    for j, of_column in enumerate(edges):
        x = X[:, j]
        for k, e in enumerate(of_column):
            inside = (x >= e[0]) & (x <= e[-1])
            at = np.searchsorted(e, x[inside], side="right") - 1
            w = None if weight is None else weight[inside]
            sums[0, j, k] = np.bincount(at, w, len(e))
            sums[1, j, k] = np.bincount(at, None, len(e))
    return sums


def _rows_inside(X, weight, start, stop):
    """Values within brackets, and their weights, by column and target."""
    weight = np.ones(len(X)) if weight is None else weight
    found = []
    for x, of_column in zip(X.T, np.stack([start, stop], axis=-1), strict=True):
        inside = [(x >= low) & (x <= high) for low, high in of_column]
        found.append([(x[held], weight[held]) for held in inside])
    return found


def _joined(one, other):
    """Values and weights of two sets of rows."""
    return [
        [
            tuple(map(np.concatenate, zip(here, there, strict=True)))
            for here, there in zip(*columns, strict=True)
        ]
        for columns in zip(one, other, strict=True)
    ]


def _first_above(held, target):
    """Smallest of some values whose cumulated weight exceeds a number."""
    x, weight = held
    order = np.argsort(x, kind="stable")
    at = np.searchsorted(np.cumsum(weight[order]), target, side="right")
    return float(x[order][min(at, len(x) - 1)])
