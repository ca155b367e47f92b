"""Files of fitted estimators that hold numbers and settings, and run no code.

One safetensors file: the weights and the arrays among the fitted attributes are its
tensors; all else is JSON in its metadata.
"""

import contextlib
import copy
import dataclasses
import hashlib
import json
import math
import numbers
import os

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from sklearn.utils.validation import check_is_fitted

from sklatent._version import __version__
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.neural._schema import (
    brief,
    check_attributes,
    check_names,
    check_numbers,
    check_parameters,
    check_sections,
    check_size,
    check_tensor,
    check_weights,
)
from sklatent.neural.networks._autoencoder import AutoencoderSpec
from sklatent.neural.networks._spec import NetworkSpec
from sklatent.neural.training._files import write_atomically
from sklatent.neural.vae._spec import ColumnsSpec, VAESpec
from sklatent.utils._normal_scores import NormalScores
from sklatent.utils._warnings import warn

FORMAT = "sklatent neural 2"

# Plain data that is not JSON's own, by name.
SPECS = {
    cls.__name__: cls
    for cls in (NetworkSpec, AutoencoderSpec, ColumnsSpec, VAESpec, NormalScores)
}

# Attributes that are of no use to the next process.
UNSAVED = {"_training_state_", "_skl_callbacks"}


def encode(value):
    """Return what JSON can hold of a value, or raise TypeError.

    Tuples, arrays, dicts and specs become a dict with the kind as its one key.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, slice):
        return {"slice": [encode(v) for v in (value.start, value.stop, value.step)]}
    if isinstance(value, np.ndarray):
        return {"array": [value.dtype.str, encode(value.tolist())]}
    if type(value).__name__ in SPECS:
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {type(value).__name__: encode_all(fields)}
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {"dict": {name: encode(item) for name, item in value.items()}}
    raise TypeError(f"{type(value).__name__} is not plain data")


def decode(value):
    """Return the value that `encode` was given, or raise ValueError."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items())) if len(value) == 1 else (None, None)
    if isinstance(content, dict) and kind in ("dict", *SPECS):
        values = {name: decode(item) for name, item in content.items()}
        return values if kind == "dict" else make_spec(SPECS[kind], values)
    if isinstance(content, list):
        if kind == "tuple":
            return tuple(decode(item) for item in content)
        if kind == "slice" and len(content) == 3:
            return slice(*content)
        if kind == "array" and len(content) == 2:
            return decode_array(*content)
    raise ValueError(f"its metadata hold {brief(value)}, which is no plain data.")


def make_spec(cls, values):
    """Return a spec of values, which are checked later; its fields have to be there."""
    check_names(cls.__name__, values, [field.name for field in dataclasses.fields(cls)])
    return cls(**values)


def decode_array(dtype, content):
    """Return an array of numbers or strings."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        # A dtype may ask for strings of any length; NumPy finds the one that they have.
        kind = np.dtype(dtype).kind
        if kind in "biufUO":
            return np.array(decode(content), dtype=str if kind == "U" else dtype)
    raise ValueError(f"its metadata hold no array of {brief(dtype)}: {brief(content)}.")


def encode_all(values):
    """Return a dict of plain data for JSON, or name what cannot be one."""
    encoded = {}
    for name, value in values.items():
        try:
            encoded[name] = encode(value)
        except TypeError:
            raise ValueError(
                f"{name} must be plain data to be saved; got {value!r}. Pickle the "
                f"estimator, or fit it with {name} as plain data."
            ) from None
    return encoded


def read(path):
    """Return the settings, the tensors and the digest of a file."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            settings = json.loads(
                metadata.get("sklatent", "{}"),
                parse_float=finite,
                parse_constant=finite,
            )
            # Copies, as these are views of a file that may change.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except OSError:
        raise
    except Exception as error:  # of what is wrong there are many kinds
        raise ValueError(f"it is no file of `save`, or is damaged: {error}.") from error
    found = settings.get("format") if isinstance(settings, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"it has the format {brief(found)}; this version of sklatent reads "
            f"{FORMAT!r} only."
        )
    check_sections(settings)
    return settings, tensors, metadata.get("digest")


def finite(text):
    """Return a number of JSON, which may not be NaN or infinite."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"its metadata hold the number {text}")
    return value


def digest_of(settings, tensors):
    """Digest of all that a file holds."""
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@contextlib.contextmanager
def blamed_on(path):
    """Raise ValueError that names the file, whatever it does to the body."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"path={path!r} cannot be loaded: {error}") from error


