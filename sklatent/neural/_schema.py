"""What the entries of a file of a fitted estimator have to be.

The file may be damaged, or made to do harm. So each entry is checked before it is used,
and what says how large networks are before they are made.
"""

import math
import re

import numpy as np
import torch

from sklatent.neural.networks._autoencoder import AutoencoderSpec
from sklatent.neural.networks._embedding import EmbeddingSpec
from sklatent.neural.networks._spec import NetworkSpec
from sklatent.neural.vae._normal_scores import LAST_SCORE
from sklatent.neural.vae._spec import (
    EVERY_LIKELIHOOD,
    WITH_LEVELS,
    ColumnsSpec,
    VAESpec,
)
from sklatent.utils._normal_scores import NormalScores
from sklatent.utils.frames._schema import (
    DATE,
    DURATION,
    KINDS,
    NOMINAL,
    Column,
    TableSchema,
)
from sklatent.utils.persistence._words import brief, check_names

# Networks hold activations for each draw when a row is scored: 100 MB where layers
# have 128 units.
MAX_DRAWS = 10**5

# Buffers of which logarithms are taken, or by which something is divided.
POSITIVE_BUFFERS = {"initial", "recent", "value", "width"}


def check_parameters(parameters, constraints):
    """Raise where a parameter that is valid does harm when it comes from a file."""
    for name, value in parameters.items():
        # To Python True is an integer, to PyTorch it is no size.
        if isinstance(value, bool) and "boolean" not in constraints[name]:
            raise ValueError(f"its parameter {name} cannot be {value}.")
    n_draws = parameters.get("n_importance_samples", 1)
    if n_draws > MAX_DRAWS:
        raise ValueError(
            f"its parameter n_importance_samples cannot be above {MAX_DRAWS}; got "
            f"{brief(n_draws)}."
        )


def check_attributes(attributes, schema):
    """Raise unless fitted attributes are such as `fit` sets."""
    check_names("attributes", attributes, schema, OPTIONAL)
    for name in ("n_features_in_", "n_components_"):
        check_attribute(name, attributes[name], positive_integer(attributes[name]))
    for name, value in attributes.items():
        check_attribute(name, value, schema[name](value, attributes))


def check_attribute(name, value, valid):
    """Raise with the name and value of an attribute if it is not valid."""
    if not valid:
        raise ValueError(f"its attribute {name} cannot be {brief(value)}.")


def check_size(spec, tensors):
    """Raise if there would be more layers or levels than the file has tensors for.

    Each layer and part of a likelihood has tensors, so that there are no more of them.
    """
    columns = getattr(spec, "columns", ())
    n_parts = len(columns)
    for name in ("hidden_layer_sizes", "conv_channels"):
        n_parts += np.size(getattr(spec.networks, name) or ())
    n_levels = [
        max(map(len, part.levels)) * len(part.columns)
        for part in columns
        if part.levels is not None
    ]
    n_numbers = sum(tensor.numel() for tensor in tensors.values())
    if n_parts > len(tensors) + 2 or sum(n_levels) > n_numbers:
        raise ValueError(
            f"its {len(tensors)} tensors are too few for the networks that "
            "hidden_layer_sizes, conv_channels and likelihood describe."
        )


def check_weights(tensors, module):
    """Raise unless tensors are those of a module; compare names and shapes only."""
    weights = module.state_dict()
    check_names("tensors", tensors, {f"{name}" for name in weights})
    for name, weight in weights.items():
        tensor = tensors[f"{name}"]
        check_tensor(f"{name}", tensor, weight.shape, weight.dtype)


def check_numbers(tensors, module):
    """Raise if numbers are not finite that should be, or not positive."""
    for name, weight in module.state_dict().items():
        tensor = tensors[f"{name}"]
        # Levels that a column does not have are at -inf, in any module like this.
        if (
            not torch.equal(tensor.isfinite(), weight.isfinite())
            or tensor.isnan().any()
        ):
            raise ValueError(f"its entry _networks.{name} has NaN or infinite entries.")
        if name.rpartition(".")[2] in POSITIVE_BUFFERS and not (tensor > 0).all():
            raise ValueError(f"its entry _networks.{name} should be positive.")


