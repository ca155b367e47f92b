"""
==================================================
Visualization: UMAP has a place for digits to come
==================================================

UMAP draws a map of many features in two dimensions, in which neighbors stay neighbors.
Is the map still of use when new rows come? Here half of the pictures of handwritten
digits make the map, and the other half are placed in it, each by itself. The kind of
digit is not told to UMAP.
"""

# %%
# Each picture has 64 pixels. The map is the same at each run, as nothing in it is
# random.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from sklatent.manifold import UMAP

X, y = load_digits(return_X_y=True)
old, new = np.arange(len(X)) % 2 == 0, np.arange(len(X)) % 2 == 1
umap = UMAP().fit(X[old])
Z, Z_new = umap.embedding_, umap.transform(X[new])

# %%
# How good is the place of a new digit? Its kind should be that of the digits around it,
# and its nearest digits among the 64 pixels should be its nearest in the map. `score`
# is the share of ten for which this is so, corrected for chance.

vote = KNeighborsClassifier(10).fit(Z, y[old]).score(Z_new, y[new])
print(f"new digits among their kind: {vote:.1%}")
print(f"neighbors kept: {umap.score(X[new]):.0%}")

# %%
# The map leads back, too: the picture at a place is made of the digits around it, also
# where there is none.

steps = np.linspace(0, 1, 8)[:, None]
middle = [np.median(Z[y[old] == digit], axis=0) for digit in (5, 9)]
path = (1 - steps) * middle[0] + steps * middle[1]
pictures = umap.inverse_transform(path).reshape(-1, 8, 8)

figure = plt.figure(figsize=(11, 4.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.5, 1])
axes = left.subplots(1, 2, sharex=True, sharey=True)
axes[0].scatter(*Z.T, c=y[old], cmap="tab10", s=5)
axes[0].set_title("Digits that made the map")
axes[1].scatter(*Z.T, c="0.85", s=5)
axes[1].scatter(*Z_new.T, c=y[new], cmap="tab10", s=5)
axes[1].set_title("New digits")
for digit in range(10):
    where = np.median(Z[y[old] == digit], axis=0)
    for axis in axes:
        axis.annotate(str(digit), where, ha="center", va="center", weight="bold")
        axis.set(xticks=[], yticks=[], aspect="equal")
right.suptitle("Pictures on the way from 5 to 9")
for axis, picture in zip(right.subplots(2, 4).flat, pictures, strict=True):
    axis.imshow(picture, cmap="gray_r", vmin=0, vmax=16)
    axis.set_axis_off()
plt.show()

# %%
# Of the new digits 97.1 % lie among digits of their kind, and 57 % of their nearest
# neighbors in 64 dimensions are their nearest neighbors in two.