def with_subclasses(cls):
    """Return a class and all that inherit from it, by name."""
    classes = {cls.__name__: cls}
    for subclass in cls.__subclasses__():
        classes |= with_subclasses(subclass)
    return classes


def save(estimator, path):
    """Write a fitted estimator to a file."""
    check_is_fitted(estimator)
    estimator._check_same_networks()
    module = estimator.net_.module_
    made_again = estimator._network_attributes(copy.deepcopy(module)).keys()
    parameters = estimator.get_params(deep=False) | {"checkpoint_path": None}
    attributes = {
        name: value
        for name, value in vars(estimator).items()
        if name not in parameters.keys() | made_again | UNSAVED
    }
    arrays = {
        name: attributes.pop(name)
        for name, value in list(attributes.items())
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    }
    settings = {
        "format": FORMAT,
        "version": __version__,
        "class": type(estimator).__name__,
        "dtype": str(next(module.parameters()).dtype).removeprefix("torch."),
        "parameters": encode_all(parameters),
        "attributes": encode_all(attributes),
        "arrays": {name: array.shape for name, array in arrays.items()},
    }
    check_parameters(parameters, estimator._parameter_constraints)
    tensors = {
        # Copies, as weights that are tied share memory.
        **{f"module.{n}": tensor.clone() for n, tensor in module.state_dict().items()},
        **{f"array.{name}": torch.tensor(array) for name, array in arrays.items()},
    }
    metadata = {
        "sklatent": json.dumps(settings, sort_keys=True),
        "digest": digest_of(settings, tensors),
    }
    write_atomically(path, to_bytes(tensors, metadata=metadata))


def load(cls, path):
    """Read an estimator of a class, or a subclass of it, from a file."""
    path = os.fspath(path)
    with blamed_on(path):
        settings, tensors, digest = read(path)
        classes, name = with_subclasses(cls), settings["class"]
        if name not in classes:
            raise ValueError(
                f"it holds an estimator of class {name}, which {cls.__name__}.load "
                "does not read."
            )
        estimator = classes[name].__new__(classes[name])
        set_settings(estimator, settings, tensors)
        # Numbers of a hostile file may overflow before the digest tells.
        with np.errstate(all="ignore"):
            set_networks(estimator, settings["dtype"], tensors)
        if digest != digest_of(settings, tensors):
            raise ValueError("its numbers are not those that `save` wrote.")
    if settings["version"] != __version__:
        warn(
            f"This {name} was saved by sklatent {settings['version']} and is "
            f"loaded by {__version__}; fit it again if its results matter.",
            InconsistentVersionWarning,
        )
    return estimator


def set_settings(estimator, settings, tensors):
    """Give an estimator the parameters and the plain attributes of a file."""
    parameters = {n: decode(value) for n, value in settings["parameters"].items()}
    check_names("parameters", parameters, estimator._get_param_names())
    estimator.__init__(**parameters)
    estimator._validate_params()
    check_parameters(parameters, estimator._parameter_constraints)

    attributes = {n: decode(value) for n, value in settings["attributes"].items()}
    for name, shape in settings["arrays"].items():
        tensor = tensors.get(f"array.{name}")
        check_tensor(f"array.{name}", tensor, shape, torch.float64)
        attributes[name] = tensor.numpy()
    check_attributes(attributes, estimator._attribute_schema)
    # Before anything is built of it, since building may take all memory.
    check_size(attributes["_spec"], tensors)
    vars(estimator).update(attributes)
    estimator._check_same_networks()


def set_networks(estimator, dtype, tensors):
    """Build the networks of an estimator and give them the weights of a file."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f"its weights have an unknown dtype {dtype!r}.")
    dtype = getattr(torch, dtype)
    weights = {n: t for n, t in tensors.items() if not n.startswith("array.")}

    def build():
        return estimator._spec.build(torch.Generator()).to(dtype)

    # Without memory for their entries, networks of any size can be compared.
    with torch.device("meta"):
        try:
            networks = build()
        except (RuntimeError, TypeError) as error:  # sizes that overflow
            raise ValueError(f"its spec describes no networks: {error}.") from error
        check_weights(weights, networks)
    module = build()
    check_numbers(weights, module)
    module.load_state_dict(
        {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    )
    vars(estimator).update(estimator._network_attributes(module.eval()))
