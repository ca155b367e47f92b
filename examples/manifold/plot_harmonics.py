"""
==================================================================
Nonlinear dimensionality reduction: components that say new things
==================================================================

The slowest modes of a long strip all run along it: the second is a function of the
first, as cos(2 x) is of cos(x). With ``drop_harmonics`` a diffusion map leaves such
components out, so that two components show both dimensions of the strip.
"""

# %%
# A strip, three times as long as wide, that is bent to an S in space.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_s_curve

from sklatent.manifold import DiffusionMap

X, t = make_s_curve(2000, random_state=0)
width = X[:, 1]

plain = DiffusionMap(n_components=2).fit(X)
parsimonious = DiffusionMap(n_components=2, drop_harmonics=True).fit(X)
print("modes:", plain.component_indices_, parsimonious.component_indices_)


def wave_across(z):
    """Correlation with the slowest wave across the strip."""
    return abs(np.corrcoef(z, np.cos(np.pi * width / 2))[0, 1])


figure = plt.figure(figsize=(10, 3.4), layout="constrained")
axis = figure.add_subplot(1, 3, 1, projection="3d")
axis.scatter(*X.T, c=width, s=3)
axis.set(title="the rows, colored by the width", xticks=[], yticks=[], zticks=[])
for i, (name, model) in enumerate(
    {"first two modes": plain, "without harmonics": parsimonious}.items()
):
    axis = figure.add_subplot(1, 3, 2 + i)
    axis.scatter(*model.embedding_.T, c=width, s=3)
    axis.set(title=name, xlabel="first component", ylabel="second component")
    across = wave_across(model.embedding_[:, 1])
    print(f"{name}: correlation of the second component with the width {across:.2f}")
plt.show()

# %%
# The first two modes draw a parabola: the second component has nothing that the first
# does not have, and nothing of the width of the strip. Without harmonics the second
# component is the first mode across the strip, the fifth of all, and the embedding
# shows a sheet of two dimensions.
