"""
================================================================================
Model selection: PCA takes unequal noise for structure, factor analysis does not
================================================================================

PCA looks for variance, and noise is variance too. If some features are noisier than
others, PCA takes their noise for structure and needs too many components. Factor
analysis gives each feature its own noise variance, and is not misled.
"""

# %%
# Three factors determine 20 features, whose noise variances differ by a factor of 100.
# For comparison, the same data with equal noise.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import cross_val_score

from sklatent.decomposition import PPCA, FactorAnalysis

rng = np.random.RandomState(0)
n, p, q = 600, 20, 3
signal = rng.normal(size=(n, q)) @ rng.normal(size=(q, p))
noises = {
    "equal noise": np.ones(p),
    "unequal noise": np.geomspace(0.1, 10, p),
}

# %%
# Both models are densities, so their scores on held-out rows can be compared, and
# choose the number of components.

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
        print(f"{name:<14} {label:<15} best size {sizes[np.argmax(scores)]}")
    axis.axvline(q, color="grey", linewidth=0.8)
    axis.set(title=name, xlabel="n_components", ylabel="held-out, nats per row")
    axis.legend()
plt.show()

# %%
# With equal noise, on the left, both models are best with the three true factors (grey
# line), and equally good with more. With unequal noise PPCA improves up to eight
# components, the most that were tried, and uses most of them for the noisy features;
# even then it is nearly three nats per row below factor analysis, which is best with
# three.
