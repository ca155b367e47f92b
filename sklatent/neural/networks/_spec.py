"""Which encoder and decoder parameters ask for, as plain data, and how to build them.

Multilayer perceptrons, convolutional networks for images, or the user's own.
"""

import math
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral

import numpy as np
from torch import nn

from sklatent.neural.networks._convolutions import (
    convolutional_decoder,
    convolutional_encoder,
)
from sklatent.neural.networks._layers import ACTIVATIONS, Skip, linear, perceptron
from sklatent.neural.networks._user_networks import user_network
from sklatent.utils._sklearn import Interval, StrOptions

NETWORK_CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "skip_connections": ["boolean"],
    "image_shape": ["array-like", None],
    "conv_channels": ["array-like", Interval(Integral, 1, None, closed="left")],
    "encoder": [callable, None],
    "decoder": [callable, None],
}


@dataclass(frozen=True)
class NetworkSpec:
    """How an encoder and a decoder are built.

    Two specs are equal if they describe the same networks. Those that a user brings
    are compared as Python compares what was given.

    Parameters
    ----------
    n_features : int
        Number of features of a row.
    hidden_layer_sizes : tuple of int
        Of the encoder; the decoder has them in reverse.
    activation : str
        Key of `ACTIVATIONS`.
    skip_connections : bool
        Whether a linear map is added to each network.
    image_shape : tuple of int or None
        Channels, height and width.
    conv_channels : tuple of int or None
        Of the encoder's convolutions; None where rows are no images.
    encoder, decoder : callable, torch.nn.Module or None
        Networks of the user, or what makes them.
    """

    n_features: int
    hidden_layer_sizes: tuple
    activation: str
    skip_connections: bool
    image_shape: tuple | None
    conv_channels: tuple | None
    encoder: object = None
    decoder: object = None

    @classmethod
    def of(cls, estimator):
        """Return what a fitted estimator's parameters say, checked and normalized."""
        n_features = estimator.n_features_in_
        image_shape = conv_channels = None
        if estimator.image_shape is not None:
            image_shape = positive_integers("image_shape", estimator.image_shape)
            if len(image_shape) == 2:
                image_shape = (1, *image_shape)
            if len(image_shape) != 3 or math.prod(image_shape) != n_features:
                raise ValueError(
                    "image_shape must be (channels, height, width), or (height, width) "
                    "for one channel, whose product is the number of features, "
                    f"{n_features}; got {estimator.image_shape!r}, of product "
                    f"{math.prod(image_shape)}."
                )
            conv_channels = positive_integers("conv_channels", estimator.conv_channels)
        return cls(
            n_features,
            positive_integers("hidden_layer_sizes", estimator.hidden_layer_sizes),
            estimator.activation,
            bool(estimator.skip_connections),
            image_shape,
            conv_channels,
            estimator.encoder,
            estimator.decoder,
        )


def positive_integers(name, given):
    """Return the value of a parameter as a tuple of integers above zero."""
    values = np.atleast_1d(given)
    is_positive = values.size == 0 or (values.dtype.kind in "iu" and values.min() > 0)
    if values.ndim != 1 or not is_positive:
        what = ", one per layer" if name != "image_shape" else ""
        raise ValueError(f"{name} must be positive integers{what}; got {given!r}.")
    return tuple(values.tolist())


def build_networks(spec, n_inputs, n_encoded, n_decoded, n_outputs, generator):
    """Build an encoder and a decoder with random weights.

    Parameters
    ----------
    spec : NetworkSpec
        How they are built.
    n_inputs, n_outputs : int
        What the encoder takes and the decoder returns: multiples of the number of
        features, block after block of all features.
    n_encoded, n_decoded : int
        What the encoder returns and the decoder takes.
    generator : torch.Generator
        Draws the weights.

    Returns
    -------
    encoder, decoder : torch.nn.Module
        They take (..., n_inputs) to (..., n_encoded), and (..., n_decoded) to
        (..., n_outputs).
    """
    hidden = spec.hidden_layer_sizes
    encoder_sizes = (n_inputs, *hidden, n_encoded)
    decoder_sizes = (n_decoded, *reversed(hidden), n_outputs)
    return (
        build_network("encoder", spec, encoder_sizes, generator),
        build_network("decoder", spec, decoder_sizes, generator),
    )


def build_network(name, spec, sizes, generator):
    """Build the encoder or the decoder, of which `sizes` are those of its layers."""
    n_in, n_out = sizes[0], sizes[-1]
    given = getattr(spec, name)
    if given is not None:
        return user_network(name, given, n_in, n_out, generator)
    if spec.image_shape is None:
        network = perceptron(sizes, spec.activation, generator)
    elif name == "encoder":
        network = convolutional_encoder(spec, sizes, generator)
    else:
        network = convolutional_decoder(spec, sizes, generator)
    if not spec.skip_connections:
        return network
    # The layers return 0 at first: training starts from the linear model.
    *_, last_weight, _ = network.parameters()
    nn.init.zeros_(last_weight)
    return Skip(network, linear(n_in, n_out, generator, bias=False))


def differences(spec, other):
    """Yield name and both values of each field in which two specs differ."""
    for field in fields(spec):
        here, there = getattr(spec, field.name), getattr(other, field.name)
        if is_dataclass(here):
            yield from differences(here, there)
        elif here != there:
            yield field.name, here, there
