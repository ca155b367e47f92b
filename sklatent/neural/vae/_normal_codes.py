"""Normal codes and their priors p(z): the public base class, and the built-in ones.

`encode`, which a VampPrior needs, maps inputs of the encoder to the mean and log
variance of q.
"""

import math

import numpy as np
import torch
from torch import nn

# Below this, the variance of a code is lost in single precision.
MIN_LOG_VARIANCE = -30.0
# Log variance of codes before training. From wide posteriors the decoder hears nothing
# but noise, learns to do without the code, and the posterior collapses.
START = -4.0
# Draws from which the moments of a prior are estimated that does not tell them.
MOMENT_DRAWS = 1000


class NormalLatent(nn.Module):
    """q(z | x) = N(mean, diag variance).

    Parameters
    ----------
    n_components : int
        Size of the code.
    prior : Prior
        Its prior.
    """

    codes = None

    def __init__(self, n_components, prior):
        super().__init__()
        self.n_components = n_components
        self.n_encoded, self.n_decoded = 2 * n_components, n_components
        self.prior = prior

    def parameters_of(self, output):
        """Mean and log variance, each (n, q).

        With s the encoder's output plus START, the variance is e^s up to 1, the
        prior's, and 1 + s beyond: one outlying row would otherwise outweigh all others.
        """
        mean, s = output.chunk(2, dim=1)  # START narrows posteriors at first
        return mean, soft_exp_log(s + START, MIN_LOG_VARIANCE)

    def prior_parameters(self, encode):
        """Mean and log variance of the prior, (q,)."""
        mean, variance = self.prior._moments(self.n_components, encode)
        return mean, variance.log()

    def moments(self, parameters):
        """Mean and variance of q, (n, q)."""
        mean, log_variance = parameters
        return mean, log_variance.exp()

    def noise(self, shape, generator, like):
        """Standard normal noise, (*shape, q), of the precision and device of `like`."""
        noise = like.new_empty((*shape, self.n_components))
        return noise.normal_(generator=generator)

    def draw(self, parameters, noise, temperature=None):
        """Codes mean + sqrt(variance) noise, which have a gradient as they are."""
        mean, log_variance = parameters
        return mean[:, None] + (0.5 * log_variance[:, None]).exp() * noise

    def log_ratio(self, parameters, z, encode):
        """Log p(z) - log q(z | x), (n, K)."""
        mean, log_variance = parameters
        log_q = normal_log_prob(z, mean[:, None], log_variance[:, None]).sum(-1)
        return self.prior.log_prob(z, encode) - log_q

    def kl(self, parameters):
        """KL(q ‖ p) of each component, (n, q), or None."""
        return self.prior.kl(*parameters) if self.prior.kl else None

    def pairwise_log_q(self, parameters, z):
        """Log q(z | x) of draws under each of the posteriors, (m, n)."""
        return pairwise_normal_log_prob(z, *parameters)

    def marginal_kl(self, parameters, z, encode):
        """Draws of log q(z | x) - log p(z) of each single component, (n, K, q)."""
        mean, log_variance = parameters
        log_q = normal_log_prob(z, mean[:, None], log_variance[:, None])
        return log_q - self.prior._marginal_log_prob(z, encode)

    def code(self, parameters):
        """Mean of q, (n, q)."""
        return parameters[0]

    def embed(self, code):
        """The code itself."""
        return code

    def sample(self, n_samples, rng, encode):
        """Draw the decoder's inputs from the prior, in double precision."""
        noise = torch.from_numpy(rng.standard_normal((n_samples, self.n_components)))
        return self.prior.sample(noise, rng, encode)


def soft_exp_log(s, lowest=None):
    """Logarithm, at least `lowest`, of a number that is e^s up to 1 and 1 + s beyond.

    Where an output is large by accident, an exponential would outweigh all rows.
    """
    return s.clamp(lowest, 0) + s.relu().log1p()


def normal_log_prob(z, mean, log_variance):
    """Log-density of N(mean, variance), elementwise."""
    square = (z - mean).square() * (-log_variance).exp()
    return -0.5 * (square + log_variance + math.log(2 * math.pi))


