"""Rows as networks see them: standardized, on the device, block by block.

Units are found without losing digits to a large mean or an extreme scale. A source of
rows has `len`, `shape`, `dtype` and `device`, and is indexed by a slice or a tensor of
row numbers. The usual one is a tensor that holds all rows. Where memory is short for
that, `StreamedRows` computes the same numbers when they are asked for.
"""

import numpy as np
import torch

from sklatent.neural.training._lazy_rows import LazyRows

# A block of rows and its activations fit the cache.
BLOCK_ROWS = 2048
# Numbers of the batches to come that are read at a time.
READ_AHEAD = 2**20
# A GPU has to be kept busy: each block costs it the same few dozen calls.
GPU_BLOCK_ROWS = 32768


def row_blocks(X, size=BLOCK_ROWS):
    """Yield blocks of consecutive rows."""
    for start in range(0, len(X), size):
        yield X[start : start + size]


def batch_sizes(n_samples, batch_size):
    """Numbers of rows of the batches; a single last row joins those before.

    Of one row no layer can take a variance.
    """
    sizes = [batch_size] * (n_samples // batch_size)
    rest = n_samples - sum(sizes)
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def random_order(X, generator):
    """Numbers of the rows in random order, those of blocks that are held together."""
    order = torch.randperm(len(X), generator=generator, device=X.device)
    return X.by_block(order, generator) if isinstance(X, StreamedRows) else order


def batches_of(X, order, sizes):
    """Yield batches of rows in an order: slices of what is read in larger pieces."""
    n_ahead = 1
    if torch.is_tensor(X):
        n_ahead = max(1, READ_AHEAD // (sizes[0] * X[0].numel()))
    pieces = [sizes[i : i + n_ahead] for i in range(0, len(sizes), n_ahead)]
    for rows, piece in zip(order.split(list(map(sum, pieces))), pieces, strict=True):
        read = X.index_select(0, rows) if torch.is_tensor(X) else X[rows]
        yield from read.split(piece) if len(piece) > 1 else [read]


def mean_and_scale(X):
    """Mean and standard deviation of each feature, in double precision.

    A feature that is constant, or that varies by no more than rounding, has no
    scale of its own and is given the median of the other features' scales: then
    multiplying a table by a number changes nothing in standardized units. What it is
    comes back as `constant`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The data, read block by block; NaN where missing.

    Returns
    -------
    mean, scale : ndarray of shape (n_features,)
        Of what is observed, in units of the data; every scale is positive.
    constant : ndarray of shape (n_features,)
        The value of each feature that is constant, NaN for the others.
    share : ndarray of shape (n_features,)
        Share of the rows in which each feature is observed.
    """
    n_features = X.shape[1]
    # Differences to an observed value are small where the mean is large, and exactly
    # zero where a feature is constant.
    origin = first_observed(X)
    total, peak, count = np.zeros((3, n_features))
    for block in row_blocks(X):
        difference = block - origin
        missing = np.isnan(difference)
        difference[missing] = 0
        total += difference.sum(axis=0)
        count += len(missing) - missing.sum(axis=0)
        np.maximum(peak, np.abs(difference).max(axis=0), out=peak)
    n_observed, count = count, np.maximum(count, 1)
    shift = total / count
    # Squares relative to the largest difference: 1e±200 neither overflows nor
    # vanishes.
    unit = np.where(peak > 0, peak, 1.0)
    squares = np.zeros(n_features)
    for block in row_blocks(X):
        deviation = (block - origin - shift) / unit
        squares += np.nansum(np.square(deviation), axis=0)
    mean = origin + shift
    scale = unit * np.sqrt(squares / count)
    varies = scale > np.finfo(X.dtype).eps * np.abs(mean)
    scale[~varies] = np.median(scale[varies]) if varies.any() else 1.0
    share = n_observed / max(len(X), 1)
    return mean, scale, np.where(varies, np.nan, mean), share


def still_constant(constant, X):
    """Values of the features that further rows leave constant, NaN for the others."""
    columns = np.flatnonzero(~np.isnan(constant))
    value = constant[columns]
    peak = np.zeros(len(columns))
    for block in row_blocks(X):
        difference = np.abs(block[:, columns] - value)
        peak = np.fmax(peak, np.fmax.reduce(difference, axis=0))
    kept = constant.copy()
    kept[columns[peak > np.finfo(X.dtype).eps * np.abs(value)]] = np.nan
    return kept


def share_observed(X):
    """Share of the entries of each feature that are not NaN."""
    missing = np.zeros(X.shape[1])
    for block in row_blocks(X):
        missing += np.isnan(block).sum(axis=0)
    return 1 - missing / len(X)


def first_observed(X):
    """First value of each feature that is not NaN, or else 0."""
    origin = np.full(X.shape[1], np.nan)
    # Most tables need the first block only.
    for block in row_blocks(X):
        left = np.flatnonzero(np.isnan(origin))
        if not len(left):
            break
        observed = ~np.isnan(block[:, left])
        first = block[observed.argmax(axis=0), left]
        origin[left] = np.where(observed.any(axis=0), first, np.nan)
    return np.nan_to_num(origin)


def standardize(X, mean, scale):
    """(X - mean) / scale, in the precision of X but with all digits of the mean.

    In single precision the mean is subtracted in two parts, so that data at 1e4
    keep what digits they have. Where single precision cannot hold the scale at all,
    everything is done in double.
    """
    dtype = X.dtype
    limits = np.finfo(dtype)
    if scale.min() < limits.tiny or scale.max() > limits.max:
        X = X.astype(np.float64)
    mean_high = mean.astype(X.dtype)
    mean_low = (mean - mean_high).astype(X.dtype)
    standardized = X - mean_high
    standardized -= mean_low
    standardized /= scale.astype(X.dtype)
    return standardized.astype(dtype, copy=False)


def undo_standardize(X, mean, scale, constant):
    """X scale + mean, or the value of a constant feature, in the precision of X."""
    undone = (X * scale + mean).astype(X.dtype, copy=False)
    columns = np.flatnonzero(~np.isnan(constant))
    undone[..., columns] = constant[columns]
    return undone


class StreamedRows:
    """Rows read from an array, or some of them, whenever they are asked for.

    Parameters
    ----------
    X : ndarray or LazyRows of shape (n_samples, n_features)
        The data, such as a memory map.
    units : callable
        Takes rows into the units of the networks.
    dtype : torch.dtype
        Precision of the rows.
    device : str
        Where they go.
    index : ndarray of int or None, default=None
        Numbers of the rows that make up the source; None for all.
    """

    def __init__(self, X, units, dtype, device, index=None):
        self.X = X
        self.units = units
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
        block = self.units(self.X[rows])
        return torch.from_numpy(block).to(self.device, self.dtype)

    def by_block(self, order, generator):
        """Return an order with the rows of blocks together that are held together."""
        if not isinstance(self.X, LazyRows):
            return order
        rows = order.cpu().numpy()
        rows = rows if self.index is None else self.index[rows]
        held = torch.from_numpy(self.X.together(rows, generator))
        return order[held.to(order.device).argsort(stable=True)]

    def subset(self, index):
        """Return the source of the rows with these numbers."""
        if isinstance(self.X, LazyRows):  # of which a pass is to read each block once
            index = np.sort(index)
        settings = {**vars(self), "index": index}
        return StreamedRows(**settings)


def row_source(X, units, dtype, device):
    """Return the source of the rows of an array, in memory if it fits there."""
    streamed = StreamedRows(X, units, dtype, device)
    if isinstance(X, LazyRows):
        return streamed
    # Half of what is free is for networks, activations and optimizer.
    n_bytes = X.size * dtype.itemsize
    if is_memory_mapped(X) or n_bytes > 0.5 * free_memory(streamed.device):
        return streamed
    data = torch.empty(X.shape, dtype=dtype)
    for into, block in zip(row_blocks(data), row_blocks(X), strict=True):
        into[:] = torch.from_numpy(units(block))
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


def block_size(network):
    """Return how many rows go through a network at once, where it is."""
    on_gpu = any(parameter.is_cuda for parameter in network.parameters())
    return GPU_BLOCK_ROWS if on_gpu else BLOCK_ROWS


@torch.inference_mode()
def map_rows(function, X, block_rows=BLOCK_ROWS):
    """Concatenate function(block) over blocks of rows, as NumPy arrays.

    Memory does not grow with the number of rows, and a block's activations stay
    in the cache. A tuple of tensors becomes a tuple of arrays.
    """
    parts = list(map(function, row_blocks(X, block_rows)))
    if not isinstance(parts[0], tuple):
        return torch.cat(parts).cpu().numpy()
    joined = map(torch.cat, zip(*parts, strict=True))
    return tuple(map(torch.Tensor.numpy, map(torch.Tensor.cpu, joined)))


def available_devices():
    """Names of the devices that PyTorch can compute on here."""
    return ["cpu", *map("cuda:{}".format, range(torch.cuda.device_count()))]


def resolve_device(device):
    """Return a device that is there; "auto" is the first GPU, or else the CPU."""
    devices = available_devices()
    if device == "auto":
        return "cuda:0" if "cuda:0" in devices else "cpu"
    if f"{device}:0" in devices:
        return f"{device}:0"
    if device not in devices:
        raise ValueError(
            f"device must be 'auto' or one of {devices}; got {device!r} instead. "
            f"{_why_not(device, devices)}"
        )
    return device


def _why_not(device, devices):
    """Say why a device is not there."""
    if not str(device).startswith("cuda"):
        return "The networks compute on CPUs and on GPUs with CUDA only."
    if not torch.backends.cuda.is_built():
        return f"This PyTorch, {torch.__version__}, was built without CUDA."
    if len(devices) == 1:
        return "PyTorch finds no GPU with CUDA; see nvidia-smi for its driver."
    return f"PyTorch finds {len(devices) - 1} GPUs with CUDA."
