"""Files of fitted estimators that hold numbers and settings, and run no code.

One safetensors file: the weights and the arrays among the fitted attributes are its
tensors; all else is JSON in its metadata.
"""

import contextlib
import copy
import hashlib
import json
import math
import numbers
import os

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
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
from sklatent.neural.training._files import write_atomically
from sklatent.utils._warnings import warn

FORMAT = "sklatent neural 1"

# Attributes that are of no use to the next process.
UNSAVED = {"_training_state_", "_skl_callbacks"}


def encode(value):
    """Return what JSON can hold of a value, or raise TypeError.

    Tuples, arrays and dicts become a dict with the kind as its one key.
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
    if kind == "dict" and isinstance(content, dict):
        return {name: decode(item) for name, item in content.items()}
    if isinstance(content, list):
        if kind == "tuple":
            return tuple(decode(item) for item in content)
        if kind == "slice" and len(content) == 3:
            return slice(*content)
        if kind == "array" and len(content) == 2:
            return decode_array(*content)
    raise ValueError(f"its metadata hold {brief(value)}, which is no plain data.")


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
                f"save writes plain data alone, which {name}={value!r} is not. Pickle "
                f"the estimator, or fit it with {name} as plain data."
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
        raise ValueError(f"{path!r} cannot be loaded: {error}") from error


def with_subclasses(cls):
    """Return a class and all that inherit from it, by name."""
    classes = {cls.__name__: cls}
    for subclass in cls.__subclasses__():
        classes |= with_subclasses(subclass)
    return classes


class SavingMixin:
    """`save` and `load`, without pickle.

    Estimators have `_architecture()`, plain data that parameters and fitted attributes
    determine, `_make_module(architecture, generator)`, which builds the networks, and
    `_network_attributes(module)`, the fitted attributes that are made of these.
    """

    def save(self, path):
        """Write the fitted estimator to a file, without pickle.

        It is a safetensors file, with weights and arrays as tensors and all else as
        JSON in its metadata: opening it runs no code, whoever it comes from. What
        `partial_fit` keeps of the optimizer is left out, and so is `checkpoint_path`,
        as no file should decide where a later `fit` writes.

        Parameters
        ----------
        path : path-like
            The file, replaced if it is there.

        Raises
        ------
        ValueError
            If a parameter is no plain data, such as a callable, a class, an estimator
            or a generator of random numbers; or if one has changed since the fit, so
            that it describes other networks; or if `n_importance_samples` is above
            100,000, which no file may ask for.
        OSError
            If the file cannot be written. One that was there is then as it was.

        See Also
        --------
        load : Read what was written.

        Examples
        --------
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from sklatent.neural import AETransformer
        >>> X = np.random.RandomState(0).standard_normal((20, 3))
        >>> ae = AETransformer(hidden_layer_sizes=(4,), max_epochs=1).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "ae.safetensors"
        ...     ae.save(path)
        ...     print([file.name for file in pathlib.Path(folder).iterdir()])
        ['ae.safetensors']

        What would need code to be built again is refused:

        >>> ae.set_params(random_state=np.random.RandomState(0)).save("ae.safetensors")
        Traceback (most recent call last):
            ...
        ValueError: save writes plain data alone, which random_state=... is not. ...
        """
        check_is_fitted(self)
        module = self.net_.module_
        self._check_same_networks(self._random_networks())
        made_again = self._network_attributes(copy.deepcopy(module)).keys()
        parameters = self.get_params(deep=False) | {"checkpoint_path": None}
        attributes = {
            name: value
            for name, value in vars(self).items()
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
            "class": type(self).__name__,
            "dtype": str(next(module.parameters()).dtype).removeprefix("torch."),
            "parameters": encode_all(parameters),
            "attributes": encode_all(attributes),
            "arrays": {name: array.shape for name, array in arrays.items()},
        }
        check_parameters(parameters, self._parameter_constraints)
        tensors = {
            # Copies, as weights that are tied share memory.
            **{
                f"module.{n}": tensor.clone()
                for n, tensor in module.state_dict().items()
            },
            **{f"array.{name}": torch.tensor(array) for name, array in arrays.items()},
        }
        metadata = {
            "sklatent": json.dumps(settings, sort_keys=True),
            "digest": digest_of(settings, tensors),
        }
        write_atomically(path, save(tensors, metadata=metadata))

    @classmethod
    def load(cls, path):
        """Read an estimator that `save` has written.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        estimator : object
            The fitted estimator, of the class or a subclass of the class that `load` is
            called on. Its results are those of the one that was saved, to the bit.

        Raises
        ------
        ValueError
            If the file is damaged, is of another format or class, lacks anything, or
            has anything that `save` does not write. Each entry is checked before it is
            used, and the sizes of networks before these are made.
        OSError
            If the file cannot be read.

        Warns
        -----
        InconsistentVersionWarning
            If another version of sklatent has written the file.

        See Also
        --------
        save : Write the file.

        Examples
        --------
        >>> import pathlib
        >>> import tempfile
        >>> import numpy as np
        >>> from sklatent.neural import VAETransformer
        >>> X = np.random.RandomState(0).standard_normal((20, 3))
        >>> vae = VAETransformer(hidden_layer_sizes=(4,), max_epochs=1).fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "vae.safetensors"
        ...     vae.save(path)
        ...     same = VAETransformer.load(path)
        >>> bool((same.score_samples(X) == vae.score_samples(X)).all())
        True
        """
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
            estimator._set_settings(settings, dict(tensors))
            with np.errstate(all="ignore"):
                estimator._set_networks(settings["dtype"], tensors)
            if digest != digest_of(settings, tensors):
                raise ValueError("its numbers are not those that `save` wrote.")
        if settings["version"] != __version__:
            warn(
                f"This {name} was saved by sklatent {settings['version']} and is "
                f"loaded by {__version__}; fit it again if its results matter.",
                InconsistentVersionWarning,
            )
        return estimator

    def _set_settings(self, settings, tensors):
        """Take parameters and plain attributes from a file."""
        parameters = {n: decode(value) for n, value in settings["parameters"].items()}
        check_names("parameters", parameters, self._get_param_names())
        self.__init__(**parameters)
        self._validate_params()
        check_parameters(parameters, self._parameter_constraints)

        attributes = {n: decode(value) for n, value in settings["attributes"].items()}
        for name, shape in settings["arrays"].items():
            tensor = tensors.get(f"array.{name}")
            check_tensor(f"array.{name}", tensor, shape, torch.float64)
            attributes[name] = tensor.numpy()
        check_attributes(attributes, self._attribute_schema)
        check_size(self, attributes, tensors)
        vars(self).update(attributes)

    def _set_networks(self, dtype, tensors):
        """Build the networks and give them the weights of a file."""
        if dtype not in ("float32", "float64"):
            raise ValueError(f"its weights have an unknown dtype {dtype!r}.")
        dtype = getattr(torch, dtype)
        weights = {n: t for n, t in tensors.items() if not n.startswith("array.")}
        # Without memory for their entries, networks of any size can be compared.
        with torch.device("meta"):
            try:
                networks = self._random_networks().to(dtype)
            except (RuntimeError, TypeError) as error:  # sizes that overflow
                raise ValueError(
                    f"its parameters describe no networks: {error}."
                ) from error
            check_weights(weights, networks)
        module = self._random_networks().to(dtype)
        check_numbers(weights, module)
        module.load_state_dict(
            {name.removeprefix("module."): tensor for name, tensor in weights.items()}
        )
        vars(self).update(self._network_attributes(module.eval()))

    def _random_networks(self):
        return self._make_module(self._architecture(), torch.Generator())