def check_tensor(name, tensor, shape, dtype):
    """Raise unless a tensor is there and has this shape and dtype."""
    found = "missing" if tensor is None else (tuple(tensor.shape), tensor.dtype)
    if found != (tuple(shape), dtype):
        found = found if tensor is None else f"{found[0]} of {found[1]}"
        raise ValueError(
            f"it should have a tensor {name} of shape {tuple(shape)} of {dtype}, which "
            f"is {found}."
        )


def integer(value, low, high=math.inf):
    """Tell whether a value is an integer within bounds."""
    return type(value) is int and low <= value <= high


def positive_integer(value, attributes=None):
    """Tell whether a value is an integer above 0."""
    return integer(value, 1)


def seed(value, attributes=None):
    """Tell whether a value is a seed as `fit` draws them."""
    return integer(value, 0, 2**31 - 1)


def number(value, attributes=None):
    """Tell whether a value is a finite float; integers may be too large for one."""
    return type(value) is float and math.isfinite(value)


def list_of(valid, value, kind=list):
    """Tell whether a value is a list, or of another kind, of valid items."""
    return isinstance(value, kind) and all(map(valid, value))


def tuple_of(valid, value):
    """Tell whether a value is a tuple of valid items."""
    return list_of(valid, value, tuple)


def numbers(low=-np.inf, *, size="n_features_in_", high=np.inf, nan=False):
    """Return a check for an array of as many numbers as an attribute says.

    They are above `low`, and at most `high`, or NaN if these may be.
    """

    def valid(value, attributes):
        if not isinstance(value, np.ndarray) or value.shape != (attributes[size],):
            return False
        inside = (value > low) & (value <= high) | (np.isnan(value) & nan)
        return value.dtype == np.float64 and bool(inside.all())

    return valid


FINITE = np.finfo(np.float64).max
SMALLEST = np.finfo(np.float64).smallest_subnormal


def names(value, attributes):
    """Tell whether a value holds a name for each feature."""
    is_array = isinstance(value, np.ndarray) and value.dtype == object
    return (
        is_array
        and value.shape == (attributes["n_features_in_"],)
        and list_of(lambda name: isinstance(name, str), value.tolist())
    )


def history(value, attributes):
    """Tell whether a value holds a loss of each kind for each epoch."""
    return (
        isinstance(value, dict)
        and {"train_loss"} <= value.keys() <= {"train_loss", "valid_loss"}
        and all(list_of(number, losses) for losses in value.values())
        and len(value["train_loss"]) == attributes["n_iter_"]
    )


def device(value, attributes):
    """Tell whether a value is the name of a device, which need not be here."""
    return isinstance(value, str) and bool(re.fullmatch(r"cpu|cuda:\d{1,4}", value))


def output_config(value, attributes):
    """Tell whether a value is what `set_output` leaves."""
    return (
        isinstance(value, dict)
        and value.keys() == {"transform"}
        and value["transform"] in ("default", "pandas", "polars", None)
    )


def autoencoder_spec(value, attributes):
    """Tell whether a value is a spec; what parameters say of it is compared later."""
    return isinstance(value, AutoencoderSpec) and valid_spec(value, attributes)


def embedding_spec(value, attributes):
    """Tell whether a value is a spec; what parameters say of it is compared later."""
    is_spec = isinstance(value, EmbeddingSpec) and valid_spec(value, attributes)
    return is_spec and type(value.has_decoder) is bool


