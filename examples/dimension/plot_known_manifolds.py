"""
==================================================================
Intrinsic dimension: a curve nearby may be a surface from far away
==================================================================

Gride estimates the dimension of five known shapes at each distance. At small distances
it finds their dimension; at larger distances the estimate depends on how the shape is
wound or folded.
"""

# %%
# The generators return the points and their dimension. There are two thousand points of
# each shape, in three features; the fractal has two features, and a dimension that is
# not a whole number.

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
# At small distances Gride finds the dimension that each generator returns (grey line).
# The helix is a curve as long as neighbors are closer than its turns; beyond, with 1.9
# to 2.6, it is nearer to the torus around which it is wound. The Swiss roll is a
# surface up to the distance of the next turn. The band and the sphere stay surfaces;
# the edge of the band lowers the estimate at large distances. The fractal stays at its
# 1.26, since it looks the same at all scales, up to the size of the whole.
