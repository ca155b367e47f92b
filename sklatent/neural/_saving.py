"""Files of fitted estimators that hold numbers and settings, and run no code.

One safetensors file: the weights and the arrays among the fitted attributes are its
tensors; all else is JSON in its metadata.
"""

import copy
import json
import numbers
import os

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from sklearn.utils.validation import check_is_fitted

from sklatent._version import __version__
from sklatent.exceptions import InconsistentVersionWarning
from sklatent.neural._files import write_atomically
from sklatent.utils._warnings import warn

FORMAT = "sklatent neural 1"
SECTIONS = ("format", "version", "class", "dtype", "parameters", "attributes", "arrays")

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
    if isinstance(value, os.PathLike):
        return os.fspath(value)
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
    """Return the value that `encode` was given."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(decode(item) for item in content)
    if kind == "slice":
        return slice(*content)
    if kind == "array":
        return np.array(decode(content[1]), dtype=content[0])
    return {name: decode(item) for name, item in content.items()}


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
    """Return the settings and the tensors of a file, or raise ValueError."""
    try:
        with safe_open(path, framework="pt") as file:
            settings = json.loads((file.metadata() or {}).get("sklatent", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        message = f"{path!r} is no file of `save`, or is damaged: {error}."
        raise ValueError(message) from error
    if settings.get("format") != FORMAT:
        raise ValueError(
            f"{path!r} has the format {settings.get('format')!r}; this version of "
            f"sklatent reads {FORMAT!r} alone."
        )
    check_names("sections", settings, SECTIONS, path)
    return settings, tensors


def check_names(kind, names, expected, path):
    """Raise if names are missing or unknown."""
    missing, unknown = set(expected) - set(names), set(names) - set(expected)
    if missing or unknown:
        raise ValueError(
            f"{path!r} is not what this version of sklatent saves: of the {kind}, "
            f"{sorted(missing)} are missing and {sorted(unknown)} unknown."
        )


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
        `partial_fit` keeps of the optimizer is left out.

        Parameters
        ----------
        path : path-like
            The file, replaced if it is there.

        Raises
        ------
        ValueError
            If a parameter is no plain data, such as a callable, a class, an estimator
            or a generator of random numbers; or if one has changed since the fit, so
            that it describes other networks.
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
        parameters = self.get_params(deep=False)
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
        tensors = {
            # Copies, as weights that are tied share memory.
            **{
                f"module.{n}": tensor.clone()
                for n, tensor in module.state_dict().items()
            },
            **{f"array.{name}": torch.tensor(array) for name, array in arrays.items()},
        }
        text = json.dumps(settings, sort_keys=True)
        write_atomically(path, save(tensors, metadata={"sklatent": text}))

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
            If the file is damaged, is of another format or class, or lacks anything or
            has anything beyond what this version knows.
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
        settings, tensors = read(path)
        classes = with_subclasses(cls)
        name = settings["class"]
        if name not in classes:
            raise ValueError(
                f"{path!r} holds an estimator of class {name}, which "
                f"{cls.__name__}.load does not read."
            )
        if settings["version"] != __version__:
            warn(
                f"This {name} was saved by sklatent {settings['version']} and is "
                f"loaded by {__version__}; fit it again if its results matter.",
                InconsistentVersionWarning,
            )
        estimator = classes[name].__new__(classes[name])
        estimator._set_settings(settings, tensors, path)
        estimator._set_networks(settings["dtype"], tensors, path)
        return estimator

    def _set_settings(self, settings, tensors, path):
        """Take parameters and plain attributes from a file."""
        parameters = {n: decode(value) for n, value in settings["parameters"].items()}
        check_names("parameters", parameters, self._get_param_names(), path)
        self.__init__(**parameters)
        self._validate_params()

        attributes = {n: decode(value) for n, value in settings["attributes"].items()}
        for name, shape in settings["arrays"].items():
            check_tensor(tensors, f"array.{name}", shape, path)
            attributes[name] = tensors.pop(f"array.{name}").numpy()
        known = {n for n in attributes if n.startswith("_") or n.endswith("_")}
        needed = {"mean_", "scale_", "n_features_in_", "n_components_", "history_"}
        check_names("attributes", attributes, needed | known - set(dir(self)), path)
        for name in ("mean_", "scale_"):
            if attributes[name].shape != (attributes["n_features_in_"],):
                raise ValueError(
                    f"{path!r} has {name} of shape {attributes[name].shape} for "
                    f"{attributes['n_features_in_']} features."
                )
        vars(self).update(attributes)

    def _set_networks(self, dtype, tensors, path):
        """Build the networks and give them the weights of a file."""
        if dtype not in ("float32", "float64"):
            raise ValueError(f"{path!r} has weights of an unknown dtype {dtype!r}.")
        module = self._random_networks().to(getattr(torch, dtype))
        weights = {f"module.{name}": t for name, t in module.state_dict().items()}
        check_names("tensors", tensors, weights, path)
        for name, weight in weights.items():
            check_tensor(tensors, name, weight.shape, path)
        module.load_state_dict(
            {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
        )
        vars(self).update(self._network_attributes(module.eval()))

    def _random_networks(self):
        return self._make_module(self._architecture(), torch.Generator())


def check_tensor(tensors, name, shape, path):
    """Raise if a tensor is missing or has another shape."""
    found = tuple(tensors[name].shape) if name in tensors else "missing"
    if found != tuple(shape):
        raise ValueError(
            f"{path!r} should have a tensor {name} of shape {tuple(shape)}, which is "
            f"{found}."
        )
