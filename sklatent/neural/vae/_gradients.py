"""The gradient of the evidence lower bound, written out.

As in `networks._gradients`, a function returns a value and what pulls a gradient back.
Values here are totals over the rows of a batch, in nats, and gradients by them numbers,
`weight`. Where the formula of a part is not written out, it is left to autograd.
"""

import math

import torch
from torch.nn.functional import softplus

from sklatent.neural.networks._gradients import by_autograd, gradient_of
from sklatent.neural.vae._discrete_likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    NominalLikelihood,
    OneHotLikelihood,
    PoissonLikelihood,
)
from sklatent.neural.vae._likelihoods import (
    FLOOR,
    GaussianLikelihood,
    LearnedNoise,
    StudentTLikelihood,
)
from sklatent.neural.vae._normal_codes import (
    MIN_LOG_VARIANCE,
    START,
    GaussianMixturePrior,
    NormalLatent,
    StandardNormal,
)

LOG_2PI = math.log(2 * math.pi)


def has_normal_codes(latent):
    """Tell whether `codes_vjp` knows a kind of code, with its prior."""
    if type(latent) is not NormalLatent:
        return False
    return type(latent.prior) is StandardNormal or latent.prior.kl is None


def codes_vjp(model, output, noise):
    """Draw codes from q(z | x), and compare it with the prior.

    Parameters
    ----------
    model : VariationalAutoencoder
        With codes of which `has_normal_codes` is true.
    output : Tensor of shape (n, 2 q)
        Of the encoder.
    noise : Tensor of shape (n, q)
        Standard normal.

    Returns
    -------
    z : Tensor of shape (n, q)
        Codes.
    kl : Tensor of shape ()
        Total of KL(q ‖ p), by z where it has no closed form.
    pullback : callable
        Of the gradient by z, and the weight of the divergence, to that by the output.
    """
    mean, s = output.chunk(2, dim=1)
    s = s + START
    e = s.clamp(MIN_LOG_VARIANCE, 0).exp_()
    variance = s.clamp(min=0).add_(e)  # 1 + s where e is 1
    log_variance = variance.log()
    moved = variance.sqrt().mul_(noise)
    z = mean + moved
    if type(model.latent.prior) is StandardNormal:
        excess = torch.addcmul(variance, mean, mean).sub_(log_variance)
        kl = 0.5 * (excess.sum() - z.numel())

        def pullback(of_z, weight):
            of_mean = torch.add(of_z, mean, alpha=weight)
            of_variance = moved.mul_(of_z).add_(variance, alpha=weight)
            return of_output(of_mean, of_variance.sub_(weight))

    else:
        squares = torch.addcmul(log_variance, noise, noise)
        log_q = -0.5 * (squares.sum() + LOG_2PI * z.numel())
        log_p, of_prior = prior_vjp(model.latent.prior, z, model.encode_inputs)
        kl = log_q - log_p

        def pullback(of_z, weight):
            of_mean = of_prior(-weight).add_(of_z)
            return of_output(of_mean, moved.mul_(of_mean).sub_(weight))

    def of_output(of_mean, twice_of_log_variance):
        of_s = twice_of_log_variance.mul_(e).div_(variance).mul_(0.5)
        of_s.masked_fill_(s <= MIN_LOG_VARIANCE, 0.0)
        return torch.cat([of_mean, of_s], dim=1)

    return z, kl, pullback


def prior_vjp(prior, z, encode):
    """Total of log p(z), and the function that takes its weight to a gradient by z."""
    if type(prior) is GaussianMixturePrior:
        return mixture(prior, z)
    return recorded(lambda z: prior.log_prob(z[:, None], encode), z)


def recorded(function, x):
    """Total of a function of rows that is left to autograd."""
    total, of_total = by_autograd(lambda x: function(x).sum(), x)
    return total, lambda weight: of_total(torch.full_like(total, weight))


def mixture(prior, z):
    """Log Σ_c exp(w_c + log N(z; m_c, v_c)), where log N is linear in (z², z)."""
    m, log_v = prior.mean, prior.log_variance
    precision = log_v.neg().exp_()
    scaled = m * precision
    features = torch.cat([z.square(), z], dim=1)
    slopes = torch.cat([precision * -0.5, scaled], dim=1)
    constants = torch.addcmul(log_v, m, scaled).sum(1)
    log_weights = prior.logits.log_softmax(0)
    constants = torch.sub(log_weights, constants, alpha=0.5)
    logs = torch.addmm(constants, features, slopes.T)
    log_shares = logs.log_softmax(1)
    shares = log_shares.exp()  # responsibilities
    # The density of a row is the difference in each column, to rounding of the larger.
    log_p = torch.dot(shares.flatten(), logs.sub_(log_shares).flatten())

    def pullback(weight):
        of_logs = shares.mul_(weight)
        of_constants = of_logs.sum(0)
        of_squares, of_scaled = of_logs.T.mm(features).chunk(2, dim=1)
        each = of_constants[:, None]
        of_shift = torch.addcmul(of_scaled, m, each, value=-1)
        gradient_of(prior.mean).addcmul_(precision, of_shift)
        # Twice that by the precision.
        of_precision = of_shift.add_(of_scaled).mul_(m).sub_(of_squares)
        of_log_v = gradient_of(prior.log_variance)
        of_log_v.addcmul_(precision, of_precision, value=-0.5).sub_(each, alpha=0.5)
        expected = log_weights.exp().mul_(weight * len(z))
        gradient_of(prior.logits).add_(of_constants.sub_(expected))
        of_square, of_z = of_logs.mm(slopes).chunk(2, dim=1)
        return torch.addcmul(of_z, z, of_square, value=2)

    return log_p - 0.5 * LOG_2PI * z.numel(), pullback


