"""
==================================================================
Visualization: an embedding looks better than the neighbors it has
==================================================================

A picture of an embedding does not show what it has lost. Colors by the neighbors that
are kept, and a Shepard diagram, do.
"""

# %%
# Classical multidimensional scaling and Isomap place handwritten digits in a plane.
# :class:`~sklatent.inspection.EmbeddingDisplay` draws, for each, the places of the
# digits and their distances.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklatent.inspection import EmbeddingDisplay
from sklatent.manifold import ClassicalMDS, Isomap

X = load_digits(n_class=6).data
embeddings = [ClassicalMDS(n_components=2), Isomap(n_neighbors=15)]

figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for embedding, (left, right) in zip(embeddings, axes, strict=True):
    embedding.fit(X)
    EmbeddingDisplay.from_estimator(embedding, X, ax=left)
    EmbeddingDisplay.from_estimator(embedding, X, kind="shepard", ax=right)
    left.set_title(type(embedding).__name__)
    print(f"{type(embedding).__name__}: score {embedding.score(X):.2f}")
plt.show()

# %%
# A score of 1 would mean that the ten nearest digits of every digit are its nearest in
# the plane too, and 0 that they are no nearer than by chance. Both embeddings lose most
# of the neighbors; Isomap, with 0.26, fewer than classical multidimensional scaling,
# with 0.17. The clusters are real, but the order of the digits within a cluster is not
# to be trusted. The distances of classical multidimensional scaling are all below the
# dashed line, since a projection only shrinks; those of Isomap are lengths of paths,
# which are longer than the straight lines.
