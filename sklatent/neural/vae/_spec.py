"""How a variational autoencoder is built: the spec, and the networks that it describes.

The spec is plain data. What its first rows decide, above all which columns have which
likelihood, is in it too, so that it is enough to build the networks again.
"""

import numbers
from dataclasses import dataclass, field

import numpy as np

from sklatent.neural.networks._spec import NetworkSpec, build_networks
from sklatent.neural.training._rows import row_blocks
from sklatent.neural.vae._discrete_codes import BernoulliLatent, CategoricalLatent
from sklatent.neural.vae._discrete_likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    NominalLikelihood,
    OneHotLikelihood,
    PoissonLikelihood,
)
from sklatent.neural.vae._likelihoods import (
    GaussianLikelihood,
    Likelihood,
    StudentTLikelihood,
    TableLikelihood,
)
from sklatent.neural.vae._model import EncoderInput, VariationalAutoencoder
from sklatent.neural.vae._normal_codes import (
    GaussianMixturePrior,
    NormalLatent,
    Prior,
    StandardNormal,
    VampPrior,
)
from sklatent.neural.vae._normal_scores import NormalScoresLikelihood, fit_scores
from sklatent.utils.frames._schema import NOMINAL

LIKELIHOODS = {
    cls.name: cls
    for cls in (
        BernoulliLikelihood,
        CategoricalLikelihood,
        GaussianLikelihood,
        OneHotLikelihood,
        PoissonLikelihood,
        StudentTLikelihood,
    )
}
# What "auto" chooses from too: levels whose numbers are no more than names.
EVERY_LIKELIHOOD = {**LIKELIHOODS, "nominal": NominalLikelihood}
# Those with levels.
WITH_LEVELS = ("categorical", "nominal")


@dataclass(frozen=True)
class ColumnsSpec:
    """Columns that have one likelihood.

    Parameters
    ----------
    likelihood : str or callable
        Key of `EVERY_LIKELIHOOD`, or what makes a likelihood of a number of columns.
    columns : tuple of int
        Their positions.
    levels : tuple of tuple of float, or None
        Of "categorical" and "nominal", the levels of each column.
    scores : tuple of NormalScores, or None
        Of "gaussian", the maps of columns that are mapped to normal scores.
    """

    likelihood: object = field(repr=False)  # VAESpec.likelihood says it in words
    columns: tuple
    levels: tuple | None
    # Arrays have no equality of their own, and follow from the rows.
    scores: tuple | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class VAESpec:
    """How a variational autoencoder is built, as plain data.

    Two specs are equal if they describe the same networks. What parameters that are not
    used say does not count.

    Parameters
    ----------
    networks : NetworkSpec
        Encoder and decoder.
    n_components : int
        Size of the code.
    latent : str
        Kind of code.
    n_levels : int or None
        Of categorical codes.
    prior : str or callable
        Prior of normal codes, or what makes one of the size of the code.
    n_prior_components : int or None
        Of a prior that is learned.
    noise_variance : str or float
        Kind of noise, or its variance in the units of the data.
    noise : str or tuple of float
        Kind of noise, or its variance in the units of each standardized feature.
    likelihood : str
        What the parameter of this name said, without places in memory.
    marginals : str or None
        What the parameter of this name said.
    columns : tuple of ColumnsSpec
        What became of it.
    has_missing : bool
        Whether the encoder is told which entries are missing.
    """

    networks: NetworkSpec
    n_components: int
    latent: str
    n_levels: int | None
    prior: object = field(repr=False)
    n_prior_components: int | None
    noise_variance: object
    noise: object
    likelihood: str
    marginals: str | None
    columns: tuple
    has_missing: bool

    def build(self, generator):
        """Build the networks, with random weights from a generator."""
        p, q = self.networks.n_features, self.n_components
        indicated = indicated_columns(self.columns)
        n_inputs = 2 * p if self.has_missing else p  # a mask of what is observed
        n_inputs += sum(n_levels for _, n_levels in indicated)
        # In this order, in which the generator has always been used: a seed stays a
        # seed.
        latent = build_latent(self, q, n_inputs, generator)
        if self.noise == "batch":
            latent.codes = None  # the mean squared residual is that of draws
        likelihood = build_likelihood(self)
        encoder, decoder = build_networks(
            self.networks,
            n_inputs,
            latent.n_encoded,
            latent.n_decoded,
            likelihood.n_outputs,
            generator,
        )
        inputs = EncoderInput(
            standardized(self.columns, p), self.has_missing, indicated
        )
        return VariationalAutoencoder(inputs, encoder, decoder, latent, likelihood)


