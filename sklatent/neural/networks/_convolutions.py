"""Convolutional networks for images given as rows.

A row holds an image as scikit-learn flattens it: channel by channel, each from its
first line to its last. Every convolution has kernels of 3 x 3, stride 2 and padding 1,
which halves height and width, rounded up, whatever they are; the decoder's transposed
convolutions go through the same sizes in reverse. Arithmetic: Dumoulin and Visin
(2016), relationships 6 and 14.
"""

import itertools
import math

import torch
from torch import nn

from sklatent.neural.networks._layers import ACTIVATIONS, perceptron

KERNEL, STRIDE, PADDING = 3, 2, 1


def convolved_size(size):
    """(W - F + 2P) / S + 1, rounded down: height or width after a convolution."""
    return (size - KERNEL + 2 * PADDING) // STRIDE + 1


def missing_size(size):
    """What a transposed convolution back to `size` has to be told to add, 0 or 1."""
    return size - (STRIDE * (convolved_size(size) - 1) + KERNEL - 2 * PADDING)


def image_sizes(height, width, n_layers):
    """Height and width before, between and after convolutions."""
    sizes = [(height, width)]
    for _ in range(n_layers):
        sizes.append(tuple(map(convolved_size, sizes[-1])))
    return sizes


def convolution(kind, n_in, n_out, generator, **settings):
    """Convolution with Glorot's uniform weights, drawn from `generator`."""
    settings |= {"stride": STRIDE, "padding": PADDING}
    device = torch.empty(()).device  # skip_init knows of no default
    layer = nn.utils.skip_init(kind, n_in, n_out, KERNEL, device=device, **settings)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class FlattenLeading(nn.Module):
    """Apply a network of rows, (n, n_in), to any number of leading dimensions."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        """(..., n_out)."""
        return self.network(x.flatten(0, -2)).unflatten(0, x.shape[:-1])


def convolutional_encoder(spec, sizes, generator):
    """Convolutions, then a perceptron.

    Parameters
    ----------
    spec : NetworkSpec
        Its `image_shape`, `conv_channels` and `activation`.
    sizes : tuple of int
        What the encoder takes, the sizes of the perceptron's hidden layers, and what
        it returns. It may take a multiple of an image: as many images, as further
        channels.
    generator : torch.Generator
        Draws the weights.

    Returns
    -------
    encoder : torch.nn.Module
        Takes (..., sizes[0]) to (..., sizes[-1]).
    """
    _, height, width = spec.image_shape
    n_in, *rest = sizes
    channels = [n_in // (height * width), *spec.conv_channels]
    network = nn.Sequential(nn.Unflatten(-1, (channels[0], height, width)))
    for pair in itertools.pairwise(channels):
        network.append(convolution(nn.Conv2d, *pair, generator))
        network.append(ACTIVATIONS[spec.activation]())
    network.append(nn.Flatten())
    smallest = image_sizes(height, width, len(channels) - 1)[-1]
    n_flat = channels[-1] * math.prod(smallest)
    network.extend(perceptron([n_flat, *rest], spec.activation, generator))
    return FlattenLeading(network)


def convolutional_decoder(spec, sizes, generator):
    """A perceptron, then transposed convolutions: the encoder's mirror image."""
    _, height, width = spec.image_shape
    *rest, n_out = sizes
    if n_out % (height * width):
        raise ValueError(
            f"image_shape must be None, or a decoder given, where the likelihood takes "
            f"{n_out} numbers per row, which are no images of {height} x {width} "
            f"pixels; got image_shape={spec.image_shape!r}."
        )
    channels = [*reversed(spec.conv_channels), n_out // (height * width)]
    *targets, smallest = image_sizes(height, width, len(channels) - 1)
    n_flat = channels[0] * math.prod(smallest)
    network = perceptron([*rest, n_flat], spec.activation, generator)
    network.append(nn.Unflatten(-1, (channels[0], *smallest)))
    for pair, target in zip(itertools.pairwise(channels), targets[::-1], strict=True):
        network.append(ACTIVATIONS[spec.activation]())
        # Two sizes are halved to the same one: the decoder has to be told which.
        extra = tuple(map(missing_size, target))
        network.append(
            convolution(nn.ConvTranspose2d, *pair, generator, output_padding=extra)
        )
    return FlattenLeading(network.append(nn.Flatten()))
