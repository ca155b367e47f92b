"""
=====================================================================
Visualization: what each embedding keeps of the same rows, in numbers
=====================================================================

Every method draws the same digits in its own way, and all pictures look convincing.
What does each of them keep: the nearest neighbors, the distances, the sizes of
clusters? Here the same rows go through all methods, and the same measures through all
pictures.
"""

# %%
# A thousand handwritten digits have 64 pixels each. Only the colors know the classes.
# The methods of scikit-learn are among those of this package.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.manifold import LocallyLinearEmbedding, SpectralEmbedding

from sklatent.decomposition import PCA
from sklatent.manifold import (
    MDS,
    TSNE,
    UMAP,
    DiffusionMap,
    Isomap,
    KernelPCA,
    SketchMap,
    metrics,
)
from sklatent.neural import ParametricEmbedding

X, y = load_digits(return_X_y=True)
X, y = X[:1000], y[:1000]
methods = {
    "PCA": PCA(2),
    "MDS": MDS(random_state=0),
    "Sketch-map": SketchMap(),
    "Kernel PCA": KernelPCA(2, kernel="rbf"),
    "Isomap": Isomap(n_neighbors=10),
    "Diffusion map": DiffusionMap(2),
    "LLE": LocallyLinearEmbedding(n_neighbors=10, random_state=0),
    "Spectral": SpectralEmbedding(n_neighbors=10, random_state=0),
    "t-SNE": TSNE(random_state=0),
    "UMAP": UMAP(random_state=0),
    "Parametric": ParametricEmbedding(random_state=0),
}

# %%
# Of the ten nearest digits of each digit, the recall is the share that is among its ten
# nearest in the picture. The correlation of distances is that of ranks, between all
# pairs in the data and in the picture. The global score compares with PCA how much of
# the data is a linear function of the picture. The correlation of radii is that between
# the distances to the tenth neighbor, in the data and in the picture: whether dense
# parts are drawn dense.


def ranks(values):
    """Ranks from 0 on, all different."""
    return np.argsort(np.argsort(values))


def correlation(a, b):
    """Correlation of the ranks of two lists of numbers."""
    return np.corrcoef(ranks(a), ranks(b))[0, 1]


def pairs(rows):
    """Distances of all pairs, as a list, and to the tenth neighbor of each row."""
    centered = rows - rows.mean(axis=0)
    squares = np.square(centered).sum(axis=1)
    squared = squares[:, None] + squares - 2 * centered @ centered.T
    distances = np.sqrt(np.maximum(squared, 0))
    radii = np.partition(distances, 10, axis=1)[:, 10]
    return distances[np.triu_indices(len(rows), 1)], radii


distances, radii = pairs(X)
figure, axes = plt.subplots(3, 4, figsize=(11, 9), layout="constrained")
print(f"{'':<14}  recall  distances  global  radii")
for axis, (name, method) in zip(axes.flat, methods.items(), strict=False):
    begin = time.perf_counter()
    Z = method.fit_transform(X)
    seconds = time.perf_counter() - begin
    in_picture, picture_radii = pairs(Z)
    found = [
        metrics.neighbor_recall(X, Z, n_neighbors=10),
        correlation(distances, in_picture),
        metrics.global_score(X, Z),
        correlation(radii, picture_radii),
    ]
    print(f"{name:<14}{found[0]:8.2f}{found[1]:11.2f}{found[2]:8.2f}{found[3]:7.2f}")
    axis.scatter(*Z.T, c=y, s=4, cmap="tab10")
    axis.set(xticks=[], yticks=[])
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_title(
        f"{name}, {seconds:.1f} s\nneighbors {found[0]:.2f}, distances {found[1]:.2f}",
        fontsize=10,
    )
# The legend has the place of a twelfth picture.
axes.flat[-1].axis("off")
for digit in range(10):
    color = plt.get_cmap("tab10")(digit)
    axes.flat[-1].scatter([], [], color=color, label=str(digit))
axes.flat[-1].legend(loc="center", ncols=2, title="digit", frameon=False)
plt.show()

# %%
# Nobody knows how large a cluster of digits is, or how far it is from another. So here
# are three clusters in ten dimensions that have a known size and distance: the blue one
# is five times as wide as the others, and the green one is five times as far from the
# blue one as the orange one is.

rng = np.random.default_rng(0)
centers = np.zeros((3, 10))
centers[1, 0], centers[2, 1] = 12, 60
widths = np.array([2, 0.4, 0.4])
labels = np.repeat([0, 1, 2], 150)
clusters = centers[labels] + widths[labels, None] * rng.standard_normal((450, 10))


def proportions(rows):
    """How much wider the blue cluster is than the orange, and how far the green is."""
    parts = [rows[labels == k] for k in range(3)]
    middle = [part.mean(axis=0) for part in parts]
    wide, narrow, _ = (np.sqrt(part.var(axis=0).sum()) for part in parts)
    far, near = (np.linalg.norm(middle[0] - middle[k]) for k in (2, 1))
    return wide / narrow, far / near


figure, axes = plt.subplots(2, 4, figsize=(11, 5.5), layout="constrained")
shown = ["PCA", "MDS", "Sketch-map", "Kernel PCA", "t-SNE", "UMAP", "Parametric"]
print(f"{'':<14}   width  distance")
pictures = {"the data": clusters}
pictures |= {name: methods[name].fit_transform(clusters) for name in shown}
for axis, (name, Z) in zip(axes.flat, pictures.items(), strict=True):
    wide, far = proportions(Z)
    print(f"{name:<14}{wide:8.1f}{far:10.1f}")
    axis.scatter(*Z[:, :2].T, c=labels, s=4, cmap="tab10", vmax=9)
    axis.set(xticks=[], yticks=[])
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_title(f"{name}\nwidth {wide:.1f}, distance {far:.1f}", fontsize=10)
plt.show()

# %%
# No method is first in every respect. PCA and MDS keep distances and proportions, and
# few neighbors; t-SNE and UMAP keep most of the neighbors, and draw the three clusters
# as if they were equally wide and about equally far apart. The user guide says what can
# be read from which picture: :ref:`which_map`.
