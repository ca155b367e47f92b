"""
=======================================================
Sixteen bits per digit find more of its kind than PCA's
=======================================================

A variational autoencoder with codes of zeros and ones is a hash function: digits that
look alike get codes that differ in few bits. Such codes are small, and compared in no
time. Asked for digits of a kind, they do better than the signs of as many principal
components; no label is seen in training.
"""

# %%
# A fifth of the digits are queries, the others the database. Warm-up keeps bits from
# being given up before the decoder has learned what to do with them.

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
# Each query sorts the database by the number of bits that differ. Of the first k
# digits, how many are of the query's kind? Where several differ in as many bits, the
# order is left to chance.

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
    print(f"{name:<28}of the first 50, {precision[name][49]:.0%} are right")

# %%
# Five queries and what comes back first, and the share of right answers as more are
# asked for. There are some 144 digits of each kind in the database.

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
axes["share"].set(xlabel="digits asked for", ylabel="share of the right kind")
axes["share"].set_ylim(0, 1)
axes["share"].legend()
plt.show()

# %%
# A digit costs two bytes, and the autoencoder's bits find more of its kind at any
# number of answers. Signs cut the directions of largest variance, wherever the digits
# lie; the bits are chosen so that the digit can be drawn again from them.
