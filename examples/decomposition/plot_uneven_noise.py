"""
==============================================================
PCA takes uneven noise for structure, factor analysis does not
==============================================================

PCA looks for variance, and noise is variance too. Where some features are noisier than
others, their noise passes for structure. Factor analysis gives each feature a noise
variance of its own, and is not misled.
"""

# %%
# Three factors behind 20 features; the noise of the features differs by a factor of
# 100 in variance. With the same data in even noise for comparison.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import cross_val_score

from sklatent.decomposition import PPCA, FactorAnalysis

rng = np.random.RandomState(0)
n, p, q = 600, 20, 3
signal = rng.normal(size=(n, q)) @ rng.normal(size=(q, p))
noises = {
    "even noise": np.ones(p),
    "uneven noise": np.geomspace(0.1, 10, p),
}

# %%
# Both are densities, so their scores on held-out rows compare, and the best size too.

sizes = np.arange(1, 9)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for axis, (name, variance) in zip(axes, noises.items(), strict=True):
    X = signal + np.sqrt(variance) * rng.normal(size=(n, p))
    for model in (PPCA(), FactorAnalysis(tol=1e-5)):
        scores = [
            cross_val_score(model.set_params(n_components=size), X, cv=5).mean()
            for size in sizes
        ]
        label = type(model).__name__
        axis.plot(sizes, scores, "o-", label=label)
        print(f"{name:<13} {label:<15} best size {sizes[np.argmax(scores)]}")
    axis.axvline(q, color="grey", linewidth=0.8)
    axis.set(title=name, xlabel="n_components", ylabel="held-out, nats per row")
    axis.legend()
plt.show()

# %%
# In even noise, on the left, both models are best with the three factors that are there
# (grey line), and from there on equally good. In uneven noise PPCA goes on gaining up
# to eight components, the most that were tried, and spends most of them on the noisy
# features; even then it is nearly three nats per row below factor analysis, which is
# best with three.
