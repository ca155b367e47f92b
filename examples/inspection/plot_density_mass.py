"""
=============================================================================
Visualization: density contours that contain a known share of the probability
=============================================================================

Contours at arbitrary levels of a density are hard to compare between models. Contours
that contain one half, 90 % and 99 % of the probability can be compared: the smaller the
region for the same share, the more precise the model claims to be.
"""

# %%
# The data are two half moons with noise; the densities are of three kinds. A Gaussian
# mixture with one component has to cover the empty space between the moons, too.

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
# :class:`~sklatent.inspection.DensityDisplay` shades the regions that contain 50, 90
# and 99 % of each model's own probability, from dark to light. New rows show whether
# the claim is right: the regions of the eight components of
# :class:`~sklatent.density.GaussianMixture` and of
# :class:`~sklatent.density.KernelDensity` contain about these shares of them, without
# the empty space. :class:`~sklatent.density.KNeighborsDensity` cannot sample, so its
# contours contain these shares of the rows to which it was fitted.
