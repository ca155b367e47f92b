"""Networks that the user brings: modules, or functions that make them.

Such modules know of no generator but PyTorch's global ones. Where theirs is the turn,
these are seeded from ours, and put back as they were afterwards.
"""

import contextlib
import copy
import threading

import torch
from torch import nn

# The global generators serve one thread at a time.
_GLOBAL_GENERATORS = threading.Lock()


@contextlib.contextmanager
def seeded_by(generator):
    """Seed PyTorch's global generators from one of ours; restore them afterwards."""
    device = generator.device
    seed = torch.randint(2**31, (), generator=generator, device=device).item()
    globals_ = [torch.default_generator]
    if device.type == "cuda":
        globals_.append(torch.cuda.default_generators[device.index or 0])
    with _GLOBAL_GENERATORS:
        states = [each.get_state() for each in globals_]
        try:
            for each in globals_:
                each.manual_seed(seed)
            yield
        finally:
            for each, state in zip(globals_, states, strict=True):
                each.set_state(state)


class UserNetwork(nn.Module):
    """A module of the user's, which sees rows, (n, n_in), and no other dimensions.

    What is random in it draws in training from `generator`, so that the same seed gives
    the same bits, in threads too. The generator belongs to one training: copies and
    pickles are made without it, and then draw from PyTorch's global one.
    """

    generator = None

    def __init__(self, network):
        super().__init__()
        self.network = network

    def __getstate__(self):
        return {**super().__getstate__(), "generator": None}

    def forward(self, x):
        """(..., n_out)."""
        draws = self.training and self.generator is not None
        with seeded_by(self.generator) if draws else contextlib.nullcontext():
            rows = self.network(x.flatten(0, -2))
        return rows.unflatten(0, x.shape[:-1])


def user_network(name, given, n_in, n_out, generator):
    """Return a copy of a user's module, or of what a user's function makes.

    Parameters
    ----------
    name : {"encoder", "decoder"}
        The estimator's parameter, for errors.
    given : torch.nn.Module or callable
        Its value; a callable takes n_in and n_out.
    n_in, n_out : int
        What the module has to take and to return.
    generator : torch.Generator
        Draws what the callable draws.

    Raises
    ------
    TypeError
        If no module is made.
    ValueError
        If the module does not take (2, n_in) to (2, n_out).
    """
    with seeded_by(generator):
        made = given if isinstance(given, nn.Module) else given(n_in, n_out)
        if not isinstance(made, nn.Module):
            raise TypeError(
                f"`{name}` must return a torch.nn.Module for ({n_in}, {n_out}); got "
                f"{made!r}."
            )
        # Training changes it, and the parameters of an estimator are the user's.
        network = copy.deepcopy(made)
        check_shapes(name, network, n_in, n_out)
    return UserNetwork(network)


@torch.no_grad()
def check_shapes(name, network, n_in, n_out):
    """Raise unless a network takes (2, n_in) to (2, n_out)."""
    dtype = next((p.dtype for p in network.parameters()), torch.float32)
    expected = f"`{name}` must map shape (2, {n_in}) to (2, {n_out})"
    try:
        # Two rows, as layers that normalize over rows take no single one.
        got = network.eval()(torch.zeros(2, n_in, dtype=dtype))
    except Exception as error:
        raise ValueError(f"{expected}; it raised {error!r}.") from error
    shape = tuple(got.shape) if torch.is_tensor(got) else type(got)
    if shape != (2, n_out):
        raise ValueError(f"{expected}; got {shape}.")
