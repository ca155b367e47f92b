"""
=============================================================
A likelihood per column keeps counts counts and levels levels
=============================================================

Tables have columns of several kinds: real numbers, zeros and ones, counts, categories.
A variational autoencoder takes a likelihood for each of them. One that takes all for
real numbers draws counts below zero and categories that do not exist.
"""

# %%
# A table of four columns that depend on two hidden numbers: a real one, a flag, a count
# and a category of four levels, 2, 3, 5 and 7.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.neural import VAETransformer

LEVELS = np.array([2, 3, 5, 7])


def draw(n, seed):
    """Rows of the table."""
    rng = np.random.RandomState(seed)
    u, v = rng.uniform(-2, 2, size=(2, n))
    real = 3 * u + np.sin(3 * v) + 0.3 * rng.normal(size=n)
    flag = rng.uniform(size=n) < 1 / (1 + np.exp(-4 * (u + v)))
    count = rng.poisson(np.exp(1 + 0.8 * v))
    level = LEVELS[2 * (u > 0) + (v > 0)]
    return np.column_stack([real, flag, count, level]).astype(float)


columns = ["real", "flag", "count", "level"]
X, new = draw(2000, 0), draw(1000, 1)
settings = {"lr": 5e-3, "lr_schedule": "one_cycle", "max_epochs": 60, "random_state": 0}
likelihood = [
    ("gaussian", [0]),
    ("bernoulli", [1]),
    ("poisson", [2]),
    ("categorical", [3]),
]
models = {
    "one likelihood each": VAETransformer(2, likelihood=likelihood, **settings).fit(X),
    "all Gaussian": VAETransformer(2, **settings).fit(X),
}

# %%
# One entry of each new row is removed and drawn again, given the other three, by
# `sample_missing`. Of what is drawn: how much is possible at all, and how many of the
# levels are right, if one that is none counts as the nearest? A guess would be right in
# a quarter of the rows.

hole = np.random.RandomState(0).randint(4, size=len(new))
holes = np.arange(4) == hole[:, None]
torn = np.where(holes, np.nan, new)
for name, model in models.items():
    filled = model.sample_missing(torn, random_state=0)[0]
    flag, count, level = (filled[holes[:, j], j] for j in (1, 2, 3))
    nearest = LEVELS[np.abs(level[:, None] - LEVELS).argmin(axis=1)]
    print(
        f"{name:<20} possible: flags {np.isin(flag, [0, 1]).mean():.0%}, "
        f"counts {((count >= 0) & (count % 1 == 0)).mean():.0%}, "
        f"levels {np.isin(level, LEVELS).mean():.0%}; "
        f"right: {(nearest == new[holes[:, 3], 3]).mean():.0%} of the levels"
    )

# %%
# Two thousand new rows of each model beside the data, column by column.

bins = [
    np.linspace(-9, 9, 37),
    np.linspace(-1.05, 2.05, 32),
    np.arange(-6.5, 26.5),
    np.linspace(-1.1, 10.1, 57),
]
figure, axes = plt.subplots(2, 4, figsize=(11, 5), sharex="col", layout="constrained")
for row, (name, model) in zip(axes, models.items(), strict=True):
    drawn = model.sample(2000, random_state=0)
    for j, axis in enumerate(row):
        axis.hist(X[:, j], bins=bins[j], color="lightgrey", label="data")
        axis.hist(drawn[:, j], bins=bins[j], histtype="step", color="C0", label="drawn")
    row[0].set_ylabel(f"{name}, rows")
for axis, column in zip(axes[0], columns, strict=True):
    axis.set_title(column)
for axis in axes[1]:
    axis.set_xlabel("value")
axes[0, 2].legend()
plt.show()

# %%
# Above, rows drawn from the model with a likelihood for each column have flags that are
# zero or one, whole counts, and levels that exist, as often as in the data. Below, the
# model that takes all for real numbers spreads flags and levels around their values,
# and draws counts below zero. It knows no less of how the columns depend on each other:
# rounded to the nearest level, its guesses are as often right. What it lacks is the
# form of the answer, and with it a likelihood that can be compared.
