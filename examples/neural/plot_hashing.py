"""
===========================================================================
Similarity search: sixteen bits per digit find more of its class than PCA's
===========================================================================

A variational autoencoder with codes of zeros and ones is a hash function: digits that
look alike get codes that differ in few bits. Such codes are small, and quick to
compare. In a search for digits of the same class they are better than the signs of as
many principal components; training uses no labels.
"""

# %%
# A fifth of the digits are queries, the others the database. The warm-up prevents that
# training stops using a bit before the decoder has learned to use it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklatent.decomposition import PCA
from sklatent.neural import VAETransformer

X, y = load_digits(return_X_y=True)
database, queries, y_database, y_queries = train_test_split(
    X, y, test_size=0.2, random_state=0
)
vae = VAETransformer(
    16,
    latent="bernoulli",
    hidden_layer_sizes=(256, 128),
    warmup_epochs=50,
    lr=2e-3,
    lr_schedule="cosine",
    standardize=False,
    random_state=0,
).fit(database)
pca = PCA(16).fit(database)
bits = {
    "16 bits of the autoencoder": vae.transform,
    "16 signs of PCA": lambda rows: (pca.transform(rows) > 0).astype(float),
}
print("two digits:", *vae.transform(queries[:2]).astype(int), sep="\n")

# %%
# For each query the database is sorted by the number of bits that differ. How many of
# the first k digits are of the class of the query? Ties are in random order.

rng = np.random.RandomState(0)
nearest, precision = {}, {}
for name, code in bits.items():
    distance = (code(queries)[:, None] != code(database)).sum(axis=2)
    order = np.lexsort((rng.uniform(size=distance.shape), distance))
    nearest[name] = order
    right = y_database[order] == y_queries[:, None]
    precision[name] = right.cumsum(axis=1).mean(axis=0) / np.arange(
        1, len(database) + 1
    )
    print(f"{name:<28}of the first 50, {precision[name][49]:.0%} are correct")

# %%
# The figure has five queries with their first answers, and the share of correct answers
# among more and more of them. There are about 144 digits of each class in the database.

figure, axes = plt.subplot_mosaic(
    [[*bits], ["share", "share"]],
    height_ratios=[1.2, 1],
    figsize=(8, 5.6),
    layout="constrained",
)
asking = [np.flatnonzero(y_queries == digit)[0] for digit in (2, 3, 5, 8, 9)]
for name, order in nearest.items():
    strips = []
    for i in asking:
        found = database[order[i, :9]]
        images = np.vstack([queries[i], np.full(64, np.nan), found])
        right = np.r_[True, True, y_database[order[i, :9]] == y_queries[i]]
        images = np.pad(images.reshape(-1, 8, 8), [(0, 0), (1, 1), (1, 1)])
        images[~right] += 5 * (images[~right] == 0)
        strips.append(np.hstack(images))
    axes[name].imshow(np.vstack(strips), cmap="gray_r", vmin=0, vmax=16)
    axes[name].set(title=name, xticks=[5, 65], yticks=[])
    axes[name].set_xticklabels(["query", "found first (wrong: shaded)"])
    axes["share"].plot(np.arange(1, 201), precision[name][:200], label=name)
axes["share"].set(xlabel="number of answers", ylabel="share of the class")
axes["share"].set_ylim(0, 1)
axes["share"].legend()
plt.show()

# %%
# A digit takes two bytes, and the bits of the autoencoder find more digits of its class
# for any number of answers. Signs divide the directions of largest variance, wherever
# the digits lie; the bits are trained such that the digit can be reconstructed from
# them.
