"""Lower bounds on log p(x) of a variational autoencoder, for given noise.

`noise` (K, q) turns into K draws z_k = mean + sqrt(variance) noise_k for every
row. One noise for all rows makes a bound a function of the row alone.
"""

import math


def draw(mean, log_variance, noise):
    """K draws from q(z | x) for each row, (n, K, q)."""
    return mean[:, None] + (0.5 * log_variance[:, None]).exp() * noise


def elbo_terms(model, x, noise):
    """E_q[log p(x | z)], averaged over the draws, and KL(q ‖ p), each (n,)."""
    mean, log_variance = model.posterior(x)
    output = model.decoder(draw(mean, log_variance, noise))
    log_likelihood = model.likelihood.log_prob(x[:, None], output).mean(1)
    return log_likelihood, model.prior.kl(mean, log_variance).sum(1)


def importance_weighted_bound(model, x, noise):
    """Bound log p(x) by log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x), (n,).

    Burda et al. (2016), eq. 8.
    """
    mean, log_variance = model.posterior(x)
    z = draw(mean, log_variance, noise)
    log_p_x = model.likelihood.log_prob(x[:, None], model.decoder(z))
    log_q = -0.5 * (noise.square() + log_variance[:, None] + math.log(2 * math.pi))
    log_weights = log_p_x + model.prior.log_prob(z) - log_q.sum(-1)
    return log_weights.logsumexp(1) - math.log(len(noise))
