"""Tables whose columns have different likelihoods.

A plan says which: a list of {"likelihood": name, "columns": indices, "levels": the
levels of each column or None}. It is plain data, and with it the networks can be
built again.
"""

import numbers

import numpy as np
import torch
from torch import nn

from sklatent.neural.training._units import BLOCK_ROWS
from sklatent.neural.vae._categories import CategoricalLikelihood, OneHotLikelihood
from sklatent.neural.vae._likelihoods import (
    BernoulliLikelihood,
    GaussianLikelihood,
    PoissonLikelihood,
    StudentTLikelihood,
    observed_mean,
)
from sklatent.utils._blocks import row_slices

LIKELIHOODS = {
    "bernoulli": BernoulliLikelihood,
    "categorical": CategoricalLikelihood,
    "gaussian": GaussianLikelihood,
    "one_hot": OneHotLikelihood,
    "poisson": PoissonLikelihood,
    "student_t": StudentTLikelihood,
}


def make_plan(likelihood, X, names, dtype):
    """What `likelihood` says of the columns of X.

    Parameters
    ----------
    likelihood : str or list of (str, columns)
        Names of likelihoods; columns as `column_indices` takes them.
    X : ndarray of shape (n_samples, n_features)
        The data; NaN where missing.
    names : sequence
        Names of the columns.
    dtype : str
        Precision of the training.
    """
    n_features = X.shape[1]
    if isinstance(likelihood, str):
        likelihood = [(likelihood, slice(None))]
    plan = []
    for item in likelihood:
        if not is_pair(item):
            raise ValueError(
                "likelihood must be a name, or a list of pairs of a name and columns; "
                f"got {item!r} in the list."
            )
        name, columns = item
        if name not in LIKELIHOODS:
            raise ValueError(
                f"likelihood must be of {sorted(LIKELIHOODS)}; got {name!r} instead."
            )
        columns = column_indices(columns, n_features, names)
        if not columns:
            continue
        blocks = one_hot_blocks(X, columns, names) if name == "one_hot" else [columns]
        for block in blocks:
            levels = None
            if name == "categorical":
                levels = column_levels(X, block)
                check_precision(levels, block, names, dtype)
            plan.append({"likelihood": name, "columns": block, "levels": levels})
    times = np.bincount(
        [column for part in plan for column in part["columns"]], minlength=n_features
    )
    if (times != 1).any():
        column = int((times != 1).argmax())
        raise ValueError(
            "likelihood must give every column one likelihood; column "
            f"{names[column]!r} has {times[column]}."
        )
    return plan


def replace_functions(likelihood, by):
    """`likelihood` with by(f) in place of each function f among its columns."""
    if isinstance(likelihood, str):
        return likelihood
    return [
        (item[0], by(item[1])) if is_pair(item) and callable(item[1]) else item
        for item in likelihood
    ]


def is_pair(item):
    """Tell whether an entry of `likelihood` can be a name and columns."""
    return isinstance(item, (tuple, list)) and len(item) == 2


def column_indices(columns, n_features, names):
    """Indices of columns given as scikit-learn's ColumnTransformer takes them.

    By position, which may be negative, by name, by slice (of names: with both ends) or
    by mask; as a list of int.
    """
    positions = {name: i for i, name in enumerate(names) if isinstance(name, str)}
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        ends = [end for end in (start, stop) if end is not None]
        found = known_columns(
            [end for end in ends if not isinstance(end, numbers.Integral)],
            n_features,
            positions,
        )
        start = found[0] if isinstance(start, str) else start
        stop = found[-1] + 1 if isinstance(stop, str) else stop
        return list(range(n_features)[start : stop : columns.step])
    if isinstance(columns, (str, numbers.Integral)):
        columns = [columns]
    columns = np.atleast_1d(np.asarray(columns, dtype=object)).tolist()
    if columns and all(isinstance(c, (bool, np.bool_)) for c in columns):
        if len(columns) != n_features:
            raise ValueError(
                "A mask in likelihood must have an entry for each of the "
                f"{n_features} columns; got {len(columns)}."
            )
        return np.flatnonzero(columns).tolist()
    return known_columns(columns, n_features, positions)


