"""
===========================================================================
Density estimation: wide bins flatten a peak, and error bars do not show it
===========================================================================

Rules for the width of histogram bins differ by a factor of nearly ten on one sample.
The error bar of a bin is for the mean density within it; it does not show a peak that
is narrower than the bin.
"""

# %%
# Half of the 1,000 rows are in a narrow peak, half in a long tail. A histogram is
# constant within its bins, so it can only estimate the mean of the true density over a
# bin.

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gamma, norm

from sklatent.density import HistogramDensity

parts = norm(0, 0.25), gamma(2, loc=1, scale=2)
X = np.concatenate([part.rvs(500, random_state=0) for part in parts])[:, None]
x = np.linspace(-2, 22, 20_001)
truth = sum(part.pdf(x) for part in parts) / 2
rules = ["sturges", "doane", "scott", "rice", "fd", "auto", "sqrt", "stone"]
histograms = {rule: HistogramDensity(rule).fit(X) for rule in rules}

# %%
# Edges can be given too. Here each bin has forty rows, whatever its width.

edges = np.quantile(X, np.linspace(0, 1, 26))
histograms["40 rows a bin"] = HistogramDensity([edges]).fit(X)


def bars(histogram):
    """Edges of the bins, their log-densities, and the standard errors of these."""
    edges = histogram.bin_edges_[0]
    middle = (edges[1:] + edges[:-1]) / 2
    return edges, *histogram.score_samples(middle[:, None], return_std=True)


print("                 bins   squared error   error bars that hold the truth's mean")
for name, histogram in histograms.items():
    density = np.exp(histogram.score_samples(x[:, None]))
    error = np.sum((density - truth) ** 2) * (x[1] - x[0])
    edges, log_p, std = bars(histogram)
    share = np.diff(sum(part.cdf(edges) for part in parts) / 2)
    seen = np.isfinite(log_p)
    z = (log_p - np.log(share / np.diff(edges)))[seen] / std[seen]
    print(f"{name:<14} {len(log_p):6} {error:14.4f} {np.mean(np.abs(z) < 1.96):16.0%}")

# %%
# Four of the histograms, with 95 % intervals for the mean density of each bin that has
# rows.

figure, axes = plt.subplots(
    2, 2, figsize=(9, 5.5), sharex=True, sharey=True, layout="constrained"
)
shown = ["sturges", "fd", "stone", "40 rows a bin"]
for ax, name in zip(axes.flat, shown, strict=True):
    edges, log_p, std = bars(histograms[name])
    ax.fill_between(x, truth, color="lightgrey", label="truth")
    ax.stairs(np.exp(log_p), edges, color="C0", label="histogram", zorder=3)
    seen = np.isfinite(log_p)
    middle = (edges[1:] + edges[:-1])[seen] / 2
    low, high = (np.exp(log_p[seen] + z * std[seen]) for z in (-1.96, 1.96))
    ax.vlines(middle, low, high, color="C1", linewidth=0.8, label="95 %")
    ax.set(title=f"{name}: {len(log_p)} bins", xlim=(-1.5, 12))
for ax in axes[1]:
    ax.set_xlabel("x")
for ax in axes[:, 0]:
    ax.set_ylabel("density, 1 / unit of x")
axes[0, 0].legend()
plt.show()

# %%
# The figure shows that the rule of Freedman and Diaconis, the default, makes bins as
# wide as the peak, and that of Sturges twice as wide, because of the tail. Their error
# bars are short, and contain the mean of the true density over the bin, which is about
# half of the height of the peak or less. The rule of Stone, which estimates the squared
# error, makes narrower bins, and the tail is noisy. Bins with the same number of rows
# have the smallest error of all, with a smooth tail and a rather noisy peak.
