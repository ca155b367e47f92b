"""
==============================================================================
Embedding: PCA compresses patches better, an autoencoder knows which are rough
==============================================================================

Small patches of photographs are simple images. PCA and autoencoders embed them in a few
numbers, remove noise from them, and sample new ones. The models are fitted to the left
halves of two photographs and tested on the right halves.
"""

# %%
# There are three thousand patches of 8 x 8 grey values from 0 to 1. No pixel is more
# important than another, so they are not standardized. One network has skip
# connections: it starts as a linear model, and learns what this misses. Another one has
# convolutions instead.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from sklatent.decomposition import PCA
from sklatent.neural import AETransformer, VAETransformer

photographs = [image.mean(axis=2) / 255 for image in load_sample_images().images]


def patches(columns, n, seed):
    """Patches from these columns of both photographs, as rows."""
    return np.vstack(
        [
            extract_patches_2d(
                image[:, columns], (8, 8), max_patches=n, random_state=seed
            ).reshape(n, 64)
            for image in photographs
        ]
    )


train, test = patches(slice(320), 1500, 0), patches(slice(320, None), 1000, 1)
noisy = test + 0.1 * np.random.RandomState(0).normal(size=test.shape)

settings = {
    "standardize": False,
    "lr": 5e-3,
    "lr_schedule": "one_cycle",
    "max_epochs": 25,
    "hidden_layer_sizes": (64,),
    "random_state": 0,
}
convolutions = {"image_shape": (1, 8, 8), "conv_channels": (8, 16)}
sizes = [4, 8, 16]
models = {
    "PCA": [PCA(size) for size in sizes],
    "AE, skip connections": [
        AETransformer(size, skip_connections=True, **settings) for size in sizes
    ],
    "AE, convolutions": [
        AETransformer(size, **convolutions, **settings) for size in sizes
    ],
}

# %%
# The table has the share of the variance of the test patches that is lost, and the
# share of the noise that is left when noisy patches are encoded and decoded.

lost, noise_left = {}, {}
for name, of_sizes in models.items():
    lost[name], noise_left[name] = [], []
    for model in of_sizes:
        model.fit(train)
        lost[name].append(model.reconstruction_error(test).mean() / 64 / test.var())
        cleaned = model.inverse_transform(model.transform(noisy))
        noise_left[name].append(np.mean((cleaned - test) ** 2) / 0.1**2)
    print(f"{name:<22} lost", *(f"{value:6.1%}" for value in lost[name]))
    print(f"{'':<22} left", *(f"{value:6.0%}" for value in noise_left[name]))

# %%
# Sampling patches needs a density. That of PCA is a Gaussian with the same noise
# everywhere; a variational autoencoder can predict the noise of each entry from the
# code. The log-density of the test patches compares them.

pca = models["PCA"][1]
vae = VAETransformer(8, noise_variance="decoder", skip_connections=True, **settings)
vae.fit(train)
for name, model in [("PCA", pca), ("VAETransformer", vae)]:
    print(f"{name:<15} {model.score(test):6.1f} nats per test patch")

figure = plt.figure(figsize=(10, 6.4), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1.25, 1])
left, right = top.subplots(1, 2)
for name in models:
    left.plot(sizes, 100 * np.array(lost[name]), "o-", label=name)
    right.plot(sizes, 100 * np.array(noise_left[name]), "o-", label=name)
left.set(ylabel="variance lost, %", title="compressed", ylim=(0, None))
right.set(
    ylabel="noise left, % of its variance", title="cleaned of noise", ylim=(0, None)
)
for axis in (left, right):
    axis.set(xscale="log", xlabel="n_components")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
left.legend(loc="lower left")
rng = np.random.RandomState(0)
shown = {
    "of the photographs": test[rng.permutation(len(test))[:96]],
    "sampled by PCA": pca.sample(96, random_state=0),
    "sampled by VAETransformer": vae.sample(96, random_state=0),
}
for axis, (name, rows) in zip(bottom.subplots(1, 3), shown.items(), strict=True):
    edge = [(0, 0), (0, 0), (1, 1), (1, 1)]
    tiles = np.pad(rows.reshape(8, 12, 8, 8), edge, constant_values=1)
    axis.imshow(np.block([list(row) for row in tiles]), cmap="gray", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %%
# With the same number of components PCA loses less of the patches than both networks do
# after these 25 epochs. Four components are as good as more for removing noise: the
# network with convolutions does as well there, and none does better. Pixels this close
# together are nearly linear functions of each other. But PCA does not know that some
# patches are smooth and others rough. All of its samples are equally grainy; the
# variational autoencoder samples patches of both kinds, and its log-density of new
# patches is higher by tens of nats. Neither samples as many black and white patches as
# the photographs have.
