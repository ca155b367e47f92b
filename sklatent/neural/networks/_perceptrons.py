"""Parts of networks: linear layers and what stands between them; the autoencoder.

Whatever is random in training draws from one generator, `draw_from` says which; so
the same seed gives the same bits, in threads too, and PyTorch's global generator is
left alone.
"""

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


class RandomModule(nn.Module):
    """A module that draws from `generator` in training.

    The generator belongs to one training: copies and pickles are made without it,
    and then draw from PyTorch's global one, as its own layers do.
    """

    generator = None

    def __getstate__(self):
        return {**super().__getstate__(), "generator": None}


def draw_from(generator, module):
    """Let all random parts of a module draw from a generator."""
    for part in module.modules():
        if isinstance(part, RandomModule):
            part.generator = generator


class Dropout(RandomModule):
    """In training, set a share `p` of the entries to 0 and scale up the others.

    Srivastava et al. (2014), section 4, scaled as in section 10.
    """

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        """Thinned x, of the same shape and mean."""
        if not self.training:
            return x
        return x * keep_like(x, self.p, self.generator) / (1 - self.p)


def linear(n_in, n_out, generator, bias=True):
    """Linear layer with Glorot's uniform weights, drawn from `generator` alone."""
    device = torch.empty(()).device  # skip_init knows of no default
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, bias=bias, device=device)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class Transposed(nn.Module):
    """Linear layer whose weights are those of another, transposed; own biases."""

    def __init__(self, layer):
        super().__init__()
        self.out_features = layer.in_features
        self.weight = layer.weight
        has_bias = layer.bias is not None
        self.bias = nn.Parameter(torch.zeros(layer.in_features)) if has_bias else None

    def forward(self, x):
        """Rows of the other layer's input size."""
        return nn.functional.linear(x, self.weight.T, self.bias)


def after_weights(settings, normalization):
    """What follows the weights of a hidden layer."""
    if settings.layer_norm:
        yield normalization
    yield ACTIVATIONS[settings.activation]()
    if settings.dropout:
        yield Dropout(settings.dropout)


def stack(layers, settings):
    """Linear layers in a row; what follows a hidden one stands between them."""
    *hidden, last = layers
    network = nn.Sequential()
    for layer in hidden:
        network.append(layer)
        network.extend(after_weights(settings, nn.LayerNorm(layer.out_features)))
    return network.append(last)


def mlp(sizes, settings, generator):
    """Multilayer perceptron from `sizes[0]` numbers to `sizes[-1]`."""
    layers = [linear(*pair, generator) for pair in itertools.pairwise(sizes)]
    return stack(layers, settings)


class Skip(nn.Module):
    """A network and, added to what it returns, a linear map of what it is given."""

    def __init__(self, network, linear):
        super().__init__()
        self.network = network
        self.linear = linear

    def forward(self, x):
        """Sum of both."""
        return self.network(x) + self.linear(x)


def transposed(network, settings):
    """Decoder with the weights of an encoder of `mlp`, transposed, in reverse."""
    if isinstance(network, Skip):
        return Skip(transposed(network.network, settings), Transposed(network.linear))
    layers = [part for part in network if isinstance(part, nn.Linear)]
    return stack([Transposed(layer) for layer in reversed(layers)], settings)


class Standardize(nn.Module):
    """(x - mean) / scale, computed in double precision, returned in that of x.

    So rows in single precision keep the digits that they have, however far the mean
    is from 0.
    """

    def __init__(self, mean, scale):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x):
        """Rows as the encoder sees them."""
        return ((x - self.mean) / self.scale).to(x.dtype)


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

    def code_layers(self):
        """Modules that, one after the other, make codes of rows."""
        return [self.encoder]

    def forward(self, x):
        """Reconstruction of each row, (n, p)."""
        return self.decoder(self.encoder(x))


def keep_like(x, p, generator):
    """1 with probability 1 - p, else 0, of the shape, precision and device of x."""
    return torch.empty_like(x).bernoulli_(1 - p, generator=generator)


def normal_like(mean, generator):
    """Draw standard normal noise of the shape, precision and device of `mean`."""
    return torch.randn(
        mean.shape, generator=generator, dtype=mean.dtype, device=mean.device
    )
