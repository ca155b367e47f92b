"""
===========================================================================
Density estimation: of four densities of one sample, the mixture is closest
===========================================================================

Four estimators of a density are compared on 1,000 rows of three bumps with different
widths. Two of them have error bars.
"""

# %%
# The bandwidth, the number of neighbors, the bins and the number of components are
# chosen from the data. Two of the scores are too optimistic: the estimate of nearest
# neighbors does not integrate to one, as the others do; and that of the histogram
# leaves out the rows where its density is zero, each of which would make it minus
# infinity.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklatent.density import (
    GaussianMixture,
    HistogramDensity,
    KernelDensity,
    KNeighborsDensity,
)

means, scales = np.array([-2.0, 0.0, 3.0]), np.array([0.3, 1.0, 0.5])


def draw(n, seed):
    """Rows of the three bumps."""
    rng = np.random.RandomState(seed)
    bump = rng.randint(3, size=n)
    return (means[bump] + scales[bump] * rng.normal(size=n))[:, None]


X, new = draw(1000, 0), draw(5000, 1)
x = np.linspace(-5, 6, 800)[:, None]
bumps = np.exp(-0.5 * ((x - means) / scales) ** 2) / scales / np.sqrt(2 * np.pi)
truth = bumps.mean(axis=1)

mixtures = GridSearchCV(
    GaussianMixture(random_state=0, n_init=3), {"n_components": range(1, 7)}
)
estimators = {
    "kernels, bandwidth='isj'": KernelDensity("isj").fit(X),
    "nearest neighbors, k*": KNeighborsDensity("kstar").fit(X),
    "histogram": HistogramDensity().fit(X),
    "Gaussian mixture": mixtures.fit(X).best_estimator_,
}
figure, axes = plt.subplots(2, 2, figsize=(9, 5.5), sharey=True, layout="constrained")
for axis, (name, estimator) in zip(axes.flat, estimators.items(), strict=True):
    axis.fill_between(x[:, 0], truth, color="lightgrey", label="truth")
    if hasattr(estimator, "n_neighbors_") or hasattr(estimator, "bin_edges_"):
        log_density, std = estimator.score_samples(x, return_std=True)
        seen = np.isfinite(log_density)
        low, high = (np.exp(log_density[seen] + z * std[seen]) for z in (-1.96, 1.96))
        axis.fill_between(x[seen, 0], low, high, color="C1", alpha=0.4, label="95 %")
    axis.plot(
        x, np.exp(estimator.score_samples(x)), color="C0", linewidth=1, label="estimate"
    )
    scores = estimator.score_samples(new)
    inside = np.isfinite(scores)
    axis.set(title=name, ylim=(0, 0.7), xlabel="x", ylabel="density")
    print(
        f"{name:<26} held-out log-density {scores[inside].mean():.4f}, "
        f"{np.mean(~inside):.2%} of the rows at 0"
    )
axes[0, 1].legend()
plt.show()

# %%
# The truth is a mixture of three Gaussians, so the model of this form follows the grey
# area best and has the best held-out log-density of those that integrate to one.
# Kernels with one bandwidth have ripples where the bump is wide; the histogram, whose
# rule depends on the spread of all bumps, has bins that are too wide for the narrow
# one. Nearest neighbors have sharp peaks and tails that are too heavy; their 95 % band,
# which covers chance and not bias, contains the truth for about five of six new rows.
# That of the histogram does so for a third: its band is for the mean over a bin, not
# the density within it.
