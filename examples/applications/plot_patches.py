"""
==============================================================
PCA compresses patches better, a network knows which are rough
==============================================================

Small patches of photographs are the plainest of images. They are compressed to a few
numbers, cleaned of noise, and drawn anew, by PCA and by autoencoders; the right halves
of two photographs judge what is fitted to the left halves.
"""

# %%
# Three thousand patches of 8 x 8 grey values from 0 to 1. No pixel is more important
# than another, so they are not standardized. Networks have skip connections: they start
# as linear models, and learn what these miss. One has convolutions instead.

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
# The share of the test patches' variance that is lost; and what is left of the noise
# when noisy patches are encoded and decoded again.

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
# To draw patches takes a density. That of PCA is a Gaussian with the same noise
# everywhere; a variational autoencoder can say how much noise each entry has, given the
# code. The log-density of the test patches judges them.

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
drawn = {
    "of the photographs": test[rng.permutation(len(test))[:96]],
    "drawn by PCA": pca.sample(96, random_state=0),
    "drawn by VAETransformer": vae.sample(96, random_state=0),
}
for axis, (name, rows) in zip(bottom.subplots(1, 3), drawn.items(), strict=True):
    edge = [(0, 0), (0, 0), (1, 1), (1, 1)]
    tiles = np.pad(rows.reshape(8, 12, 8, 8), edge, constant_values=1)
    axis.imshow(np.block([list(row) for row in tiles]), cmap="gray", vmin=0, vmax=1)
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %%
# With as many components PCA loses less of the patches than both networks do after
# these 25 epochs, and four numbers are as good as more for taking noise away: the
# network with convolutions does as well there, and none does better. Pixels this close
# together are nearly linear functions of each other. What PCA does not know is that
# some patches are smooth and others rough. What it draws is all equally grainy; the
# variational autoencoder draws some of either kind, and gives new patches tens of nats
# more. Neither draws as many black and white ones as the photographs have.
