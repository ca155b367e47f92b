"""Autoencoders: what training and transforming cost beside PyTorch and skorch alone.

Every fit is timed whole, from the NumPy array to the trained model.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from skorch import NeuralNet

from benchmarks._harness import compare
from sklatent.neural import AETransformer, VAETransformer
from sklatent.neural.vae._model import NegativeELBO

HAND = "hand-written PyTorch loop"
PLAIN = "the same loop with a tutorial's loss"
SKORCH = "skorch.NeuralNet"


def new_module(X, **settings):
    """Untrained module of a VAETransformer, for the peers to train."""
    vae = VAETransformer(max_epochs=1, random_state=0, **settings).fit(X[:200])
    return vae.net_.module_


def gaussian(x, output, log_variance):
    """Minus log N(output, σ²), summed over the features."""
    n_nats = x.shape[1] * (math.log(2 * math.pi) + log_variance)
    return 0.5 * ((x - output).square().sum(1) / log_variance.exp() + n_nats)


def student_t(x, output, log_variance):
    """Minus log of Student's t, summed over the features."""
    law = torch.distributions.StudentT(10.0, output, (0.5 * log_variance).exp())
    return -law.log_prob(x).sum(1)


def bernoulli(x, output, log_variance):
    """Cross-entropy of zeros and ones, summed over the features."""
    return F.binary_cross_entropy_with_logits(output, x, reduction="none").sum(1)


def poisson(x, output, log_variance):
    """Minus log-probability of counts, summed over the features."""
    loss = F.poisson_nll_loss(output, x, full=True, reduction="none")
    return loss.sum(1)


def categorical(x, output, log_variance):
    """Cross-entropy of levels 0, 1, ..., summed over the features."""
    logits = output.unflatten(1, (-1, x.shape[1]))
    return F.cross_entropy(logits, x.long(), reduction="none").sum(1)


LOSSES = {
    "gaussian": gaussian,
    "student_t": student_t,
    "bernoulli": bernoulli,
    "poisson": poisson,
    "categorical": categorical,
}


def own_loss(module):
    """The package's loss of a module, and what it trains."""
    loss = NegativeELBO()
    return lambda x: loss(module, x, None), list(module.parameters())


def plain_loss(module, likelihood="gaussian"):
    """The loss as a tutorial has it, for the same networks, and what it trains."""
    encoder, decoder = module.encoder, module.decoder
    log_variance = torch.zeros((), requires_grad=True)

    def loss_of(x):
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum(1)
        return kl + LOSSES[likelihood](x, decoder(z), log_variance)

    parameters = [*encoder.parameters(), *decoder.parameters(), log_variance]
    return loss_of, parameters


def train_by_hand(loss_of, parameters, X, epochs, batch_size):
    """Train as a PyTorch user would write it."""
    X = torch.from_numpy(X)
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for i in range(0, len(X), batch_size):
            loss = loss_of(X[order[i : i + batch_size]]).mean()
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
        self.loss = NegativeELBO()

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
        optimizer__fused=True,
        lr=1e-3,
        verbose=0,
        train_split=None,
        **settings,
    )


def compare_training(X, epochs, batch_size, repeats, reach, **settings):
    """Fit the same architecture four ways."""
    shape = f"{X.shape[0]:,} x {X.shape[1]}"
    module = new_module(X, **settings)

    def ours():
        VAETransformer(
            max_epochs=epochs, batch_size=batch_size, random_state=0, **settings
        ).fit(X)

    def hand():
        train_by_hand(*own_loss(module), X, epochs, batch_size)

    def plain():
        train_by_hand(*plain_loss(module), X, epochs, batch_size)

    def skorch():
        skorch_net(LossOf(module), max_epochs=epochs, batch_size=batch_size).fit(X, X)

    return compare(
        f"fit, {shape}, {epochs} epochs, batch {batch_size}",
        {"VAETransformer": ours, HAND: hand, PLAIN: plain, SKORCH: skorch},
        reach,
        repeats,
    )


