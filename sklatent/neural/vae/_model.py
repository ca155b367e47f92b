"""The model that a variational autoencoder trains."""

import torch
from torch import nn


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

    complete = False  # whether all rows trained on are

    def __init__(self, inputs, encoder, latent):
        super().__init__()
        self.inputs = inputs
        self.encoder = encoder
        self.latent = latent

    def observe(self, x):
        """Rows with zeros for what is missing, and what is observed (None: all)."""
        # A look at every batch is saved where all rows trained on are complete.
        if (self.training and self.complete) or not x.isnan().any():
            return x, None
        observed = ~x.isnan()
        return torch.where(observed, x, 0.0), observed

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
        prior = self.latent.prior_parameters(self.encode_inputs)
        return tuple(
            torch.where(empty.view(-1, *[1] * (own.ndim - 1)), of_prior.to(own), own)
            for of_prior, own in zip(prior, parameters, strict=True)
        )

    def forward(self, x):
        """Mean of q(z | x), differentiable; of discrete codes, probabilities."""
        parameters = self.posterior(*self.observe(x))
        return self.latent.moments(parameters)[0].flatten(1)


class VariationalAutoencoder(Recognition):
    """p(x, z) = p(z) p(x | decoder(z)), with q(z | x) given by the encoder.

    Parameters
    ----------
    inputs, encoder, latent : nn.Module
        Those of `Recognition`.
    decoder : nn.Module
        Network.
    likelihood : nn.Module
        p(x | decoder's output).
    """

    def __init__(self, inputs, encoder, decoder, latent, likelihood):
        super().__init__(inputs, encoder, latent)
        self.decoder = decoder
        self.likelihood = likelihood

    def log_likelihood(self, x, observed, z):
        """Log p(x | z), (n, K), of K codes for each row or, (1, K, ...), for all."""
        if observed is not None:
            observed = observed[:, None]
        return self.likelihood.log_prob(x[:, None], self.decoder(z), observed)

    def expected_log_likelihood(self, x, observed, parameters):
        """E_q[log p(x | z)] of each row, (n,), where codes are few: a sum over all."""
        codes = self.latent.codes
        q = self.latent.pairwise_log_q(parameters, codes).T.exp()
        return (q * self.log_likelihood(x, observed, codes[None])).sum(1)

    def log_ratio(self, parameters, z):
        """Log p(z) - log q(z | x) of every draw, (n, K)."""
        return self.latent.log_ratio(parameters, z, self.encode_inputs)

    def encode(self, x):
        """Code of each row, (n, q)."""
        return self.latent.code(self.posterior(*self.observe(x)))

    def code_layers(self):
        """Modules that, one after the other, make codes of rows."""
        return [Recognition(self.inputs, self.encoder, self.latent)]

    def decode(self, code):
        """Mean of p(x | z), (n, p)."""
        return self.likelihood.mean(self.decoder(self.latent.embed(code)))

    def forward(self, x):
        """Reconstruction of each row from its code, (n, p)."""
        return self.decode(self.encode(x))
