"""Checkpoints: the state of each training in a file, from which it continues."""

import contextlib
import dataclasses
import hashlib
import io
import os
from numbers import Integral

import numpy as np
import torch

from sklatent._version import __version__
from sklatent.neural.training._rows import row_blocks
from sklatent.utils._files import only_writer, write_atomically

FORMAT = "sklatent checkpoint 3"

# Parameters that do not tell trainings apart. What the likelihood says of the columns
# is part of the spec.
FREE = {
    "callbacks",
    "checkpoint_path",
    "device",
    "likelihood",
    "n_importance_samples",
    "random_state",
    "verbose",
}


def fingerprint(estimator, spec, module, start, X):
    """Return what decides how a training turns out, by name.

    Parameters
    ----------
    estimator : estimator
        Its class and its parameters.
    spec : object
        How its networks are built.
    module : torch.nn.Module
        Such networks: of those that a user's function makes, the spec knows no more
        than the function's name.
    start : torch.nn.Module or None
        Networks that training starts from; None for random ones.
    X : ndarray of shape (n_samples, n_features)
        The rows.
    """
    parameters = {
        name: weights_checksum(value)
        if isinstance(value, torch.nn.Module)
        else repr(getattr(value, "__qualname__", value))
        for name, value in estimator.get_params(deep=False).items()
        if name not in FREE
    }
    if isinstance(estimator.random_state, Integral):
        parameters["random_state"] = repr(estimator.random_state)
    # Functions of the user have places in memory, which change; `layers` tells of them.
    plain = dataclasses.replace(spec.networks, encoder=None, decoder=None)
    return {
        **parameters,
        "class": type(estimator).__name__,
        "networks": repr(dataclasses.replace(spec, networks=plain)),
        "layers": f"{module} {[tuple(w.shape) for w in module.state_dict().values()]}",
        "first weights": "random" if start is None else weights_checksum(start),
        "data": f"{X.dtype}{X.shape} {checksum(X)}",
    }


def checksum(X):
    """Digest of the numbers of an array, read in blocks of rows."""
    digest = hashlib.blake2b(digest_size=16)
    for block in row_blocks(X):
        digest.update(np.ascontiguousarray(block))
    return digest.hexdigest()


def weights_checksum(module):
    """Digest of the parameters and buffers of a module."""
    digest = hashlib.blake2b(digest_size=16)
    # Names count too, as networks of other layers may hold the same numbers.
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()))
    return digest.hexdigest()


def pack(state):
    """Return tensors and plain data as bytes."""
    # Bytes rather than tensors: a copy of the estimator shares them, and no device
    # has to be there when it is unpickled.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def unpack(content):
    """Return what was packed, on the CPU, running no code."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


class Checkpoint:
    """The file in a folder that holds the state of one training.

    Its name is a digest of what tells trainings apart. So the trainings of a search can
    share a folder, and each finds its own state when the search is run again.

    Parameters
    ----------
    folder : path-like
        Where the file is; made if it is not there.
    fingerprint : dict of str
        What decides how a training turns out, by name.
    """

    def __init__(self, folder, fingerprint):
        self.fingerprint = {"version of sklatent": __version__, **fingerprint}
        text = repr(sorted(self.fingerprint.items()))
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f"{name}.checkpoint")

    def read(self):
        """Return seeds and state, or None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        if not os.path.exists(self.path):
            return None
        cause = None
        try:
            with open(self.path, "rb") as file:
                content = unpack(file.read())
            found = content["format"], content["fingerprint"]
            if found == (FORMAT, self.fingerprint):
                return content["seeds"], content["state"]
        except Exception as error:  # PyTorch raises what its unpickler happens to
            cause = error
        raise ValueError(
            "checkpoint_path must hold checkpoints as they were written; got "
            f"{self.path!r}, which is damaged or of another kind "
            f"({type(cause).__name__}). Delete it to start from the beginning."
        ) from cause

    def write(self, seeds, state):
        """Replace the file."""
        content = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "seeds": seeds,
            "state": state,
        }
        write_atomically(self.path, pack(content))


@contextlib.contextmanager
def open_checkpoint(folder, told_apart):
    """Give what a checkpoint holds, and what writes it; one run at a time has it."""
    checkpoint = Checkpoint(folder, told_apart)
    with only_writer(checkpoint.path):
        yield checkpoint.read(), checkpoint.write


def check_folder(path):
    """Raise unless a path can be that of a folder for checkpoints."""
    if os.fspath(path) == "" or os.path.isfile(path):
        raise ValueError(
            "checkpoint_path must be a folder, which is made if it is not there, or "
            f"None; got {os.fspath(path)!r}"
            f"{', which is a file' if os.fspath(path) else ''}."
        )
