"""
=====================================================================
Diffusion map: eigenvalues of the Laplacian in units, with error bars
=====================================================================

The eigenvalues of a diffusion map are the rates at which heat evens out on the manifold
of the rows, in 1 / length². For some manifolds they are known in closed form. On these
the estimates are compared with the truth, and so are their error bars.
"""

# %%
# Four manifolds with two thousand rows each. On two of them the rows are nine times as
# dense at one side as at the other, which the rates must not show.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.datasets import (
    laplacian_eigenvalues,
    make_affine,
    make_flat_torus,
    make_hypersphere,
)
from sklatent.manifold import DiffusionMap

sides = [1.0, 1.6]
manifolds = {
    "circle, density 9:1": (
        make_hypersphere(2000, dimension=1, density_ratio=9, random_state=0),
        laplacian_eigenvalues("hypersphere", dimension=1),
    ),
    "rectangle": (
        make_affine(2000, side_lengths=sides, random_state=0),
        laplacian_eigenvalues("affine", side_lengths=sides),
    ),
    "sphere": (
        make_hypersphere(2000, dimension=2, random_state=0),
        laplacian_eigenvalues("hypersphere", dimension=2),
    ),
    "flat torus, density 9:1": (
        make_flat_torus(2000, density_ratio=9, random_state=0),
        laplacian_eigenvalues("flat_torus"),
    ),
}

figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
order = np.arange(1, 9)
for axis, (name, ((X, _), truth)) in zip(axes, manifolds.items(), strict=True):
    diffusion = DiffusionMap(n_eigenvalues=8).fit(X)
    rates, interval = diffusion.eigenvalues_, diffusion.eigenvalues_interval_
    axis.plot(order, truth, "_", color="black", markersize=14, label="truth")
    axis.errorbar(
        order,
        rates,
        np.abs(interval.T - rates),
        fmt="o",
        markersize=4,
        capsize=3,
        label="estimate, 95 %",
    )
    axis.set(title=name, xlabel="mode", xticks=order, ylim=(0, None))
    error = np.abs(rates / truth - 1).mean()
    low, high = interval.T
    inside = np.count_nonzero((low <= truth) & (truth <= high))
    print(f"{name}: mean error {error:.1%}, {inside} of 8 intervals hold the truth")
axes[0].set_ylabel("rate, 1 / length²")
axes[0].legend()
plt.show()

# %%
# The rates are known up to a few percent, and multiple eigenvalues, such as the pairs
# of the circle and the three and five of the sphere, are all found. The error bars
# contain the chance of the sample and what a finer kernel would change; the intervals
# are wider where the density varies, since few rows are on the thin side.
