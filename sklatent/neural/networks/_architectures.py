"""Which networks an estimator's parameters ask for.

Multilayer perceptrons, convolutional networks for images, or the user's own.
"""

import functools
import math
from numbers import Integral, Real

import numpy as np
from torch import nn

from sklatent.neural.networks._convolutions import (
    convolutional_decoder,
    convolutional_encoder,
)
from sklatent.neural.networks._perceptrons import ACTIVATIONS, Skip, linear, mlp
from sklatent.neural.networks._user_networks import user_network
from sklatent.utils._sklearn import Interval, StrOptions

ARCHITECTURE_CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "skip_connections": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "layer_norm": ["boolean"],
    "image_shape": ["array-like", None],
    "conv_channels": ["array-like", Interval(Integral, 1, None, closed="left")],
    "encoder": [callable, None],
    "decoder": [callable, None],
}


def make_networks(settings, n_inputs, n_encoded, n_decoded, n_outputs, generator):
    """Return an encoder and a decoder with random weights.

    Parameters
    ----------
    settings : object
        The estimator: the parameters of `ARCHITECTURE_CONSTRAINTS`, and
        `n_features_in_`.
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

    def make(name, builder, n_in, hidden, n_out):
        given = getattr(settings, name)
        if given is not None:
            return user_network(name, given, n_in, n_out, generator)
        network = builder([n_in, *hidden, n_out], settings, generator)
        if not settings.skip_connections:
            return network
        # The layers return 0 at first: training starts from the linear model.
        *_, last_weight, _ = network.parameters()
        nn.init.zeros_(last_weight)
        return Skip(network, linear(n_in, n_out, generator, bias=False))

    hidden = positive_integers(settings, "hidden_layer_sizes")
    encoder, decoder = builders(settings)
    return (
        make("encoder", encoder, n_inputs, hidden, n_encoded),
        make("decoder", decoder, n_decoded, hidden[::-1], n_outputs),
    )


def builders(settings):
    """Return the functions that make the encoder and the decoder."""
    if settings.image_shape is None:
        return mlp, mlp
    shape = positive_integers(settings, "image_shape")
    if len(shape) == 2:
        shape = [1, *shape]
    if len(shape) != 3 or math.prod(shape) != settings.n_features_in_:
        raise ValueError(
            "image_shape must be (channels, height, width), or (height, width) for one "
            "channel, whose product is the number of features; got "
            f"{settings.image_shape!r}, of product {math.prod(shape)}, for "
            f"{settings.n_features_in_} features."
        )
    images = (*shape[1:], positive_integers(settings, "conv_channels"))
    return (
        functools.partial(convolutional_encoder, images),
        functools.partial(convolutional_decoder, images),
    )


def positive_integers(settings, name):
    """Return a parameter as a list of integers above zero."""
    given = getattr(settings, name)
    values = np.atleast_1d(given).tolist()
    if not all(isinstance(value, int) and value > 0 for value in values):
        what = ", one per layer" if name != "image_shape" else ""
        raise ValueError(
            f"{name} must be positive integers{what}; got {given!r} instead."
        )
    return values
