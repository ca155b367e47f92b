"""Likelihoods p(x | z): the public base class, real-valued columns, whole tables.

An output of zero of the decoder stands for the marginal distribution of the training
rows, so that training starts from it.
"""

import math

import numpy as np
import torch
from torch import nn

from sklatent.neural.training._rows import BLOCK_ROWS, row_blocks
from sklatent.neural.vae._normal_codes import soft_exp_log

# Smallest variance, in units of the feature's own.
FLOOR = 1e-6


class Likelihood(nn.Module):
    """Base class of likelihoods: the distribution of columns given the code.

    The decoder of a :class:`VAETransformer` returns, for each row, `n_parameters`
    numbers for each column; given these numbers, the entries are independent:

        log p(x | z) = sum_j log p(x_j | parameters_j),   parameters = decoder(z).

    A subclass defines three methods, `log_prob`, `mean` and `sample`, which are
    functions of the parameters, entry by entry. It may learn numbers of its own, as
    :class:`torch.nn.Parameter`. It is given to a model as ``likelihood=Subclass``, or
    with the columns that it is for as ``likelihood=[(Subclass, columns), ...]``.

    Parameters
    ----------
    n_features : int
        Number of columns that have this likelihood.

    Attributes
    ----------
    n_parameters : int, default=1
        How many numbers the decoder returns for each column.
    standardized : bool, default=True
        Whether the columns are real numbers with a density, which the model
        standardizes first. If False, columns come as they are.
    support : str, default="real numbers"
        What entries may be, for the error about one that may not; see `inside`.

    See Also
    --------
    VAETransformer : The model that takes a likelihood.

    Examples
    --------
    Laplace's distribution, whose tails are heavier than those of a Gaussian, with a
    scale for each column that is learned:

    >>> import numpy as np
    >>> import torch
    >>> from sklatent.neural import Likelihood, VAETransformer
    >>> class Laplace(Likelihood):
    ...     def __init__(self, n_features):
    ...         super().__init__(n_features)
    ...         self.log_scale = torch.nn.Parameter(torch.zeros(n_features))
    ...
    ...     def log_prob(self, x, parameters):
    ...         distance = (x - self.mean(parameters)).abs()
    ...         return -distance / self.log_scale.exp() - self.log_scale - np.log(2)
    ...
    ...     def mean(self, parameters):
    ...         return parameters[..., 0, :]
    ...
    ...     def sample(self, parameters, rng):
    ...         mean = self.mean(parameters)
    ...         noise = torch.as_tensor(rng.laplace(size=mean.shape), dtype=mean.dtype)
    ...         return mean + self.log_scale.exp() * noise
    >>> X = np.random.RandomState(0).laplace(size=(200, 3))
    >>> vae = VAETransformer(1, likelihood=Laplace, max_epochs=2, random_state=0).fit(X)
    >>> vae.sample(5, random_state=0).shape
    (5, 3)
    """

    n_parameters = 1
    standardized = True
    support = "real numbers"

    def __init__(self, n_features):
        super().__init__()
        self.n_features = n_features

    def log_prob(self, x, parameters):
        """Log p(x_j | parameters_j) of each entry, with its constants, in nats.

        Parameters
        ----------
        x : Tensor of shape (..., n_features)
            Rows; 0 stands for a missing entry, whose result is not used.
        parameters : Tensor of shape (..., n_parameters, n_features)
            What the decoder returned; its leading dimensions broadcast against those
            of `x`.

        Returns
        -------
        log_prob : Tensor of shape (..., n_features)
            Differentiable by `parameters`.

        Examples
        --------
        A Gaussian of variance 1:

        >>> import torch
        >>> from sklatent.neural import Likelihood
        >>> class UnitGaussian(Likelihood):
        ...     def log_prob(self, x, parameters):
        ...         mean = parameters[..., 0, :]
        ...         return torch.distributions.Normal(mean, 1.0).log_prob(x)
        >>> x, parameters = torch.zeros(1, 2), torch.zeros(1, 1, 2)
        >>> UnitGaussian(n_features=2).log_prob(x, parameters)
        tensor([[-0.9189, -0.9189]])
        """
        raise NotImplementedError

    def mean(self, parameters):
        """Expectation E[x_j | parameters_j] of each entry.

        Parameters
        ----------
        parameters : Tensor of shape (..., n_parameters, n_features)
            What the decoder returned.

        Returns
        -------
        mean : Tensor of shape (..., n_features)
            It reconstructs and imputes.

        Examples
        --------
        The probability of a one, from its log-odds:

        >>> import torch
        >>> from sklatent.neural import Likelihood
        >>> class Binary(Likelihood):
        ...     def mean(self, parameters):
        ...         return parameters[..., 0, :].sigmoid()
        >>> Binary(n_features=2).mean(torch.zeros(1, 1, 2))
        tensor([[0.5000, 0.5000]])
        """
        raise NotImplementedError

    def sample(self, parameters, rng):
        """Draw x_j from p(x_j | parameters_j).

        Parameters
        ----------
        parameters : Tensor of shape (..., n_parameters, n_features)
            What the decoder returned, on the CPU.
        rng : numpy.random.RandomState
            The only source of random numbers.

        Returns
        -------
        x : Tensor of shape (..., n_features)
            One draw of each entry.

        Examples
        --------
        Counts from the logarithms of their rates:

        >>> import numpy as np
        >>> import torch
        >>> from sklatent.neural import Likelihood
        >>> class Count(Likelihood):
        ...     def sample(self, parameters, rng):
        ...         rate = parameters[..., 0, :].exp()
        ...         return torch.from_numpy(rng.poisson(rate.numpy()))
        >>> rng = np.random.RandomState(0)
        >>> Count(n_features=3).sample(torch.zeros(1, 1, 3), rng).shape
        torch.Size([1, 3])
        """
        raise NotImplementedError

    def variance(self, parameters):
        """Variance Var[x_j | parameters_j] of each entry.

        NaN unless a subclass defines it; it is used for `noise_variance_` and for the
        standard deviations of imputed entries.

        Parameters
        ----------
        parameters : Tensor of shape (..., n_parameters, n_features)
            What the decoder returned.

        Returns
        -------
        variance : Tensor of shape (..., n_features)
            In squared units of the entries.

        Examples
        --------
        Of zeros and ones with a probability of ½:

        >>> import torch
        >>> from sklatent.neural import Likelihood
        >>> class Binary(Likelihood):
        ...     def variance(self, parameters):
        ...         p = parameters[..., 0, :].sigmoid()
        ...         return p * (1 - p)
        >>> Binary(n_features=2).variance(torch.zeros(1, 1, 2))
        tensor([[0.2500, 0.2500]])
        """
        return torch.full_like(self.mean(parameters), torch.nan)

    def initialize(self, blocks):
        """Take what training starts from out of the rows; nothing by default.

        Parameters
        ----------
        blocks : iterable of Tensor of shape (n_rows, n_features)
            The training rows; NaN where an entry is missing.

        Examples
        --------
        The mean of each column, to be added to what the decoder returns:

        >>> import torch
        >>> from sklatent.neural import Likelihood
        >>> class Centered(Likelihood):
        ...     def initialize(self, blocks):
        ...         self.center = torch.cat(list(blocks)).nanmean(0)
        >>> likelihood = Centered(n_features=2)
        >>> likelihood.initialize([torch.tensor([[1.0, 2.0], [3.0, torch.nan]])])
        >>> likelihood.center
        tensor([2., 2.])
        """

    def inside(self, X):
        """Tell which entries are in the support, where columns come as they are.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows in the units of the data.

        Returns
        -------
        inside : ndarray of bool of shape (n_rows, n_features)
            By default, what is finite is.

        Examples
        --------
        Positive numbers, which are not standardized:

        >>> import numpy as np
        >>> from sklatent.neural import Likelihood
        >>> class Positive(Likelihood):
        ...     standardized = False
        ...     support = "positive numbers"
        ...
        ...     def inside(self, X):
        ...         return X > 0
        >>> Positive(n_features=2).inside(np.array([[1.0, -1.0]]))
        array([[ True, False]])
        """
        return np.isfinite(X)

    def _first_outside(self, X):
        """Row and column of an observed entry outside the support, or None."""
        outside = ~(self.inside(X) | np.isnan(X))
        return divmod(int(outside.argmax()), X.shape[1]) if outside.any() else None

    def _expectation(self, parameters, w):
        """E[x] and Var[x] of rows under K parameters (n, K, ...), of weights w."""
        mean = self.mean(parameters)
        expected = (w * mean).sum(1)
        variance = (mean - expected[:, None]).square() + self.variance(parameters)
        return expected, (w * variance).sum(1)

    def _row_log_prob(self, x, parameters, observed=None):
        """Sum of `log_prob` over the features, of what is observed (None: all)."""
        terms = self.log_prob(x, parameters)
        # Whatever a missing entry gives, NaN included, leaves no trace.
        return (terms if observed is None else torch.where(observed, terms, 0)).sum(-1)


