"""Which rows a row chooses as neighbors, from rows, distances or given affinities."""

import numpy as np
from scipy.sparse import csr_array

from sklatent.exceptions import FewRowsWarning
from sklatent.manifold.tsne._affinities import PER_PERPLEXITY, conditionals, joint
from sklatent.utils._blocks import row_slices
from sklatent.utils._warnings import warn

# Rows whose neighbors are handled together.
BLOCK_QUERIES = 2**14
# Asymmetry of given affinities, relative to the largest, that rounding explains.
ROUNDING = 100


class Choices:
    """Choices among the training rows that a search finds.

    Parameters
    ----------
    search : RowSearch, MatrixSearch or GraphSearch
        The search among the distinct training rows.
    perplexities : sequence of float
        Perplexities; of several the mean of the probabilities is taken.
    uniform : bool, default=False
        Whether as many of the nearest rows as the perplexity says are chosen with the
        same probability.
    all_rows : bool, default=False
        Whether rows choose among all rows, and not only the nearest.
    """

    def __init__(self, search, perplexities, *, uniform=False, all_rows=False):
        self.search = search
        self.perplexities = perplexities
        self.uniform = uniform
        most = len(search) - 1
        wanted = round(max(perplexities)) if uniform else self._wanted()
        self.n_neighbors = max(1, most if all_rows else min(wanted, most))
        self.longest = 0.0  # distance of a training row to a neighbor

    def _wanted(self):
        return int(PER_PERPLEXITY * max(self.perplexities) + 1)

    def joint(self):
        """Joint probabilities of all pairs of training rows, above the diagonal."""
        n, k = len(self.search), self.n_neighbors
        if n == 1:
            return csr_array((1, 1))
        # A row is among its candidates, but where a graph does not store it.
        links = self.search.candidates(k + 1)
        blocks = list(row_slices(n, BLOCK_QUERIES))
        fewest = min(_others(links, block).counts().min() for block in blocks)
        if fewest < k:
            warn(
                f"perplexity={max(self.perplexities):g} asks for {k} neighbors of each "
                f"row, and the sparse graph X has as few as {fewest} for some; so many "
                "are used.",
                FewRowsWarning,
            )
        k = min(k, fewest)
        p = np.empty((n, k), dtype=np.float32)
        rows = np.empty((n, k), dtype=np.int32)
        for block in blocks:
            distances, rows[block] = _others(links, block).arrays(k)
            if distances.min() < 0:
                raise ValueError(
                    "metric must give distances of which none is negative; got "
                    f"{distances.min():g}."
                )
            p[block] = self._probabilities(distances)
            self.longest = max(self.longest, float(distances.max()))
        return joint(p.ravel(), k * np.arange(n + 1), rows.ravel())

    def of(self, X):
        """Return the training rows that new rows choose, and the probabilities."""
        k = min(self.n_neighbors, len(self.search))
        links = self.search.nearest(k, X)
        k = min(k, links.counts().min())
        distances, rows = links.arrays(k)
        return self._probabilities(distances), rows, distances[:, 0]

    def _probabilities(self, distances):
        k = distances.shape[1]
        if self.uniform:
            return np.full(distances.shape, 1 / k, dtype=np.float32)
        return conditionals(distances, self.perplexities)


def _others(links, block):
    """Links of a slice of training rows to rows other than themselves."""
    links = links.block(block)
    return links.only(links.rows != links.queries() + block.start)


def given_joint(P):
    """Check joint probabilities, and return them above the diagonal, of sum 1/2.

    Parameters
    ----------
    P : ndarray or csr_array of shape (n_samples, n_samples)
        Affinities of rows, up to a factor.
    """
    if P.shape[0] != P.shape[1]:
        raise ValueError(
            "X must be a square matrix of affinities with affinity='precomputed'; got "
            f"shape {P.shape}."
        )
    P = csr_array(P, copy=True)
    _check_affinities(P.data)
    asymmetry = P - P.T
    largest = P.data.max(initial=0.0)
    if (
        np.abs(asymmetry.data).max(initial=0.0)
        > ROUNDING * np.finfo(P.dtype).eps * largest
    ):
        raise ValueError(
            "X must be symmetric with affinity='precomputed'; got affinities that "
            f"differ by {np.abs(asymmetry.data).max():g} from those in the other "
            "direction."
        )
    P.setdiag(0)
    P.eliminate_zeros()
    if P.nnz == 0:
        raise ValueError(
            "X must hold an affinity between at least two rows with "
            "affinity='precomputed'; got none."
        )
    chosen = P.data / P.data.sum(dtype=np.float64)
    return joint(chosen, P.indptr, P.indices)


def given_choices(P):
    """Check affinities of new rows to training rows; as `Choices.of` returns them.

    Parameters
    ----------
    P : ndarray or csr_array of shape (n_queries, n_samples)
        Affinities, up to a factor for each row.
    """
    P = csr_array(P, copy=True)
    _check_affinities(P.data)
    P.eliminate_zeros()
    counts = np.diff(P.indptr)
    if counts.min() == 0:
        raise ValueError(
            "X must hold an affinity to a training row in each row with "
            f"affinity='precomputed'; got none in row {counts.argmin()}."
        )
    return strongest(P, counts.max())


def strongest(P, k):
    """The k largest entries of each row of a sparse matrix, padded by zeros."""
    counts = np.diff(P.indptr)
    queries = np.repeat(np.arange(len(counts)), counts)
    order = np.lexsort((-P.data, queries))
    rank = np.arange(P.nnz) - P.indptr[queries]
    p, rows = np.zeros((len(counts), k)), np.zeros((len(counts), k), dtype=np.intp)
    kept = rank < k
    p[queries[kept], rank[kept]] = P.data[order[kept]]
    rows[queries[kept], rank[kept]] = P.indices[order[kept]]
    return p / p.sum(axis=1, keepdims=True), rows, np.zeros(len(counts))


def _check_affinities(values):
    if values.size and values.min() < 0:
        raise ValueError(
            "Negative values in data: with affinity='precomputed' X must hold "
            f"affinities, of which none is negative; got {values.min():g}."
        )
