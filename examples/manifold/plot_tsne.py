"""
===============================================================
Visualization: t-SNE places new rows in its map, and leads back
===============================================================

t-SNE draws a map in which rows are next to their nearest neighbors. In most packages
the map ends with the rows that it was made from. Here new rows are placed in it, each
for itself, and places are turned back into rows. How good is either?
"""

# %%
# Two of three handwritten digits are the training rows. The others are placed by
# `transform`: each is drawn to the training digits that are most like it, and repelled
# by all, while these stay where they are.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from sklatent.manifold import TSNE, metrics

X, y = load_digits(return_X_y=True)
train, new = np.arange(0, 1200), np.arange(1200, len(X))
tsne = TSNE(perplexity=30, random_state=0)
Z = tsne.fit_transform(X[train])
placed = tsne.transform(X[new])

nearest = KNeighborsClassifier(10).fit(Z, y[train])
of_pixels = KNeighborsClassifier(10).fit(X[train], y[train])
print(f"trustworthiness of the map: {metrics.trustworthiness(X[train], Z):.2f}")
print(f"share of the ten neighbors kept: {metrics.neighbor_recall(X[train], Z):.2f}")
print("new digits classified right by their ten nearest training digits")
print(f"  in the map:    {nearest.score(placed, y[new]):.2f}")
print(f"  by the pixels: {of_pixels.score(X[new], y[new]):.2f}")
alone = tsne.transform(X[new[:1]])
print(
    f"a new digit placed without the others moves by {abs(alone - placed[0]).max():.0e}"
)

figure, axes = plt.subplots(1, 2, figsize=(11, 5.2), layout="constrained")
colors = {"cmap": "tab10", "vmin": 0, "vmax": 9}
axes[0].scatter(*Z.T, c=y[train], s=6, **colors)
axes[0].set(title="training digits", aspect="equal", xticks=[], yticks=[])
axes[1].scatter(*Z.T, c="0.88", s=6)
points = axes[1].scatter(*placed.T, c=y[new], s=12, marker="x", lw=1, **colors)
axes[1].set(title="new digits, placed among them", aspect="equal", xticks=[], yticks=[])
figure.colorbar(points, ax=axes, label="digit", shrink=0.8)
plt.show()

# %%
# `inverse_transform` reconstructs a digit for any place in the map. Below, places on a
# grid are turned into images, and those with no training digit around are left out.

width = Z.max() - Z.min()
middle = (Z.max(axis=0) + Z.min(axis=0)) / 2
steps = width * (np.arange(18) + 0.5) / 18 - width / 2
grid = np.stack(np.meshgrid(steps, -steps), axis=-1).reshape(-1, 2) + middle
distance = NearestNeighbors(n_neighbors=1).fit(Z).kneighbors(grid)[0][:, 0]
images = tsne.inverse_transform(grid)
images[distance > width / 30] = 0

framed = np.pad(images.reshape(18, 18, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
mosaic = framed.swapaxes(1, 2).reshape(180, 180)
figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
axis.imshow(mosaic, cmap="gray_r", vmin=0, vmax=16)
axis.set(xticks=[], yticks=[], title="digits reconstructed from their places")
plt.show()

of_mean = np.square(X[new] - X[train].mean(axis=0)).sum(axis=1)
left = tsne.reconstruction_error(X[new]).sum() / of_mean.sum()
print(f"squared error of new digits from two numbers: {left:.2f} of their variance")

# %%
# New digits land in the right cluster nearly as often as their pixels tell, and a row
# never moves because of others. The map keeps far more than half of each digit's
# neighbors, and leads back to legible digits. It does not say how different two
# clusters are: their sizes, and the gaps between them, are made by the method (see
# :ref:`which_map`).
