"""
===========================================================
Warnings: each one says what is unusual, and what to change
===========================================================

Each warning of sklatent has its own class in `sklatent.exceptions`, so that it can be
filtered, silenced, or made an error without changing the others. This example provokes
each of them.
"""

# %%
# `caught` calls a function and prints its first warning.

import warnings

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.density import GaussianMixture
from sklatent.dimension import LevinaBickel, TwoNN
from sklatent.exceptions import (
    CoarseMeshWarning,
    DisconnectedGraphWarning,
    DiscreteDataWarning,
    DuplicateRowsWarning,
    FarRowsWarning,
    FewRowsWarning,
    HeywoodWarning,
    InconsistentVersionWarning,
    PosteriorCollapseWarning,
    RankDeficientWarning,
    RepeatedReadingWarning,
)
from sklatent.manifold import TSNE, Isomap
from sklatent.neural import VAETransformer


def caught(category, act, *arguments):
    """Call a function, and print the first warning of a category."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", category)
        result = act(*arguments)
    print(f"{category.__name__}: {record[0].message}\n")
    return result


rng = np.random.RandomState(0)
X = rng.normal(size=(400, 5))

# %%
# Distances of rounded rows tie, and rows may be duplicates, for example after a join.
# Round less, or estimate the dimension at a larger scale; drop duplicates, or find out
# where they come from.

caught(DiscreteDataWarning, TwoNN().fit, X.round(1))
caught(DuplicateRowsWarning, TwoNN().fit, np.vstack([X, X[:40]]))

# %%
# There are fewer rows than requested neighbors. All of them are used; request fewer.

caught(FewRowsWarning, LevinaBickel().fit, X[:12])

# %%
# Two groups of rows have no neighbors in common, so that there is no path from one to
# the other. Raise `n_neighbors`, or embed each by itself. And a row far from all
# training rows has a place that tells little; it may be an outlier, or in other units.

groups = np.vstack([X, X + 100])
isomap = caught(DisconnectedGraphWarning, Isomap().fit, groups)
caught(FarRowsWarning, isomap.transform, X[:3] * np.array([[1], [1e4], [1]]))

# %%
# t-SNE starts from places that are a hundred thousand units apart, too far for the mesh
# on which repulsions are computed. Start from principal components.

start = 1e5 * rng.normal(size=(800, 2))
caught(CoarseMeshWarning, TSNE(init=start, max_iter=5).fit, groups)

# %%
# Rows in three directions of six columns have no noise, so a density is unbounded; and
# a column that is determined by others has no noise in factor analysis. Use fewer
# components, or fewer columns.

flat = X[:, :3] @ rng.normal(size=(3, 6))
caught(RankDeficientWarning, PPCA(3).fit, flat)
copied = np.column_stack([X[:, :3] @ rng.normal(size=(3, 5)), X[:, 0], X[:, 0]])
caught(HeywoodWarning, FactorAnalysis(2).fit, copied)

# %%
# The chunks of a lazy Dask array are computed again in each step of a fit that needs
# several. Keep them in memory by `persist` if there is enough.

lazy = da.random.default_rng(0).standard_normal((1000, 2), chunks=(250, 2))
caught(RepeatedReadingWarning, GaussianMixture(2, random_state=0).fit, lazy)

# %%
# A fitted estimator of another version, as loaded from a pickle. Fit it again.

state = {**PCA(2).fit(X).__getstate__(), "_sklatent_version": "0.0.1"}
caught(InconsistentVersionWarning, PCA().__setstate__, state)

# %%
# A variational autoencoder in which the weight of the divergence is so large that no
# component of the code is used. The message names the parameters that help, first of
# all a smaller `beta`.

table = X[:, :2] @ rng.normal(size=(2, 8)) + 0.3 * rng.normal(size=(400, 8))
settings = {
    "hidden_layer_sizes": (16,),
    "lr": 1e-2,
    "max_epochs": 60,
    "random_state": 0,
}
collapsed = caught(
    PosteriorCollapseWarning, VAETransformer(beta=50, **settings).fit, table
)
sound = VAETransformer(beta=1, **settings).fit(table)

# %%
# To make sure that a warning is noticed, turn its class into an error:

with warnings.catch_warnings():
    warnings.simplefilter("error", DuplicateRowsWarning)
    try:
        TwoNN().fit(np.vstack([X, X[:40]]))
    except DuplicateRowsWarning as error:
        print("stopped:", error)

# %%
# The codes of the two autoencoders, with and without posterior collapse.

figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for axis, vae in zip(axes, (collapsed, sound), strict=True):
    codes = vae.transform(table)
    axis.scatter(*codes.T, c=X[:, 0], s=6, cmap="viridis")
    axis.set(
        title=f"beta = {vae.beta:g}: {vae.n_active_units_} active components",
        xlabel="first component",
        ylabel="second component",
        xlim=(-3, 3),
        ylim=(-3, 3),
    )
plt.show()

# %%
# Collapsed codes are one point, whatever the row. Those of the same model with a
# smaller weight spread over the plane and depend on the row, whose first hidden number
# is the color. The other warnings do not show in a figure: the fit looks good, and the
# message is the only sign.
