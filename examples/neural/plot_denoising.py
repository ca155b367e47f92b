"""
======================================================================
Denoising: an autoencoder trained on damaged digits restores them best
======================================================================

An autoencoder that is trained to reconstruct complete digits from digits with half of
their pixels removed can restore new damaged digits: better than one that is trained on
complete digits, and better than a linear model that knows which pixels are missing.
"""

# %%
# A fifth of the digits are for the test. Half of their pixels are replaced by the mean
# of the pixel.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklatent.decomposition import PPCA
from sklatent.neural import AETransformer

train, original = train_test_split(load_digits().data, test_size=0.2, random_state=0)
missing = np.random.RandomState(0).uniform(size=original.shape) < 0.5
damaged = np.where(missing, train.mean(axis=0), original)

# %%
# There are two autoencoders with 16 components each; ``corruption`` removes random
# pixels at each step of the training. Probabilistic PCA gets the missing pixels as NaN;
# the autoencoders do not know which pixels are missing. The error of the restored
# pixels is compared.

settings = {
    "n_components": 16,
    "standardize": False,
    "lr": 2e-3,
    "random_state": 0,
}
autoencoders = {
    "trained on complete digits": AETransformer(**settings),
    "trained on damaged digits": AETransformer(corruption=0.5, **settings),
}
ppca = PPCA(16, random_state=0).fit(train)
restored = {
    "PPCA, missing pixels known": ppca.impute(np.where(missing, np.nan, original))
}
for name, ae in autoencoders.items():
    reconstructed = ae.fit(train).inverse_transform(ae.transform(damaged))
    restored[name] = np.where(missing, reconstructed, original)

of_mean = ((damaged - original)[missing] ** 2).mean()
print("mean squared error of the missing pixels, relative to that of their mean")
for name, images in restored.items():
    print(f"{name:<28}{((images - original)[missing] ** 2).mean() / of_mean:.2f}")

# %%
# Ten digits of the test, damaged and restored.

strips = {"original": original, "damaged": damaged} | restored
rows = [
    np.hstack(np.pad(images[:10].reshape(-1, 8, 8), [(0, 0), (1, 1), (2, 2)]))
    for images in strips.values()
]
figure, ax = plt.subplots(figsize=(8, 3.9), layout="constrained")
ax.imshow(np.vstack(rows), cmap="gray_r", vmin=0, vmax=16)
ax.set(xticks=[], title="Digits with half of their pixels missing")
ax.set_yticks(np.arange(len(strips)) * 10 + 4.5, strips)
plt.show()

# %%
# The autoencoder that is trained on complete digits takes the replaced pixels for part
# of the image, and leaves them as shadows; the one that is trained on damaged digits
# ignores them, and restores the strokes. Probabilistic PCA knows which pixels are
# missing, but can only impute sums of its components, which are blurred.