def pairwise_normal_log_prob(z, mean, log_variance):
    """Log-density of draws z (..., q) under each of c Gaussians, (..., c).

    Expanded into a product of matrices, instead of an array of draws, Gaussians and
    components.
    """
    # Codes are of the size of 1, so that the expanded square keeps its digits.
    precision = (-log_variance).exp()
    constants = mean.square() * precision + log_variance + math.log(2 * math.pi)
    constants = constants.sum(-1, keepdim=True)
    slopes = torch.cat([precision, -2 * mean * precision, constants], dim=-1)
    features = torch.cat([z.square(), z, torch.ones_like(z[..., :1])], dim=-1)
    return features @ (-0.5 * slopes).mT


def by_component(z):
    """Each component of codes (..., q) as codes of its own, (q, n, 1)."""
    return z.flatten(0, -2).T.unsqueeze(-1)


class Prior(nn.Module):
    """Base class of priors: the distribution p(z) of the real-valued codes.

    A subclass defines two methods, `log_prob` and `sample`. It may learn numbers of its
    own, as :class:`torch.nn.Parameter`. It is given to a :class:`VAETransformer` as
    ``prior=Subclass``.

    Parameters
    ----------
    n_components : int
        Size of the code.

    See Also
    --------
    VAETransformer : The model that takes a prior.
    Likelihood : Base class of likelihoods.

    Examples
    --------
    A heavy-tailed prior, Student's t with 4 degrees of freedom in each component:

    >>> import numpy as np
    >>> import torch
    >>> from sklatent.neural import Prior, VAETransformer
    >>> class StudentT(Prior):
    ...     def log_prob(self, z, encode=None):
    ...         return torch.distributions.StudentT(4.0).log_prob(z).sum(-1)
    ...
    ...     def sample(self, noise, rng, encode=None):
    ...         chi2 = torch.from_numpy(rng.chisquare(4, size=noise.shape))
    ...         return noise / (chi2 / 4).sqrt()
    >>> X = np.random.RandomState(0).standard_normal((200, 3))
    >>> vae = VAETransformer(2, prior=StudentT, max_epochs=2, random_state=0).fit(X)
    >>> vae.sample(5, random_state=0).shape
    (5, 3)
    """

    kl = None  # of q from p, (n, q), where it has a closed form

    def __init__(self, n_components):
        super().__init__()
        self.n_components = n_components

    def log_prob(self, z, encode=None):
        """Log p(z) of each code, in nats.

        Parameters
        ----------
        z : Tensor of shape (..., n_components)
            Codes.
        encode : callable, default=None
            The encoder, for priors that are made of it.

        Returns
        -------
        log_prob : Tensor of shape (...)
            Differentiable by `z`.

        Examples
        --------
        Independent components that are uniform in [0, 1]:

        >>> import torch
        >>> from sklatent.neural import Prior
        >>> class Uniform(Prior):
        ...     def log_prob(self, z, encode=None):
        ...         return torch.where((z >= 0) & (z <= 1), 0.0, -torch.inf).sum(-1)
        >>> Uniform(n_components=2).log_prob(torch.tensor([[0.2, 0.5], [0.2, 1.5]]))
        tensor([0., -inf])
        """
        raise NotImplementedError

    def sample(self, noise, rng, encode=None):
        """Draw codes from p(z).

        Parameters
        ----------
        noise : Tensor of shape (n_samples, n_components)
            Standard normal noise, in double precision, which may be used for it.
        rng : numpy.random.RandomState
            The only source of other random numbers.
        encode : callable, default=None
            The encoder, for priors that are made of it.

        Returns
        -------
        z : Tensor of shape (n_samples, n_components)
            The codes, in double precision.

        Examples
        --------
        >>> import numpy as np
        >>> import torch
        >>> from sklatent.neural import Prior
        >>> class Uniform(Prior):
        ...     def sample(self, noise, rng, encode=None):
        ...         return torch.from_numpy(rng.uniform(size=noise.shape))
        >>> noise, rng = torch.zeros(3, 2), np.random.RandomState(0)
        >>> Uniform(n_components=2).sample(noise, rng).shape
        torch.Size([3, 2])
        """
        raise NotImplementedError

    def _marginal_log_prob(self, z, encode=None):
        """Log-density of each component; NaN where it is not known."""
        return torch.full_like(z, torch.nan)

    def _moments(self, n_components, encode=None):
        """Mean and variance of each component, (q,); of draws unless known."""
        rng = np.random.RandomState(0)
        noise = torch.from_numpy(rng.standard_normal((MOMENT_DRAWS, n_components)))
        z = self.sample(noise, rng, encode)
        return z.mean(0), z.var(0)


