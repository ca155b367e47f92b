"""Networks: a multilayer perceptron, and the two pairs of them that are trained."""

import itertools

import torch
from torch import nn

ACTIVATIONS = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}

# Below this, the variance of a code is lost in single precision.
MIN_LOG_VARIANCE = -30.0


def linear(n_in, n_out, generator):
    """Linear layer with Glorot's uniform weights, drawn from `generator` alone."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def mlp(sizes, activation, generator):
    """Linear layers from `sizes[0]` to `sizes[-1]`, `activation` between them."""
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [linear(n_in, n_out, generator), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class Autoencoder(nn.Module):
    """x -> encoder -> z -> decoder -> x̂."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x):
        """Code of each row, (n, q)."""
        return self.encoder(x)

    def decode(self, z):
        """Row of each code, (n, p)."""
        return self.decoder(z)

    def forward(self, x):
        """Reconstruction of each row, (n, p)."""
        return self.decoder(self.encoder(x))


class VariationalAutoencoder(nn.Module):
    """p(x, z) = p(z) p(x | decoder(z)), q(z | x) = N(mean(x), diag variance(x))."""

    def __init__(self, encoder, decoder, prior, likelihood):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.prior = prior
        self.likelihood = likelihood

    def posterior(self, x):
        """Mean and log variance of q(z | x), each (n, q).

        The encoder's output s gives the variance e^s up to 1, the prior's, and
        1 + s beyond: one outlying row would otherwise outweigh all others.
        """
        mean, s = self.encoder(x).chunk(2, dim=1)
        return mean, s.clamp(MIN_LOG_VARIANCE, 0) + s.relu().log1p()

    def encode(self, x):
        """Posterior mean of each row, (n, q)."""
        return self.encoder(x).chunk(2, dim=1)[0]

    def decode(self, z):
        """Mean of p(x | z), (n, p)."""
        return self.likelihood.mean(self.decoder(z))

    def forward(self, x):
        """Reconstruction of each row from its posterior mean, (n, p)."""
        return self.decode(self.encode(x))


def normal_like(mean, generator):
    """Draw standard normal noise of the shape, precision and device of `mean`."""
    return torch.randn(
        mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
    )
