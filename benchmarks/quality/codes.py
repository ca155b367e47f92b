"""Embeddings: reconstruction and neighbors of the codes, with the defaults."""

import time
import warnings

import numpy as np
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_sample_images,
    load_wine,
    make_moons,
)
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from benchmarks._peers import Peers
from benchmarks.quality._data import SEEDS, ask
from benchmarks.quality._report import Scores
from sklatent.datasets import make_swiss_roll
from sklatent.decomposition import PCA
from sklatent.density import GaussianMixture
from sklatent.neural import AETransformer, VAETransformer


def neighbors_agree(codes, y):
    """Accuracy of five nearest neighbors in the codes."""
    return cross_val_score(KNeighborsClassifier(5), codes, y, cv=5).mean()


def digits():
    """Two components of all digits, as in the demo."""
    X, y = load_digits(return_X_y=True)
    of_pca = PCA(2).fit(X).reconstruction_error(X).mean()
    error = Scores("error / PCA's", larger_is_better=False)
    accuracy, seconds = {}, {}
    for seed in range(3):
        for model in (
            PCA(2),
            AETransformer(2, standardize=False, random_state=seed),
            VAETransformer(2, standardize=False, random_state=seed),
        ):
            name = type(model).__name__
            start = time.process_time()
            codes = model.fit(X).transform(X)
            seconds.setdefault(name, []).append(time.process_time() - start)
            gap = np.square(X - model.inverse_transform(codes)).sum(axis=1).mean()
            error.add(name, "digits", gap / of_pca)
            accuracy.setdefault(name, []).append(neighbors_agree(codes, y))
    lines = [
        "digits, two components, all rows, three seeds, with the defaults",
        f"  {'':<16}{'error / PCA':>12}{'5-NN':>8}{'CPU s':>8}",
    ]
    reach = {
        "AETransformer": "   reach <= .47, >= .91",
        "VAETransformer": "   reach <= .52, >= .88",
    }
    for name in error.methods:
        lines.append(
            f"  {name:<16}{error.mean(name, 'digits'):>12.3f}"
            f"{np.mean(accuracy[name]):>8.3f}{np.mean(seconds[name]):>8.1f}"
            f"{reach.get(name, '')}"
        )
    codes = ask(Peers(), "umap_codes", X)
    found = "failed" if codes is None else f"{neighbors_agree(np.array(codes), y):.3f}"
    lines.append(f"  {'UMAP':<16}{'':>12}{found:>8}")
    return "\n".join(lines)


def patches(seed):
    """Patches of two photographs, 8 x 8 grey values: left halves, right halves."""

    def rows(columns, n):
        return np.vstack(
            [
                extract_patches_2d(
                    image.mean(axis=2)[:, columns] / 255,
                    (8, 8),
                    max_patches=n,
                    random_state=seed,
                ).reshape(n, 64)
                for image in load_sample_images().images
            ]
        )

    return rows(slice(320), 1500), rows(slice(320, None), 1000)


def split(load):
    """Return a function of the seed: training and test rows, standardized."""

    def halves(seed):
        train, test = train_test_split(load(), random_state=seed)
        mean, std = train.mean(axis=0), train.std(axis=0)
        return (train - mean) / std, (test - mean) / std

    return halves


RECONSTRUCTED = {
    "breast_cancer, 3": (3, split(lambda: load_breast_cancer().data)),
    "wine, 3": (3, split(lambda: load_wine().data)),
    "patches, 8": (8, patches),
    "diabetes, 4": (4, split(lambda: load_diabetes().data)),
    "iris, 2": (2, split(lambda: load_iris().data)),
    "swiss roll, 2": (2, split(lambda: make_swiss_roll(2000, random_state=0)[0])),
}


def held_out_error():
    """Squared error of new rows, as a share of PCA's."""
    scores = Scores(
        "error of reconstructed new rows / PCA's, with the defaults, five splits",
        larger_is_better=False,
    )
    for name, (size, load) in RECONSTRUCTED.items():
        for seed in SEEDS:
            train, test = load(seed)
            of_pca = PCA(size).fit(train).reconstruction_error(test).mean()
            for kind in (AETransformer, VAETransformer):
                model = kind(size, random_state=seed).fit(train)
                error = model.reconstruction_error(test).mean()
                scores.add(kind.__name__, name, error / of_pca)
    goals = "reach: breast_cancer 0.82, wine 0.90, patches 1.00"
    return f"{scores.table()}\n  {goals}, for AETransformer"


def bounds():
    """Held-out bounds of the default VAE, beside a Gaussian and a mixture."""
    scores = Scores("held-out log-density or bound, nats per row, with the defaults")
    tables = {
        "iris": split(lambda: load_iris().data),
        "moons": split(lambda: make_moons(1000, noise=0.1, random_state=0)[0]),
        "wine": split(lambda: load_wine().data),
        "breast_cancer": split(lambda: load_breast_cancer().data),
    }
    for name, load in tables.items():
        for seed in SEEDS:
            train, test = load(seed)
            models = {
                "VAETransformer()": VAETransformer(random_state=seed),
                "GaussianMixture(1)": GaussianMixture(1),
                "GaussianMixture(range(1, 11))": GaussianMixture(
                    range(1, 11), random_state=seed
                ),
            }
            for method, model in models.items():
                scores.add(method, name, model.fit(train).score(test))
    return f"{scores.table()}\n  reach, for VAETransformer: iris -3.2, moons -1.95"


def run():
    """Yield the tables of the part."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield digits()
        yield held_out_error()
        yield bounds()
