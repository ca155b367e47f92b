"""
====================================================
Each warning has a class, and a change that mends it
====================================================

``sklatent.exceptions`` has a class for each thing that is worth a warning, so that a
program can tell them apart. Here each is provoked and caught, and then mended.
"""

# %%
# Warnings are recorded while an estimator is fitted, and told apart by their class.

import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklatent import exceptions
from sklatent.decomposition import PCA, FactorAnalysis
from sklatent.dimension import TwoNN
from sklatent.neural import VAETransformer

rng = np.random.RandomState(0)
met = set()


def report(caught):
    """Print one warning of each class, and remember the classes."""
    for category, message in {w.category: w.message for w in caught}.items():
        print(
            textwrap.fill(f"{category.__name__}: {message}", subsequent_indent="    ")
        )
        met.add(category)


def fit(estimator, X):
    """Fit, and print the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X)
    report(caught)
    if not caught:
        print(f"{type(estimator).__name__}: no warning")
    return estimator


# %%
# Rows that repeat others say nothing about the distance to a neighbour. Each counts
# once; where they are copies, leave them out.

cloud = rng.normal(size=(500, 3))
twice = np.vstack([cloud, cloud[:50]])
fit(TwoNN(), twice)
fit(TwoNN(), np.unique(twice, axis=0))

# %%
# Values that are rounded put the rows on a grid, and neighbours at the same distance.
# More digits are needed; if there are none, noise of the width of the rounding breaks
# the ties. It is not the same: dimensions below that width are those of the noise.

grid = np.unique(cloud.round(1), axis=0)
fit(TwoNN(), grid)
fit(TwoNN(), np.unique(cloud.round(3), axis=0))
fit(TwoNN(), grid + rng.uniform(-0.05, 0.05, size=grid.shape))

# %%
# Rows on a plane have no variance in a third direction, which whitening would have to
# bring to one. Ask for two components.

plane = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6))
fit(PCA(3, whiten=True), plane)
fit(PCA(2, whiten=True), plane)

# %%
# A column that is there twice has a factor of its own, which explains both copies
# entirely, and their noise vanishes. Where factors are too many, ask for fewer; here,
# leave the copy out.

factors = plane + rng.normal(size=plane.shape)
copied = np.column_stack([factors, factors[:, 0]])
fit(FactorAnalysis(2), copied)
fit(FactorAnalysis(2), factors)

# %%
# An estimator that another version of sklatent has saved may mean something else by
# what is in it. The warning comes when it is read, which a changed stamp shows here.
# Fit again, and save again.

state = PCA(2).fit(plane).__getstate__()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    old = PCA()
    old.__setstate__(state | {"_sklatent_version": "0.0.1"})
report(caught)
fit(old, plane)

# %%
# A divergence that weighs too much teaches a variational autoencoder to give up its
# code. Lower ``beta``, and let it rise slowly.

digits = load_digits().data[:900]
settings = {
    "hidden_layer_sizes": (64,),
    "standardize": False,
    "lr": 5e-3,
    "max_epochs": 30,
    "random_state": 0,
}
collapsed = fit(VAETransformer(8, beta=20.0, **settings), digits)
mended = fit(VAETransformer(8, warmup_epochs=10, **settings), digits)

# %%
# These were all of them.

print("met:", *sorted(category.__name__ for category in met), sep="\n    ")
assert met == {getattr(exceptions, name) for name in exceptions.__all__}

# %%
# What the codes of both autoencoders carry.

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
components = np.arange(8)
for shift, vae, color, label in [
    (-0.2, collapsed, "C1", "beta=20: collapsed"),
    (0.2, mended, "C0", "beta=1 after 10 epochs: mended"),
]:
    ax.bar(components + shift, vae.kl_per_component_, 0.4, color=color, label=label)
ax.set(xlabel="component", ylabel="divergence from the prior, nats per row")
ax.set(ylim=(0, 2.4))
ax.legend()
plt.show()

# %%
# The figure shows how much each component tells about a row: of the collapsed
# autoencoder nothing, so all digits have about the same code; of the mended one between
# one and two nats.