def table_vjp(table, x, output):
    """Total of log p(x | z) of complete rows, by the decoder's output.

    Parameters
    ----------
    table : TableLikelihood
        Of the columns.
    x : Tensor of shape (n, p)
        Rows.
    output : Tensor of shape (n, n_outputs)
        Of the decoder.

    Returns
    -------
    log_p : Tensor of shape ()
        The total.
    pullback : callable
        Of its weight to the gradient by the output.
    """
    total, pullbacks = 0, []
    for part, columns, parameters in table.split(output):
        log_p, pullback = part_vjp(part, x[:, columns], parameters)
        total = total + log_p
        pullbacks.append(pullback)

    def pull_all(weight):
        gradients = [pullback(weight).flatten(1) for pullback in pullbacks]
        return torch.cat(gradients, dim=1) if len(gradients) > 1 else gradients[0]

    return total, pull_all


def part_vjp(part, x, parameters):
    """Total of log p(x | parameters) of the columns of one likelihood."""
    noise = getattr(part, "noise", None)
    by_decoder = noise is not None and noise.n_parameters > 0
    if type(part) in LIKELIHOODS and not by_decoder:
        return LIKELIHOODS[type(part)](part, x, parameters)
    x = x[:, None]
    return recorded(lambda own: part._row_log_prob(x, own[:, None]), parameters)


def add_to_noise(noise, variance, of_log_variance, weight):
    """Add `weight` times a gradient by log σ² to that of what it is made of."""
    if type(noise) is LearnedNoise:
        # The floor does not move.
        share = torch.sub(variance, noise.initial, alpha=FLOOR).div_(variance)
        of_theta = of_log_variance.mul_(share).mul_(noise.SPEED * weight)
        gradient_of(noise.theta).add_(of_theta if share.ndim else of_theta.sum())


def gaussian(part, x, parameters):
    """-½ Σ ((x - m)² / σ² + log 2πσ²)."""
    n = len(x)
    difference = x - parameters[:, 0]
    square = difference * difference
    variance = part.noise.variance(parameters, square)
    ratio = square.sum(0).div_(variance)
    terms = torch.add(ratio, variance.log(), alpha=n)

    def pullback(weight):
        add_to_noise(part.noise, variance, ratio.sub_(n), 0.5 * weight)
        return difference.div_(variance * (1 / weight))

    return -0.5 * (terms.sum() + LOG_2PI * x.numel()), pullback


def student_t(part, x, parameters):
    """Σ log t_ν((x - m) / s) - log s, with r = (x - m)² / ν s²."""
    n, df, variance = len(x), part.df, part.noise.variance(parameters)
    difference = x - parameters[:, 0]
    width = df * variance
    r = difference.square().div_(width)
    logs = r.log1p().sum(0)
    log_normalizer = (
        torch.lgamma((df + 1) / 2)
        - torch.lgamma(df / 2)
        - 0.5 * torch.log(math.pi * width)
    )

    def pullback(weight):
        beyond = 1 / (1 + r)
        share = n - beyond.sum(0)  # Σ r / (1 + r)
        rise = torch.digamma((df + 1) / 2) - torch.digamma(df / 2) - 1 / df
        of_df = 0.5 * weight * (n * rise - logs + (df + 1) / df * share)
        gradient_of(part.log_excess).add_(of_df * (df - 2))
        add_to_noise(part.noise, variance, (df + 1) * share - n, 0.5 * weight)
        return difference.mul_(beyond).mul_(weight * (df + 1) / width)

    return (n * log_normalizer - 0.5 * (df + 1) * logs).sum(), pullback


def bernoulli(part, x, parameters):
    """Σ x l - log(1 + e^l), with the gradient x - 1 / (1 + e^-l)."""
    logits = part.logits(parameters)
    total = torch.dot(x.flatten(), logits.flatten()) - softplus(logits).sum()
    return total, lambda weight: (x - logits.sigmoid_()).mul_(weight)


def poisson(part, x, parameters):
    """Σ x log λ - λ - log x!, with the gradient x - λ by log λ."""

    def pullback(weight):
        rate = part.log_rate(parameters).exp_()
        slower = 1 + parameters[:, 0].relu()
        return (x - rate).mul_(weight).div_(slower)

    return part.log_prob(x, parameters).sum(), pullback


def categorical(part, x, parameters):
    """Σ log p of the levels that occur; the gradient is indicators less p."""
    log_p = part.log_softmax(parameters)
    index = part.index(x)[:, None]

    def pullback(weight):
        gradient = log_p.exp_().mul_(-weight)
        return gradient.scatter_add_(1, index, torch.full_like(x, weight)[:, None])

    return log_p.gather(1, index).sum(), pullback


def one_hot(part, x, parameters):
    """Σ log p of the columns with the one; the gradient is indicators less p."""
    log_p = part.log_softmax(parameters)
    total = (x * log_p).sum()
    return total, lambda weight: (x - log_p.exp_()).mul_(weight)


LIKELIHOODS = {
    BernoulliLikelihood: bernoulli,
    CategoricalLikelihood: categorical,
    GaussianLikelihood: gaussian,
    NominalLikelihood: categorical,
    OneHotLikelihood: one_hot,
    PoissonLikelihood: poisson,
    StudentTLikelihood: student_t,
}
