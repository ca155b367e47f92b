"""What a variational autoencoder minimizes, in nats per row."""

import math

import numpy as np
import torch

from sklatent.neural.training._losses import Loss


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
    share_observed : array-like of shape (p,)
        Which share of the rows has each feature. `constant` holds the mean over the
        rows; what a row with holes differs by is in its loss.
    """

    def __init__(
        self,
        beta=1.0,
        warmup_epochs=0,
        n_draws=1,
        temperatures=(1.0,),
        log_scale=(0.0,),
        share_observed=(1.0,),
    ):
        super().__init__()
        self.beta = self.weight = beta
        self.warmup_epochs = warmup_epochs
        self.n_draws = n_draws
        self.temperatures = temperatures
        self.temperature = temperatures[0]
        self.constant = float(np.dot(log_scale, share_observed))
        self.register_buffer("log_scale", torch.tensor(log_scale))
        self.register_buffer("share_observed", torch.tensor(share_observed))

    @property
    def settled(self):
        """Whether the loss means the same in the epochs to come."""
        return self.weight == self.beta

    def begin_epoch(self, epoch):
        """Set weight and temperature; epochs count from 1."""
        self.weight = self.beta * min(1.0, epoch / (self.warmup_epochs + 1))
        self.temperature = self.temperatures[min(epoch, len(self.temperatures)) - 1]

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
        return model.latent.relaxed_draw(parameters, noise, self.temperature)


class NegativeELBO(NegativeBound):
    """β KL(q(z | x) ‖ p(z)) - E_q[log p(x | z)].

    Kingma and Welling (2014), eq. 7. The expectation is a mean over draws, or where
    codes are few the sum over all of them.

    Parameters
    ----------
    free_bits : float
        Nats that each component may tell at no cost: a component whose divergence,
        averaged over the batch, is below counts as this much. Kingma et al. (2016),
        eq. 15.
    **settings
        Those of `NegativeBound`.
    """

    def __init__(self, *, free_bits=0.0, **settings):
        super().__init__(**settings)
        self.free_bits = free_bits

    def forward(self, model, x, generator):
        """Negative bound of each row, (n,)."""
        x, observed = model.observe(x)
        parameters = model.posterior(x, observed)
        if model.latent.codes is None:
            z = self.draw(model, parameters, generator)
            log_likelihood = model.log_likelihood(x, observed, z).mean(1)
        else:
            z = None
            log_likelihood = model.expected_log_likelihood(x, observed, parameters)
        kl = self.weight * self.divergence(model, parameters, z)
        return kl - log_likelihood + self.log_scale_of(x, observed)

    def divergence(self, model, parameters, z):
        """KL(q ‖ p) of each row, or of the batch where bits are free."""
        kl = model.latent.kl(parameters)
        if kl is None:
            return -model.log_ratio(parameters, z).mean(1)
        if self.free_bits:
            return kl.mean(0).clamp(min=self.free_bits).sum()
        return kl.sum(1)


class NegativeIWAE(NegativeBound):
    """-log 1/K Σ_k p(x | z_k) (p(z_k) / q(z_k | x))^β with K = `n_draws`.

    Burda et al. (2016), eq. 8.
    """

    def forward(self, model, x, generator):
        """Negative bound of each row, (n,)."""
        x, observed = model.observe(x)
        parameters = model.posterior(x, observed)
        z = self.draw(model, parameters, generator)
        log_weights = model.log_likelihood(x, observed, z)
        log_weights = log_weights + self.weight * model.log_ratio(parameters, z)
        bound = log_weights.logsumexp(1) - math.log(self.n_draws)
        return self.log_scale_of(x, observed) - bound


OBJECTIVES = {"elbo": NegativeELBO, "iwae": NegativeIWAE}
