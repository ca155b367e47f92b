"""Where networks compute, and networks that have been trained."""

import torch
from skorch import NeuralNet

from sklatent.neural.training._units import BLOCK_ROWS
from sklatent.utils._blocks import row_slices


def available_devices():
    """Names of the devices that PyTorch can compute on here."""
    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def resolve_device(device):
    """Return a device that is there; "auto" is the first GPU, or else the CPU."""
    devices = available_devices()
    if device == "auto":
        return "cuda:0" if "cuda:0" in devices else "cpu"
    if f"{device}:0" in devices:
        return f"{device}:0"
    if device not in devices:
        lacks = ""
        if device.startswith("cuda") and not torch.backends.cuda.is_built():
            lacks = f" This PyTorch, {torch.__version__}, was built without CUDA."
        raise ValueError(
            f"device must be 'auto' or one of {devices}; got {device!r} instead.{lacks}"
        )
    return device


@torch.inference_mode()
def map_rows(function, X, block_rows=BLOCK_ROWS):
    """Concatenate function(block) over blocks of rows, as NumPy arrays.

    Memory does not grow with the number of rows, and a block's activations stay
    in the cache. A tuple of tensors becomes a tuple of arrays.
    """
    parts = [function(X[rows]) for rows in row_slices(len(X), block_rows)]
    if isinstance(parts[0], tuple):
        return tuple(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
    return torch.cat(parts).cpu().numpy()


def prediction_net(module):
    """Return skorch's net for a trained module, on the CPU, without what trains it."""
    net = NeuralNet(
        module.cpu(), criterion=torch.nn.Module, callbacks="disable", verbose=0
    ).initialize()
    net.trim_for_prediction()
    # Under its second name the module would be pickled twice.
    net.module = None
    return net