class GaussianLikelihood(Likelihood):
    """x ~ N(parameter, σ²).

    Parameters
    ----------
    n_features : int
        Number of columns.
    noise : str or array-like of shape (n_features,)
        Key of `NOISES`, or σ² of each column.
    """

    name = "gaussian"

    def __init__(self, n_features, noise="shared"):
        super().__init__(n_features)
        self.noise = (
            NOISES[noise](n_features) if isinstance(noise, str) else FixedNoise(noise)
        )
        self.n_parameters = 1 + self.noise.n_parameters

    def initialize(self, blocks):
        """Start with noise of the variance of the features, which are centered."""
        self.noise.initialize(observed_mean(blocks, torch.square)[0])

    def log_prob(self, x, parameters, observed=None):
        """-½ ((x - mean)² / σ² + log 2πσ²)."""
        square = (x - self.mean(parameters)).square()
        variance = self.noise.variance(parameters, square, observed)
        return -0.5 * (square / variance + torch.log(2 * math.pi * variance))

    def _row_log_prob(self, x, parameters, observed=None):
        """Sum of `log_prob` over the features, of what is observed (None: all)."""
        square = (x - self.mean(parameters)).square()
        variance = self.noise.variance(parameters, square, observed)
        log_normalizer = torch.log(2 * math.pi * variance)
        if variance.ndim == 0 and observed is None:
            # The usual case takes one division a row rather than one an entry.
            total = square.sum(-1) / variance + x.shape[-1] * log_normalizer
        else:
            terms = square / variance + log_normalizer
            total = (terms if observed is None else terms * observed).sum(-1)
        return -0.5 * total

    def mean(self, parameters):
        """First number of each column."""
        return parameters[..., 0, :]

    def variance(self, parameters):
        """σ²."""
        return self.noise.variance(parameters).expand_as(self.mean(parameters))

    def sample(self, parameters, rng):
        """Draw x."""
        mean = self.mean(parameters)
        noise = like(parameters, rng.standard_normal(mean.shape))
        return mean + self.variance(parameters).sqrt() * noise