def standardized(columns, n_features):
    """Mask of the columns that are standardized, which have a density."""
    mask = np.zeros(n_features, dtype=bool)
    for part in columns:
        kind = EVERY_LIKELIHOOD.get(part.likelihood, part.likelihood)
        mask[list(part.columns)] = getattr(kind, "standardized", True)
    return mask


def indicated_columns(columns):
    """Nominal columns of which the encoder sees indicators, and numbers of levels.

    Of two levels their number says as much.
    """
    return [
        (j, len(levels))
        for part in columns
        if part.likelihood == "nominal"
        for j, levels in zip(part.columns, part.levels, strict=True)
        if len(levels) > 2
    ]


def build_latent(spec, q, n_inputs, generator):
    """Build the code, with its prior."""
    if spec.latent == "bernoulli":
        return BernoulliLatent(q)
    if spec.latent == "categorical":
        return CategoricalLatent(q, spec.n_levels)
    if callable(spec.prior):
        prior = made_by(spec.prior, q, Prior, "prior")
    elif spec.prior == "standard_normal":
        prior = StandardNormal(q)
    elif spec.prior == "mixture":
        prior = GaussianMixturePrior(spec.n_prior_components, q, generator)
    else:
        prior = VampPrior(spec.n_prior_components, q, n_inputs)
    return NormalLatent(q, prior)


def made_by(kind, n, base, parameter):
    """Return what a user's class or function makes of a size, an instance of `base`."""
    made = kind(n)
    if not isinstance(made, base):
        raise TypeError(
            f"`{parameter}` must be a subclass of sklatent.neural.{base.__name__} or "
            f"return an instance of one; got {kind!r}, which returned {made!r}."
        )
    return made


def build_likelihood(spec):
    """Build the likelihood of all columns, with marginals that say nothing."""
    parts, columns, noise = [], [], spec.noise
    for part in spec.columns:
        columns.append(part.columns)
        kind, n_columns = part.likelihood, len(part.columns)
        if part.levels is not None:
            parts.append(EVERY_LIKELIHOOD[kind](part.levels))
        elif part.scores is not None:
            parts.append(NormalScoresLikelihood(part.scores, noise))
        elif kind in ("gaussian", "student_t"):
            own = noise if isinstance(noise, str) else [noise[j] for j in part.columns]
            parts.append(LIKELIHOODS[kind](n_columns, own))
        elif isinstance(kind, str):
            parts.append(LIKELIHOODS[kind](n_columns))
        else:
            parts.append(made_by(kind, n_columns, Likelihood, "likelihood"))
    return TableLikelihood(parts, columns)


def plan_columns(likelihood, table, X, names, dtype):
    """Decide on the likelihood of each column.

    Parameters
    ----------
    likelihood : str, callable or list of (str or callable, columns)
        Likelihoods, "auto" for those that the kinds of the columns ask for; columns as
        `column_indices` takes them, or a function of the table.
    table : array-like of shape (n_samples, n_features), or TableSchema
        The data as it was given; with "auto", the kinds of its columns.
    X : ndarray of shape (n_samples, n_features)
        The data; NaN where missing.
    names : sequence
        Names of the columns.
    dtype : str
        Precision of the training.

    Returns
    -------
    columns : tuple of ColumnsSpec
        They share out the columns.
    """
    n_features = X.shape[1]
    if isinstance(likelihood, list):
        pairs = likelihood_pairs(likelihood, table, n_features, names)
    elif likelihood == "auto":
        pairs = pairs_of_kinds(table)
    else:
        pairs = [(likelihood, range(n_features))]
    plan = []
    for kind, columns in pairs:
        blocks = one_hot_blocks(X, columns, names) if kind == "one_hot" else [columns]
        for block in blocks:
            levels = None
            if kind in WITH_LEVELS:
                levels = column_levels(X, block)
                check_precision(levels, block, names, dtype)
            plan.append(ColumnsSpec(kind, tuple(block), levels))
    return tuple(plan)


def pairs_of_kinds(schema):
    """Pair likelihoods with the columns whose kinds ask for them."""
    nominal = [column.kind in NOMINAL for column in schema.columns]
    parts = {"gaussian": np.flatnonzero(~np.array(nominal)).tolist()}
    parts["nominal"] = np.flatnonzero(nominal).tolist()
    return [(kind, columns) for kind, columns in parts.items() if columns]


