"""Passes over the rows: log-densities of a block, and sums for an M-step.

An evaluator does both for blocks of rows under all components of a mixture. There are
two methods, each for covariances with and without off-diagonal entries:

- *Expanded* about the origin. A log-density is linear in the features 1, x and x x' (or
  x^2), so that those of a block are one product of matrices, and so are the sums of
  these features with the responsibilities as weights. This is the fastest method for
  few columns, and loses as many digits as `Mixture.condition` has.
- *Whitened*. y = P'(x - m) for each component, about its own mean, with P P' the
  precision. The log-density is a constant less |y|^2 / 2, and the sums are those of y
  and y y', relative to the covariance so far; so no digits are lost, whatever the
  condition of the covariances and the distance of the components.

Rows are columns here, one after the other in memory, since they outnumber the others.
`np.dot`, unlike `@`, lets other threads run.
"""

import contextlib
import functools

import numpy as np

from sklatent.utils._blocks import row_slices
from sklatent.utils._spare_memory import spare_memory

# The rows are divided into at most so many parts, each summed by one thread, and of at
# least so many rows. The number of parts does not depend on that of the threads, so
# neither do the results; it is a power of two, which the threads share evenly.
PARTS = 8
PART_ROWS = 4096
# Responsibilities below this change no sum; where most are, the rest is taken out.
NEGLIGIBLE = {np.float64: 1e-14, np.float32: 1e-10}
FEW = 0.3
# Shares with smaller logarithms are 0. They would be subnormal numbers, or become some
# in products, and a processor takes a hundred times as long for these.
LOWEST = {np.float64: -650.0, np.float32: -60.0}
# Rows, spread evenly, that tell whether components are apart.
TRIAL_ROWS = 128
# Features that the product with a triangular factor takes at a time: large enough for
# BLAS, small enough that about half of the products with zeros are left out.
TRIANGLE = 12


