"""
===========================================================
Intrinsic dimension: no estimator is best on every manifold
===========================================================

All seven estimators are applied to 24 manifolds of known dimension, from a curve to 70
dimensions. Each estimator is right on many of them, and far off on some.
"""

# %%
# Each manifold has six hundred rows, fewer than most tables. The table compares the
# estimate divided by the dimension: 1 is right, 0.5 is half of it. TwoNN is used with
# and without its correction for finite samples.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

from sklatent.datasets import benchmark_manifolds, make_manifold
from sklatent.dimension import (
    ESS,
    DANCo,
    Gride,
    LevinaBickel,
    NeighborScaling,
    PCASpectrum,
    TwoNN,
)

estimators = {
    "PCASpectrum": PCASpectrum(),
    "Gride": Gride(4),
    "LevinaBickel": LevinaBickel(),
    "NeighborScaling": NeighborScaling(),
    "TwoNN": TwoNN(),
    "TwoNN, corrected": TwoNN(correction="ball"),
    "DANCo": DANCo(),
    "ESS": ESS(),
}
manifolds = benchmark_manifolds()
names = sorted(manifolds, key=lambda name: manifolds[name])
ratios = np.empty((len(names), len(estimators)))
for i, name in enumerate(names):
    X, dimension = make_manifold(name, 600, random_state=0)
    for j, estimator in enumerate(estimators.values()):
        ratios[i, j] = estimator.fit(X).dimension_ / dimension

errors = np.abs(ratios - 1)
print(f"{'relative error':<18} {'mean':>6} {'median':>7} {'ratios':>12}")
for name, error, ratio in zip(estimators, errors.T, ratios.T, strict=True):
    spread = f"{ratio.min():.1f} to {ratio.max():.1f}"
    print(f"{name:<18} {error.mean():6.0%} {np.median(error):7.0%} {spread:>12}")

# %%
# The manifolds are sorted by their dimension, which follows the name.

figure, axis = plt.subplots(figsize=(8, 8.5), layout="constrained")
image = axis.imshow(ratios, norm=LogNorm(1 / 2.5, 2.5), cmap="RdBu", aspect="auto")
axis.set_xticks(range(len(estimators)), estimators, rotation=30, ha="right")
axis.set_yticks(range(len(names)), [f"{name}: {manifolds[name][0]}" for name in names])
for (i, j), ratio in np.ndenumerate(ratios):
    color = "white" if abs(np.log(ratio)) > 0.55 else "black"
    axis.text(j, i, f"{ratio:.2f}", ha="center", va="center", color=color, size=9)
axis.set_title("estimated dimension / dimension")
bar = figure.colorbar(image, ax=axis, shrink=0.6, extend="min")
ticks = [0.4, 0.5, 0.7, 1, 1.4, 2, 2.5]
bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
bar.minorticks_off()
plt.show()

# %%
# White is right, red too low, blue too high; below 0.4 the color stays the same. The
# spectrum counts straight directions: it is right where the manifold fills a flat
# space, and elsewhere finds up to 2.4 times the dimension, or a tenth of it. Estimators
# from neighbors are mostly right below about five dimensions and mostly too low above,
# and more so with more neighbors; TwoNN uses two. Its correction and DANCo, which
# compare with points of known dimension, remove most of this bias, at the price of a
# number that is too high for some manifolds. ESS, which looks at angles only, needs no
# correction in many dimensions, and counts a curved neighborhood as more. Where nearly
# all rows are crowded in a corner, as in Mbeta, all estimators from neighbors are too
# low; where the turns of a spiral are as close as its rows, most are too high.
