"""Steps that are recorded once, and repeated in the same memory.

A step of small networks on a CPU is some eighty operations, most of which take less
time than what goes on around them: Python, the choice of a kernel, memory for the
result. For batches of one size the same calls return, with arguments in the same
places. So the first batch of a size is computed as ever, while a list is made of the
calls, each with the memory of its result as `out`. All others are copied to where the
first one was, and the list is gone through. No bit of a result differs.

That holds for code whose course does not depend on values. Whatever asks autograd for
help, and so every network of a user, is not repeated.
"""

import contextlib
from functools import partial
from operator import attrgetter

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from sklatent.neural.networks._gradients import hooks_of

# What has no part in the values of a step: memory, and properties of tensors.
SILENT = {"__get__", "__set__", "detach", "empty_like", "new_empty"}
# What a list of calls does not hold: autograd, and values that decide in Python.
LEAVES = {
    "requires_grad_",
    "item",
    "numpy",
    "tolist",
    "equal",
    "__bool__",
    "__float__",
    "__index__",
    "__int__",
    "__setitem__",
}
# NumPy's calls take a fraction of the time of PyTorch's. These round correctly in both.
EXACT = {
    "add": np.add,
    "mul": np.multiply,
    "neg": np.negative,
    "square": np.square,
    "sub": np.subtract,
}
# Numbers in an array above which PyTorch might take several threads.
FEW = 2**15


class Recording(TorchFunctionMode):
    """Context that writes down the calls made in it.

    Attributes
    ----------
    calls : list of callable
        Each repeats one of them, without arguments.
    complete : bool
        Whether they are all that there was to it.
    """

    def __init__(self):
        super().__init__()
        self.calls = []
        self.complete = True

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        name = function.__name__
        made = list(tensors_in((result,)))
        if name in LEAVES or any(tensor.grad_fn is not None for tensor in made):
            self.complete = False
        if self.complete and name not in SILENT:
            for tensor in made:
                self.calls += repeatable(function, args, kwargs, tensor)
        return result


def repeatable(function, args, kwargs, result):
    """Return a list of what makes a result in the same place again: none for a view."""
    given = list(tensors_in((args, tuple(kwargs.values()))))
    in_place = any(tensor is result for tensor in given)
    if not in_place and any(shares_memory(tensor, result) for tensor in given):
        return []
    name = function.__name__.strip("_")  # mul_ as mul, with the result as `out`
    if name in EXACT and not kwargs and are_small([*given, result]):
        return [partial(EXACT[name], *map(as_array, args), as_array(result))]
    if in_place:
        return [partial(function, *args, **kwargs)]
    into = partial(getattr(torch, name, function), *args, **kwargs, out=result)
    with contextlib.suppress(TypeError):  # of functions without such a parameter
        if into() is result:
            return [into]
    return [lambda: result.copy_(function(*args, **kwargs))]


def tensors_in(values):
    """Yield the tensors in nested tuples and lists."""
    for value in values:
        if torch.is_tensor(value):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_in(value)


def shares_memory(tensor, other):
    """Tell whether two tensors lie in the same storage."""
    return tensor.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def are_small(tensors):
    """Tell whether NumPy computes on tensors as PyTorch does, in one thread."""
    dtype = tensors[0].dtype
    return dtype.is_floating_point and all(
        tensor.dtype == dtype and tensor.numel() <= FEW for tensor in tensors
    )


def as_array(value):
    """View a tensor as an array; leave a number as it is."""
    return value.detach().numpy() if torch.is_tensor(value) else value


class RepeatedStep:
    """A function of a batch, which is recorded once for each size of a batch.

    Parameters
    ----------
    function : callable
        Takes a batch to a tensor, and may change others, which stay where they are.
    module : torch.nn.Module
        What it calls: which parameters are trained, and hooks, may change its course.
    """

    def __init__(self, function, module):
        self.function = function
        self.parameters = list(module.parameters())
        self.hooks = [hooks for part in module.modules() for hooks in hooks_of(part)]
        self.recorded = {}

    def __call__(self, batch):
        """Return function(batch)."""
        trained = map(attrgetter("requires_grad"), self.parameters)
        state = len(batch), any(self.hooks), *trained
        if state not in self.recorded:
            return self.record(batch, state)
        place, calls, result = self.recorded[state]
        if calls is None:
            return self.function(batch)
        # PyTorch says nothing of overflow either; the training looks at its losses.
        with torch.inference_mode(), np.errstate(all="ignore"):
            place.copy_(batch)
            for call in calls:
                call()
        return result.clone()

    def __getstate__(self):
        # A copy has other memory.
        return vars(self) | {"recorded": {}}

    def record(self, batch, state):
        """Compute a step, and keep its calls."""
        place = batch.clone()
        with Recording() as recording:
            result = self.function(place)
        calls = recording.calls if recording.complete else None
        self.recorded[state] = place, calls, result
        return result.clone()