def matrix(value, n_rows, n_columns):
    """Tell whether a value has finite numbers, and is of this shape."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype in (np.float32, np.float64)
        and value.ndim == 2
        and len(value) >= 1
        and value.shape == (len(value) if n_rows is None else n_rows, n_columns)
        and bool(np.isfinite(value).all())
    )


def row_numbers(value, attributes):
    """Tell whether a value numbers the distinct training rows, all of them."""
    rows = attributes["_fit_X"]
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.intp
        and value.ndim == 1
        and np.ndim(rows) == 2
        and np.array_equal(np.unique(value), np.arange(len(rows)))
    )


def local_regression(value, attributes):
    """Tell whether a value has a number of neighbors and a ridge, or need not."""
    if attributes["_spec"].has_decoder:
        return value is None
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and integer(value[0], 1, len(attributes["_fit_X"]))
        and type(value[1]) is float
        and value[1] >= 1e-10
    )


def vae_spec(value, attributes):
    """Tell whether a value is a spec that gives each feature one likelihood."""
    if not isinstance(value, VAESpec) or not valid_spec(value, attributes):
        return False
    if not isinstance(value.has_missing, bool) or not isinstance(value.likelihood, str):
        return False
    if not tuple_of(valid_columns, value.columns):
        return False
    columns = [column for part in value.columns for column in part.columns]
    n_features = attributes["n_features_in_"]
    # A number in a file may be too large for a list of that length.
    return len(columns) == n_features and sorted(columns) == list(range(n_features))


def table_schema(value, attributes):
    """Tell whether a value describes as many columns as there are features."""
    return (
        isinstance(value, TableSchema)
        and value.library in (None, "pandas", "polars", "pyarrow")
        and tuple_of(valid_column, value.columns)
        and len(value.columns) == attributes["n_features_in_"]
    )


def valid_column(value):
    """Tell whether a value describes a column of a table."""
    if not isinstance(value, Column) or value.kind not in KINDS:
        return False
    levels, categories = value.levels, value.categories
    is_time = value.kind in (DATE, DURATION)
    return all(
        (
            type(value.name) in (str, int),
            type(value.dtype) is str,
            levels is None if value.kind not in NOMINAL else tuple_of(level, levels),
            categories is None or tuple_of(level, categories),
            type(value.ordered) is bool,
            value.bounds is None
            or (tuple_of(number, value.bounds) and len(value.bounds) == 2),
            value.seen is None or (value.seen and tuple_of(number, value.seen)),
            number(value.share_missing),
            all(type(n) is int for n in (value.origin, value.step))
            if is_time
            else value.origin is value.step is None,
            not is_time or value.unit in ("D", "h", "m", "s", "ms", "us", "ns"),
            value.time_zone is None or type(value.time_zone) is str,
            value.text is None or (is_time and tuple_of(word, value.text)),
        )
    )


def word(value):
    """Tell whether a value is a string."""
    return type(value) is str


def level(value):
    """Tell whether a value is a level of a category."""
    return type(value) in (str, int, float, bool)


def valid_spec(value, attributes):
    """Tell whether sizes in a spec are those of the attributes."""
    sizes = (attributes["n_features_in_"], attributes["n_components_"])
    is_spec = isinstance(value.networks, NetworkSpec)
    return is_spec and (value.networks.n_features, value.n_components) == sizes


def valid_columns(part):
    """Tell whether a value is a likelihood with its columns, and levels if it has."""
    if not isinstance(part, ColumnsSpec):
        return False
    likelihood, columns, levels = part.likelihood, part.columns, part.levels
    if not isinstance(likelihood, str) or likelihood not in EVERY_LIKELIHOOD:
        return False
    if not columns or not tuple_of(lambda column: type(column) is int, columns):
        return False
    if part.scores is not None:
        alone = likelihood == "gaussian" and levels is None
        as_many = isinstance(part.scores, tuple) and len(part.scores) == len(columns)
        return alone and as_many and tuple_of(valid_scores, part.scores)
    if likelihood not in WITH_LEVELS:
        return levels is None
    return tuple_of(increasing, levels) and len(levels) == len(columns)


# Slope of a map to scores, in units of the range of the column: values that differ by
# more than rounding have slopes that are far below.
STEEPEST = 1e20


def valid_scores(value):
    """Tell whether a value is a map of a column to normal scores."""
    if not isinstance(value, NormalScores):
        return False
    knots, atoms = (value.knots, value.scores, value.slopes), value.atoms
    ends = (value.cells, value.cell_scores)
    arrays = (*knots, atoms, *ends)
    if not all(
        isinstance(a, np.ndarray) and a.dtype == np.float64 and np.isfinite(a).all()
        for a in arrays
    ):
        return False
    if any(np.abs(a).max(initial=0) > LAST_SCORE for a in (value.scores, ends[1])):
        return False
    n_knots, n_atoms = np.size(value.knots), np.size(atoms)
    if n_knots < 2 or any(a.shape != (n_knots,) for a in knots):
        return False
    if atoms.shape != (n_atoms,) or any(a.shape != (2, n_atoms) for a in ends):
        return False
    # Cells follow one another: low, high, low, high, ...
    in_order = all((np.diff(a.T.ravel()) >= 0).all() for a in ends)
    ascending = all((np.diff(a) > 0).all() for a in (value.knots, value.scores, atoms))
    rounded = value.decimals is None or integer(value.decimals, 0, 20)
    if not (in_order and ascending and (value.slopes > 0).all() and rounded):
        return False
    # Numbers of valid signs may be out of the range in which the map has values.
    with np.errstate(all="ignore"):
        back = value.inverse_transform(np.linspace(-LAST_SCORE, LAST_SCORE, 77))
        results = (back, value.transform(back), value.log_slope(value.knots))
        steepest = (value.slopes * np.ptp(value.knots)).max()
    return steepest < STEEPEST and all(bool(np.isfinite(a).all()) for a in results)


def increasing(values):
    """Tell whether a value has numbers, each larger than the one before."""
    return (
        bool(values) and tuple_of(number, values) and bool((np.diff(values) > 0).all())
    )


OPTIONAL = ("feature_names_in_", "_schema", "_sklearn_output_config", "table_")

# Checks of the fitted attributes, called with a value and all attributes.
ATTRIBUTES = {
    "n_features_in_": positive_integer,
    "feature_names_in_": names,
    "n_components_": positive_integer,
    "mean_": numbers(-FINITE, high=FINITE),
    "scale_": numbers(0, high=FINITE),
    "_constant": numbers(-FINITE, high=FINITE, nan=True),
    "n_iter_": positive_integer,
    "best_epoch_": lambda value, all_: (
        value is None or integer(value, 1, all_["n_iter_"])
    ),
    "history_": history,
    "loss_": number,
    "device_": device,
    "_seeds_": lambda value, _: list_of(seed, value) and len(value) == 3,
    "_noise_seed": seed,
    "_spec": autoencoder_spec,
    "_schema": table_schema,
    "_sklearn_output_config": output_config,
}
VAE_ATTRIBUTES = {
    **ATTRIBUTES,
    # Of data at 1e200 its unit is infinite; a level that all rows have has none.
    "noise_variance_": numbers(-SMALLEST),
    "kl_per_component_": numbers(-FINITE, size="n_components_", high=FINITE),
    "n_active_units_": lambda value, all_: integer(value, 0, all_["n_components_"]),
    "_spec": vae_spec,
    "table_": table_schema,
}
EMBEDDING_ATTRIBUTES = {
    **ATTRIBUTES,
    "embedding_": lambda value, all_: matrix(
        value, np.size(all_["_which"]), all_["n_components_"]
    ),
    "_which": row_numbers,
    "_fit_X": lambda value, all_: matrix(value, None, all_["n_features_in_"]),
    "_places": lambda value, all_: matrix(
        value, len(all_["_fit_X"]), all_["n_components_"]
    ),
    "_regression": local_regression,
    "_spec": embedding_spec,
}
