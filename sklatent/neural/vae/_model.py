"""The model of a variational autoencoder, its bounds on log p(x), and its losses.

The model p(x, z) = p(z) p(x | z), with q(z | x), is made of five parts: what the
encoder sees of a row, the encoder, the kind of code with its prior, the decoder, and
the likelihood of the columns. A kind of code takes `n_encoded` numbers from the encoder
and gives `n_decoded` to the decoder. Its methods, with `parameters` the tuple of arrays
(n, ...) that describe q(z | x):

- `parameters_of(output)` of the encoder's output, and `prior_parameters(encode)`, of
  the prior or what comes nearest to it, which broadcast;
- `noise(shape, generator, like)`, drawn for `shape` draws, and
  `draw(parameters, noise, temperature)`, which makes of it the decoder's inputs,
  (n, K, n_decoded); with a temperature they have a gradient;
- `log_ratio(parameters, z, encode)`, log p(z) - log q(z | x), (n, K);
- `pairwise_log_q(parameters, z)` of draws (m, n_decoded) under each posterior, (m, n);
- `kl(parameters)`, KL(q ‖ p) of each component, (n, q), or None if it has no closed
  form;
- `code(parameters)`, what `transform` returns, and `embed(code)`, its decoder input.

`codes` holds the decoder's inputs for all codes, (K, n_decoded), where these are few
enough to be summed over, and is None elsewhere. A priori all are alike.

Estimates are functions of (model, rows, noise). `noise` (K, ...) turns into K draws z_k
from q(z | x) for every row. One noise for all rows makes a bound a function of the row
only. Where codes are few, sums over all of them take the place of the draws, and bounds
are exact. Losses are in nats per row, and their draws have a gradient.
"""

import math

import numpy as np
import torch
from torch import nn

from sklatent.neural.networks._gradients import vjp
from sklatent.neural.training._loss import Loss
from sklatent.neural.training._rows import BLOCK_ROWS, row_blocks
from sklatent.neural.vae._gradients import codes_vjp, has_normal_codes, table_vjp
from sklatent.neural.vae._likelihoods import observed_mean
from sklatent.utils._moments import Moments

# A component is active if its posterior mean varies by more than this over the
# data: Burda et al. (2016), section 5.2.
ACTIVE_VARIANCE = 0.01
# Draws for the mean divergences of the rows that have no closed form: a row has at
# most so many, and many rows need fewer each.
KL_DRAWS, ALL_KL_DRAWS = 16, 2**14
# By which the first pseudo-rows differ from rows, in standardized units.
PSEUDO_ROW_NOISE = 0.01
# Codes that are drawn at a time for conditional sampling, and at most.
CODES_AT_ONCE, MOST_CODES = 2**13, 2**18


def observe(x):
    """Rows with zeros for what is missing, and what is observed (None: all)."""
    missing = x.isnan()
    if not missing.any():
        return x, None
    # NaN times 0 is NaN, also in the gradient, so that no mask would do later on.
    return x.masked_fill(missing, 0.0), ~missing


class Recognition(nn.Module):
    """q(z | x), given by the encoder.

    Parameters
    ----------
    inputs : nn.Module
        What the encoder sees of a row.
    encoder : nn.Module
        Network.
    latent : nn.Module
        Kind of code: q(z | x) and p(z).
    """

    def __init__(self, inputs, encoder, latent):
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.latent = latent

    def encode_inputs(self, inputs):
        """Parameters of q(z | x) for what the encoder sees."""
        return self.latent.parameters_of(self.encoder(inputs))

    def posterior(self, x, observed=None):
        """Parameters of q(z | x); those of the prior where nothing is observed."""
        parameters = self.encode_inputs(self.inputs(x, observed))
        if observed is None:
            return parameters
        empty = ~observed.any(1)
        if not empty.any():
            return parameters
        # Training sees no such rows, so that what the encoder says of one is arbitrary.
        prior = self.latent.prior_parameters(self.encode_inputs)
        return tuple(
            torch.where(empty.view(-1, *[1] * (own.ndim - 1)), of_prior.to(own), own)
            for of_prior, own in zip(prior, parameters, strict=True)
        )

    def forward(self, x):
        """Mean of q(z | x), differentiable; of discrete codes, probabilities."""
        parameters = self.posterior(*observe(x))
        return self.latent.moments(parameters)[0].flatten(1)


