"""Autoencoders beside pythae's and PyOD's.

They need an environment of their own: see `_peers`. All train networks of layers
64-128-8-128-64 with Adam, for as many epochs, on batches of the same size. In PyOD's
VAE the divergence weighs nothing unless `capacity` is raised, so that it has no bound
to compare.
"""

import pathlib

import numpy as np

from benchmarks._harness import compare
from benchmarks._peers import Peers
from benchmarks.dimension import Files
from sklatent.neural import AETransformer, VAETransformer

N_TRAIN, N_TEST = 20_000, 5_000
EPOCHS, LR = 10, 1e-3
NETWORK = {"n_components": 8, "hidden_layer_sizes": (128,)}
SEEDS = range(3)


def settings(batch_size):
    """The same settings as sklatent, pythae and PyOD call them."""
    ours = NETWORK | {"max_epochs": EPOCHS, "batch_size": batch_size, "lr": LR}
    pythae = {
        "num_epochs": EPOCHS,
        "per_device_train_batch_size": batch_size,
        "learning_rate": LR,
    }
    return ours, pythae, {"epoch_num": EPOCHS, "batch_size": batch_size, "lr": LR}


def curved_rows():
    """Rows near a curved surface of 8 dimensions in 64, with noise of variance 1."""
    rng = np.random.RandomState(0)
    Z = rng.standard_normal((N_TRAIN + N_TEST, 8))
    bent = np.tanh(Z @ rng.standard_normal((8, 32)))
    rows = bent @ rng.standard_normal((32, 64)) + rng.standard_normal((len(Z), 64))
    return rows.astype(np.float32)


def compare_training(X, peers, path, batch_size):
    """Whole fits, from the array to the trained model."""
    ours, pythae, pyod = settings(batch_size)
    title = f"fit, {N_TRAIN:,} x 64, {EPOCHS} epochs, batch {batch_size}"
    yield compare(
        title,
        {
            "VAETransformer": lambda: VAETransformer(**ours, random_state=0).fit(X),
            "pythae, VAE": lambda: peers("pythae_vae", path, **pythae),
            "PyOD, VAE": lambda: peers("pyod_vae", path, **pyod),
        },
        {"pythae, VAE": ">= 3", "PyOD, VAE": ">= 3"},
        3,
    )
    yield compare(
        title,
        {
            "AETransformer": lambda: AETransformer(**ours, random_state=0).fit(X),
            "PyOD, AutoEncoder": lambda: peers("pyod_autoencoder", path, **pyod),
        },
        {"PyOD, AutoEncoder": ">= 3"},
        3,
    )


def compare_bounds(X, peers, path):
    """Evidence lower bounds of held-out rows.

    pythae's noise is N(0, I) and stays so; that of the data is the same. Its loss
    leaves out the constant, which is added.
    """
    ours, pythae, _ = settings(batch_size=128)
    train, test = X[:N_TRAIN], X[N_TRAIN:]
    noises = {"VAETransformer, variance 1": 1.0, "VAETransformer": "shared"}
    bounds = {name: [] for name in [*noises, "pythae, VAE"]}
    for seed in SEEDS:
        for name, noise in noises.items():
            vae = VAETransformer(**ours, noise_variance=noise, random_state=seed)
            bounds[name].append(vae.fit(train).elbo(test)[0].mean())
        bound = peers("pythae_vae", path, n_test=N_TEST, seed=seed, **pythae)
        bounds["pythae, VAE"].append(bound)

    lines = [f"bound of {N_TEST:,} rows held out, nats; {len(SEEDS)} seeds"]
    for name, values in bounds.items():
        each = " ".join(f"{value:.2f}" for value in values)
        lines.append(f"  {name:<30}{np.mean(values):>9.2f}   {each}")
    return "\n".join(lines) + "\n  reach: no worse than pythae's"


def run():
    """Yield the tables of the family."""
    peers, files = Peers(), Files()
    versions = pathlib.Path(__file__).with_name("peers.txt").read_text().split()
    yield f"peers: {', '.join(v for v in versions if v.startswith('py'))}"
    X = curved_rows()
    train, path = X[:N_TRAIN], files.path(X[:N_TRAIN])
    for batch_size in (128, 512):
        yield from compare_training(train, peers, path, batch_size)
    yield compare_bounds(X, peers, files.path(X))
