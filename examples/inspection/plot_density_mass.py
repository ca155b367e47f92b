"""
======================================
Contours that say what share they hold
======================================

Contours at arbitrary levels of a density are hard to compare between models. Contours
that hold one half, 90 % and 99 % of the probability can be: the smaller the region for
the same share, the more the model claims to know.
"""

# %%
# Two half moons with noise, and three densities of different kinds. A Gaussian mixture
# with one component has to cover the hollow, too.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sklatent.density import GaussianMixture, KernelDensity, KNeighborsDensity
from sklatent.inspection import DensityDisplay

X, _ = make_moons(600, noise=0.1, random_state=0)
new, _ = make_moons(6000, noise=0.1, random_state=1)
densities = {
    "one Gaussian": GaussianMixture(random_state=0),
    "eight Gaussians": GaussianMixture(8, random_state=0),
    "kernels": KernelDensity("loo"),
    "30 neighbors": KNeighborsDensity(30),
}

figure, axes = plt.subplots(2, 2, figsize=(9.5, 7), layout="constrained")
for ax, (name, density) in zip(axes.flat, densities.items(), strict=True):
    density.fit(X)
    display = DensityDisplay.from_estimator(density, X, ax=ax)
    ax.set_title(name)
    inside = density.score_samples(new)[:, None] > display.levels
    shares = np.array2string(inside.mean(axis=0), precision=3)
    print(f"{name:<16} share of new rows inside 50, 90, 99 %: {shares}")
plt.show()

# %%
# :class:`~sklatent.inspection.DensityDisplay` fills the regions that hold 50, 90 and
# 99 % of each model's own probability, from dark to light. New rows tell whether the
# claim is right: the eight components of :class:`~sklatent.density.GaussianMixture` and
# the kernels of :class:`~sklatent.density.KernelDensity` hold about those shares of
# them in regions that leave the hollow out.
# :class:`~sklatent.density.KNeighborsDensity` cannot be drawn from, so its contours
# hold those shares of the rows that it was fitted to.
