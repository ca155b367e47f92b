"""Encoder and decoder as one module each, in the units of the data, and as ONNX graphs.

What depends on the values of a row in Python, such as whether any entry is missing, is
a selection of entries here: a graph has no branches.
"""

import contextlib
import logging
import warnings

import numpy as np
import torch
from torch import nn

from sklatent.neural.vae._spec import maps_of

# Version of the operators that torch.onnx writes by itself.
OPSET = 18


class EncoderGraph(nn.Module):
    """`transform`: rows in the units of the data to codes, (n, p) to (n, q).

    Parameters
    ----------
    network : Autoencoder or VariationalAutoencoder
        The fitted networks, in the precision of the rows.
    mean, scale : ndarray of shape (n_features,)
        Units of the networks.
    maps : sequence of (int, NormalScores)
        Columns that are mapped to normal scores.
    """

    def __init__(self, network, mean, scale, maps):
        super().__init__()
        self.network = network
        # Not called "mean": in graphs of older PyTorch an operation is.
        self.register_buffer("center", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(scale))
        self.maps = nn.ModuleDict({str(j): ScoreMap(scores) for j, scores in maps})
        self.takes_missing = hasattr(network, "latent")
        if self.takes_missing:
            latent = network.latent
            with torch.no_grad():
                prior = latent.prior_parameters(network.encode_inputs)
            self.n_parameters = len(prior)
            for i, parameter in enumerate(prior):
                self.register_buffer(f"prior_{i}", parameter.detach().clone())

    def forward(self, X):
        """Codes of rows."""
        rows = X.double()
        units = (rows - self.center) / self.scale
        if len(self.maps):
            columns, values = list(units.unbind(1)), rows.unbind(1)
            for j, score_map in self.maps.items():
                columns[int(j)] = score_map(values[int(j)])
            units = torch.stack(columns, dim=1)
        units = units.to(X.dtype)
        if not self.takes_missing:
            return self.network.encode(units)
        missing = units.isnan()
        inputs = self.network.inputs(units.masked_fill(missing, 0.0), ~missing)
        empty = missing.all(1)
        parameters = []
        for i, own in enumerate(self.network.encode_inputs(inputs)):
            nothing = empty.view(-1, *[1] * (own.ndim - 1))
            prior = getattr(self, f"prior_{i}").to(own)
            parameters.append(torch.where(nothing, prior, own))
        return self.network.latent.code(tuple(parameters))


class DecoderGraph(nn.Module):
    """`inverse_transform`: codes to rows in the units of the data, (n, q) to (n, p).

    Parameters
    ----------
    network : Autoencoder or VariationalAutoencoder
        The fitted networks, in the precision of the codes.
    mean, scale : ndarray of shape (n_features,)
        Units of the networks.
    constant : ndarray of shape (n_features,)
        Values of the features that did not vary, NaN for the others.
    """

    def __init__(self, network, mean, scale, constant):
        super().__init__()
        self.network = network
        fixed = ~np.isnan(constant)
        self.register_buffer("center", torch.tensor(np.where(fixed, constant, mean)))
        self.register_buffer("scale", torch.tensor(np.where(fixed, 0.0, scale)))

    def forward(self, X):
        """Rows of codes."""
        rows = self.network.decode(X).double()
        return (rows * self.scale + self.center).to(X.dtype)


class ScoreMap(nn.Module):
    """`NormalScores.transform` of one column, in double precision.

    Parameters
    ----------
    scores : NormalScores
        The map.
    """

    def __init__(self, scores):
        super().__init__()
        for name in ("knots", "scores", "slopes"):
            self.register_buffer(name, torch.tensor(getattr(scores, name)))

    def forward(self, x):
        """Scores; NaN stays."""
        knots, scores, slopes = self.knots, self.scores, self.slopes
        inside = x.clamp(knots[0], knots[-1])
        # By comparison with all knots: ONNX has no search.
        k = (inside.unsqueeze(1) >= knots[1:-1]).sum(1)
        width, rise = (knots[1:] - knots[:-1])[k], (scores[1:] - scores[:-1])[k]
        s = rise / width
        d0, d1 = slopes[:-1][k] / s, slopes[1:][k] / s
        t = (inside - knots[:-1][k]) / width
        u = t * (1 - t)
        z = scores[:-1][k] + rise * (t * t + d0 * u) / (1 + (d0 + d1 - 2) * u)
        below, above = (x - knots[0]).clamp(max=0), (x - knots[-1]).clamp(min=0)
        return z + slopes[0] * below + slopes[-1] * above


def graph_of(estimator, method, dtype):
    """Return the module that computes a method, and how many columns it takes."""
    network = estimator._network(np.dtype(dtype), device="cpu")
    units = (estimator.mean_, estimator.scale_)
    if method == "transform":
        maps = maps_of(getattr(estimator._spec, "columns", ()))
        return EncoderGraph(network, *units, maps), estimator.n_features_in_
    constant = estimator._constant
    return DecoderGraph(network, *units, constant), estimator.n_components_


def to_onnx(estimator, method, dtype):
    """Return the ONNX model of a method of a fitted estimator.

    Parameters
    ----------
    estimator : AETransformer or VAETransformer
        The fitted estimator.
    method : {"transform", "inverse_transform"}
        What to compute.
    dtype : {"float32", "float64"}
        Precision of rows and codes.

    Returns
    -------
    model : onnx.ModelProto
        With the input "X", whose number of rows is free.
    """
    module, n_columns = graph_of(estimator, method, dtype)
    # Two rows: of one, the exporter would take the number of rows for fixed.
    example = torch.zeros(2, n_columns, dtype=getattr(torch, dtype))
    shapes = ({0: torch.export.Dim("n_samples")},)
    # It says that packages which nothing here needs are not installed.
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        stack.callback(log.setLevel, level)
        warnings.simplefilter("ignore")  # of packages below the exporter
        program = torch.onnx.export(
            operations(module.eval(), example, shapes),
            dynamo=True,
            dynamic_shapes=shapes,  # names the axis
            input_names=["X"],
            output_names=[method],
            opset_version=OPSET,
            verbose=False,
        )
    return program.model_proto


def operations(module, example, shapes):
    """Return what a module does with any number of rows, as a program.

    Raises
    ------
    ValueError
        If what it does hangs on the number of rows. torch.onnx.export by itself would
        make a graph for the number in the example.
    """
    try:
        return torch.export.export(
            module, (example,), dynamic_shapes=shapes, strict=False
        )
    except torch._dynamo.exc.UserError as error:
        raise ValueError(
            "estimator must have networks that do the same with any number of rows to "
            f"become a graph; PyTorch {torch.__version__} says above what differs."
        ) from error
