"""Discrete codes: zeros and ones, and levels. `_model` says what codes have to have.

`codes` holds the decoder's inputs for all codes, (K, n_decoded), where these are few
enough to be summed over, and is None elsewhere. A priori all are alike.
"""

import math

import torch
from torch import nn
from torch.nn.functional import one_hot, softplus

# How many codes are summed over. The decoder sees each of them once, but every row is
# compared with all.
MAX_CODES = 256


def few_codes(latent, n_levels):
    """Decoder's inputs for all codes of L levels, (K, n_decoded); None if too many."""
    if n_levels**latent.n_components > MAX_CODES:
        return None
    levels = [torch.arange(n_levels)] * latent.n_components
    codes = torch.cartesian_prod(*levels).view(-1, latent.n_components)
    return latent.embed(codes.float())


class BernoulliLatent(nn.Module):
    """Components 0 or 1, even odds a priori; the decoder is given -1 and 1.

    Training draws from the binary concrete law and decodes the nearer of 0 and 1, with
    the gradient of the former: Maddison, Mnih and Teh (2017), appendix B; Jang, Gu and
    Poole (2017), section 2.2.

    Parameters
    ----------
    n_components : int
        Size of the code.
    """

    def __init__(self, n_components):
        super().__init__()
        self.n_components = self.n_encoded = self.n_decoded = n_components
        self.register_buffer("codes", few_codes(self, 2), persistent=False)

    def parameters_of(self, output):
        """Log-odds of 1, (n, q)."""
        return (output,)

    def prior_parameters(self, encode):
        """Even log-odds."""
        return (torch.zeros(()),)

    def moments(self, parameters):
        """Probability p of 1, and p (1 - p), each (n, q)."""
        p = parameters[0].sigmoid()
        return p, p * (1 - p)

    def noise(self, shape, generator, like):
        """Logistic noise, (*shape, q)."""
        uniform = torch.rand(
            (*shape, self.n_components),
            generator=generator,
            dtype=torch.float64,
            device=like.device,
        )
        return uniform.logit(eps=1e-12).to(like)

    def draw(self, parameters, noise, temperature=None):
        """Signs: the log-odds, moved by the noise, above zero.

        With a temperature they have the gradient of a smooth function of the log-odds.
        """
        moved = parameters[0][:, None] + noise
        signs = torch.where(moved > 0, 1.0, -1.0).to(noise)
        if temperature is None:
            return signs
        soft = torch.tanh(moved / (2 * temperature))
        return soft + (signs - soft).detach()

    def log_ratio(self, parameters, z, encode):
        """Log p(z) - log q(z | x), (n, K)."""
        return (softplus(-parameters[0][:, None] * z) - math.log(2)).sum(-1)

    def pairwise_log_q(self, parameters, z):
        """Log q(z | x) of draws under each of the posteriors, (m, n)."""
        logits = parameters[0]
        ones, zeros = (1 + z) / 2, (1 - z) / 2
        return -(ones @ softplus(-logits).T + zeros @ softplus(logits).T)

    def kl(self, parameters):
        """KL of Bernoulli(p) from even odds, (n, q): log 2 minus the entropy."""
        logits = parameters[0]
        p = logits.sigmoid()
        return math.log(2) - p * softplus(-logits) - (1 - p) * softplus(logits)

    def code(self, parameters):
        """The likelier of 0 and 1, (n, q)."""
        return (parameters[0] > 0).to(parameters[0])

    def embed(self, code):
        """Signs of zeros and ones."""
        return 2 * code - 1

    def sample(self, n_samples, rng, encode):
        """Draw the decoder's inputs from the prior, in double precision."""
        signs = 2.0 * rng.randint(2, size=(n_samples, self.n_components)) - 1
        return torch.from_numpy(signs)


class CategoricalLatent(nn.Module):
    """Components that take one of L levels, all alike a priori; decoded one-hot.

    Training draws by Gumbel-softmax and decodes the largest, with the gradient of the
    softmax: Jang, Gu and Poole (2017), section 2.2.

    Parameters
    ----------
    n_components : int
        Size of the code.
    n_levels : int
        L.
    """

    def __init__(self, n_components, n_levels):
        super().__init__()
        self.n_components, self.n_levels = n_components, n_levels
        self.n_encoded = self.n_decoded = n_components * n_levels
        self.register_buffer("codes", few_codes(self, n_levels), persistent=False)

    def parameters_of(self, output):
        """Log-probabilities of the levels, (n, q, L)."""
        logits = output.unflatten(1, (self.n_components, self.n_levels))
        return (logits.log_softmax(-1),)

    def prior_parameters(self, encode):
        """Even log-probabilities."""
        return (torch.tensor(-math.log(self.n_levels)),)

    def moments(self, parameters):
        """Probabilities p of the levels, and p (1 - p), each (n, q, L)."""
        p = parameters[0].exp()
        return p, p * (1 - p)

    def noise(self, shape, generator, like):
        """Gumbel noise, (*shape, q, L)."""
        uniform = torch.rand(
            (*shape, self.n_components, self.n_levels),
            generator=generator,
            dtype=torch.float64,
            device=like.device,
        )
        return -uniform.clamp(1e-300, 1 - 1e-16).log().neg().log().to(like)

    def draw(self, parameters, noise, temperature=None):
        """One-hot levels, (n, K, q L).

        With a temperature they have the gradient of a softmax.
        """
        moved = parameters[0][:, None] + noise
        levels = one_hot(moved.argmax(-1), self.n_levels).flatten(-2).to(noise)
        if temperature is None:
            return levels
        soft = (moved / temperature).softmax(-1).flatten(-2)
        return soft + (levels - soft).detach()

    def log_ratio(self, parameters, z, encode):
        """Log p(z) - log q(z | x), (n, K)."""
        log_q = (parameters[0].flatten(1)[:, None] * z).sum(-1)
        return -self.n_components * math.log(self.n_levels) - log_q

    def pairwise_log_q(self, parameters, z):
        """Log q(z | x) of draws under each of the posteriors, (m, n)."""
        return z @ parameters[0].flatten(1).T

    def kl(self, parameters):
        """KL from the uniform law, (n, q): log L minus the entropy."""
        log_p = parameters[0]
        return math.log(self.n_levels) + (log_p.exp() * log_p).sum(-1)

    def code(self, parameters):
        """Number of the likeliest level, 0 to L - 1, (n, q)."""
        return parameters[0].argmax(-1).to(parameters[0])

    def check(self, codes):
        """Raise unless codes are numbers of levels."""
        wrong = (codes != codes.round()) | (codes < 0) | (codes >= self.n_levels)
        if wrong.any():
            raise ValueError(
                "Codes in X must be numbers of levels, 0 to "
                f"{self.n_levels - 1}; got "
                f"{codes[wrong][0]:g}."
            )

    def embed(self, code):
        """One-hot levels."""
        return one_hot(code.long(), self.n_levels).flatten(-2).to(code)

    def sample(self, n_samples, rng, encode):
        """Draw the decoder's inputs from the prior, in double precision."""
        level = rng.randint(self.n_levels, size=(n_samples, self.n_components))
        return self.embed(torch.from_numpy(level).double())