def row_parts(n_rows):
    """Slices of the rows that threads share."""
    most = max(n_rows // PART_ROWS, 1)
    n_parts = min(1 << most.bit_length() - 1, PARTS)
    return list(row_slices(n_rows, -(-n_rows // n_parts)))


def normalize(L):
    """Turn logarithms into responsibilities in place; return the log of their sum.

    Columns are rows of the data. Those too far from all components for a number have
    even responsibilities, and -inf.
    """
    largest = L.max(axis=0)
    lost = largest == -np.inf
    if lost.any():
        L[:, lost] = 0.0
    L -= np.where(lost, 0.0, largest)
    lowest = np.full(1, LOWEST[L.dtype.type], L.dtype)
    np.maximum(L, lowest, out=L)
    np.exp(L, out=L)
    L -= np.exp(lowest)
    np.maximum(L, 0, out=L)
    total = L.sum(axis=0)
    L /= total
    np.log(total, out=total)
    total += largest
    return total


def multiply_triangle(factor, Z, out):
    """Product of a lower triangular factor, (p, p), and columns, (p, n), as `out`."""
    p = len(factor)
    for start in range(0, p, TRIANGLE):
        stop = min(start + TRIANGLE, p)
        np.dot(factor[start:stop, :stop], Z[:stop], out=out[start:stop])
    return out


class Evaluator:
    """What the evaluators of all methods share.

    They have `log_joint`, the log of weight times density, less `log_offset`, of each
    component at the rows of a block; `add`, which adds what the responsibilities of a
    block give to sums; and `moments`, which turns the sums over all rows into weight,
    mean and covariance of each component.

    Parameters
    ----------
    mixture : Mixture
        The components, in the units of the rows.
    dtype : {float32, float64}
        Precision of the rows and of the products. Sums over blocks are in double
        precision.
    n_rows : int
        How many rows the largest part has: a block has no more.
    """

    # Of a block with its intermediate results: they fit the cache, and are enough work
    # that threads seldom wait for each other.
    block_bytes = 2**21

    def __init__(self, mixture, dtype, n_rows):
        self.mixture, self.dtype = mixture, np.dtype(dtype).type
        self.k, self.p = mixture.means.shape
        P = mixture.expanded_precision_root
        diagonal = P if mixture.structure.diagonal else np.einsum("kii->ki", P)
        with np.errstate(divide="ignore"):
            log_weights = np.log(mixture.weights)
        log_det = np.log(diagonal).sum(axis=1)
        constants = log_weights + log_det - 0.5 * self.p * np.log(2 * np.pi)
        # In single precision, small numbers have the smaller errors.
        self.log_offset = float(constants.max())
        self.constants = constants - self.log_offset
        size = self.floats_per_row() * np.dtype(dtype).itemsize
        block_rows = int(np.clip(self.block_bytes // size // 64, 2, 128)) * 64
        # Blocks of one size: a small one takes nearly as long as a large one.
        self.block_rows = -(-n_rows // max(round(n_rows / block_rows), 1))

    @contextlib.contextmanager
    def memory(self):
        """Memory for a block: for the logarithms, and what `workspace` makes of it."""
        sizes = np.array([self.k, *self.workspace_per_row()]) * self.block_rows
        with spare_memory(int(sizes.sum()), self.dtype) as memory:
            logs, *pieces = np.split(memory, np.cumsum(sizes)[:-1])
            yield logs, self.workspace(*pieces)

    def sum_blocks(self, rows, part):
        """Sums over a part of `TrainingRows`, and log-likelihood less the offsets."""
        with self.memory() as (logs, workspace):
            return self._sum_blocks(rows, part, logs, workspace)

    def _sum_blocks(self, rows, part, logs, workspace):
        sums, log_likelihood = [np.zeros((self.k, *s)) for s in self.sum_shapes], 0.0
        for start in range(part.start, part.stop, self.block_rows):
            block = slice(start, min(start + self.block_rows, part.stop))
            n = block.stop - start
            Z = self.rows_in(workspace, n)
            if rows.standardized is None:
                rows.frame.standardize_rows(rows.X[block], Z)
            else:
                np.copyto(Z, rows.standardized[block].T)
            L = logs[: self.k * n].reshape(self.k, n)
            self.log_joint(Z, workspace, L)
            log_density = normalize(L)
            if rows.weight is None:
                log_likelihood += float(log_density.sum(dtype=np.float64))
            else:
                log_likelihood += float(rows.weight[block] @ log_density)
                L *= rows.weight[block].astype(L.dtype)
            self.add(L, Z, workspace, sums)
        return sums, log_likelihood


class _Expanded(Evaluator):
    """Log-densities theta'phi, with phi the features of a row.

    The subclasses have `coefficients`, which returns theta, and `multiply`, which
    writes the products of features to phi.
    """

    def __init__(self, mixture, dtype, n_rows):
        p = mixture.means.shape[1]
        n_products = p if mixture.structure.diagonal else p * (p + 1) // 2
        self.n_features = 1 + p + n_products
        self.sum_shapes = [(self.n_features,)]
        super().__init__(mixture, dtype, n_rows)
        theta = np.hstack(self.coefficients(mixture.means))
        dead = mixture.weights == 0
        if dead.any():  # their density is 0 everywhere, whatever the features
            theta[dead] = 0.0
            theta[dead, 0] = -np.inf
        self.theta = theta.astype(self.dtype, copy=False)

    def floats_per_row(self):
        return self.n_features + self.p + self.k

    def workspace_per_row(self):
        return [self.n_features]

    def workspace(self, memory):
        """Memory for the features of a block."""
        # The longer axis is contiguous.
        order = "F" if self.p > self.block_rows else "C"
        phi = memory.reshape((self.n_features, self.block_rows), order=order)
        phi[0] = 1.0
        return phi

    def rows_in(self, phi, n):
        """Where n rows go, (p, n): their place among the features."""
        return phi[1 : 1 + self.p, :n]

    def log_joint(self, Z, phi, out):
        """Log of weight times density, less `log_offset`, for each component."""
        phi = phi[:, : Z.shape[1]]
        self.multiply(Z, phi)
        return np.dot(self.theta, phi, out=out)

    def add(self, R, Z, phi, sums):
        """Add what the responsibilities R give to `sums`."""
        sums[0] += np.dot(R, phi[:, : R.shape[1]].T)


@functools.cache
def _pairs(p):
    """All j and i >= j below p, in the order in which products of features are."""
    return np.triu_indices(p)


class ExpandedFull(_Expanded):
    """Full covariances: 1, x_j, and x_i x_j for i >= j."""

    def coefficients(self, m):
        j, i = self.pairs = _pairs(self.p)
        P = self.mixture.expanded_precision_root
        precision = P @ np.swapaxes(P, 1, 2)
        linear = np.einsum("kij,kj->ki", precision, m)
        constant = self.constants - 0.5 * np.einsum("ki,ki->k", linear, m)
        # An off-diagonal entry stands for two, (i, j) and (j, i).
        quadratic = np.where(i == j, -0.5, -1.0) * precision[:, i, j]
        return constant[:, None], linear, quadratic

    def multiply(self, Z, phi):
        start = 1 + self.p
        for j in range(self.p):
            stop = start + self.p - j
            np.multiply(Z[j:], Z[j], out=phi[start:stop])
            start = stop

    def moments(self, sums):
        """Weight, mean and covariance of each component."""
        N, first, second = np.split(sums[0], [1, 1 + self.p], axis=1)
        safe = np.where(N > 0, N, 1.0)
        m = first / safe
        S = np.empty((self.k, self.p, self.p))
        j, i = self.pairs
        S[:, i, j] = S[:, j, i] = second / safe - m[:, i] * m[:, j]
        return N[:, 0], m, S


class ExpandedDiagonal(_Expanded):
    """Diagonal covariances: 1, x_j and x_j^2."""

    def coefficients(self, m):
        precision = self.mixture.expanded_precision_root**2
        constant = self.constants - 0.5 * np.einsum("ki,ki->k", precision, m**2)
        return constant[:, None], precision * m, -0.5 * precision

    def multiply(self, Z, phi):
        np.multiply(Z, Z, out=phi[1 + self.p :])

    def moments(self, sums):
        """Weight, mean and variances of each component."""
        N, first, second = np.split(sums[0], [1, 1 + self.p], axis=1)
        safe = np.where(N > 0, N, 1.0)
        m = first / safe
        return N[:, 0], m, np.maximum(second / safe - m**2, 0.0)


class _Whitened(Evaluator):
    """Log-densities by y = P'(x - m).

    The subclasses have `whiten`, which writes y for all components to the workspace.
    """

    # One component after the other is whitened, so less than all of it is in use.
    block_bytes = 2**22

    def floats_per_row(self):
        return self.k * (self.p + 1) + 2 * self.p

    def workspace_per_row(self):
        return [self.k * self.p, self.p, self.p]

    def workspace(self, *memory):
        """Memory for y of all components, for a centered block, and for the rows."""
        return memory

    def rows_in(self, workspace, n):
        """Where n rows go, (p, n)."""
        return workspace[2][: self.p * n].reshape(self.p, n)

    def whitened_in(self, workspace, n):
        """Where y lies for n rows, (k, p, n)."""
        return workspace[0][: self.k * self.p * n].reshape(self.k, self.p, n)

    def log_joint(self, Z, workspace, out):
        """Log of weight times density, less `log_offset`, for each component."""
        Y = self.whiten(Z, workspace)
        for y, square in zip(Y, out, strict=True):
            np.einsum("pb,pb->b", y, y, out=square)
        out *= -0.5
        out += self.constants.astype(self.dtype)[:, None]
        return out


class WhitenedFull(_Whitened):
    """Full covariances: sums of 1, y and y y'."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        self.sum_shapes = [(), (self.p,), (self.p, self.p)]
        P = mixture.expanded_precision_root
        self.means = mixture.means.astype(dtype)[:, :, None]
        self.transposed = np.ascontiguousarray(np.swapaxes(P, 1, 2), dtype=dtype)

    def whiten(self, Z, workspace):
        Y = self.whitened_in(workspace, Z.shape[1])
        for P_transposed, m, y in zip(self.transposed, self.means, Y, strict=True):
            multiply_triangle(P_transposed, self.center(Z, m, workspace), y)
        return Y

    def center(self, Z, m, workspace):
        """Rows less a mean."""
        centered = workspace[1][: Z.size].reshape(Z.shape)
        return np.subtract(Z, m, out=centered)

    def add(self, R, Z, workspace, sums):
        """Add what the responsibilities R give to `sums`."""
        n = R.shape[1]
        N, first, second = sums
        N += R.sum(axis=1, dtype=np.float64)
        scratch = workspace[1][: self.p * n].reshape(self.p, n)
        for i, y in enumerate(self.whitened_in(workspace, n)):
            r, weighted = R[i], scratch
            # Where components are apart, each has few of the rows: gathering these
            # costs less than the product with the zeros of the others.
            (held,) = np.nonzero(r > NEGLIGIBLE[self.dtype])
            if len(held) < FEW * n:
                y, r, weighted = y[:, held], r[held], None
            first[i] += np.dot(y, r)
            # A product with its own transpose takes BLAS half of the time.
            weighted = np.multiply(y, np.sqrt(r), out=weighted)
            second[i] += np.dot(weighted, weighted.T)

    def moments(self, sums):
        """Weight, mean and covariance of each component."""
        N, first, second = sums
        safe = np.where(N > 0, N, 1.0)[:, None]
        shift = first / safe
        S = second / safe[:, :, None] - shift[:, :, None] * shift[:, None, :]
        L = self.mixture.expanded_root
        means = self.mixture.means + np.einsum("kij,kj->ki", L, shift)
        return N, means, L @ S @ np.swapaxes(L, 1, 2)


class WhitenedDiagonal(_Whitened):
    """Diagonal covariances: sums of 1, y and y^2."""

    def __init__(self, mixture, dtype, n_rows):
        super().__init__(mixture, dtype, n_rows)
        self.sum_shapes = [(), (self.p,), (self.p,)]
        self.means = mixture.means.astype(dtype)[:, :, None]
        self.roots = mixture.expanded_precision_root.astype(dtype)[:, :, None]

    def whiten(self, Z, workspace):
        Y = self.whitened_in(workspace, Z.shape[1])
        for y, m, root in zip(Y, self.means, self.roots, strict=True):
            np.subtract(Z, m, out=y)
            y *= root
        return Y

    def add(self, R, Z, workspace, sums):
        """Add what the responsibilities R give to `sums`."""
        N, first, second = sums
        N += R.sum(axis=1, dtype=np.float64)
        for i, y in enumerate(self.whitened_in(workspace, R.shape[1])):
            first[i] += np.dot(y, R[i])
            np.multiply(y, y, out=y)
            second[i] += np.dot(y, R[i])

    def moments(self, sums):
        """Weight, mean and variances of each component."""
        N, first, second = sums
        safe = np.where(N > 0, N, 1.0)[:, None]
        shift = first / safe
        S = np.maximum(second / safe - shift**2, 0.0)
        L = self.mixture.expanded_root
        return N, self.mixture.means + L * shift, L**2 * S