def compare_autoencoders(title, X, epochs, batch_size, repeats, reach, **settings):
    """Fit an autoencoder two ways."""
    settings = {"random_state": 0, **settings}
    module = AETransformer(max_epochs=1, **settings).fit(X[:200]).net_.module_

    def ours():
        AETransformer(max_epochs=epochs, batch_size=batch_size, **settings).fit(X)

    def hand():
        train_by_hand(
            lambda x: (x - module(x)).square().sum(1),
            list(module.parameters()),
            X,
            epochs,
            batch_size,
        )

    return compare(
        f"fit, {title}, {X.shape[0]:,} x {X.shape[1]}, {epochs} epochs, "
        f"batch {batch_size}",
        {"AETransformer": ours, HAND: hand},
        {HAND: reach},
        repeats,
    )


def layers(n_in, n_out):
    """A network as a user would give it."""
    return torch.nn.Sequential(
        torch.nn.Linear(n_in, 128), torch.nn.ReLU(), torch.nn.Linear(128, n_out)
    )


def compare_likelihoods(X, epochs, batch_size, repeats, likelihoods, **settings):
    """Fit with each likelihood beside loops written by hand."""
    tables = []
    for likelihood in likelihoods:
        own = {**settings, "likelihood": likelihood, "standardize": False}
        rows = COUNTS[likelihood](X) if likelihood in COUNTS else X
        module = new_module(rows, **own)
        loop = functools.partial(
            train_by_hand, X=rows, epochs=epochs, batch_size=batch_size
        )
        functions = {
            "VAETransformer": functools.partial(
                VAETransformer(
                    max_epochs=epochs, batch_size=batch_size, random_state=0, **own
                ).fit,
                rows,
            ),
            HAND: functools.partial(loop, *own_loss(module)),
            PLAIN: functools.partial(loop, *plain_loss(module, likelihood)),
        }
        kind = "convolutional, " if "image_shape" in settings else ""
        title = (
            f"fit, {kind}{likelihood}, {X.shape[0]:,} x {X.shape[1]}, {epochs} epochs, "
            f"batch {batch_size}"
        )
        reach = {HAND: ">= 1" if kind else ">= 1.5", PLAIN: "-"}
        tables.append(compare(title, functions, reach, repeats))
    return "\n".join(tables)


COUNTS = {
    "bernoulli": lambda X: (X > 0).astype(np.float32),
    "poisson": lambda X: np.floor(np.exp(X / 2)),
    "categorical": lambda X: np.clip(np.round(X), -2, 2) + np.float32(2),
}


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


def run():
    """Yield the tables of the family."""
    rng = np.random.RandomState(0)
    X = rng.normal(size=(20_000, 64)).astype(np.float32)
    small = rng.normal(size=(200, 20)).astype(np.float32)
    wide = {"n_components": 8, "hidden_layer_sizes": (128,)}
    for batch_size, least in [(128, 2), (512, 1.5)]:
        reach = {HAND: "-", PLAIN: f">= {least}", SKORCH: ">= 4"}
        yield compare_training(X, 10, batch_size, 5, reach, **wide)
    reach = {HAND: ">= 1.5", PLAIN: "-", SKORCH: "-"}
    yield compare_training(small, 100, 128, 11, reach)
    yield compare_autoencoders("autoencoder", X, 10, 128, 5, ">= 2", **wide)
    own = {"encoder": layers, "decoder": layers, "n_components": 8}
    title = "autoencoder of own networks"
    yield compare_autoencoders(title, X, 10, 128, 5, ">= 1", **own)
    yield compare_likelihoods(X, 10, 128, 3, LOSSES, **wide)
    images = {**wide, "image_shape": (1, 8, 8)}
    yield compare_likelihoods(X, 5, 128, 3, ["gaussian", "bernoulli"], **images)
    yield compare_transform(X, 31, **wide)
