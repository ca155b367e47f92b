"""
===================================================================
Nonlinear dimensionality reduction: the shape, whatever its density
===================================================================

Rows on a closed curve should be placed on a circle by their first two components. If
rows are much denser at one side, the eigenvectors of a plain graph of neighbors depend
on the density. A diffusion map divides the density out.
"""

# %%
# Nine times as many rows on the right of the circle as on the left. The color is the
# angle. The error is the share of the variance of the two components that is no sine
# and cosine of the angle.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import SpectralEmbedding

from sklatent.datasets import make_hypersphere
from sklatent.manifold import DiffusionMap

X, _ = make_hypersphere(2000, dimension=1, density_ratio=9, random_state=0)
angle = np.arctan2(X[:, 1], X[:, 0])
waves = X - X.mean(axis=0)


def error(Z):
    """Share of the variance that the first waves do not explain."""
    Z = Z - Z.mean(axis=0)
    Z = Z / Z.std(axis=0)
    fitted = waves @ np.linalg.lstsq(waves, Z, rcond=None)[0]
    return np.square(Z - fitted).sum() / np.square(Z).sum()


places = {
    "SpectralEmbedding": SpectralEmbedding(n_neighbors=64).fit_transform(X),
    "DiffusionMap, alpha=0": DiffusionMap(alpha=0.0).fit(X).embedding_,
    "DiffusionMap": DiffusionMap().fit(X).embedding_,
}
figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
axes[0].scatter(*X.T, c=angle, s=4, cmap="hsv", alpha=0.3)
axes[0].set(title="the rows", aspect="equal")
for axis, (name, Z) in zip(axes[1:], places.items(), strict=True):
    axis.scatter(*Z.T, c=angle, s=4, cmap="hsv")
    axis.set(title=name, xticks=[], yticks=[])
    print(f"{name}: error {error(Z):.3f}")
plt.show()

# %%
# SpectralEmbedding draws a circle too, but angles on it are uneven: the thin side of
# the data is squeezed, since the number of rows counts and not the length. With
# ``alpha=0`` a diffusion map is drawn to the dense side, and the circle has corners.
# The default, ``alpha=1``, places the rows by their angle, as if they were uniform.