def with_scores(plan, X, chosen):
    """Give Gaussian columns their maps to normal scores, fitted on the rows.

    Parameters
    ----------
    plan : tuple of ColumnsSpec
        The likelihoods of the columns.
    X : ndarray of shape (n_samples, n_features)
        The data; NaN where missing.
    chosen : ndarray of bool of shape (n_features,)
        Columns that may have a map.

    Returns
    -------
    plan : tuple of ColumnsSpec
        Those columns that have a map are a part of their own.
    """
    parts = []
    for part in plan:
        candidates = [j for j in part.columns if chosen[j]]
        if part.likelihood != "gaussian" or not candidates:
            parts.append(part)
            continue
        maps = {j: fit_scores(X[:, j]) for j in candidates}
        # One knot: the column is constant up to rounding, and has no scores.
        maps = {j: scores for j, scores in maps.items() if len(scores.knots) > 1}
        if maps:
            scores = tuple(maps.values())
            parts.append(ColumnsSpec("gaussian", tuple(maps), None, scores))
        others = tuple(j for j in part.columns if j not in maps)
        if others:
            parts.append(ColumnsSpec("gaussian", others, None))
    return tuple(parts)


def maps_of(plan):
    """Columns that are mapped to normal scores, and their maps."""
    return [
        pair
        for part in plan
        if part.scores is not None
        for pair in zip(part.columns, part.scores, strict=True)
    ]


def likelihood_pairs(likelihood, table, n_features, names):
    """Check a list of likelihoods and columns; return it with indices of columns."""
    pairs, times = [], np.zeros(n_features, dtype=int)
    for item in likelihood:
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise ValueError(
                "likelihood must be a likelihood, or a list of pairs of one and its "
                f"columns; got {item!r} in the list."
            )
        kind, columns = item
        if not callable(kind) and kind not in LIKELIHOODS:
            raise ValueError(
                f"likelihood must be one of {sorted(LIKELIHOODS)} or a subclass of "
                f"sklatent.neural.Likelihood; got {kind!r}."
            )
        chosen = columns(table) if callable(columns) else columns
        indices = column_indices(chosen, n_features, names)
        # Counted one by one, as a column may be there twice in one pair.
        np.add.at(times, indices, 1)
        if indices:
            pairs.append((kind, indices))
    if (times != 1).any():
        column = int((times != 1).argmax())
        raise ValueError(
            "likelihood must give every column one likelihood; column "
            f"{names[column]!r} has {times[column]}."
        )
    return pairs


def describe(likelihood):
    """Say what the parameter `likelihood` is, without places in memory."""
    if isinstance(likelihood, str):
        return likelihood
    if isinstance(likelihood, (list, tuple)):
        return f"[{', '.join(map(describe, likelihood))}]"
    if not callable(likelihood):
        return repr(likelihood)
    name = getattr(likelihood, "__qualname__", type(likelihood).__qualname__)
    if isinstance(likelihood, type):
        return name
    return f"{name}({getattr(likelihood, '__dict__', {})})"


def column_indices(columns, n_features, names):
    """Indices of columns given as scikit-learn's ColumnTransformer takes them.

    By position, which may be negative, by name, by slice (of names: with both ends) or
    by mask; as a list of int.
    """
    # A column whose name is a number can only be given by its position.
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
                "`likelihood` must give a mask with an entry for each of the "
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
            f"`likelihood` must name columns by positions below {n_features}, or by "
            f"names of the data frame given to fit; got {unknown}."
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
        found = f"{total[0]:g}" if len(total) else "nothing observed"
        raise ValueError(
            f"Columns {[names[c] for c in block]} must be blocks with a single one in "
            f"every row, as their likelihood is 'one_hot'; got a sum of {found}."
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
    for block in row_blocks(X):
        for j, column in enumerate(columns):
            x = block[:, column]
            levels[j] = np.union1d(levels[j], x[~np.isnan(x)])
    return tuple(tuple(column.tolist()) for column in levels)


def check_precision(levels_by_column, columns, names, dtype):
    """Raise where the precision of the training cannot tell levels apart."""
    for column, values in zip(columns, levels_by_column, strict=True):
        levels = np.asarray(values)
        # As CategoricalLikelihood looks a level up, in the precision of training.
        between = ((levels[1:] + levels[:-1]) / 2).astype(dtype)
        index = (levels.astype(dtype)[:, None] > between).sum(axis=1)
        if (index != np.arange(len(levels))).any():
            raise ValueError(
                f"Column {names[column]!r} must have levels that {dtype} can tell "
                "apart. Number them 0, 1, ... (as sklearn.preprocessing.OrdinalEncoder "
                "does), or train with dtype='float64'."
            )