class StandardNormal(Prior):
    """z ~ N(0, I)."""

    def log_prob(self, z, encode=None):
        """Log-density -½ (|z|² + q log 2π), last dimension summed."""
        return -0.5 * (z.square().sum(-1) + z.shape[-1] * math.log(2 * math.pi))

    def _marginal_log_prob(self, z, encode=None):
        """Log-density of each component."""
        return -0.5 * (z.square() + math.log(2 * math.pi))

    def kl(self, mean, log_variance):
        """KL(N(mean, variance) ‖ N(0, 1)) of each component, (n, q), in nats.

        ½ (mean² + variance - log variance - 1): Kingma and Welling (2014),
        appendix B.
        """
        return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)

    def _moments(self, n_components, encode=None):
        """Mean and variance of each component, (q,)."""
        return torch.zeros(n_components), torch.ones(n_components)

    def sample(self, noise, rng, encode=None):
        """Turn standard normal noise (n, q) into codes."""
        return noise


class GaussianMixturePrior(Prior):
    """z ~ Σ_c w_c N(m_c, diag v_c), all of it learned.

    Parameters
    ----------
    n_prior_components : int
        Number of Gaussians.
    n_components : int
        Size of the code.
    generator : torch.Generator
        Draws the first means, from N(0, I).
    """

    def __init__(self, n_prior_components, n_components, generator):
        super().__init__(n_components)
        shape = (n_prior_components, n_components)
        self.logits = nn.Parameter(torch.zeros(n_prior_components))
        self.mean = nn.Parameter(torch.randn(shape, generator=generator))
        self.log_variance = nn.Parameter(torch.zeros(shape))

    def gaussians(self, encode):
        """Log-weights (c,), means and log variances (c, q)."""
        return self.logits.log_softmax(0), self.mean, self.log_variance

    def log_prob(self, z, encode):
        """Log-density, last dimension summed."""
        log_weights, mean, log_variance = self.gaussians(encode)
        logs = pairwise_normal_log_prob(z, mean, log_variance)
        return (log_weights + logs).logsumexp(-1)

    def _marginal_log_prob(self, z, encode):
        """Log-density of each component."""
        log_weights, mean, log_variance = self.gaussians(encode)
        gaussians = by_component(mean), by_component(log_variance)
        logs = pairwise_normal_log_prob(by_component(z), *gaussians)
        return (log_weights + logs).logsumexp(-1).T.view_as(z)

    def _moments(self, n_components, encode):
        """Mean and variance of each component, (q,)."""
        log_weights, mean, log_variance = self.gaussians(encode)
        w = log_weights.exp()
        center = w @ mean
        return center, w @ (log_variance.exp() + (mean - center).square())

    def sample(self, noise, rng, encode):
        """Turn standard normal noise (n, q) into codes."""
        log_weights, mean, log_variance = self.gaussians(encode)
        weights = log_weights.exp().double().numpy()
        chosen = rng.choice(len(weights), size=len(noise), p=weights / weights.sum())
        return mean[chosen] + (0.5 * log_variance[chosen]).exp() * noise


class VampPrior(GaussianMixturePrior):
    """z ~ 1/C Σ_c q(z | u_c), the posterior of C learned pseudo-inputs.

    Tomczak and Welling (2018), eq. 9.

    Parameters
    ----------
    n_prior_components : int
        Number of pseudo-inputs.
    n_components : int
        Size of the code.
    n_inputs : int
        Their size, that of the encoder's input.
    """

    def __init__(self, n_prior_components, n_components, n_inputs):
        Prior.__init__(self, n_components)
        self.inputs = nn.Parameter(torch.zeros(n_prior_components, n_inputs))

    def gaussians(self, encode):
        """Log-weights (c,), means and log variances (c, q)."""
        mean, log_variance = encode(self.inputs)
        log_weights = mean.new_full((len(mean),), -math.log(len(mean)))
        return log_weights, mean, log_variance
