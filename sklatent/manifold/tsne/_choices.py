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


def check_perplexities(perplexity):
    """Return a perplexity, or several, as a list of numbers."""
    try:
        values = np.atleast_1d(perplexity)
    except ValueError:  # lists of different lengths
        values = np.empty((0, 0))
    is_list = values.ndim == 1 and len(values) and values.dtype.kind in "iuf"
    if not (is_list and np.isfinite(values).all() and values.min() >= 1):
        raise ValueError(
            "perplexity must be at least 1, a finite number or a list of such; got "
            f"{perplexity!r}."
        )
    return [float(u) for u in values]


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
        Whether rows choose among all rows, and not only the nearest, where these have
        not all the same probability.
    """

    def __init__(self, search, perplexities, *, uniform=False, all_rows=False):
        self.search = search
        self.perplexities = perplexities
        self.uniform = uniform
        most = len(search) - 1
        if uniform:
            wanted = round(max(perplexities))
        else:
            wanted = most if all_rows else int(PER_PERPLEXITY * max(perplexities) + 1)
        self.n_neighbors = max(1, min(wanted, most))
        self.longest = 0.0  # distance of a training row to a neighbor

    def joint(self):
        """Joint probabilities of all pairs of training rows, above the diagonal."""
        n, k = len(self.search), self.n_neighbors
        if n == 1:
            return csr_array((1, 1))
        # A row is among its candidates, but where a graph does not store it.
        links = self.search.candidates(k + 1)
        p = np.empty((n, k), dtype=np.float32)
        rows = np.empty((n, k), dtype=np.int32)
        fewest = k
        for block in row_slices(n, BLOCK_QUERIES):
            others = _others(links, block)
            fewest = min(fewest, self._check_counts(others.counts(), block.start))
            distances, rows[block] = others.padded(k)
            if distances.min() < 0:
                raise ValueError(
                    "metric must give distances of which none is negative; got "
                    f"{distances.min():g}."
                )
            p[block] = self._probabilities(distances)
            known = np.isfinite(distances)
            self.longest = max(
                self.longest, float(distances.max(where=known, initial=0.0))
            )
        if fewest < k:
            warn(
                f"perplexity={max(self.perplexities):g} asks for {k} neighbors of each "
                f"row, and the sparse graph X has as few as {fewest} for some, which "
                "choose among these.",
                FewRowsWarning,
            )
        return joint(p.ravel(), k * np.arange(n + 1), rows.ravel())

    def _check_counts(self, counts, start):
        """Return the smallest number of neighbors, which must not be 0."""
        fewest = counts.min()
        if fewest == 0:
            row = self.search.first[start + counts.argmin()]
            raise ValueError(
                "X must have a distance from another row in each row of the sparse "
                f"graph; got none in row {row}."
            )
        return fewest

    def of(self, X):
        """Return the training rows that new rows choose, and the probabilities."""
        k = min(self.n_neighbors, len(self.search))
        # Always as many, so that no row depends on the others of the call.
        distances, rows = self.search.nearest(k, X).padded(k)
        return self._probabilities(distances), rows, distances[:, 0]

    def _probabilities(self, distances):
        if self.uniform:
            there = np.isfinite(distances)
            return there / there.sum(axis=1, keepdims=True)
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
    # In order, so that the rounding does not depend on the zeros behind.
    return p / np.cumsum(p, axis=1)[:, -1:], rows, np.zeros(len(counts))


def _check_affinities(values):
    if values.size and values.min() < 0:
        raise ValueError(
            "Negative values in data: with affinity='precomputed' X must hold "
            f"affinities, of which none is negative; got {values.min():g}."
        )
