"""Autoencoders: what training and transforming cost beside PyTorch and skorch alone.

Every fit is timed whole, from the NumPy array to the trained model.
"""

import subprocess
import sys

import numpy as np
import torch
from skorch import NeuralNet

from benchmarks._harness import compare
from sklatent.neural import VAETransformer
from sklatent.neural._losses import NegativeELBO

HAND = "hand-written PyTorch loop"
SKORCH = "skorch.NeuralNet"


def new_module(X, **settings):
    """Untrained module of a VAETransformer, for the peers to train."""
    vae = VAETransformer(max_epochs=1, random_state=0, **settings).fit(X[:2])
    return vae.net_.module_


def train_by_hand(module, X, epochs, batch_size):
    """Train as a PyTorch user would write it."""
    X = torch.from_numpy(X)
    loss_of = NegativeELBO(beta=1.0, log_jacobian=0.0)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for i in range(0, len(X), batch_size):
            batch = X[order[i : i + batch_size]]
            loss = loss_of(module, batch, None).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


class ELBONet(NeuralNet):
    """skorch's net for a module whose loss needs the module."""

    def get_loss(self, y_pred, y_true, X=None, training=False):
        """Negative bound; what the module computes is the loss."""
        return y_pred.mean()


class LossOf(torch.nn.Module):
    """A module that returns the loss of its rows."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        self.loss = NegativeELBO(beta=1.0, log_jacobian=0.0)

    def forward(self, x):
        """Negative bound of each row."""
        return self.loss(self.module, x, None)


class EncoderOf(torch.nn.Module):
    """A module that returns the codes of its rows."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        """Posterior mean of each row."""
        return self.module.encode(x)


def skorch_net(module, **settings):
    """Skorch with its defaults off where a user would turn them off."""
    return ELBONet(
        module,
        criterion=torch.nn.Identity,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        verbose=0,
        train_split=None,
        **settings,
    )


def compare_training(X, epochs, batch_size, repeats, reach, **settings):
    """Fit the same architecture three ways."""
    shape = f"{X.shape[0]:,} x {X.shape[1]}"
    module = new_module(X, **settings)

    def ours():
        VAETransformer(
            max_epochs=epochs, batch_size=batch_size, random_state=0, **settings
        ).fit(X)

    def hand():
        train_by_hand(module, X, epochs, batch_size)

    def skorch():
        skorch_net(LossOf(module), max_epochs=epochs, batch_size=batch_size).fit(X, X)

    return compare(
        f"fit, {shape}, {epochs} epochs, batch {batch_size}",
        {"VAETransformer": ours, HAND: hand, SKORCH: skorch},
        reach,
        repeats,
    )


def compare_transform(X, repeats, **settings):
    """Codes of all rows, three ways."""
    vae = VAETransformer(max_epochs=1, random_state=0, **settings).fit(X)
    module = vae.net_.module_
    net = skorch_net(EncoderOf(module)).initialize()
    tensor = torch.from_numpy(X)

    def ours():
        vae.transform(X)

    def bare():
        with torch.inference_mode():
            module.encode(tensor)

    def skorch():
        net.forward(X)

    return compare(
        f"transform, {X.shape[0]:,} x {X.shape[1]}",
        {"VAETransformer": ours, "module.encode, inference_mode": bare, SKORCH: skorch},
        {"module.encode, inference_mode": ">= 0.67", SKORCH: ">= 5"},
        repeats,
    )


def compare_import(repeats):
    """Start of a Python process that imports the package."""

    def importing(name):
        return lambda: subprocess.run(
            [sys.executable, "-c", f"import {name}"], check=True
        )

    return compare(
        "import, a process each",
        {"sklatent": importing("sklatent"), "sklearn": importing("sklearn")},
        {"sklearn": ">= 0.87"},
        repeats,
    )


def run():
    """Yield the tables of the family."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(20_000, 64)).astype(np.float32)
    small = rng.normal(size=(200, 20)).astype(np.float32)
    wide = {"n_components": 8, "hidden_layer_sizes": (128,)}
    epoch = {HAND: ">= 1", SKORCH: ">= 2"}
    yield compare_training(X, 10, 128, 5, epoch, **wide)
    yield compare_training(X, 10, 512, 5, epoch, **wide)
    yield compare_training(small, 100, 128, 11, {HAND: ">= 0.67", SKORCH: "-"})
    yield compare_transform(X, 31, **wide)
    yield compare_import(11)
