"""Fitted networks as plain data, and back.

The spec, which is plain data, says how networks are built; the arrays of their weights
are all else that they are. Pickles, files of `save` and skops hold these two.
"""

import dataclasses
import warnings

import numpy as np
import torch

from sklatent.neural._schema import (
    check_attributes,
    check_numbers,
    check_parameters,
    check_size,
    check_weights,
)

# Made of the networks, by `_network_attributes`.
MADE_AGAIN = ("net_", "encoder_")


def without_networks(state):
    """Return a state with weights as arrays in place of networks, if these are ours.

    Networks of the user stay, as only Python knows what they are.
    """
    if "net_" not in state or not is_plain(state["_spec"]):
        return state
    weights = state["net_"].module_.state_dict()
    state = {name: value for name, value in state.items() if name not in MADE_AGAIN}
    state["_networks"] = {name: tensor.numpy() for name, tensor in weights.items()}
    return state


def is_plain(value):
    """Tell whether a spec holds no network, likelihood or prior of the user."""
    if isinstance(value, tuple):
        return all(map(is_plain, value))
    if dataclasses.is_dataclass(value):
        return all(is_plain(getattr(value, f.name)) for f in dataclasses.fields(value))
    return not (callable(value) or isinstance(value, torch.nn.Module))


def rebuilt(estimator, weights):
    """Return the attributes that are made of networks, of arrays of their weights."""
    module = estimator._spec.build(torch.Generator()).to(precision(weights))
    module.load_state_dict(as_tensors(weights))
    return estimator._network_attributes(module.eval())


def precision(weights):
    """Return the type of the weights."""
    found = {w.dtype.name for w in weights.values() if w.dtype.kind == "f"}
    for name in ("float64", "float32"):
        if name in found:
            return getattr(torch, name)
    raise ValueError(f"its weights are {sorted(found)}, and not float32 or float64.")


def as_tensors(weights):
    """Return arrays as tensors, whose memory is that of the arrays."""
    with warnings.catch_warnings():
        # Arrays may be read-only, and are copied from only.
        warnings.simplefilter("ignore", UserWarning)
        return {name: torch.from_numpy(w) for name, w in weights.items()}


def check_state(estimator, state):
    """Raise if a file, which may be hostile, holds what `fit` does not lead to.

    The estimator has no attributes yet; sizes are checked before anything is built.
    """
    names = estimator._get_param_names()
    parameters = {name: state[name] for name in names}
    attributes = {n: v for n, v in state.items() if n not in parameters}
    type(estimator)(**parameters)._validate_params()
    check_parameters(parameters, estimator._parameter_constraints)
    if attributes.keys() <= {"_sklearn_output_config"}:
        return  # not fitted
    weights = attributes.pop("_networks", None)
    if not isinstance(weights, dict) or not all(
        isinstance(w, np.ndarray) for w in weights.values()
    ):
        raise ValueError("its attribute _networks should be a dict of arrays.")
    check_attributes(attributes, estimator._attribute_schema)
    tensors = as_tensors(weights)
    check_size(attributes["_spec"], tensors)
    made = type(estimator)(**parameters)
    vars(made).update(attributes)
    made._check_same_networks()
    # Without memory for their entries, networks of any size can be compared.
    with torch.device("meta"):
        try:
            networks = made._spec.build(torch.Generator()).to(precision(weights))
        except (RuntimeError, TypeError) as error:  # sizes that overflow
            raise ValueError(f"its spec describes no networks: {error}.") from error
        check_weights(tensors, networks)
    with np.errstate(all="ignore"):
        check_numbers(tensors, made._spec.build(torch.Generator()))
