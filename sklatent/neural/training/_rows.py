"""Sources of rows for training: standardized, on the device.

A source has `len`, `shape`, `dtype` and `device`, and is indexed by a slice or a
tensor of row numbers. The usual one is a tensor that holds all rows. Where there is
no room for that, `StreamedRows` computes the same numbers when they are asked for.
"""

import numpy as np
import torch

from sklatent.neural.training._units import BLOCK_ROWS, standardize
from sklatent.utils._blocks import row_slices


class StreamedRows:
    """Rows read from an array, or some of them, whenever they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The data, such as a memory map.
    mean, scale : ndarray of shape (n_features,)
        For :func:`standardize`.
    dtype : torch.dtype
        Precision of the rows.
    device : str
        Where they go.
    index : ndarray of int or None, default=None
        Numbers of the rows that make up the source; None for all.
    """

    def __init__(self, X, mean, scale, dtype, device, index=None):
        self.X = X
        self.mean = mean
        self.scale = scale
        self.dtype = dtype
        self.device = torch.device(device)
        self.index = index

    @property
    def shape(self):
        """Numbers of rows and columns."""
        return torch.Size([len(self), self.X.shape[1]])

    def __len__(self):
        return len(self.X if self.index is None else self.index)

    def __getitem__(self, rows):
        if torch.is_tensor(rows):
            rows = rows.cpu().numpy()
        if self.index is not None:
            rows = self.index[rows]
        block = standardize(self.X[rows], self.mean, self.scale)
        return torch.from_numpy(block).to(self.device, self.dtype)

    def subset(self, index):
        """Return the source of the rows with these numbers."""
        settings = {**vars(self), "index": index}
        return StreamedRows(**settings)


def row_source(X, mean, scale, dtype, device):
    """Return the source of the rows of an array, resident if there is room for it."""
    streamed = StreamedRows(X, mean, scale, dtype, device)
    # Half of what is free is for networks, activations and optimizer.
    n_bytes = X.size * dtype.itemsize
    if is_memory_mapped(X) or n_bytes > 0.5 * free_memory(streamed.device):
        return streamed
    data = torch.empty(X.shape, dtype=dtype)
    for rows in row_slices(len(X), BLOCK_ROWS):
        block = standardize(X[rows], mean, scale)
        data[rows] = torch.from_numpy(block)
    return data.to(streamed.device)


def subset(source, index):
    """Return the source of those rows whose numbers are in an array."""
    if isinstance(source, StreamedRows):
        return source.subset(index)
    return source[torch.from_numpy(index).to(source.device)]


def is_memory_mapped(X):
    """Tell whether an array is a view of a file."""
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap):
            return True
        X = X.base
    return False


def free_memory(device):
    """Bytes that a device has free; the main memory holds X, and so the tensor too."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return float("inf")
