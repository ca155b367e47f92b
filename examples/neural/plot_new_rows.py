"""
==========================================================================
Visualization: a network places new digits in the map of those it has seen
==========================================================================

A map of the digits like that of UMAP, made by a network: it is trained so that digits
that are neighbors have neighboring places. New digits are placed by the network, each
by itself, and a decoder trained with it draws the digit at any place of the map.
"""

# %%
# A fifth of the 1,797 digits is held out. Two features would be too few for a
# classifier if they were linear: the plane of PCA mixes the digits.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklatent.decomposition import PCA
from sklatent.neural import ParametricEmbedding

X, y = load_digits(return_X_y=True)
X, X_new, y, y_new = train_test_split(X, y, test_size=0.2, random_state=0)

models = {
    "PCA": PCA(2),
    "network": ParametricEmbedding(max_epochs=150, random_state=0),
    "network, decoder": ParametricEmbedding(
        reconstruction_weight=10.0, max_epochs=150, random_state=0
    ),
}

# %%
# Of the new digits it is measured how many have neighbors of their kind in the map, and
# how large the error of their reconstruction is. Without a decoder, the map is decoded
# by local linear regressions on the digits around a place.

print("new digits         10-NN accuracy  squared error per pixel")
for name, model in models.items():
    model.fit(X)
    nearest = KNeighborsClassifier(10).fit(model.transform(X), y)
    accuracy = nearest.score(model.transform(X_new), y_new)
    error = model.reconstruction_error(X_new).mean() / X.shape[1]
    print(f"{name:<18} {accuracy:14.2f}  {error:23.1f}")

# %%
# The map of the last model, and what its decoder draws at the places of a grid.

embedding = models["network, decoder"]
Z, Z_new = embedding.embedding_, embedding.transform(X_new)
colors = {"cmap": "tab10", "vmin": -0.5, "vmax": 9.5}

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
left.scatter(*Z.T, c=y, s=3, alpha=0.35, **colors)
points = left.scatter(*Z_new.T, c=y_new, s=22, edgecolors="k", linewidths=0.4, **colors)
left.set(title="New digits (outlined) among those of the training")
figure.colorbar(points, ax=left, ticks=range(10), label="digit", shrink=0.8)

low, high = Z.min(axis=0), Z.max(axis=0)
size = 14
grid = np.stack(
    np.meshgrid(np.linspace(low[0], high[0], size), np.linspace(high[1], low[1], size)),
    axis=-1,
)
images = embedding.inverse_transform(grid.reshape(-1, 2)).reshape(size, size, 8, 8)
# Places that are far from all training rows stay empty.
gaps = np.sqrt(((grid[:, :, None] - Z) ** 2).sum(axis=-1).min(axis=-1))
images[gaps > 0.5 * (high - low).max() / size] = 0
right.imshow(
    np.block([list(row) for row in np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)])]),
    cmap="gray_r",
    vmin=0,
    vmax=16,
    extent=(low[0], high[0], low[1], high[1]),
    aspect="auto",
)
right.set(title="What the decoder draws at each place")
for ax in (left, right):
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# Nearly all new digits are among those of their kind. The decoder, trained together
# with the map, goes smoothly from one way of writing a digit to another. Distances
# between the groups have no meaning, here as in other maps of neighbors.
