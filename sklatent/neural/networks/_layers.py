"""Layers of networks: perceptrons, and what stands around them."""

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


# By which weights before an activation are larger than Glorot's, as activations shrink
# what passes through them. He's √2, for relu, is too much for few rows.
GAIN = 1.25


def linear(n_in, n_out, generator, bias=True, gain=1.0):
    """Linear layer with Glorot's uniform weights, drawn from `generator`."""
    device = torch.empty(()).device  # skip_init knows of no default
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, bias=bias, device=device)
    nn.init.xavier_uniform_(layer.weight, gain, generator=generator)
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


def perceptron(sizes, activation, generator):
    """Multilayer perceptron from `sizes[0]` numbers to `sizes[-1]`."""
    *hidden, output = itertools.pairwise(sizes)
    network = nn.Sequential()
    for n_in, n_out in hidden:
        network.append(linear(n_in, n_out, generator, gain=GAIN))
        network.append(ACTIVATIONS[activation]())
    return network.append(linear(*output, generator))  # no activation follows


class Skip(nn.Module):
    """A network and, added to what it returns, a linear map of what it is given."""

    def __init__(self, network, linear):
        super().__init__()
        self.network = network
        self.linear = linear

    def forward(self, x):
        """Sum of both."""
        return self.network(x) + self.linear(x)


def transposed(network, activation):
    """Decoder with the weights of an encoder's perceptron, transposed, in reverse."""
    if isinstance(network, Skip):
        return Skip(transposed(network.network, activation), Transposed(network.linear))
    decoder = nn.Sequential()
    for layer in reversed(network):
        if isinstance(layer, nn.Linear):
            decoder.extend([Transposed(layer), ACTIVATIONS[activation]()])
    return decoder[:-1]


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