def known_columns(columns, n_features, positions):
    """Indices of columns given by position or name; raise if one is not there."""

    def is_there(column):
        if isinstance(column, str):
            return column in positions
        is_number = isinstance(column, numbers.Integral) and not isinstance(
            column, bool
        )
        return is_number and -n_features <= column < n_features

    unknown = [column for column in columns if not is_there(column)]
    if unknown:
        raise ValueError(
            f"likelihood names columns that are not there: {unknown}. Columns are "
            f"positions below {n_features}, or names of the data frame given to fit."
        )
    return [
        positions[c] if isinstance(c, str) else int(c) % n_features for c in columns
    ]


def one_hot_blocks(X, columns, names):
    """Split columns, from the left, into blocks with a single one in every row.

    All of them are one block if that is so of all; otherwise a block ends where each
    row has gathered a one.
    """
    if sums_to_one(X[:, columns]):
        return [columns]
    blocks, block = [], []
    for column in columns:
        block.append(column)
        if sums_to_one(X[:, block]):
            blocks.append(block)
            block = []
    if block:
        total = X[:, block].sum(axis=1)
        total = total[~np.isnan(total) & (total != 1)]
        found = f"{total[0]:g} in a row" if len(total) else "nothing observed"
        raise ValueError(
            f"likelihood 'one_hot' takes blocks of columns with a single one in every "
            f"row; columns {[names[c] for c in block]} sum to {found}."
        )
    return blocks


def sums_to_one(X):
    """Tell whether the rows that are complete, if any, sum to 1."""
    total = X.sum(axis=1)
    total = total[~np.isnan(total)]
    return len(total) > 0 and bool((total == 1).all())


def column_levels(X, columns):
    """Sorted different values of each column."""
    levels = [np.zeros(0)] * len(columns)
    for rows in row_slices(len(X), BLOCK_ROWS):
        for j, column in enumerate(columns):
            x = X[rows, column]
            levels[j] = np.union1d(levels[j], x[~np.isnan(x)])
    return [column.tolist() for column in levels]


def check_precision(levels_by_column, columns, names, dtype):
    """Raise where the precision of the training cannot tell levels apart."""
    for column, values in zip(columns, levels_by_column, strict=True):
        levels = np.asarray(values)
        between = ((levels[1:] + levels[:-1]) / 2).astype(dtype)
        index = (levels.astype(dtype)[:, None] > between).sum(axis=1)
        if (index != np.arange(len(levels))).any():
            raise ValueError(
                f"Column {names[column]!r} has levels that {dtype} cannot tell apart. "
                "Number them 0, 1, ... (sklearn.preprocessing.OrdinalEncoder does), or "
                "train with dtype='float64'."
            )


class MixedLikelihood(nn.Module):
    """Columns that are independent given the code, each with its likelihood.

    The decoder's output holds what the parts take, one after the other.

    Parameters
    ----------
    parts : list of Likelihood
        The likelihoods.
    columns : list of list of int
        The columns of each.
    """

    def __init__(self, parts, columns):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.columns = [as_slice(part) for part in columns]
        self.sizes = [part.n_blocks * part.n_features for part in parts]
        order = np.concatenate(columns)
        self.restore = as_slice(order.argsort().tolist())
        self.n_features = len(order)

    @property
    def n_outputs(self):
        """How many numbers it takes from the decoder."""
        return sum(self.sizes)

    def first_outside(self, X):
        """Row, column and part of an entry outside its support, or None."""
        for part, columns in zip(self.parts, self.columns, strict=True):
            if part.continuous:  # all that is finite
                continue
            found = part.first_outside(X[:, columns])
            if found is not None:
                row, j = found
                return row, int(np.arange(self.n_features)[columns][j]), part
        return None

    def initialize(self, data):
        """Take the marginals of all parts."""
        for part, columns in zip(self.parts, self.columns, strict=True):
            part.initialize(Blocks(data, columns))

    def log_prob(self, x, output, observed=None):
        """Sum over the parts."""
        outputs = output.split(self.sizes, dim=-1)
        return sum(
            part.log_prob(
                x[..., columns],
                output,
                None if observed is None else observed[..., columns],
            )
            for part, columns, output in zip(
                self.parts, self.columns, outputs, strict=True
            )
        )

    def _gather(self, method, output, *arguments):
        """What a method of every part returns, in the order of the columns."""
        outputs = zip(self.parts, output.split(self.sizes, dim=-1), strict=True)
        found = [getattr(part, method)(block, *arguments) for part, block in outputs]
        return torch.cat(found, dim=-1)[..., self.restore]

    def mean(self, output):
        """E[x]."""
        return self._gather("mean", output)

    def variance(self, output):
        """Var[x]."""
        return self._gather("variance", output)

    def sample(self, output, rng):
        """Draw x."""
        return self._gather("sample", output, rng)


