"""
============================================================
Nonlinear dimensionality reduction: Isomap unrolls the sheet
============================================================

Rows on a rolled-up sheet have two coordinates: the length along the roll and the
height. PCA does not unroll it, so that turns lie within turns. Isomap measures
distances along the sheet, by paths from neighbor to neighbor, as long as these do not
jump from turn to turn. How many neighbors are too many?
"""

# %%
# A grid search on the score chooses the number of neighbors. The score is the share of
# the nearest training rows of a held-out row that its place in the embedding keeps,
# corrected for chance.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_swiss_roll
from sklearn.model_selection import GridSearchCV, KFold

from sklatent.decomposition import PCA
from sklatent.manifold import Isomap

X, t = make_swiss_roll(1500, random_state=0)
length = (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2
sheet = np.column_stack([length, X[:, 1]])
folds = KFold(3, shuffle=True, random_state=0)
grid = {"n_neighbors": [6, 8, 12, 20, 40, 60]}
search = GridSearchCV(Isomap(), grid, cv=folds).fit(X)
isomap = search.best_estimator_
for k, score in zip(
    grid["n_neighbors"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{k:2d} neighbors: score {score:.2f}")

# %%
# The distances in the embedding should be those on the sheet. The residual variance is
# the share of the variance of the distances along the graph that the embedding does not
# explain. It compares with the graph, and not with the sheet.

shortcut = Isomap(n_neighbors=60).fit(X)


def error(Z):
    """Error of the places on the sheet, rotated and shifted, but not scaled."""
    Z, truth = Z - Z.mean(axis=0), sheet - sheet.mean(axis=0)
    U, _, Vt = np.linalg.svd(Z.T @ truth)
    return np.linalg.norm(Z @ U @ Vt - truth) / np.linalg.norm(truth)


places = {
    "PCA": PCA(2).fit_transform(X),
    f"Isomap, {isomap.n_neighbors} neighbors": isomap.embedding_,
    "Isomap, 60 neighbors": shortcut.embedding_,
}
figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
axes[0].scatter(X[:, 0], X[:, 2], c=length, s=4)
axes[0].set(title="The roll, from the side", aspect="equal")
for axis, (name, Z) in zip(axes[1:], places.items(), strict=True):
    axis.scatter(*Z.T, c=length, s=4)
    axis.set(title=name, aspect="equal")
    print(f"{name}: error {error(Z):.0%} of the size of the sheet")
plt.show()
for model in (isomap, shortcut):
    share = model.residual_variance_
    print(f"{model.n_neighbors} neighbors: residual variance {share:.1%}")

# %%
# With 8 neighbors, which the grid search chose, the places are those on the sheet up to
# 7 % of its size. With 60 neighbors there are edges from turn to turn, and what comes
# out is a spiral again. Both the score of held-out rows and the residual variance tell
# the two apart, without knowing the sheet.