class StudentTLikelihood(GaussianLikelihood):
    """x ~ parameter + s · t_ν, with ν > 2 learned for each feature.

    Its tails bear outliers that a Gaussian would bend the decoder for.
    """

    name = "student_t"

    def __init__(self, n_features, noise="feature"):
        if isinstance(noise, str) and noise == "batch":
            raise ValueError(
                "noise_variance must be 'shared', 'feature', 'decoder' or a number "
                "with likelihood='student_t'; got 'batch', which has a closed form for "
                "'gaussian' only."
            )
        super().__init__(n_features, noise)
        self.log_excess = nn.Parameter(torch.full((n_features,), math.log(8.0)))

    @property
    def df(self):
        """Degrees of freedom ν, above 2 so that the variance exists."""
        return 2 + self.log_excess.exp()

    def log_prob(self, x, parameters):
        """Log-density of Student's t; see :func:`scipy.stats.t.logpdf`."""
        squared_scale, df = self.noise.variance(parameters), self.df
        log_normalizer = (
            torch.lgamma((df + 1) / 2)
            - torch.lgamma(df / 2)
            - 0.5 * torch.log(math.pi * df * squared_scale)
        )
        ratio = (x - self.mean(parameters)).square() / (df * squared_scale)
        return log_normalizer - (df + 1) / 2 * torch.log1p(ratio)

    _row_log_prob = Likelihood._row_log_prob

    def variance(self, parameters):
        """s² ν / (ν - 2)."""
        return super().variance(parameters) * (self.df / (self.df - 2))

    def sample(self, parameters, rng):
        """Draw x."""
        mean = self.mean(parameters)
        # NumPy's generator draws from Student's t; torch's takes no generator for it.
        df = np.broadcast_to(self.df.detach().numpy(), mean.shape)
        scale = super().variance(parameters).sqrt()
        return mean + scale * like(parameters, rng.standard_t(df))


