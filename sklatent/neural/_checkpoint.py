"""Checkpoints: the state of a training in a file, from which it goes on."""

import hashlib
import io
import os

import numpy as np
import torch

from sklatent._version import __version__
from sklatent.neural._files import write_atomically
from sklatent.neural._standardization import BLOCK_ROWS
from sklatent.utils._blocks import row_slices

FORMAT = "sklatent checkpoint 1"


def checksum(X):
    """Digest of the numbers of an array, read in blocks of rows."""
    digest = hashlib.blake2b(digest_size=16)
    for rows in row_slices(len(X), BLOCK_ROWS):
        digest.update(np.ascontiguousarray(X[rows]))
    return digest.hexdigest()


def weights_checksum(module):
    """Digest of the parameters and buffers of a module."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()))
    return digest.hexdigest()


def pack(state):
    """Return tensors and plain data as bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def unpack(content):
    """Return what was packed, on the CPU, running no code."""
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


class Checkpoint:
    """A file with the state of a training, and what tells trainings apart.

    Parameters
    ----------
    path : path-like
        The file.
    fingerprint : dict of str
        What has to be the same for a training to go on, by name.
    """

    def __init__(self, path, fingerprint):
        self.path = os.fspath(path)
        self.fingerprint = {"version of sklatent": __version__, **fingerprint}

    def read(self, max_epochs):
        """Return seeds and state, or None if there is no file.

        Parameters
        ----------
        max_epochs : int
            How many epochs the training may have.

        Raises
        ------
        ValueError
            If the file is damaged, or that of another training.
        """
        if not os.path.exists(self.path):
            return None
        try:
            with open(self.path, "rb") as file:
                content = unpack(file.read())
            if content["format"] != FORMAT:
                raise ValueError(content["format"])
            fingerprint, seeds = content["fingerprint"], content["seeds"]
            state = content["state"]
        except Exception as error:  # PyTorch raises what its unpickler happens to
            raise ValueError(
                f"{self.path!r} is not a checkpoint of this version, or is damaged "
                f"({type(error).__name__}). {self._advice()}"
            ) from error
        others = {
            name: (fingerprint.get(name), self.fingerprint.get(name))
            for name in sorted(self.fingerprint.keys() | fingerprint.keys())
            if fingerprint.get(name) != self.fingerprint.get(name)
        }
        if others:
            differences = "; ".join(
                f"{name}: {there} there, {here} here"
                for name, (there, here) in others.items()
            )
            raise ValueError(
                f"{self.path!r} is the checkpoint of another training ({differences}). "
                f"{self._advice()}"
            )
        n_epochs = len(state["losses"]["train_loss"])
        if n_epochs > max_epochs:
            raise ValueError(
                f"{self.path!r} has {n_epochs} epochs, and max_epochs={max_epochs}. "
                f"{self._advice()}"
            )
        return seeds, state

    def _advice(self):
        return "Delete it to start anew, or give another checkpoint_path."

    def write(self, seeds, state):
        """Replace the file."""
        content = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "seeds": seeds,
            "state": state,
        }
        write_atomically(self.path, pack(content))
