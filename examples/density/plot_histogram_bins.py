"""
=============================================
Sturges' rule makes too few bins of many rows
=============================================

How wide should the bins of a histogram be? Sturges' rule takes log2 n + 1 of them
whatever the data look like. Rules whose bins grow in number with a power of n have an
error that goes on falling.
"""

# %%
# Rows from two bumps of different width, whose density is known. A bin's height has an
# error bar from the number of rows in it.

import matplotlib.pyplot as plt
import numpy as np

from sklatent.density import HistogramDensity

means, scales, weights = np.array([-1.0, 2.0]), np.array([0.3, 1.0]), [0.4, 0.6]


def draw(n, seed):
    """Rows of the two bumps."""
    rng = np.random.RandomState(seed)
    bump = rng.choice(2, size=n, p=weights)
    return (means[bump] + scales[bump] * rng.normal(size=n))[:, None]


x = np.linspace(-4, 7, 4001)[:, None]
bumps = np.exp(-0.5 * ((x - means) / scales) ** 2) / scales / np.sqrt(2 * np.pi)
truth = bumps @ weights

rules = ["sturges", "scott", "fd", "stone", "sqrt"]
figure, axes = plt.subplot_mosaic(
    [["sturges", "fd", "sqrt"], ["error"] * 3], figsize=(9, 6), layout="constrained"
)
X = draw(3000, 0)
for rule in ("sturges", "fd", "sqrt"):
    histogram = HistogramDensity(rule).fit(X)
    edges = histogram.bin_edges_[0]
    centres = (edges[1:, None] + edges[:-1, None]) / 2
    log_density, std = histogram.score_samples(centres, return_std=True)
    full = np.isfinite(log_density)
    height = np.exp(log_density)
    axis = axes[rule]
    axis.fill_between(x[:, 0], truth, color="lightgrey")
    axis.stairs(height, edges)
    low, high = (np.exp(log_density[full] + z * std[full]) for z in (-1.96, 1.96))
    axis.vlines(centres[full, 0], low, high, color="C1", linewidth=1)
    axis.set(title=f"{rule}: {len(centres)} bins", xlabel="x", ylim=(0, 0.65))
axes["sturges"].set_ylabel("density, with 95 % bars")

# %%
# The error is the integral of the squared difference from the truth, the mean of five
# samples.

sizes = np.geomspace(100, 31_623, 6).astype(int)
for rule in rules:
    errors = [
        [
            np.trapezoid(
                (
                    np.exp(HistogramDensity(rule).fit(draw(n, s)).score_samples(x))
                    - truth
                )
                ** 2,
                x[:, 0],
            )
            for s in range(5)
        ]
        for n in sizes
    ]
    errors = np.mean(errors, axis=1)
    axes["error"].plot(sizes, errors, "o-", label=rule)
    print(f"{rule:<8}", *(f"{error:.5f}" for error in errors))
axes["error"].set(
    xscale="log", yscale="log", xlabel="rows", ylabel="integrated squared error"
)
axes["error"].legend()
plt.show()

# %%
# Above, with 3,000 rows, Sturges' bins are wider than the narrow bump, and their short
# error bars say only how well the mean over a bin is known. The rules of Scott and of
# Freedman and Diaconis are made for one bump; two of them spread the data, and the bins
# are too wide as well, but narrower with every row. Below, the error of Sturges' rule
# hardly falls any more. Stone's, a cross-validation, and the square root of n do best
# here; the latter by luck, since it knows as little of the data.
