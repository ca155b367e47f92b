"""
=====================================================================
Intrinsic dimension: noise adds dimensions, but only at its own scale
=====================================================================

A Swiss roll is a sheet with two dimensions. With noise it is a thick sheet, which has
three dimensions at the distance of near neighbors. Which of the two numbers is right
depends on the scale, so estimate the dimension at all scales.
"""

# %%
# Gride compares farther and farther neighbors of the same rows; decimation compares the
# nearest neighbors in smaller and smaller parts of the data. With noise both start near
# three and fall towards two where neighbors are farther apart than the thickness of the
# sheet, which is drawn at two standard deviations of the noise. At the distance between
# the turns the estimate rises again.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import make_swiss_roll
from sklatent.dimension import Gride, TwoNN

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
for axis, noise in zip(axes, (0.0, 0.3, 1.0), strict=True):
    X, dimension = make_swiss_roll(5000, noise=noise, random_state=0)
    gride = Gride(max_neighbors=1024).fit(X)
    axis.plot(gride.scales_, gride.dimension_scales_, "o-", label="Gride")
    low, high = gride.confidence_interval_scales_.T
    axis.fill_between(gride.scales_, low, high, alpha=0.3)
    parts = TwoNN().scaling(X, n_levels=8, random_state=0)
    axis.errorbar(
        parts.scale, parts.dimension, 1.96 * parts.dimension_std, fmt="s", label="TwoNN"
    )
    axis.axhline(dimension, color="grey", linewidth=0.8)
    if noise > 0:
        axis.axvline(2 * noise, color="C3", linestyle=":", label="thickness")
    axis.set(
        xscale="log",
        xlabel="distance to neighbors, units of x",
        title=f"noise {noise}",
    )
    print(f"noise {noise}: {np.round(gride.dimension_scales_, 2)}")
print(f"turns are {2 * np.pi:.1f} apart")
axes[0].set_ylabel("dimension, with 95 % band")
axes[1].legend()
plt.show()

# %%
# Without noise the curve is flat at two up to the distance between the turns of the
# roll. With noise it starts near three and falls where neighbors are farther apart than
# the thickness of the sheet (dotted line). With noise 0.3 it is at two at five times
# that distance. With the strongest noise it only falls to 2.3, because the distance of
# the turns, 6.3, is reached first.
