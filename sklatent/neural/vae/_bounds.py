"""Lower bounds on log p(x) of a variational autoencoder, for given noise.

`noise` (K, ...) turns into K draws z_k from q(z | x) for every row. One noise for all
rows makes a bound a function of the row alone. Where codes are few, sums over all of
them take the place of the draws, and bounds are exact.
"""

import math

import torch


def elbo_terms(model, x, noise):
    """E_q[log p(x | z)], averaged over the draws, and KL(q ‖ p), each (n,)."""
    x, observed = model.observe(x)
    parameters = model.posterior(x, observed)
    if model.latent.codes is not None:
        log_likelihood = model.expected_log_likelihood(x, observed, parameters)
        return log_likelihood, model.latent.kl(parameters).sum(1)
    z = model.latent.draw(parameters, noise)
    kl = model.latent.kl(parameters)
    kl = -model.log_ratio(parameters, z).mean(1) if kl is None else kl.sum(1)
    return model.log_likelihood(x, observed, z).mean(1), kl


def weighted_draws(model, x, noise):
    """Draws z_k, and log p(x | z_k) p(z_k) / q(z_k | x), (n, K)."""
    x, observed = model.observe(x)
    parameters = model.posterior(x, observed)
    z = model.latent.draw(parameters, noise)
    log_weights = model.log_likelihood(x, observed, z)
    return z, log_weights + model.log_ratio(parameters, z)


def weighted_codes(model, x, noise):
    """Codes whose mean weight estimates p(x), and log-weights (n, K).

    Where codes are few it is all of them, (1, K, ...), with the weights p(x | z_k): all
    are alike a priori, so that the mean is p(x) itself. Else they are draws.
    """
    codes = model.latent.codes
    if codes is None:
        return weighted_draws(model, x, noise)
    x, observed = model.observe(x)
    return codes[None], model.log_likelihood(x, observed, codes[None])


def importance_weighted_bound(model, x, noise):
    """Bound log p(x) by log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x), (n,).

    Burda et al. (2016), eq. 8. Returned with its standard error, which for an average
    of K weights w is sd(w) / (sqrt(K) mean(w)), by the delta method; for all codes
    there are, 0.
    """
    _, log_weights = weighted_codes(model, x, noise)
    n_draws = log_weights.shape[1]
    bound = log_weights.logsumexp(1) - math.log(n_draws)
    if model.latent.codes is not None:
        return bound, torch.zeros_like(bound)
    spread = (log_weights - bound[:, None]).exp().var(1, correction=0)
    return bound, (spread / n_draws).sqrt()


def effective_sample_size(model, x, noise):
    """(Σ w)² / Σ w² of the importance weights of each row, (n,), from 1 to K.

    Kong, Liu and Wong (1994).
    """
    _, log_weights = weighted_draws(model, x, noise)
    w = log_weights.softmax(1)
    return 1 / w.square().sum(1)


def expected_row(model, x, noise):
    """E[x | observed entries] and Var[x | observed entries], each (n, p).

    By self-normalised importance sampling: Mattei and Frellsen (2019), eq. 11. The
    variance is that of the draws plus the mean of theirs.
    """
    z, log_weights = weighted_codes(model, x, noise)
    w = log_weights.softmax(1)[..., None]
    output = model.decoder(z)
    mean = model.likelihood.mean(output)
    expected = (w * mean).sum(1)
    variance = (mean - expected[:, None]).square() + model.likelihood.variance(output)
    return expected, (w * variance).sum(1)
