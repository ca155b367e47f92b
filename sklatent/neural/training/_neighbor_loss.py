"""A loss that keeps neighbors together: the one of parametric UMAP.

Sainburg, McInnes and Gentner (2021), section 2.3: the codes of two rows that are
neighbors attract each other, those of any two rows repel each other, and the network
that makes the codes is trained with the sum. Edges of the graph are drawn with equal
probabilities here, and a row is repelled by all others of its batch.
"""

import numpy as np
import torch

from sklatent.neural.training._rows import row_blocks
from sklatent.neural.training._trainer import Loss
from sklatent.utils._neighbors import k_nearest

# How many of the nearest rows count as neighbors.
N_NEIGHBORS = 10
# Of the kernel 1 / (1 + a d^2b), as UMAP fits them for a smallest distance of 0.1.
A, B = 1.577, 0.895
# Repelling pairs for each attracting one, as in UMAP.
NEGATIVES = 5
# Added to squared distances, as in UMAP: equal codes would have infinite gradients.
SMALLEST = 1e-3


class NeighborPairs:
    """Rows, each beside one of its nearest rows, which `draw` chooses anew.

    Parameters
    ----------
    rows : Tensor or StreamedRows of shape (n_samples, n_features)
        The rows, as networks see them.
    seed : int
        Together with the number of an epoch it decides on what is drawn in this, so
        that a training that is resumed has the same pairs.
    """

    def __init__(self, rows, seed):
        self.rows = rows
        self.seed = seed
        X = np.concatenate([block.cpu().numpy() for block in row_blocks(rows)])
        n_nearest = min(1 + N_NEIGHBORS, len(X))  # the first is the row itself
        nearest = k_nearest(X, n_nearest)[1]
        self.nearest = nearest[:, 1:] if n_nearest > 1 else nearest
        self.draw(0)

    def draw(self, epoch):
        """Choose a neighbor of each row for an epoch."""
        rng = np.random.RandomState([self.seed, epoch])
        n, k = self.nearest.shape
        chosen = self.nearest[np.arange(n), rng.randint(k, size=n)]
        self.partner = torch.from_numpy(chosen).to(self.rows.device)

    @property
    def shape(self):
        """Numbers of rows, of rows in a pair, and of columns."""
        return torch.Size([len(self), 2, self.rows.shape[1]])

    @property
    def dtype(self):
        """Precision of the rows."""
        return self.rows.dtype

    @property
    def device(self):
        """Where the rows are."""
        return self.rows.device

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return torch.stack([self.rows[index], self.rows[self.partner[index]]], dim=1)


class NeighborLoss(Loss):
    """A loss of rows, plus `weight` times what the places of their codes cost.

    Parameters
    ----------
    loss : Loss
        Of the rows alone.
    weight : float
        How much a nat of the places counts.
    """

    def __init__(self, loss, weight):
        super().__init__()
        self.loss = loss
        self.weight = weight
        self.pairs = []

    def rows(self, data, seed):
        """Pairs of the rows, which are drawn anew in each epoch."""
        self.pairs.append(NeighborPairs(data, seed))
        return self.pairs[-1]

    def begin_epoch(self, epoch):
        """Draw the neighbors of this epoch."""
        for pairs in self.pairs:
            pairs.draw(epoch)

    def forward(self, model, x, generator):
        """Loss of each row, (n,), for pairs (n, 2, p) of a row and its neighbor."""
        row, neighbor = x.unbind(1)
        z, z_near = model.encode(torch.cat([row, neighbor])).chunk(2)
        places = attraction(z, z_near) + NEGATIVES * repulsion(z)
        return self.loss(model, row, generator) + self.weight * places


def odds(square):
    """Return a d^2b: by how much it is more likely that a pair is none of neighbors."""
    return A * (square + SMALLEST) ** B


def attraction(z, z_near):
    """-log 1 / (1 + a d^2b), (n,), of codes and those of their neighbors."""
    return odds((z - z_near).square().sum(1)).log1p()


def repulsion(z):
    """-log (1 - 1 / (1 + a d^2b)), (n,), a mean over all other codes of the batch."""
    square = (z[:, None] - z).square().sum(2)
    cost = odds(square).reciprocal().log1p()
    return (cost.sum(1) - cost.diagonal()) / max(len(z) - 1, 1)
