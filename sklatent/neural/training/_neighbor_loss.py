"""Losses that keep neighbors together: those of neighbor embeddings, for encoders.

The places of two rows that are neighbors attract each other, the places of any two rows
repel each other, and the network that makes the places is trained with the sum. With
the kernel k(d) of the distance of two places, which is 1 / (1 + a d^2b), a row i with a
neighbor j and the others l of its batch cost

- "umap": -log k(d_ij) - 5 mean_l log(1 - k(d_il)) (McInnes et al. 2018);
- "tsne": -log k(d_ij) + log mean k, over all pairs of the batch (van der Maaten 2009);
- "infonce": -log (k(d_ij) / (k(d_ij) + sum_l k(d_il))) (Damrich et al. 2023).

Sainburg, McInnes and Gentner (2021), section 2.3, train networks with the first. The
pairs of neighbors are drawn again in each epoch.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import eye_array

from sklatent.neural.training._loss import Loss
from sklatent.neural.training._rows import row_blocks
from sklatent.utils._fuzzy_graph import fuzzy_graph
from sklatent.utils._neighbors import k_nearest

# Repelling pairs for each attracting one, as in UMAP.
NEGATIVES = 5
# Added to squared distances, as in UMAP: equal codes would have infinite gradients.
SMALLEST = 1e-3


def nearest_others(X, n_neighbors):
    """Distances to the nearest rows, without the first, and which they are.

    The first is the row itself, or one that equals it. A single row has itself.
    """
    n_nearest = min(1 + n_neighbors, len(X))
    start = min(1, n_nearest - 1)
    distances, indices = k_nearest(X, n_nearest)
    return distances[:, start:], indices[:, start:]


class EqualEdges:
    """Edges from each row to its nearest rows, which are drawn equally often.

    Each row is drawn once, beside one of them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    n_neighbors : int
        How many of the nearest rows are neighbors.
    """

    def __init__(self, X, n_neighbors):
        self.distances, self.nearest = nearest_others(X, n_neighbors)

    def draw(self, rng):
        """Return the two ends of as many edges as there are rows."""
        n, k = self.nearest.shape
        rows = np.arange(n)
        return rows, self.nearest[rows, rng.randint(k, size=n)]


class FuzzyEdges:
    """Edges of UMAP's graph, which are drawn in proportion to their weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    n_neighbors : int
        How many of the nearest rows are neighbors.
    """

    def __init__(self, X, n_neighbors):
        self.distances, nearest = nearest_others(X, n_neighbors)
        graph = fuzzy_graph(self.distances, nearest)
        self.n = len(X)
        if not graph.nnz:  # of one row there is only itself
            graph = eye_array(len(X), format="csr")
        self.heads = np.repeat(np.arange(self.n), np.diff(graph.indptr))
        self.tails = graph.indices
        self.reach = np.cumsum(graph.data)

    def draw(self, rng):
        """Return the two ends of as many edges as there are rows."""
        # At even steps along the weights, so that a row of a share of all weights is
        # drawn as often as that, but for rounding.
        steps = (np.arange(self.n) + rng.uniform()) * (self.reach[-1] / self.n)
        edges = np.searchsorted(self.reach, steps, side="right")
        edges = np.minimum(edges, len(self.reach) - 1)
        return self.heads[edges], self.tails[edges]


class NeighborPairs:
    """Pairs of a row and one of its neighbors, which `draw` chooses anew.

    Parameters
    ----------
    rows : Tensor or StreamedRows of shape (n_samples, n_features)
        The rows, as networks see them.
    seed : int
        Together with the number of an epoch it decides on what is drawn in this, so
        that a training that is resumed has the same pairs.
    edges : type
        `EqualEdges` or `FuzzyEdges`.
    n_neighbors : int
        How many of the nearest rows are neighbors.
    """

    def __init__(self, rows, seed, edges, n_neighbors):
        self.rows = rows
        self.seed = seed
        X = np.concatenate([block.cpu().numpy() for block in row_blocks(rows)])
        if not np.isfinite(X).all():
            raise ValueError(
                "X must have entries that are finite in the units of the training, "
                f"{X.dtype}, where neighbors are found; got some that overflow."
            )
        self.edges = edges(X, n_neighbors)
        # The mean distance of the neighbors of each row, in each feature.
        reach = self.edges.distances.mean(axis=1) / np.sqrt(X.shape[1])
        self.reach = torch.from_numpy(reach).to(rows.device, rows.dtype)
        self.draw(0)

    def draw(self, epoch):
        """Choose the pairs of an epoch."""
        ends = self.edges.draw(np.random.RandomState([self.seed, epoch]))
        self.row, self.partner = (
            torch.from_numpy(end.astype(np.int64)).to(self.rows.device) for end in ends
        )

    @property
    def shape(self):
        """Numbers of pairs, of rows in a pair, and of columns."""
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
        """Pairs of rows, (n, 2, p), and the reach of each of these, (n, 2)."""
        ends = self.row[index], self.partner[index]
        return tuple(
            torch.stack([of_rows[end] for end in ends], dim=1)
            for of_rows in (self.rows, self.reach)
        )


@dataclass(frozen=True)
class Umap:
    """Cross-entropy of edges, of which there are or are none, with drawn negatives.

    Parameters
    ----------
    a, b : float
        Of the kernel, as UMAP fits them for a smallest distance of 0.1.
    """

    a: float = 1.577
    b: float = 0.895

    def __call__(self, z, z_near):
        """Cost of each place, (n,), beside that of a neighbor."""
        return self.attraction(z, z_near) + NEGATIVES * self.repulsion(z)

    def odds(self, square):
        """Return a d^2b: by how much it is more likely that a pair has no edge."""
        return self.a * (square + SMALLEST) ** self.b

    def attraction(self, z, z_near):
        """-log k, (n,), of places and those of their neighbors."""
        return self.odds(squared_lengths(z - z_near)).log1p()

    def repulsion(self, z):
        """-log (1 - k), (n,), a mean over all others of the batch."""
        cost = self.odds(squared_distances(z)).reciprocal().log1p()
        return (cost.sum(1) - cost.diagonal()) / max(len(z) - 1, 1)


class Tsne:
    """Cross-entropy of two distributions of pairs, the kernel 1 / (1 + d^2)."""

    def __call__(self, z, z_near):
        """Cost of each place, (n,), beside that of a neighbor."""
        n = len(z)
        kernel = (1 + squared_distances(z)).reciprocal()
        mean = (kernel.sum() - kernel.diagonal().sum()) / max(n * (n - 1), 1)
        # Of one row there is no pair, and nothing repels it.
        repulsion = mean.log() if n > 1 else 0.0
        return squared_lengths(z - z_near).log1p() + repulsion


class InfoNCE:
    """Cross-entropy of telling the neighbor from the others, kernel 1 / (1 + d^2)."""

    def __call__(self, z, z_near):
        """Cost of each place, (n,), beside that of a neighbor."""
        own = squared_lengths(z - z_near).log1p()
        kernel = (1 + squared_distances(z)).reciprocal()
        return own + ((-own).exp() + kernel.sum(1) - kernel.diagonal()).log()


def squared_lengths(v):
    """|v|^2 of each row, (n,)."""
    return v.square().sum(1)


def squared_distances(z):
    """|z_i - z_j|^2, (n, n), by differences, which keep the digits of small ones."""
    return sum((c[:, None] - c).square() for c in z.unbind(1))


class NeighborLoss(Loss):
    """What places of neighbors cost, plus a loss of the rows and their places.

    Parameters
    ----------
    places : callable
        places(z, z_near) returns a cost for each of the places beside a neighbor's.
    edges : type
        What draws neighbors, `EqualEdges` or `FuzzyEdges`.
    n_neighbors : int
        How many of the nearest rows are neighbors.
    weight : float, default=1.0
        Factor of the places.
    noise : float, default=0.0
        Length of the noise that training adds to rows, relative to the mean distance
        of their neighbors.
    loss : SquaredError or None, default=None
        Of the rows, whose places are their codes: both terms have one encoding.
    unexplained : float or None, default=None
        Factor of the loss in units of the variance of the rows; None leaves it as it
        is.
    """

    def __init__(
        self,
        places,
        edges,
        n_neighbors,
        *,
        weight=1.0,
        noise=0.0,
        loss=None,
        unexplained=None,
    ):
        super().__init__()
        self.places = places
        self.edges = edges
        self.n_neighbors = n_neighbors
        self.weight = weight
        self.noise = noise
        self.loss = loss
        self.loss_weight = 1.0
        self.unexplained = unexplained
        self.pairs = []

    def rows(self, data, seed):
        """Pairs of the rows, which are drawn anew in each epoch."""
        if self.unexplained is not None and not self.pairs:
            # The rows are centered. Of those held out, the units are the same.
            total = sum(block.square().sum().item() for block in row_blocks(data))
            variance = total / len(data)
            self.loss_weight = self.unexplained / (variance if variance > 0 else 1.0)
        self.pairs.append(NeighborPairs(data, seed, self.edges, self.n_neighbors))
        return self.pairs[-1]

    def begin_epoch(self, epoch):
        """Draw the neighbors of this epoch."""
        for pairs in self.pairs:
            pairs.draw(epoch)

    def forward(self, model, x, generator):
        """Loss of each row, (n,), for pairs (n, 2, p) of a row and its neighbor."""
        pairs, reach = x
        seen = self.seen(pairs, reach, generator) if model.training else pairs
        z, z_near = model.encode(seen.transpose(0, 1).flatten(0, 1)).chunk(2)
        cost = self.weight * self.places(z, z_near)
        if self.loss is None:
            return cost
        # Noise is there for the places: what it has changed, decoders have to undo.
        return cost + self.loss_weight * self.loss.of_codes(model, pairs[:, 0], z)

    def seen(self, pairs, reach, generator):
        """Pairs as training encodes them: with noise, and corrupted as rows are."""
        if self.noise:
            noise = torch.empty_like(pairs).normal_(generator=generator)
            pairs = pairs + self.noise * reach[:, :, None] * noise
        return pairs if self.loss is None else self.loss.corrupted(pairs, generator)
