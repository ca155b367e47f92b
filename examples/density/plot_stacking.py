"""
================================================================================
Stacking densities: a mixture of models is better than a choice among the models
================================================================================

Which density fits best is usually decided by cross-validation. The same log-densities
of rows left out say more: with which weights a mixture of all models fits best. That is
``StackedDensity``, shown on a table with 13 columns and few rows.
"""

# %%
# The members are fitted with one setting each; the weights do the choosing. Values of
# the wines are rounded, and uniform noise of half a rounding step makes them continuous
# for all methods alike.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from sklatent.density import (
    GaussianMixture,
    KernelDensity,
    StackedDensity,
    TransformedDensity,
)

rng = np.random.RandomState(0)
X = load_wine().data
steps = [np.diff(np.unique(column)).min() for column in X.T]
X = scale(X + rng.uniform(-0.5, 0.5, X.shape) * steps)

settings = {"max_iter": 1000, "random_state": 0}
two = GaussianMixture(2, reg_covar=0.1, **settings)
members = [
    ("one", GaussianMixture(reg_covar=0.1, **settings)),
    ("four", GaussianMixture(4, reg_covar=0.3, **settings)),
    ("eight", GaussianMixture(8, reg_covar=0.3, **settings)),
    ("kernels", KernelDensity("loo", adaptive=True)),
    ("copulas", TransformedDensity(density=two)),
]

scores, weights = [], []
for seed in range(10):
    train, test = train_test_split(X, random_state=seed)
    stack = StackedDensity(members, random_state=seed).fit(train)
    scores.append([m.score(test) for m in [*stack.estimators_, stack]])
    weights.append(stack.weights_)
scores, weights = np.array(scores), np.mean(weights, axis=0)

names = [*stack.named_estimators_, "stack"]
print(f"{'':<10}{'weight':>8}{'held-out log-density, nats per row':>38}")
for name, weight, score in zip(names, [*weights, 1], scores.mean(axis=0), strict=True):
    print(f"{name:<10}{weight:>8.2f}{score:>38.2f}")
best = scores[:, :-1].mean(axis=0).argmax()
gain = scores[:, -1] - scores[:, best]
print(
    f"gain over {names[best]!r}: {gain.mean():.2f} +- {gain.std(ddof=1) / 10**0.5:.2f}"
)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.barh(names[:-1], weights)
left.set(title="weights, mean over ten splits")
left.invert_yaxis()
right.barh(names, scores.mean(axis=0) - scores.mean(axis=0).min())
right.set(title="log-density minus the lowest, nats per row")
right.invert_yaxis()
plt.show()

# %%
# The stack is better than every member on rows that none of them has seen. A mixture
# with a small weight on broad kernels loses little on most rows, and gains much on the
# few that the other members take for impossible. With no members given,
# ``StackedDensity()`` brings its own.
