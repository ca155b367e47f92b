"""How well an embedding keeps neighborhoods, large distances and geodesics.

The measures of neighborhoods compare, for each row i and each other row j, the rank
rho_ij of j among the rows by distance from i with its rank r_ij in the embedding. They
are averages over the rows i. Above some thousand rows the average is over a random
sample of these, with a standard error; the ranks are among all rows still.
"""

from sklatent.manifold.metrics._geodesics import demap
from sklatent.manifold.metrics._linear import global_score
from sklatent.manifold.metrics._neighborhoods import (
    auc_r_nx,
    continuity,
    neighbor_recall,
    r_nx,
    trustworthiness,
)

__all__ = [
    "auc_r_nx",
    "continuity",
    "demap",
    "global_score",
    "neighbor_recall",
    "r_nx",
    "trustworthiness",
]
