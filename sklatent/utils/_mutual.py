"""The nearest rows of every row, by products that serve both rows of a pair.

The squared distance of two rows is the same whichever is the query, so half of the
products are enough: those of a block of rows with itself and the rows after it. An
entry is compared with the bound of its row and with that of its column, and kept for
those that it is within.
"""

import numpy as np

from sklatent.utils._blocks import row_slices
from sklatent.utils._progress import report_of_counts
from sklatent.utils._proposals import pairs_up_to
from sklatent.utils._threads import map_threads

# Rows that are searched for together.
BLOCK_ROWS = 256


def mutual_nearest(proposals, n_threads, report=None):
    """Find the nearest rows of all rows among themselves.

    Parameters
    ----------
    proposals : Proposals
        The rows.
    n_threads : int
        How many threads share the work.
    report : callable, default=None
        To be called with numbers of rows in proportion to the work that is done, which
        add up to all.

    Returns
    -------
    found, squares, indices : tuple of ndarray
        As `Proposals.nearest` returns them for the rows as queries, in the order
        `proposals.order`.
    """
    X, order = proposals.X, proposals.order
    blocks = list(row_slices(len(order), BLOCK_ROWS))
    bounds = map_threads(
        lambda rows: proposals.first_bound(*proposals.queries(X[order[rows]])),
        blocks,
        n_threads,
    )
    search = _Pairs(proposals, blocks, np.concatenate(bounds))
    # Each block is multiplied by itself and those after it.
    n = len(order)
    work = ((n - b.start) ** 2 // n - (n - b.stop) ** 2 // n for b in blocks)
    report_block = report_of_counts(report, work)
    found = map_threads(search.of_block, range(len(blocks)), n_threads, report_block)
    rows, columns, s = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if search.given_up.any():
        kept = ~search.given_up[rows]
        rows, columns, s = rows[kept], columns[kept], s[kept]
    block = (rows // BLOCK_ROWS).astype(np.uint16)
    by_block = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block, minlength=len(blocks)))

    def measure(i):
        pairs = by_block[ends[i - 1] if i else 0 : ends[i]]
        Q = X[order[blocks[i]]]
        _, square = proposals.queries(Q)
        local = rows[pairs] - blocks[i].start
        return proposals.measure(Q, square, local, columns[pairs], s[pairs])

    results = map_threads(measure, range(len(blocks)), n_threads)
    return [np.concatenate(parts) for parts in zip(*results, strict=True)]


class _Pairs:
    """Pairs of rows that are within the bound of the first.

    Parameters
    ----------
    proposals : Proposals
        The rows.
    blocks : list of slice
        Of the rows in the order of the products.
    bounds : ndarray of shape (n_samples,)
        Of the rows.
    """

    def __init__(self, proposals, blocks, bounds):
        self.proposals, self.blocks, self.bounds = proposals, blocks, bounds
        self.counts = np.zeros(len(bounds))
        self.given_up = np.zeros(len(bounds), bool)

    def of_block(self, i):
        """Pairs of which one row is in a block, and none in a block before."""
        rows, found = self.blocks[i], []
        left, _ = self.proposals.queries(self.proposals.X[self.proposals.order[rows]])

        def keep(first, offsets, second, other_offsets, s):
            pairs = first.start + offsets, second.start + other_offsets
            found.append((*(side.astype(np.int32) for side in pairs), s))
            self._count(first, offsets)

        tile = left @ self.proposals.columns[rows].T
        r, c, s = pairs_up_to(self.bounds[rows, None], tile)
        keep(rows, r, rows, c, s)
        for start, tile in self.proposals.tiles(left, rows.stop):
            columns = slice(start, start + tile.shape[1])
            r, c, s = pairs_up_to(self.bounds[rows, None], tile)
            keep(rows, r, columns, c, s)
            r, c, s = pairs_up_to(self.bounds[columns], tile)
            keep(columns, c, rows, r, s)
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _count(self, rows, offsets):
        """Count the pairs of each row; where a block has too many, give up some."""
        self.counts[rows] += np.bincount(offsets, minlength=rows.stop - rows.start)
        most = self.proposals.most_below
        many = rows.start + np.flatnonzero(self.counts[rows] > most)
        if len(many):
            starts = [block.start for block in self.blocks]
            in_block = np.add.reduceat(self.counts, starts)[many // BLOCK_ROWS]
            many = many[in_block > BLOCK_ROWS * most]
            self.given_up[many] = True
            self.bounds[many] = -np.inf
