"""Autoencoders of images: how well they rebuild them, and what convolutions cost.

Errors are those of rows held out, a fifth of all. The settings for the patches were
chosen by errors of other patches of the same photographs, drawn with other seeds and
split in other ways; those for the digits are the defaults for pixels, which have one
scale and are not standardized.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits, load_sample_images
from sklearn.decomposition import PCA
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._harness import compare
from sklatent.neural import AETransformer

HAND = "hand-written PyTorch loop"
PIXELS = {"standardize": False}
DIGIT = {"image_shape": (1, 8, 8)}
N_PATCHES = 40_000
# Settings were chosen by patches of seeds 0 and 1.
SEED = 2


def error(model, X):
    """Mean squared distance of the rows from their reconstructions."""
    rebuilt = model.inverse_transform(model.transform(X))
    return np.square(X - rebuilt).sum(axis=1).mean()


def compare_errors(title, train, test, models, reach):
    """Held-out errors of models, each divided by PCA's of the same size."""
    lines = [f"{title}: held-out error / PCA's"]
    for name, candidates in models.items():
        ratios = []
        for model in candidates:
            pca = PCA(model.n_components, svd_solver="full").fit(train)
            ratios.append(error(model.fit(train), test) / error(pca, test))
        seeds = " ".join(f"{ratio:.3f}" for ratio in ratios)
        lines.append(f"  {name:<30}{seeds:>24}   reach {reach}")
    return "\n".join(lines)


def digits_in_eight_numbers():
    """Digits through 8 components, three seeds each."""
    train, test = train_test_split(load_digits().data, test_size=0.2, random_state=0)
    settings = PIXELS | {"n_components": 8}
    models = {
        "perceptron": [AETransformer(**settings, random_state=i) for i in range(3)],
        "convolutions": [
            AETransformer(**settings, **DIGIT, random_state=i) for i in range(3)
        ],
    }
    return compare_errors(
        "digits, 8 components, 3 seeds", train, test, models, "<= 0.8"
    )


def patches_of_photographs(columns, n_patches):
    """Grey patches of 8 x 8 pixels, of these columns of scikit-learn's photographs."""
    patches = [
        extract_patches_2d(
            photograph[:, columns].mean(axis=2),
            (8, 8),
            max_patches=n_patches // 2,
            random_state=SEED,
        )
        for photograph in load_sample_images().images
    ]
    return np.concatenate(patches).reshape(n_patches, 64).astype(np.float32)


def patches_in_sixteen_numbers():
    """Patches through 16 components, where PCA is close to the best there is.

    The fit sees the left halves of the photographs, and the right halves judge it, so
    that no pixel is in both.
    """
    train = patches_of_photographs(slice(None, 320), N_PATCHES * 4 // 5)
    test = patches_of_photographs(slice(320, None), N_PATCHES // 5)
    settings = PIXELS | {
        "n_components": 16,
        "activation": "gelu",
        "skip_connections": True,
        "hidden_layer_sizes": (128, 64),
        "lr": 2e-3,
        "lr_schedule": "cosine",
        "batch_size": 128,
        "max_epochs": 30,
        "random_state": 0,
    }
    models = {
        "perceptron": [AETransformer(**settings)],
        "convolutions": [AETransformer(**settings, **DIGIT)],
    }
    title = f"{N_PATCHES:,} patches of photographs, 16 components, 30 epochs"
    return compare_errors(title, train, test, models, "<= 1")


def digits_in_two_numbers():
    """PCA and an autoencoder as in Hinton and Salakhutdinov (2006), figure 3."""
    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, random_state=0, stratify=y
    )
    lines = ["digits, 2 components, held out: 5-NN accuracy of the codes, error"]
    for name, model in {
        "PCA": PCA(2),
        "perceptron": AETransformer(2, **PIXELS, random_state=0),
        "convolutions": AETransformer(2, **PIXELS, **DIGIT, random_state=0),
    }.items():
        neighbors = KNeighborsClassifier(5).fit(model.fit_transform(train), y_train)
        accuracy = neighbors.score(model.transform(test), y_test)
        lines.append(f"  {name:<30}{accuracy:>10.3f}{error(model, test):>10.1f}")
    return "\n".join(lines)


def train_by_hand(module, X, epochs, batch_size):
    """Train as a PyTorch user would write it."""
    X = torch.from_numpy(X)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for i in range(0, len(X), batch_size):
            batch = X[order[i : i + batch_size]]
            loss = (batch - module(batch)).square().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def compare_training(side, n_rows, epochs, repeats):
    """Fit a convolutional autoencoder two ways."""
    X = np.random.RandomState(0).normal(size=(n_rows, side**2)).astype(np.float32)
    settings = {"n_components": 8, "image_shape": (1, side, side), "random_state": 0}
    settings["batch_size"] = 128
    module = AETransformer(max_epochs=1, **settings).fit(X[:2]).net_.module_

    def ours():
        AETransformer(max_epochs=epochs, **settings).fit(X)

    def hand():
        train_by_hand(module, X, epochs, batch_size=128)

    return compare(
        f"fit convolutions, {n_rows:,} images of {side} x {side}, {epochs} epochs",
        {"AETransformer": ours, HAND: hand},
        {HAND: ">= 1"},
        repeats,
    )


def run():
    """Yield the tables of the family."""
    yield compare_training(8, 2000, 20, repeats=7)
    yield compare_training(28, 1000, 10, repeats=5)
    yield digits_in_eight_numbers()
    yield digits_in_two_numbers()
    yield patches_in_sixteen_numbers()
