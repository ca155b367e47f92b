"""Rows of a Dask collection, of which a few blocks are in memory at a time.

An epoch sees the rows in random order, and yet reads each block once: blocks are taken
in random order, a few of them are in memory at a time, and their rows are shuffled.
"""

import numpy as np
import torch

from sklatent.utils._dask import Blocks, is_frame, with_whole_rows
from sklatent.utils._lazy import made_up_rows
from sklatent.utils._tables import read_rows

# Blocks whose rows are shuffled together. Twice as many are held, since a batch may
# have the last rows of some and the first of the next.
TOGETHER = 4


class LazyRows:
    """What training needs of an array: its shape, and some of its rows at a time.

    Parameters
    ----------
    estimator : estimator
        That reads the blocks.
    X : dask array or dask data frame of shape (n_samples, n_features)
        The rows. If the lengths of its blocks are not known, it is read for them.
    reset : bool, default=False
        True in `fit`.
    ensure_min_samples : int, default=1
        Smallest number of rows.
    """

    def __init__(self, estimator, X, *, reset=False, ensure_min_samples=1):
        import dask  # installed, as X is one of its collections

        X = with_whole_rows(X)
        self.estimator, self.source = estimator, Blocks(X)
        self.blocks = np.ravel(X.to_delayed()).tolist()
        if is_frame(X) or np.isnan(X.shape[0]):
            lengths = dask.compute([dask.delayed(len)(block) for block in self.blocks])
        else:
            lengths = X.chunks[0]
        self.ends = np.cumsum(lengths)
        like = read_rows(
            estimator,
            next(made_up_rows(X))[: self.ends[-1]],
            reset=reset,
            ensure_min_samples=ensure_min_samples,
        )
        self.dtype, self.shape = like.dtype, (int(self.ends[-1]), like.shape[1])
        self.held = {}

    def __len__(self):
        return self.shape[0]

    def warn_of_readings(self, n_epochs):
        """Warn that rows which are not in memory will be read in every epoch."""
        name = type(self.estimator).__name__
        self.source.warn_of_readings(f"up to {n_epochs} epochs of {name}")

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            f"{type(self.estimator).__name__} needs all rows in memory here; got a "
            "Dask collection. Give it X.compute(), or a sample of the rows."
        )

    def __getitem__(self, rows):
        if isinstance(rows, tuple):  # columns of all rows
            return np.asarray(self)[rows]
        if isinstance(rows, slice):
            rows = range(*rows.indices(len(self)))
        rows = np.asarray(rows)
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        block_of = self.block_of(rows)
        for i in np.unique(block_of):
            here = block_of == i
            block = self.block(i)
            found[here] = block[rows[here] - (self.ends[i] - len(block))]
        return found

    def block_of(self, rows):
        """Number of the block of each row."""
        return np.searchsorted(self.ends, rows, side="right")

    def block(self, i):
        """Rows of a block, which stay until others take their place."""
        if i not in self.held:
            if len(self.held) == 2 * TOGETHER:
                del self.held[next(iter(self.held))]
            block = read_rows(self.estimator, self.blocks[i].compute())
            n_before = self.ends[i] - (self.ends[i - 1] if i else 0)
            if len(block) != n_before:
                raise ValueError(
                    f"X must be the same rows whenever it is read; got a block of "
                    f"{len(block)} rows, which had {n_before} before. Give it "
                    "X.persist(), which is made once."
                )
            self.held[i] = block
        return self.held[i]

    def together(self, rows, generator):
        """Number of each row's blocks that are held together, of random ones."""
        device = generator.device
        place = torch.randperm(len(self.blocks), generator=generator, device=device)
        return place.cpu().numpy()[self.block_of(rows)] // TOGETHER
