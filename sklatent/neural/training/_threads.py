"""Threads of a training: one, where steps are too small to be shared."""

import contextlib
import threading

import torch

from sklatent.neural.networks._user_networks import UserNetwork

# Multiplications of a batch in the networks below which one thread takes the steps. It
# does so many in a few milliseconds, split into dozens of operations. After each of
# them threads wait for one another: where another program has one of the cores, that
# takes ten times as long as the work.
SMALL_STEP = 2**26


class _SingleTorchThread:
    """Context in which PyTorch computes in the thread that asks.

    The number belongs to each thread, but new threads take the last one that was set.
    So all that are inside leave with the number that the first found.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.inside = 0
        self.found = None

    def __enter__(self):
        with self.lock:
            # Asked in each thread, which would take the number of others later else.
            found = torch.get_num_threads()
            if self.inside == 0:
                self.found = found
            self.inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *exception):
        with self.lock:
            self.inside -= 1
            torch.set_num_threads(self.found)


_single_torch_thread = _SingleTorchThread()


def training_threads(module, n_rows, n_features):
    """Return the context in which a module is trained with batches of `n_rows`.

    Networks of the user may apply a weight any number of times; they keep the threads
    that PyTorch is set to.
    """
    if any(isinstance(part, UserNetwork) for part in module.modules()):
        return contextlib.nullcontext()
    # A kernel is applied at each pixel, and there are no more than features.
    sizes = (w.numel() * (n_features if w.ndim > 2 else 1) for w in module.parameters())
    small = n_rows * sum(sizes) < SMALL_STEP
    return _single_torch_thread if small else contextlib.nullcontext()