# The variance of the noise around what a decoder says, five ways. Whatever learns has a
# positive floor, so that noise-free data have a finite density.


class LearnedNoise(nn.Module):
    """σ² = initial · (FLOOR + exp(SPEED · θ)), θ a parameter.

    SPEED lets σ² fall by orders of magnitude while the weights move by a few units.

    Parameters
    ----------
    shape : tuple
        () for one variance for all features, (p,) for one each.
    """

    SPEED = 10.0
    n_parameters = 0  # numbers that it takes from the decoder for each column

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("initial", torch.ones(shape))
        self.theta = nn.Parameter(torch.zeros(shape))

    def initialize(self, variance):
        """Start at the variances of the features, or at their mean."""
        # A feature without variance gets that of the others, or 1 if none has any.
        mean = variance.mean()
        variance = torch.where(variance > 0, variance, mean if mean > 0 else 1.0)
        self.initial.copy_(variance if self.initial.ndim else variance.mean())

    def variance(self, parameters=None, square=None, observed=None):
        """σ², of shape () or (p,)."""
        return self.initial * (FLOOR + torch.exp(self.SPEED * self.theta))


class DecoderNoise(nn.Module):
    """σ² = initial · (FLOOR + e^s), with s from the decoder, linear above 1."""

    n_parameters = 1

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("initial", torch.ones(n_features))

    initialize = LearnedNoise.initialize

    def variance(self, parameters, square=None, observed=None):
        """σ² of each entry."""
        return self.initial * (FLOOR + soft_exp_log(parameters[..., 1, :]).exp())


class BatchNoise(nn.Module):
    """σ² = the mean squared residual of each batch, its closed-form optimum.

    Rybkin, Daniilidis and Levine (2021), section 3.2. After training it is the mean
    over the last batches, with weights that fall by MEMORY per batch.
    """

    MEMORY = 0.95
    n_parameters = 0

    def __init__(self):
        super().__init__()
        self.register_buffer("initial", torch.ones(()))
        self.register_buffer("recent", torch.ones(()))

    def initialize(self, variance):
        """Start at the mean variance."""
        self.initial.copy_(variance.mean() or 1.0)
        self.recent.copy_(self.initial)

    @torch.no_grad()
    def variance(self, parameters, square=None, observed=None):
        """σ², a scalar without gradient, which at an optimum is 0."""
        if not self.training or square is None:
            return self.recent.clone()  # scores must not depend on the batch
        if observed is None:
            mean = square.mean()
        else:
            n_draws = square.numel() // observed.numel()
            mean = (square * observed).sum() / (n_draws * observed.sum()).clamp(min=1)
        mean = mean.clamp(min=FLOOR * self.initial)
        self.recent.lerp_(mean, 1 - self.MEMORY)
        return mean


class FixedNoise(nn.Module):
    """σ² given.

    Parameters
    ----------
    value : array-like of shape (p,)
        σ² of each feature.
    """

    n_parameters = 0

    def __init__(self, value):
        super().__init__()
        self.register_buffer("value", torch.as_tensor(value, dtype=torch.float32))

    def initialize(self, variance):
        """Keep what was given."""

    def variance(self, parameters, square=None, observed=None):
        """σ² of each feature."""
        return self.value


NOISES = {
    "shared": lambda p: LearnedNoise(()),
    "feature": lambda p: LearnedNoise((p,)),
    "decoder": DecoderNoise,
    "batch": lambda p: BatchNoise(),
}


