"""
===========================================
A curve up close may be a surface from afar
===========================================

Five shapes whose dimension is known, and how many dimensions Gride sees in them at
each distance. At small distances it finds the dimension; farther out it finds how the
shape is wound or folded.
"""

# %%
# The generators return the points and their dimension. Two thousand points each, in
# three features; the fractal has two, and a dimension that is no whole number.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import (
    make_cantor_dust,
    make_helix,
    make_hypersphere,
    make_mobius,
    make_swiss_roll,
)
from sklatent.dimension import Gride

shapes = {
    "helix": make_helix(2000, n_turns=30, random_state=0),
    "Möbius band": make_mobius(2000, random_state=0),
    "Swiss roll": make_swiss_roll(2000, random_state=0),
    "sphere": make_hypersphere(2000, random_state=0),
    "Cantor dust": make_cantor_dust(2000, n_features=2, random_state=0),
}

figure = plt.figure(figsize=(11, 5), layout="constrained")
for i, (name, (X, dimension)) in enumerate(shapes.items()):
    flat = X.shape[1] == 2
    axis = figure.add_subplot(2, 5, i + 1, projection=None if flat else "3d")
    axis.scatter(*X.T, s=1, c=X[:, 0], cmap="viridis")
    axis.set(title=name, xticks=[], yticks=[])
    axis.set_aspect("equal")
    if not flat:
        axis.set_zticks([])
    gride = Gride(max_neighbors=512).fit(X)
    axis = figure.add_subplot(2, 5, i + 6)
    axis.plot(gride.scales_, gride.dimension_scales_, "o-", markersize=4)
    low, high = gride.confidence_interval_scales_.T
    axis.fill_between(gride.scales_, low, high, alpha=0.3)
    axis.axhline(dimension, color="grey", linewidth=0.8)
    axis.set(xscale="log", ylim=(0, 3), xlabel="distance, units of x")
    if i == 0:
        axis.set_ylabel("dimension, with 95 % band")
    print(f"{name:<12} {dimension:.2f}, found", np.round(gride.dimension_scales_, 2))
plt.show()

# %%
# The dimension that each generator returns (grey line) is found at small distances. The
# helix is a curve as long as its turns are out of sight, and beyond that, with 1.9 to
# 2.6, nearer to the torus around which it is wound; the Swiss roll is a surface until
# the next turn comes near. The band and the sphere stay surfaces, the band with an edge
# that lowers the number at large distances. The fractal keeps to its 1.26, as it looks
# the same at all scales, until the distance is that of the whole.
