"""
==========================================================
Model selection: BIC counts Gaussians, ICL counts clusters
==========================================================

How many components should a Gaussian mixture have? Given several numbers, it chooses
the best one by a criterion. A cluster need not be a Gaussian, and the criteria answer
different questions.
"""

# %%
# The data are a round cluster, and one in the shape of a cross, which needs two
# Gaussians. Each criterion is drawn relative to its best value; that of
# cross-validation is the log-density of held-out rows, on the scale of the others.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from sklearn.model_selection import KFold

from sklatent.density import GaussianMixture

rng = np.random.RandomState(0)
long, short = 1.2, 0.4
X = np.vstack(
    [
        rng.normal(size=(300, 2)) * [long, short],
        rng.normal(size=(300, 2)) * [short, long],
        rng.normal(size=(300, 2)) * 0.6 + [5, 0],
    ]
)

numbers = range(1, 9)
folds = KFold(5, shuffle=True, random_state=0)
mixtures = {
    criterion: GaussianMixture(
        numbers, criterion=criterion, cv=folds, n_init=3, random_state=0
    ).fit(X)
    for criterion in ("aic", "bic", "icl", "cv")
}

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for criterion, mixture in mixtures.items():
    values = mixture.criterion_values_
    if criterion == "cv":
        values = -2 * len(X) * values
    axes[0].plot(numbers, values - values.min(), marker="o", label=criterion)
    print(f"{criterion}: {mixture.n_components_} components")
axes[0].set(
    title="criteria minus their best value",
    xlabel="components",
    ylabel="nats, times two",
    yscale="symlog",
    ylim=(-1, 1e4),
)
axes[0].legend()


def draw(axis, mixture):
    """Rows by their component, and the components as ellipses of two deviations."""
    axis.scatter(*X.T, s=3, c=mixture.predict(X), cmap="tab10", vmax=9)
    for mean, covariance in zip(mixture.means_, mixture.covariances_, strict=True):
        variances, directions = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(*directions[::-1, 1]))
        width, height = 4 * np.sqrt(variances[::-1])
        axis.add_patch(Ellipse(mean, width, height, angle=angle, fill=False))
    axis.set_aspect("equal")
    axis.set(xlabel="first feature", ylabel="second feature")


for axis, criterion in zip(axes[1:], ("bic", "icl"), strict=True):
    draw(axis, mixtures[criterion])
    axis.set_title(f"{criterion}: {mixtures[criterion].n_components_} components")
plt.show()

# %%
# AIC, BIC and cross-validation select by the density and find the three Gaussians; AIC,
# whose penalty does not grow with the data, penalizes a few more components least. ICL
# prefers components that do not share rows, and finds that the cross is one cluster.
