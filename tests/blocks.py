"""Dask arrays of which it is known how often their blocks are read."""

import dask.array as da
import numpy as np


class CountedBlocks:
    """Rows in blocks that are counted as they are read.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    lengths : tuple of int
        Numbers of rows of the blocks.
    """

    def __init__(self, X, lengths):
        self.X, self.lengths, self.n_read = X, lengths, 0

    def read(self, block_info=None):
        """Return the rows of a block."""
        self.n_read += 1
        (start, stop), _ = block_info[None]["array-location"]
        return self.X[start:stop]

    def array(self):
        """Return the rows as a lazy array."""
        return da.map_blocks(
            self.read,
            chunks=(self.lengths, (self.X.shape[1],)),
            dtype=self.X.dtype,
            meta=np.empty((0, 0), self.X.dtype),
        )