def as_slice(indices):
    """A slice instead of indices where they run on: it takes no copy."""
    start, stop = indices[0], indices[-1] + 1
    return slice(start, stop) if indices == list(range(start, stop)) else indices


class Blocks:
    """Rows in blocks, as often as one asks; all columns or some.

    Parameters
    ----------
    data : Tensor
        The rows.
    columns : slice or list of int
        Which columns.
    """

    def __init__(self, data, columns=slice(None)):
        self.data = data
        self.columns = columns

    def __iter__(self):
        for rows in row_slices(len(self.data), BLOCK_ROWS):
            yield self.data[rows][:, self.columns]


def make_likelihood(plan, noise="shared"):
    """Likelihood of a plan, with marginals that say nothing.

    Parameters
    ----------
    plan : list of dict
        What `make_plan` returns.
    noise : str or ndarray of shape (n_features,)
        Kind of noise, or its variances, of columns that have a density.
    """
    parts = []
    for part in plan:
        cls = LIKELIHOODS[part["likelihood"]]
        if part["levels"] is not None:
            parts.append(cls(part["levels"]))
        elif issubclass(cls, GaussianLikelihood):
            columns = part["columns"]
            own = noise if isinstance(noise, str) else noise[columns]
            parts.append(cls(len(columns), own))
        else:
            parts.append(cls(len(part["columns"])))
    return MixedLikelihood(parts, [part["columns"] for part in plan])


def check_values(likelihood, X, names):
    """Raise for a value outside its likelihood's support."""
    for rows in row_slices(len(X), BLOCK_ROWS):
        found = likelihood.first_outside(X[rows])
        if found is not None:
            row, column, part = found
            name = next(n for n, cls in LIKELIHOODS.items() if type(part) is cls)
            raise ValueError(
                f"likelihood {name!r} takes {part.support}; column {names[column]!r} "
                f"has {X[rows][row, column]:g} in row {rows.start + row}."
            )


def continuous_columns(plan, n_features):
    """Mask of the columns that have a density."""
    mask = np.zeros(n_features, dtype=bool)
    for part in plan:
        mask[part["columns"]] = LIKELIHOODS[part["likelihood"]].continuous
    return mask


class EncoderInput(nn.Module):
    """What the encoder sees of a row: numbers about 0, and which are observed.

    Columns without a density are standardized here. Missing entries are 0; where
    there are any in training, a mask of ones and zeros is appended.

    Parameters
    ----------
    n_features : int
        Number of columns.
    masked : bool
        Whether to append the mask.
    rescaled : bool
        Whether there are columns without a density.
    """

    def __init__(self, n_features, masked, rescaled):
        super().__init__()
        self.masked = masked
        self.rescaled = rescaled
        self.register_buffer("center", torch.zeros(n_features))
        self.register_buffer("width", torch.ones(n_features))

    def initialize(self, data, discrete):
        """Take mean and deviation of the columns that are not standardized yet."""
        blocks = Blocks(data)
        mean, _ = observed_mean(blocks)
        variance, _ = observed_mean(blocks, lambda x: (x - mean).square())
        width = torch.where(variance > 0, variance.sqrt(), 1.0)
        discrete = torch.as_tensor(discrete, device=mean.device)
        self.center.copy_(torch.where(discrete, mean, 0.0))
        self.width.copy_(torch.where(discrete, width, 1.0))

    def forward(self, x, observed):
        """Rows as the encoder takes them, (n, p) or (n, 2 p)."""
        if self.rescaled:
            x = (x - self.center) / self.width
        if observed is not None:
            x = x * observed
        if not self.masked:
            return x
        mask = torch.ones_like(x) if observed is None else observed.to(x)
        return torch.cat([x, mask], dim=1)