class TableLikelihood(nn.Module):
    """Columns that are independent given the code, each with its likelihood.

    The decoder's output holds what the parts take, one after the other.

    Parameters
    ----------
    parts : list of Likelihood
        The likelihoods.
    columns : list of tuple of int
        The columns of each.
    """

    def __init__(self, parts, columns):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.columns = [as_slice(part) for part in columns]
        self.shapes = [(part.n_parameters, part.n_features) for part in parts]
        self.sizes = [n_parameters * n for n_parameters, n in self.shapes]
        self.n_outputs = sum(self.sizes)
        order = np.concatenate(columns)
        # Parts follow one another in the decoder's output; columns are as in the table.
        self.restore = as_slice(tuple(order.argsort().tolist()))
        self.n_features = len(order)

    def check(self, X, names):
        """Raise for a value outside its likelihood's support."""
        for part, columns in zip(self.parts, self.columns, strict=True):
            if part.standardized:  # all that is finite
                continue
            for start in range(0, len(X), BLOCK_ROWS):
                block = X[start : start + BLOCK_ROWS][:, columns]
                found = part._first_outside(block)
                if found is not None:
                    row, j = found
                    column = names[int(np.arange(self.n_features)[columns][j])]
                    kind = getattr(part, "name", type(part).__name__)
                    raise ValueError(
                        f"Column {column!r} of X must hold {part.support}, as its "
                        f"likelihood is {kind!r}; got {block[row, j]:g} in row "
                        f"{start + row}."
                    )

    def initialize(self, data):
        """Take the marginals of all parts."""
        for part, columns in zip(self.parts, self.columns, strict=True):
            part.initialize(block[:, columns] for block in row_blocks(data))

    def split(self, output):
        """Pair each part with its columns and its parameters, (..., m, n_columns)."""
        # A training step of one likelihood is short enough that each operation counts.
        several = len(self.sizes) > 1
        outputs = output.split(self.sizes, dim=-1) if several else (output,)
        for part, columns, own, shape in zip(
            self.parts, self.columns, outputs, self.shapes, strict=True
        ):
            yield part, columns, own.view(*own.shape[:-1], *shape)

    def log_prob(self, x, output, observed=None):
        """Sum of the log-densities of what is observed (None: all)."""
        total = 0
        for part, columns, parameters in self.split(output):
            seen = None if observed is None else observed[..., columns]
            total = total + part._row_log_prob(x[..., columns], parameters, seen)
        return total

    def gather(self, results):
        """Bring results of the parts into the order of the columns."""
        return torch.cat(results, dim=-1)[..., self.restore]

    def mean(self, output):
        """E[x]."""
        return self.gather([part.mean(own) for part, _, own in self.split(output)])

    def variance(self, output):
        """Var[x]."""
        return self.gather([part.variance(own) for part, _, own in self.split(output)])

    def expectation(self, output, w):
        """E[x] and Var[x] under a mixture of outputs (n, K, ...), of weights w."""
        parts = [part._expectation(own, w) for part, _, own in self.split(output)]
        mean, variance = zip(*parts, strict=True)
        return self.gather(mean), self.gather(variance)

    def sample(self, output, rng):
        """Draw x."""
        return self.gather(
            [part.sample(own, rng) for part, _, own in self.split(output)]
        )


def as_slice(indices):
    """A slice in place of consecutive indices: it takes no copy."""
    start, stop = indices[0], indices[-1] + 1
    return slice(start, stop) if indices == tuple(range(start, stop)) else list(indices)


def observed_mean(blocks, function=lambda x: x):
    """Mean of function(x) over the observed entries of each column, and their count."""
    total = count = 0.0
    for x in blocks:
        # In double: in single precision a sum over many rows stops growing.
        x = x.double()
        value, seen = function(x), ~x.isnan()
        shape = seen.shape + (1,) * (value.ndim - seen.ndim)
        total = total + torch.where(seen.view(shape), value, 0.0).sum(0)
        count = count + seen.sum(0)
    return total / count.view(count.shape + (1,) * (total.ndim - 1)), count


def like(parameters, draws):
    """Draws of NumPy's generator, in the precision of the decoder's output."""
    return torch.as_tensor(draws, dtype=parameters.dtype)
