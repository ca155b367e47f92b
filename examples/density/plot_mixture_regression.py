"""
=================================================================================
Prediction: a conditional mixture has several answers where a regression averages
=================================================================================

If several values of y belong to one x, the mean of y may be a value that never occurs.
A Gaussian mixture of the pairs estimates the whole distribution of y given x.
"""

# %%
# Here x is a function of y, but y is not a function of x. The mixture is fitted to the
# pairs (x, y). `conditional` returns the distribution of y at a given x, which is again
# a mixture. `impute` returns its mean and standard deviation for many rows at once,
# with y as the missing value.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsRegressor

from sklatent.density import GaussianMixture


def draw(n, seed):
    """Pairs (x, y)."""
    rng = np.random.RandomState(seed)
    y = rng.uniform(size=n)
    x = y + 0.3 * np.sin(2 * np.pi * y) + 0.05 * rng.normal(size=n)
    return np.column_stack([x, y])


train, new = draw(1000, 0), draw(1000, 1)
mixture = GaussianMixture(range(1, 13), n_init=3, random_state=0).fit(train)
print(f"{mixture.n_components_} components by BIC")

x, y = np.linspace(-0.05, 1.05, 111), np.linspace(-0.1, 1.1, 240)
density = np.array(
    [np.exp(mixture.conditional({0: at}).score_samples(y[:, None])) for at in x]
)
imputed, std = mixture.impute(
    np.column_stack([x, np.full_like(x, np.nan)]), return_std=True
)

figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
axes[0].scatter(*train.T, s=3, color="grey")
axes[0].plot(x, imputed[:, 1], color="C1", label="mean")
low, high = imputed[:, 1] - 2 * std[:, 1], imputed[:, 1] + 2 * std[:, 1]
axes[0].fill_between(x, low, high, color="C1", alpha=0.2, label="2 standard deviations")
axes[0].set(title="mean of y given x", xlabel="x", ylabel="y", ylim=(-0.1, 1.1))
axes[0].legend(loc="upper left")
axes[1].pcolormesh(x, y, np.sqrt(density.T), cmap="Blues")
for at in x[5::10]:
    branches = mixture.conditional({0: at})
    likely = branches.weights_ > 0.1
    axes[1].scatter(
        np.full(likely.sum(), at),
        branches.means_[likely],
        s=60 * branches.weights_[likely],
        color="C3",
    )
axes[1].set(title="density of y given x, and its branches", xlabel="x")
plt.show()

# %%
# How likely is y in new pairs? The regression gives a Gaussian about its prediction,
# with the residual variance; the mixture gives p(y | x) = p(x, y) / p(x).

regression = KNeighborsRegressor(30).fit(train[:, :1], train[:, 1])
residuals = new[:, 1] - regression.predict(new[:, :1])
variance = np.mean((train[:, 1] - regression.predict(train[:, :1])) ** 2)
gaussian = -0.5 * (np.log(2 * np.pi * variance) + np.mean(residuals**2) / variance)
only_x = np.column_stack([new[:, 0], np.full(len(new), np.nan)])
conditional = mixture.score(new) - mixture.score(only_x)
print(f"log-density of y given x: regression {gaussian:.3f}, mixture {conditional:.3f}")

# %%
# In the middle, the probability is divided between three branches; the mean follows the
# branch between the others, and where it leaves this branch it runs where no y occurs,
# with a band that covers all branches. The conditional density keeps the branches
# apart, and is higher by nearly one nat for new pairs.