class VariationalAutoencoder(Recognition):
    """p(x, z) = p(z) p(x | decoder(z)), with q(z | x) given by the encoder.

    Parameters
    ----------
    inputs, encoder, latent : nn.Module
        Those of `Recognition`.
    decoder : nn.Module
        Network.
    likelihood : TableLikelihood
        p(x | decoder's output).
    """

    def __init__(self, inputs, encoder, decoder, latent, likelihood):
        super().__init__(inputs, encoder, latent)
        self.decoder = decoder
        self.likelihood = likelihood

    def check(self, X, names):
        """Raise for a value outside its likelihood's support."""
        self.likelihood.check(X, names)

    def initialize(self, data, generator):
        """Take what training starts from out of the rows."""
        self.likelihood.initialize(data)
        self.inputs.initialize(data)
        pseudo_rows = getattr(getattr(self.latent, "prior", None), "inputs", None)
        if pseudo_rows is not None:
            n = len(pseudo_rows)
            order = torch.randperm(len(data), generator=generator)
            chosen = order.repeat(-(-n // len(data)))[:n]
            with torch.no_grad():
                # Equal rows would stay equal for ever.
                pseudo_rows.normal_(0.0, PSEUDO_ROW_NOISE, generator=generator)
                pseudo_rows += self.inputs(*observe(data[chosen].cpu()))

    @torch.inference_mode()
    def summarize(self, data, scale, seed):
        """Fitted attributes that tell of the training rows, standardized by `scale`."""
        # On the CPU, so that the noise is the same whatever the device.
        generator = torch.Generator().manual_seed(seed)
        n_draws = min(KL_DRAWS, max(1, ALL_KL_DRAWS // len(data)))
        noise = self.latent.noise((n_draws,), generator, torch.empty(0))
        codes, kl, variance = None, 0.0, 0.0
        # Sums over blocks, since the rows may be more than fit into memory.
        for block in row_blocks(data):
            summary = component_summary(self, noise, block)
            mean, *others = (part.double().cpu().numpy() for part in summary)
            # The levels of a component are columns of their own.
            moments = Moments.of(mean.reshape(len(mean), -1))
            codes = moments if codes is None else codes.merge(moments)
            of_kl, of_variance = (part.sum(axis=0) for part in others)
            kl, variance = kl + of_kl, variance + of_variance
        spread = codes.covariance().diagonal().reshape(mean.shape[1], -1).sum(axis=1)
        return {
            "kl_per_component_": kl / len(data),
            "n_active_units_": int((spread > ACTIVE_VARIANCE).sum()),
            "noise_variance_": variance / len(data) * scale**2,
        }

    def log_likelihood(self, x, observed, z):
        """Log p(x | z), (n, K), of K codes for each row or, (1, K, ...), for all."""
        # Rows get a dimension for their draws.
        if observed is not None:
            observed = observed[:, None]
        return self.likelihood.log_prob(x[:, None], self.decoder(z), observed)

    def expected_log_likelihood(self, x, observed, parameters):
        """E_q[log p(x | z)] of each row, (n,), where codes are few: a sum over all."""
        # Each code is decoded once for the batch, and compared with every row.
        codes = self.latent.codes
        q = self.latent.pairwise_log_q(parameters, codes).T.exp()
        return (q * self.log_likelihood(x, observed, codes[None])).sum(1)

    def encode(self, x):
        """Code of each row, (n, q)."""
        return self.latent.code(self.posterior(*observe(x)))

    def code_layers(self):
        """Modules that, one after the other, make codes of rows."""
        return [Recognition(self.inputs, self.encoder, self.latent)]

    def decode(self, code):
        """Mean of p(x | z), (n, p)."""
        return self.likelihood.mean(self.decoder(self.latent.embed(code)))

    def forward(self, x):
        """Reconstruction of each row from its code, (n, p)."""
        return self.decode(self.encode(x))


class EncoderInput(nn.Module):
    """What the encoder sees of a row: numbers about 0, and which are observed.

    Columns that are not standardized yet are so here. Missing entries are 0; where
    there are any in training, a mask of ones and zeros is appended.

    Parameters
    ----------
    standardized : ndarray of bool of shape (n_features,)
        Which columns are standardized already.
    has_missing : bool
        Whether to append the mask.
    indicated : sequence of (int, int)
        Columns whose numbers 0, 1, ... are names of levels, and how many: an indicator
        of each level is appended, 0 where missing.
    """

    def __init__(self, standardized, has_missing, indicated=()):
        super().__init__()
        self.standardized = standardized
        self.has_missing = has_missing
        self.indicated = indicated
        self.register_buffer("center", torch.zeros(len(standardized)))
        self.register_buffer("width", torch.ones(len(standardized)))

    def initialize(self, data):
        """Take mean and deviation of the columns that are not standardized yet."""
        # The usual table is standardized when it gets here, and saves two passes.
        if self.standardized.all():
            return
        mean, _ = observed_mean(row_blocks(data))
        variance, _ = observed_mean(row_blocks(data), lambda x: (x - mean).square())
        width = torch.where(variance > 0, variance.sqrt(), 1.0)
        raw = torch.as_tensor(~self.standardized, device=mean.device)
        self.center.copy_(torch.where(raw, mean, 0.0))
        self.width.copy_(torch.where(raw, width, 1.0))

    def forward(self, x, observed):
        """Rows as the encoder takes them, (n, p) or (n, 2 p), and the indicators."""
        indicators = [
            self.indicators(x, observed, j, n_levels) for j, n_levels in self.indicated
        ]
        if not self.standardized.all():
            x = (x - self.center) / self.width
        if observed is not None:
            x = x * observed  # 0 in the units of the data is not 0 after the center
        parts = [x, *indicators]
        if self.has_missing:
            parts.append(torch.ones_like(x) if observed is None else observed.to(x))
        return torch.cat(parts, dim=1) if len(parts) > 1 else x

    def indicators(self, x, observed, j, n_levels):
        """Indicators of the levels of a column, (n, n_levels)."""
        is_level = x[:, j : j + 1] == torch.arange(n_levels, device=x.device)
        if observed is not None:
            is_level = is_level & observed[:, j : j + 1]
        return is_level.to(x)


def moments(model, x):
    """Mean and variance of q(z | x) of each row."""
    return model.latent.moments(model.posterior(*observe(x)))


def elbo(model, x, noise):
    """E_q[log p(x | z)], averaged over the draws, and KL(q ‖ p), each (n,)."""
    x, observed = observe(x)
    parameters = model.posterior(x, observed)
    if model.latent.codes is not None:
        log_likelihood = model.expected_log_likelihood(x, observed, parameters)
        return log_likelihood, divergence(model, parameters, None)
    z = model.latent.draw(parameters, noise)
    kl = divergence(model, parameters, z)
    return model.log_likelihood(x, observed, z).mean(1), kl


def divergence(model, parameters, z):
    """KL(q ‖ p) of each row, (n,); by the draws z where it has no closed form."""
    kl = model.latent.kl(parameters)
    return (
        -model.latent.log_ratio(parameters, z, model.encode_inputs).mean(1)
        if kl is None
        else kl.sum(1)
    )


def weighted_codes(model, x, noise, drawn=False):
    """Codes whose mean weight estimates p(x), and log-weights (n, K).

    They are draws z_k with the weights p(x | z_k) p(z_k) / q(z_k | x). Where codes are
    few, and not asked to be drawn, it is all of them, (1, K, ...), with the weights
    p(x | z_k): all are alike a priori, so that the mean is p(x) itself.
    """
    x, observed = observe(x)
    latent = model.latent
    if latent.codes is not None and not drawn:
        z = latent.codes[None]
        return z, model.log_likelihood(x, observed, z)
    parameters = model.posterior(x, observed)
    z = latent.draw(parameters, noise)
    log_weights = model.log_likelihood(x, observed, z)
    return z, log_weights + latent.log_ratio(parameters, z, model.encode_inputs)


def importance_weighted_bound(model, x, noise):
    """Bound log p(x) by log 1/K Σ_k p(x | z_k) p(z_k) / q(z_k | x), (n,).

    Burda et al. (2016), eq. 8. Returned with its standard error, which for an average
    of K weights w is sd(w) / (sqrt(K) mean(w)), by the delta method; for all codes
    there are, 0.
    """
    _, log_weights = weighted_codes(model, x, noise)
    n_draws = log_weights.shape[1]
    bound = log_weights.logsumexp(1) - math.log(n_draws)
    # By all codes it is a sum, and not an estimate.
    if model.latent.codes is not None:
        return bound, torch.zeros_like(bound)
    spread = (log_weights - bound[:, None]).exp().var(1, correction=0)
    return bound, (spread / n_draws).sqrt()


def effective_sample_size(model, x, noise):
    """(Σ w)² / Σ w² of the importance weights of each row, (n,), from 1 to K.

    Kong, Liu and Wong (1994).
    """
    _, log_weights = weighted_codes(model, x, noise, drawn=True)
    w = log_weights.softmax(1)
    return 1 / w.square().sum(1)


def expected_row(model, x, noise):
    """E[x | observed entries] and Var[x | observed entries], each (n, p).

    By self-normalised importance sampling: Mattei and Frellsen (2019), eq. 11. The
    variance is that of the draws plus the mean of theirs.
    """
    z, log_weights = weighted_codes(model, x, noise)
    w = log_weights.softmax(1)[..., None]
    return model.likelihood.expectation(model.decoder(z), w)


def sampled_rows(model, x, noise, n_samples, rng):
    """Draw from p(x | observed entries), (n, n_samples, p).

    Codes are drawn in proportion to their weights, and rows from the likelihood.
    """
    z, log_weights = weighted_codes(model, x, noise)
    z = z.expand(len(x), -1, -1)
    # By inversion of the cumulative weights, whose last one is 1 but for rounding.
    w = log_weights.softmax(1).cumsum(1)
    u = torch.from_numpy(rng.uniform(size=(len(x), n_samples))).to(w)
    chosen = torch.searchsorted(w, u * w[:, -1:])
    output = model.decoder(z[torch.arange(len(x))[:, None], chosen])
    return model.likelihood.sample(output, rng)


def conditional_codes(model, x, n_samples, rng):
    """Codes from p(z | observed entries of one row x), and their effective number.

    Draws of the prior are resampled with the weights p(observed entries | z). They are
    continued until their effective number is n_samples, or MOST_CODES are drawn.

    Raises
    ------
    ValueError
        If the weights are all 0, or equal because differences have no digits left.
    """
    x, observed = observe(x)
    z, log_w, size, n_drawn = [], [], 0.0, 0
    while size < n_samples and n_drawn < MOST_CODES:
        z.append(model.latent.sample(CODES_AT_ONCE, rng, model.encode_inputs))
        output = model.decoder(z[-1])
        log_w.append(model.likelihood.log_prob(x, output, observed))
        n_drawn += CODES_AT_ONCE
        of_drawn = torch.cat(log_w)
        if not of_drawn.max() > -0.1 / torch.finfo(of_drawn.dtype).eps:
            raise ValueError(
                "conditions must have values at which the density is positive; got "
                "ones that are too far from the training rows."
            )
        w = of_drawn.softmax(0)
        size = 1 / float(w.square().sum())
    # Systematic resampling: a code of weight w is taken n w times, but for less than 1.
    places = (torch.arange(n_samples) + rng.uniform()) / n_samples
    cumulative = w.cumsum(0)
    chosen = torch.searchsorted(cumulative, places.to(w) * cumulative[-1])
    return torch.cat(z)[chosen[rng.permutation(n_samples)]], size


@torch.inference_mode()
def mutual_information(model, x, n_draws, generator):
    """I(x; z) = E[log q(z | x) - log 1/n Σ_j q(z | x_j)] over n rows, in nats.

    Hoffman and Johnson (2016). The draws z are one for each row, `n_draws` times.
    """
    latent, n = model.latent, len(x)
    parameters = model.posterior(*observe(x))
    information = 0.0
    for _ in range(n_draws):
        noise = latent.noise((n, 1), generator, torch.empty(0))
        z = latent.draw(parameters, noise.to(parameters[0])).squeeze(1)
        for start in range(0, n, BLOCK_ROWS):
            # A block of draws against the posteriors of all rows.
            log_q = latent.pairwise_log_q(parameters, z[start : start + BLOCK_ROWS])
            own = log_q.diagonal(start)
            information += (own - log_q.logsumexp(1)).double().sum().item()
    return information / (n_draws * n) + math.log(n)


def component_summary(model, noise, x):
    """Posterior means, divergences of each component, and variances of the features.

    Each is (n, ...). Divergences without a closed form are means over the draws.
    """
    x, observed = observe(x)
    parameters = model.posterior(x, observed)
    kl = model.latent.kl(parameters)
    if kl is None:
        z = model.latent.draw(parameters, noise.to(x))
        kl = model.latent.marginal_kl(parameters, z, model.encode_inputs).mean(1)
    mean, _ = model.latent.moments(parameters)
    z = model.latent.embed(model.latent.code(parameters))
    return mean, kl, model.likelihood.variance(model.decoder(z))


class NegativeBound(Loss):
    """What the bounds have in common: a weight β that may rise at first.

    Parameters
    ----------
    beta : float
        Weight of the divergence: Higgins et al. (2017), eq. 4.
    warmup_epochs : int
        Epochs in which the weight rises from 0 to β: Bowman et al. (2016).
    n_draws : int
        Draws of z per row.
    temperatures : sequence of float
        That of relaxed draws in each epoch, the last one from then on.
    log_scale : array-like of shape (p,)
        Logarithms of what the features were divided by: what -log p(x) of
        standardized features lacks for the data's own units.
    alternating : bool
        Whether encoder and model take turns at a step.
    share_observed : array-like of shape (p,)
        Share of the rows in which each feature is observed. `constant` holds the mean
        over the rows; what a row with missing entries differs by is in its loss.
    """

    def __init__(
        self,
        beta=1.0,
        warmup_epochs=0,
        n_draws=1,
        temperatures=(1.0,),
        log_scale=(0.0,),
        share_observed=(1.0,),
        alternating=False,
    ):
        super().__init__()
        self.beta = self.weight = beta
        # The same number in a place of its own, where steps that are repeated find it.
        self.register_buffer("current", torch.tensor(beta, dtype=torch.float64))
        self.warmup_epochs = warmup_epochs
        self.n_draws = n_draws
        self.temperatures = temperatures
        self.temperature = temperatures[0]
        # In double precision, as it may be large beside what differs between rows.
        self.constant = float(np.dot(log_scale, share_observed))
        self.alternating = alternating
        self.complete = bool(np.min(share_observed) == 1)
        self.register_buffer("log_scale", torch.tensor(log_scale))
        self.register_buffer("share_observed", torch.tensor(share_observed))

    @property
    def settled(self):
        """Whether the loss means the same in the epochs to come."""
        return self.weight == self.beta

    def begin_epoch(self, epoch):
        """Set weight and temperature; epochs count from 1."""
        # Never 0: without any cost the variances of codes could vanish in an epoch.
        self.weight = self.beta * min(1.0, epoch / (self.warmup_epochs + 1))
        self.current.fill_(self.weight)
        self.temperature = self.temperatures[min(epoch, len(self.temperatures)) - 1]

    def turns(self, model):
        """Parameters that a step leaves as they are, one list for each step."""
        if not self.alternating:
            return super().turns(model)
        # The model p(x, z) first: the encoder then approximates the posterior of that.
        encoder = set(model.encoder.parameters())
        trained = [p for p in model.parameters() if p.requires_grad]
        others = [p for p in trained if p not in encoder]
        return [p for p in trained if p in encoder], others

    def observe(self, x):
        """Observe rows, without a look at every batch where nothing is missing."""
        return (x, None) if self.complete else observe(x)

    def log_scale_of(self, x, observed):
        """What -log p(x) of what is observed of rows lacks, less the constant."""
        if observed is None:
            return 0.0
        difference = observed.to(x) - self.share_observed.to(x)
        return difference @ self.log_scale.to(x)

    def draw(self, model, parameters, generator):
        """Draws of z with a gradient, (n, n_draws, ...)."""
        shape = (len(parameters[0]), self.n_draws)
        noise = model.latent.noise(shape, generator, parameters[0])
        return model.latent.draw(parameters, noise, self.temperature)


class NegativeELBO(NegativeBound):
    """β KL(q(z | x) ‖ p(z)) - E_q[log p(x | z)].

    Kingma and Welling (2014), eq. 7. The expectation is a mean over draws, or where
    codes are few the sum over all of them.
    """

    def forward(self, model, x, generator):
        """Negative bound of each row, (n,)."""
        x, observed = self.observe(x)
        parameters = model.posterior(x, observed)
        if model.latent.codes is None:
            z = self.draw(model, parameters, generator)
            log_likelihood = model.log_likelihood(x, observed, z).mean(1)
        else:
            z = None
            log_likelihood = model.expected_log_likelihood(x, observed, parameters)
        kl = self.weight * divergence(model, parameters, z)
        return kl - log_likelihood + self.log_scale_of(x, observed)

    def backward(self, model, x, generator):
        """Add to the gradient; written out for normal codes of complete rows."""
        if not (self.complete and self.n_draws == 1 and has_normal_codes(model.latent)):
            return super().backward(model, x, generator)
        with torch.no_grad():
            return self._backward_written_out(model, x, generator)

    def _backward_written_out(self, model, x, generator):
        n = len(x)
        output, of_encoder = vjp(model.encoder, model.inputs(x, None), of_input=False)
        noise = model.latent.noise((n,), generator, output)
        z, kl, of_codes = codes_vjp(model, output, noise)
        decoded, of_decoder = vjp(model.decoder, z)
        log_p, of_table = table_vjp(model.likelihood, x, decoded)
        of_encoder(of_codes(of_decoder(of_table(-1 / n)), self.current * (1 / n)))
        return (self.current * kl - log_p) * (1 / n)


class NegativeIWAE(NegativeBound):
    """-log 1/K Σ_k p(x | z_k) (p(z_k) / q(z_k | x))^β with K = `n_draws`.

    Burda et al. (2016), eq. 8.
    """

    def forward(self, model, x, generator):
        """Negative bound of each row, (n,)."""
        x, observed = self.observe(x)
        parameters = model.posterior(x, observed)
        z = self.draw(model, parameters, generator)
        log_weights = model.log_likelihood(x, observed, z)
        log_weights = log_weights + self.weight * model.latent.log_ratio(
            parameters, z, model.encode_inputs
        )
        bound = log_weights.logsumexp(1) - math.log(self.n_draws)
        return self.log_scale_of(x, observed) - bound


OBJECTIVES = {"elbo": NegativeELBO, "iwae": NegativeIWAE}
