"""
==============================================
A warning says what is odd, and what to change
==============================================

Each warning of sklatent has a class of its own in `sklatent.exceptions`, so that it can
be looked for, silenced, or made an error without touching the others. Here each of them
is provoked.
"""

# %%
# `caught` fits an estimator and returns what it warned of.

import warnings

import matplotlib.pyplot as plt
import numpy as np

from sklatent.decomposition import PCA, PPCA, FactorAnalysis
from sklatent.dimension import LevinaBickel, TwoNN
from sklatent.exceptions import (
    DiscreteDataWarning,
    DuplicateRowsWarning,
    FewRowsWarning,
    HeywoodWarning,
    InconsistentVersionWarning,
    PosteriorCollapseWarning,
    RankDeficientWarning,
)
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
# Rounded rows, whose distances tie; and rows that come twice, as after a join. Round
# less, or ask at a larger scale; drop the copies, or find out where they come from.

caught(DiscreteDataWarning, TwoNN().fit, X.round(1))
caught(DuplicateRowsWarning, TwoNN().fit, np.vstack([X, X[:40]]))

# %%
# Fewer rows than neighbors that are asked for. As many as there are is used; ask for
# fewer.

caught(FewRowsWarning, LevinaBickel().fit, X[:12])

# %%
# Three directions in six columns leave no noise for a density to have; and a column
# that others determine leaves a factor analysis none for that column. Fewer components,
# or fewer columns.

flat = X[:, :3] @ rng.normal(size=(3, 6))
caught(RankDeficientWarning, PPCA(3).fit, flat)
copied = np.column_stack([X[:, :3] @ rng.normal(size=(3, 5)), X[:, 0], X[:, 0]])
caught(HeywoodWarning, FactorAnalysis(2).fit, copied)

# %%
# A fitted estimator of another version, as a pickle of it would say. Fit it again.

state = {**PCA(2).fit(X).__getstate__(), "_sklatent_version": "0.0.1"}
caught(InconsistentVersionWarning, PCA().__setstate__, state)

# %%
# An autoencoder whose divergence weighs so much that no component of the code is worth
# its price. The message names the parameters that help; a smaller `beta` is the first.

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
# Where such a thing must not pass unnoticed, make the class an error:

with warnings.catch_warnings():
    warnings.simplefilter("error", DuplicateRowsWarning)
    try:
        TwoNN().fit(np.vstack([X, X[:40]]))
    except DuplicateRowsWarning as error:
        print("stopped:", error)

# %%
# The codes of the two autoencoders, collapsed and sound.

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
# Collapsed codes are one point, whatever the row; those of the same model with a
# smaller weight spread over the plane and know the row, whose first hidden number is
# the color. None of the other warnings shows in a figure: the fit looks well, and the
# message is all there is.
